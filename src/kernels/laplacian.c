/* laplacian: the sum of second differences. */
#include "kernels/clones.h"
#include "kernels/differ.h"

struct params {
    struct qn_edge edge;
};

static const struct qn_option options[] = {
    QN_EDGE_OPTIONS(struct params, edge),
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
halo(const void *params, const struct qn_type *in, struct qn_halo *h,
     struct qn_error *err)
{
    return qn_differ_halo(h, &((const struct params *)params)->edge, in, err);
}

static size_t
scratch(const void *params, const struct qn_type *in,
        const int64_t count[QN_MAX_DIMS])
{
    return qn_differ_scratch(&((const struct params *)params)->edge, in,
                             count);
}

QN_CLONES static void
add(double *restrict sum, const double *restrict x, int64_t n, int64_t stride)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i] * -2 + (x[i - stride] + x[i + stride]);
}

static void
row(const struct qn_differ *d, double *restrict out, const double *x)
{
    for (int64_t i = 0; i < d->n; i++)
        out[i] = 0;
    for (int k = 0; k < d->naxes; k++)
        add(out, x, d->n, d->stride[k]);
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    const struct qn_differ d = {
        .edge = &((const struct params *)params)->edge, .row = row};

    return qn_differ_run(&d, in, out, memory, err);
}

const struct qn_kernel qn_kernel_laplacian = {
    .name = "laplacian",
    .summary = "the sum of second differences",
    .definition =
        "Each sample x becomes the sum over the axes, from the first, of "
        "-2 x + (l + r), where l and r are its neighbours along the axis; in "
        "float64, rounded once to the real type. The distance of samples is "
        "1. A NaN makes itself and its neighbours NaN. " QN_EDGE_DEFINITION,
    .source = "scipy.ndimage.laplace",
    .kind = QN_KIND_STENCIL,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .stencil = stencil,
    .halo = halo,
    .scratch = scratch,
};
