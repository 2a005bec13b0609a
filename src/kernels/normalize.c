/* normalize: divide an item by its own median, mean or largest sample.  The
 * result's memory serves as scratch for the statistic: nothing else is
 * allocated, however large the item. */
#include <math.h>

#include "kernels/real.h"
#include "kernels/stats.h"
#include "kernels/walk.h"
#include "model/params.h"
#include "quern/kernel.h"

enum by { BY_MEDIAN, BY_MEAN, BY_MAX };

struct params {
    int by; /* enum by */
    struct qn_section region;
};

static const struct qn_option options[] = {
    {"by", QN_OPTION_CHOICE, offsetof(struct params, by), "median",
     "median|mean|max", NULL, "The statistic to divide by."},
    {"region", QN_OPTION_SECTION, offsetof(struct params, region), "", NULL,
     NULL, "The part of the item the statistic is taken of; default all."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
region_of(struct qn_box *box, const struct params *p,
          const struct qn_shape *shape, struct qn_error *err)
{
    if (p->region.ndims > 0)
        return qn_params_section_fit(box, &p->region, shape, err);
    *box = qn_shape_box(shape);
    return 0;
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    struct qn_box box;

    *out = *in;
    return region_of(&box, params, &in->shape, err);
}

/* The finite samples of the box, one behind the other; returns how many. */
static size_t
gather(void *dst, const struct qn_array *in, const struct qn_box *box)
{
    const enum qn_dtype real = in->type.dtype;
    const size_t size = real == QN_F32 ? sizeof(float) : sizeof(double);
    struct qn_walk w;
    size_t n = 0;

    for (qn_walk_start(&w, box, &in->type.shape); w.more; qn_walk_next(&w))
        n += qn_stats_gather((char *)dst + n * size,
                             (const char *)in->data + (size_t)w.first * size,
                             real, (size_t)w.n, w.step, QN_STATS_FINITE);
    return n;
}

static double
statistic(int by, void *v, enum qn_dtype real, size_t n)
{
    if (by == BY_MEDIAN)
        return qn_stats_median(v, real, n);
    return by == BY_MEAN ? qn_stats_mean(v, real, n) : qn_stats_max(v, real, n);
}

static void
divide(const struct qn_array *out, const struct qn_array *in, double by)
{
    const enum qn_dtype real = in->type.dtype;
    const int64_t n = qn_shape_count(&in->type.shape);

    for (int64_t i = 0; i < n; i++)
        qn_real_put(out->data, real, i, qn_real_get(in->data, real, i) / by);
}

static int
apply(const void *params, const struct qn_call *call, struct qn_error *err)
{
    static const char *const names[] = {"median", "mean", "largest sample"};
    const struct params *p = params;
    const struct qn_array *in = call->in;
    struct qn_box box;
    size_t n;
    double by;

    QN_TRY(region_of(&box, p, &in->type.shape, err));
    n = gather(call->out->data, in, &box);
    if (n == 0)
        return qn_fail(err, QN_EVALUE,
                       "no finite sample%s, so there is nothing to "
                       "divide by; exclude this item",
                       p->region.ndims > 0 ? " in the region" : "");
    by = statistic(p->by, call->out->data, in->type.dtype, n);
    if (by == 0 || !isfinite(by))
        return qn_fail(err, QN_EVALUE,
                       "the %s is %g, which nothing can be divided "
                       "by; exclude this item, or choose another statistic or "
                       "region",
                       names[p->by], by);
    divide(call->out, in, by);
    return 0;
}

const struct qn_kernel qn_kernel_normalize = {
    .name = "normalize",
    .summary = "divide by the item's own median, mean or largest sample",
    .definition =
        "Every sample is divided by one statistic of the finite samples of "
        "the item (of region, where given; it may have fewer axes than the "
        "item, then it names the trailing ones). median: of an even count the "
        "mean of the two middle samples, in float64; mean: the sum, in "
        "float64, in row-major order, divided by the count; max: the largest. "
        "The quotient is computed in float64 and rounded once to the real "
        "type; NaN stays NaN. A statistic that is 0 or not finite, or no "
        "finite sample at all, fails the item.",
    .kind = QN_KIND_OTHER,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "by",
    .type = type,
    .apply = apply,
};
