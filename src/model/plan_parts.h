/* What the files of plan.h share among themselves.  Local. */
#ifndef QN_MODEL_PLAN_PARTS_H
#define QN_MODEL_PLAN_PARTS_H

#include "model/plan.h"

/* Files become runs of their frames. */
int
qn_plan_frames_expand(struct qn_plan_stage *st, struct qn_error *err);

/* Does the stage tell frames apart by their number? */
bool
qn_plan_frames_named(const struct qn_stage *stage);

/* Group the tasks, make their results and name them. */
int
qn_plan_group_targets(struct qn_plan_stage *st, struct qn_error *err);

#endif
