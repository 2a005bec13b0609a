/* The samples of a few neighbouring pixels in all members.
 *
 * Sigma-clipping never moves a sample: thresholds close in from both sides,
 * so what is kept is a range of the ranked samples, and sums over it run over
 * all samples in item order, those outside adding 0.  A pass over lanes that
 * have settled changes nothing, so all lanes take the same number of passes.
 */
#include "kernels/pile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/rank.h"

#define LANES QN_PILE_LANES

size_t
qn_pile_bytes(size_t n, bool ranked)
{
    const size_t copies = ranked ? 2 : 1;

    return sizeof(double) *
           (n * LANES * copies + (ranked ? qn_rank_spare(n) : 0));
}

int
qn_pile_make(struct qn_pile *p, size_t n, bool ranked, struct qn_error *err)
{
    const size_t row = LANES * sizeof(double);
    void *item = NULL, *sorted = NULL, *spare = NULL;
    int rc;

    *p = (struct qn_pile){.n = n};
    rc = qn_memory_make(&item, n, row, "samples to combine", err);
    if (!rc && ranked)
        rc = qn_memory_make(&sorted, n, row, "ranked samples", err);
    if (!rc && ranked && qn_rank_spare(n) > 0)
        rc = qn_memory_make(&spare, qn_rank_spare(n), sizeof(double),
                            "ranked samples", err);
    p->item = item;
    p->ranked = sorted;
    p->spare = spare;
    if (rc)
        qn_pile_clear(p);
    return rc;
}

void
qn_pile_clear(struct qn_pile *p)
{
    free(p->item);
    free(p->ranked);
    free(p->spare);
    *p = (struct qn_pile){0};
}

/* ---- loading ------------------------------------------------------------ */

/* Whole rows have a loop of their own, of constant length, for the
 * vectoriser. */
#define LOAD(code, name, bytes, type)                                          \
    static void load_##code(double *item, const void *const *member, size_t n, \
                            size_t first, size_t width)                        \
    {                                                                          \
        for (size_t i = 0; i < n; i++, item += LANES) {                        \
            const type *restrict x = (const type *)member[i] + first;          \
            double *restrict y = item;                                         \
            if (width == LANES)                                                \
                for (size_t l = 0; l < LANES; l++)                             \
                    y[l] = (double)x[l];                                       \
            else                                                               \
                for (size_t l = 0; l < width; l++)                             \
                    y[l] = (double)x[l];                                       \
        }                                                                      \
    }
QN_DTYPES(LOAD)
#undef LOAD

#define LOAD(code, name, bytes, type)                                          \
    case code: load_##code(p->item, m->v, p->n, first, width); break;

static void
load(struct qn_pile *p, const struct qn_members *m, size_t first, size_t width)
{
    switch (m->dtype) {
        QN_DTYPES(LOAD)
    case QN_NDTYPES: break;
    }
}
#undef LOAD

static void
rank(struct qn_pile *p)
{
    const size_t total = p->n * LANES;

    for (size_t i = 0; i < total; i++)
        p->ranked[i] = isnan(p->item[i]) ? INFINITY : p->item[i];
    qn_rank(p->ranked, p->n, p->spare);
}

/* ---- what is kept ------------------------------------------------------- */

/* The sum of the samples between the thresholds, in item order. */
QN_CLONES static void
add_kept(struct qn_pile *p)
{
    double low[LANES], high[LANES], sum[LANES] = {0};

    memcpy(low, p->low, sizeof low);
    memcpy(high, p->high, sizeof high);
    for (size_t i = 0; i < p->n; i++) {
        const double *x = p->item + i * LANES;

        for (int l = 0; l < LANES; l++) {
            const bool keep = (x[l] >= low[l]) & (x[l] <= high[l]);

            sum[l] += keep ? x[l] : 0.0;
        }
    }
    memcpy(p->sum, sum, sizeof sum);
}

/* How many samples there are between the thresholds. */
QN_CLONES static void
count_kept(struct qn_pile *p)
{
    double low[LANES], high[LANES], kept[LANES] = {0};

    memcpy(low, p->low, sizeof low);
    memcpy(high, p->high, sizeof high);
    for (size_t i = 0; i < p->n; i++) {
        const double *x = p->item + i * LANES;

        for (int l = 0; l < LANES; l++) {
            const bool keep = (x[l] >= low[l]) & (x[l] <= high[l]);

            kept[l] += keep ? 1.0 : 0.0;
        }
    }
    memcpy(p->kept, kept, sizeof kept);
}

/* The same with ranked samples: bring first and end up to the thresholds. */
static void
close_in(struct qn_pile *p)
{
    for (int l = 0; l < LANES; l++) {
        const double *v = p->ranked + l;

        while (p->first[l] < p->end[l] && v[p->first[l] * LANES] < p->low[l])
            p->first[l]++;
        while (p->first[l] < p->end[l] &&
               v[(p->end[l] - 1) * LANES] > p->high[l])
            p->end[l]--;
        p->kept[l] = (double)(p->end[l] - p->first[l]);
    }
}

/* The sum of squares about mean of the samples between the thresholds. */
QN_CLONES static void
add_squares(const struct qn_pile *p, const double mean[LANES],
            double out[LANES])
{
    double low[LANES], high[LANES], about[LANES], sum[LANES] = {0};

    memcpy(low, p->low, sizeof low);
    memcpy(high, p->high, sizeof high);
    memcpy(about, mean, sizeof about);
    for (size_t i = 0; i < p->n; i++) {
        const double *x = p->item + i * LANES;
        double square[LANES];

        // By itself, else the compiler computes it only where needed, which
        // is slower.
        for (int l = 0; l < LANES; l++)
            square[l] = (x[l] - about[l]) * (x[l] - about[l]);
        for (int l = 0; l < LANES; l++) {
            const bool keep = (x[l] >= low[l]) & (x[l] <= high[l]);

            sum[l] += keep ? square[l] : 0.0;
        }
    }
    memcpy(out, sum, sizeof sum);
}

void
qn_pile_load(struct qn_pile *p, const struct qn_members *m, size_t first,
             size_t width)
{
    load(p, m, first, width);
    for (int l = 0; l < LANES; l++) {
        p->low[l] = -INFINITY;
        p->high[l] = INFINITY;
    }
    count_kept(p);
    add_kept(p);
    if (!p->ranked)
        return;
    rank(p);
    for (int l = 0; l < LANES; l++) {
        p->first[l] = 0;
        p->end[l] = (size_t)p->kept[l];
    }
}

/* ---- statistics of what is kept ----------------------------------------- */

static double
median(const struct qn_pile *p, int l)
{
    const double *v = p->ranked + l;
    const size_t n = p->end[l] - p->first[l], mid = p->first[l] + n / 2;

    if (n == 0)
        return NAN;
    if (n % 2)
        return v[mid * LANES];
    return (v[(mid - 1) * LANES] + v[mid * LANES]) / 2;
}

/* Median of absolute deviations from the median m: deviations grow to both
 * sides of the middle, so they are met in order by walking outwards. */
static double
mad(const struct qn_pile *p, int l, double m)
{
    const double *v = p->ranked + l;
    const size_t first = p->first[l], end = p->end[l], n = end - first;
    size_t below = first + n / 2, above = below; // the next ones outwards
    double before = 0, at = 0;

    if (n == 0 || !isfinite(m))
        return NAN;
    for (size_t k = 0; k <= n / 2; k++) {
        const double down =
            below > first ? fabs(v[(below - 1) * LANES] - m) : INFINITY;
        const double up = above < end ? fabs(v[above * LANES] - m) : INFINITY;

        before = at;
        if (above == end || (below > first && down < up)) {
            at = down;
            below--;
        } else {
            at = up;
            above++;
        }
    }
    return n % 2 ? at : (before + at) / 2;
}

static void
means(const struct qn_pile *p, double out[LANES])
{
    for (int l = 0; l < LANES; l++)
        out[l] = p->kept[l] > 0 ? p->sum[l] / p->kept[l] : NAN;
}

static void
medians(const struct qn_pile *p, double out[LANES])
{
    for (int l = 0; l < LANES; l++)
        out[l] = median(p, l);
}

static void
stds(const struct qn_pile *p, int64_t ddof, double out[LANES])
{
    double mean[LANES];

    means(p, mean);
    add_squares(p, mean, out);
    for (int l = 0; l < LANES; l++) {
        const double divisor = p->kept[l] - (double)ddof;
        const double root = sqrt(out[l] / divisor);

        out[l] = divisor > 0 ? root : NAN;
    }
}

static void
mads(const struct qn_pile *p, double out[LANES])
{
    for (int l = 0; l < LANES; l++)
        out[l] = 1.482602218505602 * mad(p, l, median(p, l));
}

/* ---- rejection ---------------------------------------------------------- */

/* One pass; true if it rejected anything. */
static bool
clip_once(struct qn_pile *p, const struct qn_combine *c)
{
    double center[LANES], dev[LANES], before[LANES];
    bool changed = false;

    if (c->center == QN_CENTER_MEAN)
        means(p, center);
    else
        medians(p, center);
    if (c->deviation == QN_DEVIATION_STD)
        stds(p, c->ddof, dev);
    else
        mads(p, dev);
    for (int l = 0; l < LANES; l++) {
        const double low = center[l] - c->low * dev[l];
        const double high = center[l] + c->high * dev[l];

        // A threshold that is NaN rejects nothing.
        p->low[l] = low > p->low[l] ? low : p->low[l];
        p->high[l] = high < p->high[l] ? high : p->high[l];
    }
    memcpy(before, p->kept, sizeof before);
    if (p->ranked)
        close_in(p);
    else
        count_kept(p);
    for (int l = 0; l < LANES; l++)
        changed = changed || p->kept[l] != before[l];
    if (changed)
        add_kept(p);
    return changed;
}

void
qn_pile_clip(struct qn_pile *p, const struct qn_combine *c)
{
    for (int64_t i = 0; c->iterations == 0 || i < c->iterations; i++)
        if (!clip_once(p, c))
            return;
}

/* Mark the samples of a lane outside the ranks first ... end. */
static void
drop_lane(struct qn_pile *p, int l, size_t first, size_t end)
{
    const double *v = p->ranked + l;
    const double low = v[first * LANES], high = v[(end - 1) * LANES];
    size_t lows = first, highs = end - 1; // the first rank of low, of high
    size_t low_rank, high_rank;

    while (lows > 0 && v[(lows - 1) * LANES] == low)
        lows--;
    while (highs > 0 && v[(highs - 1) * LANES] == high)
        highs--;
    low_rank = lows;
    high_rank = highs;
    for (size_t i = 0; i < p->n; i++) {
        double *x = p->item + i * LANES + l;
        bool keep = *x >= low && *x <= high;

        // Both counts run on: low and high may be the same value.
        if (*x == low)
            keep = (low_rank++ >= first) & keep;
        if (*x == high)
            keep = (high_rank++ < end) & keep;
        if (!keep)
            *x = NAN;
    }
}

void
qn_pile_drop(struct qn_pile *p, size_t low, size_t high)
{
    for (int l = 0; l < LANES; l++) {
        const size_t n = p->end[l];

        if (low < n && high < n - low) {
            drop_lane(p, l, low, n - high);
            p->first[l] = low;
            p->end[l] = n - high;
        } else {
            for (size_t i = 0; i < p->n; i++)
                p->item[i * LANES + (size_t)l] = NAN;
            p->first[l] = p->end[l] = 0;
        }
    }
    count_kept(p);
    add_kept(p);
}

/* ---- results ------------------------------------------------------------ */

static void
weighted(const struct qn_pile *p, const double *weight, double out[LANES])
{
    double sum[LANES] = {0}, weights[LANES] = {0};

    for (size_t i = 0; i < p->n; i++)
        for (size_t l = 0; l < LANES; l++)
            if (qn_pile_keeps(p, i, l)) {
                sum[l] += weight[i] * p->item[i * LANES + l];
                weights[l] += weight[i];
            }
    for (int l = 0; l < LANES; l++)
        out[l] = weights[l] > 0 ? sum[l] / weights[l] : NAN;
}

/* The first in item order of the smallest (sign 1) or largest (-1). */
static void
extremes(const struct qn_pile *p, double sign, double out[LANES])
{
    for (int l = 0; l < LANES; l++)
        out[l] = NAN;
    for (size_t i = 0; i < p->n; i++)
        for (size_t l = 0; l < LANES; l++) {
            const double x = p->item[i * LANES + l];

            if (qn_pile_keeps(p, i, l) && !(sign * out[l] <= sign * x))
                out[l] = x;
        }
}

static void
sums(const struct qn_pile *p, double out[LANES])
{
    for (int l = 0; l < LANES; l++)
        out[l] = p->kept[l] > 0 ? p->sum[l] : NAN;
}

void
qn_pile_take(const struct qn_pile *p, const struct qn_combine *c,
             const double *weight, double out[LANES])
{
    switch ((enum qn_method)c->method) {
    case QN_MEAN:
        if (weight)
            weighted(p, weight, out);
        else
            means(p, out);
        break;
    case QN_MEDIAN: medians(p, out); break;
    case QN_SUM: sums(p, out); break;
    case QN_MIN: extremes(p, 1, out); break;
    case QN_MAX: extremes(p, -1, out); break;
    case QN_STD: stds(p, c->ddof, out); break;
    }
}
