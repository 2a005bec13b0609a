/* Reading an item slab by slab, each taken through the steps while it is in
 * cache: see rows.h.
 *
 * What is read is small and used again and again, so that an item costs the
 * memory of its result alone.  Knows neither what steps do (pass.c) nor where
 * results go. */
#include "worker/rows.h"

#include "base/clock.h"
#include "model/array.h"
#include "model/dtype.h"
#include "worker/stream.h"

enum { SLAB = 1 << 16 }; /* samples: as read, and as float32, in a cache */

bool
qn_rows_can(const struct qn_pass *pass, const struct qn_reader *reader,
            const struct qn_type *type)
{
    if (!pass->program->nsteps)
        return !pass->keeper;
    return type->shape.ndims > 0 && qn_reader_info(reader)->by_rows &&
           qn_pass_streams(pass, true);
}

static int
read_box(struct qn_rows *r, const struct qn_box *box, void *to,
         struct qn_error *err)
{
    double t0 = qn_clock_now();
    int rc = qn_reader_read(r->reader, box, to, err);

    r->read += qn_clock_now() - t0;
    // the kernel works on the next item as soon as this one is well begun
    if (!rc)
        qn_worker_read_ahead(r->worker);
    return rc;
}

int64_t
qn_rows_warm(const struct qn_program *p, const struct qn_type *type,
             int64_t unit)
{
    const struct qn_shape *s = &type->shape;
    const int threads = p->threads > 1 ? p->threads : 1;
    int64_t row = unit, n;

    for (int i = qn_shape_row_axis(s) + 1; i < s->ndims; i++)
        row *= s->n[i];
    n = row ? (int64_t)SLAB * threads / row : 1;
    return (n > 1 ? n : 1) * unit;
}

/* Slabs of at most `step` rows of the item, which room has memory for. */
static int
go(struct qn_rows *r, struct qn_stream *s, const struct qn_array *room,
   int64_t step, const struct qn_array *a, struct qn_error *err)
{
    const int axis = qn_shape_row_axis(&r->type.shape);
    const int along = r->box.ndims - r->type.shape.ndims + axis;
    const int64_t unit = qn_stream_unit(s);
    const int64_t rows = a->type.shape.n[axis];
    struct qn_array in = qn_array_view(&room->type, room->data);
    struct qn_box box = r->box;
    size_t out = qn_dtype_size(a->type.dtype); /* bytes of a row */

    step /= unit;
    for (int i = axis + 1; i < a->type.shape.ndims; i++)
        out *= (size_t)a->type.shape.n[i];
    for (int64_t row = 0; row < rows; row += step) {
        const int64_t n = rows - row < step ? rows - row : step;
        int64_t from, count;

        qn_stream_rows(s, row, n, &from, &count);
        box.start[along] = r->box.start[along] + from * r->box.step[along];
        box.count[along] = in.type.shape.n[axis] = count;
        QN_TRY(read_box(r, &box, in.data, err));
        QN_TRY(qn_stream_slab(s, (char *)a->data + (size_t)row * out, row, n,
                              &in, from, err));
    }
    return 0;
}

static int
stream(struct qn_rows *r, struct qn_stream *s, const struct qn_type *out,
       struct qn_array *a, struct qn_error *err)
{
    const int axis = qn_shape_row_axis(&r->type.shape);
    const int64_t step = qn_rows_warm(r->pass->program, &r->type,
                                      qn_stream_unit(s));
    struct qn_type type = r->type;
    struct qn_array room;
    int rc = r->place(r->ctx, a, out, err);

    if (rc)
        return rc;
    if (step < type.shape.n[axis])
        type.shape.n[axis] = step;
    QN_TRY(qn_array_make(&room, &type, err));
    rc = go(r, s, &room, step, a, err);
    qn_array_clear(&room);
    return rc;
}

int
qn_rows_run(struct qn_rows *r, struct qn_array *a, struct qn_error *err)
{
    struct qn_type type = r->type;
    struct qn_stream *s;
    int rc;

    if (!r->pass->program->nsteps) {
        QN_TRY(r->place(r->ctx, a, &type, err));
        return read_box(r, &r->box, a->data, err);
    }
    QN_TRY(qn_stream_open(&s, r->pass, &type, err));
    rc = stream(r, s, &type, a, err);
    qn_stream_close(s);
    return rc;
}
