/* Rows on their way from reader to writer.
 *
 * The writer asks for rows; they are read, taken through the steps and handed
 * over.  What fails on the way is the item's fault and kept, so that it is not
 * taken for the output's. */
#include "worker/slabs.h"

#include "base/clock.h"
#include "model/dtype.h"
#include "model/shape.h"
#include "worker/rows.h"

static struct qn_type
rows_of(const struct qn_type *type, int64_t n)
{
    struct qn_type t = *type;

    t.shape.n[qn_shape_row_axis(&t.shape)] = n;
    return t;
}

static int
get_converted(struct qn_slabs *s, int64_t first, int64_t n, const void **v,
              struct qn_error *err)
{
    const struct qn_type type = rows_of(&s->result.type, n);
    const void *made;

    QN_TRY(qn_supply_get(&s->supply, first, n, &made, err));
    *v = made;
    if (!s->as.data)
        return 0;
    *v = s->as.data;
    return qn_dtype_convert(s->as.data, s->as.type.dtype, made,
                            s->supply.type.dtype,
                            (size_t)qn_shape_count(&type.shape), err);
}

/* What was read and kept for the rows is not needed any more. */
static void
give_back(struct qn_slabs *s)
{
    s->read += s->supply.read;
    qn_supply_close(&s->supply);
    qn_array_clear(&s->as);
}

/* Rows of what comes out. */
static int
get_rows(void *ctx, int64_t first, int64_t n, const void **v,
         struct qn_error *err)
{
    struct qn_slabs *s = ctx;
    const double t0 = qn_clock_now(), read = s->supply.read;

    if (*s->turn && *s->turn != s)
        give_back(*s->turn);
    *s->turn = s;
    s->rc = get_converted(s, first, n, v, &s->why);
    s->compute += qn_clock_now() - t0 - (s->supply.read - read);
    if (s->rc)
        qn_wrap(&s->why, "rows %lld to %lld", (long long)first,
                (long long)(first + n - 1));
    else
        qn_worker_read_ahead(s->worker);
    return s->rc ? qn_fail(err, s->rc, "%s", s->why.text) : 0;
}

/* What is read row by row, and no row of it twice, in slabs that stay in
 * cache. */
static int64_t
rows_at_a_time(const struct qn_slabs *s)
{
    const struct qn_supply *f = &s->supply;
    const int64_t unit = f->steps ? qn_stream_unit(f->steps) : 1;
    int64_t warm;

    if (!qn_reader_info(f->reader)->by_rows || !f->read_as.shape.ndims ||
        (f->steps && qn_stream_reach(f->steps)))
        return f->rows;
    warm = qn_rows_warm(&s->program, &f->read_as, unit) / unit;
    return warm < f->rows ? warm : f->rows;
}

int
qn_slabs_open(struct qn_slabs *s, struct qn_worker *worker,
              const struct qn_pass *pass, int nsteps,
              struct qn_reader *reader, struct qn_slabs **turn,
              struct qn_error *err)
{
    const struct qn_type *type = &qn_reader_info(reader)->type;
    const struct qn_box box = qn_shape_box(&type->shape);
    const double t0 = qn_clock_now();
    struct qn_pass mine = *pass;
    struct qn_type rows;

    *s = (struct qn_slabs){.program = *pass->program, .turn = turn,
                           .worker = worker};
    mine.program = &s->program;
    s->program.nsteps = nsteps;
    QN_TRY(qn_supply_open(&s->supply, &mine, reader, &box, type, err));
    s->compute = qn_clock_now() - t0 - s->supply.read;
    s->source = (struct qn_writer_source){get_rows, s, rows_at_a_time(s)};
    s->result.type = s->supply.type;
    if (s->program.dtype >= 0 && nsteps == pass->program->nsteps)
        s->result.type.dtype = (enum qn_dtype)s->program.dtype;
    rows = rows_of(&s->result.type, s->source.rows);
    return s->supply.type.dtype == rows.dtype
               ? 0
               : qn_array_make(&s->as, &rows, err);
}

void
qn_slabs_close(struct qn_slabs *s)
{
    give_back(s);
    *s = (struct qn_slabs){0};
}
