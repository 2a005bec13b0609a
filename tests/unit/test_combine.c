/* combine: its options; by hand where numbers are extreme; and real frames
 * against astropy.  Bands of many pixels are test_combine_bands.c. */
#include "combine_run.h"

#include "fits_small.h"
#include "reference.h"

/* ---- options ------------------------------------------------------------- */

static void
refuses_options(void **state)
{
    static const char *const rows[] = {
        "{\"sigma\": 3}",
        "{\"low\": 1}",
        "{\"reject\": \"min-max\", \"sigma\": 3}",
        "{\"reject\": \"min-max\", \"low\": 0.5}",
        "{\"reject\": \"min-max\", \"high\": -1}",
        "{\"reject\": \"min-max\", \"high\": \"inf\"}",
        "{\"reject\": \"sigma-clip\", \"sigma\": -1}",
        "{\"reject\": \"sigma-clip\", \"low\": 3}",
        "{\"reject\": \"sigma-clip\", \"high\": 3}",
        "{\"iterations\": -1}",
        "{\"ddof\": -1}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct qn_error err = {0, ""};
        struct qn_combine c;

        assert_int_equal(make_combine(&c, rows[i], &err), QN_EJOB);
        assert_non_null(strstr(err.text, "combine"));
    }
}

static void
fills_options_in(void **state)
{
    static const struct {
        const char *options;
        double low, high;
    } rows[] = {
        {"{\"reject\": \"sigma-clip\"}", 3, 3},
        {"{\"reject\": \"sigma-clip\", \"sigma\": 2}", 2, 2},
        {"{\"reject\": \"sigma-clip\", \"sigma\": 2, \"low\": 4}", 4, 2},
        {"{\"reject\": \"sigma-clip\", \"low\": \"inf\", \"high\": 1}",
         INFINITY, 1},
        {"{\"reject\": \"min-max\"}", 1, 1},
        {"{\"reject\": \"min-max\", \"high\": 2}", 0, 2},
        {"{\"reject\": \"min-max\", \"low\": 3, \"high\": 0}", 3, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct qn_combine c;

        assert_int_equal(make_combine(&c, rows[i].options, NULL), 0);
        assert_true(c.low == rows[i].low && c.high == rows[i].high);
        assert_int_equal(c.center, QN_CENTER_MEDIAN);
        assert_int_equal(c.deviation, QN_DEVIATION_STD);
        assert_int_equal(c.iterations, 5);
    }
}

static void
types(void **state)
{
    static const struct {
        enum qn_method method;
        enum qn_dtype in, out;
    } rows[] = {
        {QN_SUM, QN_I8, QN_I64},    {QN_SUM, QN_U16, QN_U64},
        {QN_SUM, QN_I64, QN_I64},   {QN_SUM, QN_U64, QN_U64},
        {QN_SUM, QN_F32, QN_F32},   {QN_MIN, QN_U8, QN_U8},
        {QN_MAX, QN_I32, QN_I32},   {QN_MAX, QN_F64, QN_F64},
        {QN_MEAN, QN_I16, QN_F64},  {QN_MEDIAN, QN_U64, QN_F64},
        {QN_STD, QN_U8, QN_F64},    {QN_STD, QN_F32, QN_F32},
        {QN_MEAN, QN_F64, QN_F64},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct qn_combine c = {.method = (int)rows[i].method};

        assert_int_equal(qn_combine_dtype(&c, rows[i].in), rows[i].out);
    }
}

/* ---- by hand ------------------------------------------------------------ */

static void
nothing_to_combine(void **state)
{
    const struct qn_combine mean = {.method = QN_MEAN};
    const struct qn_combine median = {.method = QN_MEDIAN};
    struct qn_combine sum = {.method = QN_SUM};
    double out[2] = {1, 1};
    int32_t count[2] = {7, 7};

    (void)state;
    assert_int_equal(qn_combine_band(&mean, QN_F64, NULL, NULL, 0, 2, out,
                                     count, NULL), 0);
    assert_true(isnan(out[0]) && isnan(out[1]));
    assert_int_equal(count[0], 0);
    assert_int_equal(qn_combine_band(&median, QN_F64, NULL, NULL, 0, 2, out,
                                     count, NULL), 0);
    assert_true(isnan(out[0]) && isnan(out[1]));
    assert_int_equal(qn_combine_band(&sum, QN_I16, NULL, NULL, 0, 2, out,
                                     count, NULL), QN_EVALUE);
    assert_int_equal(qn_combine_band(&sum, QN_I16, NULL, NULL, 0, 0, out,
                                     count, NULL), 0);
}

static void
refuses_weights(void **state)
{
    static const double x[] = {1}, bad[] = {1, -1}, nan[] = {NAN, 1};
    const void *v[] = {x, x};
    struct qn_combine c = {.method = QN_MEDIAN};
    double out;
    int32_t count;

    (void)state;
    assert_int_equal(qn_combine_band(&c, QN_F64, v, x, 1, 1, &out, &count,
                                     NULL), QN_EVALUE);
    c.method = QN_MEAN;
    assert_int_equal(qn_combine_band(&c, QN_F64, v, bad, 2, 1, &out, &count,
                                     NULL), QN_EVALUE);
    assert_int_equal(qn_combine_band(&c, QN_F64, v, nan, 2, 1, &out, &count,
                                     NULL), QN_EVALUE);
}

/* Two members of one pixel each; sum, min or max. */
static int
pair(enum qn_method method, enum qn_dtype dtype, const void *a, const void *b,
     void *out)
{
    const struct qn_combine c = {.method = (int)method};
    const void *v[] = {a, b};
    int32_t count;

    return qn_combine_band(&c, dtype, v, NULL, 2, 1, out, &count, NULL);
}

static void
extremes_of_integers(void **state)
{
    const int64_t low = INT64_MIN, high = INT64_MAX, one = 1, less = -1;
    const uint64_t top = UINT64_MAX, unit = 1, half = UINT64_C(1) << 63;
    const int8_t i8 = -128;
    const uint32_t u32 = UINT32_MAX;
    const struct qn_combine both = {.method = QN_MAX,
                                    .reject = QN_REJECT_MIN_MAX,
                                    .low = 1, .high = 1};
    const void *v[] = {&high, &low};
    int32_t count;
    uint64_t u;
    int64_t i;
    int8_t small;

    (void)state;
    assert_int_equal(pair(QN_SUM, QN_I64, &high, &one, &i), QN_EVALUE);
    assert_int_equal(pair(QN_SUM, QN_I64, &low, &less, &i), QN_EVALUE);
    assert_int_equal(pair(QN_SUM, QN_U64, &top, &unit, &u), QN_EVALUE);
    assert_int_equal(pair(QN_SUM, QN_U64, &half, &half, &u), QN_EVALUE);
    assert_int_equal(qn_combine_band(&both, QN_I64, v, NULL, 2, 1, &i, &count,
                                     NULL), QN_EVALUE);

    assert_int_equal(pair(QN_SUM, QN_I64, &low, &high, &i), 0);
    assert_true(i == -1);
    assert_int_equal(pair(QN_MIN, QN_I64, &low, &high, &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(pair(QN_MAX, QN_I64, &low, &high, &i), 0);
    assert_true(i == INT64_MAX);
    assert_int_equal(pair(QN_MAX, QN_U64, &top, &unit, &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(pair(QN_MIN, QN_U64, &half, &unit, &u), 0);
    assert_true(u == 1);
    assert_int_equal(pair(QN_SUM, QN_I8, &i8, &i8, &i), 0);
    assert_true(i == -256);
    assert_int_equal(pair(QN_MIN, QN_I8, &i8, &i8, &small), 0);
    assert_true(small == -128);
    assert_int_equal(pair(QN_SUM, QN_U32, &u32, &u32, &u), 0);
    assert_true(u == 2 * (uint64_t)UINT32_MAX);
}

/* A partial sum may pass the limit where the whole does not; neighbours that
 * float64 cannot tell apart stay apart. */
static void
integers_stay_exact(void **state)
{
    const int64_t a[] = {INT64_MAX, INT64_MAX - 1}, b[] = {5, 1},
                  c[] = {-9, INT64_MAX};
    const void *v[] = {a, b, c};
    struct qn_combine way = {.method = QN_SUM};
    int64_t out[2];
    int32_t count[2];

    (void)state;
    assert_int_equal(qn_combine_band(&way, QN_I64, v, NULL, 3, 1, out, count,
                                     NULL), 0);
    assert_true(out[0] == INT64_MAX - 4);
    way = (struct qn_combine){.method = QN_MAX, .reject = QN_REJECT_MIN_MAX,
                              .low = 1};
    assert_int_equal(qn_combine_band(&way, QN_I64, v, NULL, 3, 2, out, count,
                                     NULL), 0);
    assert_true(out[0] == INT64_MAX && out[1] == INT64_MAX);
    assert_int_equal(count[1], 2);
}

/* Of equal samples those dropped show in a weighted mean. */
static void
ties_by_item_order(void **state)
{
    static const double x[] = {5, 5, 5, 5}, weight[] = {1, 2, 4, 8};
    static const double y[] = {1, 7, 1, 7};
    const void *v[4], *u[4];
    struct qn_combine c = {.reject = QN_REJECT_MIN_MAX, .low = 1, .high = 1};
    double out;
    int32_t count;

    (void)state;
    for (int i = 0; i < 4; i++) {
        v[i] = &x[i];
        u[i] = &y[i];
    }
    assert_int_equal(qn_combine_band(&c, QN_F64, v, weight, 4, 1, &out,
                                     &count, NULL), 0);
    assert_true(out == 5 && count == 2);
    // the first 1 and the last 7 go
    assert_int_equal(qn_combine_band(&c, QN_F64, u, weight, 4, 1, &out,
                                     &count, NULL), 0);
    assert_true(out == (2 * 7 + 4 * 1) / 6. && count == 2);
}

static void
scratch_is_bounded(void **state)
{
    const struct qn_combine mean = {.method = QN_MEAN};
    const struct qn_combine median = {.method = QN_MEDIAN};

    (void)state;
    assert_int_equal(qn_combine_scratch(&mean, 100000), 0);
    assert_int_equal(qn_combine_scratch(&median, 32), 32 * 2 * 16 * 8 + 32 * 32 * 8);
    assert_true(qn_combine_scratch(&median, 100000) < 28000000);
}

/* ---- real frames -------------------------------------------------------- */

enum { FRAMES = 6, PIXELS = 500 * 650 };

static void
load_frames(int16_t *v[FRAMES])
{
    static const char *const times[FRAMES] = {"013343", "024512", "035712",
                                              "050912", "062112", "073312"};

    for (int i = 0; i < FRAMES; i++) {
        struct qn_shape shape = {0};
        char name[100], path[4096];
        double *x;

        snprintf(name, sizeof name,
                 "data/ccd_hatp32/HATP-32171220%s.FITS", times[i]);
        x = fits_small_load(shared_path(path, name), &shape);
        assert_non_null(x);
        assert_int_equal(qn_shape_count(&shape), PIXELS);
        v[i] = calloc(PIXELS, sizeof *v[i]);
        assert_int_equal(
            qn_dtype_convert(v[i], QN_I16, x, QN_F64, PIXELS, NULL), 0);
        free(x);
    }
}

static void
check_counts(const json_t *rule, const int32_t *count)
{
    const json_t *histogram = json_object_get(rule, "kept_count_histogram");
    int64_t found[FRAMES + 1] = {0};

    for (size_t i = 0; i < PIXELS; i++)
        found[count[i]]++;
    for (int n = 0; n <= FRAMES; n++) {
        char key[16];

        snprintf(key, sizeof key, "%d", n);
        if (histogram)
            assert_int_equal(found[n], json_integer_value(json_object_get(
                                           histogram, key)));
    }
}

static void
six_frames_as_astropy(void **state)
{
    static const struct {
        const char *name, *options;
    } rules[] = {
        {"plain_mean", "{}"},
        {"plain_median", "{\"method\": \"median\"}"},
        {"clip2.0_mean_std_1pass",
         "{\"reject\": \"sigma-clip\", \"sigma\": 2, \"center\": \"mean\", "
         "\"iterations\": 1}"},
        {"clip2.0_median_std_converged",
         "{\"reject\": \"sigma-clip\", \"sigma\": 2, \"iterations\": 0}"},
        {"clip2.5_median_std_converged",
         "{\"reject\": \"sigma-clip\", \"sigma\": 2.5, \"iterations\": 0}"},
        // astropy.stats.mad_std is NaN once a sample is masked, so that its
        // second pass rejects nothing: there, converged is one pass
        {"clip3.0_median_madstd_converged",
         "{\"reject\": \"sigma-clip\", \"deviation\": \"mad\", "
         "\"iterations\": 1}"},
    };
    json_t *reference = reference_of("ccd_hatp32");
    double *out = calloc(PIXELS, sizeof *out);
    int32_t *count = calloc(PIXELS, sizeof *count);
    int16_t *v[FRAMES];

    (void)state;
    load_frames(v);
    for (size_t i = 0; i < COUNT(rules); i++) {
        const json_t *rule = json_object_get(reference, rules[i].name);
        const json_t *mean = json_object_get(rule, "mean");
        struct qn_combine c;

        assert_non_null(rule);
        assert_int_equal(make_combine(&c, rules[i].options, NULL), 0);
        assert_int_equal(
            qn_combine_band(&c, QN_I16, (const void *const *)v, NULL, FRAMES,
                            PIXELS, out, count, NULL), 0);
        check_counts(rule, count);
        check_summary(json_is_object(mean) ? mean : rule, out, PIXELS, 0);
    }
    for (int i = 0; i < FRAMES; i++)
        free(v[i]);
    free(count);
    free(out);
    json_decref(reference);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_options),
        cmocka_unit_test(fills_options_in),
        cmocka_unit_test(types),
        cmocka_unit_test(nothing_to_combine),
        cmocka_unit_test(refuses_weights),
        cmocka_unit_test(extremes_of_integers),
        cmocka_unit_test(integers_stay_exact),
        cmocka_unit_test(ties_by_item_order),
        cmocka_unit_test(scratch_is_bounded),
        cmocka_unit_test(six_frames_as_astropy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
