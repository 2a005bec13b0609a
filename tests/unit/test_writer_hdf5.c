/* Results as HDF5: what a reader sees. */
#include "writer_run.h"

#include <unistd.h>

static void
check_attribute(hid_t file, const char *object, const char *name,
                const char *text)
{
    char got[64] = {0};
    hid_t a = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(a);

    assert_true(a >= 0 && H5Tget_size(type) < sizeof got);
    assert_true(H5Aread(a, type, got) >= 0);
    assert_string_equal(got, text);
    H5Tclose(type);
    H5Aclose(a);
}

static void
check_text(hid_t file, const char *path, const char *text)
{
    char got[256] = {0};
    hid_t d = H5Dopen2(file, path, H5P_DEFAULT), type = H5Dget_type(d);

    assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    assert_string_equal(got, text);
    H5Tclose(type);
    H5Dclose(d);
}

static void
check_tree(hid_t file)
{
    check_attribute(file, "/", "NX_class", "NXroot");
    check_attribute(file, "/", "default", "entry");
    check_attribute(file, "/", "creator", "quern 0.1.0");
    check_attribute(file, "/entry", "NX_class", "NXentry");
    check_attribute(file, "/entry", "default", "data");
    check_attribute(file, "/entry/data", "NX_class", "NXdata");
    check_attribute(file, "/entry/data", "signal", "data");
    check_attribute(file, "/entry/count", "axes", ".");
    check_attribute(file, "/entry/data/data", "units", "electrons");
    check_attribute(file, "/entry/data/data", "interpretation", "image");
    check_attribute(file, "/entry/count/data", "interpretation", "spectrum");
    check_attribute(file, "/entry/process", "NX_class", "NXprocess");
    assert_false(H5Aexists_by_name(file, "/entry/total", "axes", H5P_DEFAULT));
    assert_false(
        H5Aexists_by_name(file, "/entry/count/data", "units", H5P_DEFAULT));
    check_text(file, "/entry/process/program", "quern");
    check_text(file, "/entry/process/job", "name: x\n");
    check_text(file, "/entry/process/key", KEY);
    assert_false(H5Lexists(file, "/entry/process/coretype", H5P_DEFAULT));
}

static void
check_image(hid_t file, const struct sample *s)
{
    float back[SIDE * SIDE];
    hid_t d = H5Dopen2(file, "/entry/data/data", H5P_DEFAULT);

    assert_true(H5Dread(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                        back) >= 0);
    assert_memory_equal(back, s->image, sizeof back);
    H5Dclose(d);
}

static void
check_inputs(hid_t file)
{
    struct row {
        char path[32], status[32];
        int64_t mtime;
    } rows[2];
    hid_t text = H5Tcopy(H5T_C_S1);
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof *rows);
    hid_t d = H5Dopen2(file, "/entry/process/inputs", H5P_DEFAULT);

    H5Tset_size(text, 32);
    H5Tset_cset(text, H5T_CSET_UTF8);
    H5Tinsert(type, "path", offsetof(struct row, path), text);
    H5Tinsert(type, "status", offsetof(struct row, status), text);
    H5Tinsert(type, "mtime_ns", offsetof(struct row, mtime), H5T_NATIVE_INT64);
    assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) >= 0);
    assert_string_equal(rows[0].path, "raw/a.fits");
    assert_string_equal(rows[0].status, "used");
    assert_int_equal(rows[0].mtime, 1500000000000000001);
    assert_string_equal(rows[1].path, "raw/longer.fits");
    assert_string_equal(rows[1].status, "truncated");
    H5Tclose(type);
    H5Tclose(text);
    H5Dclose(d);
}

static void
read_hdf5(void **state)
{
    struct sample *s = make_sample("a.h5");
    char key[65];

    (void)state;
    for (int compress = 0; compress < 10; compress += 9) {
        hid_t file;
        s->out.compress = compress;
        assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
        file = H5Fopen("a.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
        assert_true(file >= 0);
        check_tree(file);
        check_image(file, s);
        check_inputs(file);
        H5Fclose(file);
        assert_int_equal(qn_writer_key("a.h5", key, NULL), 0);
        assert_string_equal(key, KEY);
    }
    clear_sample(s);
}

static void
lean(void **state)
{
    struct sample *s = make_sample("tiny.h5");

    (void)state;
    s->out.nproducts = 1;
    assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
    assert_in_range(size_of("tiny.h5"), 1, (int)sizeof s->image + 10000);
    clear_sample(s);
}

/* Shapes at their limits: none, empty, long rows, eight axes. */
static void
shapes(void **state)
{
    static const struct qn_shape rows[] = {
        {1, {0}},
        {3, {2, 0, 5}},
        {1, {300000}},
        {2, {2, 300000}},
        {3, {70, 70, 70}},
        {8, {1, 2, 1, 2, 1, 2, 1, 700}},
    };
    struct sample *s = make_sample("shape");
    double *data = calloc(600000, sizeof *data), *back;

    (void)state;
    for (int i = 0; i < 600000; i++)
        data[i] = i;
    s->out.nproducts = 1;
    s->out.cards = NULL;
    s->out.provenance = (struct qn_provenance){.key = "k"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_type type = {QN_F64, rows[i]};
        size_t n;
        hid_t file, d;
        s->arrays[0] = qn_array_view(&type, data);
        s->out.compress = 1;
        assert_int_equal(qn_writer_fits(&s->out, NULL), 0);
        assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
        file = H5Fopen("shape", H5F_ACC_RDONLY, H5P_DEFAULT);
        d = H5Dopen2(file, "/entry/data/data", H5P_DEFAULT);
        n = qn_array_bytes(&s->arrays[0]);
        back = malloc(n + 1);
        assert_true(H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL,
                            H5P_DEFAULT, back) >= 0);
        assert_memory_equal(back, data, n);
        free(back);
        H5Dclose(d);
        H5Fclose(file);
    }
    free(data);
    clear_sample(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_hdf5),
        cmocka_unit_test(lean),
        cmocka_unit_test(shapes),
    };

    return cmocka_run_group_tests(tests, enter_folder, scratch_leave);
}
