/* Steps of a stage: one use of a kernel each. */
#ifndef QN_MODEL_JOB_STEP_H
#define QN_MODEL_JOB_STEP_H

#include "model/job_read.h"

/* Read the list of steps. */
void
qn_job_step_read(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    struct qn_stage *stage);

/* Read the mapping of products: they follow the steps. */
void
qn_job_step_products(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    struct qn_stage *stage);

/* Once all keys of the stage are read: a reduction as last step becomes the
 * product `data`; told is what does not go together. */
void
qn_job_step_check(struct qn_job_reader *r, struct qn_stage *stage);

void
qn_job_step_clear(struct qn_step *step);

#endif
