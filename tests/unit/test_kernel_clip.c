/* clip: bounds, NaN, and options that make no sense. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_clip;

static void
refuses(void **state)
{
    static const double x[] = {1};
    struct run r = {.kernel = &qn_kernel_clip};

    (void)state;
    check_fails(&r, SHAPE(1), x, QN_EJOB, "neither min nor max");
    r.options = "{\"min\": 2, \"max\": 1}";
    check_fails(&r, SHAPE(1), x, QN_EJOB, "above max");
}

#define N 6
static void
brings_into_the_range(void **state)
{
    static const double x[N] = {-INFINITY, -1, 0.5, 7, INFINITY, NAN};
    static const struct {
        const char *options;
        double want[N];
    } rows[] = {
        {"{\"min\": 0}", {0, 0, 0.5, 7, INFINITY, NAN}},
        {"{\"max\": 1}", {-INFINITY, -1, 0.5, 1, 1, NAN}},
        {"{\"min\": 0, \"max\": 1}", {0, 0, 0.5, 1, 1, NAN}},
        {"{\"min\": 0.1, \"max\": 0.1}", {0.1, 0.1, 0.1, 0.1, 0.1, NAN}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_clip,
                              .options = rows[i].options};

        check_run(&r, SHAPE(N), x, SHAPE(N), rows[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(brings_into_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
