/* bad-pixels: masks, ranges and both. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_bad_pixels;

#define N 6
static const double x[N] = {1, 2, 3, INFINITY, -INFINITY, NAN};

static void
by_a_mask(void **state)
{
    static const double mask[N] = {0, 1, NAN, 0, -2, 0};
    static const struct {
        const char *options;
        double want[N];
    } rows[] = {
        {NULL, {1, NAN, NAN, INFINITY, NAN, NAN}},
        {"{\"bad\": \"nonzero\"}", {1, NAN, NAN, INFINITY, NAN, NAN}},
        {"{\"bad\": \"zero\"}", {NAN, 2, NAN, NAN, -INFINITY, NAN}},
        {"{\"below\": 2}", {NAN, NAN, NAN, INFINITY, NAN, NAN}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_bad_pixels,
                              .options = rows[i].options,
                              .nfeeds = 1,
                              .feed = {mask}};

        check_run(&r, SHAPE(N), x, SHAPE(N), rows[i].want);
    }
}

static void
by_a_range(void **state)
{
    static const struct {
        const char *options;
        double want[N];
    } rows[] = {
        {NULL, {1, 2, 3, INFINITY, -INFINITY, NAN}},
        {"{\"above\": 2}", {1, 2, NAN, NAN, -INFINITY, NAN}},
        {"{\"below\": 2}", {NAN, 2, 3, INFINITY, NAN, NAN}},
        {"{\"above\": 2, \"below\": 2}", {NAN, 2, NAN, NAN, NAN, NAN}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_bad_pixels,
                              .options = rows[i].options};

        check_run(&r, SHAPE(N), x, SHAPE(N), rows[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_a_mask),
        cmocka_unit_test(by_a_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
