/* reduce: the median.
 *
 * Of a whole item by counting: 16 bits of every sample's rank a pass, from the
 * highest, so that no sample need be kept and passes over a file are few (one
 * for 16-bit samples, four for 64-bit ones).  Along axes the samples of as many
 * results as fit in BAND bytes are gathered, a pass over the item for each
 * band.  Both are exact, in whatever order samples come. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/reduce.h"
#include "kernels/reduce_run.h"
#include "kernels/stats.h"
#include "model/dtype.h"
#include "model/shape.h"

enum { DIGIT = 16, BAND = 256 << 20, COLUMNS = 256 };

/* Pieces that threads take: samples counted into one table, of so many; rows
 * whose samples are gathered; results that are ranked. */
enum { COUNTED = 1 << 16, TABLES = 8, ROWS = 16, RANKED = 64 };

struct median {
    struct qn_reduced in;
    struct qn_reduce_axes axes;
    int64_t row;          /* samples of a row                               */
    double *result;       /* owned: [nout]                                  */

    /* of a whole item */
    int bits;             /* of a sample's rank                             */
    int64_t *count[2];    /* owned: for the lower and the upper middle:
                             `tables` tables of all digits, one behind the
                             other, which are added up behind a pass        */
    int tables;
    uint64_t prefix[2];   /* what is known of their ranks: highest bits     */
    int64_t place[2];     /* theirs among the samples that share the prefix */

    /* along axes */
    enum qn_dtype real;   /* of what is gathered                            */
    void *gathered;       /* owned: [band][nper]                            */
    int64_t *fill;        /* owned: [band]                                  */
    int64_t band, first;  /* results of a band; the first of this one       */
};

/* ---- ranks ------------------------------------------------------------------- */

/* Unsigned numbers that are ordered as the samples are; NaN is told by the
 * caller. */
static uint64_t
rank_of(const void *v, size_t i, enum qn_dtype t)
{
    uint32_t narrow;
    uint64_t wide;

    switch (t) {
    case QN_I8: return (uint64_t)(((const int8_t *)v)[i] + 128);
    case QN_U8: return ((const uint8_t *)v)[i];
    case QN_I16: return (uint64_t)(((const int16_t *)v)[i] + 32768);
    case QN_U16: return ((const uint16_t *)v)[i];
    case QN_I32: return ((const uint32_t *)v)[i] ^ UINT32_C(1) << 31;
    case QN_U32: return ((const uint32_t *)v)[i];
    case QN_I64: return ((const uint64_t *)v)[i] ^ UINT64_C(1) << 63;
    case QN_U64: return ((const uint64_t *)v)[i];
    case QN_F32:
        memcpy(&narrow, (const char *)v + i * 4, 4);
        return narrow >> 31 ? (uint32_t)~narrow : narrow | UINT32_C(1) << 31;
    default:
        memcpy(&wide, (const char *)v + i * 8, 8);
        return wide >> 63 ? ~wide : wide | UINT64_C(1) << 63;
    }
}

/* The sample of that rank. */
static double
sample_of(uint64_t rank, enum qn_dtype t)
{
    uint32_t narrow = (uint32_t)rank;
    float f;
    double d;

    switch (t) {
    case QN_I8: return (double)rank - 128;
    case QN_I16: return (double)rank - 32768;
    case QN_I32: return (double)rank - 2147483648.0;
    case QN_I64: return (double)(int64_t)(rank ^ UINT64_C(1) << 63);
    case QN_F32:
        narrow = narrow >> 31 ? narrow & ~(UINT32_C(1) << 31) : ~narrow;
        memcpy(&f, &narrow, sizeof f);
        return (double)f;
    case QN_F64:
        rank = rank >> 63 ? rank & ~(UINT64_C(1) << 63) : ~rank;
        memcpy(&d, &rank, sizeof d);
        return d;
    default: return (double)rank;
    }
}

static bool
is_nan(const void *v, size_t i, enum qn_dtype t)
{
    return t == QN_F32   ? isnan(((const float *)v)[i])
           : t == QN_F64 ? isnan(((const double *)v)[i])
                         : false;
}

/* Count a digit of those that share a prefix. */
static void
count_digits(struct median *m, int table, const void *v, size_t n, int pass)
{
    int64_t *count[2] = {m->count[0] + ((size_t)table << DIGIT),
                         m->count[1] + ((size_t)table << DIGIT)};
    const enum qn_dtype t = m->in.type.dtype;
    const int shift = m->bits > DIGIT ? m->bits - DIGIT * (pass + 1) : 0;
    const uint64_t mask = (UINT64_C(1) << DIGIT) - 1;
    // behind the first pass the two middles may part
    const int both = pass > 0 && m->prefix[0] != m->prefix[1];

    for (size_t i = 0; i < n; i++) {
        const uint64_t rank = is_nan(v, i, t) ? 0 : rank_of(v, i, t);
        const uint64_t head = pass ? rank >> shift >> DIGIT : 0;

        if (is_nan(v, i, t))
            continue;
        if (head == m->prefix[0])
            count[0][rank >> shift & mask]++;
        else if (both && head == m->prefix[1])
            count[1][rank >> shift & mask]++;
    }
}

/* Behind a pass: the next digit of both middles. */
static void
narrow_down(struct median *m, int pass)
{
    const bool shared = m->prefix[0] == m->prefix[1];
    int64_t n = 0;

    for (int k = 0; k < 2; k++)
        for (size_t i = (size_t)1 << DIGIT; i < (size_t)m->tables << DIGIT; i++)
            m->count[k][i & ((1 << DIGIT) - 1)] += m->count[k][i];
    if (pass == 0) {
        for (int i = 0; i < 1 << DIGIT; i++)
            n += m->count[0][i];
        m->place[0] = (n - 1) / 2;
        m->place[1] = n ? n / 2 : -1;
    }
    for (int k = 0; k < 2 && m->place[1] >= 0; k++) {
        const int64_t *count = m->count[shared ? 0 : k];
        uint64_t digit = 0;

        while (m->place[k] >= count[digit])
            m->place[k] -= count[digit++];
        m->prefix[k] = m->prefix[k] << DIGIT | digit;
    }
    for (int k = 0; k < 2; k++)
        memset(m->count[k], 0, (size_t)m->tables * (sizeof(int64_t) << DIGIT));
}

/* ---- along axes -------------------------------------------------------------- */

/* Samples of one run: n of them from result out on, or all to that one. */
static void
gather_run(struct median *m, int64_t out, const char *v, int64_t n)
{
    const enum qn_dtype t = m->in.type.dtype;
    const bool kept = !m->axes.reduced[m->axes.ngroups - 1];
    const size_t size = qn_dtype_size(t);
    double wide[COLUMNS];

    for (int64_t at = 0; at < n; at += COLUMNS) {
        const int64_t count = n - at < COLUMNS ? n - at : COLUMNS;

        (void)qn_dtype_convert(wide, QN_F64, v + (size_t)at * size, t,
                               (size_t)count, NULL);
        for (int64_t i = 0; i < count; i++) {
            const int64_t o = out - m->first + (kept ? at + i : 0);

            if (o < 0 || o >= m->band || isnan(wide[i]))
                continue;
            if (m->real == QN_F32)
                ((float *)m->gathered)[o * m->axes.nper + m->fill[o]++] =
                    (float)wide[i];
            else
                ((double *)m->gathered)[o * m->axes.nper + m->fill[o]++] =
                    wide[i];
        }
    }
}

/* Of each run in a slab what lies in columns low ... high. */
static void
gather_columns(struct median *m, const struct qn_slab *slab, int64_t low,
               int64_t high)
{
    const int last = m->axes.ngroups - 1;
    const size_t size = qn_dtype_size(m->in.type.dtype);
    const int64_t all = slab->n * m->row, base = slab->first * m->row;
    int64_t n;

    for (int64_t at = 0; at < all; at += n) {
        int64_t out, left = qn_reduce_axes_find(&m->axes, base + at, &out);
        const int64_t from = m->axes.n[last] - left;
        int64_t a, b;

        n = left < all - at ? left : all - at;
        a = low > from ? low : from;
        b = high < from + n ? high : from + n;
        if (a < b)
            gather_run(m, m->axes.reduced[last] ? out : out + a - from,
                       (const char *)slab->v + (size_t)(at + a - from) * size,
                       b - a);
    }
}

/* Rows have results of their own; or columns may. */
static bool
has_rows(const struct median *m)
{
    return !m->axes.reduced[0];
}

static int64_t
pieces_of(const struct median *m, const struct qn_slab *slab)
{
    const int last = m->axes.ngroups - 1;

    if (has_rows(m))
        return (slab->n + ROWS - 1) / ROWS;
    return m->axes.reduced[last] ? 1
                                 : (m->axes.n[last] + COLUMNS - 1) / COLUMNS;
}

/* Where results lie along runs, some columns of all runs after the other, so
 * that what is written stays in cache. */
static void
gather_piece(struct median *m, const struct qn_slab *slab, int64_t i)
{
    const int last = m->axes.ngroups - 1;
    const int64_t n = m->axes.n[last];
    const int64_t step = m->axes.reduced[last] ? n : COLUMNS;
    const int64_t left = slab->n - i * ROWS;
    const struct qn_slab rows = {
        .first = slab->first + i * ROWS,
        .n = left < ROWS ? left : ROWS,
        .v = (const char *)slab->v + (size_t)(i * ROWS * m->row) *
                                         qn_dtype_size(m->in.type.dtype)};

    if (!has_rows(m))
        gather_columns(m, slab, i * step, (i + 1) * step);
    for (int64_t low = 0; has_rows(m) && low < n; low += step)
        gather_columns(m, &rows, low, low + step);
}

/* Results of the band that are there. */
static int64_t
results_of(const struct median *m)
{
    const int64_t left = m->axes.nout - m->first;

    return left < m->band ? left : m->band;
}

static void
rank_piece(struct median *m, int64_t i)
{
    const int64_t all = results_of(m), end = (i + 1) * RANKED;

    for (int64_t o = i * RANKED; o < (end < all ? end : all); o++) {
        char *v = (char *)m->gathered +
                  (size_t)(o * m->axes.nper) * qn_dtype_size(m->real);

        m->result[m->first + o] =
            qn_stats_median(v, m->real, (size_t)m->fill[o]);
        m->fill[o] = 0;
    }
}

/* ---- the reduction ------------------------------------------------------------- */

static int
open_counts(struct median *m, int *passes, struct qn_error *err)
{
    m->bits = (int)qn_dtype_size(m->in.type.dtype) * 8;
    *passes = m->bits > DIGIT ? m->bits / DIGIT : 1;
    // two sets of tables, in what memory there is; no more than are of use
    m->tables = TABLES;
    while (m->tables > 1 &&
           ((m->in.memory && ((int64_t)m->tables << (DIGIT + 4)) > m->in.memory) ||
            (int64_t)m->tables * COUNTED > qn_shape_count(&m->in.type.shape)))
        m->tables /= 2;
    for (int k = 0; k < 2; k++)
        QN_TRY(qn_memory_make((void **)&m->count[k],
                              (size_t)m->tables << DIGIT, sizeof(int64_t),
                              "a median", err));
    return 0;
}

static int
open_bands(struct median *m, int *passes, struct qn_error *err)
{
    const enum qn_dtype t = m->in.type.dtype;
    size_t n;
    int64_t most;

    m->real = qn_dtype_precision(t);
    most = m->in.memory && m->in.memory < BAND ? m->in.memory : BAND;
    most = most / (int64_t)qn_dtype_size(m->real) / m->axes.nper;
    m->band = most < 1 ? 1 : most < m->axes.nout ? most : m->axes.nout;
    *passes = (int)((m->axes.nout + m->band - 1) / m->band);
    QN_TRY(qn_memory_mul(&n, (size_t)m->band, (size_t)m->axes.nper,
                         "the median", err));
    QN_TRY(qn_memory_make(&m->gathered, n, qn_dtype_size(m->real),
                          "the median", err));
    return qn_memory_make((void **)&m->fill, (size_t)m->band,
                          sizeof *m->fill, "the median", err);
}

static int
open_median(void **state, const void *params, const struct qn_reduced *in,
            int *passes, struct qn_error *err)
{
    struct median *m;
    int64_t all;

    QN_TRY(qn_memory_make(state, 1, sizeof *m, "the median", err));
    m = *state;
    m->in = *in;
    qn_reduce_run_rows(&in->type.shape, &all, &m->row);
    QN_TRY(qn_reduce_axes_make(&m->axes, params, &in->type.shape, err));
    QN_TRY(qn_memory_make((void **)&m->result, (size_t)m->axes.nout,
                          sizeof *m->result, "the median", err));
    return m->axes.nout == 1 ? open_counts(m, passes, err)
                             : open_bands(m, passes, err);
}

static int
parts(void *state, const struct qn_slab *slab, int64_t *n,
      struct qn_error *err)
{
    const struct median *m = state;

    (void)err;
    *n = m->bits ? m->tables : pieces_of(m, slab);
    return 0;
}

/* Part i of the samples has table i. */
static void
part(void *state, const struct qn_slab *slab, int64_t i)
{
    struct median *m = state;
    const int64_t n = slab->n * m->row, each = m->bits ? (n + m->tables - 1) / m->tables : 0;
    const int64_t from = i * each < n ? i * each : n;
    const size_t size = qn_dtype_size(m->in.type.dtype);

    if (m->bits)
        count_digits(m, (int)i, (const char *)slab->v + (size_t)from * size,
                     (size_t)(n - from < each ? n - from : each), slab->pass);
    else
        gather_piece(m, slab, i);
}

static int64_t
shares(void *state, int pass)
{
    const struct median *m = state;

    (void)pass;
    return m->bits ? 0 : (results_of(m) + RANKED - 1) / RANKED;
}

static void
share(void *state, int pass, int64_t i)
{
    (void)pass;
    rank_piece(state, i);
}

static int
turn(void *state, int pass, struct qn_error *err)
{
    struct median *m = state;

    (void)err;
    if (m->bits)
        narrow_down(m, pass);
    m->first += m->band;
    return 0;
}

static int
finish(void *state, const struct qn_array *out, struct qn_error *err)
{
    struct median *m = state;
    const enum qn_dtype t = m->in.type.dtype;

    if (m->bits && m->place[1] < 0)
        m->result[0] = NAN;
    else if (m->bits && m->prefix[0] == m->prefix[1])
        m->result[0] = sample_of(m->prefix[0], t);
    else if (m->bits)
        m->result[0] =
            (sample_of(m->prefix[0], t) + sample_of(m->prefix[1], t)) / 2;
    return qn_dtype_convert(out->data, out->type.dtype, m->result, QN_F64,
                            (size_t)m->axes.nout, err);
}

static void
close_median(void *state)
{
    struct median *m = state;

    if (!m)
        return;
    free(m->count[0]);
    free(m->count[1]);
    free(m->gathered);
    free(m->fill);
    free(m->result);
    free(m);
}

const struct qn_reduction qn_reduce_median = {
    .open = open_median,
    .parts = parts,
    .part = part,
    .shares = shares,
    .share = share,
    .turn = turn,
    .finish = finish,
    .close = close_median,
};
