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
    {"laplacian", "{\"axes\": [0]", 1, 3, false},
    {"laplacian", "{\"cval\": 2.5", 1, 3, false},
    {"gradient", "{\"cval\": -1", 1, 3, false},
    {"gradient", "{\"along\": 0", 1, 3, false},
};

static const char *const edges[] = {"reflect", "nearest", "constant"};

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
