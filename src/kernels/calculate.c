/* calculate: an expression of the item's samples and named operands.
 *
 * The expression is parsed once (model/expr.h) and walked for each run of
 * samples: every operator is a loop over the run.  Whether its names exist is
 * checked where the step is read.  What depends on the real type is in
 * calculate_real.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/expr.h"
#include "quern/kernel.h"

/* Samples evaluated at a time; and what all intermediate results may take. */
enum { RUN = 256, SLOT_BYTES = 65536 };

struct params {
    const char *expr;
    struct qn_expr parsed; /* owned */
    size_t slots;          /* intermediate results at a time, at least 1 */
};

static const struct qn_option options[] = {
    {"expr", QN_OPTION_TEXT, offsetof(struct params, expr), NULL, NULL, NULL,
     "What each sample x becomes; other names are operands of the step."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* ---- functions ---------------------------------------------------------- */

static double
is_nan(double a)
{
    return isnan(a) ? 1 : 0;
}

// Not fmin and fmax, which leave open which of 0 and -0 they give.
static double
smaller(double a, double b)
{
    return isnan(a) || b < a ? b : a;
}

static double
larger(double a, double b)
{
    return isnan(a) || b > a ? b : a;
}

struct function {
    const char *name;
    double (*one)(double); /* one of the two */
    double (*two)(double, double);
};

/* Those that the parser lets through in QN_EXPR_SAMPLES. */
static const struct function functions[] = {
    {"log", log, NULL},    {"log10", log10, NULL},  {"exp", exp, NULL},
    {"sqrt", sqrt, NULL},  {"abs", fabs, NULL},     {"sin", sin, NULL},
    {"cos", cos, NULL},    {"tan", tan, NULL},      {"floor", floor, NULL},
    {"ceil", ceil, NULL},  {"isnan", is_nan, NULL}, {"min", NULL, smaller},
    {"max", NULL, larger}, {NULL, NULL, NULL},
};

/* NULL if there is none. */
static const struct function *
find_function(const char *name)
{
    for (const struct function *f = functions; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

/* ---- samples ------------------------------------------------------------ */

#define REAL     float
#define OF(name) name##_f32
#include "kernels/calculate_real.h"
#undef REAL
#undef OF
#define REAL     double
#define OF(name) name##_f64
#include "kernels/calculate_real.h"
#undef REAL
#undef OF

static void
point(const void *params, const struct qn_lane *lane)
{
    const struct params *p = params;

    if (lane->real == QN_F32) {
        float slots[SLOT_BYTES / sizeof(float)];

        eval_lane_f32(p, lane, slots, SLOT_BYTES / sizeof *slots);
    } else {
        double slots[SLOT_BYTES / sizeof(double)];

        eval_lane_f64(p, lane, slots, SLOT_BYTES / sizeof *slots);
    }
}

/* ---- preparation -------------------------------------------------------- */

/* How many intermediate results are alive at a time: a left side is computed
 * where the result goes, a right side one further.  Arguments stand before
 * their node, so one pass finds it. */
static int
count_slots(struct params *p, struct qn_error *err)
{
    const struct qn_expr *e = &p->parsed;
    void *memory;
    size_t *need;

    QN_TRY(qn_memory_make(&memory, (size_t)e->nnodes, sizeof *need,
                          "an expression", err));
    need = memory;
    for (int i = 0; i < e->nnodes; i++) {
        need[i] = 1;
        for (int k = 0; k < e->node[i].nargs; k++) {
            const size_t n = need[e->arg[e->node[i].first + k]] + (size_t)k;

            need[i] = n > need[i] ? n : need[i];
        }
    }
    p->slots = need[e->root];
    free(memory);
    return 0;
}

static int
prepare(void *params, struct qn_error *err)
{
    struct params *p = params;

    QN_TRY(qn_expr_parse(&p->parsed, p->expr, QN_EXPR_SAMPLES, err));
    for (int i = 0; i < p->parsed.nnodes; i++) {
        const struct qn_expr_node *node = &p->parsed.node[i];

        if (node->op == QN_OP_CALL && !find_function(node->text))
            return qn_fail(err, QN_EJOB,
                           "calculate: column %d of \"%s\": %s() is not for "
                           "samples",
                           node->column, p->expr, node->text);
    }
    return count_slots(p, err);
}

static void
release(void *params)
{
    qn_expr_clear(&((struct params *)params)->parsed);
}

const struct qn_kernel qn_kernel_calculate = {
    .name = "calculate",
    .summary = "an expression of the samples and named operands",
    .definition =
        "Each sample x becomes the value of expr, in which x is the sample "
        "and every other name an operand of the step, at the same place "
        "(broadcast from the trailing axes). Numbers are rounded to the real "
        "type; + - * / and the comparisons are computed and rounded in the "
        "real type, one operation at a time, in the order of the grammar: or, "
        "and, not, comparisons, + -, * / %, unary minus, ** (from the right). "
        "A division by 0 gives NaN. ** and % (C's fmod: the sign of the left "
        "side) and the functions log (natural) log10 exp sqrt abs sin cos tan "
        "(radians) floor ceil isnan min max are computed in float64 by the C "
        "library and rounded to the real type. min and max take two "
        "arguments, and the other one where one is NaN. Yes and no are 1 and "
        "0; anything but 0 and NaN is yes. Bits hold for one C library and "
        "processor family where log, exp and the like are used.",
    .kind = QN_KIND_POINT,
    .version = 1,
    .real = true,
    .operands = QN_OPERANDS_NAMED,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "expr",
    .prepare = prepare,
    .release = release,
    .point = point,
};
