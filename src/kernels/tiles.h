/* The tiles by which samples are added up: runs of consecutive samples that
 * follow from the shape alone.
 *
 * A tile is as many whole rows (include/quern/reduction.h) as QN_TILE_SAMPLES
 * samples hold, a power of two; a longer row is cut into tiles of
 * QN_TILE_SAMPLES samples, and what is left.  All local, pure. */
#ifndef QN_KERNELS_TILES_H
#define QN_KERNELS_TILES_H

#include "kernels/reduce_run.h"
#include "model/grid.h"

struct qn_tiles {
    int64_t row;    /* samples of a row             */
    int64_t rows;   /* rows of a tile, at least 1   */
    int64_t pieces; /* tiles of a row, at least 1   */
};

static inline struct qn_tiles
qn_tiles_of(const struct qn_shape *shape)
{
    struct qn_tiles t = {.rows = 1, .pieces = 1};
    int64_t all;

    qn_reduce_run_rows(shape, &all, &t.row);
    while (2 * t.rows * t.row <= QN_TILE_SAMPLES && t.rows < all)
        t.rows *= 2;
    if (t.row > QN_TILE_SAMPLES)
        t.pieces = (t.row + QN_TILE_SAMPLES - 1) / QN_TILE_SAMPLES;
    return t;
}

/* Tiles of a slab of n rows. */
static inline int64_t
qn_tiles_count(const struct qn_tiles *t, int64_t n)
{
    return (n + t->rows - 1) / t->rows * t->pieces;
}

/* Tile i of a slab of n rows: count samples from sample *at of the slab. */
static inline int64_t
qn_tiles_get(const struct qn_tiles *t, int64_t n, int64_t i, int64_t *at)
{
    const int64_t group = i / t->pieces, piece = i % t->pieces;
    const int64_t left = n - group * t->rows;
    int64_t count = (left < t->rows ? left : t->rows) * t->row;

    *at = group * t->rows * t->row;
    if (t->pieces == 1)
        return count;
    *at += piece * QN_TILE_SAMPLES;
    count -= piece * QN_TILE_SAMPLES;
    return count < QN_TILE_SAMPLES ? count : QN_TILE_SAMPLES;
}

#endif
