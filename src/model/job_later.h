/* What the job language has a word for and this version does not do. */
#ifndef QN_MODEL_JOB_LATER_H
#define QN_MODEL_JOB_LATER_H

#include "model/job_read.h"

/* Is `key` of that mapping not available?  Then it is said. */
bool
qn_job_later_key(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    const char *where, const char *key);

/* Is `key: value` not available?  Then it is said. */
bool
qn_job_later_value(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    const char *where, const char *key, const char *value);

/* The i-th kernel that is not available, NULL behind the last. */
const char *
qn_job_later_kernel(size_t i);

#endif
