/* normalize: divide an item by its own median, mean or largest sample. */
#include <math.h>

#include "kernels/real.h"
#include "kernels/whole.h"
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

static int
ask(const void *params, const struct qn_type *in, struct qn_statistic *s,
    struct qn_error *err)
{
    static const enum qn_statistic_of of[] = {
        QN_STATISTIC_MEDIAN, QN_STATISTIC_MEAN, QN_STATISTIC_MAX};
    const struct params *p = params;
    struct qn_box box;

    QN_TRY(region_of(&box, p, &in->shape, err));
    s->of = of[p->by];
    for (int a = 0; a < box.ndims; a++) {
        s->start[a] = box.start[a];
        s->count[a] = box.count[a];
        s->step[a] = box.step[a];
    }
    return 0;
}

static int
check(const void *params, const struct qn_statistic *s, struct qn_error *err)
{
    static const char *const names[] = {"median", "mean", "largest sample"};
    const struct params *p = params;

    if (s->finite == 0)
        return qn_fail(err, QN_EVALUE,
                       "no finite sample%s, so there is nothing to "
                       "divide by; exclude this item",
                       p->region.ndims > 0 ? " in the region" : "");
    if (s->value == 0 || !isfinite(s->value))
        return qn_fail(err, QN_EVALUE,
                       "the %s is %g, which nothing can be divided "
                       "by; exclude this item, or choose another statistic or "
                       "region",
                       names[p->by], s->value);
    return 0;
}

static void
use(const void *params, double value, const struct qn_lane *lane)
{
    (void)params;
    for (int64_t i = 0; i < (int64_t)lane->n; i++)
        qn_real_put(lane->x, lane->real, i,
                    qn_real_get(lane->x, lane->real, i) / value);
}

static const struct qn_overall overall = {ask, check, use};

static int
apply(const void *params, const struct qn_call *call, struct qn_error *err)
{
    return qn_whole_apply(&overall, params, call, err);
}

const struct qn_kernel qn_kernel_normalize = {
    .name = "normalize",
    .summary = "divide by the item's own median, mean or largest sample",
    .definition =
        "Every sample is divided by one statistic of the finite samples of "
        "the item (of region, where given; it may have fewer axes than the "
        "item, then it names the trailing ones). median: of an even count the "
        "mean of the two middle samples, in float64; mean: the exact "
        "sum, rounded to float64, divided by the count; max: the largest. "
        "The quotient is computed in float64 and rounded once to the real "
        "type; NaN stays NaN. A statistic that is 0 or not finite, or no "
        "finite sample at all, fails the item.",
    .kind = QN_KIND_OTHER,
    .version = 2,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "by",
    .type = type,
    .apply = apply,
    .overall = &overall,
};
