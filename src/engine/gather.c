/* Blocks to runs: who needs which samples of whom follows from the cut alone.
 *
 * A round brings every rank one run.  All ranks know all runs of a round, so
 * both ends of a message walk through the same samples in the same order and
 * nothing but samples is sent.  Knows neither HDF5 nor what becomes of the
 * file. */
#include "engine/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/least.h"
#include "base/memory.h"
#include "model/dtype.h"
#include "model/shape.h"

enum { TAG_RUN = 22 }; /* samples on their way to a run */

/* ---- what of a box lies in a run --------------------------------------------- */

struct walk {
    const struct qn_box *box;
    int64_t grid[QN_MAX_DIMS], mine[QN_MAX_DIMS]; /* strides */
    struct qn_gather_run run;
    int (*visit)(void *ctx, int64_t box, int64_t run, int64_t n);
    void *ctx;
};

/* From axis a on; at, in: samples from the start of the grid, of the box. */
static int
walk_axis(const struct walk *w, int a, int64_t at, int64_t in)
{
    const struct qn_box *b = w->box;
    const int64_t end = w->run.first + w->run.n, stride = w->grid[a];
    int64_t low = b->start[a], high = low + b->count[a];

    if (w->run.first > at)
        low = qn_most(low, (w->run.first - at) / stride);
    high = qn_least(high, end > at ? (end - 1 - at) / stride + 1 : 0);
    if (a == b->ndims - 1)
        return low < high ? w->visit(w->ctx, in + low - b->start[a],
                                     at + low - w->run.first, high - low)
                          : 0;
    for (int64_t i = low; i < high; i++) {
        int rc = walk_axis(w, a + 1, at + i * stride,
                           in + (i - b->start[a]) * w->mine[a]);
        if (rc)
            return rc;
    }
    return 0;
}

static int
walk_box(struct walk *w, const struct qn_shape *s)
{
    int64_t grid = 1, mine = 1;

    for (int a = s->ndims - 1; a >= 0; a--) {
        w->grid[a] = grid;
        w->mine[a] = mine;
        grid *= s->n[a];
        mine *= w->box->count[a];
    }
    if (!mine || !w->run.n)
        return 0;
    return s->ndims ? walk_axis(w, 0, 0, 0) : w->visit(w->ctx, 0, 0, 1);
}

static int
count_samples(void *ctx, int64_t box, int64_t run, int64_t n)
{
    (void)box;
    (void)run;
    *(int64_t *)ctx += n;
    return 0;
}

static int64_t
samples_in(const struct qn_shape *s, const struct qn_box *box,
           const struct qn_gather_run *run)
{
    int64_t n = 0;
    struct walk w = {.box = box, .run = *run, .visit = count_samples,
                     .ctx = &n};

    walk_box(&w, s);
    return n;
}

/* ---- a round ------------------------------------------------------------------ */

struct copying {
    const struct qn_gather *g;
    char *to;         /* the next place to pack to; the run to unpack to */
    const char *from; /* the next samples to unpack                      */
    struct qn_error *err;
};

static int
pack(void *ctx, int64_t box, int64_t run, int64_t n)
{
    struct copying *c = ctx;
    const struct qn_array *a = &c->g->b->array;
    const char *from =
        (const char *)a->data + (size_t)box * qn_dtype_size(a->type.dtype);

    (void)run;
    QN_TRY(qn_dtype_convert(c->to, c->g->type, from, a->type.dtype, (size_t)n,
                            c->err));
    c->to += (size_t)n * qn_dtype_size(c->g->type);
    return 0;
}

static int
unpack(void *ctx, int64_t box, int64_t run, int64_t n)
{
    struct copying *c = ctx;
    size_t size = qn_dtype_size(c->g->type), bytes = (size_t)n * size;

    (void)box;
    memcpy(c->to + (size_t)run * size, c->from, bytes);
    c->from += bytes;
    return 0;
}

/* Local.  Memory for what comes, and what goes packed. */
static int
prepare(struct qn_gather *g, struct qn_error *err)
{
    struct qn_block *b = g->b;
    const struct qn_shape *s = &b->grid.shape;
    size_t size = qn_dtype_size(g->type);

    for (int i = 0; i < b->team->size; i++) {
        struct qn_box box = qn_grid_block(&b->cut, i);
        struct copying c = {.g = g, .err = err};
        struct walk w = {.box = &b->own, .run = g->run[i], .visit = pack,
                         .ctx = &c};

        g->in[i].n = (size_t)samples_in(s, &box, &g->run[b->team->rank]) * size;
        g->out[i].n = (size_t)samples_in(s, &b->own, &g->run[i]) * size;
        if (g->in[i].n && i != b->team->rank)
            QN_TRY(qn_memory_make((void **)&g->in[i].data, g->in[i].n, 1,
                                  "a run", err));
        if (!g->out[i].n)
            continue;
        QN_TRY(qn_memory_make((void **)&g->out[i].data, g->out[i].n, 1,
                              "a run", err));
        c.to = g->out[i].data;
        QN_TRY(walk_box(&w, s));
    }
    return 0;
}

static void
drop_parcels(struct qn_gather *g)
{
    for (int i = 0; g->in && i < g->b->team->size; i++) {
        free(g->in[i].data);
        free(g->out[i].data);
        g->in[i] = g->out[i] = (struct qn_gather_parcel){0};
    }
}

int
qn_gather_wait(struct qn_comm *team, struct qn_gather_parcel *p, int n,
             struct qn_error *err)
{
    int rc = 0, naps = 0;

    for (int i = 0; i < n;) {
        bool done = false;
        int bad = qn_comm_test(team, &p[i].transfer, &done, rc ? NULL : err);

        rc = rc ? rc : bad;
        if (done)
            i++;
        else
            qn_comm_nap(&naps);
    }
    return rc;
}

static int
start_parcels(struct qn_gather *g, struct qn_error *err)
{
    struct qn_comm *team = g->b->team;
    int rc = 0;

    for (int i = 0; i < team->size && !rc; i++) {
        if (i == team->rank)
            continue;
        if (g->in[i].n)
            rc = qn_comm_receive(team, i, TAG_RUN, g->in[i].data, g->in[i].n,
                                 &g->in[i].transfer, err);
        if (!rc && g->out[i].n)
            rc = qn_comm_send(team, i, TAG_RUN, g->out[i].data, g->out[i].n,
                              &g->out[i].transfer, err);
    }
    return rc;
}

static void
unpack_all(struct qn_gather *g)
{
    struct qn_block *b = g->b;
    const int me = b->team->rank;

    for (int i = 0; i < b->team->size; i++) {
        struct qn_box box = qn_grid_block(&b->cut, i);
        struct copying c = {
            .g = g, .to = g->mine,
            .from = i == me ? g->out[i].data : g->in[i].data};
        struct walk w = {.box = &box, .run = g->run[me], .visit = unpack,
                         .ctx = &c};

        if (g->in[i].n)
            walk_box(&w, &b->grid.shape);
    }
}

int
qn_gather_round(struct qn_gather *g, int rc, struct qn_error *err)
{
    struct qn_comm *team = g->b->team;

    if (!rc)
        rc = prepare(g, err);
    rc = qn_comm_agree(team, rc, err);
    if (!rc) {
        int bad;

        rc = start_parcels(g, err);
        bad = qn_gather_wait(team, g->in, team->size, rc ? NULL : err);
        rc = rc ? rc : bad;
        bad = qn_gather_wait(team, g->out, team->size, rc ? NULL : err);
        rc = rc ? rc : bad;
    }
    if (!rc)
        unpack_all(g);
    drop_parcels(g);
    return rc;
}

int
qn_gather_open(struct qn_gather *g, int64_t room, struct qn_error *err)
{
    size_t n = (size_t)g->b->team->size;

    QN_TRY(qn_memory_make((void **)&g->run, n, sizeof *g->run, "runs", err));
    QN_TRY(qn_memory_make((void **)&g->out, n, sizeof *g->out, "runs", err));
    // the last of the lists: where it is there, all are
    QN_TRY(qn_memory_make((void **)&g->in, n, sizeof *g->in, "runs", err));
    return qn_memory_make((void **)&g->mine, (size_t)room + 1,
                          qn_dtype_size(g->type), "a run", err);
}

void
qn_gather_close(struct qn_gather *g)
{
    free(g->run);
    free(g->out);
    free(g->in);
    free(g->mine);
}
