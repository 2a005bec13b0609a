/* mandelbrot and formula: bad options, tables, and the plane point by point. */
#include "stencil_run.h"

extern const struct qn_kernel qn_kernel_mandelbrot;
extern const struct qn_kernel qn_kernel_formula;

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
        {&qn_kernel_mandelbrot, "{\"x\": [1]}", {2, {2, 2}}, QN_EJOB,
         "x wants two"},
        {&qn_kernel_mandelbrot, "{\"y\": [1, 2, 3]}", {2, {2, 2}}, QN_EJOB,
         "y wants two"},
        {&qn_kernel_mandelbrot, "{\"y\": [1, \"inf\"]}", {2, {2, 2}}, QN_EJOB,
         "y wants two"},
        {&qn_kernel_mandelbrot, "{\"iterations\": 0}", {2, {2, 2}}, QN_EJOB,
         "0 iterations"},
        {&qn_kernel_mandelbrot, "{\"iterations\": 16777217}", {2, {2, 2}},
         QN_EJOB, "iterations"},
        {&qn_kernel_mandelbrot, "{}", {1, {4}}, QN_ESHAPE, "not of 1"},
        {&qn_kernel_mandelbrot, "{}", {3, {2, 2, 1}}, QN_ESHAPE, "not of 3"},
        {&qn_kernel_formula, "{\"expr\": \"i0 +\"}", {1, {4}}, QN_EJOB,
         "column"},
        {&qn_kernel_formula, "{\"expr\": \"i0 + j\"}", {1, {4}}, QN_EJOB,
         "'j'"},
        {&qn_kernel_formula, "{\"expr\": \"i8\"}", {1, {4}}, QN_EJOB, "'i8'"},
        {&qn_kernel_formula, "{\"expr\": \"i1\"}", {1, {4}}, QN_ESHAPE,
         "no index i1"},
        {&qn_kernel_formula, "{\"expr\": \"1\"}", {0, {0}}, QN_ESHAPE,
         "number"},
    };
    static const double x[4] = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = rows[i].kernel,
                              .options = rows[i].options};

        check_fails(&r, rows[i].shape, x, rows[i].code, rows[i].word);
    }
}

static void
formula(void **state)
{
    static const struct {
        const char *options;
        struct qn_shape shape;
        double x[8], want[8];
    } rows[] = {
        {"{\"expr\": \"i0\"}", {1, {4}}, {9, 9, 9, 9}, {0, 1, 2, 3}},
        {"{\"expr\": \"x + 10 * i0 + i1\"}", {2, {2, 3}},
         {100, 100, 100, 200, 200, NAN}, {100, 101, 102, 210, 211, NAN}},
        {"{\"expr\": \"100 * i0 + 10 * i1 + i2\"}", {3, {2, 2, 2}}, {0},
         {0, 1, 10, 11, 100, 101, 110, 111}},
        {"{\"expr\": \"7\"}", {1, {2}}, {0}, {7, 7}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_formula,
                              .options = rows[i].options};

        check_run(&r, rows[i].shape, rows[i].x, rows[i].shape, rows[i].want);
    }
}

/* Steps that end near 0. */
static int32_t
steps_of(double cx, double cy, int most)
{
    double zx = 0, zy = 0;

    for (int n = 0; n < most; n++) {
        const double xx = zx * zx, yy = zy * zy;

        zy = 2 * zx * zy + cy;
        zx = xx - yy + cx;
        if (!(zx * zx + zy * zy <= 4))
            return n;
    }
    return most;
}

static void
mandelbrot(void **state)
{
    static const struct {
        const char *options;
        double x[2], y[2];
        int iterations;
    } rows[] = {
        {"{}", {-2, 1}, {-1.5, 1.5}, 256},
        {"{\"x\": [-0.75, -0.74], \"y\": [0.1, 0.11], \"iterations\": 1000}",
         {-0.75, -0.74}, {0.1, 0.11}, 1000},
        {"{\"x\": [3, 3], \"y\": [1e200, 0], \"iterations\": 1}",
         {3, 3}, {1e200, 0}, 1},
    };
    enum { NY = 37, NX = 41 };
    static const double zero[NY * NX];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_mandelbrot,
                              .options = rows[i].options};
        struct qn_array out;

        assert_int_equal(
            run_numbers(&r, QN_F64, SHAPE(NY, NX), zero, &out, NULL), 0);
        assert_int_equal(out.type.dtype, QN_F64);
        for (int k = 0; k < NY * NX; k++) {
            const double tx = k % NX / (double)(NX - 1);
            const double ty = k / NX / (double)(NY - 1);
            const double cx = rows[i].x[0] * (1 - tx) + rows[i].x[1] * tx;
            const double cy = rows[i].y[0] * (1 - ty) + rows[i].y[1] * ty;

            assert_true(((double *)out.data)[k] ==
                        steps_of(cx, cy, rows[i].iterations));
        }
        qn_array_clear(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(formula),
        cmocka_unit_test(mandelbrot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
