/* output: of a stage. */
#ifndef QN_MODEL_JOB_OUTPUT_H
#define QN_MODEL_JOB_OUTPUT_H

#include "model/job_read.h"

void
qn_job_output_read(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    struct qn_result *output);

/* Once the stage is known whole: does a combined result have the fields that
 * its name asks for?  node is the stage's mapping. */
void
qn_job_output_check(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    const struct qn_stage *stage);

void
qn_job_output_clear(struct qn_result *output);

#endif
