/* vars: a name for a text that a job says more than once.  Local. */
#ifndef QN_MODEL_JOB_VARS_H
#define QN_MODEL_JOB_VARS_H

#include "model/job_read.h"

/* Replace {name} of the top-level mapping `vars` in all other values of the
 * tree; a variable may use those above it, and ${ENVIRONMENT}. */
void
qn_job_vars_fill(struct qn_job_reader *r, struct qn_yaml_node *root);

#endif
