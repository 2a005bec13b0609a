/* How everything in a plan stands, without doing anything: what `run` would
 * take for done, for failed, or make. */
#ifndef QN_ENGINE_SETTLE_H
#define QN_ENGINE_SETTLE_H

#include "engine/run.h"

/* Collective.  Fail the tasks of stage s whose source or operands failed or are
 * left out: they are not tried.  Its keys are then those of what is left. */
int
qn_settle_block(struct qn_run *run, int s, struct qn_error *err);

/* Collective.  The same for one stage, those before it settled or made. */
int qn_settle_stage(struct qn_run *run, int s, struct qn_error *err);

/* Collective, after qn_run_prepare, with run->past loaded on rank 0.  Give
 * every task and result of the plan its state, as far as earlier runs tell:
 * what is QN_TODO then is to be made.  Nothing is written. */
int
qn_settle_plan(struct qn_run *run, struct qn_error *err);

/* Local, of a run without ranks, after qn_run_prepare.  Load what the journal
 * tells of earlier runs, then qn_settle_plan. */
int
qn_settle_past(struct qn_run *run, struct qn_error *err);

#endif
