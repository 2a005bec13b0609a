/* The loop of a kernel that takes one operand, sample by sample.
 *
 * EXPR is an expression in x, the item's sample, and v, the operand's; both
 * have the lane's real type T, so that each operation is rounded there.
 */
#ifndef QN_KERNELS_POINT_H
#define QN_KERNELS_POINT_H

#include "quern/kernel.h"

#define QN_POINT_LOOP(T, lane, EXPR)                                         \
    do {                                                                     \
        T *restrict x_ = (lane)->x;                                          \
        const T *restrict v_ = (lane)->feed[0].v;                            \
        if ((lane)->feed[0].one) {                                           \
            const T v = v_[0];                                               \
            for (size_t i_ = 0; i_ < (lane)->n; i_++) {                      \
                const T x = x_[i_];                                          \
                x_[i_] = (EXPR);                                             \
            }                                                                \
        } else {                                                             \
            for (size_t i_ = 0; i_ < (lane)->n; i_++) {                      \
                const T x = x_[i_], v = v_[i_];                              \
                x_[i_] = (EXPR);                                             \
            }                                                                \
        }                                                                    \
    } while (0)

/* The same without an operand. */
#define QN_POINT_ALONE(T, lane, EXPR)                                        \
    do {                                                                     \
        T *restrict x_ = (lane)->x;                                          \
        for (size_t i_ = 0; i_ < (lane)->n; i_++) {                          \
            const T x = x_[i_];                                              \
            x_[i_] = (EXPR);                                                 \
        }                                                                    \
    } while (0)

#endif
