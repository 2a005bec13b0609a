/* Products of an item that a team shares: its rows go to the team's first rank
 * slab by slab, in order, and through the reductions there, as they do in a
 * worker that has the item alone.  No rank holds the whole. */
#ifndef QN_ENGINE_HARVEST_H
#define QN_ENGINE_HARVEST_H

#include <jansson.h>

#include "engine/arena.h"
#include "engine/block.h"
#include "kernels/reduce_run.h"

/* One product, on the first rank. */
struct qn_harvest_product {
    const char *name;               /* borrowed, as all that points here    */
    const struct qn_kernel *kernel;
    const void *params;
    int noperands;
    const struct qn_array *const *operand;
    const char *const *names;
    struct qn_reduce_run run;       /* owned; run.out holds the results     */
};

struct qn_harvest {
    struct qn_harvest_product *product; /* borrowed, [n] */
    int n;
    enum qn_dtype precision;
    int64_t memory; /* that each reduction may gather samples in */
};

/* Collective over the team; what h says but for n is looked at on the first
 * rank.  QN_ESTOPPED: the team was asked to stop. */
int
qn_harvest_take(struct qn_harvest *h, struct qn_block *b, struct qn_error *err);

/* Local, on the first rank.  All datasets to the arena, and to `all` (an array)
 * what the message that has them written says of each.  dtype: of the data of
 * every product; negative: as it came out. */
int
qn_harvest_place(
    const struct qn_harvest *h, int dtype, struct qn_arena *a, json_t *all,
    struct qn_error *err);

/* Local, on the first rank.  Those of one of so many frames to memory that has,
 * dataset by dataset, those of all: `bytes` a frame.  QN_ESHAPE: they take
 * more or less. */
int
qn_harvest_copy(
    const struct qn_harvest *h, int dtype, void *to, int64_t bytes, int64_t frame,
    int64_t frames, struct qn_error *err);

/* Local, on the first rank.  What the reductions have to say of the item at
 * path (model/caution.h). */
void
qn_harvest_caution(const struct qn_harvest *h, const char *path, json_t *all);

void
qn_harvest_clear(struct qn_harvest *h);

#endif
