/* Statistics that kernels share: against sorting, on samples that are kind
 * and unkind to a selection. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/stats.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void
none_and_one(void **state)
{
    double x = 7;

    (void)state;
    assert_true(isnan(qn_stats_median(&x, QN_F64, 0)));
    assert_true(isnan(qn_stats_mean(&x, QN_F64, 0)));
    assert_true(isnan(qn_stats_max(&x, QN_F64, 0)));
    assert_int_equal(qn_stats_gather(&x, &x, QN_F64, 0, 1, QN_STATS_FINITE),
                     0);
    qn_stats_sort(&x, NULL, 0);
    qn_stats_sort(&x, &x, 1);
    assert_true(qn_stats_median(&x, QN_F64, 1) == 7);
    assert_true(qn_stats_mean(&x, QN_F64, 1) == 7);
    assert_true(qn_stats_max(&x, QN_F64, 1) == 7);
}

static void
gathers(void **state)
{
    const float x[] = {1, NAN, INFINITY, 4, -INFINITY, -0.0f, NAN};
    float kept[7];

    (void)state;
    assert_int_equal(
        qn_stats_gather(kept, x, QN_F32, 7, 1, QN_STATS_NUMBERS), 5);
    assert_true(kept[0] == 1 && isinf(kept[1]) && kept[2] == 4);
    assert_int_equal(qn_stats_gather(kept, x, QN_F32, 7, 1, QN_STATS_FINITE),
                     3);
    assert_true(kept[0] == 1 && kept[1] == 4 && kept[2] == 0);
    assert_int_equal(qn_stats_gather(kept, x, QN_F32, 3, 3, QN_STATS_FINITE),
                     2);
    assert_true(kept[0] == 1 && kept[1] == 4);
}

enum pattern { RANDOM, RISING, FALLING, EQUAL, TWO, ORGAN, PATTERNS };

static void
make_samples(double *x, size_t n, enum pattern pattern)
{
    unsigned seed = (unsigned)n;

    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        switch (pattern) {
        case RANDOM: x[i] = (double)(int)seed / 65536; break;
        case RISING: x[i] = (double)i; break;
        case FALLING: x[i] = -(double)i; break;
        case EQUAL: x[i] = 42; break;
        case TWO: x[i] = seed >> 31; break;
        default: x[i] = (double)(i < n / 2 ? i : n - i); break;
        }
    }
}

static int
by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void
medians_and_sorts(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 10, 101, 1000, 4096, 20001};
    static double x[20001], sorted[20001], work[20001], spare[20001];
    static float single[20001];

    (void)state;
    for (size_t s = 0; s < COUNT(sizes); s++)
        for (int pattern = 0; pattern < PATTERNS; pattern++) {
            const size_t n = sizes[s];
            double want;

            make_samples(x, n, (enum pattern)pattern);
            memcpy(sorted, x, n * sizeof *x);
            qsort(sorted, n, sizeof *x, by_value);
            want = n % 2 ? sorted[n / 2]
                         : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
            memcpy(work, x, n * sizeof *x);
            assert_true(qn_stats_median(work, QN_F64, n) == want);
            memcpy(work, x, n * sizeof *x);
            qn_stats_sort(work, spare, n);
            assert_memory_equal(work, sorted, n * sizeof *x);
            assert_true(qn_stats_max(x, QN_F64, n) == sorted[n - 1]);
            for (size_t i = 0; i < n; i++)
                single[i] = (float)x[i];
            want = n % 2 ? (double)(float)sorted[n / 2]
                         : ((double)(float)sorted[n / 2 - 1] +
                            (double)(float)sorted[n / 2]) / 2;
            assert_true(qn_stats_median(single, QN_F32, n) == want);
        }
}

/* ---- an adversary ------------------------------------------------------- */

/* McIlroy, "A killer adversary for quicksort" (1999): samples get their values
 * only when two of them are compared, as late and as small as can be.  Played
 * against the same selection, by first, middle and last, every pivot is one
 * of the smallest. */
enum { KILLER = 1 << 12 };

struct adversary {
    int value[KILLER]; /* KILLER: not decided */
    int decided, candidate;
};

static bool
is_less(struct adversary *g, int a, int b)
{
    if (g->value[a] == KILLER && g->value[b] == KILLER)
        g->value[a == g->candidate ? a : b] = g->decided++;
    if (g->value[a] == KILLER)
        g->candidate = a;
    else if (g->value[b] == KILLER)
        g->candidate = b;
    return g->value[a] < g->value[b];
}

static int
middle(struct adversary *g, int a, int b, int c)
{
    if (is_less(g, a, b))
        return is_less(g, b, c) ? b : is_less(g, a, c) ? c : a;
    return is_less(g, a, c) ? a : is_less(g, b, c) ? c : b;
}

static void
swap(int *v, int i, int j)
{
    const int x = v[i];

    v[i] = v[j];
    v[j] = x;
}

static void
play(struct adversary *g, int *v)
{
    int first = 0, end = KILLER;

    while (end - first > 1) {
        const int p = middle(g, v[first], v[first + (end - first) / 2],
                             v[end - 1]);
        int less = first, i = first, more = end;

        while (i < more) {
            if (is_less(g, v[i], p))
                swap(v, less++, i++);
            else if (is_less(g, p, v[i]))
                swap(v, i, --more);
            else
                i++;
        }
        if (KILLER / 2 < less)
            end = less;
        else if (KILLER / 2 >= more)
            first = more;
        else
            return;
    }
}

static void
perverse_samples(void **state)
{
    static struct adversary g;
    static double x[KILLER], sorted[KILLER];
    static int v[KILLER];

    (void)state;
    for (int i = 0; i < KILLER; i++) {
        g.value[i] = KILLER;
        v[i] = i;
    }
    play(&g, v);
    for (int i = 0; i < KILLER; i++)
        x[i] = sorted[i] = g.value[i];
    qsort(sorted, KILLER, sizeof *sorted, by_value);
    assert_true(qn_stats_median(x, QN_F64, KILLER) ==
                (sorted[KILLER / 2 - 1] + sorted[KILLER / 2]) / 2);
}

static void
sorts_every_kind_of_number(void **state)
{
    static const double want[] = {-INFINITY, -DBL_MAX, -1, -DBL_MIN, -5e-324,
                                  -0.0,      0.0,      5e-324, DBL_MIN, 1,
                                  DBL_MAX,   INFINITY};
    double x[COUNT(want)], spare[COUNT(want)];

    (void)state;
    for (size_t i = 0; i < COUNT(want); i++)
        x[i] = want[i * 5 % COUNT(want)];
    qn_stats_sort(x, spare, COUNT(want));
    assert_memory_equal(x, want, sizeof want);
}

static void
sums_in_order_in_float64(void **state)
{
    const float x[] = {16777216, 1, 1, 1};
    const double y[] = {1e16, 1, -1e16, 1};

    (void)state;
    assert_true(qn_stats_mean(x, QN_F32, 4) == 16777219 / 4.);
    assert_true(qn_stats_mean(y, QN_F64, 4) == 0.25);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_and_one),
        cmocka_unit_test(gathers),
        cmocka_unit_test(medians_and_sorts),
        cmocka_unit_test(perverse_samples),
        cmocka_unit_test(sorts_every_kind_of_number),
        cmocka_unit_test(sums_in_order_in_float64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
