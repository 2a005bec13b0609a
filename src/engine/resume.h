/* What is done already, and what failed before. */
#ifndef QN_ENGINE_RESUME_H
#define QN_ENGINE_RESUME_H

#include "engine/run.h"

/* Collective.  Mark the results of stage s that are there with their very key
 * as finished, by the journal or, without a line there, by the key inside;
 * and what failed before with its key as failed (unless --retry-failed). */
int
qn_resume_stage(struct qn_run *run, int s, struct qn_error *err);

#endif
