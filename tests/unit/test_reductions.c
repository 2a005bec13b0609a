/* Reductions: the same bytes however an item is cut into slabs, on any number
 * of threads; and figures that can be told beforehand. */
#include "kernel_run.h"
#include "kernels/catalog.h"
#include "kernels/reduce_run.h"

struct ask {
    const char *kernel;
    const char *options; /* JSON */
    const struct qn_array *operand; /* NULL: none */
};

/* Run one reduction with slabs of `units` times what it wants. */
static int
reduce(struct qn_reduce_run *run, const struct ask *ask,
       const struct qn_array *a, int64_t units, int threads,
       struct qn_error *err)
{
    const struct run r = {.kernel = qn_catalog_find(ask->kernel),
                          .options = ask->options};
    const struct qn_array *operand[1] = {ask->operand};
    struct qn_reduced in = {.type = a->type, .real = QN_F64,
                            .noperands = ask->operand ? 1 : 0,
                            .operand = operand, .memory = units == 1 ? 4096 : 0};
    json_t *options = options_of(&r);
    void *params = calloc(1, r.kernel->params_size + 1);
    int64_t rows, row, step;
    int rc;

    assert_int_equal(qn_params_fill(params, r.kernel, options, NULL, err), 0);
    rc = r.kernel->prepare ? r.kernel->prepare(params, err) : 0;
    *run = (struct qn_reduce_run){0};
    if (!rc)
        rc = qn_reduce_run_open(run, r.kernel, params, &in, err);
    run->threads = threads;
    qn_reduce_run_rows(&a->type.shape, &rows, &row);
    step = run->rows * units;
    for (int pass = 0; !rc && pass < run->passes; pass++) {
        for (int64_t at = 0; !rc && at < rows; at += step)
            rc = qn_reduce_run_slab(
                run, pass, at, rows - at < step ? rows - at : step,
                (const char *)a->data +
                    (size_t)(at * row) * qn_dtype_size(a->type.dtype),
                err);
        if (!rc)
            rc = qn_reduce_run_turn(run, pass, err);
    }
    if (!rc)
        rc = qn_reduce_run_finish(run, err);
    // what results hold needs no params
    r.kernel->reduction->close(run->state);
    run->state = NULL;
    run->kernel = r.kernel;
    free(params);
    json_decref(options);
    return rc;
}

static struct qn_array
make_item(enum qn_dtype dtype, struct qn_shape shape)
{
    const struct qn_type type = {dtype, shape}, wide = {QN_F64, shape};
    struct qn_array a = {0}, x = {0};
    unsigned seed = 7;

    assert_int_equal(qn_array_make(&x, &wide, NULL), 0);
    for (int64_t i = 0; i < qn_shape_count(&shape); i++) {
        seed = seed * 1664525u + 1013904223u;
        ((double *)x.data)[i] = (double)(seed >> 20) / 37;
        if (qn_dtype_is_real(dtype) && seed >> 26 == 5)
            ((double *)x.data)[i] = NAN;
        if (!qn_dtype_is_real(dtype))
            ((double *)x.data)[i] = (double)(seed >> 25);
    }
    assert_int_equal(qn_array_make(&a, &type, NULL), 0);
    assert_int_equal(qn_dtype_convert(a.data, dtype, x.data, QN_F64,
                                      (size_t)qn_shape_count(&shape), NULL),
                     0);
    qn_array_clear(&x);
    return a;
}

static void
check_same(const struct ask *ask, const struct qn_array *a)
{
    static const struct {
        int64_t units;
        int threads;
    } ways[] = {{1, 1}, {3, 2}};
    struct qn_reduce_run whole, part;
    struct qn_error err = {0};
    int rc = reduce(&whole, ask, a, 1 << 20, 1, &err);

    for (size_t w = 0; w < COUNT(ways); w++) {
        struct qn_error why = {0};

        assert_int_equal(
            reduce(&part, ask, a, ways[w].units, ways[w].threads, &why), rc);
        assert_string_equal(err.text, why.text);
        for (int i = 0; !rc && i < whole.nout; i++) {
            assert_true(qn_shape_equal(&whole.out[i].type.shape,
                                       &part.out[i].type.shape));
            if (memcmp(whole.out[i].data, part.out[i].data,
                       qn_array_bytes(&whole.out[i])) != 0) {
                print_error("%s %s, %s: %d units\n", ask->kernel, ask->options,
                            whole.type[i].name, (int)ways[w].units);
                fail();
            }
        }
        qn_reduce_run_clear(&part);
    }
    qn_reduce_run_clear(&whole);
}

/* Everything on items of many forms. */
static void
cuts_never_show(void **state)
{
    static const char *const axes[] = {"", "\"axis\": [0], ",
                                       "\"axis\": [-1], ",
                                       "\"axis\": [0, -1], "};
    static const char *const methods[] = {"sum", "mean", "std",    "min",
                                          "max", "count", "median"};
    static const struct ask others[] = {
        {"histogram", "{\"bins\": 9}", NULL},
        {"histogram", "{\"bins\": 9, \"range\": [2, 50]}", NULL},
        {"moments", "{}", NULL},
        {"radial", "{}", NULL},
        {"masks", "{\"shapes\": \"all; disk(1, 1, 2)\"}", NULL},
        {"pca", "{\"components\": 2}", NULL},
        {"moving-mean", "{\"window\": 7, \"axis\": 0}", NULL},
        {"moving-mean", "{\"window\": 40, \"axis\": -1}", NULL},
    };
    static const enum qn_dtype dtypes[] = {QN_U16, QN_I64, QN_U32, QN_F32,
                                           QN_F64, QN_I8};
    static const struct qn_shape shapes[] = {
        {1, {70000}}, {2, {150, 250}},   {3, {300, 8, 9}},
        {3, {1, 1, 34000}}, {3, {3, 2, 9000}}, {4, {1, 40, 3, 50}},
        {2, {2, 34000}}, {1, {1}},
    };

    (void)state;
    for (size_t s = 0; s < COUNT(shapes); s++) {
        struct qn_array a =
            make_item(dtypes[s % COUNT(dtypes)], shapes[s]);

        for (size_t m = 0; m < COUNT(methods); m++)
            for (size_t x = 0; x < COUNT(axes); x++) {
                char options[100];
                const struct ask ask = {"reduce", options, NULL};

                snprintf(options, sizeof options, "{%s\"method\": \"%s\"}",
                         axes[x], methods[m]);
                check_same(&ask, &a);
            }
        for (size_t i = 0; i < COUNT(others); i++)
            check_same(&others[i], &a);
        qn_array_clear(&a);
    }
}

/* A single figure from a few samples. */
static void
figures(void **state)
{
    static const struct {
        const char *options;
        double x[5];
        double want;
    } rows[] = {
        {"{\"method\": \"sum\"}", {1, NAN, 2, 4, NAN}, 7},
        {"{\"method\": \"mean\"}", {1, NAN, 2, 6, NAN}, 3},
        {"{\"method\": \"std\"}", {1, NAN, 3, NAN, NAN}, 1},
        {"{\"method\": \"std\", \"ddof\": 2}", {1, NAN, 3, NAN, NAN}, NAN},
        {"{\"method\": \"min\"}", {INFINITY, NAN, 2, -6, 0}, -6},
        {"{\"method\": \"max\"}", {-INFINITY, NAN, -2, -6, NAN}, -2},
        {"{\"method\": \"median\"}", {-INFINITY, NAN, -2, -6, 9}, -4},
        {"{\"method\": \"median\"}", {-0.0, 1e-310, 3, NAN, NAN}, 1e-310},
        {"{\"method\": \"median\"}", {NAN, NAN, NAN, NAN, NAN}, NAN},
        {"{\"method\": \"sum\"}", {NAN, NAN, NAN, NAN, NAN}, NAN},
        {"{\"method\": \"max\"}", {NAN, NAN, NAN, NAN, NAN}, NAN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct ask ask = {"reduce", rows[i].options, NULL};
        const struct qn_type type = {QN_F64, {1, {5}}};
        struct qn_array a =
            qn_array_view(&type, (void *)(uintptr_t)rows[i].x);
        struct qn_reduce_run run;

        assert_int_equal(reduce(&run, &ask, &a, 1, 1, NULL), 0);
        if (!same(*(double *)run.out[0].data, rows[i].want))
            print_error("%s: %g, not %g\n", rows[i].options,
                        *(double *)run.out[0].data, rows[i].want);
        assert_true(same(*(double *)run.out[0].data, rows[i].want));
        qn_reduce_run_clear(&run);
    }
}

/* Sums of 64 bits are exact to the last, and then fail. */
static void
integers_are_exact(void **state)
{
    static const struct ask ask = {"reduce", "{\"method\": \"sum\"}", NULL};
    static const struct ask count = {"reduce", "{\"method\": \"count\"}",
                                     NULL};
    int64_t x[3] = {INT64_MAX - 1, 1, 0};
    const struct qn_type type = {QN_I64, {1, {3}}};
    struct qn_array a = qn_array_view(&type, x);
    struct qn_reduce_run run;
    struct qn_error err = {0};

    (void)state;
    assert_int_equal(reduce(&run, &ask, &a, 1, 1, &err), 0);
    assert_int_equal(run.out[0].type.dtype, QN_I64);
    assert_true(*(int64_t *)run.out[0].data == INT64_MAX);
    qn_reduce_run_clear(&run);
    x[2] = 1;
    assert_int_equal(reduce(&run, &ask, &a, 1, 1, &err), QN_EVALUE);
    assert_non_null(strstr(err.text, "does not fit in 64 bits"));
    qn_reduce_run_clear(&run);
    // who only counts adds nothing
    assert_int_equal(reduce(&run, &count, &a, 1, 1, &err), 0);
    assert_int_equal(*(int32_t *)run.out[0].data, 3);
    qn_reduce_run_clear(&run);
}

static void
refuses(void **state)
{
    static const struct {
        struct ask ask;
        struct qn_shape shape;
        int code;
        const char *word;
    } rows[] = {
        {{"reduce", "{\"axis\": [2]}", NULL}, {2, {3, 4}}, QN_ESHAPE, "axis 2"},
        {{"reduce", "{\"axis\": [0.5]}", NULL}, {1, {3}}, QN_EJOB, "0.5"},
        {{"reduce", "{\"axis\": [0, -2]}", NULL}, {2, {3, 4}}, QN_EJOB, "twice"},
        {{"pca", "{\"components\": 3}", NULL}, {1, {9}}, QN_ESHAPE, "two rows"},
        {{"pca", "{\"components\": 5}", NULL}, {2, {9, 4}}, QN_ESHAPE, "4 samples"},
        {{"masks", "{\"shapes\": \"disc(1, 2, 3)\"}", NULL}, {2, {3, 4}},
         QN_EJOB, "disk(y, x, radius)"},
        {{"masks", "{\"shapes\": \"\"}", NULL}, {2, {3, 4}}, QN_EJOB, "shape"},
        {{"masks", "{}", NULL}, {2, {3, 4}}, QN_EJOB, "either"},
        {{"radial", "{\"center\": [1]}", NULL}, {2, {3, 4}}, QN_ESHAPE, "2 axes"},
        {{"radial", "{\"center\": [1, 1e8]}", NULL}, {2, {3, 4}}, QN_EVALUE,
         "rings"},
        {{"moments", "{}", NULL}, {0, {0}}, QN_ESHAPE, "number"},
        {{"histogram", "{\"bins\": 0}", NULL}, {1, {3}}, QN_EJOB, "bins"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct qn_array a = make_item(QN_F64, rows[i].shape);
        struct qn_reduce_run run;
        struct qn_error err = {0};
        int rc = reduce(&run, &rows[i].ask, &a, 1, 1, &err);

        if (rc != rows[i].code || !strstr(err.text, rows[i].word))
            print_error("%s %s: %d, \"%s\"\n", rows[i].ask.kernel,
                        rows[i].ask.options, rc, err.text);
        assert_int_equal(rc, rows[i].code);
        assert_non_null(strstr(err.text, rows[i].word));
        qn_reduce_run_clear(&run);
        qn_array_clear(&a);
    }
}

/* Rows whose covariance is diagonal: two of each feature, +d and -d. */
static void
warns_of_equal_variance(void **state)
{
    static const struct {
        double d[4];
        const char *options, *said; /* "": nothing */
    } rows[] = {
        {{4, 2, 2, 1}, "{\"components\": 3}", "components 2 and 3 have"},
        {{4, 2, 2, 1}, "{\"components\": 2}", "components 2 and 3, which is"},
        {{4, 2, 2, 1}, "{\"components\": 1}", ""},
        {{4, 3, 2, 1}, "{\"components\": 4}", ""},
        {{4, 2, 1, 0}, "{\"components\": 4}", ""},
        {{4, 2, 0, 0}, "{\"components\": 2}", ""},
        {{4, 2, 0, 0}, "{\"components\": 3}", "from component 3 on"},
        {{4, 2, 0, 0}, "{\"components\": 4}", "from component 3 on"},
        {{0, 0, 0, 0}, "{\"components\": 1}", "from component 1 on"},
        {{4, 3, 3 * (1 + 1e-13), 1}, "{\"components\": 3}", "components 2 and"},
        {{4, 3, 3 * (1 + 1e-6), 1}, "{\"components\": 3}", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct qn_type type = {QN_F64, {2, {8, 4}}};
        const struct ask ask = {"pca", rows[i].options, NULL};
        struct qn_array a = {0};
        struct qn_reduce_run run;
        struct qn_error err = {0};

        assert_int_equal(qn_array_make(&a, &type, NULL), 0);
        memset(a.data, 0, qn_array_bytes(&a));
        for (int k = 0; k < 8; k++)
            ((double *)a.data)[4 * k + k / 2] =
                k % 2 ? -rows[i].d[k / 2] : rows[i].d[k / 2];
        assert_int_equal(reduce(&run, &ask, &a, 1, 1, &err), 0);
        if (!strstr(run.caution, rows[i].said) ||
            !*run.caution != !*rows[i].said) {
            print_error("row %d: \"%s\"\n", (int)i, run.caution);
            fail();
        }
        qn_reduce_run_clear(&run);
        qn_array_clear(&a);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_never_show),
        cmocka_unit_test(figures),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(refuses),
        cmocka_unit_test(warns_of_equal_variance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
