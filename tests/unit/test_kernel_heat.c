/* heat: bad options, tables, and every boundary against its definition. */
#include "stencil_run.h"

extern const struct qn_kernel qn_kernel_heat;

static void
refuses(void **state)
{
    static const struct refused rows[] = {
        {"{\"alpha\": \"nan\", \"steps\": 1}", {1, {4}}, QN_EJOB, "alpha nan"},
        {"{\"alpha\": \"inf\", \"steps\": 1}", {1, {4}}, QN_EJOB, "alpha inf"},
        {"{\"alpha\": 0.1, \"steps\": 0}", {1, {4}}, QN_EJOB, "0 steps"},
        {"{\"alpha\": 0.1, \"steps\": -3}", {1, {4}}, QN_EJOB, "-3 steps"},
        {"{\"alpha\": 0.1, \"steps\": 7, \"every\": 2}", {1, {4}}, QN_EJOB,
         "no multiple of every 2"},
        {"{\"alpha\": 0.1, \"steps\": 7, \"every\": -7}", {1, {4}}, QN_EJOB,
         "no multiple"},
        {"{\"alpha\": 0.1, \"steps\": 1}", {0, {0}}, QN_ESHAPE, "number"},
        {"{\"alpha\": 0.1, \"steps\": 1, \"boundary\": [\"fixed\", \"fixed\"]}",
         {1, {4}}, QN_ESHAPE, "2 boundaries"},
        {"{\"alpha\": 0.1, \"steps\": 1, \"axes\": [1]}", {1, {4}}, QN_ESHAPE,
         "no axis 1"},
        {"{\"alpha\": 0.1, \"steps\": 1, \"boundary\": [\"open\"]}", {1, {4}},
         QN_EJOB, "wrong kind"},
    };

    (void)state;
    check_refuses(&qn_kernel_heat, rows, COUNT(rows));
}

static void
tables(void **state)
{
    static const struct {
        const char *options;
        struct qn_shape shape;
        double x[9], want[9];
    } rows[] = {
        {"{\"alpha\": 0.25, \"steps\": 1}", {1, {4}}, {0, 8, 0, 0},
         {0, 4, 2, 0}},
        {"{\"alpha\": 0.25, \"steps\": 2}", {1, {4}}, {0, 8, 0, 0},
         {0, 2.5, 2, 0}},
        {"{\"alpha\": 0.25, \"steps\": 1, \"boundary\": [\"insulated\"]}",
         {1, {4}}, {8, 0, 0, 4}, {6, 2, 1, 3}},
        {"{\"alpha\": 0.25, \"steps\": 1, \"boundary\": [\"periodic\"]}",
         {1, {4}}, {8, 0, 0, 4}, {5, 2, 1, 4}},
        {"{\"alpha\": 0.25, \"steps\": 1, \"boundary\": [\"insulated\"]}",
         {1, {5}}, {8, 0, NAN, 4, 0}, {6, 2, NAN, 3, 1}},
        {"{\"alpha\": 0.25, \"steps\": 1}",
         {2, {3, 3}}, {0, 4, 0, 4, 8, 0, 0, 0, 0},
         {0, 4, 0, 4, 2, 0, 0, 0, 0}},
        {"{\"alpha\": 0.25, \"steps\": 1, \"boundary\": [\"insulated\"]}",
         {2, {3, 3}}, {0, 4, 0, 4, 8, 0, 0, 0, 0},
         {2, 3, 1, 3, 2, 2, 1, 2, 0}},
        {"{\"alpha\": 0.25, \"steps\": 1, \"boundary\": [\"insulated\"], "
         "\"axes\": [0]}",
         {2, {2, 2}}, {0, 4, 8, 4}, {2, 4, 6, 4}},
        // boundaries go with the axes in the order in which these are named
        {"{\"alpha\": 0.25, \"steps\": 1, \"axes\": [1, 0], "
         "\"boundary\": [\"periodic\", \"insulated\"]}",
         {2, {1, 3}}, {0, 0, 8}, {2, 2, 4}},
        {"{\"alpha\": 0.25, \"steps\": 1}", {1, {1}}, {3}, {3}},
        {"{\"alpha\": 0.25, \"steps\": 9, \"boundary\": [\"periodic\"]}",
         {1, {1}}, {3}, {3}},
        {"{\"alpha\": 0.25, \"steps\": 3}", {2, {0, 3}}, {0}, {0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = &qn_kernel_heat,
                              .options = rows[i].options};

        check_run(&r, rows[i].shape, rows[i].x, rows[i].shape, rows[i].want);
    }
}

/* One neighbour's term. */
static double
term(const double *x, const int64_t n[3], const int64_t at[3], int axis,
     int step, int boundary)
{
    const double u = x[(at[0] * n[1] + at[1]) * n[2] + at[2]];
    int64_t to[3] = {at[0], at[1], at[2]};
    double v;

    to[axis] += step;
    if (to[axis] < 0 || to[axis] >= n[axis]) {
        if (boundary != 'p')
            return 0;
        to[axis] = (to[axis] + n[axis]) % n[axis];
    }
    v = x[(to[0] * n[1] + to[1]) * n[2] + to[2]];
    return isnan(v) ? 0 : v - u;
}

/* All combinations of boundaries in space, exactly. */
static void
as_defined(void **state)
{
    static const char *const names[] = {"fixed", "insulated", "periodic"};
    static const int64_t n[3] = {4, 5, 9};
    uint64_t seed = 5;

    (void)state;
    for (int which = 0; which < 27; which++) {
        const char *b[3] = {names[which % 3], names[which / 3 % 3],
                            names[which / 9]};
        const struct qn_type type = {QN_F64, {3, {n[0], n[1], n[2]}}};
        char options[256];
        const struct run r = {.kernel = &qn_kernel_heat, .options = options};
        struct qn_array in, out;

        snprintf(options, sizeof options,
                 "{\"alpha\": 0.15, \"steps\": 1, \"boundary\": [\"%s\", "
                 "\"%s\", \"%s\"]}",
                 b[0], b[1], b[2]);
        make_samples(&in, &type, &seed, which % 2 ? 10 : 0);
        assert_int_equal(run_array(&r, &in, &out, NULL), 0);
        for (int64_t i = 0; i < n[0] * n[1] * n[2]; i++) {
            const int64_t at[3] = {i / n[2] / n[1], i / n[2] % n[1], i % n[2]};
            const double *x = in.data;
            double sum = 0, want;
            bool held = false;

            for (int a = 2; a >= 0; a--) {
                held = held || (b[a][0] == 'f' &&
                                (at[a] == 0 || at[a] == n[a] - 1));
                sum += term(x, n, at, a, -1, b[a][0]);
                sum += term(x, n, at, a, 1, b[a][0]);
            }
            want = held ? x[i] : x[i] + 0.15 * sum;
            assert_true(same(((double *)out.data)[i], want));
        }
        qn_array_clear(&in);
        qn_array_clear(&out);
    }
}

/* The sum of what is no wall, and how many are. */
static long double
sum_of(const struct qn_array *a, int64_t *walls)
{
    const double *x = a->data;
    long double sum = 0;

    *walls = 0;
    for (int64_t i = 0; i < qn_shape_count(&a->type.shape); i++) {
        sum += isnan(x[i]) ? 0 : x[i];
        *walls += isnan(x[i]);
    }
    return sum;
}

/* Where nothing leaves the grid, and no wall takes anything, the sum stays, but
 * for the rounding of each sample in each step. */
static void
keeps_the_sum(void **state)
{
    static const struct qn_shape shapes[] = {{2, {60, 700}}, {3, {20, 30, 70}}};
    static const char *const boundaries[] = {
        "\"insulated\"", "\"periodic\"", "\"periodic\", \"insulated\""};
    const int steps = 40;
    uint64_t seed = 11;

    (void)state;
    for (int i = 0; i < 12; i++) {
        const int ndims = shapes[i % 2].ndims, walls = i / 6 * 20;
        const struct qn_type type = {QN_F64, shapes[i % 2]};
        const int64_t n = qn_shape_count(&type.shape);
        int64_t had, has;
        char options[256];
        const struct run r = {.kernel = &qn_kernel_heat, .options = options};
        struct qn_array in, out;
        long double before, after;

        snprintf(options, sizeof options,
                 "{\"alpha\": 0.15, \"steps\": %d, \"boundary\": [%s%s]}", steps,
                 boundaries[i / 2 % 3],
                 i / 2 % 3 == 2 && ndims == 3 ? ", \"periodic\"" : "");
        make_samples(&in, &type, &seed, walls);
        assert_int_equal(run_array(&r, &in, &out, NULL), 0);
        before = sum_of(&in, &had);
        after = sum_of(&out, &has);
        assert_int_equal(had, has);
        assert_true(walls ? had > n / 10 : had == 0);
        // none is above 25: half a bit of it, a sample and a step
        assert_true(fabsl(after - before) <= steps * 25 * 0x1p-53L * (double)n);
        assert_true(fabsl(before) > n);
        qn_array_clear(&in);
        qn_array_clear(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(tables),
        cmocka_unit_test(as_defined),
        cmocka_unit_test(keeps_the_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
