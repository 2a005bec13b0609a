/* fill: a value or the median, and only for NaN. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_fill;

static void
refuses(void **state)
{
    static const double holes[] = {NAN, INFINITY};
    struct run r = {.kernel = &qn_kernel_fill};

    (void)state;
    check_fails(&r, SHAPE(2), holes, QN_EJOB, "no value");
    r.options = "{\"value\": 1, \"method\": \"median\"}";
    check_fails(&r, SHAPE(2), holes, QN_EJOB, "only one");
    r.options = "{\"method\": \"median\"}";
    check_fails(&r, SHAPE(2), holes, QN_EVALUE, "no finite sample");
}

#define N 6
static void
fills(void **state)
{
    static const struct {
        const char *options;
        double x[N], want[N];
    } rows[] = {
        {"{\"value\": -1}",
         {1, NAN, 3, NAN, INFINITY, 0},
         {1, -1, 3, -1, INFINITY, 0}},
        {"{\"value\": \"inf\"}",
         {1, NAN, 3, 4, 5, 6},
         {1, INFINITY, 3, 4, 5, 6}},
        // an infinity does not count for the median, and stays
        {"{\"method\": \"median\"}",
         {1, NAN, 9, NAN, INFINITY, 2},
         {1, 2, 9, 2, INFINITY, 2}},
        {"{\"method\": \"median\"}",
         {1, NAN, 9, 4, -INFINITY, 2},
         {1, 3, 9, 4, -INFINITY, 2}},
        {"{\"method\": \"median\"}",
         {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY},
         {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY, INFINITY}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_fill,
                              .options = rows[i].options};

        check_run(&r, SHAPE(3, 2), rows[i].x, SHAPE(3, 2), rows[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(fills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
