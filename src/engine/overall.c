/* Counting on a block, adding up over the team, until the number is known on
 * all ranks; then each sample by itself.  Threads count by themselves too.
 * Knows nothing of what is counted: see kernels/whole.h. */
#include "engine/overall.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "engine/region.h"
#include "kernels/walk.h"
#include "kernels/whole.h"
#include "model/dtype.h"
#include "model/grid.h"

struct counting {
    struct qn_block *b;
    const struct qn_kernel *k;
    const void *params;
    struct qn_box box;      // in the block: samples that count
    struct qn_whole *whole; // owned: of each thread; [0] is that of all
    int threads;
    double value;
};

/* The own samples; 0 on a rank without a block. */
static int64_t
samples_of(const struct qn_block *b)
{
    return b->team->rank < b->cut.nblocks ? qn_region_samples(&b->own) : 0;
}

/* The part of a statistic's box that the block has, counted in the block. */
static struct qn_box
part_of(const struct qn_block *b, const struct qn_statistic *s)
{
    struct qn_box box = qn_whole_box(s, b->own.ndims);

    for (int a = 0; a < box.ndims; a++) {
        int64_t first = b->own.start[a] - box.start[a];
        int64_t end = first + b->own.count[a];
        // places of the box, from the first to behind the last in the block
        int64_t i = first > 0 ? (first + box.step[a] - 1) / box.step[a] : 0;
        int64_t n = end > 0 ? (end + box.step[a] - 1) / box.step[a] : 0;

        n = n < box.count[a] ? n : box.count[a];
        box.start[a] += i * box.step[a] - b->own.start[a];
        box.count[a] = n > i ? n - i : 0;
    }
    return box;
}

/* ---- counting ---------------------------------------------------------------- */

/* Part i of the box, along its first axis. */
static int
count_part(void *ctx, size_t i, int thread, struct qn_error *err)
{
    const struct counting *c = ctx;
    const struct qn_array *a = &c->b->array;
    const size_t size = qn_dtype_size(a->type.dtype);
    struct qn_box box = c->box;
    struct qn_walk w;

    (void)err;
    if (box.ndims) {
        int64_t first;

        qn_shape_part(&first, &box.count[0], c->box.count[0], c->threads,
                      (int64_t)i);
        box.start[0] += first * box.step[0];
    }
    for (qn_walk_start(&w, &box, &a->type.shape); w.more; qn_walk_next(&w))
        qn_whole_take(&c->whole[thread],
                      (const char *)a->data + (size_t)w.first * size,
                      (size_t)w.n, w.step);
    return 0;
}

/* Collective.  One round. */
static int
count(struct counting *c, struct qn_error *err)
{
    struct qn_whole *all = &c->whole[0];
    int rc = 0;

    for (int t = 1; t < c->threads; t++)
        c->whole[t] = *all;
    if (samples_of(c->b))
        rc = qn_parallel_for(c->threads,
                             c->box.ndims ? (size_t)c->threads : 1,
                             count_part, c, err);
    for (int t = 0; t < c->threads; t++) {
        qn_whole_settle(&c->whole[t]);
        for (int i = 0; t && i < QN_WHOLE_TALLY; i++)
            all->tally[i] += c->whole[t].tally[i];
    }
    rc = qn_comm_agree(c->b->team, rc, err);
    return rc ? rc
              : qn_comm_sum(c->b->team, all->tally, QN_WHOLE_TALLY, err);
}

/* Collective.  Rounds until the number is known, the same on all ranks. */
static int
find(struct counting *c, struct qn_statistic *s, struct qn_error *err)
{
    int rc = qn_memory_make((void **)&c->whole, (size_t)c->threads,
                            sizeof *c->whole, "counters", err);

    rc = qn_comm_agree(c->b->team, rc, err);
    if (!rc)
        qn_whole_begin(&c->whole[0], s, c->b->grid.dtype);
    while (!rc && !c->whole[0].done) {
        rc = count(c, err);
        if (!rc)
            qn_whole_turn(&c->whole[0]);
    }
    if (!rc)
        *s = c->whole[0].s;
    free(c->whole);
    return rc;
}

/* ---- using it ---------------------------------------------------------------- */

/* Samples of one piece of the block. */
static int
use_piece(void *ctx, size_t i, int thread, struct qn_error *err)
{
    const struct counting *c = ctx;
    const struct qn_array *a = &c->b->array;
    const int64_t all = qn_region_samples(&c->b->own);
    const int64_t at = (int64_t)i * QN_TILE_SAMPLES;
    struct qn_lane lane = {.real = a->type.dtype};

    (void)thread, (void)err;
    lane.x = (char *)a->data + (size_t)at * qn_dtype_size(a->type.dtype);
    lane.n = (size_t)(all - at < QN_TILE_SAMPLES ? all - at
                                                 : QN_TILE_SAMPLES);
    c->k->overall->use(c->params, c->value, &lane);
    return 0;
}

int
qn_overall_run(struct qn_block *b, const struct qn_kernel *k,
               const void *params, struct qn_error *err)
{
    const int64_t all = samples_of(b);
    struct counting c = {.b = b, .k = k, .params = params,
                         .threads = b->threads < 1 ? 1 : b->threads};
    struct qn_statistic s = {.of = QN_STATISTIC_NONE};
    int rc = k->overall->ask(params, &b->grid, &s, err);

    rc = qn_comm_agree(b->team, rc, err);
    if (!rc && s.of != QN_STATISTIC_NONE) {
        c.box = part_of(b, &s);
        rc = find(&c, &s, err);
    }
    if (!rc)
        rc = k->overall->check(params, &s, err);
    c.value = s.value;
    if (!rc)
        rc = qn_parallel_for(
            c.threads, (size_t)((all + QN_TILE_SAMPLES - 1) / QN_TILE_SAMPLES),
            use_piece, &c, err);
    return qn_comm_agree(b->team, rc, err);
}
