/* The functions of the expression language.
 *
 * Which names there are, and with how many arguments, is the parser's table
 * (expr_parse.c); what they do to samples is the kernel's (calculate).
 */
#include "model/expr_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/date.h"

/* ---- of fields ---------------------------------------------------------- */

static const struct qn_expr_node *
argument(const struct qn_expr_run *r, const struct qn_expr_node *node, int i)
{
    return &r->e->node[r->e->arg[node->first + i]];
}

static int
eval_first(const struct qn_expr_run *r, const struct qn_expr_node *node,
           struct qn_value *out)
{
    return qn_expr_eval(r, r->e->arg[node->first], out);
}

static int
eval_has(const struct qn_expr_run *r, const struct qn_expr_node *node,
         struct qn_value *out)
{
    const char *name = argument(r, node, 0)->text;
    bool found = qn_fields_find(r->fields, name, out);

    out->kind = QN_VALUE_BOOL;
    out->number = found;
    return 0;
}

/* The multiple of step nearest to x, as the decimal number a person would
 * write: 0.3, not 0.30000000000000004. */
static double
nearest_multiple(double x, double step)
{
    double k = round(x / step), inverse = 1 / step;
    char text[32];

    if (inverse >= 1 && fabs(inverse - rint(inverse)) < 1e-9 * inverse)
        return k / rint(inverse) + 0.0; // no -0
    snprintf(text, sizeof text, "%.15g", k * step);
    return strtod(text, NULL) + 0.0;
}

static int
eval_round(const struct qn_expr_run *r, const struct qn_expr_node *node,
           struct qn_value *out)
{
    double x, step = 1;

    QN_TRY(qn_expr_number(r, node, 0, &x));
    if (node->nargs > 1)
        QN_TRY(qn_expr_number(r, node, 1, &step));
    if (!(step > 0 && isfinite(step)))
        return qn_expr_fail(r, argument(r, node, 1)->column, QN_EVALUE,
                            "round() needs a step above 0");
    out->kind = QN_VALUE_NUMBER;
    out->number = isfinite(x / step) ? nearest_multiple(x, step) : x;
    return 0;
}

static int
eval_lower(const struct qn_expr_run *r, const struct qn_expr_node *node,
           struct qn_value *out)
{
    size_t n;

    QN_TRY(eval_first(r, node, out));
    n = strlen(qn_expr_text(out));
    if (n >= sizeof out->storage)
        return qn_expr_fail(r, node->column, QN_EVALUE,
                            "lower() takes texts of up to 1,023 bytes");
    memmove(out->storage, out->text, n + 1);
    for (char *c = out->storage; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    out->text = out->storage;
    return 0;
}

static int
eval_date(const struct qn_expr_run *r, const struct qn_expr_node *node,
          struct qn_value *out)
{
    char date[QN_DATE_SIZE];
    struct qn_error why;
    double offset = 0;
    int rc = 0;

    QN_TRY(eval_first(r, node, out));
    if (node->nargs > 1)
        rc = qn_date_offset(&offset, argument(r, node, 1)->text, &why);
    if (!rc)
        rc = qn_date_shift(date, qn_expr_text(out), offset, &why);
    if (rc)
        return qn_expr_fail(r, node->column, rc, why.text);
    memcpy(out->storage, date, sizeof date);
    out->text = out->storage;
    return 0;
}

/* ---- of numbers --------------------------------------------------------- */

static int
eval_isnan(const struct qn_expr_run *r, const struct qn_expr_node *node,
           struct qn_value *out)
{
    double x;

    QN_TRY(qn_expr_number(r, node, 0, &x));
    out->kind = QN_VALUE_BOOL;
    out->number = isnan(x);
    return 0;
}

static int
eval_one(const struct qn_expr_run *r, const struct qn_expr_node *node,
         double (*f)(double), struct qn_value *out)
{
    double x;

    QN_TRY(qn_expr_number(r, node, 0, &x));
    out->kind = QN_VALUE_NUMBER;
    out->number = f(x);
    return 0;
}

static int
eval_two(const struct qn_expr_run *r, const struct qn_expr_node *node,
         double (*f)(double, double), struct qn_value *out)
{
    double a, b;

    QN_TRY(qn_expr_number(r, node, 0, &a));
    QN_TRY(qn_expr_number(r, node, 1, &b));
    out->kind = QN_VALUE_NUMBER;
    out->number = f(a, b);
    return 0;
}

int
qn_expr_call(const struct qn_expr_run *r, const struct qn_expr_node *node,
             struct qn_value *out)
{
    static const struct {
        const char *name;
        int (*eval)(const struct qn_expr_run *, const struct qn_expr_node *,
                    struct qn_value *);
        double (*one)(double);
        double (*two)(double, double);
    } table[] = {
        {.name = "has", .eval = eval_has},
        {.name = "round", .eval = eval_round},
        {.name = "lower", .eval = eval_lower},
        {.name = "date", .eval = eval_date},
        {.name = "isnan", .eval = eval_isnan},
        {.name = "log", .one = log},
        {.name = "log10", .one = log10},
        {.name = "exp", .one = exp},
        {.name = "sqrt", .one = sqrt},
        {.name = "abs", .one = fabs},
        {.name = "sin", .one = sin},
        {.name = "cos", .one = cos},
        {.name = "tan", .one = tan},
        {.name = "floor", .one = floor},
        {.name = "ceil", .one = ceil},
        {.name = "min", .two = fmin},
        {.name = "max", .two = fmax},
    };
    size_t i = 0;

    while (strcmp(table[i].name, node->text) != 0)
        i++; // the parser lets no other names through
    if (table[i].eval)
        return table[i].eval(r, node, out);
    if (table[i].two)
        return eval_two(r, node, table[i].two, out);
    return eval_one(r, node, table[i].one, out);
}
