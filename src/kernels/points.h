/* Applying point kernels one after the other to the samples of an array.
 * Local. */
#ifndef QN_KERNELS_POINTS_H
#define QN_KERNELS_POINTS_H

#include "quern/kernel.h"

/* A point kernel with its options and operands; all borrowed. */
struct qn_point {
    const struct qn_kernel *kernel;
    const void *params;
    int noperands;
    const struct qn_array *const *operand; /* [noperands] of a's type, their
                             shapes fit a's (qn_shape_fits)               */
    const char *const *names; /* [noperands], QN_OPERANDS_NAMED only      */
};

/* Apply p[0] ... p[n - 1] to a in place, on at most so many threads.  a is of
 * a real type. */
int
qn_points_run(
    const struct qn_point *p, int n, const struct qn_array *a, int threads, struct qn_error *err);

/* The same for consecutive samples of an item of that shape, from sample
 * `first` on: a, whose own shape says only how many.  first is a multiple of
 * the length of the last axis. */
int
qn_points_part(
    const struct qn_point *p, int n, const struct qn_shape *item, size_t first,
    const struct qn_array *a, int threads, struct qn_error *err);

/* The same for samples that are of any type yet: from is converted to a, tile
 * by tile, before the steps; n may be 0.  As many samples in both; their
 * memory does not overlap. */
int
qn_points_from(
    const struct qn_point *p, int n, const struct qn_shape *item, size_t first,
    const struct qn_array *from, const struct qn_array *a, int threads,
    struct qn_error *err);

#endif
