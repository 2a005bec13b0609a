/* The expression language, evaluated on one item's fields.
 *
 * Pure: the tree is read only, texts that are made on the way lie in the
 * caller's value.  The left side of an operator is evaluated in the place of
 * the result, so that a long chain, which leans to the left, needs little
 * stack.  Text becomes a tree in expr_parse.c; functions are in expr_call.c.
 */
#include "model/expr_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/glob.h"

static int
arg(const struct qn_expr_run *r, const struct qn_expr_node *node, int i)
{
    return r->e->arg[node->first + i];
}

int
qn_expr_fail(const struct qn_expr_run *r, int column, int code,
             const char *sentence)
{
    return qn_fail(r->err, code, "column %d of \"%.300s\": %s", column,
                   r->e->source, sentence);
}

static void
set_number(struct qn_value *v, double number)
{
    v->kind = QN_VALUE_NUMBER;
    v->number = number;
}

static void
set_bool(struct qn_value *v, bool yes)
{
    v->kind = QN_VALUE_BOOL;
    v->number = yes;
}

static void
set_text(struct qn_value *v, const char *text)
{
    v->kind = QN_VALUE_TEXT;
    v->text = text;
}

/* ---- what a value is ---------------------------------------------------- */

/* T and F, as FITS spells them, where a text is to be yes or no. */
static bool
read_bool(double *number, const char *text)
{
    size_t n = strlen(text);

    while (n && text[n - 1] == ' ')
        n--;
    bool yes = (n == 1 && *text == 'T') || (n == 4 && !memcmp(text, "true", 4));
    bool no = (n == 1 && *text == 'F') || (n == 5 && !memcmp(text, "false", 5));
    *number = yes;
    return yes || no;
}

static bool
read_number(double *number, const struct qn_value *v)
{
    if (v->kind == QN_VALUE_TEXT)
        return qn_fields_number(number, v->text);
    *number = v->number;
    return true;
}

static int
need_number(const struct qn_expr_run *r, int column, const struct qn_value *v,
            double *number)
{
    char sentence[200];

    if (read_number(number, v))
        return 0;
    snprintf(sentence, sizeof sentence,
             "'%.100s' is no number, so one cannot calculate with it", v->text);
    return qn_expr_fail(r, column, QN_EVALUE, sentence);
}

static int
need_truth(const struct qn_expr_run *r, int column, const struct qn_value *v,
           bool *yes)
{
    char sentence[200];
    double x = 0;

    if (!read_number(&x, v) && !read_bool(&x, v->text)) {
        snprintf(sentence, sizeof sentence,
                 "'%.100s' is neither yes nor no; compare it, as in "
                 "NAME == 'text'",
                 v->text);
        return qn_expr_fail(r, column, QN_EVALUE, sentence);
    }
    *yes = x != 0 && !isnan(x);
    return 0;
}

const char *
qn_expr_text(struct qn_value *v)
{
    if (v->kind != QN_VALUE_TEXT) {
        char text[64];

        qn_fields_text(text, sizeof text, v);
        memcpy(v->storage, text, sizeof text);
        set_text(v, v->storage);
    }
    return v->text;
}

int
qn_expr_number(const struct qn_expr_run *r, const struct qn_expr_node *node,
               int i, double *number)
{
    int id = arg(r, node, i);
    struct qn_value v;

    QN_TRY(qn_expr_eval(r, id, &v));
    return need_number(r, r->e->node[id].column, &v, number);
}

/* ---- comparisons -------------------------------------------------------- */

/* Blanks at the end do not count: FITS pads texts with them. */
static int
compare_texts(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (!a[strspn(a, " ")] && !b[strspn(b, " ")])
        return 0;
    return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* Numbers that can be compared; false if one side is text that is none. */
static bool
read_pair(double pair[2], const struct qn_value *a, const struct qn_value *b)
{
    if (a->kind == QN_VALUE_BOOL && b->kind == QN_VALUE_TEXT &&
        read_bool(&pair[1], b->text))
        return read_number(&pair[0], a);
    if (b->kind == QN_VALUE_BOOL && a->kind == QN_VALUE_TEXT &&
        read_bool(&pair[0], a->text))
        return read_number(&pair[1], b);
    return read_number(&pair[0], a) && read_number(&pair[1], b);
}

static bool
is_equal(const struct qn_value *a, const struct qn_value *b)
{
    double pair[2];

    if (a->kind == QN_VALUE_TEXT && b->kind == QN_VALUE_TEXT)
        return compare_texts(a->text, b->text) == 0;
    return read_pair(pair, a, b) && pair[0] == pair[1];
}

static bool
is_ordered(enum qn_expr_op op, const double pair[2])
{
    switch (op) {
    case QN_OP_LT: return pair[0] < pair[1];
    case QN_OP_LE: return pair[0] <= pair[1];
    case QN_OP_GT: return pair[0] > pair[1];
    default: return pair[0] >= pair[1];
    }
}

/* *out < right and the like */
static int
order(const struct qn_expr_run *r, const struct qn_expr_node *node,
      struct qn_value *out, const struct qn_value *right)
{
    double pair[2] = {0, 0};
    char sentence[300], a[100], b[100];

    if (out->kind == QN_VALUE_TEXT && right->kind == QN_VALUE_TEXT) {
        pair[0] = compare_texts(out->text, right->text);
    } else if (!read_pair(pair, out, right)) {
        qn_fields_text(a, sizeof a, out);
        qn_fields_text(b, sizeof b, right);
        snprintf(sentence, sizeof sentence,
                 "'%s' and '%s' have no order, since one is a number and the "
                 "other is not",
                 a, b);
        return qn_expr_fail(r, node->column, QN_EVALUE, sentence);
    }
    set_bool(out, is_ordered(node->op, pair));
    return 0;
}

/* ---- in and like -------------------------------------------------------- */

static void
eval_in(const struct qn_expr_run *r, const struct qn_expr_node *node,
        struct qn_value *out)
{
    bool found = false;

    for (int i = 1; i < node->nargs && !found; i++) {
        const struct qn_expr_node *n = &r->e->node[arg(r, node, i)];
        struct qn_value literal;

        if (n->op == QN_OP_TEXT)
            set_text(&literal, n->text);
        else
            set_number(&literal, n->number);
        found = is_equal(out, &literal);
    }
    set_bool(out, found);
}

static void
eval_like(const struct qn_expr_run *r, const struct qn_expr_node *node,
          struct qn_value *out)
{
    const char *text = qn_expr_text(out);
    size_t n = strlen(text);

    while (n && text[n - 1] == ' ')
        n--;
    set_bool(out, qn_glob_match(r->e->node[arg(r, node, 1)].text, text, n));
}

/* ---- operators ---------------------------------------------------------- */

static double
calculate(enum qn_expr_op op, double a, double b)
{
    switch (op) {
    case QN_OP_ADD: return a + b;
    case QN_OP_SUB: return a - b;
    case QN_OP_MUL: return a * b;
    case QN_OP_DIV: return b == 0 ? NAN : a / b;
    case QN_OP_MOD: return fmod(a, b);
    default: return pow(a, b);
    }
}

static int
eval_arithmetic(const struct qn_expr_run *r, const struct qn_expr_node *node,
                struct qn_value *out, const struct qn_value *right)
{
    double a, b;

    QN_TRY(need_number(r, r->e->node[arg(r, node, 0)].column, out, &a));
    QN_TRY(need_number(r, r->e->node[arg(r, node, 1)].column, right, &b));
    set_number(out, calculate(node->op, a, b));
    return 0;
}

/* The left side is in *out.  Not inlined: the frame of qn_expr_eval is to stay
 * small, since a chain of operators nests it. */
__attribute__((noinline)) static int
eval_right(const struct qn_expr_run *r, const struct qn_expr_node *node,
           struct qn_value *out)
{
    struct qn_value right;

    QN_TRY(qn_expr_eval(r, arg(r, node, 1), &right));
    switch (node->op) {
    case QN_OP_EQ: set_bool(out, is_equal(out, &right)); return 0;
    case QN_OP_NE: set_bool(out, !is_equal(out, &right)); return 0;
    case QN_OP_LT:
    case QN_OP_LE:
    case QN_OP_GT:
    case QN_OP_GE: return order(r, node, out, &right);
    default: return eval_arithmetic(r, node, out, &right);
    }
}

/* The left side is in *out; the right one is looked at only if it decides. */
static int
eval_logic(const struct qn_expr_run *r, const struct qn_expr_node *node,
           struct qn_value *out)
{
    bool yes;

    QN_TRY(need_truth(r, r->e->node[arg(r, node, 0)].column, out, &yes));
    if (yes == (node->op == QN_OP_AND)) {
        int right = arg(r, node, 1);

        QN_TRY(qn_expr_eval(r, right, out));
        QN_TRY(need_truth(r, r->e->node[right].column, out, &yes));
    }
    set_bool(out, yes);
    return 0;
}

/* NOT and NEG of *out */
static int
eval_unary(const struct qn_expr_run *r, const struct qn_expr_node *node,
           struct qn_value *out)
{
    int column = r->e->node[arg(r, node, 0)].column;
    double x;
    bool yes;

    if (node->op == QN_OP_NOT) {
        QN_TRY(need_truth(r, column, out, &yes));
        set_bool(out, !yes);
    } else {
        QN_TRY(need_number(r, column, out, &x));
        set_number(out, -x);
    }
    return 0;
}

/* Was EXPTIME-1 or SUM/N written to calculate: are its parts numbers and
 * fields? */
static bool
is_glued(const struct qn_expr_run *r, const char *name, struct qn_value *v)
{
    char part[80];
    double ignored;

    if (!strpbrk(name, "-/"))
        return false;
    for (size_t n; *name; name += n + (name[n] != '\0')) {
        n = strcspn(name, "-/");
        if (n >= sizeof part)
            return false;
        memcpy(part, name, n);
        part[n] = '\0';
        if (!qn_fields_number(&ignored, part) &&
            !qn_fields_find(r->fields, part, v))
            return false;
    }
    return true;
}

__attribute__((noinline)) static int
eval_name(const struct qn_expr_run *r, const struct qn_expr_node *node,
          struct qn_value *out)
{
    char sentence[300];

    if (qn_fields_find(r->fields, node->text, out))
        return 0;
    snprintf(sentence, sizeof sentence, "there is no field '%.100s'%s",
             node->text,
             is_glued(r, node->text, out)
                 ? "; to calculate, put blanks around - and /"
                 : "");
    return qn_expr_fail(r, node->column, QN_EMISSING, sentence);
}

int
qn_expr_eval(const struct qn_expr_run *r, int id, struct qn_value *out)
{
    const struct qn_expr_node *node = &r->e->node[id];

    switch (node->op) {
    case QN_OP_NUMBER: set_number(out, node->number); return 0;
    case QN_OP_TEXT: set_text(out, node->text); return 0;
    case QN_OP_NAME: return eval_name(r, node, out);
    case QN_OP_CALL: return qn_expr_call(r, node, out);
    default: break;
    }
    QN_TRY(qn_expr_eval(r, arg(r, node, 0), out));
    switch (node->op) {
    case QN_OP_IN: eval_in(r, node, out); return 0;
    case QN_OP_LIKE: eval_like(r, node, out); return 0;
    case QN_OP_NOT:
    case QN_OP_NEG: return eval_unary(r, node, out);
    case QN_OP_OR:
    case QN_OP_AND: return eval_logic(r, node, out);
    default: return eval_right(r, node, out);
    }
}

/* ---- the interface ------------------------------------------------------ */

int
qn_expr_value(const struct qn_expr *e, const struct qn_lookup *fields,
              struct qn_value *value, struct qn_error *err)
{
    struct qn_expr_run r = {.e = e, .fields = fields, .err = err};

    return qn_expr_eval(&r, e->root, value);
}

int
qn_expr_true(const struct qn_expr *e, const struct qn_lookup *fields, bool *yes,
             struct qn_error *err)
{
    struct qn_expr_run r = {.e = e, .fields = fields, .err = err};
    struct qn_value value;

    QN_TRY(qn_expr_eval(&r, e->root, &value));
    return need_truth(&r, e->node[e->root].column, &value, yes);
}

static bool
is_first_use(const struct qn_expr *e, int id)
{
    for (int i = 0; i < id; i++)
        if (e->node[i].op == QN_OP_NAME &&
            strcmp(e->node[i].text, e->node[id].text) == 0)
            return false;
    return true;
}

int
qn_expr_names(const struct qn_expr *e,
              void (*each)(void *ctx, const char *name), void *ctx)
{
    for (int i = 0; i < e->nnodes; i++)
        if (e->node[i].op == QN_OP_NAME && is_first_use(e, i))
            each(ctx, e->node[i].text);
    return 0;
}

void
qn_expr_clear(struct qn_expr *e)
{
    free(e->source);
    free(e->node);
    free(e->arg);
    free(e->pool);
    *e = (struct qn_expr){0};
}
