/* moving-mean: the mean of a sample and those before it along an axis.
 *
 * As a step it is given the samples before along with those it averages at; as
 * a product it is given slabs of rows, and keeps the last rows of the slab
 * before where windows reach back into it.  Both add the same samples in the same order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/part.h"
#include "kernels/reduce_run.h"
#include "kernels/walk.h"
#include "model/dtype.h"
#include "model/shape.h"
#include "quern/kernel.h"

enum { COLUMNS = 512 };

struct params {
    int64_t window;
    int64_t axis;
};

static const struct qn_option options[] = {
    {"window", QN_OPTION_INTEGER, offsetof(struct params, window), NULL, NULL,
     "samples", "How many samples are averaged: this one and those before."},
    {"axis", QN_OPTION_INTEGER, offsetof(struct params, axis), "0", NULL, NULL,
     "Along which axis, from 0, or from -1 at the end."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    if (p->window < 1)
        return qn_fail(err, QN_EJOB,
                       "moving-mean: window is a number of samples from 1");
    if (p->axis < -QN_MAX_DIMS || p->axis >= QN_MAX_DIMS)
        return qn_fail(err, QN_EJOB, "moving-mean: there is no axis %lld",
                       (long long)p->axis);
    return 0;
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    const struct params *p = params;
    const int64_t axis = p->axis + (p->axis < 0 ? in->shape.ndims : 0);

    *out = *in;
    if (axis < 0 || axis >= in->shape.ndims)
        return qn_fail(err, QN_ESHAPE, "there is no axis %lld: the item has %d",
                       (long long)p->axis, in->shape.ndims);
    return 0;
}

/* Lines along the axis side by side: place j of column c is sample
 * j * stride + c, of `before` for the first nbefore places, then of `now`. */
struct lines {
    const char *before;
    int64_t nbefore;
    const char *now;
    size_t stride;
    size_t columns, step; /* of results: from one place to the next is step */
    enum qn_dtype dtype;
};

static const char *
place(const struct lines *l, int64_t j, size_t column)
{
    const size_t size = qn_dtype_size(l->dtype);

    return j < l->nbefore
               ? l->before + ((size_t)j * l->stride + column) * size
               : l->now + ((size_t)(j - l->nbefore) * l->stride + column) * size;
}

/* The results of n neighbouring columns at place k: all samples of the window
 * anew, so that no rounding is carried along the axis. */
static void
average(void *out, enum qn_dtype real, const struct lines *l, size_t column,
        int64_t k, int64_t window, size_t n)
{
    double sum[COLUMNS] = {0}, count[COLUMNS] = {0}, x[COLUMNS];

    for (int64_t j = k + 1 < window ? 0 : k + 1 - window; j <= k; j++) {
        (void)qn_dtype_convert(x, QN_F64, place(l, j, column), l->dtype, n,
                               NULL);
        for (size_t i = 0; i < n; i++) {
            sum[i] += x[i] == x[i] ? x[i] : 0;
            count[i] += x[i] == x[i] ? 1 : 0;
        }
    }
    for (size_t i = 0; i < n; i++)
        sum[i] = count[i] > 0 ? sum[i] / count[i] : NAN;
    (void)qn_dtype_convert(out, real, sum, QN_F64, n, NULL);
}

/* Columns [from, from + COLUMNS) at the n places after those before. */
static void
average_columns(char *out, enum qn_dtype real, const struct lines *l,
                size_t from, int64_t n, int64_t window)
{
    const size_t size = qn_dtype_size(real);
    const size_t left = l->columns - from, m = left < COLUMNS ? left : COLUMNS;

    for (int64_t k = 0; k < n; k++)
        average(out + ((size_t)k * l->step + from) * size, real, l, from,
                l->nbefore + k, window, m);
}

/* How the axis lies in an item: in runs of length x stride samples. */
struct along {
    int axis;
    size_t length, stride;
};

static struct along
along_of(const struct params *p, const struct qn_shape *s)
{
    struct along a = {
        .axis = (int)(p->axis + (p->axis < 0 ? s->ndims : 0)),
        .stride = 1,
    };

    a.length = (size_t)s->n[a.axis];
    for (int i = a.axis + 1; i < s->ndims; i++)
        a.stride *= (size_t)s->n[i];
    return a;
}

static void
average_runs(char *out, enum qn_dtype real, const char *in,
             enum qn_dtype dtype, const struct along *a, size_t runs,
             int64_t window)
{
    const size_t samples = a->length * a->stride;

    for (size_t i = 0; i < runs; i++) {
        const struct lines l = {
            .now = in + i * samples * qn_dtype_size(dtype),
            .stride = a->stride,
            .columns = a->stride,
            .step = a->stride,
            .dtype = dtype,
        };

        for (size_t column = 0; column < a->stride; column += COLUMNS)
            average_columns(out + i * samples * qn_dtype_size(real), real, &l,
                            column, (int64_t)a->length, window);
    }
}

/* ---- as a step, part by part --------------------------------------------- */

static int
sources(const void *params, const struct qn_shape *in,
        const struct qn_region *out, struct qn_region source[QN_MAX_SOURCES])
{
    const struct params *p = params;
    const int along = along_of(p, in).axis;

    for (int a = 0; a < in->ndims; a++) {
        int64_t before = a == along ? p->window - 1 : 0;

        before = before < out->start[a] ? before : out->start[a];
        source[0].start[a] = out->start[a] - before;
        source[0].count[a] = out->count[a] + before;
    }
    return 1;
}

static int
make(const void *params, const struct qn_region source[QN_MAX_SOURCES],
     const struct qn_region *out, struct qn_error *err)
{
    const struct params *p = params;
    const struct qn_array in = qn_part_array(source), to = qn_part_array(out);
    const size_t size = qn_dtype_size(in.type.dtype);
    const int along = along_of(p, &to.type.shape).axis;
    struct lines l = {.nbefore = out->start[along] - source->start[along],
                      .stride = (size_t)source->stride[along],
                      .step = (size_t)out->stride[along],
                      .dtype = in.type.dtype};
    struct qn_box box = qn_part_box(out);
    struct qn_walk i, o;

    (void)err;
    box.count[along] = 1;
    qn_walk_start(&o, &box, &to.type.shape);
    for (qn_walk_start(&i, &box, &in.type.shape); i.more; qn_walk_next(&i)) {
        l.before = (const char *)in.data + (size_t)i.first * size;
        l.now = l.before + (size_t)l.nbefore * l.stride * size;
        l.columns = (size_t)i.n;
        for (size_t c = 0; c < l.columns; c += COLUMNS)
            average_columns((char *)out->data +
                                (size_t)o.first * qn_dtype_size(to.type.dtype),
                            to.type.dtype, &l, c, out->count[along], p->window);
        qn_walk_next(&o);
    }
    return 0;
}

static const struct qn_regrid regrid = {.sources = sources, .make = make};

/* ---- as a product, slab by slab ----------------------------------------- */

struct product {
    struct along along;
    bool across;           /* the axis is that of the rows             */
    int64_t window, rows, row;
    enum qn_dtype dtype, real;
    char *before;          /* owned: the last rows of the slabs so far */
    int64_t nbefore;
    char *out;             /* owned: all results                       */
    size_t bytes;
};

static int
results(const void *params, const struct qn_reduced *in,
        struct qn_reduced_type *out, int *n, struct qn_error *err)
{
    out[0] = (struct qn_reduced_type){.name = "data", .axis = -1};
    *n = 1;
    QN_TRY(type(params, &in->type, &out[0].type, err));
    out[0].type.dtype = in->real;
    return 0;
}

/* Rows that windows reach back to. */
static int64_t
rows_before(const struct params *p, const struct qn_shape *s)
{
    int64_t rows, row;

    qn_reduce_run_rows(s, &rows, &row);
    if (along_of(p, s).axis != qn_shape_row_axis(s))
        return 0;
    return p->window - 1 < rows ? p->window - 1 : rows;
}

static int64_t
need(const void *params, const struct qn_reduced *in)
{
    int64_t rows, row;

    qn_reduce_run_rows(&in->type.shape, &rows, &row);
    return rows_before(params, &in->type.shape) * row *
           (int64_t)qn_dtype_size(in->type.dtype);
}

static int
open_product(void **state, const void *params, const struct qn_reduced *in,
             int *passes, struct qn_error *err)
{
    const struct params *p = params;
    const struct qn_shape *s = &in->type.shape;
    struct product *m;

    *passes = 1;
    QN_TRY(qn_memory_make(state, 1, sizeof *m, "the moving means", err));
    m = *state;
    *m = (struct product){
        .along = along_of(p, s),
        .window = p->window,
        .dtype = in->type.dtype,
        .real = in->real,
        .bytes = (size_t)qn_shape_count(s) * qn_dtype_size(in->real),
    };
    m->across = m->along.axis == qn_shape_row_axis(s);
    qn_reduce_run_rows(s, &m->rows, &m->row);
    if (m->along.axis < qn_shape_row_axis(s)) // of length 1
        m->along.stride = (size_t)m->row;
    QN_TRY(qn_memory_make((void **)&m->before, (size_t)need(params, in) + 1, 1,
                          "the rows of a moving mean", err));
    return qn_memory_make((void **)&m->out, m->bytes + 1, 1,
                          "the moving means", err);
}

static int
parts(void *state, const struct qn_slab *slab, int64_t *n,
      struct qn_error *err)
{
    const struct product *m = state;

    (void)err;
    *n = m->across ? (m->row + COLUMNS - 1) / COLUMNS : slab->n;
    return 0;
}

static void
part(void *state, const struct qn_slab *slab, int64_t i)
{
    struct product *m = state;
    const size_t row = (size_t)m->row, size = qn_dtype_size(m->dtype);
    char *out =
        m->out + (size_t)slab->first * row * qn_dtype_size(m->real);
    const struct lines l = {.before = m->before, .nbefore = m->nbefore,
                            .now = slab->v, .stride = row, .columns = row,
                            .step = row, .dtype = m->dtype};

    if (m->across)
        average_columns(out, m->real, &l, (size_t)i * COLUMNS, slab->n,
                        m->window);
    else
        average_runs(out + (size_t)i * row * qn_dtype_size(m->real), m->real,
                     (const char *)slab->v + (size_t)i * row * size, m->dtype,
                     &m->along, row / (m->along.length * m->along.stride),
                     m->window);
}

/* Keep the rows that the next slab looks back to. */
static int
merge(void *state, const struct qn_slab *slab, struct qn_error *err)
{
    struct product *m = state;
    const size_t bytes = (size_t)m->row * qn_dtype_size(m->dtype);
    int64_t want = m->window - 1 < m->rows ? m->window - 1 : m->rows, old;

    (void)err;
    if (!m->across)
        return 0;
    if (want > m->nbefore + slab->n)
        want = m->nbefore + slab->n;
    old = want > slab->n ? want - slab->n : 0;
    memmove(m->before, m->before + (size_t)(m->nbefore - old) * bytes,
            (size_t)old * bytes);
    memcpy(m->before + (size_t)old * bytes,
           (const char *)slab->v + (size_t)(slab->n - (want - old)) * bytes,
           (size_t)(want - old) * bytes);
    m->nbefore = want;
    return 0;
}

static int
finish(void *state, const struct qn_array *out, struct qn_error *err)
{
    const struct product *m = state;

    (void)err;
    memcpy(out[0].data, m->out, m->bytes);
    return 0;
}

static void
close_product(void *state)
{
    struct product *m = state;

    if (!m)
        return;
    free(m->before);
    free(m->out);
    free(m);
}

static const struct qn_reduction reduction = {
    .results = results,
    .need = need,
    .open = open_product,
    .parts = parts,
    .part = part,
    .merge = merge,
    .finish = finish,
    .close = close_product,
};

const struct qn_kernel qn_kernel_moving_mean = {
    .name = "moving-mean",
    .summary = "the mean of a sample and those before it along an axis",
    .definition =
        "Sample k along axis becomes the mean of samples k - window + 1 to k; "
        "the first window - 1 average what there is. The samples of a window "
        "are added in float64, in item order, and the mean is rounded once to "
        "the real type. NaN samples do not count; a window of only NaN is "
        "NaN. Time grows with window. It may stand in products too.",
    .kind = QN_KIND_OTHER,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "window",
    .prepare = prepare,
    .type = type,
    .reduction = &reduction,
    .regrid = &regrid,
};
