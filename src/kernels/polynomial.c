/* polynomial: a polynomial of each sample, by Horner's rule.  Sample by
 * sample. */
#include <math.h>

#include "kernels/point.h"

struct params {
    struct qn_numbers coefficients;
};

static const struct qn_option options[] = {
    {"coefficients", QN_OPTION_NUMBERS, offsetof(struct params, coefficients),
     NULL, NULL, NULL, "c0, c1, ...: the constant first."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct qn_numbers *c = &((const struct params *)params)->coefficients;

    if (c->n < 1)
        return qn_fail(err, QN_EJOB,
                       "polynomial has no coefficients; give [c0, c1, ...]");
    for (int i = 0; i < c->n; i++)
        if (!isfinite(c->v[i]))
            return qn_fail(err, QN_EJOB,
                           "polynomial: coefficient c%d is %g; give a finite "
                           "number",
                           i, c->v[i]);
    return 0;
}

/* Sample by sample, the coefficients inside: they stay in registers or in the
 * first level of cache. */
#define HORNER(T)                                                              \
    static T horner_##T(const T *c, int n, T x)                                \
    {                                                                          \
        T y = c[n - 1];                                                        \
        for (int i = n - 2; i >= 0; i--) {                                     \
            y = y * x;                                                         \
            y = y + c[i];                                                      \
        }                                                                      \
        return x != x ? x : y;                                                 \
    }                                                                          \
                                                                               \
    static void each_##T(const struct qn_numbers *p,                           \
                         const struct qn_lane *lane)                           \
    {                                                                          \
        T c[QN_MAX_NUMBERS];                                                   \
        for (int i = 0; i < p->n; i++)                                         \
            c[i] = (T)p->v[i];                                                 \
        QN_POINT_ALONE(T, lane, horner_##T(c, p->n, x));                       \
    }

HORNER(float)
HORNER(double)

static void
point(const void *params, const struct qn_lane *lane)
{
    const struct params *p = params;

    if (lane->real == QN_F32)
        each_float(&p->coefficients, lane);
    else
        each_double(&p->coefficients, lane);
}

const struct qn_kernel qn_kernel_polynomial = {
    .name = "polynomial",
    .summary = "a polynomial of each sample",
    .definition =
        "Each sample x becomes c0 + c1 x + c2 x^2 + ..., by Horner's rule: "
        "start with the last coefficient; then, downwards, multiply by x and "
        "add the next; each product and each sum is rounded in the real type, "
        "and so are the coefficients at first. NaN stays NaN, also where "
        "there is only c0.",
    .source = "W. G. Horner, Phil. Trans. R. Soc. 109 (1819) 308-335",
    .kind = QN_KIND_POINT,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "coefficients",
    .prepare = prepare,
    .point = point,
};
