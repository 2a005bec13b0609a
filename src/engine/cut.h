/* How an item is parted among the ranks of a team.  Local, pure. */
#ifndef QN_ENGINE_CUT_H
#define QN_ENGINE_CUT_H

#include "model/grid.h"
#include "model/plan.h"

/* A grid of an item on its way, from step `first` on up to the next that
 * changes what is where. */
struct qn_cut_grid {
    int first;
    struct qn_type type;       /* before step `first` */
    struct qn_cut cut;         /* serves the widest halo of those steps */
    int64_t halo[QN_MAX_DIMS]; /* that, along each axis */
};

/* Does a step change what is where? */
static inline bool
qn_cut_turns(const struct qn_step *step)
{
    return step->kernel->regrid && !step->product;
}

/* The grid that task t is read as, cut for so many ranks.  QN_EJOB and the
 * like: what a kernel says of the item. */
int
qn_cut_item(
    struct qn_cut_grid *g, const struct qn_plan_stage *st, const struct qn_task *t,
    int ranks, struct qn_error *err);

/* *more: a step of the stage makes *next of g; of the last grid there is
 * none. */
int
qn_cut_next(
    struct qn_cut_grid *next, bool *more, const struct qn_cut_grid *g,
    const struct qn_plan_stage *st, const struct qn_task *t, int ranks,
    struct qn_error *err);

#endif
