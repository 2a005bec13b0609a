/* bad-pixels: make samples NaN, by a mask, a range, or both.  Sample by
 * sample. */
#include <math.h>

#include "kernels/point.h"

enum bad { BAD_NONZERO, BAD_ZERO };

struct params {
    int bad;             /* enum bad        */
    double above, below; /* NaN: not given  */
};

static const struct qn_option options[] = {
    {"bad", QN_OPTION_CHOICE, offsetof(struct params, bad), "nonzero",
     "nonzero|zero", NULL, "Which samples of the mask mark a bad pixel."},
    {"above", QN_OPTION_NUMBER, offsetof(struct params, above), "", NULL, NULL,
     "Samples larger than this are bad."},
    {"below", QN_OPTION_NUMBER, offsetof(struct params, below), "", NULL, NULL,
     "Samples smaller than this are bad."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

// A NaN of the mask compares unequal to 0 and unequal to itself: bad in both.
#define MASKED(zero) ((zero) ? (v == 0) | (v != v) : v != 0)

static void
mask(const struct params *p, const struct qn_lane *lane)
{
    const bool zero = p->bad == BAD_ZERO;

    if (lane->real == QN_F32)
        QN_POINT_LOOP(float, lane, MASKED(zero) ? NAN : x);
    else
        QN_POINT_LOOP(double, lane, MASKED(zero) ? NAN : x);
}

static void
range(const struct params *p, const struct qn_lane *lane)
{
    if (lane->real == QN_F32) {
        const float above = (float)p->above, below = (float)p->below;
        QN_POINT_ALONE(float, lane, ((x > above) | (x < below)) ? NAN : x);
    } else {
        const double above = p->above, below = p->below;
        QN_POINT_ALONE(double, lane, ((x > above) | (x < below)) ? NAN : x);
    }
}

static void
point(const void *params, const struct qn_lane *lane)
{
    if (lane->nfeeds > 0)
        mask(params, lane);
    range(params, lane);
}

const struct qn_kernel qn_kernel_bad_pixels = {
    .name = "bad-pixels",
    .summary = "make samples NaN, by a mask or a range",
    .definition =
        "A sample x becomes NaN where x > above, where x < below, or where "
        "the mask (the operand, broadcast to the item from the trailing axes) "
        "marks it: bad: nonzero, where the mask is not 0; bad: zero, where it "
        "is 0; a NaN of the mask marks in both. above and below are first "
        "rounded to the real type; what is not given marks nothing. All other "
        "samples stay.",
    .kind = QN_KIND_POINT,
    .version = 1,
    .real = true,
    .operands = QN_OPERANDS_OPTIONAL,
    .params_size = sizeof(struct params),
    .options = options,
    .point = point,
};
