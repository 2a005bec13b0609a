/* Stencils over a grid, tile by tile: what any caller needs, whether it has
 * the whole grid or a block of it with a halo.  Local.
 *
 * Several steps of an iterated stencil are taken on a tile while it is in
 * cache: the first on the tile grown by the radius of the steps that follow,
 * each further one on a box smaller by one radius.  They go down the tile
 * together, some rows each in turn, and keep only the rows between them.
 * Samples near the edges of tiles are computed by more than one tile, with the
 * same bits. */
#ifndef QN_KERNELS_SWEEP_H
#define QN_KERNELS_SWEEP_H

#include "quern/kernel.h"

struct qn_sweep {
    const struct qn_kernel *kernel; /* borrowed, as the params */
    const void *params;
    struct qn_type grid;            /* the whole grid, as it comes in     */
    struct qn_halo halo;
    int64_t block;                  /* steps that pay in one run: at least 1,
                                       at most halo.steps                 */
    int threads;                    /* to use; 0 is 1                     */
    /* On the calling thread, after each of the tiles that it does: whatever is
     * to go on meanwhile; NULL: nothing. */
    void (*poll)(void *whom);
    void *whom;                     /* borrowed                           */
    bool spend;                     /* qn_sweep_item may overwrite in     */
};

/* Ready to run the kernel on grids of this type; fails as halo() does. */
int
qn_sweep_make(
    struct qn_sweep *s, const struct qn_kernel *kernel, const void *params,
    const struct qn_type *grid, struct qn_error *err);

/* Take `steps` steps from in to out, over memory once.  in covers the box of
 * out grown by steps * radius: where the grid ends it ends too, but along an
 * axis that wraps it goes on (with indices below 0 and from the length on),
 * unless it has all of the axis.  They must not overlap.
 * QN_ENOMEM, and what the kernel says. */
int
qn_sweep_run(
    const struct qn_sweep *s, const struct qn_region *in,
    const struct qn_region *out, int64_t steps, struct qn_error *err);

/* All steps on a whole item; out has the type that the kernel says. */
int
qn_sweep_item(
    const struct qn_sweep *s, const struct qn_array *in, struct qn_array *out,
    struct qn_error *err);

/* The whole of an array as a region of itself. */
struct qn_region
qn_sweep_region(const struct qn_array *a);

#endif
