/* Members piled up one after the other, without keeping their samples: the
 * methods that need no rejection; and integers, exactly.
 *
 * The same sums in the same order as in pile.h, so the same bits.  All
 * local. */
#ifndef QN_KERNELS_FOLD_H
#define QN_KERNELS_FOLD_H

#include "kernels/pile.h"

enum { QN_FOLD_WIDTH = 512 };

/* mean, sum, min, max or std of pixels first ... first + width over all
 * members; NaN where no sample counts. */
void
qn_fold_take(
    const struct qn_combine *c, const struct qn_members *m,
    size_t first, size_t width,     /* width at most QN_FOLD_WIDTH   */
    double out[QN_FOLD_WIDTH],
    double kept[QN_FOLD_WIDTH]);    /* out: samples that count       */

/* sum, min or max of integers: exact, at any size.
 * QN_EVALUE: a sum does not fit in 64 bits, or nothing is kept. */
int
qn_fold_exact(
    const struct qn_combine *c, const struct qn_members *m,
    size_t first, size_t width,   /* width at most QN_FOLD_WIDTH, or
                                     QN_PILE_LANES with a pile         */
    const struct qn_pile *pile, /* loaded with these pixels: what it
                                     rejected is left out; NULL: nothing */
    void *out,                    /* [width] of qn_combine_dtype         */
    double *kept,                 /* out: [width]                        */
    struct qn_error *err);

#endif
