/* gradient: how steep the samples are, or one component of it. */
#include <math.h>

#include "kernels/clones.h"
#include "kernels/differ.h"

struct params {
    int64_t along; /* INT64_MIN: not given */
    struct qn_edge edge;
};

static const struct qn_option options[] = {
    {"along", QN_OPTION_INTEGER, offsetof(struct params, along), "", NULL, NULL,
     "The axis of the component that is wanted, with its sign; default the "
     "magnitude over all axes."},
    QN_EDGE_OPTIONS(struct params, edge),
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    if (p->along != INT64_MIN && p->edge.axes.n)
        return qn_fail(err, QN_EJOB,
                       "gradient has `along` and `axes`; give only one");
    return 0;
}

/* A component is the gradient over one axis, whose sign is kept. */
static struct qn_edge
edge_of(const struct params *p)
{
    struct qn_edge e = p->edge;

    if (p->along != INT64_MIN) {
        e.axes.n = 1;
        e.axes.v[0] = (double)p->along;
    }
    return e;
}

static int
halo(const void *params, const struct qn_type *in, struct qn_halo *h,
     struct qn_error *err)
{
    const struct qn_edge e = edge_of(params);

    return qn_differ_halo(h, &e, in, err);
}

static size_t
scratch(const void *params, const struct qn_type *in,
        const int64_t count[QN_MAX_DIMS])
{
    const struct qn_edge e = edge_of(params);

    return qn_differ_scratch(&e, in, count);
}

QN_CLONES static void
add_square(double *restrict sum, const double *restrict x, int64_t n,
           int64_t stride)
{
    for (int64_t i = 0; i < n; i++) {
        const double d = (x[i + stride] - x[i - stride]) * 0.5;

        sum[i] += d * d;
    }
}

static void
magnitude(const struct qn_differ *d, double *restrict out, const double *x)
{
    for (int64_t i = 0; i < d->n; i++)
        out[i] = 0;
    for (int k = 0; k < d->naxes; k++)
        add_square(out, x, d->n, d->stride[k]);
    for (int64_t i = 0; i < d->n; i++)
        out[i] = sqrt(out[i]);
}

static void
component(const struct qn_differ *d, double *restrict out, const double *x)
{
    for (int64_t i = 0; i < d->n; i++)
        out[i] = (x[i + d->stride[0]] - x[i - d->stride[0]]) * 0.5;
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    const struct params *p = params;
    const struct qn_edge e = edge_of(p);
    const struct qn_differ d = {
        .edge = &e, .row = p->along == INT64_MIN ? magnitude : component};

    return qn_differ_run(&d, in, out, memory, err);
}

const struct qn_kernel qn_kernel_gradient = {
    .name = "gradient",
    .summary = "how steep the samples are",
    .definition =
        "Along an axis the difference d of a sample is half of its right "
        "neighbour less its left one, in float64; the distance of samples is "
        "1. Each sample becomes the square root of the sum of d^2 over the "
        "axes, from the first; with along, d along that axis, with its sign. "
        "Rounded once to the real type. Away from the edges this is "
        "numpy.gradient; at an edge the sample beyond it takes part, as the "
        "rule edge has it (with reflect and nearest half the one-sided "
        "difference). A NaN makes its neighbours NaN. " QN_EDGE_DEFINITION,
    .source = "scipy.ndimage.generic_gradient_magnitude with the weights "
              "-1/2, 0, 1/2",
    .kind = QN_KIND_STENCIL,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "along",
    .prepare = prepare,
    .stencil = stencil,
    .halo = halo,
    .scratch = scratch,
};
