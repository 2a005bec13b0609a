/* calculate: operators, functions, names, runs; each in both real types. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_calculate;

static void
refuses(void **state)
{
    static const char *const options[] = {
        "{\"expr\": \"x +\"}",          "{\"expr\": \"\"}",
        "{\"expr\": \"x == 'flat'\"}",  "{\"expr\": \"has(x)\"}",
        "{\"expr\": \"round(x, 0.1)\"}", "{\"expr\": \"x.y\"}",
        "{\"expr\": \"log(x\"}",
    };
    static const double x[] = {1};

    (void)state;
    for (size_t i = 0; i < COUNT(options); i++) {
        const struct run r = {.kernel = &qn_kernel_calculate,
                              .options = options[i]};

        check_fails(&r, SHAPE(1), x, QN_EJOB, "column");
    }
}

#define N 6
static const double x[N] = {1, -2, 0, 0.5, INFINITY, NAN};
static const double d[N] = {2, 2, 0, NAN, 1, 3};
static const double w[1] = {4};

static void
gives(void **state)
{
    static const struct {
        const char *expr;
        double want[N];
    } rows[] = {
        {"x", {1, -2, 0, 0.5, INFINITY, NAN}},
        {"d", {2, 2, 0, NAN, 1, 3}},
        {"w", {4, 4, 4, 4, 4, 4}},
        {"2.5", {2.5, 2.5, 2.5, 2.5, 2.5, 2.5}},
        {"x + d", {3, 0, 0, NAN, INFINITY, NAN}},
        {"x - d * w", {-7, -10, 0, NAN, INFINITY, NAN}},
        {"(x - d) * w", {-4, -16, 0, NAN, INFINITY, NAN}},
        {"w - x - 1", {2, 5, 3, 2.5, -INFINITY, NAN}},
        {"w - (x - 1)", {4, 7, 5, 4.5, -INFINITY, NAN}},
        {"w / x", {4, -2, NAN, 8, 0, NAN}},
        {"d / d", {1, 1, NAN, NAN, 1, 1}},
        {"-x", {-1, 2, 0, -0.5, -INFINITY, NAN}},
        {"x ** 2", {1, 4, 0, 0.25, INFINITY, NAN}},
        {"2 ** d ** 2", {16, 16, 1, NAN, 2, 512}},
        {"-5 % 3 + x", {-1, -4, -2, -1.5, INFINITY, NAN}},
        {"x > 0", {1, 0, 0, 1, 1, 0}},
        {"x <= 0", {0, 1, 1, 0, 0, 0}},
        {"x == d", {0, 0, 1, 0, 0, 0}},
        {"x != d", {1, 1, 0, 1, 1, 1}},
        {"not x", {0, 0, 1, 0, 0, 1}},
        {"x and d", {1, 1, 0, 0, 1, 0}},
        {"x or d", {1, 1, 0, 1, 1, 1}},
        {"isnan(x) * 7", {0, 0, 0, 0, 0, 7}},
        {"abs(x)", {1, 2, 0, 0.5, INFINITY, NAN}},
        {"min(x, d)", {1, -2, 0, 0.5, 1, 3}},
        {"max(x, d)", {2, 2, 0, 0.5, INFINITY, 3}},
        {"floor(x)", {1, -2, 0, 0, INFINITY, NAN}},
        {"ceil(x)", {1, -2, 0, 1, INFINITY, NAN}},
        {"sqrt(w)", {2, 2, 2, 2, 2, 2}},
        {"x - x + log(1) + exp(0) + log10(100)", {3, 3, 3, 3, NAN, NAN}},
        {"sin(0) + cos(0) + tan(0)", {1, 1, 1, 1, 1, 1}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char options[200];
        const struct run r = {.kernel = &qn_kernel_calculate,
                              .options = options,
                              .nfeeds = 2,
                              .names = {"d", "w"},
                              .feed = {d, w},
                              .one = {false, true}};

        snprintf(options, sizeof options, "{\"expr\": \"%s\"}", rows[i].expr);
        check_run(&r, SHAPE(N), x, SHAPE(N), rows[i].want);
    }
}

/* More samples than a run has, and a number of them that runs do not divide:
 * x is overwritten run by run while it is read. */
static void
long_lanes(void **state)
{
    enum { LONG = 3001 };
    const struct run r = {.kernel = &qn_kernel_calculate,
                          .options = "{\"expr\": \"-log((x - d) / (w - d))\"}",
                          .nfeeds = 2,
                          .names = {"d", "w"},
                          .feed = {(double[LONG]){0}, (double[LONG]){0}}};
    double in[LONG], *dark = (double *)(uintptr_t)r.feed[0],
                     *white = (double *)(uintptr_t)r.feed[1];
    struct qn_array f32, f64;

    (void)state;
    for (int i = 0; i < LONG; i++) {
        in[i] = 100 + i % 977;
        dark[i] = 10 + i % 7;
        white[i] = 2000 + i % 31;
    }
    assert_int_equal(run_numbers(&r, QN_F32, SHAPE(LONG), in, &f32, NULL), 0);
    assert_int_equal(run_numbers(&r, QN_F64, SHAPE(LONG), in, &f64, NULL), 0);
    for (int i = 0; i < LONG; i++) {
        const float q = (float)(in[i] - dark[i]) / (float)(white[i] - dark[i]);
        const double want = -log((in[i] - dark[i]) / (white[i] - dark[i]));

        assert_true(((double *)f64.data)[i] == want);
        assert_true(((float *)f32.data)[i] == -(float)log((double)q));
    }
    qn_array_clear(&f32);
    qn_array_clear(&f64);
}

/* As deep as the language allows, every level on the right side. */
static void
deep_expressions(void **state)
{
    char options[4200] = "{\"expr\": \"";
    const struct run r = {.kernel = &qn_kernel_calculate,
                          .options = options};
    static const double one[] = {1, 2};
    double want[2];

    (void)state;
    for (int i = 0; i < 30; i++)
        strcat(options, "0 or 1 and 1 == 1 + 1 * (");
    strcat(options, "0 * x");
    for (int i = 0; i < 30; i++)
        strcat(options, ")");
    strcat(options, "\"}");
    // inside it is 1 == 1 + 0, one further out 1 == 1 + 1, and so on
    want[0] = want[1] = 0;
    check_run(&r, SHAPE(2), one, SHAPE(2), want);

    strcpy(options, "{\"expr\": \"x");
    for (int i = 0; i < 1000; i++)
        strcat(options, " + 1");
    strcat(options, "\"}");
    want[0] = 1001;
    want[1] = 1002;
    check_run(&r, SHAPE(2), one, SHAPE(2), want);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(gives),
        cmocka_unit_test(long_lanes),
        cmocka_unit_test(deep_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
