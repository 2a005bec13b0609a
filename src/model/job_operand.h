/* Operands of a step: the second number, image or file that it works with. */
#ifndef QN_MODEL_JOB_OPERAND_H
#define QN_MODEL_JOB_OPERAND_H

#include "model/job_read.h"

/* The keys that say what an operand is; ends with NULL. */
extern const char *const qn_job_operand_keys[];

bool
qn_job_operand_is_key(const char *word);

/* Read an operand from node: a number, or the keys above of a mapping, other
 * keys of which are passed over.  key names it in messages.  *op is zero
 * before; its strings are owned, also after false. */
bool
qn_job_operand_read(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    struct qn_operand *op);

/* As canonical JSON, only what is given (new reference). */
json_t *
qn_job_operand_json(const struct qn_operand *op);

void
qn_job_operand_clear(struct qn_operand *op);

#endif
