/* Boxes of memory: where they are, what they share, copying them.  Knows no
 * ranks. */
#include "engine/region.h"

#include <string.h>

#include "model/dtype.h"

struct qn_region
qn_region_of(const struct qn_type *grid, const struct qn_box *memory,
             const struct qn_box *box, void *data)
{
    struct qn_region r = {.grid = *grid};
    int64_t stride = 1, offset = 0;

    for (int a = grid->shape.ndims - 1; a >= 0; a--) {
        r.start[a] = box->start[a];
        r.count[a] = box->count[a];
        r.stride[a] = stride;
        offset += (box->start[a] - memory->start[a]) * stride;
        stride *= memory->count[a];
    }
    r.data = (char *)data + offset * (int64_t)qn_dtype_size(grid->dtype);
    return r;
}

int64_t
qn_region_samples(const struct qn_box *b)
{
    int64_t n = 1;

    for (int a = 0; a < b->ndims; a++)
        n *= b->count[a];
    return n;
}

void
qn_region_copy(const struct qn_region *to, const struct qn_region *from)
{
    int last = to->grid.shape.ndims - 1;
    size_t size = qn_dtype_size(to->grid.dtype);
    int64_t at[QN_MAX_DIMS] = {0};
    int a;

    if (last < 0) {
        memcpy(to->data, from->data, size);
        return;
    }
    do {
        int64_t x = 0, y = 0;

        for (a = 0; a < last; a++) {
            x += at[a] * to->stride[a];
            y += at[a] * from->stride[a];
        }
        memcpy((char *)to->data + (size_t)x * size,
               (const char *)from->data + (size_t)y * size,
               (size_t)to->count[last] * size);
        for (a = last - 1; a >= 0 && ++at[a] == to->count[a]; a--)
            at[a] = 0;
    } while (a >= 0);
}

struct qn_box
qn_region_common(const struct qn_box *a, const struct qn_box *b)
{
    struct qn_box both = *a;
    bool none = false;

    for (int i = 0; i < a->ndims; i++) {
        int64_t x = a->start[i] + a->count[i], y = b->start[i] + b->count[i];

        if (b->start[i] > both.start[i])
            both.start[i] = b->start[i];
        both.count[i] = (x < y ? x : y) - both.start[i];
        none = none || both.count[i] <= 0;
    }
    for (int i = 0; none && i < a->ndims; i++)
        both.count[i] = 0;
    return both;
}
