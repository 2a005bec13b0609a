/* polynomial: Horner's rule in the real type. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_polynomial;

static void
refuses(void **state)
{
    static const double x[] = {1};
    struct run r = {.kernel = &qn_kernel_polynomial};

    (void)state;
    r.options = "{\"coefficients\": []}";
    check_fails(&r, SHAPE(1), x, QN_EJOB, "coefficients");
    r.options = "{\"coefficients\": [1, \"inf\"]}";
    check_fails(&r, SHAPE(1), x, QN_EJOB, "c1 is inf");
}

#define N 5
static void
gives(void **state)
{
    static const double x[N] = {0, 1, -2, INFINITY, NAN};
    static const struct {
        const char *options;
        double want[N];
    } rows[] = {
        {"{\"coefficients\": [3]}", {3, 3, 3, 3, NAN}},
        {"{\"coefficients\": [1, 2]}", {1, 3, -3, INFINITY, NAN}},
        {"{\"coefficients\": [1, 0, 0.5]}", {1, 1.5, 3, INFINITY, NAN}},
        {"{\"coefficients\": [0, 0, 0, 1]}", {0, 1, -8, INFINITY, NAN}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_polynomial,
                              .options = rows[i].options};

        check_run(&r, SHAPE(N), x, SHAPE(N), rows[i].want);
    }
}

/* In float32 every product and every sum is rounded to float32. */
static void
rounds_each_operation(void **state)
{
    static const double x[] = {0.1, 0.7, 123.456};
    const struct run r = {.kernel = &qn_kernel_polynomial,
                          .options = "{\"coefficients\": [0.3, 0.2, 0.1]}"};
    struct qn_array out;

    (void)state;
    assert_int_equal(run_numbers(&r, QN_F32, SHAPE(3), x, &out, NULL), 0);
    for (int i = 0; i < 3; i++) {
        const float v = (float)x[i];
        volatile float y = 0.1f * v;

        y = y + 0.2f;
        y = y * v;
        y = y + 0.3f;
        assert_true(((float *)out.data)[i] == y);
    }
    qn_array_clear(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(gives),
        cmocka_unit_test(rounds_each_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
