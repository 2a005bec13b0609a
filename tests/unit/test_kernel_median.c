/* median: bad sizes, tables, and every type, window and edge against a sort
 * of each window. */
#include "stencil_run.h"

extern const struct qn_kernel qn_kernel_median;

static void
refuses(void **state)
{
    static const struct refused rows[] = {
        {"{\"size\": [2]}", {1, {4}}, QN_EJOB, "odd"},
        {"{\"size\": [-3]}", {1, {4}}, QN_EJOB, "odd"},
        {"{\"size\": [2.5]}", {1, {4}}, QN_EJOB, "odd"},
        {"{\"size\": [\"nan\"]}", {1, {4}}, QN_EJOB, "odd"},
        {"{\"size\": [\"inf\"]}", {1, {4}}, QN_EJOB, "odd"},
        {"{\"size\": [2051]}", {1, {4}}, QN_EJOB, "2049"},
        {"{\"size\": [3, 3]}", {1, {4}}, QN_ESHAPE, "2 sizes"},
        {"{\"size\": [3]}", {0, {0}}, QN_ESHAPE, "number"},
        {"{\"size\": [3], \"axes\": [1]}", {1, {4}}, QN_ESHAPE, "no axis 1"},
    };

    (void)state;
    check_refuses(&qn_kernel_median, rows, COUNT(rows));
}

/* A constant that the item's integers cannot hold. */
static void
refuses_cval(void **state)
{
    static const char *const options[] = {
        "{\"size\": [3], \"edge\": \"constant\", \"cval\": 256}",
        "{\"size\": [3], \"edge\": \"constant\", \"cval\": -1}",
        "{\"size\": [3], \"edge\": \"constant\", \"cval\": 0.5}",
        "{\"size\": [3], \"edge\": \"constant\", \"cval\": \"nan\"}",
    };
    static const double x[4] = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(options); i++) {
        const struct run r = {.kernel = &qn_kernel_median,
                              .options = options[i]};
        struct qn_array out;
        struct qn_error err = {0};

        assert_int_equal(run_numbers(&r, QN_U8, SHAPE(4), x, &out, &err),
                         QN_EVALUE);
        assert_non_null(strstr(err.text, "is no uint8; `cast`"));
        qn_array_clear(&out);
    }
}

static void
tables(void **state)
{
    static const struct {
        const char *options;
        struct qn_shape shape;
        double x[12], want[12];
    } rows[] = {
        {"{\"size\": [1]}", {1, {3}}, {3, NAN, 1}, {3, NAN, 1}},
        {"{\"size\": [3]}", {1, {5}}, {5, 1, 4, 2, 3}, {5, 4, 2, 3, 3}},
        {"{\"size\": [3], \"edge\": \"constant\"}",
         {1, {5}}, {5, 1, 4, 2, 3}, {1, 4, 2, 3, 2}},
        {"{\"size\": [3]}", {1, {5}}, {1, NAN, 2, NAN, NAN},
         {1, 1.5, 2, 2, NAN}},
        {"{\"size\": [3], \"edge\": \"constant\", \"cval\": \"nan\"}",
         {1, {3}}, {5, 1, 4}, {3, 4, 2.5}},
        {"{\"size\": [3, 1]}", {2, {3, 2}}, {1, 9, 2, 8, 3, 7},
         {1, 9, 2, 8, 3, 7}},
        {"{\"size\": [3, 1], \"axes\": [1, 0]}", {2, {1, 3}}, {1, 9, 2},
         {1, 2, 2}},
        {"{\"size\": [3]}", {2, {3, 3}}, {1, 2, 3, 4, 5, 6, 7, 8, 9},
         {2, 3, 3, 4, 5, 6, 7, 7, 8}},
        {"{\"size\": [3]}", {1, {3}}, {INFINITY, -INFINITY, NAN},
         {INFINITY, NAN, -INFINITY}},
        // larger than the item, which is mirrored again and again
        {"{\"size\": [101]}", {1, {2}}, {1, 2}, {2, 1}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_median,
                              .options = rows[i].options};

        check_run(&r, rows[i].shape, rows[i].x, rows[i].shape, rows[i].want);
    }
}

static int
compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The median around (i, j) of an image, by its definition. */
static double
median_at(const double *x, const int64_t n[2], const int64_t at[2],
          const int size[2], char rule)
{
    double v[1024], line[64];
    size_t kept = 0;

    for (int di = -size[0] / 2; di <= size[0] / 2; di++)
        for (int dj = -size[1] / 2; dj <= size[1] / 2; dj++) {
            // beyond, along both axes: first the row, then the sample
            for (int64_t j = 0; j < n[1]; j++) {
                double column[64];

                for (int64_t i = 0; i < n[0]; i++)
                    column[i] = x[i * n[1] + j];
                line[j] = beyond(column, at[0] + di, n[0], rule, 2);
            }
            v[kept] = beyond(line, at[1] + dj, n[1], rule, 2);
            kept += isnan(v[kept]) ? 0 : 1;
        }
    qsort(v, kept, sizeof *v, compare);
    if (kept == 0)
        return NAN;
    return kept % 2 ? v[kept / 2] : (v[kept / 2 - 1] + v[kept / 2]) / 2;
}

static void
as_defined(void **state)
{
    static const int sizes[][2] = {{3, 3}, {5, 5}, {7, 7}, {1, 5},
                                   {9, 7}, {3, 31}, {21, 1}};
    static const char *const edges[] = {"reflect", "nearest", "constant",
                                        "periodic"};
    static const int64_t n[2] = {11, 23};
    uint64_t seed = 7;

    (void)state;
    for (int t = 0; t < QN_NDTYPES; t++)
        for (size_t s = 0; s < COUNT(sizes); s++) {
            const struct qn_type type = {(enum qn_dtype)t,
                                         {2, {n[0], n[1]}}};
            const char *edge = edges[((size_t)t + s) % COUNT(edges)];
            char options[128];
            const struct run r = {.kernel = &qn_kernel_median,
                                  .options = options};
            struct qn_array in, out, x, got;

            snprintf(options, sizeof options,
                     "{\"size\": [%d, %d], \"edge\": \"%s\", \"cval\": 2}",
                     sizes[s][0], sizes[s][1], edge);
            make_samples(&in, &type, &seed, 30);
            assert_int_equal(run_array(&r, &in, &out, NULL), 0);
            assert_int_equal(qn_array_convert(&x, &in, QN_F64, NULL), 0);
            assert_int_equal(qn_array_convert(&got, &out, QN_F64, NULL), 0);
            for (int64_t i = 0; i < n[0] * n[1]; i++) {
                const int64_t at[2] = {i / n[1], i % n[1]};

                assert_true(same(((double *)got.data)[i],
                                 median_at(x.data, n, at, sizes[s],
                                           edge[0])));
            }
            qn_array_clear(&in);
            qn_array_clear(&out);
            qn_array_clear(&x);
            qn_array_clear(&got);
        }
}

/* 64-bit integers that no float64 can tell apart. */
static void
wide_integers(void **state)
{
    static const char *const options[] = {"{\"size\": [3]}",
                                          "{\"size\": [57]}"};
    static const int64_t x[] = {INT64_MAX, INT64_MAX - 1, INT64_MIN,
                                INT64_MAX - 2, INT64_MIN + 1};
    const struct qn_type type = {QN_I64, {1, {3}}};
    struct qn_array in = qn_array_view(&type, (void *)(uintptr_t)x);

    (void)state;
    for (size_t i = 0; i < COUNT(options); i++) {
        const struct run r = {.kernel = &qn_kernel_median,
                              .options = options[i]};
        struct qn_array out;

        assert_int_equal(run_array(&r, &in, &out, NULL), 0);
        assert_true(((int64_t *)out.data)[1] == INT64_MAX - 1);
        qn_array_clear(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),    cmocka_unit_test(refuses_cval),
        cmocka_unit_test(tables),     cmocka_unit_test(as_defined),
        cmocka_unit_test(wide_integers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
