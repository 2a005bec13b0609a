/* crop: both spellings of a section, any type, steps, and the map. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_crop;

static void
refuses(void **state)
{
    static const double x[12] = {0};
    struct run r = {.kernel = &qn_kernel_crop};

    (void)state;
    r.options = "{\"section\": \"[1:5, 1:3]\"}";
    check_fails(&r, SHAPE(3, 4), x, QN_ESHAPE, "");
    r.options = "{\"section\": \"0:1, 0:1, 0:1\"}";
    check_fails(&r, SHAPE(3, 4), x, QN_ESHAPE, "");
}

static void
crops(void **state)
{
    static const struct {
        const char *options;
        struct qn_shape out;
        double want[12];
    } rows[] = {
        {"{\"section\": \"[2:3, 1:2]\"}", {2, {2, 2}}, {1, 2, 5, 6}},
        {"{\"section\": \"1:2, 0:4\"}", {2, {1, 4}}, {4, 5, 6, 7}},
        {"{\"section\": \"3:4\"}", {2, {3, 1}}, {3, 7, 11}},
        {"{\"section\": \"0:3:2, 1:4:2\"}", {2, {2, 2}}, {1, 3, 9, 11}},
    };
    double x[12];

    (void)state;
    for (int i = 0; i < 12; i++)
        x[i] = i;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_crop,
                              .options = rows[i].options};

        check_run(&r, SHAPE(3, 4), x, rows[i].out, rows[i].want);
    }
}

static void
keeps_the_type(void **state)
{
    uint8_t x[] = {1, 2, 3, 4};
    const struct qn_type type = {QN_U8, SHAPE(4)};
    const struct qn_array in = qn_array_view(&type, x);
    const struct run r = {.kernel = &qn_kernel_crop,
                          .options = "{\"section\": \"1:3\"}"};
    struct qn_array out;

    (void)state;
    assert_int_equal(run_array(&r, &in, &out, NULL), 0);
    assert_int_equal(out.type.dtype, QN_U8);
    assert_memory_equal(out.data, x + 1, 2);
    qn_array_clear(&out);
}

static void
maps_the_header(void **state)
{
    double offset[QN_MAX_DIMS], factor[QN_MAX_DIMS];
    const struct qn_shape in = SHAPE(10, 3, 10);
    json_t *options = json_pack("{s:s}", "section", "1:3, 2:9:3");
    void *params = calloc(1, qn_kernel_crop.params_size);

    (void)state;
    assert_int_equal(qn_params_fill(params, &qn_kernel_crop, options, NULL,
                                    NULL), 0);
    qn_kernel_crop.map(params, &in, offset, factor);
    assert_true(offset[0] == 0 && factor[0] == 1);
    assert_true(offset[1] == 1 && factor[1] == 1);
    // sample 2 is the middle of 1, 2, 3
    assert_true(offset[2] == 1 && factor[2] == 3);
    free(params);
    json_decref(options);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(crops),
        cmocka_unit_test(keeps_the_type),
        cmocka_unit_test(maps_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
