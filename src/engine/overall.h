/* Kernels that need one number of the whole grid (struct qn_overall), on a grid
 * that a team shares. */
#ifndef QN_ENGINE_OVERALL_H
#define QN_ENGINE_OVERALL_H

#include "engine/block.h"

/* Collective over the team.  One step, in place. */
int
qn_overall_run(
    struct qn_block *b, const struct qn_kernel *k, const void *params,
    struct qn_error *err);

#endif
