/* clip: bring samples into a range.  Sample by sample. */
#include <math.h>

#include "kernels/point.h"

struct params {
    double min, max; /* NaN: not given */
};

static const struct qn_option options[] = {
    {"min", QN_OPTION_NUMBER, offsetof(struct params, min), "", NULL, NULL,
     "Smaller samples become this."},
    {"max", QN_OPTION_NUMBER, offsetof(struct params, max), "", NULL, NULL,
     "Larger samples become this."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    if (isnan(p->min) && isnan(p->max))
        return qn_fail(err, QN_EJOB,
                       "clip has neither min nor max; give at least one");
    if (p->min > p->max)
        return qn_fail(err, QN_EJOB,
                       "clip has min %g above max %g; exchange them", p->min,
                       p->max);
    return 0;
}

static void
point(const void *params, const struct qn_lane *lane)
{
    const struct params *p = params;

    // A comparison with NaN is false: a NaN sample stays, and so does every
    // sample against a bound that was not given.
    if (lane->real == QN_F32) {
        const float min = (float)p->min, max = (float)p->max;
        QN_POINT_ALONE(float, lane, x<min ? min : x> max ? max : x);
    } else {
        const double min = p->min, max = p->max;
        QN_POINT_ALONE(double, lane, x<min ? min : x> max ? max : x);
    }
}

const struct qn_kernel qn_kernel_clip = {
    .name = "clip",
    .summary = "bring samples into a range",
    .definition =
        "A sample below min becomes min, a sample above max becomes max; all "
        "others, NaN among them, stay. The bounds are first rounded to the "
        "real type. Either may be absent, not both.",
    .kind = QN_KIND_POINT,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .prepare = prepare,
    .point = point,
};
