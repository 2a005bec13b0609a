/* How an item is parted among the ranks of a team.  Local, pure. */
#ifndef QN_ENGINE_CUT_H
#define QN_ENGINE_CUT_H

#include "model/grid.h"
#include "model/plan.h"

/* The cut of task t's grid for so many ranks that serves the widest halo of
 * all steps.  halo: that, along each axis.  QN_EJOB and the like: what a
 * kernel says of the item. */
int
qn_cut_item(
    struct qn_cut *cut, int64_t halo[QN_MAX_DIMS], const struct qn_plan_stage *st,
    const struct qn_task *t, int ranks, struct qn_error *err);

#endif
