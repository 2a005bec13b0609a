/* input: of a stage. */
#ifndef QN_MODEL_JOB_INPUT_H
#define QN_MODEL_JOB_INPUT_H

#include "model/job_read.h"

/* Read a glob, a list of them, a folder, or a mapping. */
void
qn_job_input_read(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    struct qn_input *input);

void
qn_job_input_clear(struct qn_input *input);

#endif
