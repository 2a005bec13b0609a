/* One evaluation of an expression: what expr.c and expr_call.c share.  Local,
 * pure. */
#ifndef QN_MODEL_EXPR_RUN_H
#define QN_MODEL_EXPR_RUN_H

#include "model/expr.h"

struct qn_expr_run {
    const struct qn_expr *e;
    const struct qn_lookup *fields; /* may be NULL */
    struct qn_error *err;
};

/* The value of node id.  A text may lie in out->storage. */
int
qn_expr_eval(const struct qn_expr_run *r, int id, struct qn_value *out);

/* Argument i of a node, which has to be a number: QN_EVALUE. */
int
qn_expr_number(
    const struct qn_expr_run *r, const struct qn_expr_node *node, int i,
    double *number);

/* Make v a text, in v->storage where it was none. */
const char *
qn_expr_text(struct qn_value *v);

/* A function.  *out is its value. */
int
qn_expr_call(
    const struct qn_expr_run *r, const struct qn_expr_node *node,
    struct qn_value *out);

/* "column 9 of "...": SENTENCE" */
int
qn_expr_fail(
    const struct qn_expr_run *r, int column, int code, const char *sentence);

#endif
