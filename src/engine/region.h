/* Boxes of a block's memory.  Local, pure. */
#ifndef QN_ENGINE_REGION_H
#define QN_ENGINE_REGION_H

#include "model/shape.h"
#include "quern/kernel.h"

/* A box of memory that holds the box `memory` of the grid, row-major. */
struct qn_region
qn_region_of(
    const struct qn_type *grid, const struct qn_box *memory, const struct qn_box *box,
    void *data);

/* From one memory to another, row by row; both of one type and count. */
void
qn_region_copy(const struct qn_region *to, const struct qn_region *from);

/* Samples of a box of steps of 1. */
int64_t
qn_region_samples(const struct qn_box *b);

/* What two boxes have in common; every count is 0 where that is nothing. */
struct qn_box
qn_region_common(const struct qn_box *a, const struct qn_box *b);

#endif
