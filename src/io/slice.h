/* `slice`: which part of a file's array is the item.  All local, pure. */
#ifndef QN_IO_SLICE_H
#define QN_IO_SLICE_H

#include "model/shape.h"

/* The box that n words name: one word an axis, slowest first, "a:b:c", ":",
 * "i" (that axis keeps length 1), from 0, half open, negative numbers count
 * from the end; axes behind the last word are whole.  Or one word "[...]" in
 * FITS order, from 1, inclusive.  QN_ESHAPE where the array has no such part,
 * QN_EJOB where a word cannot be read. */
int
qn_slice_make(
    struct qn_box *box, const struct qn_shape *shape, int n,
    const char *const *word, struct qn_error *err);

/* The part of the whole array that box, counted within base, stands for.
 * QN_ESHAPE where it reaches beyond base. */
int
qn_slice_within(
    struct qn_box *out, const struct qn_box *base, const struct qn_box *box,
    struct qn_error *err);

#endif
