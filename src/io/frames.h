/* `frames`: which places along the leading axis an expression is true for.
 * All local; knows no file. */
#ifndef QN_IO_FRAMES_H
#define QN_IO_FRAMES_H

#include "io/column.h"

struct qn_frames {
    int64_t *index; /* owned, [n]: increasing */
    int64_t n;
};

/* Where the values of a name come from: n of them into c, which is zero. */
typedef int
qn_frames_load(
    void *ctx, const char *name, int64_t n, struct qn_column *c,
    struct qn_error *err);

/* Those of n places for which text is true.  The name `frame` is the place,
 * from 0; has(NAME) asks whether load finds it.  QN_EJOB for what is no
 * expression, QN_EMISSING, QN_ESHAPE for a name, QN_EVALUE where it cannot be
 * evaluated or is true for none (the sentence says which values there are). */
int
qn_frames_make(
    struct qn_frames *f, const char *text, int64_t n, qn_frames_load *load,
    void *ctx, struct qn_error *err);

/* How many of the count chosen places at, at + step, ... lie evenly in the
 * file: *start is the first, *stride their distance there. */
int64_t
qn_frames_run(
    const struct qn_frames *f, int64_t at, int64_t step, int64_t count,
    int64_t *start, int64_t *stride);

void
qn_frames_clear(struct qn_frames *f);

#endif
