/* The list of kernels.  Local. */
#ifndef QN_KERNELS_CATALOG_H
#define QN_KERNELS_CATALOG_H

#include "quern/kernel.h"

/* All kernels, in the order of the help page; ends with NULL. */
const struct qn_kernel *const *
qn_catalog(void);

/* The kernel of that name, or NULL. */
const struct qn_kernel *
qn_catalog_find(const char *name);

#endif
