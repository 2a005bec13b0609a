/* From blocks to a committed file: three ways, of which none lets a rank have
 * more of the grid in memory than it may.
 *
 * What is sent to the worker is described in worker/result.c.  Knows nothing
 * of steps. */
#include "engine/deliver.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "engine/arena.h"
#include "engine/commit.h"
#include "engine/gather_chunks.h"
#include "engine/gather_file.h"
#include "engine/program.h"
#include "engine/stage.h"
#include "io/chunk.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"

/* What the first rank's worker is told of the samples. */
struct samples {
    struct qn_arena arena; /* owned: memory that has them, or their chunks  */
    int64_t bytes;         /* of the arena that are used                    */
    int64_t chunks;        /* where the table of chunks is in it; -1: none  */
    bool hollow;           /* there are none: room is to be left            */
    json_t *products;      /* borrowed: what is written; NULL: the grid     */
};

struct qn_type
qn_deliver_type(const struct qn_delivery *d)
{
    int dtype = d->run->job->stages[d->s].output.dtype;
    struct qn_type type = d->block->grid;

    // of states the type is that of computing, also before the first step
    if (d->frames) {
        type = *d->t->result;
        type.dtype = d->run->plan.stage[d->s].precision;
    }
    if (dtype >= 0)
        type.dtype = (enum qn_dtype)dtype;
    return type;
}

/* ---- asking the worker ------------------------------------------------------- */

/* What is said of the grid, in a list of one. */
static json_t *
grid_json(const struct qn_delivery *d, const struct samples *v)
{
    struct qn_type type = qn_deliver_type(d);
    json_t *said = json_pack("{s:s,s:s,s:o,s:i}", "name", "data", "dtype",
                             qn_dtype_name(type.dtype), "shape",
                             qn_json_shape(&type.shape), "offset", 0);

    if (v->hollow)
        json_object_set_new(said, "hollow", json_true());
    if (v->chunks >= 0)
        json_object_set_new(said, "chunks",
                            json_integer((json_int_t)v->chunks));
    return json_pack("[o]", said);
}

static json_t *
write_request(const struct qn_delivery *d, const struct samples *v,
              const char *tmp)
{
    json_t *used = json_array();
    json_t *products =
        v->products ? json_incref(v->products) : grid_json(d, v);
    json_t *request;

    json_array_append_new(used, qn_program_used(d->run, d->s, d->t));
    request = json_pack("{s:s,s:O,s:s,s:O,s:o,s:o,s:O,s:I}", "op", "write",
                        "program", json_object_get(d->asked, "program"),
                        "out_path", tmp, "key",
                        json_object_get(d->asked, "key"), "used", used,
                        "products", products, "cards", d->cards, "bytes",
                        (json_int_t)v->bytes);
    // it has what is carried along
    if (d->run->job->stages[d->s].output.carry.n)
        json_object_set(request, "path", json_object_get(d->asked, "path"));
    return request;
}

/* Local, on the team's first rank.  Have tmp written. */
static int
ask_worker(const struct qn_delivery *d, const struct samples *v, const char *tmp,
           json_t **reply, struct qn_error *err)
{
    struct qn_farm *farm = &d->run->farm;
    struct qn_answer answer = {0};
    int rc;

    qn_farm_memory(farm, 1, v->arena.fd);
    rc = qn_farm_ask(farm, write_request(d, v, tmp), 1e9, &answer, err);
    qn_farm_memory(farm, 1, -1);
    if (!rc && !answer.reply)
        rc = qn_fail(err, answer.why.code, "%s", answer.why.text);
    *reply = answer.reply;
    return rc;
}

/* Local, on the team's first rank.  tmp (taken over) becomes the result, or is
 * removed.  reply: the worker's, if it has times; NULL. */
static int
commit(struct qn_delivery *d, char *tmp, const json_t *reply, int rc,
       struct qn_error *err)
{
    struct qn_run *run = d->run;
    const struct qn_plan_stage *st = &run->plan.stage[d->s];

    if (rc) {
        unlink(tmp);
        free(tmp);
        return rc;
    }
    // from here on the temporary is the commit's to name or to remove
    QN_TRY(qn_commit_add(run->commit, run, st->stage->name,
                         &st->target[d->t->target], d->t->item, tmp, reply,
                         err));
    return qn_commit_flush(run->commit, false, err);
}

/* Local, on the team's first rank, which has the samples or their chunks. */
static int
write_result(struct qn_delivery *d, const struct samples *v,
             struct qn_error *err)
{
    const struct qn_plan_stage *st = &d->run->plan.stage[d->s];
    json_t *reply = NULL;
    char *tmp;
    int rc;

    QN_TRY(qn_stage_temporary(d->run, &st->target[d->t->target], &tmp, err));
    rc = ask_worker(d, v, tmp, &reply, err);
    rc = commit(d, tmp, reply, rc, err);
    json_decref(reply);
    return rc;
}

int
qn_deliver_products(struct qn_delivery *d, const struct qn_arena *a,
                    json_t *products, struct qn_error *err)
{
    struct samples v = {.arena = *a, .bytes = a->size, .chunks = -1,
                        .products = products};

    return write_result(d, &v, err);
}

/* ---- rows to the file ----------------------------------------------------------- */

/* What all ranks of the team must know of the file. */
struct place {
    int64_t at;
    char path[];
};

int
qn_deliver_hollow(const struct qn_delivery *d, const char *path, int64_t *at,
                  struct qn_error *err)
{
    struct samples v = {.arena.fd = -1, .chunks = -1, .hollow = true};
    json_t *reply = NULL;

    QN_TRY(ask_worker(d, &v, path, &reply, err));
    *at = qn_json_integer(reply, "place");
    json_decref(reply);
    return 0;
}

/* Local, on the team's first rank: the file, with room for the samples. */
static int
make_hollow(struct qn_delivery *d, char **tmp, struct place **place, size_t *n,
            struct qn_error *err)
{
    const struct qn_plan_stage *st = &d->run->plan.stage[d->s];

    QN_TRY(qn_stage_temporary(d->run, &st->target[d->t->target], tmp, err));
    *n = sizeof **place + strlen(*tmp) + 1;
    QN_TRY(qn_memory_make((void **)place, *n, 1, "a path", err));
    strcpy((*place)->path, *tmp);
    return qn_deliver_hollow(d, *tmp, &(*place)->at, err);
}

/* Collective over the team. */
static int
write_rows(struct qn_delivery *d, struct qn_error *err)
{
    struct qn_comm *team = d->block->team;
    struct place *place = NULL;
    char *tmp = NULL;
    size_t n = 0;
    int rc = 0;

    if (team->rank == 0)
        rc = make_hollow(d, &tmp, &place, &n, err);
    rc = qn_comm_agree(team, rc, err);
    if (!rc)
        rc = qn_comm_broadcast(team, (void **)&place, &n, 0, err);
    if (!rc)
        rc = qn_gather_file_write(
            d->block,
            &(struct qn_gather_file){
                .path = place->path, .at = place->at,
                .type = qn_deliver_type(d).dtype, .memory = d->run->memory,
                .sync = d->run->options->sync != QN_SYNC_OFF},
            err);
    if (tmp)
        rc = commit(d, tmp, NULL, rc, err);
    free(place);
    return qn_comm_agree(team, rc, err);
}

/* ---- to the first rank ------------------------------------------------------------ */

int
qn_deliver_arena(struct qn_run *run, int s, struct qn_arena *a, int64_t bytes,
                 struct qn_error *err)
{
    return qn_stage_arena(run, bytes <= run->plan.stage[s].need.gathered, a,
                          err);
}

static int
open_whole(struct qn_delivery *d, struct samples *v, void **whole,
           struct qn_error *err)
{
    struct qn_type type = qn_deliver_type(d);
    int64_t offset;

    v->bytes = qn_shape_bytes(&type);
    QN_TRY(qn_deliver_arena(d->run, d->s, &v->arena, v->bytes, err));
    QN_TRY(qn_arena_place(&v->arena, v->bytes, &offset, err));
    return qn_arena_at(&v->arena, offset, v->bytes, whole, err);
}

/* Collective over the team. */
static int
write_whole(struct qn_delivery *d, struct qn_error *err)
{
    struct qn_comm *team = d->block->team;
    struct samples v = {.arena.fd = -1, .chunks = -1};
    void *whole = NULL;
    int rc = team->rank ? 0 : open_whole(d, &v, &whole, err);

    rc = qn_comm_agree(team, rc, err);
    if (!rc)
        rc = qn_block_gather(d->block, qn_deliver_type(d).dtype, whole, err);
    if (!rc && team->rank == 0)
        rc = write_result(d, &v, err);
    qn_arena_close(&v.arena);
    return qn_comm_agree(team, rc, err);
}

/* ---- chunks ----------------------------------------------------------------------- */

static int
open_chunks(struct qn_delivery *d, struct samples *v,
            struct qn_writer_chunk **chunk, int64_t n, struct qn_error *err)
{
    struct qn_type type = qn_deliver_type(d);

    QN_TRY(qn_memory_make((void **)chunk, (size_t)n, sizeof **chunk, "chunks",
                          err));
    return qn_deliver_arena(d->run, d->s, &v->arena, qn_shape_bytes(&type), err);
}

/* Local, on the team's first rank: the table behind the chunks. */
static int
add_table(struct samples *v, const struct qn_writer_chunk *chunk, int64_t n,
          struct qn_error *err)
{
    const int64_t bytes = n * (int64_t)sizeof *chunk;
    void *to;

    QN_TRY(qn_arena_place(&v->arena, bytes, &v->chunks, err));
    QN_TRY(qn_arena_at(&v->arena, v->chunks, bytes, &to, err));
    memcpy(to, chunk, (size_t)bytes);
    v->bytes = v->chunks + bytes;
    return 0;
}

/* Collective over the team. */
static int
write_chunks(struct qn_delivery *d, struct qn_error *err)
{
    struct qn_comm *team = d->block->team;
    struct qn_type type = qn_deliver_type(d);
    struct samples v = {.arena.fd = -1, .chunks = -1};
    struct qn_writer_chunk *chunk = NULL;
    int64_t full, n = qn_chunk_count(&full, &type);
    int rc = team->rank ? 0 : open_chunks(d, &v, &chunk, n, err);

    rc = qn_comm_agree(team, rc, err);
    if (!rc)
        rc = qn_gather_chunks_make(d->block, type.dtype,
                                   d->run->job->stages[d->s].output.compress,
                                   &v.arena, chunk, err);
    if (!rc && team->rank == 0) {
        rc = add_table(&v, chunk, n, err);
        if (!rc)
            rc = write_result(d, &v, err);
    }
    qn_arena_close(&v.arena);
    free(chunk);
    return qn_comm_agree(team, rc, err);
}

/* ---- which way --------------------------------------------------------------------- */

/* In memory as in the file? */
static bool
is_little_endian(void)
{
    const uint16_t one = 1;

    return *(const unsigned char *)&one == 1;
}

bool
qn_deliver_rows(const struct qn_delivery *d)
{
    const struct qn_result *out = &d->run->job->stages[d->s].output;
    struct qn_type type = qn_deliver_type(d);

    return out->format == QN_FORMAT_HDF5 && qn_shape_bytes(&type) &&
           is_little_endian() && !qn_chunk_used(&type, out->compress);
}

int
qn_deliver(struct qn_delivery *d, struct qn_error *err)
{
    const struct qn_result *out = &d->run->job->stages[d->s].output;
    struct qn_type type = qn_deliver_type(d);

    if (qn_deliver_rows(d))
        return write_rows(d, err);
    if (out->format == QN_FORMAT_HDF5 && is_little_endian() &&
        qn_chunk_used(&type, out->compress))
        return write_chunks(d, err);
    return write_whole(d, err);
}

/* ---- what is on the disk already ---------------------------------------------------- */

/* The worker maps the file as it does memory. */
static int
write_from(struct qn_delivery *d, const char *path, struct qn_error *err)
{
    struct qn_type type = qn_deliver_type(d);
    struct samples v = {.arena.fd = open(path, O_RDWR | O_CLOEXEC),
                        .bytes = qn_shape_bytes(&type), .chunks = -1};
    int rc = v.arena.fd < 0 ? qn_system_cannot(err, "read", path, errno)
                            : write_result(d, &v, err);

    if (v.arena.fd >= 0)
        close(v.arena.fd);
    return rc;
}

/* The folder of a result that is written elsewhere, without what a killed run
 * left there of it. */
static int
make_place(const struct qn_delivery *d, struct qn_error *err)
{
    const struct qn_plan_stage *st = &d->run->plan.stage[d->s];
    char *tmp;

    QN_TRY(qn_stage_temporary(d->run, &st->target[d->t->target], &tmp, err));
    unlink(tmp);
    free(tmp);
    return 0;
}

int
qn_deliver_frames(struct qn_delivery *d, const char *path,
                  struct qn_error *err)
{
    char *tmp = NULL;

    if (!qn_deliver_rows(d)) {
        QN_TRY(write_from(d, path, err));
    } else {
        QN_TRY(make_place(d, err));
        QN_TRY(qn_memory_copy(&tmp, path, err));
        QN_TRY(commit(d, tmp, NULL, 0, err));
    }
    return qn_commit_flush(d->run->commit, true, err);
}
