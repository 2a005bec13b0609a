/* combine: of a stage. */
#ifndef QN_MODEL_JOB_COMBINE_H
#define QN_MODEL_JOB_COMBINE_H

#include "model/job_read.h"

/* Read the mapping (or the bare method) behind `combine:`. */
void
qn_job_combine_read(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    struct qn_group *group);

void
qn_job_combine_clear(struct qn_group *group);

#endif
