/* gaussian, convolve, laplacian, gradient: bad options, tables from SciPy,
 * and each against its definition in one dimension. */
#include "stencil_run.h"

extern const struct qn_kernel qn_kernel_gaussian;
extern const struct qn_kernel qn_kernel_convolve;
extern const struct qn_kernel qn_kernel_laplacian;
extern const struct qn_kernel qn_kernel_gradient;

static void
refuses(void **state)
{
    static const struct {
        const struct qn_kernel *kernel;
        const char *options;
        struct qn_shape shape;
        int code;
        const char *word;
    } rows[] = {
        {&qn_kernel_gaussian, "{\"sigma\": [-1]}", {1, {4}}, QN_EJOB,
         "negative"},
        {&qn_kernel_gaussian, "{\"sigma\": [\"nan\"]}", {1, {4}}, QN_EJOB,
         "sigma nan"},
        {&qn_kernel_gaussian, "{\"sigma\": [1e9]}", {1, {4}}, QN_EJOB, "1024"},
        {&qn_kernel_gaussian, "{\"sigma\": [1], \"truncate\": -2}", {1, {4}},
         QN_EJOB, "-2"},
        {&qn_kernel_gaussian, "{\"sigma\": [1, 2]}", {1, {4}}, QN_ESHAPE,
         "2 sigmas"},
        {&qn_kernel_gaussian, "{\"sigma\": [1]}", {0, {0}}, QN_ESHAPE,
         "number"},
        {&qn_kernel_gaussian, "{\"sigma\": [1], \"axes\": [2]}", {2, {2, 2}},
         QN_ESHAPE, "no axis 2"},
        {&qn_kernel_gaussian, "{\"sigma\": [1], \"axes\": [0.5]}", {2, {2, 2}},
         QN_ESHAPE, "no axis 0.5"},
        {&qn_kernel_gaussian, "{\"sigma\": [1], \"axes\": [1, -1]}",
         {2, {2, 2}}, QN_ESHAPE, "twice"},
        {&qn_kernel_convolve, "{\"weights\": [1, 2]}", {1, {4}}, QN_ESHAPE,
         "2 weights"},
        {&qn_kernel_convolve, "{\"weights\": [1, 2, 1]}", {2, {4, 4}},
         QN_ESHAPE, "give their shape"},
        {&qn_kernel_convolve, "{\"weights\": [1, 2, 1], \"shape\": [3]}",
         {2, {4, 4}}, QN_ESHAPE, "1 axes"},
        {&qn_kernel_convolve, "{\"weights\": [1, 2, 1], \"shape\": [1, 5]}",
         {2, {4, 4}}, QN_EJOB, "holds 5"},
        {&qn_kernel_convolve, "{\"weights\": [1, 2], \"shape\": [2]}",
         {1, {4}}, QN_EJOB, "odd"},
        {&qn_kernel_laplacian, "{\"axes\": [-3]}", {2, {4, 4}}, QN_ESHAPE,
         "no axis -3"},
        {&qn_kernel_gradient, "{\"along\": 2}", {2, {4, 4}}, QN_ESHAPE,
         "no axis 2"},
        {&qn_kernel_gradient, "{\"along\": 0, \"axes\": [1]}", {2, {4, 4}},
         QN_EJOB, "only one"},
    };
    static const double x[64] = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = rows[i].kernel,
                              .options = rows[i].options};

        check_fails(&r, rows[i].shape, x, rows[i].code, rows[i].word);
    }
}

static void
tables(void **state)
{
    static const struct {
        const struct qn_kernel *kernel;
        const char *options;
        struct qn_shape shape;
        double x[12], want[12];
    } rows[] = {
        {&qn_kernel_laplacian, NULL, {1, {4}}, {1, 2, 4, 8}, {1, 1, 2, -4}},
        {&qn_kernel_laplacian, "{\"edge\": \"constant\", \"cval\": 10}",
         {1, {2}}, {1, 2}, {10, 7}},
        {&qn_kernel_laplacian, NULL, {2, {2, 2}}, {1, 2, 4, 8},
         {4, 5, 1, -10}},
        {&qn_kernel_laplacian, "{\"axes\": [1]}", {2, {2, 2}}, {1, 2, 4, 8},
         {1, -1, 4, -4}},
        {&qn_kernel_laplacian, NULL, {1, {5}}, {1, NAN, 3, 3, 5},
         {NAN, NAN, NAN, 2, -2}},
        {&qn_kernel_laplacian, NULL, {1, {1}}, {7}, {0}},
        {&qn_kernel_laplacian, NULL, {2, {0, 3}}, {0}, {0}},
        {&qn_kernel_gradient, "{\"along\": 0}", {1, {4}}, {1, 2, 4, 8},
         {0.5, 1.5, 3, 2}},
        {&qn_kernel_gradient, "{\"along\": -1}", {2, {2, 2}}, {0, 8, 0, -8},
         {4, 4, -4, -4}},
        {&qn_kernel_gradient, "{\"edge\": \"constant\"}", {1, {3}}, {0, 6, 4},
         {3, 2, 3}},
        {&qn_kernel_gradient, NULL, {2, {2, 2}}, {0, 6, 8, 14},
         {5, 5, 5, 5}},
        // mirrored: the first weight falls on the next sample
        {&qn_kernel_convolve, "{\"weights\": [1, 10, 100]}", {1, {3}},
         {1, 2, 3}, {112, 123, 233}},
        {&qn_kernel_convolve,
         "{\"weights\": [1, 10, 100], \"edge\": \"constant\"}", {1, {3}},
         {1, 2, 3}, {12, 123, 230}},
        {&qn_kernel_convolve,
         "{\"weights\": [0,1,0, 0,0,0, 0,0,0], \"edge\": \"nearest\"}",
         {2, {2, 2}}, {1, 2, 4, 8}, {4, 8, 4, 8}},
        {&qn_kernel_convolve, "{\"weights\": [1, 0, 0], \"axes\": [0]}",
         {2, {2, 2}}, {1, NAN, 4, 8}, {4, 8, 4, 8}},
        // lists go with the axes in the order in which these are named
        {&qn_kernel_convolve,
         "{\"weights\": [1, 0, 0], \"axes\": [1, 0], \"shape\": [1, 3]}",
         {2, {2, 2}}, {1, NAN, 4, 8}, {4, 8, 4, 8}},
        {&qn_kernel_convolve,
         "{\"weights\": [0,0,0, 1,0,0, 0,0,0], \"edge\": \"nearest\", "
         "\"axes\": [1, 0]}",
         {2, {2, 2}}, {1, 2, 4, 8}, {4, 8, 4, 8}},
        {&qn_kernel_gaussian, "{\"sigma\": [1, 0], \"axes\": [-1, 0]}",
         {2, {2, 2}}, {0, NAN, 0, 0}, {NAN, NAN, 0, 0}},
        {&qn_kernel_gaussian, "{\"sigma\": [0]}", {1, {3}}, {1, NAN, 3},
         {1, NAN, 3}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = rows[i].kernel,
                              .options = rows[i].options};

        check_run(&r, rows[i].shape, rows[i].x, rows[i].shape, rows[i].want);
    }
}

/* scipy.ndimage.gaussian_filter([1, 2, 4, 8, 16], SIGMA, mode=EDGE) */
static void
gaussian_as_scipy(void **state)
{
    static const double x[] = {1, 2, 4, 8, 16};
    static const struct {
        const char *options;
        double want[5];
    } rows[] = {
        {"{\"sigma\": [1], \"edge\": \"reflect\"}",
         {1.5051988452812552, 2.5761144354343961, 5.0100174539290521,
          9.0433728692568316, 12.865296396098467}},
        {"{\"sigma\": [2], \"edge\": \"nearest\"}",
         {2.5695101466053396, 4.1230857641388807, 6.3701137724151149,
          9.0493574424873486, 11.656032577079895}},
        {"{\"sigma\": [0.6], \"edge\": \"constant\"}",
         {1.0051325372970412, 2.1757896412530786, 4.3541455511546774,
          8.6261705055566988, 11.955554878025518}},
        {"{\"sigma\": [3], \"edge\": \"reflect\"}",
         {5.0562718619400213, 5.4913069868415567, 6.1977713421934455,
          6.9073194931616406, 7.3473303158633367}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_gaussian,
                              .options = rows[i].options};
        struct qn_array out;

        assert_int_equal(run_numbers(&r, QN_F64, SHAPE(5), x, &out, NULL), 0);
        for (int k = 0; k < 5; k++)
            assert_true(fabs(((double *)out.data)[k] - rows[i].want[k]) <
                        1e-14 * rows[i].want[k]);
        qn_array_clear(&out);
    }
}

/* A wide sigma on a short line: the mirror is mirrored again. */
static void
gaussian_as_defined(void **state)
{
    static const double x[] = {3, -1, 4, 1, -5, 9, 2};
    static const char *const edges[] = {"reflect", "nearest", "constant",
                                        "periodic"};
    static const int lengths[] = {1, 2, 7};

    (void)state;
    for (size_t e = 0; e < COUNT(edges); e++)
        for (size_t l = 0; l < COUNT(lengths); l++) {
            const int n = lengths[l], radius = 20;
            char options[128];
            const struct run r = {.kernel = &qn_kernel_gaussian,
                                  .options = options};
            struct qn_array out;

            snprintf(options, sizeof options,
                     "{\"sigma\": [5], \"edge\": \"%s\", \"cval\": 2}",
                     edges[e]);
            assert_int_equal(
                run_numbers(&r, QN_F64, SHAPE(n), x, &out, NULL), 0);
            for (int i = 0; i < n; i++) {
                double sum = 0, weights = 0;

                for (int d = -radius; d <= radius; d++) {
                    const double w = exp(-d * d / 50.0);

                    sum += w * beyond(x, i + d, n, edges[e][0], 2);
                    weights += w;
                }
                assert_true(fabs(((double *)out.data)[i] - sum / weights) <
                            1e-13);
            }
            qn_array_clear(&out);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(tables),
        cmocka_unit_test(gaussian_as_scipy),
        cmocka_unit_test(gaussian_as_defined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
