/* The one expression language: where, per, frames, tables and calculate.
 *
 *   or      := and ("or" and)*
 *   and     := not ("and" not)*
 *   not     := "not" not | compare
 *   compare := sum (("==" "!=" "<" "<=" ">" ">=") sum
 *                  | ["not"] "in" "[" literal, ... "]" | ["not"] "like" text)?
 *   sum     := product (("+" | "-") product)*
 *   product := unary (("*" | "/" | "%") unary)*
 *   unary   := "-" unary | power
 *   power   := atom ("**" unary)?
 *   atom    := number | text | name | function "(" or, ... ")" | "(" or ")"
 *
 * text is in '...' or "..."; names may hold letters, digits and _ - . / @
 * (a minus between spaces is the operator; in calculate a name holds letters,
 * digits and _ only, and there is no text, in, like, has, round, lower, date).
 * No shell, no eval; at most 4,096 bytes; parentheses, calls, not, minus and
 * ** nest at most 64 deep, a chain a + b + c ... leans to the left and is as
 * long as fits.
 *
 * Functions of fields: has(NAME), round(x) or round(x, step), lower(x),
 * date(x) or date(x, "-12 h").  Of numbers: log log10 exp sqrt abs sin cos tan
 * floor ceil isnan of one, min max of two arguments (fmin, fmax).
 * % is fmod; a division by 0 gives NaN; yes and no are 1 and 0.
 * doc/expressions.md is the page for users.  All local, pure.
 */
#ifndef QN_MODEL_EXPR_H
#define QN_MODEL_EXPR_H

#include "model/fields.h"

enum qn_expr_style {
    QN_EXPR_FIELDS, /* where, per: names with - . / @             */
    QN_EXPR_SAMPLES /* calculate: plain names, numbers only       */
};

enum qn_expr_op {
    QN_OP_NUMBER, QN_OP_TEXT, QN_OP_NAME,
    QN_OP_OR, QN_OP_AND, QN_OP_NOT,
    QN_OP_EQ, QN_OP_NE, QN_OP_LT, QN_OP_LE, QN_OP_GT, QN_OP_GE,
    QN_OP_IN, QN_OP_LIKE,
    QN_OP_ADD, QN_OP_SUB, QN_OP_MUL, QN_OP_DIV, QN_OP_MOD, QN_OP_NEG,
    QN_OP_POW, QN_OP_CALL
};

struct qn_expr_node {
    enum qn_expr_op op;
    double number;     /* NUMBER                                     */
    const char *text;  /* TEXT, NAME, CALL: owned by the expression  */
    int nargs;         /* operands, arguments, or the list of IN     */
    int first;         /* index of the first argument's link         */
    int column;        /* from 1, for messages                       */
};

/* A parsed expression: node[root]; arg[] maps a node's arguments
 * (first ... first + nargs - 1) to node indices.  Arguments stand before
 * their node.  IN has its left side, then the list (NUMBER and TEXT nodes);
 * LIKE its left side, then a TEXT; "not in" and "not like" are a NOT of
 * these; has and date have a NAME and a TEXT where the grammar says so. */
struct qn_expr {
    char *source; /* owned */
    struct qn_expr_node *node; /* owned */
    int nnodes, root;
    int *arg;     /* owned */
    int nargs;
    char *pool;   /* owned: texts */
};

/* QN_EJOB with the column and what was expected. */
int
qn_expr_parse(
    struct qn_expr *e, const char *text, enum qn_expr_style style,
    struct qn_error *err);

/* Every distinct name used, in order of appearance; has(X) counts.
 * Returns 0. */
int
qn_expr_names(
    const struct qn_expr *e, void (*each)(void *ctx, const char *name),
    void *ctx);

/* Evaluate on one item's fields.  A missing field is QN_EMISSING (except in
 * has); comparing a number with a text that is no number is false for ==, and
 * QN_EVALUE for < and the like.  value.text is valid while e and the fields
 * are, and as long as value stays where it is: lower and date put it into
 * value->storage.  The sentences name the column and quote the expression. */
int
qn_expr_value(
    const struct qn_expr *e, const struct qn_lookup *fields,
    struct qn_value *value, struct qn_error *err);

/* The same as a yes or no; a number is true when not 0 (a NaN is not), a text
 * only if it is T, F, true, false or a number, else QN_EVALUE. */
int
qn_expr_true(
    const struct qn_expr *e, const struct qn_lookup *fields, bool *yes,
    struct qn_error *err);

void
qn_expr_clear(struct qn_expr *e);

#endif
