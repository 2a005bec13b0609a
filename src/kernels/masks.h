/* What the files of the kernel `masks` share.  All local, pure. */
#ifndef QN_KERNELS_MASKS_H
#define QN_KERNELS_MASKS_H

#include <stdint.h>

#include "quern/error.h"

/* How many masks a text like "disk(64, 64, 20); all" names: shapes with their
 * numbers, separated by ';'.  QN_EJOB says what is wrong with it. */
int
qn_masks_shapes_count(int64_t *n, const char *text, struct qn_error *err);

/* Draw them: 1 where the middle of a sample lies in the shape, else 0. */
void
qn_masks_shapes_draw(
    double *mask, /* [n, ny, nx] */
    int64_t ny, int64_t nx, const char *text);

#endif
