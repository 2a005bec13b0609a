/* Point kernels, fused: for each tile all of them, then the next tile.
 *
 * A sample's value never depends on the tile it lies in.  Knows neither where
 * operands come from nor whether the array is a whole item or a block of one.
 */
#include "kernels/points.h"

#include "base/parallel.h"
#include "model/dtype.h"
#include "model/shape.h"

enum { TILE = 1 << 15 }; /* samples: half a second-level cache of float64 */

/* Where in an operand the samples for item sample `at` begin: axes of length
 * 1 are stood still on. */
static size_t
operand_offset(const struct qn_shape *item, const struct qn_shape *op,
               size_t at)
{
    size_t offset = 0, stride = 1;

    for (int k = 1; k <= op->ndims; k++) {
        size_t n = (size_t)item->n[item->ndims - k];
        size_t m = (size_t)op->n[op->ndims - k];

        if (m > 1)
            offset += at % n * stride;
        at /= n;
        stride *= m;
    }
    return offset;
}

/* Does the operand lie along the item sample by sample, or is it one number? */
static bool
is_flat(const struct qn_array *op, const struct qn_shape *item)
{
    int64_t n = qn_shape_count(&op->type.shape);

    return n == 1 || n == qn_shape_count(item);
}

/* Samples that one lane may cover: a tile, or what is left of a row where an
 * operand is broadcast. */
static size_t
lane_length(const struct qn_point *p, int n, const struct qn_shape *item)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < p[i].noperands; k++)
            if (!is_flat(p[i].operand[k], item))
                return (size_t)item->n[item->ndims - 1];
    return TILE;
}

/* A run of point kernels over consecutive samples of one item. */
struct tiles {
    const struct qn_point *p;
    int n;
    const struct qn_shape *item;
    size_t first;               // where in the item the samples begin
    const struct qn_array *from; // they as they came; NULL: they are in a
    const struct qn_array *a;   // they themselves
    size_t total, length, tile; // samples: of a, a lane, a tile
};

static void
apply_lane(const struct tiles *t, const struct qn_point *p, size_t at, size_t n)
{
    const struct qn_array *a = t->a;
    size_t size = qn_dtype_size(a->type.dtype);
    struct qn_feed feed[QN_MAX_OPERANDS];
    struct qn_lane lane = {
        .real = a->type.dtype,
        .x = (char *)a->data + at * size,
        .n = n,
        .nfeeds = p->noperands,
        .feed = feed,
        .names = p->names,
    };

    for (int i = 0; i < lane.nfeeds; i++) {
        const struct qn_array *op = p->operand[i];
        const struct qn_shape *s = &op->type.shape;
        bool one = s->ndims == 0 || s->n[s->ndims - 1] == 1 ||
                   qn_shape_count(s) == 1;
        size_t offset = operand_offset(t->item, s, t->first + at);

        // a last axis of 1 on an item whose last axis is 1 too
        if (qn_shape_count(s) > 1 && is_flat(op, t->item))
            one = false;
        feed[i] = (struct qn_feed){(const char *)op->data + offset * size,
                                   one};
    }
    p->kernel->point(p->params, &lane);
}

static int
convert(const struct tiles *t, size_t at, size_t n, struct qn_error *err)
{
    const enum qn_dtype to = t->a->type.dtype, from = t->from->type.dtype;

    return qn_dtype_convert((char *)t->a->data + at * qn_dtype_size(to), to,
                            (char *)t->from->data + at * qn_dtype_size(from),
                            from, n, err);
}

static int
apply_tile(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    const struct tiles *t = ctx;
    size_t start = tile * t->tile, end = start + t->tile;

    (void)thread;
    if (end > t->total)
        end = t->total;
    if (t->from)
        QN_TRY(convert(t, start, end - start, err));
    for (int i = 0; i < t->n; i++)
        for (size_t at = start; at < end; at += t->length)
            apply_lane(t, &t->p[i], at,
                       end - at < t->length ? end - at : t->length);
    return 0;
}

int
qn_points_from(const struct qn_point *p, int n, const struct qn_shape *item,
               size_t first, const struct qn_array *from,
               const struct qn_array *a, int threads, struct qn_error *err)
{
    struct tiles t = {.p = p, .n = n, .item = item, .first = first,
                      .from = from, .a = a};

    t.total = (size_t)qn_shape_count(&a->type.shape);
    if (!t.total)
        return 0;
    t.length = lane_length(p, n, item);
    t.tile = (t.length < TILE ? TILE / t.length : 1) * t.length;
    return qn_parallel_for(threads, (t.total - 1) / t.tile + 1, apply_tile,
                           &t, err);
}

int
qn_points_part(const struct qn_point *p, int n, const struct qn_shape *item,
               size_t first, const struct qn_array *a, int threads,
               struct qn_error *err)
{
    return qn_points_from(p, n, item, first, NULL, a, threads, err);
}

int
qn_points_run(const struct qn_point *p, int n, const struct qn_array *a,
              int threads, struct qn_error *err)
{
    return qn_points_part(p, n, &a->type.shape, 0, a, threads, err);
}
