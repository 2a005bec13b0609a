/* Kernels whose samples need nothing but their places, on a grid that a team
 * shares: some tiles may take much longer than others, wherever they are, so
 * they are dealt out in turn and brought to the blocks that they are in. */
#ifndef QN_ENGINE_GENERATE_H
#define QN_ENGINE_GENERATE_H

#include "engine/block.h"

/* Local, pure.  Is k such a kernel?  Those that want scratch are swept block by
 * block, as stencils are. */
bool
qn_generate_can(const struct qn_kernel *k);

/* Collective over the team.  One step of such a kernel, in place; the type
 * stays. */
int
qn_generate_run(
    struct qn_block *b, const struct qn_kernel *k, const void *params,
    struct qn_error *err);

#endif
