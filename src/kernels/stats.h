/* Statistics that several kernels share.  All local, pure.
 *
 * The definitions are quern's: a median of an even count is the mean of the
 * two middle samples in float64, sums run in the order of the samples in
 * float64.  NaN never counts: gather first, then ask. */
#ifndef QN_KERNELS_STATS_H
#define QN_KERNELS_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "quern/array.h"

enum qn_stats_take { QN_STATS_NUMBERS /* all but NaN */, QN_STATS_FINITE };

/* Copy the samples that count to dst, keeping their order; returns how many.
 * dst may be the memory of src if step is 1. */
size_t
qn_stats_gather(
    void *dst,               /* [n] of real                           */
    const void *src,         /* n samples of real, step apart         */
    enum qn_dtype real,      /* QN_F32 or QN_F64                      */
    size_t n, int64_t step,  /* step in samples, at least 1           */
    enum qn_stats_take take);

/* The median of n samples without NaN; NaN if n is 0.  Reorders v.  Time
 * linear in n for any input but the most perverse, which cost n log n. */
double
qn_stats_median(void *v, enum qn_dtype real, size_t n);

/* sum / n; NaN if n is 0. */
double
qn_stats_mean(const void *v, enum qn_dtype real, size_t n);

/* The largest of n samples without NaN; NaN if n is 0. */
double
qn_stats_max(const void *v, enum qn_dtype real, size_t n);

/* Sort n samples without NaN, ascending; -0 stands before 0.  Time linear in
 * n. */
void
qn_stats_sort(double *v, double *spare /* [n] */, size_t n);

#endif
