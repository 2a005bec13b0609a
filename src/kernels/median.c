/* median: each sample becomes the median of the window around it.
 *
 * Small windows go through a network of comparisons, many of them in step;
 * large ones slide along a row over counts of ranks (window.c), at a cost that
 * grows with the side of the window, not with its area. */
#include <math.h>
#include <string.h>

#include "kernels/edge.h"
#include "kernels/median_small.h"
#include "kernels/window.h"
#include "model/dtype.h"

enum { MOST_RADIUS = 1024 };

struct params {
    struct qn_numbers size;
    struct qn_edge edge;
};

static const struct qn_option options[] = {
    {"size", QN_OPTION_NUMBERS, offsetof(struct params, size), NULL, NULL,
     "samples",
     "Length of the window, odd: one number for all axes, or one for each."},
    QN_EDGE_OPTIONS(struct params, edge),
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    for (int i = 0; i < p->size.n; i++) {
        const double n = p->size.v[i];

        if (!(n >= 1) || fmod(n, 2) != 1)
            return qn_fail(err, QN_EJOB, "median: size %g is no odd number", n);
        if (n > 2 * MOST_RADIUS + 1)
            return qn_fail(err, QN_EJOB,
                           "median: size %g is more than %d; `bin` the item "
                           "first",
                           n, 2 * MOST_RADIUS + 1);
    }
    return 0;
}

static int
halo(const void *params, const struct qn_type *in, struct qn_halo *h,
     struct qn_error *err)
{
    const struct params *p = params;
    int place[QN_MAX_DIMS], n;

    QN_TRY(qn_edge_axes(place, &n, &p->edge.axes, &in->shape, err));
    if (p->size.n != 1 && p->size.n != n)
        return qn_fail(err, QN_ESHAPE,
                       "%d sizes do not suit %d axes; give one, or one for "
                       "each axis",
                       p->size.n, n);
    for (int a = 0; a < in->shape.ndims; a++)
        h->radius[a] =
            place[a] < 0
                ? 0
                : (int64_t)p->size.v[p->size.n == 1 ? 0 : place[a]] / 2;
    qn_edge_wrap(h, &p->edge);
    return 0;
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    const struct params *p = params;
    struct qn_halo h;
    char cval[sizeof(double)];
    double back;

    *out = *in;
    if (p->edge.rule == QN_EDGE_CONSTANT && !qn_dtype_is_real(in->dtype)) {
        if (qn_dtype_convert(cval, in->dtype, &p->edge.cval, QN_F64, 1,
                             NULL) ||
            qn_dtype_convert(&back, QN_F64, cval, in->dtype, 1, NULL) ||
            back != p->edge.cval)
            return qn_fail(err, QN_EVALUE,
                           "cval %g is no %s; `cast` the item first",
                           p->edge.cval, qn_dtype_name(in->dtype));
    }
    return halo(params, in, &h, err);
}

static int64_t
window_size(const struct qn_halo *h, int ndims)
{
    int64_t n = 1;

    for (int a = 0; a < ndims; a++)
        n *= 2 * h->radius[a] + 1;
    return n;
}

static size_t
scratch(const void *params, const struct qn_type *in,
        const int64_t count[QN_MAX_DIMS])
{
    struct qn_halo h = {.steps = 1};
    struct qn_frame f;
    int64_t size;

    (void)halo(params, in, &h, NULL); // as in type
    qn_edge_frame(&f, &size, in->shape.ndims, count, h.radius);
    if (size < 0 || size > INT32_MAX)
        return SIZE_MAX;
    // 64: the window's parts are aligned
    return (size_t)size * sizeof(double) + 64 +
           (window_size(&h, in->shape.ndims) > QN_MEDIAN_SMALL
                ? qn_window_bytes((size_t)size, in->dtype)
                : 0);
}

/* Rows of a frame, one after the other. */
struct walk {
    const struct qn_frame *f;
    const struct qn_region *out;
    size_t size;
    void *ctx;
    void (*row)(void *ctx, int64_t from, int64_t n, void *to);
};

static void
walk_rows(const struct walk *w, int k, int64_t from, int64_t to)
{
    from += w->f->radius[k] * w->f->stride[k];
    if (k == w->f->ndims - 1) {
        w->row(w->ctx, from, w->out->count[k],
               (char *)w->out->data + (size_t)to * w->size);
        return;
    }
    for (int64_t i = 0; i < w->out->count[k]; i++)
        walk_rows(w, k + 1, from + i * w->f->stride[k],
                  to + i * w->out->stride[k]);
}

static void
small_row(void *ctx, int64_t from, int64_t n, void *to)
{
    qn_median_small_row(ctx, from, n, to);
}

static void
window_row(void *ctx, int64_t from, int64_t n, void *to)
{
    qn_window_row(ctx, from, n, to);
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    const struct params *p = params;
    const enum qn_dtype dtype = in->grid.dtype;
    const int ndims = in->grid.shape.ndims;
    struct qn_halo h = {.steps = 1};
    struct qn_frame f;
    struct walk w = {.f = &f, .out = out, .size = qn_dtype_size(dtype)};
    struct qn_median_small small;
    struct qn_window window;
    int64_t size;

    QN_TRY(halo(p, &in->grid, &h, err));
    qn_edge_frame(&f, &size, ndims, out->count, h.radius);
    qn_edge_fill(memory, dtype, &f, in, out, &p->edge);
    if (window_size(&h, ndims) <= QN_MEDIAN_SMALL) {
        qn_median_small_make(&small, dtype, memory, &f);
        w.row = small_row;
        w.ctx = &small;
    } else {
        char *more = (char *)memory + (size_t)size * sizeof(double);

        more += (64 - (uintptr_t)more % 64) % 64;
        qn_window_make(&window, dtype, memory, &f, (size_t)size, more);
        w.row = window_row;
        w.ctx = &window;
    }
    walk_rows(&w, 0, 0, 0);
    return 0;
}

const struct qn_kernel qn_kernel_median = {
    .name = "median",
    .summary = "the median of the window around each sample",
    .definition =
        "Each sample becomes the median of the samples in the window around "
        "it that are not NaN: the middle one, or for an even number of them "
        "the mean of the two in the middle, in float64, rounded once; NaN "
        "where there are none. The window is size samples long, an odd number "
        "up to 2049, along each axis acted on: one number for all, or a list. "
        "The type stays; integers are compared as they are. Samples beyond "
        "the edges count like any other. " QN_EDGE_DEFINITION,
    .source = "scipy.ndimage.median_filter",
    .kind = QN_KIND_STENCIL,
    .version = 2,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "size",
    .prepare = prepare,
    .type = type,
    .stencil = stencil,
    .halo = halo,
    .scratch = scratch,
};
