/* overscan: levels by row, column and frame; regions that do not suit; and
 * two real detectors against ccdproc. */
#include "kernel_run.h"

#include "fits_small.h"
#include "reference.h"

extern const struct qn_kernel qn_kernel_overscan, qn_kernel_bin;

#define OPTIONS(region, trim, more)                                          \
    "{\"region\": \"" region "\", \"trim\": \"" trim "\"" more "}"

static void
refuses(void **state)
{
    static const struct refused rows[] = {
        {OPTIONS("[1:1]", "[2:4]", ""), {1, {4}}, QN_ESHAPE, "two axes"},
        {OPTIONS("[1:1,1:1,1:1]", "[2:4,1:3]", ""), {2, {3, 4}}, QN_ESHAPE,
         "region has 3 axes"},
        {OPTIONS("[1:1,1:3]", "[2:5,1:3]", ""), {2, {3, 4}}, QN_ESHAPE,
         "trim"},
        {OPTIONS("0:3, 0:1", "0:3, 1:4:2", ""), {2, {3, 4}}, QN_ESHAPE,
         "without a step"},
        {OPTIONS("[1:1,1:2]", "[2:4,1:3]", ""), {2, {3, 4}}, QN_ESHAPE,
         "rows 1 to 2"},
        {OPTIONS("[1:1,1:3]", "[2:4,1:3]", ", \"per\": \"column\""),
         {2, {3, 4}}, QN_ESHAPE, "columns 1 to 1"},
        {"{\"trim\": \"[1:4,1:3]\"}", {2, {3, 4}}, QN_EMISSING, "BIASSEC"},
    };

    (void)state;
    check_refuses(&qn_kernel_overscan, rows, COUNT(rows));
}

static void
tables(void **state)
{
    static const double x[12] = {1, 2,   10, 20, //
                                 3, 4,   30, 40, //
                                 5, NAN, 50, NAN};
    static const struct {
        const char *options;
        struct qn_shape out;
        double want[12];
    } rows[] = {
        {OPTIONS("[1:2,1:3]", "[3:4,1:3]", ""), {2, {3, 2}},
         {8.5, 18.5, 26.5, 36.5, 45, NAN}},
        {OPTIONS("[1:2,1:3]", "[3:4,2:2]", ", \"method\": \"mean\""),
         {2, {1, 2}}, {26.5, 36.5}},
        {OPTIONS("[1:2,1:3]", "[3:4,1:3]", ", \"per\": \"frame\""),
         {2, {3, 2}}, {7, 17, 27, 37, 47, NAN}},
        {OPTIONS("[1:4,1:1]", "[1:4,2:3]", ", \"per\": \"column\""),
         {2, {2, 4}}, {2, 2, 20, 20, 4, NAN, 40, NAN}},
        {OPTIONS("[2:4,1:2]", "[3:4,3:3]",
                 ", \"per\": \"column\", \"method\": \"mean\""),
         {2, {1, 2}}, {30, NAN}},
        // a level of only NaN
        {OPTIONS("[2:2,1:3]", "[3:3,3:3]", ""), {2, {1, 1}}, {NAN}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_overscan,
                              .options = rows[i].options};

        check_run(&r, SHAPE(3, 4), x, rows[i].out, rows[i].want);
    }
}

static void
each_frame_of_a_stack(void **state)
{
    static const double x[] = {1, 10, 2, 20, 3, 30, 4, 40};
    static const double want[] = {9, 18, 27, 36};
    const struct run r = {
        .kernel = &qn_kernel_overscan,
        .fields = "{\"BIASSEC\": \"[1:1, 1:2]\", \"TRIMSEC\": \"[2:2,1:2]\"}"};

    (void)state;
    check_run(&r, SHAPE(2, 2, 2), x, SHAPE(2, 2, 1), want);
}

static void
maps_the_header(void **state)
{
    double offset[QN_MAX_DIMS], factor[QN_MAX_DIMS];
    const struct qn_shape in = SHAPE(2, 520, 536);
    json_t *options = json_pack("{s:s,s:s,s:s,s:s}", "region", "[4:13,1:520]",
                                "trim", "[17:528,3:520]", "method", "median",
                                "per", "row");
    void *params = calloc(1, qn_kernel_overscan.params_size);

    (void)state;
    assert_int_equal(qn_params_fill(params, &qn_kernel_overscan, options,
                                    NULL, NULL), 0);
    qn_kernel_overscan.map(params, &in, offset, factor);
    assert_true(offset[0] == 0 && offset[1] == 2 && offset[2] == 16);
    assert_true(factor[0] == 1 && factor[1] == 1 && factor[2] == 1);
    free(params);
    json_decref(options);
}

/* ---- real detectors ------------------------------------------------------ */

static void
reduce(struct qn_array *out, const char *file, const char *options)
{
    const struct run r = {.kernel = &qn_kernel_overscan, .options = options};
    struct qn_shape shape = {0};
    char path[4096];
    double *x = fits_small_load(shared_path(path, file), &shape);

    assert_non_null(x);
    assert_int_equal(run_numbers(&r, QN_F64, shape, x, out, NULL), 0);
    free(x);
}

static void
one_metre_at_saao(void **state)
{
    const struct run bin = {.kernel = &qn_kernel_bin,
                            .options = "{\"factor\": [2]}"};
    json_t *reference = reference_of("ccd_saao");
    struct qn_array out, binned;

    (void)state;
    reduce(&out, "data/ccd_saao/a8280271.fits",
           OPTIONS("[   4:  13,   1: 520]", "[  17: 528,   1: 520]", ""));
    assert_true(qn_shape_equal(&out.type.shape, &SHAPE(520, 512)));
    check_summary(json_object_get(reference, "result"), out.data, 520 * 512,
                  0);
    assert_int_equal(run_array(&bin, &out, &binned, NULL), 0);
    assert_true(qn_shape_equal(&binned.type.shape, &SHAPE(260, 256)));
    check_summary(json_object_get(reference, "bin2"), binned.data, 260 * 256,
                  0);
    qn_array_clear(&binned);
    qn_array_clear(&out);
    json_decref(reference);
}

static void
isis_red_arm(void **state)
{
    static const char options[] =
        OPTIONS("[1:966,4110:4190]", "[1:966,1:4096]",
                ", \"per\": \"column\"");
    json_t *reference = reference_of("ccd_isis");
    struct qn_array target, bias;

    (void)state;
    reduce(&target, "data/ccd_isis/r2701242.fit.gz", options);
    reduce(&bias, "data/ccd_isis/r2700988.fit.gz", options);
    assert_true(qn_shape_equal(&target.type.shape, &SHAPE(4096, 966)));
    for (size_t i = 0; i < 4096 * 966; i++)
        ((double *)target.data)[i] -= ((double *)bias.data)[i];
    check_summary(json_object_get(reference, "result"), target.data,
                  4096 * 966, 0);
    qn_array_clear(&bias);
    qn_array_clear(&target);
    json_decref(reference);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(tables),
        cmocka_unit_test(each_frame_of_a_stack),
        cmocka_unit_test(maps_the_header),
        cmocka_unit_test(one_metre_at_saao),
        cmocka_unit_test(isis_red_arm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
