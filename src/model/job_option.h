/* The options of a kernel, as written in a job, into their canonical form. */
#ifndef QN_MODEL_JOB_OPTION_H
#define QN_MODEL_JOB_OPTION_H

#include "model/job_read.h"

/* The option of that name, or NULL. */
const struct qn_option *
qn_job_option_find(const struct qn_kernel *k, const char *name);

/* The names of all options, then those of more, into words (ends with NULL,
 * at most n entries). */
void
qn_job_option_words(
    const char **words, size_t n, const struct qn_kernel *k,
    const char *const *more);

/* Read one value into the object params. */
void
qn_job_option_read(
    struct qn_job_reader *r, const struct qn_option *o,
    const struct qn_yaml_node *value, json_t *params);

/* Fill in the defaults; an option that must be given and was not is told at
 * node.  The kernel's own check is made if nothing was told since
 * problems->told was `before`. */
void
qn_job_option_finish(
    struct qn_job_reader *r, const struct qn_kernel *k,
    const struct qn_yaml_node *node, json_t *params, size_t before);

#endif
