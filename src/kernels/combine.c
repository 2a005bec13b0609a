/* combine: many items become one, pixel by pixel.
 *
 * Here are the options, the definition and the choice of the way: methods
 * that need no rejection pile the members up (fold.c), the others look at a
 * few pixels of all members at a time: the frequent ones in the samples' own
 * type (sieve.c), what is left in float64 (pile.c).  Sees neither files nor
 * MPI.
 */
#include "kernels/combine.h"

#include <math.h>

#include "kernels/fold.h"
#include "kernels/pile.h"
#include "kernels/sieve.h"
#include "model/dtype.h"

static const struct qn_option options[] = {
    {"method", QN_OPTION_CHOICE, offsetof(struct qn_combine, method), "mean",
     "mean|median|sum|min|max|std", NULL, "What becomes of the samples kept."},
    {"reject", QN_OPTION_CHOICE, offsetof(struct qn_combine, reject), "none",
     "none|sigma-clip|min-max", NULL, "Which samples are left out."},
    {"sigma", QN_OPTION_NUMBER, offsetof(struct qn_combine, sigma), "", NULL,
     "deviations",
     "sigma-clip: sets both low and high; 3 where none of them is given."},
    {"low", QN_OPTION_NUMBER, offsetof(struct qn_combine, low), "", NULL,
     "deviations or samples",
     "sigma-clip: deviations allowed below the centre; min-max: smallest "
     "samples dropped."},
    {"high", QN_OPTION_NUMBER, offsetof(struct qn_combine, high), "", NULL,
     "deviations or samples",
     "sigma-clip: deviations allowed above the centre; min-max: largest "
     "samples dropped."},
    {"center", QN_OPTION_CHOICE, offsetof(struct qn_combine, center), "median",
     "median|mean", NULL, "sigma-clip: the centre."},
    {"deviation", QN_OPTION_CHOICE, offsetof(struct qn_combine, deviation),
     "std", "std|mad", NULL, "sigma-clip: the deviation."},
    {"iterations", QN_OPTION_INTEGER, offsetof(struct qn_combine, iterations),
     "5", NULL, "passes",
     "sigma-clip: passes at most; 0: until a pass rejects nothing."},
    {"ddof", QN_OPTION_INTEGER, offsetof(struct qn_combine, ddof), "0", NULL,
     "samples", "std divides by the number of samples less this."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
check_unused(const struct qn_combine *c, struct qn_error *err)
{
    if (c->reject != QN_REJECT_SIGMA_CLIP && !isnan(c->sigma))
        return qn_fail(err, QN_EJOB,
                       "combine: sigma says nothing without reject: "
                       "sigma-clip; add that, or remove sigma");
    if (c->reject == QN_REJECT_NONE && !(isnan(c->low) && isnan(c->high)))
        return qn_fail(err, QN_EJOB,
                       "combine: low and high say nothing without reject: "
                       "sigma-clip or min-max; add one, or remove them");
    return 0;
}

static int
prepare_sigmas(struct qn_combine *c, struct qn_error *err)
{
    if (isnan(c->sigma) && isnan(c->low) && isnan(c->high))
        c->sigma = 3;
    if (isnan(c->low))
        c->low = c->sigma;
    if (isnan(c->high))
        c->high = c->sigma;
    if (!(c->low >= 0 && c->high >= 0))
        return qn_fail(err, QN_EJOB,
                       "combine: sigma-clip needs deviations of 0 or more "
                       "below and above the centre; give sigma, or both low "
                       "and high");
    return 0;
}

static int
prepare_counts(struct qn_combine *c, struct qn_error *err)
{
    if (isnan(c->low) && isnan(c->high))
        c->low = c->high = 1;
    if (isnan(c->low))
        c->low = 0;
    if (isnan(c->high))
        c->high = 0;
    if (!(c->low >= 0 && c->low <= INT32_MAX && c->high >= 0 &&
          c->high <= INT32_MAX) ||
        c->low != floor(c->low) || c->high != floor(c->high))
        return qn_fail(err, QN_EJOB,
                       "combine: min-max drops whole numbers of samples; give "
                       "low and high from 0 on");
    return 0;
}

static int
prepare(void *params, struct qn_error *err)
{
    struct qn_combine *c = params;

    if (c->iterations < 0 || c->ddof < 0)
        return qn_fail(err, QN_EJOB,
                       "combine: iterations and ddof cannot be negative");
    QN_TRY(check_unused(c, err));
    if (c->reject == QN_REJECT_SIGMA_CLIP)
        return prepare_sigmas(c, err);
    return c->reject == QN_REJECT_MIN_MAX ? prepare_counts(c, err) : 0;
}

enum qn_dtype
qn_combine_dtype(const struct qn_combine *c, enum qn_dtype in)
{
    if (qn_dtype_is_real(in) || c->method == QN_MIN || c->method == QN_MAX)
        return in;
    if (c->method != QN_SUM)
        return QN_F64;
    return in == QN_U8 || in == QN_U16 || in == QN_U32 || in == QN_U64 ? QN_U64
                                                                       : QN_I64;
}

/* Are integers to be reduced as integers? */
static bool
is_exact(const struct qn_combine *c, enum qn_dtype in)
{
    return !qn_dtype_is_real(qn_combine_dtype(c, in));
}

/* Does anything have to be looked at in order of size? */
static bool
is_ranked(const struct qn_combine *c)
{
    if (c->method == QN_MEDIAN || c->reject == QN_REJECT_MIN_MAX)
        return true;
    return c->reject == QN_REJECT_SIGMA_CLIP &&
           (c->center == QN_CENTER_MEDIAN || c->deviation == QN_DEVIATION_MAD);
}

static bool
is_folded(const struct qn_combine *c)
{
    return c->reject == QN_REJECT_NONE && c->method != QN_MEDIAN;
}

size_t
qn_combine_scratch(const struct qn_combine *c, size_t n)
{
    return is_folded(c) ? 0
                        : qn_pile_bytes(n, is_ranked(c)) + qn_sieve_bytes(n);
}

static int
check_weights(const struct qn_combine *c, const double *weight, size_t n,
              struct qn_error *err)
{
    if (!weight)
        return 0;
    if (c->method != QN_MEAN)
        return qn_fail(err, QN_EVALUE,
                       "weights are only used with method: mean; remove them, "
                       "or choose that");
    for (size_t i = 0; i < n; i++)
        if (!(weight[i] >= 0 && isfinite(weight[i])))
            return qn_fail(err, QN_EVALUE,
                           "the weight of member %zu (from 0) is %g; weights "
                           "are finite and not negative",
                           i, weight[i]);
    return 0;
}

/* ---- the band ----------------------------------------------------------- */

/* Where the results of some pixels go. */
struct target {
    char *out;
    int32_t *count;
    enum qn_dtype dtype;
};

static char *
place(const struct target *t, size_t first)
{
    return t->out + first * qn_dtype_size(t->dtype);
}

/* Round to the result's type, once. */
static void
store(const struct target *t, size_t first, size_t width, const double *value)
{
    (void)qn_dtype_convert(place(t, first), t->dtype, value, QN_F64, width,
                           NULL); // to a real type: cannot fail
}

static void
store_count(const struct target *t, size_t first, size_t width,
            const double *kept)
{
    for (size_t l = 0; l < width; l++)
        t->count[first + l] = (int32_t)kept[l];
}

static int
fold_band(const struct qn_combine *c, const struct qn_members *m,
          size_t npixels, const struct target *t, struct qn_error *err)
{
    double value[QN_FOLD_WIDTH], kept[QN_FOLD_WIDTH];

    for (size_t at = 0; at < npixels; at += QN_FOLD_WIDTH) {
        const size_t left = npixels - at;
        const size_t width = left < QN_FOLD_WIDTH ? left : QN_FOLD_WIDTH;

        if (is_exact(c, m->dtype)) {
            QN_TRY(
                qn_fold_exact(c, m, at, width, NULL, place(t, at), kept, err));
        } else {
            qn_fold_take(c, m, at, width, value, kept);
            store(t, at, width, value);
        }
        store_count(t, at, width, kept);
    }
    return 0;
}

static void
reject(struct qn_pile *p, const struct qn_combine *c)
{
    if (c->reject == QN_REJECT_SIGMA_CLIP)
        qn_pile_clip(p, c);
    else if (c->reject == QN_REJECT_MIN_MAX)
        qn_pile_drop(p, (size_t)c->low, (size_t)c->high);
}

/* Pixels at ... at + width - 1; p is made for these members. */
static int
pile_pixels(struct qn_pile *p, const struct qn_combine *c,
            const struct qn_members *m, size_t at, size_t width,
            const struct target *t, struct qn_error *err)
{
    double value[QN_PILE_LANES];

    qn_pile_load(p, m, at, width);
    reject(p, c);
    store_count(t, at, width, p->kept);
    if (is_exact(c, m->dtype))
        return qn_fold_exact(c, m, at, width, p, place(t, at), value, err);
    qn_pile_take(p, c, m->weight, value);
    store(t, at, width, value);
    return 0;
}

static int
pile_band(const struct qn_combine *c, const struct qn_members *m,
          size_t npixels, const struct target *t, struct qn_error *err)
{
    struct qn_pile p;
    int rc;

    QN_TRY(qn_pile_make(&p, m->n, is_ranked(c), err));
    rc = 0;
    for (size_t at = 0; !rc && at < npixels; at += QN_PILE_LANES) {
        const size_t left = npixels - at;
        const size_t width = left < QN_PILE_LANES ? left : QN_PILE_LANES;

        rc = pile_pixels(&p, c, m, at, width, t, err);
    }
    qn_pile_clear(&p);
    return rc;
}

/* Those of the sieve's pixels that it cannot tell. */
static int
pile_doubtful(const struct qn_sieve *s, struct qn_pile *p, size_t at,
              size_t width, const struct target *t, struct qn_error *err)
{
    for (size_t l = 0; l < width; l++) {
        if (!s->doubtful[l])
            continue;
        if (!p->item)
            QN_TRY(qn_pile_make(p, s->m->n, is_ranked(s->c), err));
        QN_TRY(pile_pixels(p, s->c, s->m, at + l, 1, t, err));
    }
    return 0;
}

static int
sieve_band(const struct qn_combine *c, const struct qn_members *m,
           size_t npixels, const struct target *t, struct qn_error *err)
{
    struct qn_sieve s;
    struct qn_pile p = {0};
    int rc = 0;

    QN_TRY(qn_sieve_make(&s, c, m, err));
    for (size_t at = 0; !rc && at < npixels; at += QN_SIEVE_LANES) {
        const size_t left = npixels - at;
        const size_t width = left < QN_SIEVE_LANES ? left : QN_SIEVE_LANES;

        qn_sieve_take(&s, at, width);
        store(t, at, width, s.value);
        store_count(t, at, width, s.kept);
        rc = pile_doubtful(&s, &p, at, width, t, err);
    }
    qn_pile_clear(&p);
    qn_sieve_clear(&s);
    return rc;
}

int
qn_combine_band(const struct qn_combine *c, enum qn_dtype dtype,
                const void *const *member, const double *weight, size_t n,
                size_t npixels, void *out, int32_t *count, struct qn_error *err)
{
    const struct qn_members m = {
        .dtype = dtype, .v = member, .weight = weight, .n = n};
    const struct target t = {
        .out = out, .count = count, .dtype = qn_combine_dtype(c, dtype)};

    QN_TRY(check_weights(c, weight, n, err));
    if (is_folded(c))
        return fold_band(c, &m, npixels, &t, err);
    return qn_sieve_suits(c, &m) ? sieve_band(c, &m, npixels, &t, err)
                                 : pile_band(c, &m, npixels, &t, err);
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    (void)err;
    *out = *in;
    out->dtype = qn_combine_dtype(params, in->dtype);
    return 0;
}

const struct qn_kernel qn_kernel_combine = {
    .name = "combine",
    .summary = "many items become one, pixel by pixel",
    .definition =
        "At each pixel the samples of all members, in item order, become one. "
        "NaN samples never count; infinities do. All arithmetic is float64, "
        "each operation rounded, sums from 0 in item order; the result is "
        "rounded once to the members' real type. "
        "reject: sigma-clip repeats passes over the samples still kept: "
        "center is their median or mean; dev is their std, or with "
        "deviation: mad 1.482602218505602 times the median of |x - median| "
        "(NaN if that median is not finite); then every x < center - low*dev "
        "and every x > center + high*dev is rejected. It stops when a pass "
        "rejects nothing, or after so many iterations (0: no limit). sigma "
        "sets both low and high; 3 where none is given. "
        "reject: min-max drops the low smallest and the high largest samples "
        "(1 each where neither is given; 0 for the one that is not); of equal "
        "samples the first in item order go at the low end, the last at the "
        "high end; nothing is kept where not more than low + high count. "
        "Then method over what is kept: median, of an even count the mean of "
        "the two middle samples; mean, the sum divided by the count, or with "
        "weights sum(w*x) / sum(w), NaN where sum(w) is 0; sum; min and max; "
        "std, in two passes, sqrt(sum((x - mean)^2) / (n - ddof)), NaN where "
        "n <= ddof. Weights are finite, not negative, and only for mean; "
        "rejection does not see them. "
        "Straight from integers, sum is exact, as int64 or uint64 (one that "
        "does not fit fails), min and max keep the type, mean, median and std "
        "are float64, rejection is decided in float64. Where nothing is kept "
        "the result is NaN, which fails for an integer result. The product "
        "count (int32) holds the number of samples kept.",
    .source = "astropy.stats.sigma_clip 5.2 gives the same samples (grow "
              "False, finite input); 1.4826... is 1 / Phi^-1(3/4)",
    .kind = QN_KIND_COMBINE,
    .version = 1,
    .integer_exact = true,
    .params_size = sizeof(struct qn_combine),
    .options = options,
    .prepare = prepare,
    .type = type,
};
