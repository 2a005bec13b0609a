/* One number of all samples: exact sums and counted medians, however the
 * samples are shared out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/stats.h"
#include "kernels/whole.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { N = 1000, RANKS = 3 };

/* The samples in three parts, the last one first, as three ranks would. */
static struct qn_statistic
find(enum qn_statistic_of of, enum qn_dtype real, const void *v, size_t n,
     bool for_holes)
{
    static struct qn_whole rank[RANKS];
    const struct qn_statistic s = {.of = of, .for_holes = for_holes};
    const size_t size = real == QN_F32 ? sizeof(float) : sizeof(double);

    for (int r = 0; r < RANKS; r++)
        qn_whole_begin(&rank[r], &s, real);
    while (!rank[0].done) {
        for (size_t r = RANKS; r-- > 0;) {
            size_t first = n * r / RANKS, end = n * (r + 1) / RANKS;

            qn_whole_take(&rank[r], (const char *)v + first * size,
                          end - first, 1);
            qn_whole_settle(&rank[r]);
        }
        for (int r = 1; r < RANKS; r++)
            for (int i = 0; i < QN_WHOLE_TALLY; i++)
                rank[0].tally[i] += rank[r].tally[i];
        for (int r = 1; r < RANKS; r++)
            memcpy(rank[r].tally, rank[0].tally, sizeof rank[0].tally);
        for (int r = 0; r < RANKS; r++)
            qn_whole_turn(&rank[r]);
    }
    return rank[0].s;
}

static void
adds_exactly(void **state)
{
    static const struct {
        double x[4], sum;
    } rows[] = {
        {{1, 2, 3, 4}, 10},
        {{1e308, 1, -1e308, 1e-300}, 1},
        {{0x1p-1074, 0x1p-1074, 0, -0.0}, 0x1p-1073},
        {{-0x1p-1074, 0, 0, 0}, -0x1p-1074},
        {{1, 0x1p-53, 0x1p-105, 0}, 1 + 0x1p-52}, // just above a half
        {{1, 0x1p-53, 0, 0}, 1},                  // a half: to even
        {{-1, -0x1p-53, -0x1p-600, 0}, -1 - 0x1p-52},
        {{0x1p1023, -0x1p1023, 0x1p-1074, 0x1p600}, 0x1p600},
        {{1e16, 1, -1e16, 1}, 2},
        {{0, -0.0, 0, -0.0}, 0},
        {{0x1.fffffffffffffp1023, 0, 0, 0}, 0x1.fffffffffffffp1023},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct qn_statistic s =
            find(QN_STATISTIC_MEAN, QN_F64, rows[i].x, 4, false);

        assert_int_equal(s.finite, 4);
        assert_true(s.value == rows[i].sum / 4);
    }
}

static void
counts_no_more_than_finite(void **state)
{
    static const double x[] = {NAN, INFINITY, 5, -INFINITY, NAN};
    struct qn_statistic s = find(QN_STATISTIC_MEDIAN, QN_F64, x, 5, true);

    (void)state;
    assert_int_equal(s.finite, 1);
    assert_int_equal(s.holes, 2);
    assert_true(s.value == 5);
    s = find(QN_STATISTIC_MEDIAN, QN_F64, x, 2, false);
    assert_int_equal(s.finite, 0);
    assert_true(isnan(s.value));
    // not looked for where there is no hole
    s = find(QN_STATISTIC_MEDIAN, QN_F64, x + 2, 1, true);
    assert_true(isnan(s.value));
}

/* Many alike, both signs, several magnitudes. */
static double
sample(size_t i, int kind)
{
    uint32_t r = (uint32_t)i * 2654435761u;
    double x = (double)(r >> 8) / 0x1p24 - 0.5;

    if (kind == 0)
        return x;
    return kind == 1 ? floor(x * 8) : x * ldexp(1, (int)(r % 200) - 100);
}

static void
finds_what_sorting_finds(void **state)
{
    static double v[N], w[N];
    static float f[N], g[N];

    (void)state;
    for (int kind = 0; kind < 3; kind++)
        for (size_t n = N - 3; n <= N; n++) {
            for (size_t i = 0; i < n; i++) {
                v[i] = w[i] = sample(i, kind);
                f[i] = g[i] = (float)v[i];
            }
            assert_true(find(QN_STATISTIC_MEDIAN, QN_F64, v, n, false).value ==
                        qn_stats_median(w, QN_F64, n));
            assert_true(find(QN_STATISTIC_MEDIAN, QN_F32, f, n, false).value ==
                        qn_stats_median(g, QN_F32, n));
            assert_true(find(QN_STATISTIC_MAX, QN_F64, v, n, false).value ==
                        qn_stats_max(w, QN_F64, n));
            assert_true(find(QN_STATISTIC_MAX, QN_F32, f, n, false).value ==
                        qn_stats_max(g, QN_F32, n));
        }
}

static void
gives_a_zero_without_sign(void **state)
{
    static const double x[] = {-0.0, -0.0, -0.0};

    (void)state;
    assert_false(signbit(find(QN_STATISTIC_MEDIAN, QN_F64, x, 3, false).value));
    assert_false(signbit(find(QN_STATISTIC_MEAN, QN_F64, x, 3, false).value));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_exactly),
        cmocka_unit_test(counts_no_more_than_finite),
        cmocka_unit_test(finds_what_sorting_finds),
        cmocka_unit_test(gives_a_zero_without_sign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
