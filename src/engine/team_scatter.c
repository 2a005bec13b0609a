/* Items of which no part can be read by itself, as they are gzipped: the
 * team's first rank has its worker read the whole, once, and sends every rank
 * what it needs of it.
 *
 * Knows neither the steps nor what becomes of the samples. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/deliver.h"
#include "engine/gather.h"
#include "engine/program.h"
#include "engine/region.h"
#include "engine/team_parts.h"
#include "io/gzip.h"
#include "model/dtype.h"
#include "model/shape.h"

enum { TAG_PART = 25 }; /* samples on their way from the first rank */

/* Local.  What cannot be read is found out by who reads it. */
static bool
is_gzipped(const struct qn_team_part *p)
{
    char *path = qn_program_input(p->run, p->s, p->t);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    unsigned char magic[4];
    bool is = fd >= 0 && read(fd, magic, sizeof magic) == sizeof magic &&
              qn_gzip_is(magic, sizeof magic);

    if (fd >= 0)
        close(fd);
    free(path);
    return is;
}

int
qn_team_scatter_look(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_comm *team = p->block.team;
    int64_t is = 0;

    if (team->size == 1)
        return 0;
    if (team->rank == 0)
        is = is_gzipped(p);
    QN_TRY(qn_comm_sum(team, &is, 1, err));
    p->scattered = is;
    return 0;
}

/* ---- what goes where ------------------------------------------------------------ */

/* The boxes of the item that rank i needs: its block, or the sources of that
 * behind the first step. */
static int
boxes_of(const struct qn_team_part *p, int i, struct qn_box box[QN_MAX_SOURCES])
{
    struct qn_regrid_part part;

    if (!p->first) {
        box[0] = qn_grid_block(&p->block.cut, i);
        return i < p->block.cut.nblocks;
    }
    part = qn_regrid_part(p->st->stage->steps[0].kernel, p->ready->params,
                          &p->block.grid, &p->grid[1].g.cut, i);
    for (int j = 0; j < part.n; j++)
        box[j] = qn_regrid_box(&part.source[j]);
    return part.n;
}

/* Where box j of this rank goes. */
static void *
place_of(const struct qn_team_part *p, int j)
{
    return p->first ? p->part.source[j].data : p->block.array.data;
}

static struct qn_type
type_of(const struct qn_team_part *p)
{
    return (struct qn_type){p->block.array.type.dtype, p->block.grid.shape};
}

static void
copy(const struct qn_team_part *p, void *to, void *whole,
     const struct qn_box *box)
{
    const struct qn_type type = type_of(p);
    const struct qn_box all = qn_shape_box(&type.shape);
    struct qn_region out = qn_region_of(&type, box, box, to);
    struct qn_region in = qn_region_of(&type, &all, box, whole);

    if (qn_region_samples(box))
        qn_region_copy(&out, &in);
}

/* Local, on the first rank: the whole item. */
static int
read_whole(struct qn_team_part *p, struct qn_arena *a, void **whole,
           struct qn_error *err)
{
    const struct qn_type type = type_of(p);
    const struct qn_box all = qn_shape_box(&type.shape);
    const int64_t bytes =
        qn_region_samples(&all) * (int64_t)qn_dtype_size(type.dtype);
    int64_t at;
    int rc;

    QN_TRY(qn_deliver_arena(p->run, p->s, a, bytes, err));
    QN_TRY(qn_arena_place(a, bytes, &at, err));
    qn_farm_memory(&p->run->farm, 0, a->fd);
    rc = qn_team_read_box(p, &all, at, err);
    qn_farm_memory(&p->run->farm, 0, p->arena.fd);
    return rc || !bytes ? rc : qn_arena_at(a, at, bytes, whole, err);
}

/* A message, to its end. */
static int
pass(struct qn_team_part *p, int other, bool receive, void *data,
     const struct qn_box *box, struct qn_error *err)
{
    struct qn_comm *team = p->block.team;
    const size_t n = (size_t)qn_region_samples(box) *
                     qn_dtype_size(p->block.array.type.dtype);
    struct qn_gather_parcel one = {.n = n};

    if (!n)
        return 0;
    QN_TRY(receive ? qn_comm_receive(team, other, TAG_PART, data, n,
                                     &one.transfer, err)
                   : qn_comm_send(team, other, TAG_PART, data, n,
                                  &one.transfer, err));
    return qn_gather_wait(team, &one, 1, err);
}

/* Local, on the first rank: memory for the largest message. */
static int
open_message(const struct qn_team_part *p, void **message, struct qn_error *err)
{
    int64_t most = 0;

    for (int i = 1; i < p->block.team->size; i++) {
        struct qn_box box[QN_MAX_SOURCES];

        for (int j = boxes_of(p, i, box) - 1; j >= 0; j--)
            if (qn_region_samples(&box[j]) > most)
                most = qn_region_samples(&box[j]);
    }
    return qn_memory_make(message, (size_t)most + 1,
                          qn_dtype_size(p->block.array.type.dtype),
                          "a part of an item", err);
}

static int
send_all(struct qn_team_part *p, void *whole, void *message,
         struct qn_error *err)
{
    struct qn_box box[QN_MAX_SOURCES];

    for (int i = 0; i < p->block.team->size; i++) {
        const int n = boxes_of(p, i, box);

        for (int j = 0; j < n; j++) {
            copy(p, i ? message : place_of(p, j), whole, &box[j]);
            if (i)
                QN_TRY(pass(p, i, false, message, &box[j], err));
        }
    }
    return 0;
}

static int
receive_all(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_box box[QN_MAX_SOURCES];
    const int n = boxes_of(p, p->block.team->rank, box);

    for (int j = 0; j < n; j++)
        QN_TRY(pass(p, 0, true, place_of(p, j), &box[j], err));
    return 0;
}

int
qn_team_scatter(struct qn_team_part *p, struct qn_error *err)
{
    struct qn_comm *team = p->block.team;
    struct qn_arena a = {.fd = -1};
    void *whole = NULL, *message = NULL;
    int rc = 0;

    if (team->rank == 0)
        rc = read_whole(p, &a, &whole, err);
    if (!rc && team->rank == 0)
        rc = open_message(p, &message, err);
    rc = qn_comm_agree(team, rc, err);
    if (!rc)
        rc = team->rank ? receive_all(p, err) : send_all(p, whole, message, err);
    free(message);
    qn_arena_close(&a);
    return qn_comm_agree(team, rc, err);
}
