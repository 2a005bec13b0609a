/* From a file through the steps, slab by slab.  Knows neither what steps do
 * (stream.c) nor what becomes of the rows. */
#include "worker/supply.h"

#include "base/clock.h"
#include "model/array.h"
#include "model/flow.h"
#include "model/shape.h"

/* Memory for n rows; it grows, and what was in it is lost. */
static int
find_room(struct qn_array *a, struct qn_type type, int axis, int64_t n,
          struct qn_error *err)
{
    const size_t room = qn_array_bytes(a);

    if (type.shape.ndims)
        type.shape.n[axis] = n;
    if (a->data && room >= (size_t)qn_shape_bytes(&type))
        return 0;
    qn_array_clear(a);
    return qn_array_make(a, &type, err);
}

/* Rows of the item as it is read. */
static int
read_rows(void *ctx, int64_t first, int64_t n, struct qn_array *v,
          struct qn_error *err)
{
    struct qn_supply *f = ctx;
    const int axis = qn_shape_row_axis(&f->read_as.shape);
    const int along = f->box.ndims - f->read_as.shape.ndims + axis;
    struct qn_type type = f->read_as;
    struct qn_box box = f->box;
    double t0;
    int rc;

    QN_TRY(find_room(&f->in, type, axis, n, err));
    if (type.shape.ndims) {
        box.start[along] += first * box.step[along];
        box.count[along] = type.shape.n[axis] = n;
    }
    t0 = qn_clock_now();
    rc = qn_reader_read(f->reader, &box, f->in.data, err);
    f->read += qn_clock_now() - t0;
    *v = qn_array_view(&type, f->in.data);
    return rc;
}

int
qn_supply_open(struct qn_supply *f, const struct qn_pass *pass,
             struct qn_reader *reader, const struct qn_box *box,
             const struct qn_type *read_as, struct qn_error *err)
{
    const struct qn_stream_source source = {read_rows, f};
    const struct qn_shape *s = &read_as->shape;
    const int axis = qn_shape_row_axis(s);
    int64_t row = 1, unit = 1, reach = 0;

    *f = (struct qn_supply){.reader = reader, .box = *box, .read_as = *read_as,
                          .type = *read_as, .rows = 1};
    if (pass->program->nsteps) {
        QN_TRY(qn_stream_open(&f->steps, pass, &f->type, err));
        unit = qn_stream_unit(f->steps);
        reach = qn_stream_reach(f->steps);
    }
    for (int a = axis + 1; a < s->ndims; a++)
        row *= s->n[a];
    if (s->ndims)
        f->rows = qn_flow_slab(row, unit, reach, f->type.shape.n[axis]);
    return f->steps ? qn_stream_settle(f->steps, &source, f->rows, err) : 0;
}

int
qn_supply_get(struct qn_supply *f, int64_t first, int64_t n, const void **v,
            struct qn_error *err)
{
    const int axis = qn_shape_row_axis(&f->read_as.shape);
    int64_t from = first, count = n;
    struct qn_array in;

    if (f->steps)
        qn_stream_rows(f->steps, first, n, &from, &count);
    QN_TRY(read_rows(f, from, count, &in, err));
    *v = in.data;
    if (!f->steps)
        return 0;
    QN_TRY(find_room(&f->out, f->type, axis, n, err));
    *v = f->out.data;
    return qn_stream_slab(f->steps, f->out.data, first, n, &in, from, err);
}

void
qn_supply_close(struct qn_supply *f)
{
    qn_stream_close(f->steps);
    qn_array_clear(&f->in);
    qn_array_clear(&f->out);
    *f = (struct qn_supply){0};
}
