/* Generated grids: an item without a file, all of whose samples are one value.
 *
 * A reader like the others, so that what reads items need not know: steps make
 * of the grid what it is to be, by the indices of its samples. */
#include "io/reader_backend.h"

#include <stdlib.h>

#include "base/memory.h"

struct grid {
    double value;
};

static int
grid_open(void **state, struct qn_held *held, const struct qn_source *source,
          const struct qn_bytes *bytes, struct qn_error *err)
{
    struct grid *g = NULL;

    (void)bytes;
    *state = NULL;
    if (source->shape.ndims == 0)
        return qn_fail(err, QN_EJOB, "a grid needs a shape, like [512, 512]");
    QN_TRY(qn_reader_plausible(&source->shape, err));
    QN_TRY(qn_memory_make((void **)&g, 1, sizeof *g, "a reader", err));
    g->value = source->value;
    held->where = "grid";
    held->shape = source->shape;
    held->decode = qn_decode_plain(QN_F64);
    held->by_rows = true;
    *state = g;
    return 0;
}

static int
grid_read(void *state, const struct qn_box *box, void *dst,
          struct qn_error *err)
{
    const struct grid *g = state;
    double *to = dst;
    size_t n = 1;

    (void)err;
    for (int a = 0; a < box->ndims; a++)
        n *= (size_t)box->count[a];
    for (size_t i = 0; i < n; i++)
        to[i] = g->value;
    return 0;
}

const struct qn_backend qn_grid_backend = {
    .name = "grid",
    .open = grid_open,
    .read = grid_read,
    .close = free,
};
