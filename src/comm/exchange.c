/* Halo exchange by persistent messages.
 *
 * There are 3^d - 1 directions; with each goes a message to the neighbour
 * there and one from it, so corners need no second round.  MPI itself picks
 * the samples out of memory (subarray types), so nothing is packed twice and
 * faces may exceed 2 GiB.  A block that is its own neighbour around a periodic
 * edge copies.  Which samples a kernel reads is not known here. */
#include "comm/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "comm/comm_mpi.h"

/* Directions at most: three axes are cut, but every axis may be periodic. */
enum { MOST_DIRECTIONS = 6561 }; // 3^8

/* A part of memory, in samples from its first. */
struct part {
    int64_t start[QN_MAX_DIMS], count[QN_MAX_DIMS];
};

/* From this block's own samples to its own halo. */
struct copy {
    struct part from, to;
};

struct qn_exchange {
    struct qn_comm *comm;   // borrowed
    struct qn_exchange_grid g;  // cut borrowed
    char *memory;           // borrowed
    int block;              // of this rank; -1: none
    int ndims;
    int64_t extent[QN_MAX_DIMS]; // of memory
    int64_t low[QN_MAX_DIMS];    // where the own block begins in it
    struct qn_box box;           // the own block
    MPI_Request *message;        // owned
    int nmessages;
    struct copy *copy; // owned
    int ncopies;
    bool under_way;
    double waited;
    int64_t bytes, each; // received so far; by one exchange
};

/* ---- which samples -------------------------------------------------------- */

/* Direction d as steps along the axes; false for the middle, and for steps
 * along axes without a halo. */
static bool
find_step(const struct qn_exchange *h, int d, int step[QN_MAX_DIMS])
{
    bool moves = false;

    for (int a = h->ndims - 1; a >= 0; a--) {
        step[a] = d % 3 - 1;
        d /= 3;
        if (step[a] && !h->g.radius[a])
            return false;
        moves = moves || step[a];
    }
    return moves;
}

/* The own samples that the neighbour there needs, or the halo that it fills. */
static struct part
find_part(const struct qn_exchange *h, const int step[QN_MAX_DIMS], bool halo)
{
    struct part p;

    for (int a = 0; a < h->ndims; a++) {
        int64_t n = h->box.count[a], r = h->g.radius[a];

        p.start[a] = h->low[a];
        p.count[a] = step[a] ? r : n;
        if (step[a] < 0 && halo)
            p.start[a] -= r;
        if (step[a] > 0)
            p.start[a] += halo ? n : n - r;
    }
    return p;
}

static int64_t
part_bytes(const struct qn_exchange *h, const struct part *p)
{
    int64_t n = (int64_t)h->g.sample;

    for (int a = 0; a < h->ndims; a++)
        n *= p->count[a];
    return n;
}

/* ---- copies --------------------------------------------------------------- */

static char *
address(const struct qn_exchange *h, const struct part *p,
        const int64_t at[QN_MAX_DIMS])
{
    int64_t offset = 0;

    for (int a = 0; a < h->ndims; a++)
        offset = offset * h->extent[a] + p->start[a] + at[a];
    return h->memory + offset * (int64_t)h->g.sample;
}

/* Row by row. */
static void
copy_part(const struct qn_exchange *h, const struct copy *c)
{
    int last = h->ndims - 1;
    size_t row = (size_t)c->to.count[last] * h->g.sample;
    int64_t at[QN_MAX_DIMS] = {0};
    int a;

    do {
        memcpy(address(h, &c->to, at), address(h, &c->from, at), row);
        for (a = last - 1; a >= 0 && ++at[a] == c->to.count[a]; a--)
            at[a] = 0;
    } while (a >= 0);
}

/* ---- making the messages --------------------------------------------------- */

static int
describe(const struct qn_exchange *h, const struct part *p, MPI_Datatype *type,
         struct qn_error *err)
{
    struct qn_comm_mpi *m = h->comm->mpi;
    int sizes[QN_MAX_DIMS], counts[QN_MAX_DIMS], starts[QN_MAX_DIMS];
    MPI_Datatype sample;
    int rc;

    for (int a = 0; a < h->ndims; a++) {
        if (h->extent[a] > INT32_MAX)
            return qn_fail(err, QN_ESHAPE,
                           "a block has %lld samples along axis %d, more than "
                           "a message can describe: use more ranks",
                           (long long)h->extent[a], a);
        sizes[a] = (int)h->extent[a];
        counts[a] = (int)p->count[a];
        starts[a] = (int)p->start[a];
    }
    QN_TRY(QN_MPI_VITAL(
        m, err, MPI_Type_contiguous((int)h->g.sample, MPI_BYTE, &sample)));
    rc = QN_MPI_VITAL(
        m, err,
        MPI_Type_create_subarray(h->ndims, sizes, counts, starts,
                                 MPI_ORDER_C, sample, type));
    MPI_Type_free(&sample);
    if (!rc)
        rc = QN_MPI_VITAL(m, err, MPI_Type_commit(type));
    return rc;
}

/* The tag says in which direction the message goes. */
static int
add_message(struct qn_exchange *h, const struct part *p, int other, int tag,
            bool send, struct qn_error *err)
{
    MPI_Request *req = &h->message[h->nmessages];
    MPI_Comm world = h->comm->mpi->world;
    MPI_Datatype type;
    int rc;

    QN_TRY(describe(h, p, &type, err));
    *req = MPI_REQUEST_NULL;
    if (send)
        rc = QN_MPI_VITAL(
            h->comm->mpi, err,
            MPI_Send_init(h->memory, 1, type, other, tag, world, req));
    else
        rc = QN_MPI_VITAL(
            h->comm->mpi, err,
            MPI_Recv_init(h->memory, 1, type, other, tag, world, req));
    MPI_Type_free(&type); // lives on in the message
    h->nmessages++;
    return rc;
}

static int
add_direction(struct qn_exchange *h, int d, int directions, struct qn_error *err)
{
    int step[QN_MAX_DIMS], back[QN_MAX_DIMS] = {0}, other;
    struct part inner, halo;

    if (!find_step(h, d, step))
        return 0;
    other = qn_grid_neighbour(h->g.cut, h->block, step, h->g.periodic);
    if (other < 0)
        return 0;
    for (int a = 0; a < h->ndims; a++)
        back[a] = -step[a];
    halo = find_part(h, step, true);
    h->each += part_bytes(h, &halo);
    if (other == h->block) {
        h->copy[h->ncopies++] =
            (struct copy){.from = find_part(h, back, false), .to = halo};
        return 0;
    }
    inner = find_part(h, step, false);
    QN_TRY(add_message(h, &inner, other, d, true, err));
    // what comes from there went in the opposite direction
    return add_message(h, &halo, other, directions - 1 - d, false, err);
}

/* Tags are the directions: the ranks of a team send each other nothing else
 * while their blocks exchange. */
static int
make_directions(struct qn_exchange *h, struct qn_error *err)
{
    int directions = 1;

    for (int a = 0; a < h->ndims; a++)
        directions *= 3;
    if (directions > MOST_DIRECTIONS)
        return qn_fail(err, QN_ESHAPE, "%d axes are too many", h->ndims);
    QN_TRY(qn_memory_make((void **)&h->copy, (size_t)directions,
                          sizeof *h->copy, "the halo", err));
    QN_TRY(qn_memory_make((void **)&h->message, 2 * (size_t)directions,
                          sizeof *h->message, "the halo", err));
    for (int d = 0; d < directions; d++)
        QN_TRY(add_direction(h, d, directions, err));
    return 0;
}

static int
make(struct qn_exchange *h, struct qn_error *err)
{
    struct qn_box grown;

    if (h->block < 0)
        return 0;
    for (int a = 0; a < h->ndims; a++)
        if (h->g.periodic[a] && h->g.radius[a] > h->box.count[a])
            return qn_fail(err, QN_ESHAPE,
                           "a halo of %lld samples around the edge of axis %d "
                           "is wider than the %lld samples there",
                           (long long)h->g.radius[a], a,
                           (long long)h->box.count[a]);
    grown = qn_grid_grow(&h->g.cut->lattice.shape, &h->box, h->g.radius,
                         h->g.periodic);
    for (int a = 0; a < h->ndims; a++) {
        h->extent[a] = grown.count[a];
        h->low[a] = h->box.start[a] - grown.start[a];
    }
    return make_directions(h, err);
}

static void
destroy(struct qn_exchange *h)
{
    for (int i = 0; i < h->nmessages; i++)
        if (h->message[i] != MPI_REQUEST_NULL)
            MPI_Request_free(&h->message[i]);
    free(h->message);
    free(h->copy);
    free(h);
}

int
qn_exchange_open(struct qn_exchange **h, struct qn_comm *comm,
             const struct qn_exchange_grid *grid, void *memory,
             struct qn_error *err)
{
    struct qn_exchange *x;
    void *p = NULL;
    int rc = qn_memory_make(&p, 1, sizeof *x, "the halo", err);

    *h = NULL;
    rc = qn_comm_agree(comm, rc, err);
    if (rc) {
        free(p);
        return rc;
    }
    x = p;
    *x = (struct qn_exchange){
        .comm = comm,
        .g = *grid,
        .memory = memory,
        .block = comm->rank < grid->cut->nblocks ? comm->rank : -1,
        .ndims = grid->cut->lattice.shape.ndims,
        .box = qn_grid_block(grid->cut, comm->rank),
    };
    rc = qn_comm_agree(comm, make(x, err), err);
    if (rc)
        destroy(x);
    else
        *h = x;
    return rc;
}

void
qn_exchange_close(struct qn_exchange **h)
{
    if (*h)
        destroy(*h);
    *h = NULL;
}

/* ---- an exchange ------------------------------------------------------------ */

int
qn_exchange_start(struct qn_exchange *h, struct qn_error *err)
{
    h->under_way = true;
    h->bytes += h->each;
    if (h->nmessages)
        QN_TRY(QN_MPI_VITAL(h->comm->mpi, err,
                            MPI_Startall(h->nmessages, h->message)));
    for (int i = 0; i < h->ncopies; i++)
        copy_part(h, &h->copy[i]);
    return 0;
}

int
qn_exchange_test(struct qn_exchange *h, bool *done, struct qn_error *err)
{
    int all = 1;

    *done = true;
    if (!h->under_way)
        return 0;
    if (h->nmessages)
        QN_TRY(QN_MPI_VITAL(h->comm->mpi, err,
                            MPI_Testall(h->nmessages, h->message, &all,
                                        MPI_STATUSES_IGNORE)));
    *done = all != 0;
    h->under_way = !all;
    return 0;
}

int
qn_exchange_wait(struct qn_exchange *h, struct qn_error *err)
{
    double since = qn_clock_now();
    bool done = false;
    int naps = 0, rc = 0;

    while (!rc && !done) {
        rc = qn_exchange_test(h, &done, err);
        if (!rc && !done)
            qn_comm_nap(&naps);
    }
    h->waited += qn_clock_now() - since;
    return rc;
}

double
qn_exchange_waited(const struct qn_exchange *h)
{
    return h->waited;
}

int64_t
qn_exchange_bytes(const struct qn_exchange *h)
{
    return h->bytes;
}
