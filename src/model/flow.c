/* Rows through a step.
 *
 * Knows kernels by what they say of themselves (include/quern/kernel.h),
 * neither samples nor the other steps. */
#include "model/flow.h"

#include "model/need.h"

static bool
reach_of(struct qn_flow *f, const struct qn_kernel *k, const void *params,
         const struct qn_type *in, int axis)
{
    f->kind = QN_FLOW_REACH;
    f->spare = 1;
    return k->reach(params, &in->shape, axis, &f->before, &f->after);
}

static bool
halo_of(struct qn_flow *f, const struct qn_kernel *k, const void *params,
        const struct qn_type *in, int axis)
{
    struct qn_halo halo = {.steps = 1};

    f->kind = QN_FLOW_STENCIL;
    if (k->halo && k->halo(params, in, &halo, NULL))
        return false;
    f->before = f->after = halo.radius[axis] * halo.steps;
    f->spare = halo.steps > 1 ? 2 : 0;
    // the other end of the grid is not at hand, and states pile up
    return !halo.every && !(halo.wraps[axis] && halo.radius[axis]);
}

bool
qn_flow_make(struct qn_flow *f, const struct qn_kernel *k, const void *params,
             const struct qn_type *in, int axis)
{
    *f = (struct qn_flow){.kind = QN_FLOW_POINT, .unit = 1};
    if (!in->shape.ndims || axis >= in->shape.ndims)
        return k->point != NULL;
    f->rows = in->shape.n[axis];
    if (k->point)
        return true;
    if (k->stencil)
        return halo_of(f, k, params, in, axis);
    if (k->reach)
        return reach_of(f, k, params, in, axis);
    if (k->overall) {
        f->kind = QN_FLOW_OVERALL;
        return true;
    }
    if (k->cut) {
        f->kind = QN_FLOW_CUT;
        return k->cut(params, &in->shape, axis, &f->offset, &f->unit);
    }
    if (!k->unit || !k->real)
        return false;
    f->kind = QN_FLOW_UNIT;
    f->unit = k->unit(params, &in->shape, axis);
    return true;
}

void
qn_flow_rows(const struct qn_flow *f, int64_t first, int64_t n, int64_t *from,
             int64_t *count)
{
    int64_t start = first, end = first + n;

    if (f->kind == QN_FLOW_UNIT) {
        start *= f->unit;
        end *= f->unit;
    } else if (f->kind == QN_FLOW_CUT) {
        start = f->offset + first * f->unit;
        end = n ? f->offset + (end - 1) * f->unit + 1 : start;
    } else {
        start -= f->before;
        end += f->after;
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
