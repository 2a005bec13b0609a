/* Statistics that several kernels share: samples that count, median by
 * selection, mean, largest; and a sort whose time is linear.  Knows neither
 * items nor shapes.  The parts that depend on the real type are in
 * stats_real.h. */
#include "kernels/stats.h"

#include <math.h>
#include <string.h>

#define REAL     float
#define OF(name) name##_f32
#include "kernels/stats_real.h"
#undef REAL
#undef OF
#define REAL     double
#define OF(name) name##_f64
#include "kernels/stats_real.h"
#undef REAL
#undef OF

size_t
qn_stats_gather(void *dst, const void *src, enum qn_dtype real, size_t n,
                int64_t step, enum qn_stats_take take)
{
    const bool finite = take == QN_STATS_FINITE;

    return real == QN_F32 ? gather_f32(dst, src, n, step, finite)
                          : gather_f64(dst, src, n, step, finite);
}

double
qn_stats_median(void *v, enum qn_dtype real, size_t n)
{
    return real == QN_F32 ? median_f32(v, n) : median_f64(v, n);
}

double
qn_stats_mean(const void *v, enum qn_dtype real, size_t n)
{
    if (n == 0)
        return NAN;
    return (real == QN_F32 ? sum_f32(v, n) : sum_f64(v, n)) / (double)n;
}

double
qn_stats_max(const void *v, enum qn_dtype real, size_t n)
{
    if (n == 0)
        return NAN;
    return real == QN_F32 ? max_f32(v, n) : max_f64(v, n);
}

/* ---- radix sort, 8 bits at a time --------------------------------------- */

enum { DIGITS = 8, RADIX = 256 };

/* Bits that order as unsigned numbers as the doubles do. */
static uint64_t
key_of(double x)
{
    const uint64_t sign = UINT64_C(1) << 63;
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits & sign ? ~bits : bits | sign;
}

static unsigned
digit_of(double x, int d)
{
    return (unsigned)(key_of(x) >> (8 * d)) & (RADIX - 1);
}

/* Where each digit's samples begin; false if all share one digit, so that
 * there is nothing to do. */
static bool
begin_of(size_t begin[RADIX], const size_t count[RADIX], size_t n)
{
    size_t sum = 0;

    for (int i = 0; i < RADIX; i++) {
        if (count[i] == n)
            return false;
        begin[i] = sum;
        sum += count[i];
    }
    return true;
}

void
qn_stats_sort(double *v, double *spare, size_t n)
{
    size_t count[DIGITS][RADIX] = {{0}}, begin[RADIX];
    double *from = v, *to = spare;

    for (size_t i = 0; i < n; i++)
        for (int d = 0; d < DIGITS; d++)
            count[d][digit_of(v[i], d)]++;
    for (int d = 0; d < DIGITS; d++) {
        double *other = from;

        if (!begin_of(begin, count[d], n))
            continue;
        for (size_t i = 0; i < n; i++)
            to[begin[digit_of(from[i], d)]++] = from[i];
        from = to;
        to = other;
    }
    if (from != v)
        memcpy(v, from, n * sizeof *v);
}
