/* fill: NaN samples become a value, or the item's median.  The result's
 * memory serves as scratch for the median. */
#include <math.h>

#include "kernels/real.h"
#include "kernels/stats.h"
#include "model/shape.h"
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
apply(const void *params, const struct qn_call *call, struct qn_error *err)
{
    const struct params *p = params;
    const enum qn_dtype real = call->in->type.dtype;
    const int64_t n = qn_shape_count(&call->in->type.shape);
    const void *in = call->in->data;
    double value = p->value;
    bool holes = false;

    for (int64_t i = 0; i < n && !holes; i++)
        holes = isnan(qn_real_get(in, real, i));
    if (holes && p->method == METHOD_MEDIAN) {
        const size_t kept = qn_stats_gather(call->out->data, in, real,
                                            (size_t)n, 1, QN_STATS_FINITE);

        if (kept == 0)
            return qn_fail(err, QN_EVALUE,
                           "no finite sample to take the median of; "
                           "exclude this item, or give a value");
        value = qn_stats_median(call->out->data, real, kept);
    }
    for (int64_t i = 0; i < n; i++) {
        const double x = qn_real_get(in, real, i);

        qn_real_put(call->out->data, real, i, isnan(x) ? value : x);
    }
    return 0;
}

const struct qn_kernel qn_kernel_fill = {
    .name = "fill",
    .summary = "NaN samples become a value, or the item's median",
    .definition =
        "Each NaN sample becomes value, or, with method: median, the median "
        "of the finite samples of the item (of an even count the mean of the "
        "two middle ones, in float64); rounded to the real type. All other "
        "samples, infinities among them, stay. An item with NaN but without a "
        "finite sample fails with method: median.",
    .kind = QN_KIND_OTHER,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "value",
    .prepare = prepare,
    .apply = apply,
};
