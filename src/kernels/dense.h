/* A region whose samples lie in memory in one piece, as an array of its own. */
#ifndef QN_KERNELS_DENSE_H
#define QN_KERNELS_DENSE_H

#include "model/array.h"
#include "quern/kernel.h"

/* Local, pure.  Borrows the region's memory. */
static inline struct qn_array
qn_dense_array(const struct qn_region *r)
{
    struct qn_type type = r->grid;

    for (int a = 0; a < type.shape.ndims; a++)
        type.shape.n[a] = r->count[a];
    return qn_array_view(&type, r->data);
}

#endif
