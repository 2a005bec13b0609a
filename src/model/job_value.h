/* Numbers, choices and the like of a job file.  All return false after
 * telling; *out is then unchanged.  Local. */
#ifndef QN_MODEL_JOB_VALUE_H
#define QN_MODEL_JOB_VALUE_H

#include "model/job_read.h"

bool
qn_job_value_number(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    double *out);

/* min <= *out <= max */
bool
qn_job_value_integer(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    int64_t min, int64_t max, int64_t *out);

/* One of choices ("auto|float32"); *out is its index. */
bool
qn_job_value_choice(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    const char *choices, int *out);

/* "4 GiB" or auto, which is 0 */
bool
qn_job_value_memory(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    int64_t *bytes);

bool
qn_job_value_dtype(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    int *dtype);

/* The name of a stage, its index in r->names. */
bool
qn_job_value_stage(
    struct qn_job_reader *r, const struct qn_yaml_node *node, char **name,
    int *index);

/* A list in which YAML's [1:50, 1:100] may be meant as FITS order or not is
 * refused; true for a list whose entries are texts. */
bool
qn_job_value_axes(
    struct qn_job_reader *r, const struct qn_yaml_node *node,
    const char *key);

#endif
