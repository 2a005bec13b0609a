/* --stage, --only, --limit: which part of the plan this run is to do. */
#ifndef QN_ENGINE_CHOOSE_H
#define QN_ENGINE_CHOOSE_H

#include "engine/run.h"

/* Local.  Mark the stages that --stage leaves out as not wanted. */
int
qn_choose_stages(struct qn_run *run, struct qn_error *err);

/* Local, on the whole plan.  Mark what --only and --limit leave out as
 * skipped.
 *
 * Both choose among the items of item-by-item stages.  A combination over
 * chosen items would be partial: it is skipped unless --stage names it, and
 * then its key, made of the members that are in it, is another one than that
 * of the whole.  A combination over all its files (a master) is made whole
 * where a stage of this run uses it, and skipped otherwise. */
void
qn_choose_items(struct qn_run *run);

#endif
