/* One sample of an array whose real type is known only at run time.
 *
 * For loops that are not hot: the branch is the same for the whole array. */
#ifndef QN_KERNELS_REAL_H
#define QN_KERNELS_REAL_H

#include <stddef.h>

#include "quern/array.h"

static inline double
qn_real_get(const void *v, enum qn_dtype real, int64_t i)
{
    return real == QN_F32 ? (double)((const float *)v)[i]
                          : ((const double *)v)[i];
}

/* Rounded once. */
static inline void
qn_real_put(void *v, enum qn_dtype real, int64_t i, double x)
{
    if (real == QN_F32)
        ((float *)v)[i] = (float)x;
    else
        ((double *)v)[i] = x;
}

#endif
