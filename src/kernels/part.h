/* A region in memory, as part of an array that begins with its first sample. */
#ifndef QN_KERNELS_PART_H
#define QN_KERNELS_PART_H

#include "model/array.h"
#include "model/shape.h"
#include "quern/kernel.h"

/* Local, pure.  Borrows the region's memory.  Of the array only the region's
 * count along each axis is there; where it lies in one piece, that is all. */
static inline struct qn_array
qn_part_array(const struct qn_region *r)
{
    struct qn_type type = r->grid;

    for (int a = 0; a < type.shape.ndims; a++)
        type.shape.n[a] = a ? r->stride[a - 1] / r->stride[a] : r->count[0];
    return qn_array_view(&type, r->data);
}

/* The region in it. */
static inline struct qn_box
qn_part_box(const struct qn_region *r)
{
    struct qn_box box = {.ndims = r->grid.shape.ndims};

    for (int a = 0; a < box.ndims; a++) {
        box.count[a] = r->count[a];
        box.step[a] = 1;
    }
    return box;
}

/* What struct qn_regrid wants of a kernel whose result has each sample where
 * it was: of the item the same region. */
static inline int
qn_part_same(
    const void *params, const struct qn_shape *in, const struct qn_region *out,
    struct qn_region source[QN_MAX_SOURCES])
{
    (void)params;
    for (int a = 0; a < in->ndims; a++) {
        source[0].start[a] = out->start[a];
        source[0].count[a] = out->count[a];
    }
    return 1;
}

#endif
