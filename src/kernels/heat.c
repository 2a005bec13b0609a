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
     "The axes it acts on, slowest is 0, from the end -1; default all. A list "
     "of boundaries goes by their order."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* What a box is computed with. */
struct heat {
    const struct qn_region *in, *out;
    double alpha;
    bool on[QN_MAX_DIMS];
    int boundary[QN_MAX_DIMS]; /* enum boundary */
    int pairs;                 /* axes acted on before the last       */
    bool held;                 /* the box is one sample wide, which never
                                  changes                             */
    bool open;                 /* no sample of the box is at an end of the
                                  last axis, which is acted on, too   */
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
    int place[QN_MAX_DIMS], n;

    QN_TRY(qn_edge_axes(place, &n, &p->axes, shape, err));
    if (p->boundary.n != 1 && p->boundary.n != n)
        return qn_fail(err, QN_ESHAPE,
                       "%d boundaries do not suit %d axes; give one, or one "
                       "for each axis",
                       p->boundary.n, n);
    h->alpha = p->alpha;
    for (int a = 0; a < shape->ndims; a++) {
        const int which = p->boundary.n == 1 ? 0 : place[a];

        h->on[a] = place[a] >= 0;
        h->boundary[a] = h->on[a] ? p->boundary.v[which] : INSULATED;
        h->pairs += h->on[a] && a < shape->ndims - 1;
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

/* ---- a box ------------------------------------------------------------------ */

/* n rows, one by one. */
static void
rows(const struct heat *h, int64_t at[QN_MAX_DIMS], int64_t from, int64_t to,
     int64_t n)
{
    const struct qn_region *in = h->in, *out = h->out;
    const int last = in->grid.shape.ndims - 1, k = last - 1;

    for (int64_t i = 0; i < n; i++, at[last ? k : 0] += last > 0) {
        if (in->grid.dtype == QN_F32)
            heat_row_f32(h, at, (const float *)in->data + from,
                         (float *)out->data + to);
        else
            heat_row_f64(h, at, (const double *)in->data + from,
                         (double *)out->data + to);
        if (last) {
            from += in->stride[k];
            to += out->stride[k];
        }
    }
}

/* n rows of one sample that stays. */
static void
hold(const struct heat *h, int64_t from, int64_t to, int64_t n)
{
    const struct qn_region *in = h->in, *out = h->out;
    const int k = in->grid.shape.ndims - 2;

    for (int64_t i = 0; i < n; i++) {
        if (in->grid.dtype == QN_F32)
            ((float *)out->data)[to] = ((const float *)in->data)[from];
        else
            ((double *)out->data)[to] = ((const double *)in->data)[from];
        from += in->stride[k];
        to += out->stride[k];
    }
}

/* n rows at once; false: not in this way. */
static bool
band(const struct heat *h, int64_t from, int64_t to, int64_t n)
{
    const struct qn_region *in = h->in, *out = h->out;

    if (in->grid.dtype == QN_F32)
        return heat_band_f32(h, n, (const float *)in->data + from,
                             (float *)out->data + to);
    return heat_band_f64(h, n, (const double *)in->data + from,
                         (double *)out->data + to);
}

/* Rows from the one at `at` on, at most n, that have all their neighbours;
 * 0: that one has not. */
static int64_t
open_rows(const struct heat *h, const int64_t at[QN_MAX_DIMS], int64_t n)
{
    const struct qn_shape *grid = &h->in->grid.shape;
    const int k = grid->ndims - 2;

    if (!h->open)
        return 0;
    for (int a = 0; a <= k; a++) {
        if (!h->on[a] || h->boundary[a] == PERIODIC)
            continue;
        if (at[a] == 0 || at[a] == grid->n[a] - 1)
            return 0;
        if (a == k && n > grid->n[a] - 1 - at[a])
            n = grid->n[a] - 1 - at[a];
    }
    return n;
}

/* What there is of axis k and those behind it; from and to: samples from the
 * start of the boxes. */
static void
step(const struct heat *h, int k, int64_t at[QN_MAX_DIMS], int64_t from,
     int64_t to)
{
    const struct qn_region *in = h->in, *out = h->out;
    const int last = in->grid.shape.ndims - 1;
    int64_t n = 1;

    from += (out->start[k] - in->start[k]) * in->stride[k];
    if (k == last) { // a line, of one axis
        rows(h, at, from, to, 1);
        return;
    }
    if (k == last - 1)
        from += (out->start[last] - in->start[last]) * in->stride[last];
    if (k == last - 1 && h->held) {
        hold(h, from, to, out->count[k]);
        return;
    }
    for (int64_t i = 0; i < out->count[k]; i += n) {
        const int64_t f = from + i * in->stride[k];
        const int64_t t = to + i * out->stride[k];

        // where the grid wraps, boxes may lie beyond it
        at[k] = out->start[k] + i;
        if (k < last - 1) {
            step(h, k + 1, at, f, t);
            continue;
        }
        n = open_rows(h, at, out->count[k] - i);
        if (n && band(h, f, t, n))
            continue;
        n = n ? n : 1;
        rows(h, at, f, t, n);
    }
}

/* Samples of the last axis from `start` on, n of them. */
static void
columns(const struct heat *h, int64_t start, int64_t n, bool open)
{
    const int last = h->out->grid.shape.ndims - 1;
    const int64_t skip = start - h->out->start[last];
    struct qn_region out = *h->out;
    struct heat part = *h;
    int64_t at[QN_MAX_DIMS] = {0};

    if (n <= 0)
        return;
    out.start[last] = start;
    out.count[last] = n;
    out.data = (char *)out.data +
               skip * (int64_t)(out.grid.dtype == QN_F32 ? sizeof(float)
                                                         : sizeof(double));
    part.out = &out;
    part.open = open;
    part.held = n == 1 && !open && last > 0 && h->on[last] &&
                h->boundary[last] == FIXED &&
                (start == 0 || start == out.grid.shape.n[last] - 1);
    step(&part, 0, at, 0, 0);
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    const int last = in->grid.shape.ndims - 1;
    struct heat h = {.in = in, .out = out};
    int64_t first, end;

    (void)memory;
    QN_TRY(spread(&h, params, &in->grid.shape, err));
    first = out->start[last];
    end = first + out->count[last];
    if (!h.on[last] || h.pairs < 1 || h.pairs > 2) {
        columns(&h, first, end - first, false);
        return 0;
    }
    if (h.boundary[last] != PERIODIC) {
        const int64_t n = in->grid.shape.n[last];

        columns(&h, first, first == 0, false);
        first += first == 0;
        if (end == n && end > first)
            columns(&h, --end, 1, false);
    }
    columns(&h, first, end - first, true);
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
    .version = 2,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .prepare = prepare,
    .type = type,
    .stencil = stencil,
    .halo = halo,
};
