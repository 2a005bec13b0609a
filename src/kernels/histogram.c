/* histogram: how many samples lie in each of equal bins.
 *
 * Counts are exact, in whatever order samples come.  Integers of up to 16 bits
 * are counted by value, so that even an unknown range takes one pass. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/reduce_run.h"
#include "model/dtype.h"
#include "model/shape.h"

enum { BLOCK = 512, VALUES = 1 << 16, MOST_BINS = 1 << 24 };

/* Samples that are counted into one tally, of so many, on any threads. */
enum { COUNTED = 1 << 16, TALLIES = 8 };

struct params {
    int64_t bins;
    struct qn_numbers range; /* n 0: the smallest to the largest sample */
};

static const struct qn_option options[] = {
    {"bins", QN_OPTION_INTEGER, offsetof(struct params, bins), NULL, NULL,
     NULL, "How many bins."},
    {"range", QN_OPTION_NUMBERS, offsetof(struct params, range), "", NULL,
     NULL, "Lower and upper end of all bins; the smallest and the largest "
           "finite sample if not given."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* What some of the samples come to. */
struct tally {
    double low, high; /* finite samples; the range, if it is given     */
    int64_t *count;   /* [bins]                                        */
    int64_t *value;   /* [VALUES], by value; NULL                      */
};

struct histogram {
    const struct params *p;
    enum qn_dtype dtype;
    int64_t row;      /* samples of a row                              */
    double low, high; /* of the range                                  */
    double *edge;     /* owned: [bins + 1]                             */
    int64_t *count;   /* owned: [tallies, bins]                        */
    int64_t *value;   /* owned: [tallies, VALUES], by value; NULL      */
    int tallies;
    struct tally tally[TALLIES]; /* added to the first behind a pass   */
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    if (p->bins < 1 || p->bins > MOST_BINS)
        return qn_fail(err, QN_EJOB, "histogram: bins is a number from 1 to %d",
                       MOST_BINS);
    if (p->range.n && (p->range.n != 2 || !(p->range.v[0] < p->range.v[1]) ||
                       isinf(p->range.v[0]) || isinf(p->range.v[1])))
        return qn_fail(err, QN_EJOB,
                       "histogram: range is two numbers, the lower one first");
    return 0;
}

static int
results(const void *params, const struct qn_reduced *in,
        struct qn_reduced_type *out, int *n, struct qn_error *err)
{
    const struct params *p = params;

    (void)in, (void)err;
    *n = 3;
    out[0] = (struct qn_reduced_type){
        .name = "data", .type = {QN_I64, {1, {p->bins}}}, .axis = -1};
    out[1] = (struct qn_reduced_type){
        .name = "edges", .type = {QN_F64, {1, {p->bins + 1}}}, .axis = -1};
    // viewers take an axis with a value for each bin only
    out[2] = (struct qn_reduced_type){
        .name = "middle", .type = {QN_F64, {1, {p->bins}}}, .axis = 0};
    return 0;
}

static void
set_edges(struct histogram *h)
{
    const double n = (double)h->p->bins;

    // no finite sample, or all alike
    if (h->low > h->high)
        h->low = 0, h->high = 1;
    if (h->low == h->high)
        h->low -= 0.5, h->high += 0.5;
    for (int64_t i = 0; i <= h->p->bins; i++)
        h->edge[i] = h->low + (double)i * ((h->high - h->low) / n);
    h->edge[h->p->bins] = h->high;
}

static int
open_histogram(void **state, const void *params, const struct qn_reduced *in,
               int *passes, struct qn_error *err)
{
    const bool narrow = !qn_dtype_is_real(in->type.dtype) &&
                        qn_dtype_size(in->type.dtype) <= 2;
    struct histogram *h;
    int64_t rows, each;

    QN_TRY(qn_memory_make(state, 1, sizeof *h, "a histogram", err));
    h = *state;
    h->p = params;
    h->dtype = in->type.dtype;
    qn_reduce_run_rows(&in->type.shape, &rows, &h->row);
    QN_TRY(qn_memory_make((void **)&h->edge, (size_t)h->p->bins + 1,
                          sizeof *h->edge, "a histogram", err));
    each = (h->p->bins + (narrow ? VALUES : 0)) * (int64_t)sizeof *h->count;
    // in what memory there is; no more than are of use
    h->tallies = TALLIES;
    while (h->tallies > 1 &&
           ((in->memory && h->tallies * each > in->memory) ||
            (int64_t)h->tallies * COUNTED > qn_shape_count(&in->type.shape)))
        h->tallies /= 2;
    QN_TRY(qn_memory_make((void **)&h->count,
                          (size_t)h->tallies * (size_t)h->p->bins,
                          sizeof *h->count, "a histogram", err));
    if (narrow)
        QN_TRY(qn_memory_make((void **)&h->value, (size_t)h->tallies * VALUES,
                              sizeof *h->value, "a histogram", err));
    *passes = h->p->range.n || narrow ? 1 : 2;
    h->low = h->p->range.n ? h->p->range.v[0] : INFINITY;
    h->high = h->p->range.n ? h->p->range.v[1] : -INFINITY;
    for (int i = 0; i < h->tallies; i++)
        h->tally[i] = (struct tally){
            h->low, h->high, h->count + i * h->p->bins,
            narrow ? h->value + i * VALUES : NULL};
    if (h->p->range.n)
        set_edges(h);
    return 0;
}

/* n samples, all x, into their bin: edge[i] <= x < edge[i + 1]; the last bin
 * has its upper end too. */
static void
count_sample(const struct histogram *h, int64_t *count, double x, int64_t n)
{
    const int64_t last = h->p->bins - 1;
    int64_t i;

    if (!(x >= h->low && x <= h->high))
        return;
    i = (int64_t)((x - h->low) / (h->high - h->low) * (double)h->p->bins);
    i = i < last ? i : last;
    // the division may be off by a rounding: edges decide
    while (i > 0 && x < h->edge[i])
        i--;
    while (i < last && x >= h->edge[i + 1])
        i++;
    count[i] += n;
}

static void
count_values(int64_t *value, enum qn_dtype dtype, const void *v, int64_t n)
{
    switch (dtype) {
    case QN_U8:
        for (int64_t i = 0; i < n; i++)
            value[((const uint8_t *)v)[i]]++;
        break;
    case QN_I8:
        for (int64_t i = 0; i < n; i++)
            value[((const int8_t *)v)[i] + VALUES / 2]++;
        break;
    case QN_U16:
        for (int64_t i = 0; i < n; i++)
            value[((const uint16_t *)v)[i]]++;
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            value[((const int16_t *)v)[i] + VALUES / 2]++;
        break;
    }
}

static int
parts(void *state, const struct qn_slab *slab, int64_t *n,
      struct qn_error *err)
{
    const struct histogram *h = state;

    (void)slab, (void)err;
    *n = h->tallies;
    return 0;
}

/* n samples. */
static void
count_reals(const struct histogram *h, struct tally *t, const char *v,
            int64_t n, bool looking)
{
    const size_t size = qn_dtype_size(h->dtype);
    double x[BLOCK];

    for (int64_t at = 0; at < n; at += BLOCK) {
        const int64_t count = n - at < BLOCK ? n - at : BLOCK;

        (void)qn_dtype_convert(x, QN_F64, v + (size_t)at * size, h->dtype,
                               (size_t)count, NULL);
        for (int64_t i = 0; i < count; i++) {
            if (!looking) {
                count_sample(h, t->count, x[i], 1);
            } else if (isfinite(x[i])) {
                t->low = x[i] < t->low ? x[i] : t->low;
                t->high = x[i] > t->high ? x[i] : t->high;
            }
        }
    }
}

/* Part i of the samples has tally i. */
static void
part(void *state, const struct qn_slab *slab, int64_t i)
{
    struct histogram *h = state;
    const int64_t n = slab->n * h->row;
    const int64_t each = (n + h->tallies - 1) / h->tallies;
    const int64_t from = i * each < n ? i * each : n;
    const int64_t count = n - from < each ? n - from : each;
    const char *v =
        (const char *)slab->v + (size_t)from * qn_dtype_size(h->dtype);

    if (h->value)
        count_values(h->tally[i].value, h->dtype, v, count);
    else
        count_reals(h, &h->tally[i], v, count,
                    !h->p->range.n && slab->pass == 0);
}

/* All tallies into the first one, and the histogram. */
static void
add_up(struct histogram *h, int pass)
{
    for (int k = 1; k < h->tallies; k++) {
        struct tally *t = &h->tally[k];

        for (int64_t i = 0; i < h->p->bins; i++)
            h->count[i] += t->count[i];
        for (int i = 0; h->value && i < VALUES; i++)
            h->value[i] += t->value[i];
    }
    // behind the first pass the edges stay where they are
    for (int k = 0; k < h->tallies && pass == 0; k++) {
        h->low = h->tally[k].low < h->low ? h->tally[k].low : h->low;
        h->high = h->tally[k].high > h->high ? h->tally[k].high : h->high;
    }
}

/* From values to bins. */
static void
take_values(struct histogram *h)
{
    const int offset = h->dtype == QN_I8 || h->dtype == QN_I16 ? VALUES / 2 : 0;

    for (int i = 0; !h->p->range.n && i < VALUES; i++)
        if (h->value[i]) {
            h->low = i - offset < h->low ? i - offset : h->low;
            h->high = i - offset > h->high ? i - offset : h->high;
        }
    set_edges(h);
    for (int i = 0; i < VALUES; i++)
        if (h->value[i])
            count_sample(h, h->count, i - offset, h->value[i]);
}

static int
turn(void *state, int pass, struct qn_error *err)
{
    struct histogram *h = state;

    (void)err;
    add_up(h, pass);
    if (h->value)
        take_values(h);
    else if (pass == 0 && !h->p->range.n)
        set_edges(h);
    return 0;
}

static int
finish(void *state, const struct qn_array *out, struct qn_error *err)
{
    struct histogram *h = state;
    double *middle = out[2].data;

    for (int64_t i = 0; i < h->p->bins; i++)
        middle[i] = h->edge[i] + (h->edge[i + 1] - h->edge[i]) / 2;
    QN_TRY(qn_dtype_convert(out[0].data, out[0].type.dtype, h->count, QN_I64,
                            (size_t)h->p->bins, err));
    return qn_dtype_convert(out[1].data, out[1].type.dtype, h->edge, QN_F64,
                            (size_t)h->p->bins + 1, err);
}

static void
close_histogram(void *state)
{
    struct histogram *h = state;

    if (!h)
        return;
    free(h->edge);
    free(h->count);
    free(h->value);
    free(h);
}

static const struct qn_reduction reduction = {
    .results = results,
    .open = open_histogram,
    .parts = parts,
    .part = part,
    .turn = turn,
    .finish = finish,
    .close = close_histogram,
};

const struct qn_kernel qn_kernel_histogram = {
    .name = "histogram",
    .summary = "how many samples lie in each of equal bins",
    .definition =
        "data[i], int64, is the number of samples x with edges[i] <= x < "
        "edges[i + 1]; the last bin has its upper end too. edges[i] is low + "
        "i * ((high - low) / bins) in float64, the last one high; edges and "
        "middle, those of the bins, are written beside data. Samples are "
        "compared as float64. NaN and "
        "samples outside of range are not counted. Without range low and high "
        "are the smallest and the largest finite sample; if these are equal, "
        "0.5 less and 0.5 more.",
    .kind = QN_KIND_REDUCTION,
    .version = 1,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "bins",
    .prepare = prepare,
    .reduction = &reduction,
};
