/* Stencils: the same bits for any cut of the grid, in one step or several,
 * whatever the edge, the number of axes, the type, and NaN. */
#include "kernels/catalog.h"
#include "stencil_run.h"

static const struct {
    const char *kernel, *options;
    int least, most; /* axes */
    bool integers;   /* takes them as they are */
} rows[] = {
    {"gaussian", "{\"sigma\": [1], \"truncate\": 3", 1, 3, false},
    {"gaussian", "{\"sigma\": [2.5]", 1, 2, false},
    {"gaussian", "{\"sigma\": [0.7, 0]", 2, 2, false},
    {"gaussian", "{\"sigma\": [0.9], \"axes\": [-1]", 2, 3, false},
    {"convolve", "{\"weights\": [1, 2, 4], \"axes\": [0]", 1, 3, false},
    {"convolve", "{\"weights\": [1, 0, 3, 4, 5, 6, 7, 8, 9]", 2, 2, false},
    {"convolve", "{\"weights\": [1, 2, 3, 4, 5], \"shape\": [5, 1, 1]", 3, 3,
     false},
    {"median", "{\"size\": [3]", 1, 3, true},
    {"median", "{\"size\": [7]", 1, 3, true},
    {"median", "{\"size\": [9, 7], \"cval\": 3", 2, 2, true},
    {"median", "{\"size\": [51], \"axes\": [-1]", 1, 2, true},
    {"laplacian", "{\"axes\": [0]", 1, 3, false},
    {"heat", "{\"alpha\": 0.2, \"steps\": 5", 1, 3, false},
    {"heat", "{\"alpha\": 0.1, \"steps\": 9, \"boundary\": [\"insulated\"]", 1,
     3, false},
    {"heat", "{\"alpha\": 0.1, \"steps\": 9, \"boundary\": [\"periodic\"]", 1,
     3, false},
    {"heat",
     "{\"alpha\": 0.2, \"steps\": 17, \"boundary\": [\"periodic\", "
     "\"insulated\"]",
     2, 2, false},
    {"heat",
     "{\"alpha\": 0.2, \"steps\": 6, \"boundary\": [\"insulated\", "
     "\"fixed\"], \"axes\": [0, 1]",
     2, 3, false},
    {"mandelbrot", "{\"iterations\": 50", 2, 2, false},
    {"formula", "{\"expr\": \"x + 3 * i0\"", 1, 3, false},
    {"formula", "{\"expr\": \"exp(-(i1 - i0) / 7)\"", 2, 3, false},
    {"laplacian", "{\"cval\": 2.5", 1, 3, false},
    {"gradient", "{\"cval\": -1", 1, 3, false},
    {"gradient", "{\"along\": 0", 1, 3, false},
};

static const char *const edges[] = {"reflect", "nearest", "constant",
                                    "periodic"};

static struct qn_type
draw_type(uint64_t *state, enum qn_dtype dtype, int ndims)
{
    static const int64_t longest[] = {0, 60, 20, 9};
    struct qn_type t = {dtype, {.ndims = ndims}};

    for (int a = 0; a < ndims; a++)
        t.shape.n[a] = 1 + draw_below(state, longest[ndims]);
    return t;
}

static void
any_cut(void **state)
{
    static const enum qn_dtype dtypes[] = {QN_F32, QN_F64, QN_I16, QN_U8};
    uint64_t seed = 1;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t e = 0; e < COUNT(edges); e++)
            for (int ndims = rows[i].least; ndims <= rows[i].most; ndims++)
                for (size_t t = 0; t < (rows[i].integers ? 4 : 2); t++) {
                    const struct qn_type type =
                        draw_type(&seed, dtypes[t], ndims);
                    char options[256];

                    snprintf(options, sizeof options, "%s, \"edge\": \"%s\"}",
                             rows[i].options, edges[e]);
                    check_cuts(qn_catalog_find(rows[i].kernel), options, &type,
                               e == 1 ? 0 : 4, &seed);
                }
}

/* Every sweep that takes several steps at a time gives what single steps give,
 * whatever the tiles; the last one in the item's own driver. */
static void
any_block(void **state)
{
    static const struct {
        const char *options;
        struct qn_shape shape;
    } cases[] = {
        {"{\"alpha\": 0.2, \"steps\": 7", {2, {70, 1100}}},
        {"{\"alpha\": 0.2, \"steps\": 7", {2, {300, 30}}},
        {"{\"alpha\": 0.1, \"steps\": 4", {3, {40, 35, 150}}},
        {"{\"alpha\": 0.3, \"steps\": 9", {1, {70000}}},
        {"{\"alpha\": 0.2, \"steps\": 8, \"axes\": [1, 2]", {3, {3, 9, 700}}},
        {"{\"alpha\": 0.2, \"steps\": 20", {2, {3, 2}}},
    };
    static const char *const boundaries[] = {"fixed", "insulated", "periodic"};
    uint64_t seed = 3;

    (void)state;
    for (size_t i = 0; i < 3 * COUNT(cases); i++) {
        const struct qn_type type = {i % 2 ? QN_F32 : QN_F64,
                                     cases[i / 3].shape};
        struct qn_array in, one, many;
        struct ready r;
        char options[256];

        snprintf(options, sizeof options, "%s, \"boundary\": [\"%s\"]}",
                 cases[i / 3].options, boundaries[i % 3]);
        make_ready(&r, qn_catalog_find("heat"), options, &type);
        make_samples(&in, &type, &seed, 1);
        assert_int_equal(qn_array_make(&one, &type, NULL), 0);
        assert_int_equal(qn_array_make(&many, &type, NULL), 0);
        r.sweep.block = 1;
        assert_int_equal(qn_sweep_item(&r.sweep, &in, &one, NULL), 0);
        for (int64_t block = 2; block <= r.sweep.halo.steps; block += 2) {
            r.sweep.block = block;
            assert_int_equal(qn_sweep_item(&r.sweep, &in, &many, NULL), 0);
            assert_memory_equal(one.data, many.data, qn_array_bytes(&one));
            r.sweep.threads = (int)block;
        }
        for (int64_t block = 1; block <= r.sweep.halo.steps; block++) {
            struct qn_array spent;

            assert_int_equal(
                qn_array_convert(&spent, &in, type.dtype, NULL), 0);
            r.sweep.block = block;
            r.sweep.spend = true;
            assert_int_equal(qn_sweep_item(&r.sweep, &spent, &many, NULL), 0);
            assert_memory_equal(one.data, many.data, qn_array_bytes(&one));
            qn_array_clear(&spent);
        }
        qn_array_clear(&in);
        qn_array_clear(&one);
        qn_array_clear(&many);
        clear_ready(&r);
    }
}

static void
count_poll(void *whom)
{
    ++*(int *)whom;
}

/* Whoever drives something on meanwhile is asked after every tile. */
static void
polls(void **state)
{
    const struct qn_type type = {QN_F64, {2, {1100, 1100}}};
    struct qn_array in, out;
    uint64_t seed = 9;
    struct ready r;
    int n = 0;

    (void)state;
    make_ready(&r, qn_catalog_find("heat"), "{\"alpha\": 0.2, \"steps\": 16}",
               &type);
    make_samples(&in, &type, &seed, 0);
    assert_int_equal(qn_array_make(&out, &type, NULL), 0);
    r.sweep.poll = count_poll;
    r.sweep.whom = &n;
    assert_int_equal(qn_sweep_item(&r.sweep, &in, &out, NULL), 0);
    assert_in_range(n, 3, 1000);
    qn_array_clear(&in);
    qn_array_clear(&out);
    clear_ready(&r);
}

/* Every state that is kept is what so many steps alone give. */
static void
states(void **state)
{
    static const int64_t every[] = {1, 3, 4, 12, 24};
    const struct qn_type type = {QN_F64, {2, {30, 41}}};
    uint64_t seed = 5;

    (void)state;
    for (size_t i = 0; i < COUNT(every); i++) {
        struct qn_array in, all, one;
        struct ready r;
        char options[128];

        snprintf(options, sizeof options,
                 "{\"alpha\": 0.2, \"steps\": 24, \"every\": %d}",
                 (int)every[i]);
        make_ready(&r, qn_catalog_find("heat"), options, &type);
        assert_int_equal(r.out.shape.ndims, 3);
        assert_int_equal(r.out.shape.n[0], 24 / every[i]);
        assert_true(r.sweep.block <= every[i]);
        make_samples(&in, &type, &seed, 1);
        assert_int_equal(qn_array_make(&all, &r.out, NULL), 0);
        assert_int_equal(qn_array_make(&one, &type, NULL), 0);
        assert_int_equal(qn_sweep_item(&r.sweep, &in, &all, NULL), 0);
        clear_ready(&r);
        for (int64_t k = 0; k < 24 / every[i]; k++) {
            snprintf(options, sizeof options,
                     "{\"alpha\": 0.2, \"steps\": %d}",
                     (int)((k + 1) * every[i]));
            make_ready(&r, qn_catalog_find("heat"), options, &type);
            assert_int_equal(qn_sweep_item(&r.sweep, &in, &one, NULL), 0);
            assert_memory_equal((char *)all.data +
                                    (size_t)k * qn_array_bytes(&one),
                                one.data, qn_array_bytes(&one));
            clear_ready(&r);
        }
        qn_array_clear(&in);
        qn_array_clear(&all);
        qn_array_clear(&one);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut),
        cmocka_unit_test(any_block),
        cmocka_unit_test(polls),
        cmocka_unit_test(states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
