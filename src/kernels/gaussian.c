/* gaussian: a separable blur, one axis after the other, the last one first. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/edge.h"

/* The widest radius: beyond it a tile's halo would take all the memory. */
enum { MOST_RADIUS = 1024 };

struct params {
    struct qn_numbers sigma;
    double truncate;
    struct qn_edge edge;
    double *weights; /* owned: [sigma.n] of radius + 1, the centre first */
};

static const struct qn_option options[] = {
    {"sigma", QN_OPTION_NUMBERS, offsetof(struct params, sigma), NULL, NULL,
     "samples",
     "Standard deviation: one number for all axes, or one for each."},
    {"truncate", QN_OPTION_NUMBER, offsetof(struct params, truncate), "4", NULL,
     "sigma", "How far the weights reach."},
    QN_EDGE_OPTIONS(struct params, edge),
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int64_t
radius_of(const struct params *p, int i)
{
    const double r = p->truncate * p->sigma.v[i] + 0.5;

    // as SciPy, which leaves an axis with no width alone
    return p->sigma.v[i] > 1e-15 ? (int64_t)r : 0;
}

/* Added from the left, as they are used. */
static void
make_weights(double *w, double sigma, int64_t radius)
{
    double sum = 0;

    for (int64_t i = 0; i <= radius; i++)
        w[i] = i ? exp(-0.5 / (sigma * sigma) * (double)(i * i)) : 1;
    for (int64_t i = -radius; i <= radius; i++)
        sum += w[i < 0 ? -i : i];
    for (int64_t i = 0; i <= radius; i++)
        w[i] /= sum;
}

static int
prepare(void *params, struct qn_error *err)
{
    struct params *p = params;

    if (p->sigma.n > QN_MAX_DIMS)
        return qn_fail(err, QN_EJOB, "gaussian: %d sigmas are more than %d axes",
                       p->sigma.n, QN_MAX_DIMS);
    for (int i = 0; i < p->sigma.n; i++) {
        if (!(p->sigma.v[i] >= 0) || !(p->truncate >= 0))
            return qn_fail(err, QN_EJOB,
                           "gaussian: sigma %g and truncate %g must not be "
                           "negative",
                           p->sigma.v[i], p->truncate);
        if (!(p->truncate * p->sigma.v[i] < MOST_RADIUS))
            return qn_fail(err, QN_EJOB,
                           "gaussian: sigma %g with truncate %g reaches over "
                           "more than %d samples; `bin` the item first",
                           p->sigma.v[i], p->truncate, MOST_RADIUS);
    }
    QN_TRY(qn_memory_make((void **)&p->weights, (size_t)p->sigma.n,
                          (MOST_RADIUS + 1) * sizeof(double), "weights", err));
    for (int i = 0; i < p->sigma.n; i++)
        make_weights(p->weights + (size_t)i * (MOST_RADIUS + 1), p->sigma.v[i],
                     radius_of(p, i));
    return 0;
}

static void
release(void *params)
{
    free(((struct params *)params)->weights);
}

/* Which sigma is for which axis: -1 for an axis not acted on. */
static int
spread(int which[QN_MAX_DIMS], const struct params *p,
       const struct qn_shape *shape, struct qn_error *err)
{
    int n;

    QN_TRY(qn_edge_axes(which, &n, &p->edge.axes, shape, err));
    if (p->sigma.n != 1 && p->sigma.n != n)
        return qn_fail(err, QN_ESHAPE,
                       "%d sigmas do not suit %d axes; give one, or one for "
                       "each axis",
                       p->sigma.n, n);
    for (int a = 0; a < QN_MAX_DIMS; a++)
        if (which[a] > 0 && p->sigma.n == 1)
            which[a] = 0;
    return 0;
}

static int
halo(const void *params, const struct qn_type *in, struct qn_halo *h,
     struct qn_error *err)
{
    int which[QN_MAX_DIMS];

    QN_TRY(spread(which, params, &in->shape, err));
    for (int a = 0; a < in->shape.ndims; a++)
        h->radius[a] = which[a] < 0 ? 0 : radius_of(params, which[a]);
    qn_edge_wrap(h, &((const struct params *)params)->edge);
    return 0;
}

static size_t
scratch(const void *params, const struct qn_type *in,
        const int64_t count[QN_MAX_DIMS])
{
    struct qn_halo h = {.steps = 1};
    struct qn_frame f;
    int64_t size;

    (void)halo(params, in, &h, NULL); // did not fail before
    qn_edge_frame(&f, &size, in->shape.ndims, count, h.radius);
    return size < 0 ? SIZE_MAX : 2 * (size_t)size * sizeof(double);
}

/* n samples, each from those up to radius times stride away: the centre, then
 * the pairs from the outermost inwards. */
QN_CLONES static void
blur_row(double *restrict to, const double *restrict from, int64_t n,
         int64_t stride, const double *restrict w, int64_t radius)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = from[i] * w[0];
    for (int64_t d = radius; d > 0; d--) {
        const double *restrict left = from - d * stride;
        const double *restrict right = from + d * stride;
        const double weight = w[d];

        for (int64_t i = 0; i < n; i++)
            to[i] += (left[i] + right[i]) * weight;
    }
}

/* Rows from axis k on: the frame of `from` is that of `to`, but wider by
 * radius along axis. */
static void
blur(const struct qn_frame *to, double *out, const struct qn_frame *from,
     const double *in, int k, int axis, const double *w)
{
    if (k == axis)
        in += from->radius[axis] * from->stride[axis];
    if (k == to->ndims - 1) {
        blur_row(out, in, to->n[k], from->stride[axis], w, from->radius[axis]);
        return;
    }
    for (int64_t i = 0; i < to->n[k]; i++)
        blur(to, out + i * to->stride[k], from, in + i * from->stride[k],
             k + 1, axis, w);
}

static void
store(const struct qn_region *out, const struct qn_frame *f, const double *v,
      int k, int64_t at)
{
    if (k == f->ndims - 1) {
        qn_edge_store(out, at, v, f->n[k]);
        return;
    }
    for (int64_t i = 0; i < f->n[k]; i++)
        store(out, f, v + i * f->stride[k], k + 1, at + i * out->stride[k]);
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    const struct params *p = params;
    const int ndims = in->grid.shape.ndims;
    struct qn_halo h = {.steps = 1};
    struct qn_frame from, to;
    double *a = memory, *b;
    int which[QN_MAX_DIMS];
    int64_t size, smaller;

    QN_TRY(spread(which, p, &in->grid.shape, err));
    QN_TRY(halo(p, &in->grid, &h, err));
    qn_edge_frame(&from, &size, ndims, out->count, h.radius);
    qn_edge_fill(a, QN_F64, &from, in, out, &p->edge);
    b = a + size;
    for (int axis = ndims - 1; axis >= 0; axis--) {
        double *done = b;

        if (h.radius[axis] == 0)
            continue;
        h.radius[axis] = 0;
        qn_edge_frame(&to, &smaller, ndims, out->count, h.radius);
        blur(&to, b, &from, a, 0, axis,
             p->weights + (size_t)which[axis] * (MOST_RADIUS + 1));
        from = to;
        b = a;
        a = done;
    }
    store(out, &from, a, 0, 0);
    return 0;
}

const struct qn_kernel qn_kernel_gaussian = {
    .name = "gaussian",
    .summary = "blurs by a Gaussian",
    .definition =
        "Along each axis in turn, the last one first: each sample becomes the "
        "weighted sum of those up to r = int(truncate * sigma + 0.5) away, the "
        "weights exp(-d^2 / (2 sigma^2)) over their sum, in float64. Each sum "
        "is x w[0] + (x[-r] + x[+r]) w[r] + ... + (x[-1] + x[+1]) w[1] in this "
        "order; sums between the axes stay in float64, and the last is rounded "
        "to the real type. sigma is one number, or a list with one for each "
        "axis acted on; 0 leaves an axis alone. r is at most 1024. A NaN makes "
        "all within its reach NaN. " QN_EDGE_DEFINITION,
    .source = "scipy.ndimage.gaussian_filter",
    .kind = QN_KIND_STENCIL,
    .version = 2,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "sigma",
    .prepare = prepare,
    .release = release,
    .stencil = stencil,
    .halo = halo,
    .scratch = scratch,
};
