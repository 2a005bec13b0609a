/* bin: factors, part blocks, NaN; and against sums taken one by one. */
#include "kernel_run.h"

extern const struct qn_kernel qn_kernel_bin;

static void
refuses(void **state)
{
    static const struct refused rows[] = {
        {"{\"factor\": [0]}", {1, {4}}, QN_EJOB, "factor"},
        {"{\"factor\": [1.5]}", {1, {4}}, QN_EJOB, "factor"},
        {"{\"factor\": [\"nan\"]}", {1, {4}}, QN_EJOB, "factor"},
        {"{\"factor\": [1e300]}", {1, {4}}, QN_EJOB, "factor"},
        {"{\"factor\": [1,1,1,1,1,1,1,1,1]}", {1, {4}}, QN_EJOB, "9"},
        {"{\"factor\": [2]}", {0, {0}}, QN_ESHAPE, "number"},
        {"{\"factor\": [2, 2]}", {1, {4}}, QN_ESHAPE, "1 axes"},
        {"{\"factor\": [2, 2]}", {3, {4, 4, 4}}, QN_ESHAPE, "3 axes"},
        {"{\"factor\": [5]}", {1, {4}}, QN_ESHAPE, "4 samples"},
    };

    (void)state;
    check_refuses(&qn_kernel_bin, rows, COUNT(rows));
}

static void
tables(void **state)
{
    static const struct {
        const char *options;
        struct qn_shape in;
        double x[24];
        struct qn_shape out;
        double want[12];
    } rows[] = {
        {"{\"factor\": [2]}", {1, {5}}, {1, 2, 3, 5, 9}, {1, {2}}, {1.5, 4}},
        {"{\"factor\": [2], \"method\": \"sum\"}",
         {1, {4}}, {1, 2, 3, 5}, {1, {2}}, {3, 8}},
        {"{\"factor\": [1]}", {1, {2}}, {NAN, 7}, {1, {2}}, {NAN, 7}},
        {"{\"factor\": [2]}",
         {2, {2, 4}}, {1, 2, 3, 4, 5, 6, 7, NAN}, {2, {1, 2}},
         {3.5, 14 / 3.}},
        {"{\"factor\": [2], \"method\": \"sum\"}",
         {2, {2, 4}}, {NAN, NAN, 3, 4, NAN, NAN, 7, NAN}, {2, {1, 2}},
         {NAN, 14}},
        // the leading axis of a stack of frames is not touched
        {"{\"factor\": [2]}",
         {3, {2, 2, 2}}, {1, 2, 3, 4, 5, 6, 7, 8}, {3, {2, 1, 1}},
         {2.5, 6.5}},
        {"{\"factor\": [2, 1, 2]}",
         {3, {2, 2, 2}}, {1, 2, 3, 4, 5, 6, 7, 8}, {3, {1, 2, 1}},
         {3.5, 5.5}},
        {"{\"factor\": [3, 1]}",
         {2, {3, 2}}, {1, 10, 2, 20, 6, 60}, {2, {1, 2}}, {3, 30}},
        {"{\"factor\": [2]}",
         {1, {6}}, {INFINITY, 1, INFINITY, -INFINITY, NAN, -INFINITY},
         {1, {3}}, {INFINITY, NAN, -INFINITY}},
        {"{\"factor\": [2]}", {2, {0, 4}}, {0}, {2, {0, 2}}, {0}},
        {"{\"factor\": [2]}", {2, {2, 0}}, {0}, {2, {1, 0}}, {0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_bin,
                              .options = rows[i].options};

        check_run(&r, rows[i].in, rows[i].x, rows[i].out, rows[i].want);
    }
}

/* The sum of the block at (z, y, x), as the definition says it. */
static double
block(const double *v, const int64_t *n, const int64_t *f, const int64_t *at,
      bool mean)
{
    double sum = 0;
    int kept = 0;

    for (int64_t i = 0; i < f[0]; i++)
        for (int64_t j = 0; j < f[1]; j++)
            for (int64_t k = 0; k < f[2]; k++) {
                const double x =
                    v[((at[0] * f[0] + i) * n[1] + at[1] * f[1] + j) * n[2] +
                      at[2] * f[2] + k];

                if (!isnan(x)) {
                    sum += x;
                    kept++;
                }
            }
    return kept == 0 ? NAN : mean ? sum / kept : sum;
}

static void
against_one_by_one(void **state)
{
    static const struct {
        int64_t n[3], f[3];
        int every; /* how many samples to a NaN; 0: none */
    } rows[] = {
        {{2, 8, 2100}, {1, 2, 2}, 0},  {{2, 8, 2100}, {1, 2, 2}, 5000},
        {{3, 7, 1037}, {2, 3, 2}, 4},  {{1, 5, 1600}, {1, 5, 3}, 0},
        {{2, 3, 1025}, {2, 1, 1}, 2},  {{4, 1, 1024}, {1, 1, 2}, 0},
        {{1, 1, 2049}, {1, 1, 4}, 40},
    };
    unsigned seed = 1;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int mean = 0; mean < 2; mean++) {
            const int64_t *n = rows[i].n, *f = rows[i].f;
            const int64_t m[3] = {n[0] / f[0], n[1] / f[1], n[2] / f[2]};
            double *x = calloc((size_t)(n[0] * n[1] * n[2]), sizeof *x);
            double *want = calloc((size_t)(m[0] * m[1] * m[2]), sizeof *want);
            char options[100];
            const struct run r = {.kernel = &qn_kernel_bin,
                                  .options = options};

            snprintf(options, sizeof options,
                     "{\"factor\": [%d, %d, %d], \"method\": \"%s\"}",
                     (int)f[0], (int)f[1], (int)f[2], mean ? "mean" : "sum");
            for (int64_t k = 0; k < n[0] * n[1] * n[2]; k++) {
                seed = seed * 1664525u + 1013904223u;
                // exact in float32, so that both types have the same sums
                x[k] = (double)(seed >> 8) / 64;
                if (rows[i].every && (seed >> 4) % (unsigned)rows[i].every == 0)
                    x[k] = NAN;
            }
            for (int64_t k = 0; k < m[0] * m[1] * m[2]; k++) {
                const int64_t at[3] = {k / (m[1] * m[2]), k / m[2] % m[1],
                                       k % m[2]};

                want[k] = block(x, n, f, at, mean);
            }
            check_run(&r, SHAPE(n[0], n[1], n[2]), x,
                      SHAPE(m[0], m[1], m[2]), want);
            free(want);
            free(x);
        }
}

static void
maps_the_header(void **state)
{
    double offset[QN_MAX_DIMS], factor[QN_MAX_DIMS];
    const struct qn_shape in = SHAPE(3, 4, 5);
    json_t *options = json_pack("{s:[i],s:s}", "factor", 2, "method", "sum");
    void *params = calloc(1, qn_kernel_bin.params_size);

    (void)state;
    assert_int_equal(qn_params_fill(params, &qn_kernel_bin, options, NULL,
                                    NULL), 0);
    qn_kernel_bin.map(params, &in, offset, factor);
    assert_true(offset[0] == 0 && offset[1] == 0 && offset[2] == 0);
    assert_true(factor[0] == 1 && factor[1] == 2 && factor[2] == 2);
    free(params);
    json_decref(options);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(tables),
        cmocka_unit_test(against_one_by_one),
        cmocka_unit_test(maps_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
