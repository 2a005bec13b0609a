/* Rows through a step.
 *
 * Knows kernels by what they say of themselves (include/quern/kernel.h),
 * neither samples nor the other steps. */
#include "model/flow.h"

#include "model/need.h"
#include "model/shape.h"

/* ---- boxes of boxes ------------------------------------------------------- */

/* What rows first ... of the output are made of. */
static int
sources_of(const struct qn_flow *f, int64_t first, int64_t n,
           struct qn_region source[QN_MAX_SOURCES])
{
    struct qn_region out = {.grid = f->out};

    for (int a = 0; a < f->out.shape.ndims; a++)
        out.count[a] = f->out.shape.n[a];
    out.start[f->axis] = first;
    out.count[f->axis] = n;
    return f->kernel->regrid->sources(f->params, &f->in.shape, &out, source);
}

/* Rows that hold the sources, but for one that serves all rows. */
static void
rows_of(const struct qn_flow *f, int64_t first, int64_t n, int64_t *start,
        int64_t *end)
{
    struct qn_region source[QN_MAX_SOURCES];
    const int sources = sources_of(f, first, n, source);
    const int x = f->axis;

    *start = source[0].start[x];
    *end = *start + source[0].count[x];
    for (int j = 1; j < sources && !f->level; j++) {
        const int64_t from = source[j].start[x], to = from + source[j].count[x];

        *start = from < *start ? from : *start;
        *end = to > *end ? to : *end;
    }
}

/* Is the second source of a row that of all rows? */
static bool
has_level(struct qn_flow *f)
{
    const int64_t rows = f->out.shape.n[f->axis];
    struct qn_region one[QN_MAX_SOURCES], all[QN_MAX_SOURCES];
    const int x = f->axis;

    if (sources_of(f, 0, 1, one) < 2 || sources_of(f, 0, rows, all) < 2 ||
        one[1].start[x] != all[1].start[x] ||
        one[1].count[x] != all[1].count[x])
        return false;
    f->beside = all[1];
    f->beside.grid = f->in;
    return true;
}

static bool
regrid_of(struct qn_flow *f)
{
    const struct qn_kernel *k = f->kernel;
    int64_t start[2], end[2], rows;

    f->kind = QN_FLOW_REGRID;
    f->out = f->in;
    if (k->type && k->type(f->params, &f->in, &f->out, NULL))
        return false;
    rows = f->out.shape.n[f->axis];
    // nothing comes out, or along other axes
    if (!qn_shape_count(&f->out.shape) ||
        f->out.shape.ndims != f->in.shape.ndims)
        return false;
    f->level = has_level(f);
    rows_of(f, 0, 1, &start[0], &end[0]);
    rows_of(f, rows - 1, 1, &start[1], &end[1]);
    f->unit = end[0] - start[0];
    // what is cut off at an end of the item is not at the other
    if (rows > 1) {
        const int64_t s = start[1] - start[0], e = end[1] - end[0];

        f->unit = ((s > e ? s : e) + rows - 2) / (rows - 1);
    }
    for (int i = 0; i < 2; i++)
        if (end[i] - start[i] - f->unit > f->reach)
            f->reach = end[i] - start[i] - f->unit;
    return true;
}

/* ---- all kernels ----------------------------------------------------------- */

static bool
halo_of(struct qn_flow *f)
{
    struct qn_halo halo = {.steps = 1};

    f->kind = QN_FLOW_STENCIL;
    if (f->kernel->halo && f->kernel->halo(f->params, &f->in, &halo, NULL))
        return false;
    f->reach = 2 * halo.radius[f->axis] * halo.steps;
    f->spare = halo.steps > 1 ? 2 : 0;
    // the other end of the grid is not at hand, and states pile up
    return !halo.every && !(halo.wraps[f->axis] && halo.radius[f->axis]);
}

bool
qn_flow_make(struct qn_flow *f, const struct qn_kernel *k, const void *params,
             const struct qn_type *in, int axis)
{
    *f = (struct qn_flow){.kind = QN_FLOW_POINT, .unit = 1, .axis = axis,
                          .kernel = k, .params = params, .in = *in};
    if (!in->shape.ndims || axis >= in->shape.ndims)
        return k->point != NULL;
    f->rows = in->shape.n[axis];
    if (k->stencil)
        return halo_of(f);
    if (k->regrid)
        return regrid_of(f);
    if (k->overall)
        f->kind = QN_FLOW_OVERALL;
    return k->overall || k->point;
}

void
qn_flow_rows(const struct qn_flow *f, int64_t first, int64_t n, int64_t *from,
             int64_t *count)
{
    int64_t start = first - f->reach / 2, end = first + n + f->reach / 2;

    if (f->kind == QN_FLOW_REGRID && n) {
        rows_of(f, first, n, &start, &end);
    } else {
        start = start > 0 ? start : 0;
        end = end < f->rows ? end : f->rows;
    }
    *from = start;
    *count = end - start;
}

int64_t
qn_flow_slab(int64_t row, int64_t unit, int64_t reach, int64_t all)
{
    const int64_t samples = row * unit;
    int64_t n = samples && samples < QN_NEED_SLAB ? QN_NEED_SLAB / samples : 1;

    if (n * unit < 2 * reach)
        n = (2 * reach + unit - 1) / unit;
    return n < all ? n : all;
}
