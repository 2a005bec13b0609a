/* The plan, once a node: what the rank that leads makes of it, told to the
 * others.
 *
 * Items, tasks and results lie in run->commons.  The rank of a node that leads
 * it (run->commons.leads) writes there, the others read; what is written
 * between two agreements is seen by all after the second.  So whatever changes
 * items or plan goes
 *
 *     if (run->commons.leads)
 *         rc = ... change it ...
 *     rc = qn_tell_plan(run, s, rc, err);
 *
 * or ends in qn_comm_agree where nothing is added to the lists themselves. */
#ifndef QN_ENGINE_TELL_H
#define QN_ENGINE_TELL_H

#include "engine/run.h"

/* Collective.  Agree on rc; items are then the leading rank's. */
int
qn_tell_items(struct qn_run *run, struct qn_items *items, int rc, struct qn_error *err);

/* Collective.  The same of stage s of the plan. */
int
qn_tell_plan(struct qn_run *run, int s, int rc, struct qn_error *err);

/* Collective.  Agree on rc; rank 0's items then go to all ranks that lead
 * another node, appended to what they have, and to those they lead. */
int
qn_tell_all(struct qn_run *run, struct qn_items *items, int rc, struct qn_error *err);

#endif
