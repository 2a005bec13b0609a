/* Kernels that change the grid: what they make of parts is what they make of
 * the whole, bit for bit, whatever the parts. */
#include "kernel_run.h"

#include "engine/region.h"
#include "engine/regrid.h"

extern const struct qn_kernel qn_kernel_bin, qn_kernel_cast, qn_kernel_crop,
    qn_kernel_moving_mean, qn_kernel_overscan;

static const struct row {
    const struct qn_kernel *kernel;
    const char *options;
} rows[] = {
    {&qn_kernel_crop, "{\"section\": \"[3:40, 2:29]\"}"},
    {&qn_kernel_crop, "{\"section\": \"0:3:2, 1:30:3, 5:41:7\"}"},
    {&qn_kernel_bin, "{\"factor\": [2]}"},
    {&qn_kernel_bin, "{\"factor\": [3, 4, 5], \"method\": \"sum\"}"},
    {&qn_kernel_moving_mean, "{\"window\": 4}"},
    {&qn_kernel_moving_mean, "{\"window\": 9, \"axis\": 1}"},
    {&qn_kernel_moving_mean, "{\"window\": 100, \"axis\": -1}"},
    {&qn_kernel_cast, "{\"dtype\": \"float32\"}"},
    {&qn_kernel_overscan,
     "{\"region\": \"[36:41, 1:31]\", \"trim\": \"[2:35, 3:31]\"}"},
    {&qn_kernel_overscan, "{\"region\": \"[36:41, 1:31]\", \"trim\": "
                          "\"[2:35, 3:31]\", \"per\": \"frame\"}"},
    {&qn_kernel_overscan,
     "{\"region\": \"[1:41, 28:31]\", \"trim\": \"[2:41, 3:27]\", \"per\": "
     "\"column\", \"method\": \"mean\"}"},
};

/* The item: NaN here and there, and no two samples alike. */
static struct qn_array
make_item(void)
{
    const struct qn_type type = {QN_F64, SHAPE(3, 31, 41)};
    struct qn_array a;
    double *x;

    assert_int_equal(qn_array_make(&a, &type, NULL), 0);
    x = a.data;
    for (int64_t i = 0; i < qn_shape_count(&type.shape); i++)
        x[i] = i % 97 == 5 ? (double)NAN : sin((double)(i * i % 1009));
    return a;
}

static void *
make_params(const struct row *row)
{
    const struct run r = {.kernel = row->kernel, .options = row->options};
    json_t *options = options_of(&r), *none = json_object();
    struct qn_lookup lookup = qn_fields_lookup(none);
    void *params = calloc(1, row->kernel->params_size + 1);

    assert_int_equal(
        qn_params_fill(params, row->kernel, options, &lookup, NULL), 0);
    if (row->kernel->prepare)
        assert_int_equal(row->kernel->prepare(params, NULL), 0);
    json_decref(options);
    json_decref(none);
    return params;
}

/* A box of the item, in memory of its own. */
static void
fetch(struct qn_region *source, const struct qn_array *item)
{
    const struct qn_box all = qn_shape_box(&item->type.shape);
    const struct qn_box box = qn_regrid_box(source);
    struct qn_region from, to;

    for (int a = 0; a < box.ndims; a++)
        assert_true(box.start[a] >= 0 && box.count[a] > 0 &&
                    box.start[a] + box.count[a] <= item->type.shape.n[a]);
    source->data = calloc((size_t)qn_region_samples(&box), sizeof(double));
    from = qn_region_of(&item->type, &all, &box, item->data);
    to = qn_region_of(&item->type, &box, &box, source->data);
    qn_region_copy(&to, &from);
    *source = to;
}

static void
check_box(const struct row *row, const void *params,
          const struct qn_array *item, const struct qn_array *whole,
          const struct qn_box *box)
{
    const struct qn_box all = qn_shape_box(&whole->type.shape);
    const size_t bytes = (size_t)qn_region_samples(box) *
                         qn_dtype_size(whole->type.dtype);
    void *want = calloc(1, bytes), *got = calloc(1, bytes);
    struct qn_region out = qn_region_of(&whole->type, box, box, got);
    struct qn_region there = qn_region_of(&whole->type, box, box, want);
    struct qn_region from = qn_region_of(&whole->type, &all, box, whole->data);
    struct qn_region source[QN_MAX_SOURCES];
    int n = row->kernel->regrid->sources(params, &item->type.shape, &out,
                                         source);

    assert_in_range(n, 1, QN_MAX_SOURCES);
    for (int j = 0; j < n; j++) {
        source[j].grid = item->type;
        fetch(&source[j], item);
    }
    assert_int_equal(
        row->kernel->regrid->make(params, source, &out, NULL), 0);
    qn_region_copy(&there, &from);
    assert_memory_equal(got, want, bytes);
    for (int j = 0; j < n; j++)
        free(source[j].data);
    free(got);
    free(want);
}

/* All boxes of some lengths, those at the ends cut off. */
static void
check_boxes(const struct row *row, const struct qn_array *item,
            const struct qn_array *whole, const int64_t length[3])
{
    void *params = make_params(row);
    const int64_t *n = whole->type.shape.n;

    for (int64_t z = 0; z < n[0]; z += length[0])
        for (int64_t y = 0; y < n[1]; y += length[1])
            for (int64_t x = 0; x < n[2]; x += length[2]) {
                const int64_t start[3] = {z, y, x};
                struct qn_box box = qn_shape_box(&whole->type.shape);

                for (int a = 0; a < 3; a++) {
                    box.start[a] = start[a];
                    box.count[a] = n[a] - start[a] < length[a]
                                       ? n[a] - start[a]
                                       : length[a];
                }
                check_box(row, params, item, whole, &box);
            }
    if (row->kernel->release)
        row->kernel->release(params);
    free(params);
}

static void
parts_make_the_whole(void **state)
{
    static const int64_t lengths[][3] = {
        {3, 31, 41}, {1, 1, 1}, {2, 5, 7}, {1, 31, 3}, {3, 2, 41}};
    struct qn_array item = make_item();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct run r = {.kernel = rows[i].kernel,
                              .options = rows[i].options};
        struct qn_error err = {0, ""};
        struct qn_array whole;

        if (run_array(&r, &item, &whole, &err))
            fail_msg("%s", err.text);
        for (size_t k = 0; k < COUNT(lengths); k++)
            check_boxes(&rows[i], &item, &whole, lengths[k]);
        qn_array_clear(&whole);
    }
    qn_array_clear(&item);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_make_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
