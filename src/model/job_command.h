/* The step `exec` of a job file. */
#ifndef QN_MODEL_JOB_COMMAND_H
#define QN_MODEL_JOB_COMMAND_H

#include "model/job_read.h"

/* Is that entry of `steps` the step exec? */
bool
qn_job_command_is(const struct qn_yaml_node *entry);

/* Read entry number `index` of the list into stage->command. */
void
qn_job_command_read(
    struct qn_job_reader *r, const struct qn_yaml_node *entry, size_t index,
    struct qn_stage *stage);

/* Once the stage is read: what does not go together.  node: the stage's. */
void
qn_job_command_check(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    const struct qn_stage *stage);

/* Once all stages are read: exec with something behind it becomes two stages,
 * NAME.exec, which is added at the end, and NAME, which reads its results. */
void
qn_job_command_part(struct qn_job_reader *r, int index);

#endif
