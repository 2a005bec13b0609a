/* cast: from any type to any type. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_cast;

static void
refuses(void **state)
{
    static const struct {
        const char *options;
        double x;
    } rows[] = {
        {"{\"dtype\": \"int16\"}", NAN},
        {"{\"dtype\": \"int16\"}", INFINITY},
        {"{\"dtype\": \"int16\"}", 32767.5},
        {"{\"dtype\": \"uint8\"}", -1},
        {"{\"dtype\": \"int64\"}", 9223372036854775808.0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_cast,
                              .options = rows[i].options};

        check_fails(&r, SHAPE(1), &rows[i].x, QN_EVALUE, "");
    }
}

static void
rounds_half_to_even(void **state)
{
    static const double x[] = {0.5, 1.5, 2.5, -0.5, -1.5, 32767.25, -32768.5};
    static const int16_t want[] = {0, 2, 2, 0, -2, 32767, -32768};
    const struct run r = {.kernel = &qn_kernel_cast,
                          .options = "{\"dtype\": \"int16\"}"};
    struct qn_array out;

    (void)state;
    assert_int_equal(run_numbers(&r, QN_F64, SHAPE(7), x, &out, NULL), 0);
    assert_int_equal(out.type.dtype, QN_I16);
    assert_memory_equal(out.data, want, sizeof want);
    qn_array_clear(&out);
}

static void
takes_integers(void **state)
{
    static uint16_t x[] = {0, 65535};
    const struct qn_type type = {QN_U16, {.ndims = 1, .n = {2}}};
    const struct qn_array in = qn_array_view(&type, x);
    const struct run r = {.kernel = &qn_kernel_cast,
                          .options = "{\"dtype\": \"float32\"}"};
    struct qn_array out;

    (void)state;
    assert_int_equal(run_array(&r, &in, &out, NULL), 0);
    assert_true(((float *)out.data)[1] == 65535.0f);
    qn_array_clear(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(rounds_half_to_even),
        cmocka_unit_test(takes_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
