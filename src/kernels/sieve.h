/* Combining by order of size where the exact deviation need not be known.
 *
 * Samples are ranked in their own type, many pixels in step.  Sigma-clipping
 * about the median then needs of the deviation only on which side of a
 * threshold the outermost samples lie: a float32 estimate with a bound of its
 * error tells that of nearly all pixels.  The others are called doubtful and
 * are left to pile.h, so what comes out are the bits of pile.h.  All local;
 * knows neither files nor options.
 *
 *     if (qn_sieve_suits(c, &m))
 *         qn_sieve_make(&s, c, &m, err)
 *         for each few pixels:
 *             qn_sieve_take(&s, first, width)   -> value, kept, doubtful
 *         qn_sieve_clear(&s)
 */
#ifndef QN_KERNELS_SIEVE_H
#define QN_KERNELS_SIEVE_H

#include "kernels/pile.h"

enum { QN_SIEVE_LANES = 32 };

struct qn_sieve {
    const struct qn_combine *c;   /* borrowed, like m                     */
    const struct qn_members *m;
    void *ranked; /* owned: [n][LANES] of the members' type, each lane
                     ascending; what is rejected is replaced by the pivot */

    /* Of each lane: ranked[first ... first + kept) are kept, from lowest to
     * highest, center is their median; about and squares are sums of
     * x - pivot and its square over them. */
    size_t first[QN_SIEVE_LANES];
    double kept[QN_SIEVE_LANES];
    double lowest[QN_SIEVE_LANES], highest[QN_SIEVE_LANES];
    double center[QN_SIEVE_LANES], pivot[QN_SIEVE_LANES];
    double about[QN_SIEVE_LANES], squares[QN_SIEVE_LANES];

    double value[QN_SIEVE_LANES];  /* the result; NaN where none is kept   */
    bool doubtful[QN_SIEVE_LANES]; /* its value and kept say nothing       */
};

/* Bytes that qn_sieve_make allocates, at most. */
size_t
qn_sieve_bytes(size_t n);

/* Can these be combined here? */
bool
qn_sieve_suits(const struct qn_combine *c, const struct qn_members *m);

int
qn_sieve_make(
    struct qn_sieve *s, const struct qn_combine *c,
    const struct qn_members *m, struct qn_error *err);

void
qn_sieve_clear(struct qn_sieve *s);

/* Combine pixels first ... first + width. */
void
qn_sieve_take(
    struct qn_sieve *s, size_t first,
    size_t width); /* at most QN_SIEVE_LANES */

#endif
