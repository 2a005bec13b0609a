/* Stencils on a block: exchange halos, compute what needs none meanwhile, then
 * the rest.  Knows neither files nor which steps a stage has. */
#include "engine/block.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "comm/exchange.h"
#include "engine/region.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/shape.h"

enum {
    ROUNDS = 3,     /* of an exchange that is measured                       */
    TAG_BLOCK = 21, /* blocks on their way to rank 0                         */
};

/* Samples of the whole grid between two questions whether to go on. */
#define BETWEEN_QUESTIONS ((int64_t)1 << 28)

/* Of a mapping whole pages go; both who wrote it and this rank lose them. */
void
qn_block_drop(struct qn_block *b)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t at = (uintptr_t)b->array.data;
    const uintptr_t end = (at + qn_array_bytes(&b->array)) / page * page;
    const uintptr_t start = (at + page - 1) / page * page;

    // where they cannot go they stay until the item is done
    if (b->lent && start < end)
        (void)madvise((void *)start, end - start, MADV_REMOVE);
    b->lent = false;
    qn_array_clear(&b->array);
}

/* ---- a stencil -------------------------------------------------------------- */

/* Memory that holds the block with its halo, and its exchange. */
struct level {
    void *data; // owned
    struct qn_exchange *exchange;
};

struct sweeping {
    struct qn_block *b;
    struct qn_sweep s;
    struct qn_type type[2]; // of the grid at each level
    struct qn_exchange_grid halo;
    struct qn_box grown;
    struct level level[2];
    int64_t done;             // steps
    bool cut[QN_MAX_DIMS][2]; // is there a neighbour below, above
    int rc;               // the first failure here: neighbours still count on
    struct qn_error *err; // our messages, so only the computing ends
};

int
qn_block_radius(int64_t radius[QN_MAX_DIMS], const struct qn_kernel *k,
                const void *params, const struct qn_type *grid,
                struct qn_error *err)
{
    struct qn_sweep s;

    memset(radius, 0, QN_MAX_DIMS * sizeof *radius);
    if (!k->stencil)
        return 0;
    QN_TRY(qn_sweep_make(&s, k, params, grid, err));
    for (int a = 0; a < grid->shape.ndims; a++)
        radius[a] = s.block * s.halo.radius[a];
    return 0;
}

int
qn_block_every(int64_t *every, const struct qn_kernel *k, const void *params,
               const struct qn_type *grid, struct qn_error *err)
{
    struct qn_sweep s;

    QN_TRY(qn_sweep_make(&s, k, params, grid, err));
    *every = s.halo.every;
    return 0;
}

/* A block that has all of an axis needs no messages along it, even where the
 * axis wraps: the sweep finds its samples at the other end. */
static void
set_halo(struct sweeping *w)
{
    const struct qn_block *b = w->b;

    w->halo = (struct qn_exchange_grid){.cut = &b->cut};
    for (int a = 0; a < b->grid.shape.ndims; a++) {
        bool cut = b->cut.parts[a] > 1;

        w->halo.radius[a] = cut ? w->s.block * w->s.halo.radius[a] : 0;
        w->halo.periodic[a] = cut && w->s.halo.wraps[a];
        w->cut[a][0] = cut && (w->halo.periodic[a] || b->own.start[a] > 0);
        w->cut[a][1] = cut && (w->halo.periodic[a] ||
                               b->own.start[a] + b->own.count[a] <
                                   b->grid.shape.n[a]);
    }
    w->grown = qn_grid_grow(&b->grid.shape, &b->own, w->halo.radius,
                            w->halo.periodic);
}

static int
open_level(struct sweeping *w, int i, struct qn_error *err)
{
    bool mine = qn_region_samples(&w->b->own) > 0;
    size_t n = mine ? (size_t)qn_region_samples(&w->grown) : 1;
    int rc;

    w->halo.sample = qn_dtype_size(w->type[i].dtype);
    rc = qn_memory_make(&w->level[i].data, n, w->halo.sample,
                        "a block and its halo", err);
    rc = qn_comm_agree(w->b->team, rc, err);
    if (!rc)
        rc = qn_exchange_open(&w->level[i].exchange, w->b->team, &w->halo,
                              w->level[i].data, err);
    return rc;
}

static void
close_levels(struct sweeping *w)
{
    for (int i = 0; i < 2; i++) {
        if (w->level[i].exchange) {
            w->b->waited += qn_exchange_waited(w->level[i].exchange);
            w->b->exchanged += qn_exchange_bytes(w->level[i].exchange);
        }
        qn_exchange_close(&w->level[i].exchange);
        free(w->level[i].data);
    }
}

/* The same answer on all ranks. */
static bool
has_halo(const struct sweeping *w)
{
    for (int a = 0; a < w->b->grid.shape.ndims; a++)
        if (w->halo.radius[a])
            return true;
    return false;
}

/* Collective.  What the halo takes with nothing to compute meanwhile, as a
 * measure of what overlap hides.  Counted as if it had not been. */
static int
measure_exchange(struct sweeping *w, struct qn_error *err)
{
    struct qn_exchange *x = w->level[0].exchange;
    struct qn_block *b = w->b;
    double since;
    int rc = 0;

    b->measured = true;
    QN_TRY(qn_comm_barrier(b->team, err));
    since = qn_clock_now();
    for (int i = 0; i < ROUNDS && !rc; i++) {
        rc = qn_exchange_start(x, err);
        if (!rc)
            rc = qn_exchange_wait(x, err);
    }
    since = qn_clock_now() - since;
    b->waited -= qn_exchange_waited(x);
    b->exchanged -= qn_exchange_bytes(x);
    if (qn_exchange_bytes(x) > 0)
        b->halo_rate = since / (double)qn_exchange_bytes(x);
    return qn_comm_agree(b->team, rc, err);
}

static void
note(struct sweeping *w, int rc)
{
    if (rc && !w->rc)
        w->rc = rc;
}

/* Where a failure is to be told: the first one stays. */
static struct qn_error *
room(const struct sweeping *w)
{
    return w->rc ? NULL : w->err;
}

/* `steps` steps on a box of the block, from level i to the next. */
static void
run_box(struct sweeping *w, int i, const struct qn_box *box, int64_t steps)
{
    struct qn_region in, out;
    double t0 = qn_clock_now();

    if (w->rc || !qn_region_samples(box))
        return;
    in = qn_region_of(&w->type[i], &w->grown, &w->grown, w->level[i].data);
    out = qn_region_of(&w->type[1 - i], &w->grown, box, w->level[1 - i].data);
    note(w, qn_sweep_run(&w->s, &in, &out, steps, w->err));
    w->b->computed += qn_clock_now() - t0;
}

/* What is left of a box when the samples within the halo's width of a cut
 * face are taken off it. */
static struct qn_box
inside_of(const struct sweeping *w, const struct qn_box *box)
{
    struct qn_box in = *box;

    for (int a = 0; a < box->ndims; a++) {
        int64_t low = w->cut[a][0] ? w->halo.radius[a] : 0;
        int64_t high = w->cut[a][1] ? w->halo.radius[a] : 0;

        in.start[a] += low;
        in.count[a] -= low + high;
        if (in.count[a] < 0)
            in.count[a] = 0;
    }
    return in;
}

/* What goes on between tiles: an exchange, perhaps. */
struct driving {
    const struct qn_block *b;
    struct qn_exchange *x; // NULL: none is under way
    bool done;
    int rc;
    struct qn_error err;
};

static void
drive(void *whom)
{
    struct driving *d = whom;

    if (d->x && !d->done && !d->rc)
        d->rc = qn_exchange_test(d->x, &d->done, &d->err);
    if (d->b->poll)
        d->b->poll(d->b->whom);
}

/* The samples that need no halo, while the messages are driven on. */
static void
run_inside(struct sweeping *w, int i, const struct qn_box *in, int64_t steps)
{
    struct driving *d = w->s.whom;

    *d = (struct driving){.b = w->b, .x = w->level[i].exchange};
    run_box(w, i, in, steps);
    if (d->rc)
        note(w, qn_fail(room(w), d->rc, "%s", d->err.text));
    *d = (struct driving){.b = w->b};
}

/* The samples of own that are not in `in`: face by face. */
static void
run_faces(struct sweeping *w, int i, const struct qn_box *in, int64_t steps)
{
    struct qn_box rest = w->b->own;

    for (int a = 0; a < rest.ndims; a++) {
        struct qn_box low = rest, high = rest;
        int64_t end = in->start[a] + in->count[a];

        low.count[a] = in->start[a] - rest.start[a];
        high.start[a] = end;
        high.count[a] = rest.start[a] + rest.count[a] - end;
        run_box(w, i, &low, steps);
        run_box(w, i, &high, steps);
        rest.start[a] = in->start[a];
        rest.count[a] = in->count[a];
    }
}

static void
run_steps(struct sweeping *w, int i, int64_t steps)
{
    struct qn_exchange *x = w->level[i].exchange;
    struct qn_box in = inside_of(w, &w->b->own);
    bool overlap = !w->b->no_overlap && qn_region_samples(&in) > 0;

    if (!qn_region_samples(&w->b->own))
        return;
    note(w, qn_exchange_start(x, room(w)));
    if (overlap)
        run_inside(w, i, &in, steps);
    note(w, qn_exchange_wait(x, room(w)));
    if (overlap)
        run_faces(w, i, &in, steps);
    else
        run_box(w, i, &w->b->own, steps);
}

/* Is the team to stop?  All its ranks ask at the same time, now and then. */
static int
ask(struct sweeping *w, int64_t *since, int64_t steps)
{
    struct qn_block *b = w->b;

    w->done += steps;
    if (b->tell)
        b->tell(b->whom, w->done, w->s.halo.steps);
    *since += steps * qn_shape_count(&b->grid.shape);
    if (*since < BETWEEN_QUESTIONS * b->cut.nblocks || !b->asked_to_stop)
        return 0;
    *since = 0;
    if (b->asked_to_stop())
        note(w, qn_fail(room(w), QN_ESTOPPED,
                        "stopped in the middle of an item"));
    return qn_comm_agree(b->team, w->rc, w->err);
}

/* The block's own samples, at level i. */
static struct qn_region
own_part(const struct sweeping *w, int i)
{
    return qn_region_of(&w->type[i], &w->grown, &w->b->own, w->level[i].data);
}

/* What came out at level i becomes the block. */
static int
take_back(struct sweeping *w, int i)
{
    struct qn_block *b = w->b;
    struct qn_type type = {w->type[i].dtype, b->grid.shape};
    struct qn_region to, from = own_part(w, i);

    for (int a = 0; a < type.shape.ndims; a++)
        type.shape.n[a] = b->own.count[a];
    b->grid = w->type[i];
    if (!b->array.data || type.dtype != b->array.type.dtype) {
        qn_block_drop(b);
        QN_TRY(qn_array_make(&b->array, &type, w->err));
    }
    to = qn_region_of(&b->grid, &b->own, &b->own, b->array.data);
    qn_region_copy(&to, &from);
    return 0;
}

/* Steps of the next run: none goes beyond a state that is to be kept. */
static int64_t
next_steps(const struct sweeping *w, int64_t left)
{
    int64_t every = w->s.halo.every, steps = w->s.block;

    if (every && steps > every - (w->s.halo.steps - left) % every)
        steps = every - (w->s.halo.steps - left) % every;
    return left < steps ? left : steps;
}

/* Collective.  The state at level i is one of those to be kept. */
static int
keep_state(struct sweeping *w, int i)
{
    struct qn_block *b = w->b;

    if (qn_region_samples(&b->own) > 0 && !w->rc)
        note(w, take_back(w, i));
    QN_TRY(qn_comm_agree(b->team, w->rc, w->err));
    return b->keep(b->ctx, w->err);
}

/* Collective.  Between two runs of steps. */
static int
between(struct sweeping *w, int i, int64_t left, int64_t *since, int64_t steps)
{
    const struct qn_halo *h = &w->s.halo;

    if (h->every && (h->steps - left) % h->every == 0 && w->b->keep)
        QN_TRY(keep_state(w, i));
    return left > 0 ? ask(w, since, steps) : 0;
}

static int
run_all(struct sweeping *w)
{
    struct qn_block *b = w->b;
    bool mine = qn_region_samples(&b->own) > 0;
    int64_t left = w->s.halo.steps - b->taken, since = 0;
    int i = 0, rc = 0;

    if (mine) {
        struct qn_region to = own_part(w, 0);
        struct qn_region from =
            qn_region_of(&b->grid, &b->own, &b->own, b->array.data);

        qn_region_copy(&to, &from);
        qn_block_drop(b);
    }
    while (left > 0 && !rc) {
        int64_t steps = next_steps(w, left);

        run_steps(w, i, steps);
        i = 1 - i;
        left -= steps;
        rc = between(w, i, left, &since, steps);
    }
    if (rc)
        return rc;
    // no exchange is under way any more
    free(w->level[1 - i].data);
    w->level[1 - i].data = NULL;
    if (mine && !w->rc)
        note(w, take_back(w, i));
    else
        b->grid = w->type[i];
    return w->rc;
}

int
qn_block_sweep(struct qn_block *b, const struct qn_kernel *k,
               const void *params, struct qn_error *err)
{
    struct sweeping w = {.b = b, .err = err, .done = b->taken,
                         .type = {b->grid, b->grid}};
    struct driving d = {.b = b};
    int rc = qn_sweep_make(&w.s, k, params, &b->grid, err);

    // only where one step is taken may another type come out
    if (!rc && k->type && !w.s.halo.every)
        rc = k->type(params, &b->grid, &w.type[1], err);
    rc = qn_comm_agree(b->team, rc, err);
    if (rc)
        return rc;
    w.s.threads = b->threads;
    w.s.poll = drive;
    w.s.whom = &d;
    set_halo(&w);
    rc = open_level(&w, 0, err);
    if (!rc)
        rc = open_level(&w, 1, err);
    if (!rc && has_halo(&w) && !b->measured)
        rc = measure_exchange(&w, err);
    if (!rc)
        rc = qn_comm_agree(b->team, run_all(&w), err);
    close_levels(&w);
    return rc;
}

/* ---- gathering -------------------------------------------------------------- */

static int
wait_for(struct qn_comm *team, struct qn_transfer **t, struct qn_error *err)
{
    bool done = false;
    int naps = 0, rc = 0;

    while (!done && !rc) {
        rc = qn_comm_test(team, t, &done, err);
        if (!done && !rc)
            qn_comm_nap(&naps);
    }
    return rc;
}

/* Block i, as it came, into its place. */
static void
place(const struct qn_block *b, int i, enum qn_dtype type, void *whole,
      void *block)
{
    struct qn_type grid = {type, b->grid.shape};
    struct qn_box all = qn_shape_box(&grid.shape);
    struct qn_box box = qn_grid_block(&b->cut, i);
    struct qn_region to = qn_region_of(&grid, &all, &box, whole);
    struct qn_region from = qn_region_of(&grid, &box, &box, block);

    qn_region_copy(&to, &from);
}

static int
receive_block(struct qn_block *b, int i, enum qn_dtype type, void *whole,
              struct qn_error *err)
{
    struct qn_box box = qn_grid_block(&b->cut, i);
    size_t n = (size_t)qn_region_samples(&box);
    struct qn_transfer *t = NULL;
    void *block;
    int rc;

    QN_TRY(qn_memory_make(&block, n, qn_dtype_size(type), "a block", err));
    rc = qn_comm_receive(b->team, i, TAG_BLOCK, block,
                         n * qn_dtype_size(type), &t, err);
    if (!rc)
        rc = wait_for(b->team, &t, err);
    if (!rc)
        place(b, i, type, whole, block);
    free(block);
    return rc;
}

static int
send_block(struct qn_block *b, const struct qn_array *mine,
           struct qn_error *err)
{
    struct qn_transfer *t = NULL;

    QN_TRY(qn_comm_send(b->team, 0, TAG_BLOCK, mine->data,
                        qn_array_bytes(mine), &t, err));
    return wait_for(b->team, &t, err);
}

int
qn_block_gather(struct qn_block *b, enum qn_dtype type, void *whole,
                struct qn_error *err)
{
    bool has = b->team->rank < b->cut.nblocks;
    struct qn_array mine = {0};
    int rc = has ? qn_array_convert(&mine, &b->array, type, err) : 0;

    rc = qn_comm_agree(b->team, rc, err);
    if (!rc && b->team->rank == 0) {
        place(b, 0, type, whole, mine.data);
        for (int i = 1; i < b->cut.nblocks && !rc; i++)
            rc = receive_block(b, i, type, whole, err);
    } else if (!rc && has) {
        rc = send_block(b, &mine, err);
    }
    qn_array_clear(&mine);
    return qn_comm_agree(b->team, rc, err);
}
