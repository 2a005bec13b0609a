/* The smaller and the larger of two counts. */
#ifndef QN_BASE_LEAST_H
#define QN_BASE_LEAST_H

#include <stdint.h>

static inline int64_t
qn_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t
qn_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
