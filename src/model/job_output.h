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

/* Whether the items of a stage whose results come as one file are packed on
 * the way: not where another stage reads them one by one, nor where they are
 * made of another's results, which shards spread. */
void
qn_job_output_settle(struct qn_stage *stage, bool is_read);

void
qn_job_output_clear(struct qn_result *output);

#endif
