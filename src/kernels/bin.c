/* bin: blocks of samples become one.  Row by row of the result, so that each
 * block's sum runs in row-major order whatever the number of axes. */
#include <math.h>

#include "kernels/clones.h"
#include "kernels/part.h"
#include "kernels/walk.h"
#include "model/dtype.h"
#include "quern/kernel.h"

enum method { METHOD_MEAN, METHOD_SUM };

struct params {
    struct qn_numbers factor;
    int method; /* enum method */
};

static const struct qn_option options[] = {
    {"factor", QN_OPTION_NUMBERS, offsetof(struct params, factor), NULL, NULL,
     "samples",
     "Length of a block: one number for the last two axes, or a list for all."},
    {"method", QN_OPTION_CHOICE, offsetof(struct params, method), "mean",
     "mean|sum", NULL, "What becomes of a block."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* Blocks on their way, as many as fit in the first level of cache.  Loops run
 * over so many lanes, a constant, for the vectoriser. */
enum { BLOCKS = 512, LANES = 16 };

struct blocks {
    double sum[BLOCKS];
    double n[BLOCKS]; /* samples that count */
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct qn_numbers *f = &((const struct params *)params)->factor;

    if (f->n < 1 || f->n > QN_MAX_DIMS)
        return qn_fail(err, QN_EJOB,
                       "bin has %d factors; give one, or one for each axis",
                       f->n);
    for (int i = 0; i < f->n; i++)
        if (!(f->v[i] >= 1 && f->v[i] <= INT32_MAX) ||
            f->v[i] != floor(f->v[i]))
            return qn_fail(err, QN_EJOB,
                           "bin: factor %g is not a whole number of samples "
                           "from 1",
                           f->v[i]);
    return 0;
}

/* The factor of each axis. */
static int
spread(int64_t factor[QN_MAX_DIMS], const struct params *p,
       const struct qn_shape *in, struct qn_error *err)
{
    const struct qn_numbers *f = &p->factor;

    for (int a = 0; a < QN_MAX_DIMS; a++)
        factor[a] = 1;
    if (in->ndims == 0)
        return qn_fail(err, QN_ESHAPE,
                       "an item with axes is needed; this is a number");
    if (f->n == 1) {
        for (int a = in->ndims - 1; a >= 0 && a >= in->ndims - 2; a--)
            factor[a] = (int64_t)f->v[0];
        return 0;
    }
    if (f->n != in->ndims)
        return qn_fail(err, QN_ESHAPE,
                       "%d factors do not suit an item of %d axes; give one, "
                       "or one for each axis",
                       f->n, in->ndims);
    for (int a = 0; a < in->ndims; a++)
        factor[a] = (int64_t)f->v[a];
    return 0;
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    int64_t factor[QN_MAX_DIMS];

    QN_TRY(spread(factor, params, &in->shape, err));
    *out = *in;
    for (int a = 0; a < in->shape.ndims; a++) {
        if (in->shape.n[a] > 0 && in->shape.n[a] < factor[a])
            return qn_fail(err, QN_ESHAPE,
                           "axis %d has %lld samples, less than its "
                           "factor %lld; choose a smaller factor",
                           a, (long long)in->shape.n[a], (long long)factor[a]);
        out->shape.n[a] = in->shape.n[a] / factor[a];
    }
    return 0;
}

/* Add factor samples of x to each of n blocks: all of them, or those that are
 * not NaN.  The commonest case has constants of its own. */
#define ADD(T)                                                                 \
    QN_CLONES static void add_pairs_##T(double *restrict sum,                  \
                                        const T *restrict x, int64_t n)        \
    {                                                                          \
        for (; n > 0; n -= LANES, sum += LANES, x += 2 * LANES)                \
            for (int64_t i = 0; i < LANES; i++)                                \
                sum[i] = (sum[i] + (double)x[2 * i]) + (double)x[2 * i + 1];   \
    }                                                                          \
    static void add_all_##T(struct blocks *b, const T *x, int64_t n,           \
                            int64_t factor)                                    \
    {                                                                          \
        const int64_t whole = factor == 2 ? n / LANES * LANES : 0;             \
                                                                               \
        add_pairs_##T(b->sum, x, whole);                                       \
        for (int64_t i = whole; i < n; i++)                                    \
            for (int64_t k = 0; k < factor; k++)                               \
                b->sum[i] += (double)x[i * factor + k];                        \
    }                                                                          \
    static void add_numbers_##T(struct blocks *b, const T *x, int64_t n,       \
                                int64_t factor)                                \
    {                                                                          \
        for (int64_t i = 0; i < n; i++)                                        \
            for (int64_t k = 0; k < factor; k++) {                             \
                const double v = (double)x[i * factor + k];                    \
                b->sum[i] += v == v ? v : 0.0;                                 \
                b->n[i] += v == v ? 1.0 : 0.0;                                 \
            }                                                                  \
    }

ADD(float)
ADD(double)

/* The commonest case at once: the means of BLOCKS pairs of pairs, the samples
 * of each added in the order of add_all.  True: there was a NaN. */
#define MEANS(T)                                                               \
    QN_CLONES_WIDE static bool means_##T(T *restrict out,                      \
                                         const T *restrict x,                  \
                                         const T *restrict below)              \
    {                                                                          \
        int bad = 0;                                                           \
                                                                               \
        for (int64_t i = 0; i < BLOCKS; i++) {                                 \
            const double sum =                                                 \
                (((0.0 + (double)x[2 * i]) + (double)x[2 * i + 1]) +           \
                 (double)below[2 * i]) +                                       \
                (double)below[2 * i + 1];                                      \
                                                                               \
            bad |= sum != sum;                                                 \
            out[i] = (T)(sum / 4.0);                                           \
        }                                                                      \
        return bad;                                                            \
    }

MEANS(float)
MEANS(double)

/* Do blocks lie in the last two axes, two samples in each? */
static bool
is_pairs(const int64_t *factor, int ndims)
{
    for (int a = 0; a < ndims; a++)
        if (factor[a] != (a < ndims - 2 ? 1 : 2))
            return false;
    return ndims > 1;
}

/* BLOCKS such blocks, which begin with the first sample of part; false where
 * there is a NaN: then results are not to be used. */
static bool
mean_pairs(const struct qn_array *out, int64_t to, const struct qn_array *in,
           const struct qn_box *part)
{
    const int64_t row = in->type.shape.n[part->ndims - 1];
    struct qn_walk w;

    qn_walk_start(&w, part, &in->type.shape);
    if (in->type.dtype == QN_F32) {
        const float *x = (const float *)in->data + w.first;

        return !means_float((float *)out->data + to, x, x + row);
    }
    const double *x = (const double *)in->data + w.first;

    return !means_double((double *)out->data + to, x, x + row);
}

/* The samples that become the n results from index first of a row on. */
static struct qn_box
part_of(const struct qn_walk *row, const int64_t *factor, int64_t first,
        int64_t n)
{
    const int last = row->box.ndims - 1;
    struct qn_box box = {.ndims = last + 1};

    for (int a = 0; a <= last; a++) {
        box.start[a] = (a < last ? row->at[a] : first) * factor[a];
        box.count[a] = (a < last ? 1 : n) * factor[a];
        box.step[a] = 1;
    }
    return box;
}

/* From n sums to results; lanes behind them come to nothing. */
QN_CLONES static void
finish(double *restrict sum, const double *restrict count, int64_t n,
       bool mean)
{
    for (; n > 0; n -= LANES, sum += LANES, count += LANES) {
        for (int i = 0; i < LANES; i++)
            sum[i] /= mean ? count[i] : 1.0;
        for (int i = 0; i < LANES; i++)
            sum[i] = count[i] > 0 ? sum[i] : NAN;
    }
}

static void
store(const struct qn_array *out, int64_t first, struct blocks *b, int64_t n,
      int method)
{
    const enum qn_dtype real = out->type.dtype;
    char *to = (char *)out->data + (size_t)first * qn_dtype_size(real);

    finish(b->sum, b->n, n, method == METHOD_MEAN);
    // To a real type: cannot fail.
    (void)qn_dtype_convert(to, real, b->sum, QN_F64, (size_t)n, NULL);
}

typedef void adder(struct blocks *b, const void *row, int64_t n, int64_t factor,
                   enum qn_dtype real);

static void
add_all(struct blocks *b, const void *row, int64_t n, int64_t factor,
        enum qn_dtype real)
{
    if (real == QN_F32)
        add_all_float(b, row, n, factor);
    else
        add_all_double(b, row, n, factor);
}

static void
add_numbers(struct blocks *b, const void *row, int64_t n, int64_t factor,
            enum qn_dtype real)
{
    if (real == QN_F32)
        add_numbers_float(b, row, n, factor);
    else
        add_numbers_double(b, row, n, factor);
}

/* Add the samples of part, row by row, to n blocks. */
static void
gather(struct blocks *b, const struct qn_array *in, const struct qn_box *part,
       int64_t n, adder *add)
{
    const enum qn_dtype real = in->type.dtype;
    const size_t size = qn_dtype_size(real);
    struct qn_walk run;

    for (int64_t i = 0; i < (n + LANES - 1) / LANES * LANES; i++)
        b->sum[i] = b->n[i] = 0;
    for (qn_walk_start(&run, part, &in->type.shape); run.more;
         qn_walk_next(&run))
        add(b, (const char *)in->data + (size_t)run.first * size, n, run.n / n,
            real);
}

/* Add all samples; a sum that is no NaN had none in it.  Else once more, with
 * care. */
static void
fill(struct blocks *b, const struct qn_array *in, const struct qn_box *part,
     int64_t n)
{
    int64_t samples = 1;
    bool clean = true;

    gather(b, in, part, n, add_all);
    for (int64_t i = 0; i < n; i++)
        clean = clean & !isnan(b->sum[i]);
    if (!clean) {
        gather(b, in, part, n, add_numbers);
        return;
    }
    for (int a = 0; a < part->ndims; a++)
        samples *= part->count[a];
    for (int64_t i = 0; i < n; i++)
        b->n[i] = (double)(samples / n);
}

static int
sources(const void *params, const struct qn_shape *in,
        const struct qn_region *out, struct qn_region source[QN_MAX_SOURCES])
{
    int64_t factor[QN_MAX_DIMS];

    (void)spread(factor, params, in, NULL); // checked by type
    for (int a = 0; a < in->ndims; a++) {
        source[0].start[a] = out->start[a] * factor[a];
        source[0].count[a] = out->count[a] * factor[a];
    }
    return 1;
}

/* Blocks are whole in their source. */
static int
make(const void *params, const struct qn_region source[QN_MAX_SOURCES],
     const struct qn_region *out, struct qn_error *err)
{
    const struct params *p = params;
    const struct qn_array in = qn_part_array(&source[0]);
    const struct qn_array to = qn_part_array(out);
    const struct qn_box all = qn_shape_box(&to.type.shape);
    int64_t factor[QN_MAX_DIMS];
    struct qn_walk row;
    struct blocks b;
    bool pairs;

    QN_TRY(spread(factor, p, &in.type.shape, err));
    pairs = p->method == METHOD_MEAN && is_pairs(factor, all.ndims);
    for (qn_walk_start(&row, &all, &to.type.shape); row.more;
         qn_walk_next(&row))
        for (int64_t at = 0; at < row.n; at += BLOCKS) {
            const int64_t n = row.n - at < BLOCKS ? row.n - at : BLOCKS;
            const struct qn_box part = part_of(&row, factor, at, n);

            if (pairs && n == BLOCKS &&
                mean_pairs(&to, row.first + at, &in, &part))
                continue;
            fill(&b, &in, &part, n);
            store(&to, row.first + at, &b, n, p->method);
        }
    return 0;
}

static const struct qn_regrid regrid = {
    .sources = sources, .make = make, .apart = true};

static void
map(const void *params, const struct qn_shape *in, double offset[QN_MAX_DIMS],
    double factor[QN_MAX_DIMS])
{
    int64_t f[QN_MAX_DIMS];

    (void)spread(f, params, in, NULL); // checked by type
    for (int a = 0; a < in->ndims; a++) {
        offset[a] = 0;
        factor[a] = (double)f[a];
    }
}

const struct qn_kernel qn_kernel_bin = {
    .name = "bin",
    .summary = "blocks of samples become one",
    .definition =
        "The axes are cut into blocks of factor samples, from index 0; one "
        "factor serves the last two axes (the only axis of a 1-D item), a "
        "list has one for each axis, slowest first. A trailing part block is "
        "dropped. Each block becomes the sum of its samples, or the sum "
        "divided by their number: added in float64, from 0, in row-major "
        "order within the block, and rounded once to the real type. NaN "
        "samples do not count; a block of only NaN is NaN.",
    .kind = QN_KIND_GEOMETRY,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "factor",
    .prepare = prepare,
    .type = type,
    .map = map,
    .regrid = &regrid,
};
