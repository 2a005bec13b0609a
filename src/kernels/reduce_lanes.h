/* Adding samples up: many to one result, side by side in lanes, or one each to
 * many results.  NaN does not count.
 *
 * Sums have one order, whatever instructions there are: lane l takes samples
 * l, l + 16, l + 32 and so on.  All local. */
#ifndef QN_KERNELS_REDUCE_LANES_H
#define QN_KERNELS_REDUCE_LANES_H

#include <math.h>

#include "kernels/reduce.h"

enum { QN_REDUCE_LANES = 16 };

/* Partial results of a run of samples. */
struct qn_reduce_lanes {
    double sum[QN_REDUCE_LANES]; /* or the least, the largest, squares of
                                    deviations                             */
    double weight[QN_REDUCE_LANES]; /* samples that count, or the sum of
                                       their weights                       */
};

/* What is added. */
struct qn_reduce_block {
    enum qn_reduce_method method;
    bool squares;    /* of deviations from the mean: second pass of std    */
    const double *x; /* [n]                                                */
    const double *w; /* [n]; NULL: all count the same                      */
    size_t n;
};

/* The result of nothing. */
static inline double
qn_reduce_lanes_none(enum qn_reduce_method method)
{
    return method == QN_REDUCE_MIN   ? INFINITY
           : method == QN_REDUCE_MAX ? -INFINITY
                                     : 0;
}

/* Two partial results become one. */
static inline double
qn_reduce_lanes_join(enum qn_reduce_method method, double a, double b)
{
    switch (method) {
    case QN_REDUCE_MIN: return b < a ? b : a;
    case QN_REDUCE_MAX: return b > a ? b : a;
    default: return a + b;
    }
}

void
qn_reduce_lanes_begin(struct qn_reduce_lanes *r, enum qn_reduce_method method);

/* b->n is a multiple of QN_REDUCE_LANES; mean: that of the result. */
void
qn_reduce_lanes_add(
    struct qn_reduce_lanes *r, const struct qn_reduce_block *b, double mean);

/* 8 lanes onto 8, 4 onto 4 and so on: the first has it all. */
void
qn_reduce_lanes_end(struct qn_reduce_lanes *r, enum qn_reduce_method method);

/* Sample i to result i: sum[i] and weight[i]; mean: [n], where b->squares. */
void
qn_reduce_lanes_columns(
    double *sum, double *weight, const struct qn_reduce_block *b,
    const double *mean);

#endif
