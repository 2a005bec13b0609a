/* What is in a file, as JSON. */
#include <fitsio.h>
#include <netcdf.h>
#include <sys/stat.h>

#include "hdf5_small.h"
#include "io/listing.h"

static json_t *
listed(const struct qn_source *s)
{
    struct qn_error err = {0};
    json_t *made = NULL;

    if (qn_listing_make(&made, s, &err))
        fail_msg("%s: %s", s->path, err.text);
    return made;
}

/* An entry must hold these members, as JSON in single quotes. */
static void
expect_members(const json_t *entry, const char *members)
{
    char text[1024];
    json_t *want, *value;
    const char *key;

    snprintf(text, sizeof text, "{%s}", members);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    want = json_loads(text, 0, NULL);
    assert_non_null(want);
    json_object_foreach(want, key, value) {
        if (json_equal(json_object_get(entry, key), value))
            continue;
        fail_msg("%s: wanted %s in %s", key, text, json_dumps(entry, 0));
    }
    json_decref(want);
}

static void
expect_entries(const json_t *listing, const char *const *want, size_t n)
{
    json_t *entries = json_object_get(listing, "entries");

    if (json_array_size(entries) != n)
        fail_msg("%zu entries: %s", n, json_dumps(entries, JSON_INDENT(2)));
    for (size_t i = 0; i < n; i++)
        expect_members(json_array_get(entries, i), want[i]);
}

static void
expect_note(const json_t *listing, size_t i, const char *words)
{
    json_t *entry = json_array_get(json_object_get(listing, "entries"), i);
    const char *note = json_string_value(json_object_get(entry, "note"));

    if (!note || !strstr(note, words))
        fail_msg("entry %zu: %s", i, json_dumps(entry, 0));
}

/* ---- refusals ----------------------------------------------------------- */

static void
nothing_to_list(void **state)
{
    static const struct {
        const char *name, *bytes, *words;
        int code;
    } bad[] = {
        {"empty", "", "the file is empty", QN_EFORMAT},
        {"x.txt", "hello", "x.txt: this is text", QN_EFORMAT},
        {"cut.npy", "\x93NUMPY\1", "truncated", QN_EFORMAT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct qn_source s = {
            .path = put(bad[i].name, bad[i].bytes, strlen(bad[i].bytes))};
        struct qn_error err = {0};
        json_t *made = NULL;

        assert_int_equal(qn_listing_make(&made, &s, &err), bad[i].code);
        assert_null(made);
        if (!strstr(err.text, bad[i].words) || !strstr(err.text, s.path))
            fail_msg("%s", err.text);
    }
}

/* ---- formats ------------------------------------------------------------ */

static void
one_array(void **state)
{
    static const char *const pair[] = {"'dtype': 'uint16', 'shape': [2]"};
    json_t *made = listed(SOURCE(.path = put("x.raw", "abcd", 4),
                                 .format = "raw", .dtype = "u2",
                                 .shape = {1, {-1}}));

    (void)state;
    expect_members(made, "'format': 'raw', 'left_out': 0, 'why': null");
    expect_entries(made, pair, 1);
    expect_members(json_object_get(made, "default"),
                   "'dtype': 'uint16', 'stored': 'uint16', 'shape': [2]");
    json_decref(made);
}

static void
put_fits(const char *name)
{
    fitsfile *f;
    long n[2] = {3, 2};
    char path[PATH_MOST], *type[] = {"A", "B"}, *form[] = {"J", "E"};
    unsigned short v[6] = {0, 1, 2, 3, 4, 65535};
    int wide[6] = {0, 1, 2, 3, 4, 65535};
    int status = 0;

    snprintf(path, sizeof path, "!%s", at(name));
    fits_create_file(&f, path, &status);
    fits_create_img(f, SHORT_IMG, 0, n, &status);
    fits_create_img(f, USHORT_IMG, 2, n, &status);
    fits_update_key(f, TSTRING, "EXTNAME", "SCI", NULL, &status);
    fits_write_img(f, TUSHORT, 1, 6, v, &status);
    fits_create_tbl(f, BINARY_TBL, 5, 2, type, form, NULL, "CAT", &status);
    fits_set_compression_type(f, RICE_1, &status);
    fits_create_img(f, LONG_IMG, 2, n, &status);
    fits_write_img(f, TINT, 1, 6, wide, &status);
    fits_close_file(f, &status);
    assert_int_equal(status, 0);
}

static void
hdus(void **state)
{
    static const char *const want[] = {
        "'hdu': 0, 'name': '', 'kind': 'empty', 'dtype': null, 'shape': null",
        "'hdu': 1, 'name': 'SCI', 'kind': 'image', 'dtype': 'uint16', "
        "'shape': [2, 3]",
        "'hdu': 2, 'name': 'CAT', 'kind': 'table', 'dtype': null, "
        "'shape': [5, 2]",
        "'hdu': 3, 'kind': 'image', 'dtype': 'int32', 'shape': [2, 3]",
    };
    json_t *made;

    (void)state;
    put_fits("a.fits");
    made = listed(SOURCE(.path = at("a.fits")));
    expect_members(made, "'format': 'fits', 'why': null");
    expect_entries(made, want, COUNT(want));
    expect_members(json_object_get(made, "default"),
                   "'where': 'HDU 1 SCI', 'dtype': 'uint16', 'shape': [2, 3]");
    json_decref(made);
    // What the job says decides on the default, not on what there is.
    made = listed(SOURCE(.path = at("a.fits"), .hdu = "CAT"));
    expect_entries(made, want, COUNT(want));
    assert_true(json_is_null(json_object_get(made, "default")));
    assert_non_null(strstr(json_string_value(json_object_get(made, "why")),
                           "is a table, not an image"));
    json_decref(made);
}

static void
put_tree(const char *name)
{
    static const hsize_t chunk[] = {1, 3};
    hid_t f = create(name), dcpl = H5Pcreate(H5P_DATASET_CREATE), type, space;
    hid_t d;

    group(f, "a");
    group(f, "a/deep");
    H5Pset_chunk(dcpl, 2, chunk);
    H5Pset_shuffle(dcpl);
    H5Pset_deflate(dcpl, 4);
    ramp(f, "a/deep/x", H5T_STD_I16BE, DIMS(2, 3), dcpl);
    number(f, "a/deep/x", "scale_factor", H5T_IEEE_F64LE, 2);
    text_at(f, "a/deep/x", "units", "s");
    ramp(f, "n", H5T_IEEE_F32LE, SCALAR, H5P_DEFAULT);
    type = H5Tcopy(H5T_C_S1);
    space = H5Screate(H5S_NULL);
    d = H5Dcreate2(f, "s\xffz", type, space, H5P_DEFAULT, H5P_DEFAULT,
                   H5P_DEFAULT);
    H5Dclose(d);
    H5Sclose(space);
    H5Tclose(type);
    H5Pclose(dcpl);
    H5Glink(f, H5G_LINK_HARD, "a", "a/loop");
    H5Lcreate_soft("/a/deep", f, "w1", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/a/deep/x", f, "w2", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("t/other.h5", "/x", f, "w3", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("gone.h5", "/x", f, "w4", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("/etc/hostname", "/x", f, "w5", H5P_DEFAULT,
                       H5P_DEFAULT);
    H5Fclose(f);
}

static void
trees(void **state)
{
    static const char *const want[] = {
        "'path': '/a/deep/x', 'kind': 'dataset', 'dtype': 'int16', "
        "'shape': [2, 3], 'chunks': [1, 3], "
        "'filters': ['shuffle', 'deflate 4'], 'attributes': 2, 'link': null",
        "'path': '/n', 'dtype': 'float32', 'shape': [], 'chunks': null, "
        "'filters': [], 'attributes': 0",
        "'path': '/s?z', 'dtype': 'text', 'shape': null",
        "'path': '/w1', 'kind': 'group', 'link': '/a/deep', 'dtype': null",
        "'path': '/w2', 'kind': 'dataset', 'link': '/a/deep/x', "
        "'shape': [2, 3]",
        "'path': '/w3', 'kind': 'dataset', 'link': 't/other.h5:/x', "
        "'shape': [4]",
        "'path': '/w4', 'kind': 'link', 'link': 'gone.h5:/x'",
        "'path': '/w5', 'kind': 'link', 'link': '/etc/hostname:/x'",
    };
    unsigned char *p;
    json_t *made;
    hid_t f;
    size_t n;

    (void)state;
    mkdir(at("t"), 0700);
    f = create("t/other.h5");
    ramp(f, "x", H5T_STD_U8LE, DIMS(4), H5P_DEFAULT);
    H5Fclose(f);
    put_tree("tree.h5");
    made = listed(SOURCE(.path = at("tree.h5")));
    expect_members(made, "'format': 'hdf5', 'left_out': 0, 'why': null");
    expect_entries(made, want, COUNT(want));
    expect_note(made, 6, "it links to 'gone.h5', which is not there");
    expect_note(made, 7, "outside its own folder");
    // As stored, and as it would be read.
    expect_members(json_object_get(made, "default"),
                   "'where': '/a/deep/x', 'stored': 'int16', "
                   "'dtype': 'float32', 'shape': [2, 3]");
    json_decref(made);
    p = slurp("tree.h5", &n);
    made = listed(SOURCE(.path = put_gzip("tree.h5.gz", p, n, 0)));
    free(p);
    expect_entries(made, want, COUNT(want));
    json_decref(made);
}

static void
no_default(void **state)
{
    hid_t f = create("two.h5");
    json_t *made;

    (void)state;
    ramp(f, "a", H5T_STD_U8LE, DIMS(4), H5P_DEFAULT);
    ramp(f, "b", H5T_STD_U8LE, DIMS(4), H5P_DEFAULT);
    H5Fclose(f);
    made = listed(SOURCE(.path = at("two.h5")));
    assert_int_equal(json_array_size(json_object_get(made, "entries")), 2);
    assert_true(json_is_null(json_object_get(made, "default")));
    assert_non_null(strstr(json_string_value(json_object_get(made, "why")),
                           "name one as dataset: /a (4, uint8), /b"));
    json_decref(made);
    made = listed(SOURCE(.path = at("two.h5"), .dataset = "*",
                         .frames = "frame > 2"));
    expect_members(json_object_get(made, "default"),
                   "'where': '/a and 1 more', 'shape': [5]");
    json_decref(made);
}

static void
many_datasets(void **state)
{
    hid_t f = create("many.h5");
    char name[16];
    json_t *made;

    (void)state;
    for (int i = 0; i < 10003; i++) {
        snprintf(name, sizeof name, "d%05d", i);
        ramp(f, name, H5T_STD_U8LE, DIMS(1), H5P_DEFAULT);
    }
    H5Fclose(f);
    made = listed(SOURCE(.path = at("many.h5")));
    assert_int_equal(json_array_size(json_object_get(made, "entries")), 10000);
    expect_members(made, "'left_out': 3");
    json_decref(made);
}

static void
variables(void **state)
{
    static const char *const want[] = {
        "'path': 't', 'dtype': 'float64', 'shape': [3], 'attributes': 1",
        "'path': 'v', 'kind': 'dataset', 'dtype': 'int16', 'shape': [3, 2], "
        "'chunks': null, 'filters': []",
        "'path': 's', 'dtype': 'text', 'shape': null",
    };
    int id, t, x, var, dims[2];
    json_t *made;

    (void)state;
    assert_int_equal(nc_create(at("a.nc"), NC_CLOBBER, &id), 0);
    nc_def_dim(id, "t", 3, &t);
    nc_def_dim(id, "x", 2, &x);
    dims[0] = t, dims[1] = x;
    nc_def_var(id, "t", NC_DOUBLE, 1, &t, &var);
    nc_put_att_text(id, var, "units", 1, "s");
    nc_def_var(id, "v", NC_SHORT, 2, dims, &var);
    nc_def_var(id, "s", NC_CHAR, 1, &x, &var);
    assert_int_equal(nc_close(id), 0);
    made = listed(SOURCE(.path = at("a.nc")));
    expect_members(made, "'format': 'netcdf', 'why': null");
    expect_entries(made, want, COUNT(want));
    expect_members(json_object_get(made, "default"), "'where': 'v'");
    json_decref(made);
}

static void
real_files(void **state)
{
    static const char *const tooth[] = {
        "'path': '/exchange/data', 'dtype': 'float32', 'shape': [181, 2, 640]",
        "'path': '/exchange/data_dark'",
        "'path': '/exchange/data_white'",
        "'path': '/exchange/theta', 'dtype': 'float64', 'shape': [181]",
        "'path': '/exchange/title', 'dtype': 'text', 'shape': []",
        "'path': '/implements'",
        "'path': '/measurement/sample/name'",
    };
    json_t *made = listed(SOURCE(.path = shared("data/hdf5/tooth.h5")));

    (void)state;
    expect_entries(made, tooth, COUNT(tooth));
    json_decref(made);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_list),
        cmocka_unit_test(one_array),
        cmocka_unit_test(hdus),
        cmocka_unit_test(trees),
        cmocka_unit_test(no_default),
        cmocka_unit_test(many_datasets),
        cmocka_unit_test(variables),
        cmocka_unit_test(real_files),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
