/* Members piled up one after the other.
 *
 * A row of pixels small enough for the first level of cache takes in member
 * after member, so every file's samples are read once, in long runs (twice
 * for std, which needs the mean first).
 */
#include "kernels/fold.h"

#include <math.h>
#include <string.h>

#include "kernels/clones.h"
#include "model/dtype.h"

#define WIDTH QN_FOLD_WIDTH

/* What is gathered of each pixel.  Loops always run over all WIDTH, a
 * constant, which is what it takes to be vectorised; those behind the last
 * pixel hold 0. */
struct row {
    double x[WIDTH];      /* the samples of one member              */
    double value[WIDTH];  /* a sum, or the smallest or largest      */
    double kept[WIDTH];   /* samples that count                     */
    double weight[WIDTH]; /* the sum of their weights               */
};

static void
fetch(struct row *r, const struct qn_members *m, size_t i, size_t first,
      size_t width)
{
    const size_t size = qn_dtype_size(m->dtype);

    // To float64 from any type: cannot fail.
    (void)qn_dtype_convert(r->x, QN_F64, (const char *)m->v[i] + first * size,
                           m->dtype, width, NULL);
}

/* One thing a loop, here and below: each is then vectorised. */
QN_CLONES static void
count(struct row *r)
{
    for (int l = 0; l < WIDTH; l++)
        r->kept[l] += r->x[l] == r->x[l] ? 1.0 : 0.0;
}

QN_CLONES static void
add(struct row *r)
{
    for (int l = 0; l < WIDTH; l++)
        r->value[l] += r->x[l] == r->x[l] ? r->x[l] : 0.0;
}

QN_CLONES static void
add_weighted(struct row *r, double weight)
{
    double product[WIDTH];

    for (int l = 0; l < WIDTH; l++)
        product[l] = weight * r->x[l];
    for (int l = 0; l < WIDTH; l++)
        r->value[l] += r->x[l] == r->x[l] ? product[l] : 0.0;
    for (int l = 0; l < WIDTH; l++)
        r->weight[l] += r->x[l] == r->x[l] ? weight : 0.0;
}

QN_CLONES static void
add_square(struct row *r, const double *mean)
{
    double square[WIDTH];

    for (int l = 0; l < WIDTH; l++)
        square[l] = (r->x[l] - mean[l]) * (r->x[l] - mean[l]);
    for (int l = 0; l < WIDTH; l++)
        r->value[l] += r->x[l] == r->x[l] ? square[l] : 0.0;
}

/* The first of equal ones stays. */
QN_CLONES static void
take_smaller(struct row *r)
{
    for (int l = 0; l < WIDTH; l++) {
        const double x = r->x[l];

        r->value[l] = x < r->value[l] ? x : r->value[l];
    }
}

QN_CLONES static void
take_larger(struct row *r)
{
    for (int l = 0; l < WIDTH; l++) {
        const double x = r->x[l];

        r->value[l] = x > r->value[l] ? x : r->value[l];
    }
}

static void
add_member(struct row *r, int method, const double *weight)
{
    count(r);
    if (method == QN_MIN)
        take_smaller(r);
    else if (method == QN_MAX)
        take_larger(r);
    else if (weight)
        add_weighted(r, *weight);
    else
        add(r);
}

/* From sums to standard deviations: a second time through the members. */
static void
deviate(struct row *r, const struct qn_members *m, size_t first, size_t width,
        int64_t ddof)
{
    double mean[WIDTH];

    for (int l = 0; l < WIDTH; l++) {
        mean[l] = r->value[l] / r->kept[l];
        r->value[l] = 0;
    }
    for (size_t i = 0; i < m->n; i++) {
        fetch(r, m, i, first, width);
        add_square(r, mean);
    }
    for (int l = 0; l < WIDTH; l++) {
        const double divisor = r->kept[l] - (double)ddof;

        r->value[l] = divisor > 0 ? sqrt(r->value[l] / divisor) : NAN;
    }
}

static double
average(const struct row *r, size_t l, bool weighted)
{
    const double by = weighted ? r->weight[l] : r->kept[l];

    return by > 0 ? r->value[l] / by : NAN;
}

void
qn_fold_take(const struct qn_combine *c, const struct qn_members *m,
             size_t first, size_t width, double out[QN_FOLD_WIDTH],
             double kept[QN_FOLD_WIDTH])
{
    const int method = c->method;
    struct row r = {.x = {0}};

    for (int l = 0; l < WIDTH; l++)
        r.value[l] = method == QN_MIN   ? INFINITY
                     : method == QN_MAX ? -INFINITY
                                        : 0;
    for (size_t i = 0; i < m->n; i++) {
        fetch(&r, m, i, first, width);
        add_member(&r, method, m->weight ? &m->weight[i] : NULL);
    }
    if (method == QN_STD)
        deviate(&r, m, first, width, c->ddof);
    for (size_t l = 0; l < width; l++) {
        kept[l] = r.kept[l];
        out[l] = method == QN_MEAN ? average(&r, l, m->weight)
                 : kept[l] > 0     ? r.value[l]
                                   : NAN;
    }
}

/* ---- integers ----------------------------------------------------------- */

/* Wide enough for the sum of any number of 64-bit samples. */
__extension__ typedef __int128 wide;

struct integers {
    bool is_signed;
    int64_t x[WIDTH];  /* the samples of one member; uint64 as its bits */
    bool keep[WIDTH];  /* they are not rejected                         */
    wide value[WIDTH]; /* a sum, or the smallest or largest             */
    int64_t kept[WIDTH];
};

static wide
sample(const struct integers *r, size_t l)
{
    return r->is_signed ? (wide)r->x[l] : (wide)(uint64_t)r->x[l];
}

static void
fetch_integers(struct integers *r, const struct qn_members *m, size_t i,
               size_t first, size_t width, const struct qn_pile *pile)
{
    const size_t size = qn_dtype_size(m->dtype);

    // To the widest integer of the same sign: cannot fail.
    (void)qn_dtype_convert(r->x, r->is_signed ? QN_I64 : QN_U64,
                           (const char *)m->v[i] + first * size, m->dtype,
                           width, NULL);
    for (size_t l = 0; l < width; l++) {
        r->keep[l] = !pile || qn_pile_keeps(pile, i, l);
        r->kept[l] += r->keep[l];
    }
}

static void
add_integers(struct integers *r, size_t width)
{
    for (size_t l = 0; l < width; l++)
        r->value[l] += r->keep[l] ? sample(r, l) : 0;
}

static void
take_extremes(struct integers *r, size_t width, bool smallest)
{
    for (size_t l = 0; l < width; l++) {
        const wide x = sample(r, l);

        if (r->keep[l] &&
            (r->kept[l] == 1 || (smallest ? x < r->value[l] : x > r->value[l])))
            r->value[l] = x;
    }
}

/* The result as 64 bits of the members' sign. */
static int
narrow(int64_t *out, const struct integers *r, size_t l, size_t pixel,
       struct qn_error *err)
{
    const wide low = r->is_signed ? INT64_MIN : 0;
    const wide high = r->is_signed ? (wide)INT64_MAX : (wide)UINT64_MAX;

    if (r->kept[l] == 0)
        return qn_fail(err, QN_EVALUE,
                       "no sample is left of pixel %zu, and integers have no "
                       "NaN; reject less, or choose method: mean",
                       pixel);
    if (r->value[l] < low || r->value[l] > high)
        return qn_fail(err, QN_EVALUE,
                       "the sum of pixel %zu does not fit in 64 bits; choose "
                       "method: mean",
                       pixel);
    *out = (int64_t)(uint64_t)r->value[l];
    return 0;
}

/* ---- integers of at most 32 bits, none rejected -------------------------- */

/* One loop each, over all WIDTH, for the vectoriser. */
QN_CLONES static void
add_narrow(int64_t *value, const int64_t *x)
{
    for (int l = 0; l < WIDTH; l++)
        value[l] += x[l];
}

QN_CLONES static void
take_smaller_narrow(int64_t *value, const int64_t *x)
{
    for (int l = 0; l < WIDTH; l++)
        value[l] = x[l] < value[l] ? x[l] : value[l];
}

QN_CLONES static void
take_larger_narrow(int64_t *value, const int64_t *x)
{
    for (int l = 0; l < WIDTH; l++)
        value[l] = x[l] > value[l] ? x[l] : value[l];
}

/* Sums of fewer than 2^31 of them fit in 64 bits. */
static int
fold_narrow(const struct qn_combine *c, const struct qn_members *m,
            size_t first, size_t width, void *out, double *kept,
            struct qn_error *err)
{
    const size_t size = qn_dtype_size(m->dtype);
    int64_t x[WIDTH] = {0}, value[WIDTH] = {0};

    for (size_t i = 0; i < m->n; i++) {
        // to a wider type: cannot fail
        (void)qn_dtype_convert(x, QN_I64, (const char *)m->v[i] + first * size,
                               m->dtype, width, NULL);
        if (i == 0)
            memcpy(value, x, sizeof value);
        else if (c->method == QN_SUM)
            add_narrow(value, x);
        else if (c->method == QN_MIN)
            take_smaller_narrow(value, x);
        else
            take_larger_narrow(value, x);
    }
    for (size_t l = 0; l < width; l++)
        kept[l] = (double)m->n;
    return qn_dtype_convert(out, qn_combine_dtype(c, m->dtype), value, QN_I64,
                            width, err);
}

int
qn_fold_exact(const struct qn_combine *c, const struct qn_members *m,
              size_t first, size_t width, const struct qn_pile *pile, void *out,
              double *kept, struct qn_error *err)
{
    const enum qn_dtype result = qn_combine_dtype(c, m->dtype);
    struct integers r = {.is_signed = m->dtype == QN_I8 || m->dtype == QN_I16 ||
                                      m->dtype == QN_I32 || m->dtype == QN_I64};

    if (!pile && m->n > 0 && qn_dtype_size(m->dtype) <= 4 &&
        m->n <= INT32_MAX)
        return fold_narrow(c, m, first, width, out, kept, err);
    for (size_t i = 0; i < m->n; i++) {
        fetch_integers(&r, m, i, first, width, pile);
        if (c->method == QN_SUM)
            add_integers(&r, width);
        else
            take_extremes(&r, width, c->method == QN_MIN);
    }
    for (size_t l = 0; l < width; l++) {
        QN_TRY(narrow(&r.x[l], &r, l, first + l, err));
        kept[l] = (double)r.kept[l];
    }
    return qn_dtype_convert(out, result, r.x, r.is_signed ? QN_I64 : QN_U64,
                            width, err);
}
