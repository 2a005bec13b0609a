/* Rows through a step: how many a slab takes, which, and what must see all of
 * an item. */
#include "kernel_run.h"

#include "model/flow.h"

extern const struct qn_kernel qn_kernel_bin, qn_kernel_clip, qn_kernel_crop,
    qn_kernel_gaussian, qn_kernel_heat, qn_kernel_moving_mean,
    qn_kernel_normalize, qn_kernel_overscan;

static const struct row {
    const struct qn_kernel *kernel;
    const char *options;
    bool can;
    enum qn_flow_kind kind;
    int64_t unit, reach;
    bool level;
    int64_t first, n, from, count; /* of what comes out; of what goes in */
} rows[] = {
    {&qn_kernel_heat, "{\"alpha\": 0.1, \"steps\": 2, \"boundary\": "
                      "[\"periodic\"]}", false, 0, 0, 0, false, 0, 0, 0, 0},
    {&qn_kernel_heat, "{\"alpha\": 0.1, \"steps\": 4, \"every\": 2}", false, 0,
     0, 0, false, 0, 0, 0, 0},
    {&qn_kernel_crop, "{\"section\": \"10:300, 2:29\"}", false, 0, 0, 0, false,
     0, 0, 0, 0},
    {&qn_kernel_clip, "{\"min\": 0}", true, QN_FLOW_POINT, 1, 0, false,
     7, 3, 7, 3},
    {&qn_kernel_heat, "{\"alpha\": 0.1, \"steps\": 3}", true, QN_FLOW_STENCIL,
     1, 6, false, 1, 2, 0, 6},
    {&qn_kernel_gaussian, "{\"sigma\": [1]}", true, QN_FLOW_STENCIL, 1, 8, false,
     95, 5, 91, 9},
    {&qn_kernel_normalize, "{}", true, QN_FLOW_OVERALL, 1, 0, false,
     7, 3, 7, 3},
    {&qn_kernel_crop, "{\"section\": \"10:90:3, 2:29\"}", true, QN_FLOW_REGRID,
     3, 0, false, 2, 4, 16, 10},
    {&qn_kernel_bin, "{\"factor\": [7, 2]}", true, QN_FLOW_REGRID, 7, 0, false,
     13, 1, 91, 7},
    {&qn_kernel_moving_mean, "{\"window\": 5}", true, QN_FLOW_REGRID, 1, 4,
     false, 2, 4, 0, 6},
    {&qn_kernel_moving_mean, "{\"window\": 500}", true, QN_FLOW_REGRID, 1, 99,
     false, 99, 1, 0, 100},
    {&qn_kernel_moving_mean, "{\"window\": 5, \"axis\": 1}", true,
     QN_FLOW_REGRID, 1, 0, false, 2, 4, 2, 4},
    {&qn_kernel_overscan,
     "{\"region\": \":, 30:40\", \"trim\": \"5:95, 0:30\"}", true,
     QN_FLOW_REGRID, 1, 0, false, 1, 2, 6, 2},
    {&qn_kernel_overscan,
     "{\"region\": \":, 30:40\", \"trim\": \"5:95, 0:30\", "
     "\"per\": \"frame\"}", true, QN_FLOW_REGRID, 1, 0, true, 1, 2, 6, 2},
};

static void
check(const struct row *row, const struct qn_flow *f)
{
    const int64_t all =
        f->kind == QN_FLOW_REGRID ? f->out.shape.n[0] : f->rows;
    int64_t from, count;

    assert_int_equal(f->kind, row->kind);
    assert_int_equal(f->unit, row->unit);
    assert_int_equal(f->reach, row->reach);
    assert_int_equal(f->level, row->level);
    qn_flow_rows(f, row->first, row->n, &from, &count);
    assert_int_equal(from, row->from);
    assert_int_equal(count, row->count);
    for (int64_t n = 1; row->first + n <= all; n++) {
        qn_flow_rows(f, row->first, n, &from, &count);
        assert_true(from >= 0 && from + count <= f->rows);
        assert_true(count <= n * f->unit + f->reach);
    }
}

static void
rows_of_steps(void **state)
{
    const struct qn_type in = {QN_F64, SHAPE(100, 40)};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = rows[i].kernel,
                              .options = rows[i].options};
        json_t *options = options_of(&r), *none = json_object();
        struct qn_lookup lookup = qn_fields_lookup(none);
        void *params = calloc(1, r.kernel->params_size + 1);
        struct qn_error err = {0, ""};
        struct qn_flow f;

        if (qn_params_fill(params, r.kernel, options, &lookup, &err))
            fail_msg("%s: %s", r.kernel->name, err.text);
        if (r.kernel->prepare)
            assert_int_equal(r.kernel->prepare(params, NULL), 0);
        assert_int_equal(qn_flow_make(&f, r.kernel, params, &in, 0),
                         rows[i].can);
        if (rows[i].can)
            check(&rows[i], &f);
        if (r.kernel->release)
            r.kernel->release(params);
        free(params);
        json_decref(options);
        json_decref(none);
    }
}

static void
slabs(void **state)
{
    (void)state;
    // so many samples, at least a row, twice the reach, all there are
    assert_int_equal(qn_flow_slab(256, 1, 0, 1 << 20), (256 << 10) / 256);
    assert_int_equal(qn_flow_slab(1 << 20, 4, 0, 100), 1);
    assert_int_equal(qn_flow_slab(1 << 20, 3, 20, 100), 14);
    assert_int_equal(qn_flow_slab(256, 1, 0, 7), 7);
    assert_int_equal(qn_flow_slab(0, 1, 0, 7), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_steps),
        cmocka_unit_test(slabs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
