/* subtract: subtract an operand from each sample.  Sample by sample; knows
 * nothing of where the operand comes from or how it was broadcast. */
#include "kernels/clones.h"
#include "kernels/point.h"

QN_CLONES_WIDE static void
point(const void *params, const struct qn_lane *lane)
{
    (void)params;
    if (lane->real == QN_F32)
        QN_POINT_LOOP(float, lane, x - v);
    else
        QN_POINT_LOOP(double, lane, x - v);
}

const struct qn_kernel qn_kernel_subtract = {
    .name = "subtract",
    .summary = "subtract an operand from each sample",
    .definition =
        "Each sample x becomes x - v, computed and rounded in the real type, "
        "where v is the operand's sample at the same place. The operand's "
        "shape is the item's, or is broadcast to it from the trailing axes "
        "(length 1 or equal). NaN in either gives NaN.",
    .kind = QN_KIND_POINT,
    .version = 1,
    .real = true,
    .operands = QN_OPERANDS_ONE,
    .point = point,
};
