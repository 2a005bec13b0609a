/* Expressions of a job file.  Local. */
#ifndef QN_MODEL_JOB_EXPR_H
#define QN_MODEL_JOB_EXPR_H

#include "model/job_read.h"

/* Parse one; *text, which may be NULL, becomes its text.  False after a fault
 * was told at its column. */
bool
qn_job_expr_read(
    struct qn_job_reader *r, const struct qn_yaml_node *node, const char *key,
    enum qn_expr_style style, char **text, struct qn_expr *expr);

/* The place in the file of a column of the expression that a node holds; the
 * node's own where the text of the file is another (variables, several
 * lines). */
struct qn_mark
qn_job_expr_place(
    const struct qn_job_reader *r, const struct qn_yaml_node *node,
    int column);

#endif
