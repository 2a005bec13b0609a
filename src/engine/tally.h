/* How many items of a stage are done, failed and so on.  All local. */
#ifndef QN_ENGINE_TALLY_H
#define QN_ENGINE_TALLY_H

#include "engine/run.h"

/* Add the items and results of stage s; what belongs to other shards is not
 * counted. */
void
qn_tally_stage(struct qn_tally *n, const struct qn_run *run, int s);

/* A result that failed though members of it are good. */
bool
qn_tally_failed_itself(const struct qn_plan_stage *st, const struct qn_target *t);

/* Is nothing to be said of a failed result, because its members tell? */
bool
qn_tally_is_told(const struct qn_plan_stage *st, const struct qn_target *t);

/* Say how the stage ended, after so many seconds: on rank 0 a line, and before
 * it one for each failure. */
void
qn_tally_say(const struct qn_run *run, int s, double seconds);

#endif
