/* moving-mean: the mean of a sample and those before it along an axis. */
#include <math.h>

#include "model/dtype.h"
#include "model/shape.h"
#include "quern/kernel.h"

enum { COLUMNS = 512 };

struct params {
    int64_t window;
    int64_t axis;
};

static const struct qn_option options[] = {
    {"window", QN_OPTION_INTEGER, offsetof(struct params, window), NULL, NULL,
     "samples", "How many samples are averaged: this one and those before."},
    {"axis", QN_OPTION_INTEGER, offsetof(struct params, axis), "0", NULL, NULL,
     "Along which axis, from 0, or from -1 at the end."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    if (p->window < 1)
        return qn_fail(err, QN_EJOB,
                       "moving-mean: window is a number of samples from 1");
    if (p->axis < -QN_MAX_DIMS || p->axis >= QN_MAX_DIMS)
        return qn_fail(err, QN_EJOB, "moving-mean: there is no axis %lld",
                       (long long)p->axis);
    return 0;
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    const struct params *p = params;
    const int64_t axis = p->axis + (p->axis < 0 ? in->shape.ndims : 0);

    *out = *in;
    if (axis < 0 || axis >= in->shape.ndims)
        return qn_fail(err, QN_ESHAPE, "there is no axis %lld: the item has %d",
                       (long long)p->axis, in->shape.ndims);
    return 0;
}

/* The results of n neighbouring columns at place k: all samples of the window
 * anew, so that no rounding is carried along the axis. */
static void
average(double *sum, double *count, const struct qn_array *in, size_t at,
        size_t stride, int64_t k, int64_t window, size_t n)
{
    const size_t size = qn_dtype_size(in->type.dtype);
    const int64_t from = k + 1 < window ? 0 : k + 1 - window;
    double x[COLUMNS];

    for (size_t i = 0; i < n; i++)
        sum[i] = count[i] = 0;
    for (int64_t j = from; j <= k; j++) {
        (void)qn_dtype_convert(
            x, QN_F64,
            (const char *)in->data + (at + (size_t)j * stride) * size,
            in->type.dtype, n, NULL);
        for (size_t i = 0; i < n; i++) {
            sum[i] += x[i] == x[i] ? x[i] : 0;
            count[i] += x[i] == x[i] ? 1 : 0;
        }
    }
    for (size_t i = 0; i < n; i++)
        sum[i] = count[i] > 0 ? sum[i] / count[i] : NAN;
}

static int
apply(const void *params, const struct qn_call *call, struct qn_error *err)
{
    const struct params *p = params;
    const struct qn_shape *s = &call->in->type.shape;
    const int axis = (int)(p->axis + (p->axis < 0 ? s->ndims : 0));
    const size_t size = qn_dtype_size(call->out->type.dtype);
    const size_t total = (size_t)qn_shape_count(s), length = (size_t)s->n[axis];
    double sum[COLUMNS], count[COLUMNS];
    size_t stride = 1;

    for (int a = axis + 1; a < s->ndims; a++)
        stride *= (size_t)s->n[a];
    for (size_t outer = 0; outer < total; outer += length * stride)
        for (int64_t k = 0; k < s->n[axis]; k++)
            for (size_t column = 0; column < stride; column += COLUMNS) {
                const size_t n =
                    stride - column < COLUMNS ? stride - column : COLUMNS;
                const size_t at = outer + column;

                average(sum, count, call->in, at, stride, k, p->window, n);
                QN_TRY(qn_dtype_convert((char *)call->out->data +
                                            (at + (size_t)k * stride) * size,
                                        call->out->type.dtype, sum, QN_F64, n,
                                        err));
            }
    return 0;
}

const struct qn_kernel qn_kernel_moving_mean = {
    .name = "moving-mean",
    .summary = "the mean of a sample and those before it along an axis",
    .definition =
        "Sample k along axis becomes the mean of samples k - window + 1 to k; "
        "the first window - 1 average what there is. The samples of a window "
        "are added in float64, in item order, and the mean is rounded once to "
        "the real type. NaN samples do not count; a window of only NaN is "
        "NaN. Time grows with window.",
    .kind = QN_KIND_OTHER,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "window",
    .prepare = prepare,
    .type = type,
    .apply = apply,
};
