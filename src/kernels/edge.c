/* What lies beyond the edges of a grid: copies of boxes, grown and filled.
 *
 * Knows where samples come from, not what a filter does with them. */
#include "kernels/edge.h"

#include <math.h>
#include <string.h>

#include "model/dtype.h"

#define MOST ((int64_t)1 << 40)
#define NOWHERE INT64_MIN

int
qn_edge_axes(int place[QN_MAX_DIMS], int *n, const struct qn_numbers *axes,
             const struct qn_shape *shape, struct qn_error *err)
{
    if (shape->ndims == 0)
        return qn_fail(err, QN_ESHAPE,
                       "an item with axes is needed; this is a number");
    for (int a = 0; a < QN_MAX_DIMS; a++)
        place[a] = axes->n == 0 && a < shape->ndims ? a : -1;
    for (int i = 0; i < axes->n; i++) {
        const double v = axes->v[i];
        const double a = v < 0 ? v + shape->ndims : v;

        if (!(a >= 0 && a < shape->ndims) || a != floor(a))
            return qn_fail(err, QN_ESHAPE,
                           "there is no axis %g: the item has axes 0 to %d", v,
                           shape->ndims - 1);
        if (place[(int)a] >= 0)
            return qn_fail(err, QN_ESHAPE, "axis %g is named twice in axes",
                           v);
        place[(int)a] = i;
    }
    *n = axes->n ? axes->n : shape->ndims;
    return 0;
}

void
qn_edge_frame(struct qn_frame *f, int64_t *size, int ndims,
              const int64_t *count, const int64_t *radius)
{
    *f = (struct qn_frame){.ndims = ndims};
    *size = 1;
    for (int a = ndims - 1; a >= 0; a--) {
        f->radius[a] = radius[a];
        f->n[a] = count[a] + 2 * radius[a];
        f->stride[a] = *size;
        if (*size < 0 || f->n[a] > MOST / *size)
            *size = -1;
        else
            *size *= f->n[a];
    }
}

void
qn_edge_wrap(struct qn_halo *halo, const struct qn_edge *e)
{
    for (int a = 0; a < QN_MAX_DIMS; a++)
        halo->wraps[a] = halo->radius[a] && e->rule == QN_EDGE_PERIODIC;
}

/* Where index i of an axis of n samples is found; cval is nowhere, at
 * NOWHERE.  Of an axis that wraps the box goes on beyond the edges. */
static int64_t
find_index(int64_t i, int64_t n, int rule)
{
    if ((i >= 0 && i < n) || rule == QN_EDGE_PERIODIC)
        return i;
    if (rule == QN_EDGE_CONSTANT)
        return NOWHERE;
    if (rule == QN_EDGE_NEAREST)
        return i < 0 ? 0 : n - 1;
    i %= 2 * n;
    if (i < 0)
        i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

/* ---- filling a frame ---------------------------------------------------- */

struct fill {
    char *to;
    enum qn_dtype dtype;
    size_t size; // bytes of a sample
    const struct qn_frame *f;
    const struct qn_region *in, *out;
    int rule;
    int64_t left, right; // of a row: places that in's samples go to
    char cval[sizeof(double)];
};

static void
fill_constant(const struct fill *w, char *row, int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++)
        memcpy(row + (size_t)i * w->size, w->cval, w->size);
}

/* The places of a row that lie beyond the edges, from those that do not. */
static void
fill_ends(const struct fill *w, char *row, int64_t first, int64_t end)
{
    const int last = w->f->ndims - 1;
    const int64_t origin = w->out->start[last] - w->f->radius[last];

    for (int64_t i = first; i < end; i++) {
        const int64_t from = find_index(
            origin + i, w->out->grid.shape.n[last], w->rule);

        memcpy(row + (size_t)i * w->size,
               row + (size_t)(from - origin) * w->size, w->size);
    }
}

static void
fill_row(const struct fill *w, char *row, int64_t from)
{
    const int last = w->f->ndims - 1;
    const struct qn_region *in = w->in;
    const int64_t skip = w->out->start[last] - w->f->radius[last] + w->left -
                         in->start[last];
    const char *src = (const char *)in->data +
                      (size_t)(from + skip) * qn_dtype_size(in->grid.dtype);

    // to the same type or a real one: cannot fail
    (void)qn_dtype_convert(row + (size_t)w->left * w->size, w->dtype, src,
                           in->grid.dtype, (size_t)(w->right - w->left), NULL);
    if (w->rule == QN_EDGE_CONSTANT) {
        fill_constant(w, row, 0, w->left);
        fill_constant(w, row, w->right, w->f->n[last]);
    } else {
        fill_ends(w, row, 0, w->left);
        fill_ends(w, row, w->right, w->f->n[last]);
    }
}

/* Axis a and those behind it; from: in's sample at the indices of the axes
 * before, or NOWHERE. */
static void
fill_axis(const struct fill *w, int a, char *to, int64_t from)
{
    const struct qn_frame *f = w->f;

    if (a == f->ndims - 1 && from == NOWHERE) {
        fill_constant(w, to, 0, f->n[a]);
        return;
    }
    if (a == f->ndims - 1) {
        fill_row(w, to, from);
        return;
    }
    for (int64_t i = 0; i < f->n[a]; i++) {
        const int64_t at = find_index(
            w->out->start[a] - f->radius[a] + i, w->out->grid.shape.n[a],
            w->rule);

        fill_axis(w, a + 1, to + (size_t)(i * f->stride[a]) * w->size,
                  from == NOWHERE || at == NOWHERE
                      ? NOWHERE
                      : from + (at - w->in->start[a]) * w->in->stride[a]);
    }
}

void
qn_edge_fill(void *to, enum qn_dtype dtype, const struct qn_frame *f,
             const struct qn_region *in, const struct qn_region *out,
             const struct qn_edge *e)
{
    const int last = f->ndims - 1;
    const int64_t origin = out->start[last] - f->radius[last];
    const int64_t end = origin + f->n[last], n = out->grid.shape.n[last];
    struct fill w = {.to = to, .dtype = dtype, .f = f, .in = in, .out = out};

    w.size = qn_dtype_size(dtype);
    w.rule = e->rule;
    w.left = origin < 0 ? -origin : 0;
    w.right = (end < n ? end : n) - origin;
    if (e->rule == QN_EDGE_PERIODIC && f->radius[last]) {
        w.left = 0;
        w.right = f->n[last];
    }
    // kernels refuse a cval that the type does not hold
    (void)qn_dtype_convert(w.cval, dtype, &e->cval, QN_F64, 1, NULL);
    fill_axis(&w, 0, to, 0);
}

void
qn_edge_store(const struct qn_region *out, int64_t at, const double *v,
              int64_t n)
{
    const size_t size = qn_dtype_size(out->grid.dtype);

    // To a real type: cannot fail.
    (void)qn_dtype_convert((char *)out->data + (size_t)at * size,
                           out->grid.dtype, v, QN_F64, (size_t)n, NULL);
}
