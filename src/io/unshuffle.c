/* Putting the bytes of samples side by side again: see unshuffle.h.
 *
 * Samples of two, four and eight bytes are put together as numbers, so that
 * the compiler does many at a time.  Knows nothing of files. */
#include "io/unshuffle.h"

#include <stdint.h>
#include <string.h>

#define BLOCK 64 // samples at a time; a constant, for the vectoriser

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SHIFT(T, j) (8 * (j))
#else
#define SHIFT(T, j) (8 * (sizeof(T) - 1 - (j)))
#endif

#define BYTE(T, j) ((T)((T)p[(j) * stride + i + k] << SHIFT(T, j)))

// EXPR is sample i + k.
#define JOIN(T, EXPR)                                                          \
    do {                                                                       \
        for (; n - i >= BLOCK; i += BLOCK) {                                   \
            T v[BLOCK];                                                        \
                                                                               \
            for (size_t k = 0; k < BLOCK; k++)                                 \
                v[k] = (T)(EXPR);                                              \
            memcpy(to + i * sizeof(T), v, sizeof v);                           \
        }                                                                      \
    } while (0)

void
qn_unshuffle(void *dst, const void *planes, size_t n, size_t size,
             size_t stride)
{
    const unsigned char *p = planes;
    unsigned char *to = dst;
    size_t i = 0;

    if (size == 1) {
        memcpy(dst, planes, n);
        return;
    }
    if (size == 2)
        JOIN(uint16_t, BYTE(uint16_t, 0) | BYTE(uint16_t, 1));
    else if (size == 4)
        JOIN(uint32_t, BYTE(uint32_t, 0) | BYTE(uint32_t, 1) |
                           BYTE(uint32_t, 2) | BYTE(uint32_t, 3));
    else if (size == 8)
        JOIN(uint64_t, BYTE(uint64_t, 0) | BYTE(uint64_t, 1) |
                           BYTE(uint64_t, 2) | BYTE(uint64_t, 3) |
                           BYTE(uint64_t, 4) | BYTE(uint64_t, 5) |
                           BYTE(uint64_t, 6) | BYTE(uint64_t, 7));
    for (; i < n; i++)
        for (size_t j = 0; j < size; j++)
            to[i * size + j] = p[j * stride + i];
}
