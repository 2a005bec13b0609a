/* heat: explicit steps of the heat equation.  One step over a box a call; the
 * caller takes as many as there are. */
#include <math.h>
#include <string.h>

#include "kernels/clones.h"
#include "kernels/edge.h"

enum boundary { FIXED, INSULATED, PERIODIC };

struct params {
    double alpha;
    int64_t steps, every;
    struct qn_choices boundary;
    struct qn_numbers axes;
};

static const struct qn_option options[] = {
    {"alpha", QN_OPTION_NUMBER, offsetof(struct params, alpha), NULL, NULL,
     NULL,
     "Diffusivity times the time step over the square of the distance of "
     "samples."},
    {"steps", QN_OPTION_INTEGER, offsetof(struct params, steps), NULL, NULL,
     NULL, "How many steps."},
    {"every", QN_OPTION_INTEGER, offsetof(struct params, every), "0", NULL,
     NULL,
     "Keep the state after every so many steps, along a leading axis; 0: only "
     "the last."},
    {"boundary", QN_OPTION_CHOICES, offsetof(struct params, boundary), "fixed",
     "fixed|insulated|periodic", NULL,
     "What happens at the edges: for all axes, or a list with one for each."},
    {"axes", QN_OPTION_NUMBERS, offsetof(struct params, axes), "", NULL, NULL,
     "The axes it acts on, slowest is 0, from the end -1; default all."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* What a box is computed with. */
struct heat {
    const struct qn_region *in, *out;
    double alpha;
    bool on[QN_MAX_DIMS];
    int boundary[QN_MAX_DIMS]; /* enum boundary */
};

#define REAL     float
#define BITS     int32_t
#define OF(name) name##_f32
#include "kernels/heat_real.h"
#undef REAL
#undef BITS
#undef OF
#define REAL     double
#define BITS     int64_t
#define OF(name) name##_f64
#include "kernels/heat_real.h"
#undef REAL
#undef BITS
#undef OF

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    if (!isfinite(p->alpha))
        return qn_fail(err, QN_EJOB, "heat: alpha %g is no number to step with",
                       p->alpha);
    if (p->steps < 1 || p->steps > INT32_MAX)
        return qn_fail(err, QN_EJOB,
                       "heat: %lld steps cannot be taken; give 1 or more",
                       (long long)p->steps);
    if (p->every < 0 || (p->every && p->steps % p->every))
        return qn_fail(err, QN_EJOB,
                       "heat: %lld steps are no multiple of every %lld; the "
                       "last state is to be one of those that are kept",
                       (long long)p->steps, (long long)p->every);
    return 0;
}

static int
spread(struct heat *h, const struct params *p, const struct qn_shape *shape,
       struct qn_error *err)
{
    int n, next = 0;

    QN_TRY(qn_edge_axes(h->on, &n, &p->axes, shape, err));
    if (p->boundary.n != 1 && p->boundary.n != n)
        return qn_fail(err, QN_ESHAPE,
                       "%d boundaries do not suit %d axes; give one, or one "
                       "for each axis",
                       p->boundary.n, n);
    h->alpha = p->alpha;
    for (int a = 0; a < shape->ndims; a++) {
        const int which = p->boundary.n == 1 ? 0 : next;

        h->boundary[a] = h->on[a] ? p->boundary.v[which] : INSULATED;
        next += h->on[a];
    }
    return 0;
}

static int
halo(const void *params, const struct qn_type *in, struct qn_halo *halo,
     struct qn_error *err)
{
    const struct params *p = params;
    struct heat h = {.in = NULL};

    QN_TRY(spread(&h, p, &in->shape, err));
    halo->steps = p->steps;
    halo->every = p->every;
    for (int a = 0; a < in->shape.ndims; a++) {
        halo->radius[a] = h.on[a];
        halo->wraps[a] = h.boundary[a] == PERIODIC;
    }
    return 0;
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    const struct params *p = params;
    struct qn_halo h = {.steps = 1};

    *out = *in;
    QN_TRY(halo(params, in, &h, err));
    if (!p->every)
        return 0;
    if (in->shape.ndims == QN_MAX_DIMS)
        return qn_fail(err, QN_ESHAPE,
                       "states of a grid of %d axes cannot be kept along one "
                       "more",
                       in->shape.ndims);
    out->shape.ndims++;
    out->shape.n[0] = p->steps / p->every;
    for (int a = 0; a < in->shape.ndims; a++)
        out->shape.n[a + 1] = in->shape.n[a];
    return 0;
}

/* Rows from axis k on; from and to: samples from the start of the boxes. */
static void
step(const struct heat *h, int k, int64_t at[QN_MAX_DIMS], int64_t from,
     int64_t to)
{
    const struct qn_region *in = h->in, *out = h->out;

    from += (out->start[k] - in->start[k]) * in->stride[k];
    if (k == in->grid.shape.ndims - 1) {
        if (in->grid.dtype == QN_F32)
            heat_row_f32(h, at, (const float *)in->data + from,
                         (float *)out->data + to);
        else
            heat_row_f64(h, at, (const double *)in->data + from,
                         (double *)out->data + to);
        return;
    }
    for (int64_t i = 0; i < out->count[k]; i++) {
        // where the grid wraps, boxes may lie beyond it
        at[k] = out->start[k] + i;
        step(h, k + 1, at, from + i * in->stride[k], to + i * out->stride[k]);
    }
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    struct heat h = {.in = in, .out = out};
    int64_t at[QN_MAX_DIMS] = {0};

    (void)memory;
    QN_TRY(spread(&h, params, &in->grid.shape, err));
    step(&h, 0, at, 0, 0);
    return 0;
}

const struct qn_kernel qn_kernel_heat = {
    .name = "heat",
    .summary = "explicit steps of the heat equation",
    .definition =
        "Each step makes of every sample u, from the samples before it, u + "
        "alpha * ((((W - u) + (E - u)) + (N - u)) + (S - u)): the neighbours "
        "along the last axis first, in each axis the one before u and then "
        "the one behind; a line has one pair, a volume a third. Computed in "
        "the real type, in this order. NaN samples are walls: they stay, and "
        "give their neighbours nothing (a term of 0). boundary is one for all "
        "axes acted on, or a list: fixed, the samples at the two ends of the "
        "axis never change; insulated, what lies beyond them is a wall; "
        "periodic, beyond an end lies the other. Stable for alpha up to 1 / "
        "(2 axes). It acts on all axes, or on those of axes. With every k the "
        "result has one axis more, in front: the states after k, 2k, ... "
        "steps, of which steps is a multiple.",
    .source = "forward Euler with central differences",
    .kind = QN_KIND_STENCIL,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .prepare = prepare,
    .type = type,
    .stencil = stencil,
    .halo = halo,
};
