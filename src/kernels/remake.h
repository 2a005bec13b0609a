/* Kernels that make boxes of boxes (struct qn_regrid), on samples in memory.
 * Local. */
#ifndef QN_KERNELS_REMAKE_H
#define QN_KERNELS_REMAKE_H

#include "quern/kernel.h"

/* out, a box of what comes out.  held[j]: a region of the whole item in which
 * all of source j is. */
int
qn_remake_box(
    const struct qn_kernel *k, const void *params,
    const struct qn_region held[QN_MAX_SOURCES], const struct qn_region *out,
    struct qn_error *err);

/* All of it. */
int
qn_remake_item(
    const struct qn_kernel *k, const void *params, const struct qn_array *in,
    const struct qn_array *out, struct qn_error *err);

#endif
