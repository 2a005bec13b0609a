/* normalize: the statistics, the region, and items that have none. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_normalize;

static void
refuses(void **state)
{
    static const struct {
        const char *options;
        double x[4];
        const char *word;
        int code;
    } rows[] = {
        {NULL, {NAN, NAN, INFINITY, NAN}, "no finite sample", QN_EVALUE},
        {NULL, {-1, 1, -1, 1}, "median is 0", QN_EVALUE},
        {"{\"by\": \"mean\"}", {-1, 1, -1, 1}, "mean is 0", QN_EVALUE},
        {"{\"by\": \"max\"}", {-1, 0, NAN, -1}, "sample is 0", QN_EVALUE},
        {"{\"by\": \"mean\"}", {1e308, 1e308, 1e308, 1}, "inf", QN_EVALUE},
        {"{\"region\": \"0:1\"}", {NAN, 1, 1, 1}, "region", QN_EVALUE},
        {"{\"region\": \"0:5\"}", {1, 1, 1, 1}, "", QN_ESHAPE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_normalize,
                              .options = rows[i].options};

        check_fails(&r, SHAPE(4), rows[i].x, rows[i].code, rows[i].word);
    }
}

static void
divides(void **state)
{
    static const struct {
        const char *options;
        double x[6], by;
    } rows[] = {
        {NULL, {1, 2, 4, 8, 16, 32}, 6},
        {NULL, {1, 2, NAN, 8, INFINITY, -INFINITY}, 2},
        {"{\"by\": \"median\"}", {3, 3, 3, 3, 3, 3}, 3},
        {"{\"by\": \"mean\"}", {1, 2, NAN, 8, INFINITY, 5}, 4},
        {"{\"by\": \"max\"}", {-1, -2, NAN, -8, INFINITY, -5}, -1},
        {"{\"region\": \"[2:3, 1:2]\"}", {9, 1, 2, 9, 3, 6}, 2.5},
        {"{\"by\": \"max\", \"region\": \"0:2\"}", {1, 2, 50, 3, 4, 70}, 4},
        {"{\"by\": \"max\", \"region\": \"::2\"}", {1, 9, 2, 3, 9, 5}, 5},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_normalize,
                              .options = rows[i].options};
        double want[6];

        for (int k = 0; k < 6; k++)
            want[k] = rows[i].x[k] / rows[i].by;
        check_run(&r, SHAPE(2, 3), rows[i].x, SHAPE(2, 3), want);
    }
}

static void
single_numbers(void **state)
{
    static const double x[] = {-4}, one[] = {1};
    const struct run r = {.kernel = &qn_kernel_normalize};

    (void)state;
    check_run(&r, (struct qn_shape){.ndims = 0}, x,
              (struct qn_shape){.ndims = 0}, one);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(divides),
        cmocka_unit_test(single_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
