/* What of an item a rank holds whose team shares it.  Local, pure. */
#ifndef QN_ENGINE_CUT_NEED_H
#define QN_ENGINE_CUT_NEED_H

#include "model/need.h"

/* As struct qn_need_ask wants it: of the rank that has most, with a team of so
 * many.  Zeros where the item cannot be cut: that is said when it is made. */
void
qn_cut_need(
    struct qn_need_block *b, const struct qn_plan_stage *st, const struct qn_task *t,
    int team);

#endif
