/* What the files of the kernel `reduce` share.  All local. */
#ifndef QN_KERNELS_REDUCE_H
#define QN_KERNELS_REDUCE_H

#include "quern/kernel.h"

enum qn_reduce_method {
    QN_REDUCE_SUM, QN_REDUCE_MEAN, QN_REDUCE_STD, QN_REDUCE_MIN,
    QN_REDUCE_MAX, QN_REDUCE_MEDIAN, QN_REDUCE_COUNT
};

struct qn_reduce {
    struct qn_numbers axis; /* n 0: all                 */
    int method;             /* enum qn_reduce_method    */
    int64_t ddof;
};

/* An item as groups of axes, slowest first, alternately kept and reduced:
 * neighbours of one kind are one, axes of length 1 are none. */
struct qn_reduce_axes {
    int ngroups;               /* at least 1 */
    int64_t n[QN_MAX_DIMS];    /* samples along each */
    bool reduced[QN_MAX_DIMS];
    int64_t stride[QN_MAX_DIMS]; /* of kept groups, in the result */
    int64_t nout;              /* samples of the result          */
    int64_t nper;              /* samples that become one        */
    struct qn_shape out;
};

/* QN_ESHAPE: an axis that the item has not; QN_EJOB: an axis twice. */
int
qn_reduce_axes_make(
    struct qn_reduce_axes *a, const struct qn_reduce *p,
    const struct qn_shape *shape, struct qn_error *err);

/* Where sample `flat` of the item belongs: *out in the result; the samples
 * from it to the end of its run along the last group are returned.  Along a
 * run *out stays where the last group is reduced, else it counts up. */
int64_t
qn_reduce_axes_find(const struct qn_reduce_axes *a, int64_t flat, int64_t *out);

/* The methods that add samples up, and the one that ranks them: the functions
 * of a struct qn_reduction. */
extern const struct qn_reduction qn_reduce_fold;
extern const struct qn_reduction qn_reduce_median;

#endif
