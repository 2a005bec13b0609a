/* The loop of filters that look at a few samples around each: the box in a
 * frame, then row by row.  Knows edges only through edge.h. */
#include "kernels/differ.h"

int
qn_differ_halo(struct qn_halo *h, const struct qn_edge *edge,
               const struct qn_type *in, struct qn_error *err)
{
    int place[QN_MAX_DIMS], n;

    QN_TRY(qn_edge_axes(place, &n, &edge->axes, &in->shape, err));
    for (int a = 0; a < in->shape.ndims; a++)
        h->radius[a] = place[a] >= 0;
    qn_edge_wrap(h, edge);
    return 0;
}

size_t
qn_differ_bytes(int ndims, const int64_t *count, const int64_t *radius)
{
    struct qn_frame f;
    int64_t size;

    qn_edge_frame(&f, &size, ndims, count, radius);
    return size < 0 ? SIZE_MAX
                    : (size_t)(size + f.n[ndims - 1]) * sizeof(double);
}

size_t
qn_differ_scratch(const struct qn_edge *edge, const struct qn_type *in,
                  const int64_t count[QN_MAX_DIMS])
{
    struct qn_halo h = {.steps = 1};

    (void)qn_differ_halo(&h, edge, in, NULL); // as in type
    return qn_differ_bytes(in->shape.ndims, count, h.radius);
}

/* Rows from axis k on: x is the frame's sample at the indices before. */
static void
run_rows(const struct qn_differ *d, const struct qn_frame *f,
         const struct qn_region *out, int k, const double *x, int64_t at,
         double *line)
{
    x += f->radius[k] * f->stride[k];
    if (k == f->ndims - 1) {
        d->row(d, line, x);
        qn_edge_store(out, at, line, d->n);
        return;
    }
    for (int64_t i = 0; i < out->count[k]; i++)
        run_rows(d, f, out, k + 1, x + i * f->stride[k],
                 at + i * out->stride[k], line);
}

int
qn_differ_run(const struct qn_differ *d, const struct qn_region *in,
              const struct qn_region *out, void *memory, struct qn_error *err)
{
    const int ndims = in->grid.shape.ndims;
    struct qn_differ mine = *d;
    struct qn_halo h = {.steps = 1};
    struct qn_frame f;
    int64_t size;

    QN_TRY(qn_differ_halo(&h, d->edge, &in->grid, err));
    if (d->radius)
        for (int a = 0; a < ndims; a++)
            h.radius[a] = d->radius[a];
    qn_edge_frame(&f, &size, ndims, out->count, h.radius);
    qn_edge_fill(memory, QN_F64, &f, in, out, d->edge);
    mine.n = out->count[ndims - 1];
    for (int a = 0; a < ndims; a++)
        if (h.radius[a])
            mine.stride[mine.naxes++] = f.stride[a];
    run_rows(&mine, &f, out, 0, memory, 0, (double *)memory + size);
    return 0;
}
