/* The geometry of reduce: which samples become which result. */
#include "kernels/reduce.h"
#include "model/shape.h"

static int
mark_axes(bool reduced[QN_MAX_DIMS], const struct qn_numbers *axis,
          const struct qn_shape *shape, struct qn_error *err)
{
    for (int a = 0; a < QN_MAX_DIMS; a++)
        reduced[a] = axis->n == 0;
    for (int i = 0; i < axis->n; i++) {
        int a = (int)axis->v[i];

        if (a < 0)
            a += shape->ndims;
        if (a < 0 || a >= shape->ndims)
            return qn_fail(err, QN_ESHAPE,
                           "there is no axis %d: the item has %d, counted "
                           "from 0, or from -1 at the end",
                           (int)axis->v[i], shape->ndims);
        if (reduced[a])
            return qn_fail(err, QN_EJOB, "axis %d is named twice", a);
        reduced[a] = true;
    }
    return 0;
}

static void
add_group(struct qn_reduce_axes *g, int64_t n, bool reduced)
{
    const int last = g->ngroups - 1;

    if (n == 1)
        return;
    if (last >= 0 && g->reduced[last] == reduced) {
        g->n[last] *= n;
        return;
    }
    g->n[g->ngroups] = n;
    g->reduced[g->ngroups++] = reduced;
}

int
qn_reduce_axes_make(struct qn_reduce_axes *g, const struct qn_reduce *p,
                    const struct qn_shape *shape, struct qn_error *err)
{
    bool reduced[QN_MAX_DIMS];

    *g = (struct qn_reduce_axes){.nout = 1, .nper = 1};
    QN_TRY(mark_axes(reduced, &p->axis, shape, err));
    for (int a = 0; a < shape->ndims; a++) {
        add_group(g, shape->n[a], reduced[a]);
        if (!reduced[a])
            g->out.n[g->out.ndims++] = shape->n[a];
    }
    if (g->ngroups == 0) {
        g->n[0] = 1;
        g->reduced[g->ngroups++] = true;
    }
    for (int i = g->ngroups - 1; i >= 0; i--) {
        g->stride[i] = g->nout;
        if (g->reduced[i])
            g->nper *= g->n[i];
        else
            g->nout *= g->n[i];
    }
    return 0;
}

int64_t
qn_reduce_axes_find(const struct qn_reduce_axes *g, int64_t flat, int64_t *out)
{
    const int last = g->ngroups - 1;
    const int64_t at = flat % g->n[last];
    int64_t left = flat / g->n[last];

    *out = g->reduced[last] ? 0 : at;
    for (int i = last - 1; i >= 0; i--) {
        if (!g->reduced[i])
            *out += left % g->n[i] * g->stride[i];
        left /= g->n[i];
    }
    return g->n[last] - at;
}
