/* convolve: each sample becomes a weighted sum of those around it. */
#include <math.h>
#include <string.h>

#include "kernels/clones.h"
#include "kernels/differ.h"

struct params {
    struct qn_numbers weights, shape;
    struct qn_edge edge;
};

static const struct qn_option options[] = {
    {"weights", QN_OPTION_NUMBERS, offsetof(struct params, weights), NULL, NULL,
     NULL,
     "The weights, row by row, the last axis (of axes, where given) fastest."},
    {"shape", QN_OPTION_NUMBERS, offsetof(struct params, shape), "", NULL,
     "samples",
     "Lengths of the weights along the axes acted on; default all equal."},
    QN_EDGE_OPTIONS(struct params, edge),
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* The weights over an item's axes. */
struct plan {
    int64_t n[QN_MAX_DIMS];      /* lengths; 1 along axes not acted on     */
    int64_t radius[QN_MAX_DIMS];
    int64_t stride[QN_MAX_DIMS]; /* weights from one along it to the next  */
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;
    double size = 1;

    for (int i = 0; i < p->shape.n; i++) {
        if (!(p->shape.v[i] >= 1) || fmod(p->shape.v[i], 2) != 1)
            return qn_fail(err, QN_EJOB,
                           "convolve: length %g of the weights is no odd "
                           "number",
                           p->shape.v[i]);
        size *= p->shape.v[i];
    }
    if (p->shape.n && size != p->weights.n)
        return qn_fail(err, QN_EJOB,
                       "convolve has %d weights, but its shape holds %g",
                       p->weights.n, size);
    return 0;
}

/* The length that n axes of equal length have, or 0. */
static int64_t
root(int weights, int n)
{
    for (int64_t length = 1; length <= weights; length += 2) {
        int64_t size = 1;

        for (int k = 0; k < n && size <= weights; k++)
            size *= length;
        if (size == weights)
            return length;
    }
    return 0;
}

static int
make_plan(struct plan *plan, const struct params *p,
          const struct qn_shape *shape, struct qn_error *err)
{
    int place[QN_MAX_DIMS], n;

    QN_TRY(qn_edge_axes(place, &n, &p->edge.axes, shape, err));
    if (p->shape.n && p->shape.n != n)
        return qn_fail(err, QN_ESHAPE,
                       "weights with %d axes do not suit the %d that are "
                       "acted on; name those with axes",
                       p->shape.n, n);
    if (!p->shape.n && !root(p->weights.n, n))
        return qn_fail(err, QN_ESHAPE,
                       "%d weights do not make an odd length along each of "
                       "%d axes; give their shape",
                       p->weights.n, n);
    for (int a = 0; a < QN_MAX_DIMS; a++) {
        plan->n[a] = place[a] < 0 ? 1
                     : p->shape.n ? (int64_t)p->shape.v[place[a]]
                                  : root(p->weights.n, n);
        plan->radius[a] = plan->n[a] / 2;
    }
    for (int a = 0; a < QN_MAX_DIMS; a++) {
        plan->stride[a] = 1;
        for (int b = 0; b < QN_MAX_DIMS; b++)
            plan->stride[a] *= place[b] > place[a] ? plan->n[b] : 1;
    }
    return 0;
}

static int
halo(const void *params, const struct qn_type *in, struct qn_halo *h,
     struct qn_error *err)
{
    struct plan plan;

    QN_TRY(make_plan(&plan, params, &in->shape, err));
    for (int a = 0; a < in->shape.ndims; a++)
        h->radius[a] = plan.radius[a];
    qn_edge_wrap(h, &((const struct params *)params)->edge);
    return 0;
}

static size_t
scratch(const void *params, const struct qn_type *in,
        const int64_t count[QN_MAX_DIMS])
{
    struct plan plan;

    (void)make_plan(&plan, params, &in->shape, NULL); // as in halo
    return qn_differ_bytes(in->shape.ndims, count, plan.radius);
}

/* The weights that are not 0, in the order of their samples: a convolution
 * takes them from the other end. */
struct taps {
    int n;
    double weight[QN_MAX_NUMBERS];
    int64_t offset[QN_MAX_NUMBERS];
};

QN_CLONES static void
add(double *restrict sum, const double *restrict x, double weight, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i] * weight;
}

static void
row(const struct qn_differ *d, double *restrict out, const double *x)
{
    const struct taps *t = d->ctx;

    for (int64_t i = 0; i < d->n; i++)
        out[i] = 0;
    for (int k = 0; k < t->n; k++)
        add(out, x + t->offset[k], t->weight[k], d->n);
}

static void
make_taps(struct taps *t, const struct params *p, const struct plan *plan,
          const struct qn_frame *f)
{
    t->n = 0;
    for (int i = 0; i < p->weights.n; i++) {
        int64_t at = i, offset = 0, which = p->weights.n - 1;

        for (int a = f->ndims - 1; a >= 0; a--) {
            offset += (at % plan->n[a] - plan->radius[a]) * f->stride[a];
            which -= at % plan->n[a] * plan->stride[a];
            at /= plan->n[a];
        }
        if (p->weights.v[which] == 0)
            continue;
        t->weight[t->n] = p->weights.v[which];
        t->offset[t->n++] = offset;
    }
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    const struct params *p = params;
    struct plan plan;
    struct qn_frame f;
    struct taps taps;
    struct qn_differ d = {
        .edge = &p->edge, .radius = plan.radius, .ctx = &taps, .row = row};
    int64_t size;

    QN_TRY(make_plan(&plan, p, &in->grid.shape, err));
    qn_edge_frame(&f, &size, in->grid.shape.ndims, out->count, plan.radius);
    make_taps(&taps, p, &plan, &f);
    return qn_differ_run(&d, in, out, memory, err);
}

const struct qn_kernel qn_kernel_convolve = {
    .name = "convolve",
    .summary = "weighted sums of the samples around each",
    .definition =
        "Each sample at i becomes the sum over k of weights[k] x[i - (k - c)], "
        "c the middle of the weights: the weights are mirrored, as a "
        "convolution has it. The sum runs from 0 over the samples in row-major "
        "order, in float64, and is rounded once to the real type; weights of 0 "
        "are left out. The weights have an odd length along each axis acted "
        "on: that of shape, or the same along all (9 weights on an image are "
        "3 x 3). At most 64. " QN_EDGE_DEFINITION,
    .source = "scipy.ndimage.convolve",
    .kind = QN_KIND_STENCIL,
    .version = 2,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "weights",
    .prepare = prepare,
    .stencil = stencil,
    .halo = halo,
    .scratch = scratch,
};
