/* add, subtract, multiply, divide: one operand, sample by sample. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_add, qn_kernel_subtract,
    qn_kernel_multiply, qn_kernel_divide;

#define N 8
static const double x[N] = {1, -2, 0, 3, INFINITY, NAN, 5, 0};
static const double v[N] = {4, 0.5, -0.0, INFINITY, INFINITY, 1, NAN, 2};

static void
by_an_array(void **state)
{
    static const struct {
        const struct qn_kernel *k;
        double want[N];
    } rows[] = {
        {&qn_kernel_add, {5, -1.5, 0, INFINITY, INFINITY, NAN, NAN, 2}},
        {&qn_kernel_subtract, {-3, -2.5, 0, -INFINITY, NAN, NAN, NAN, -2}},
        {&qn_kernel_multiply, {4, -1, 0, INFINITY, INFINITY, NAN, NAN, 0}},
        {&qn_kernel_divide, {0.25, -4, NAN, 0, NAN, NAN, NAN, 0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = rows[i].k, .nfeeds = 1, .feed = {v}};

        check_run(&r, SHAPE(N), x, SHAPE(N), rows[i].want);
    }
}

static void
by_a_number(void **state)
{
    static const double two[] = {2};
    static const struct {
        const struct qn_kernel *k;
        double want[N];
    } rows[] = {
        {&qn_kernel_add, {3, 0, 2, 5, INFINITY, NAN, 7, 2}},
        {&qn_kernel_subtract, {-1, -4, -2, 1, INFINITY, NAN, 3, -2}},
        {&qn_kernel_multiply, {2, -4, 0, 6, INFINITY, NAN, 10, 0}},
        {&qn_kernel_divide, {0.5, -1, 0, 1.5, INFINITY, NAN, 2.5, 0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {
            .kernel = rows[i].k, .nfeeds = 1, .feed = {two}, .one = {true}};

        check_run(&r, SHAPE(2, 4), x, SHAPE(2, 4), rows[i].want);
    }
}

/* Each operation is rounded in the item's type, not in float64. */
static void
rounds_in_the_real_type(void **state)
{
    static const double a[] = {16777216}, b[] = {1};
    const struct run r = {
        .kernel = &qn_kernel_add, .nfeeds = 1, .feed = {b}};
    struct qn_array out;

    (void)state;
    assert_int_equal(run_numbers(&r, QN_F32, SHAPE(1), a, &out, NULL), 0);
    assert_true(*(float *)out.data == 16777216.0f);
    qn_array_clear(&out);
}

static void
divide_with_a_least_divisor(void **state)
{
    static const double divisor[] = {0.2, 0.1, -3, 0, NAN, INFINITY, 1, 2};
    static const double ones[] = {1, 1, 1, 1, 1, 1, 1, 1};
    static const struct {
        const char *options;
        double want[N];
    } rows[] = {
        // 0.2 is not smaller than 0.2, rounded alike
        {"{\"min\": 0.2}", {1 / 0.2, NAN, NAN, NAN, NAN, 0, 1, 0.5}},
        {"{\"min\": -5}", {1 / 0.2, 1 / 0.1, -1 / 3., NAN, NAN, 0, 1, 0.5}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_divide,
                              .options = rows[i].options,
                              .nfeeds = 1,
                              .feed = {divisor}};
        struct qn_array out;

        assert_int_equal(run_numbers(&r, QN_F64, SHAPE(N), ones, &out, NULL),
                         0);
        for (int k = 0; k < N; k++)
            assert_true(same(((double *)out.data)[k], rows[i].want[k]));
        qn_array_clear(&out);
        assert_int_equal(run_numbers(&r, QN_F32, SHAPE(N), ones, &out, NULL),
                         0);
        for (int k = 0; k < N; k++)
            assert_true(isnan(((float *)out.data)[k]) ==
                        isnan(rows[i].want[k]));
        qn_array_clear(&out);
    }
}

static void
no_samples(void **state)
{
    const struct run r = {
        .kernel = &qn_kernel_add, .nfeeds = 1, .feed = {x}};

    (void)state;
    check_run(&r, SHAPE(0), x, SHAPE(0), x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_an_array),
        cmocka_unit_test(by_a_number),
        cmocka_unit_test(rounds_in_the_real_type),
        cmocka_unit_test(divide_with_a_least_divisor),
        cmocka_unit_test(no_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
