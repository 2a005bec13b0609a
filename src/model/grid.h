/* Cutting a grid: into tiles, and into the blocks of ranks.  All local, pure.
 *
 * The lattice of tiles follows from the shape alone, so whatever is done tile
 * by tile, in row-major order of the tiles, gives the same bytes for any
 * number of ranks and threads.  Blocks are boxes of whole tiles; a rank's halo
 * is "block grown, minus block".  Axes in front of the last three are never
 * cut between ranks. */
#ifndef QN_MODEL_GRID_H
#define QN_MODEL_GRID_H

#include "model/shape.h"

/* Samples of a tile, at most: 256 KiB of float64. */
#define QN_TILE_SAMPLES 32768

struct qn_lattice {
    struct qn_shape shape;
    int64_t edge[QN_MAX_DIMS];  /* samples of a tile along each axis; the
                                   last along an axis may have fewer        */
    int64_t tiles[QN_MAX_DIMS]; /* tiles along each axis                    */
    int64_t ntiles;             /* in all; 0 where the shape has no samples */
};

/* From an edge of 1, the shortest of the last three (the later of equals) is
 * doubled until the tile is full or the grid's own length is reached: 32768;
 * 128 x 256; 32 x 32 x 32. */
void
qn_grid_lattice(struct qn_lattice *l, const struct qn_shape *s);

/* Tile i, 0 ... ntiles - 1, in row-major order of the tiles. */
struct qn_box
qn_grid_tile(const struct qn_lattice *l, int64_t i);

/* How a grid is cut into blocks. */
struct qn_cut {
    struct qn_lattice lattice;
    int parts[QN_MAX_DIMS]; /* blocks along each axis                       */
    int nblocks;            /* at most the ranks: the others idle           */
};

/* The cut for so many ranks whose largest block, with what its halo costs, is
 * the smallest; where several are, the one with long rows.  radius: samples
 * that a block needs to be given beyond its faces, along each axis.  No block
 * is thinner than that along an axis that is cut, so halos come from
 * neighbours only, and fewer blocks than ranks may come out. */
void
qn_grid_cut(
    struct qn_cut *c, const struct qn_shape *s, int ranks,
    const int64_t radius[QN_MAX_DIMS]);

/* Block i, 0 ... nblocks - 1, in row-major order of the blocks; every count is
 * 0 for any other i. */
struct qn_box
qn_grid_block(const struct qn_cut *c, int i);

/* A box with its halo: grown by radius on both sides, as far as the grid
 * reaches; along a periodic axis beyond it (starts may be negative). */
struct qn_box
qn_grid_grow(
    const struct qn_shape *s, const struct qn_box *box,
    const int64_t radius[QN_MAX_DIMS], const bool periodic[QN_MAX_DIMS]);

/* The block at a step of -1, 0 or 1 along each axis from block i, around the
 * edge where the grid is periodic there; -1: none. */
int
qn_grid_neighbour(
    const struct qn_cut *c, int i, const int step[QN_MAX_DIMS],
    const bool periodic[QN_MAX_DIMS]);

#endif
