/* The definition of combine, read literally: one pixel at a time, in double,
 * by sorting. */
#ifndef QN_TEST_COMBINE_PIXEL_H
#define QN_TEST_COMBINE_PIXEL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/combine.h"

enum { MOST = 5000 };

/* One pixel; samples that were NaN or rejected have keep false. */
struct pixel {
    size_t n;
    double x[MOST];
    bool keep[MOST];
};

static inline int
by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static inline double
median_of(const double *v, size_t n)
{
    static double sorted[MOST];

    if (n == 0)
        return NAN;
    memcpy(sorted, v, n * sizeof *v);
    qsort(sorted, n, sizeof *sorted, by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static inline size_t
kept_of(const struct pixel *p, double *v)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        if (p->keep[i])
            v[n++] = p->x[i];
    return n;
}

static inline double
sum_of(const double *v, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += v[i];
    return n ? sum : NAN;
}

static inline double
mean_of(const double *v, size_t n)
{
    return sum_of(v, n) / (double)n;
}

static inline double
std_of(const double *v, size_t n, int64_t ddof)
{
    const double mean = mean_of(v, n);
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (v[i] - mean) * (v[i] - mean);
    return (int64_t)n > ddof ? sqrt(sum / (double)((int64_t)n - ddof)) : NAN;
}

static inline double
mad_of(const double *v, size_t n)
{
    static double away[MOST];
    const double m = median_of(v, n);

    if (!isfinite(m))
        return NAN;
    for (size_t i = 0; i < n; i++)
        away[i] = fabs(v[i] - m);
    return 1.482602218505602 * median_of(away, n);
}

static inline void
clip_pixel(struct pixel *p, const struct qn_combine *c)
{
    static double v[MOST];

    for (int64_t pass = 0; c->iterations == 0 || pass < c->iterations; pass++) {
        const size_t n = kept_of(p, v);
        const double center = c->center == QN_CENTER_MEAN ? mean_of(v, n)
                                                          : median_of(v, n);
        const double dev = c->deviation == QN_DEVIATION_STD
                               ? std_of(v, n, c->ddof)
                               : mad_of(v, n);
        bool changed = false;

        for (size_t i = 0; i < p->n; i++)
            if (p->keep[i] && (p->x[i] < center - c->low * dev ||
                               p->x[i] > center + c->high * dev)) {
                p->keep[i] = false;
                changed = true;
            }
        if (!changed)
            return;
    }
}

/* Again and again the smallest of those left, the first of equal ones; then
 * the largest, the last of equal ones. */
static inline void
drop_pixel(struct pixel *p, const struct qn_combine *c)
{
    size_t at, left = 0;

    for (size_t i = 0; i < p->n; i++)
        left += p->keep[i];
    if ((double)left <= c->low + c->high) {
        memset(p->keep, 0, sizeof p->keep);
        return;
    }
    for (int k = 0; k < (int)c->low; k++) {
        at = SIZE_MAX;
        for (size_t i = 0; i < p->n; i++)
            if (p->keep[i] && (at == SIZE_MAX || p->x[i] < p->x[at]))
                at = i;
        p->keep[at] = false;
    }
    for (int k = 0; k < (int)c->high; k++) {
        at = SIZE_MAX;
        for (size_t i = 0; i < p->n; i++)
            if (p->keep[i] && (at == SIZE_MAX || p->x[i] >= p->x[at]))
                at = i;
        p->keep[at] = false;
    }
}

static inline double
weighted_mean(const struct pixel *p, const double *weight)
{
    double sum = 0, weights = 0;

    for (size_t i = 0; i < p->n; i++)
        if (p->keep[i]) {
            sum += weight[i] * p->x[i];
            weights += weight[i];
        }
    return weights > 0 ? sum / weights : NAN;
}

static inline double
combine_pixel(struct pixel *p, const struct qn_combine *c,
              const double *weight, int32_t *count)
{
    static double v[MOST];
    size_t n;

    for (size_t i = 0; i < p->n; i++)
        p->keep[i] = !isnan(p->x[i]);
    if (c->reject == QN_REJECT_SIGMA_CLIP)
        clip_pixel(p, c);
    else if (c->reject == QN_REJECT_MIN_MAX)
        drop_pixel(p, c);
    n = kept_of(p, v);
    *count = (int32_t)n;
    if (weight)
        return weighted_mean(p, weight);
    switch ((enum qn_method)c->method) {
    case QN_MEAN: return mean_of(v, n);
    case QN_MEDIAN: return median_of(v, n);
    case QN_SUM: return sum_of(v, n);
    case QN_STD: return std_of(v, n, c->ddof);
    default: break;
    }
    if (n == 0)
        return NAN;
    qsort(v, n, sizeof *v, by_value);
    return c->method == QN_MIN ? v[0] : v[n - 1];
}

#endif
