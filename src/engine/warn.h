/* What kernels had to say of their results, told once a stage. */
#ifndef QN_ENGINE_WARN_H
#define QN_ENGINE_WARN_H

#include "engine/run.h"

/* Collective.  Gather what all farms were told since the last stage, say it on
 * rank 0, a line for each product, and keep it for the record.  Items that an
 * earlier run made are not among them. */
int
qn_warn_stage(struct qn_run *run, int s, struct qn_error *err);

#endif
