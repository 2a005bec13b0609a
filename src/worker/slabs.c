/* Rows on their way from reader to writer.
 *
 * The writer asks for rows; they are read, taken through the steps and handed
 * over.  What fails on the way is the item's fault and kept, so that it is not
 * taken for the output's. */
#include "worker/slabs.h"

#include "base/clock.h"
#include "model/dtype.h"
#include "model/need.h"
#include "model/shape.h"

static struct qn_type
rows_of(const struct qn_type *type, int64_t n)
{
    struct qn_type t = *type;

    t.shape.n[qn_shape_row_axis(&t.shape)] = n;
    return t;
}

static int
read_rows(struct qn_slabs *s, int64_t first, int64_t n, struct qn_error *err)
{
    const struct qn_type *type = &qn_reader_info(s->reader)->type;
    const int axis = qn_shape_row_axis(&type->shape);
    struct qn_box box = qn_shape_box(&type->shape);
    double t0 = qn_clock_now();
    int rc;

    box.start[axis] = first;
    box.count[axis] = n;
    s->in.type = rows_of(type, n);
    rc = qn_reader_read(s->reader, &box, s->in.data, err);
    s->read += qn_clock_now() - t0;
    return rc;
}

static int
take_steps(struct qn_slabs *s, int64_t first, int64_t n, const void **v,
           struct qn_error *err)
{
    const struct qn_type type = rows_of(&s->result.type, n);
    const size_t samples = (size_t)qn_shape_count(&type.shape);
    struct qn_array *made = &s->in;

    if (s->steps) {
        QN_TRY(qn_pass_stream_slab(s->steps, s->out.data, &s->in,
                                   first * s->unit, err));
        made = &s->out;
    }
    *v = made->data;
    if (!s->as.data)
        return 0;
    *v = s->as.data;
    return qn_dtype_convert(s->as.data, s->as.type.dtype, made->data,
                            made->type.dtype, samples, err);
}

/* Rows of what comes out. */
static int
get_rows(void *ctx, int64_t first, int64_t n, const void **v,
         struct qn_error *err)
{
    struct qn_slabs *s = ctx;
    double t0;

    s->rc = read_rows(s, first * s->unit, n * s->unit, &s->why);
    t0 = qn_clock_now();
    if (!s->rc)
        s->rc = take_steps(s, first, n, v, &s->why);
    s->compute += qn_clock_now() - t0;
    if (s->rc)
        qn_wrap(&s->why, "rows %lld to %lld", (long long)first,
                (long long)(first + n - 1));
    return s->rc ? qn_fail(err, s->rc, "%s", s->why.text) : 0;
}

static int
make_buffers(struct qn_slabs *s, const struct qn_type *made,
             struct qn_error *err)
{
    const struct qn_type in = qn_reader_info(s->reader)->type;
    struct qn_type t = rows_of(&in, s->source.rows * s->unit);

    QN_TRY(qn_array_make(&s->in, &t, err));
    t = rows_of(made, s->source.rows);
    if (s->steps)
        QN_TRY(qn_array_make(&s->out, &t, err));
    t = rows_of(&s->result.type, s->source.rows);
    return made->dtype == t.dtype ? 0 : qn_array_make(&s->as, &t, err);
}

int
qn_slabs_open(struct qn_slabs *s, const struct qn_pass *pass,
              struct qn_reader *reader, struct qn_error *err)
{
    struct qn_type type = qn_reader_info(reader)->type;
    const int axis = qn_shape_row_axis(&type.shape);
    const int64_t all = type.shape.n[axis];
    int64_t row = qn_shape_count(&type.shape) / (all ? all : 1), rows;

    *s = (struct qn_slabs){.program = pass->program, .reader = reader,
                           .unit = 1};
    if (pass->program->nsteps) {
        QN_TRY(qn_pass_stream_open(&s->steps, pass, &type, err));
        s->unit = qn_pass_stream_unit(s->steps);
    }
    row *= s->unit;
    rows = row && row < QN_NEED_SLAB ? QN_NEED_SLAB / row : 1;
    if (rows > type.shape.n[axis])
        rows = type.shape.n[axis];
    s->source = (struct qn_writer_source){get_rows, s, rows};
    s->result.type = type;
    if (pass->program->dtype >= 0)
        s->result.type.dtype = (enum qn_dtype)pass->program->dtype;
    return make_buffers(s, &type, err);
}

void
qn_slabs_close(struct qn_slabs *s)
{
    qn_pass_stream_close(s->steps);
    qn_array_clear(&s->in);
    qn_array_clear(&s->out);
    qn_array_clear(&s->as);
    *s = (struct qn_slabs){0};
}
