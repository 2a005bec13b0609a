/* fill: NaN samples become a value, or the item's median. */
#include <math.h>

#include "kernels/real.h"
#include "kernels/whole.h"
#include "quern/kernel.h"

enum method { METHOD_VALUE, METHOD_MEDIAN };

struct params {
    double value; /* NaN: not given */
    int method;   /* enum method    */
};

static const struct qn_option options[] = {
    {"value", QN_OPTION_NUMBER, offsetof(struct params, value), "", NULL, NULL,
     "What NaN samples become, with method: value."},
    {"method", QN_OPTION_CHOICE, offsetof(struct params, method), "value",
     "value|median", NULL, "Where the value comes from."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    if (p->method == METHOD_VALUE && isnan(p->value))
        return qn_fail(err, QN_EJOB,
                       "fill has no value; give one, or method: median");
    if (p->method == METHOD_MEDIAN && !isnan(p->value))
        return qn_fail(err, QN_EJOB,
                       "fill has a value and method: median; give only one");
    return 0;
}

static int
ask(const void *params, const struct qn_type *in, struct qn_statistic *s,
    struct qn_error *err)
{
    const struct params *p = params;

    (void)err;
    if (p->method == METHOD_VALUE)
        return 0;
    s->of = QN_STATISTIC_MEDIAN;
    s->for_holes = true;
    for (int a = 0; a < in->shape.ndims; a++) {
        s->start[a] = 0;
        s->count[a] = in->shape.n[a];
        s->step[a] = 1;
    }
    return 0;
}

static int
check(const void *params, const struct qn_statistic *s, struct qn_error *err)
{
    (void)params;
    if (s->of == QN_STATISTIC_MEDIAN && s->holes && s->finite == 0)
        return qn_fail(err, QN_EVALUE,
                       "no finite sample to take the median of; "
                       "exclude this item, or give a value");
    return 0;
}

static void
use(const void *params, double value, const struct qn_lane *lane)
{
    const struct params *p = params;

    if (p->method == METHOD_VALUE)
        value = p->value;
    for (int64_t i = 0; i < (int64_t)lane->n; i++)
        if (isnan(qn_real_get(lane->x, lane->real, i)))
            qn_real_put(lane->x, lane->real, i, value);
}

static const struct qn_overall overall = {ask, check, use};

static int
apply(const void *params, const struct qn_call *call, struct qn_error *err)
{
    return qn_whole_apply(&overall, params, call, err);
}

const struct qn_kernel qn_kernel_fill = {
    .name = "fill",
    .summary = "NaN samples become a value, or the item's median",
    .definition =
        "Each NaN sample becomes value, or, with method: median (in short "
        "fill: median), the median of the finite samples of the item (of an "
        "even count the mean of the two middle ones, in float64; 0, not -0); "
        "rounded to the real type. "
        "All other samples, infinities among them, stay. An item with NaN but "
        "without a finite sample fails with method: median.",
    .kind = QN_KIND_OTHER,
    .version = 2,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "value",
    .prepare = prepare,
    .apply = apply,
    .overall = &overall,
};
