/* Sums under masks: every way to compute them gives the same bits, near to
 * what long double says, for any number of frames, masks and pixels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/masks_tile.h"
#include "kernel_run.h"

enum { MASKS = 11, FRAMES = QN_MASKS_FRAMES };

static double
number(unsigned i)
{
    return (double)(i * 2654435761u >> 16) / 1024 - 20;
}

static void
put(void *row, enum qn_dtype real, int64_t i, double v)
{
    if (real == QN_F32)
        ((float *)row)[i] = (float)v;
    else
        ((double *)row)[i] = v;
}

static double
get(const void *row, enum qn_dtype real, int64_t i)
{
    return real == QN_F32 ? (double)((const float *)row)[i]
                          : ((const double *)row)[i];
}

/* How far a sum may be: a lane has 64 roundings, then there are 4 more. */
static void
is_near(double have, enum qn_dtype real, const char *frame, const char *mask,
        int64_t n)
{
    const long double unit = real == QN_F32 ? 0x1p-24L : 0x1p-53L;
    long double want = 0, most = 0;

    for (int64_t i = 0; i < n; i++) {
        const long double x =
            (long double)get(frame, real, i) * (long double)get(mask, real, i);

        want += x;
        most += fabsl(x);
    }
    assert_true(fabsl((long double)have - want) <= 68 * unit * most);
}

static void
check(enum qn_dtype real, int64_t n, int nmasks)
{
    const int64_t size = real == QN_F32 ? 4 : 8;
    char *panel = aligned_alloc(64, FRAMES * QN_MASKS_ROW);
    char *mask = aligned_alloc(64, MASKS * QN_MASKS_ROW);
    double first[FRAMES * MASKS], sum[FRAMES * MASKS];
    const struct qn_masks_tile *t;

    assert_non_null(panel);
    assert_non_null(mask);
    for (int64_t i = 0; i < FRAMES * QN_MASKS_ROW / size; i++)
        put(panel, real, i, number((unsigned)i));
    for (int64_t i = 0; i < MASKS * QN_MASKS_ROW / size; i++)
        put(mask, real, i, number(77777u + (unsigned)i));
    for (int way = 0; (t = qn_masks_tile_get(real, way)); way++) {
        assert_in_range(t->frames, 1, FRAMES);
        memset(sum, 0, sizeof sum);
        // at most so many at a time, and one alone
        for (int64_t f = 0; f < FRAMES; f += t->frames)
            t->add(sum + f * MASKS, MASKS,
                   FRAMES - f < t->frames ? FRAMES - f : t->frames, nmasks,
                   panel, mask, QN_MASKS_ROW / size, n);
        if (!way)
            memcpy(first, sum, sizeof sum);
        // the panel is the same for each group of frames
        for (int f = 0; f < FRAMES; f++)
            for (int m = 0; m < MASKS; m++) {
                const int row = f % t->frames;
                const double x = sum[f * MASKS + m];

                if (m >= nmasks) {
                    assert_true(x == 0);
                    continue;
                }
                is_near(x, real, panel + row * QN_MASKS_ROW,
                        mask + m * QN_MASKS_ROW, n);
                if (f < 3) // all ways have as many rows
                    assert_memory_equal(&x, &first[f * MASKS + m], sizeof x);
            }
    }
    free(panel);
    free(mask);
}

static void
ways_give_the_same_bits(void **state)
{
    static const int masks[] = {1, 2, 3, 4, 5, 11};

    (void)state;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        check(QN_F32, 16, masks[i]);
        check(QN_F32, 496, masks[i]);
        check(QN_F32, 1024, masks[i]);
        check(QN_F64, 8, masks[i]);
        check(QN_F64, 504, masks[i]);
        check(QN_F64, 512, masks[i]);
    }
}

static void
there_is_a_way_everywhere(void **state)
{
    int n = 0;

    (void)state;
    while (qn_masks_tile_get(QN_F32, n))
        n++;
    assert_true(n >= 1);
    assert_non_null(qn_masks_tile_get(QN_F64, n - 1));
    assert_null(qn_masks_tile_get(QN_F64, n));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_give_the_same_bits),
        cmocka_unit_test(there_is_a_way_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
