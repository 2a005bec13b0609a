/* A sorting network over rows of lanes: Batcher's merge exchange (Knuth, The
 * Art of Computer Programming 3, 5.2.2, algorithm M).  The same comparisons
 * whatever the samples are, so that all lanes go in step. */
#ifndef QN_KERNELS_NETWORK_H
#define QN_KERNELS_NETWORK_H

#include <stddef.h>

/* The body of a function that sorts each of the LANES columns of v[n][LANES]
 * of that type, ascending; no NaN.  Two conditions, so that the compiler sees
 * a minimum and a maximum; of 0 and -0, which compare equal, one takes both
 * places. */
#define QN_NETWORK(type, lanes, v, n)                                          \
    {                                                                          \
        size_t top = 1;                                                        \
                                                                               \
        while (2 * top < (n))                                                  \
            top *= 2;                                                          \
        for (size_t p = top; p > 0; p /= 2) {                                  \
            size_t q = top, r = 0, d = p;                                      \
                                                                               \
            for (;;) {                                                         \
                for (size_t i = 0; i + d < (n); i++) {                         \
                    type *restrict a = (v) + i * (lanes);                      \
                    type *restrict b = (v) + (i + d) * (lanes);                \
                                                                               \
                    if ((i & p) != r)                                          \
                        continue;                                              \
                    for (int l = 0; l < (lanes); l++) {                        \
                        const type x = a[l], y = b[l];                         \
                        const type low = x < y ? x : y;                        \
                        const type high = x > y ? x : y;                       \
                                                                               \
                        a[l] = low;                                            \
                        b[l] = high;                                           \
                    }                                                          \
                }                                                              \
                if (q == p)                                                    \
                    break;                                                     \
                d = q - p;                                                     \
                q /= 2;                                                        \
                r = p;                                                         \
            }                                                                  \
        }                                                                      \
    }

#endif
