/* divide: divide each sample by an operand.  Sample by sample; a divisor that
 * is 0, or too small, gives NaN, so that dead pixels of a flat never count
 * later. */
#include <math.h>

#include "kernels/clones.h"
#include "kernels/point.h"

struct params {
    double min; /* NaN: not given */
};

static const struct qn_option options[] = {
    {"min", QN_OPTION_NUMBER, offsetof(struct params, min), "", NULL, NULL,
     "Divisors smaller than this give NaN."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

QN_CLONES_WIDE static void
point(const void *params, const struct qn_lane *lane)
{
    const struct params *p = params;

    // A comparison with NaN is false, so no min needs no loop of its own.
    if (lane->real == QN_F32) {
        const float min = (float)p->min;
        QN_POINT_LOOP(float, lane, ((v == 0) | (v < min)) ? NAN : x / v);
    } else {
        const double min = p->min;
        QN_POINT_LOOP(double, lane, ((v == 0) | (v < min)) ? NAN : x / v);
    }
}

const struct qn_kernel qn_kernel_divide = {
    .name = "divide",
    .summary = "divide each sample by an operand",
    .definition =
        "Each sample x becomes x / v, computed and rounded in the real type, "
        "where v is the operand's sample at the same place. Where v is 0 (of "
        "either sign), or v < min, the result is NaN; min is first rounded to "
        "the real type. The operand's shape is the item's, or is broadcast to "
        "it from the trailing axes (length 1 or equal). NaN in either gives "
        "NaN.",
    .kind = QN_KIND_POINT,
    .version = 1,
    .real = true,
    .operands = QN_OPERANDS_ONE,
    .params_size = sizeof(struct params),
    .options = options,
    .point = point,
};
