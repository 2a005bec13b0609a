/* Sums of frames under masks, over a tile of pixels.  All local, pure.
 *
 * A tile has as many pixels as QN_MASKS_TILE bytes hold as real samples, or
 * fewer at the end of a frame.  Its pixel p belongs to lane p modulo the number
 * of lanes: as many as QN_MASKS_LANES bytes hold.  A lane starts from 0 and
 * takes its products in order, each multiplied and added with one rounding.
 * Then lanes are added, the upper half to the lower half, until one is left.
 * So a sum is the same on any processor, whatever is computed beside it. */
#ifndef QN_KERNELS_MASKS_TILE_H
#define QN_KERNELS_MASKS_TILE_H

#include <stdint.h>

#include "quern/array.h"

enum {
    QN_MASKS_TILE = 4096,
    QN_MASKS_LANES = 64,
    QN_MASKS_ROW = QN_MASKS_TILE + QN_MASKS_LANES, /* bytes from one row of a
                             panel to the next: not a power of two, so that
                             rows do not meet in a cache                    */
    QN_MASKS_FRAMES = 8   /* the most rows of a panel                       */
};

/* A way to compute them. */
struct qn_masks_tile {
    const char *name; /* of the instructions it is made of                 */
    int frames;       /* rows of a panel, all of which are computed; at most
                         QN_MASKS_FRAMES                                   */

    /* Add to sum[f * step + m] for f < nframes, at most as many as above, and
     * m < nmasks.  n is a whole number of lanes: pixels beyond the end of a
     * frame are 0 in the panel and in the masks. */
    void (*add)(
        double *sum, int64_t step, int64_t nframes, int64_t nmasks,
        const void *panel, /* [frames] rows of QN_MASKS_ROW bytes, real    */
        const void *mask,  /* [nmasks], `stride` real samples apart        */
        int64_t stride, int64_t n);
};

/* Way number i for QN_F32 or QN_F64, the fastest first; NULL: there is none
 * that this processor can go. */
const struct qn_masks_tile *
qn_masks_tile_get(enum qn_dtype real, int i);

#endif
