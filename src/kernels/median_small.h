/* Medians of small windows, by a network of comparisons.  Local, pure. */
#ifndef QN_KERNELS_MEDIAN_SMALL_H
#define QN_KERNELS_MEDIAN_SMALL_H

#include "kernels/edge.h"

/* Samples in the largest window (7 x 7), and the most comparisons. */
enum { QN_MEDIAN_SMALL = 49, QN_MEDIAN_PAIRS = 512 };

struct qn_median_small {
    enum qn_dtype dtype;
    const void *frame; /* borrowed */
    int n;             /* samples in the window */
    int64_t offset[QN_MEDIAN_SMALL];
    int npairs;
    struct {
        unsigned char a, b;
        bool low, high; /* which of the two is used later */
    } pair[QN_MEDIAN_PAIRS];
};

/* The window is that of the frame's radius. */
void
qn_median_small_make(
    struct qn_median_small *m, enum qn_dtype dtype, const void *frame,
    const struct qn_frame *f);

/* n medians, the first of the window around the frame's sample `from`. */
void
qn_median_small_row(
    const struct qn_median_small *m, int64_t from, int64_t n, void *to);

#endif
