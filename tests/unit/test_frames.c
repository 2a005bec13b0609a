/* `frames`: choosing along the leading axis by other datasets. */
#include "hdf5_small.h"

#include "io/frames.h"

/* ---- without a file ----------------------------------------------------- */

// Six frames: key 0 0 1 2 0 1, kind by letter.
static int
load_known(void *ctx, const char *name, int64_t n, struct qn_column *c,
           struct qn_error *err)
{
    static const double key[] = {0, 0, 1, 2, 0, 1}, bad = NAN;
    static const char *const kind[] = {"dark", "dark ", "flat",
                                       "",     "dark",  "flat"};

    (*(int *)ctx)++;
    assert_int_equal(n, 6);
    if (strcmp(name, "/kind") == 0) {
        assert_int_equal(qn_column_texts(c, n, err), 0);
        for (int64_t i = 0; i < n; i++)
            qn_column_add(c, kind[i], strlen(kind[i]));
        return 0;
    }
    if (strcmp(name, "/key") != 0 && strcmp(name, "/gaps") != 0)
        return qn_fail(err, QN_EMISSING, "there is no %s", name);
    c->n = n;
    c->number = calloc((size_t)n, sizeof *c->number);
    assert_non_null(c->number);
    for (int64_t i = 0; i < n; i++)
        c->number[i] = name[1] == 'g' && i % 2 ? bad : key[i];
    return 0;
}

static void
refused_expressions(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *words;
    } bad[] = {
        {"", QN_EJOB, "frames: "},
        {"/key ==", QN_EJOB, "frames: "},
        {"/absent == 1", QN_EMISSING, "frames: there is no /absent"},
        {"/key == 0 and /absent", QN_EMISSING, "there is no /absent"},
        {"/kind < 3", QN_EVALUE, "frames: "},
        {"/key == 9", QN_EVALUE,
         "'/key == 9' is true for none of the 6 frames; /key holds 0, 1, 2"},
        {"/kind == 'bias'", QN_EVALUE, "/kind holds 'dark', 'flat', ''"},
        {"frame > 7", QN_EVALUE, "none of the 6 frames"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct qn_frames f = {0};
        struct qn_error err = {0};
        int calls = 0;
        int rc = qn_frames_make(&f, bad[i].text, 6, load_known, &calls, &err);

        if (rc != bad[i].code || !strstr(err.text, bad[i].words))
            fail_msg("%s: %d: %s", bad[i].text, rc, err.text);
        assert_null(f.index);
        qn_frames_clear(&f);
    }
}

static void
chosen_frames(void **state)
{
    static const struct {
        const char *text, *want;
        int calls; // a dataset is loaded once
    } rows[] = {
        {"/key == 0", "014", 1},
        {"/key", "235", 1},
        {"not /key", "014", 1},
        {"/key == 0 or /key == 2 or /key == 7", "0134", 1},
        {"/key in [1, 2]", "235", 1},
        {"/kind == 'dark' and frame > 0", "14", 1},
        {"/kind like 'f*'", "25", 1},
        {"frame % 2 == 0", "024", 0},
        {"frame >= 4", "45", 0},
        {"/gaps == 0", "04", 1}, // a NaN is no number
        {"not has(/absent) and frame == 3", "3", 1},
        {"has(/key) and /key == 2 and /kind != 'x'", "3", 2},
        {"1", "012345", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct qn_frames f = {0};
        struct qn_error err = {0};
        int calls = 0;

        if (qn_frames_make(&f, rows[i].text, 6, load_known, &calls, &err))
            fail_msg("%s: %s", rows[i].text, err.text);
        assert_int_equal(calls, rows[i].calls);
        assert_int_equal(f.n, strlen(rows[i].want));
        for (int64_t k = 0; k < f.n; k++)
            assert_int_equal(f.index[k], rows[i].want[k] - '0');
        qn_frames_clear(&f);
    }
}

static void
runs(void **state)
{
    int64_t index[] = {0, 1, 2, 5, 7, 9, 11, 20, 40, 41, 42};
    struct qn_frames f = {index, (int64_t)COUNT(index)};
    static const struct {
        int64_t at, step, count, n, start, stride;
    } rows[] = {
        {0, 1, 11, 3, 0, 1}, {3, 1, 8, 4, 5, 2},  {7, 1, 4, 1, 20, 1},
        {8, 1, 3, 3, 40, 1}, {10, 1, 1, 1, 42, 1}, {0, 1, 2, 2, 0, 1},
        {0, 2, 6, 1, 0, 1}, // 0, 2, 7, 11, 40, 42
        {8, 2, 2, 1, 40, 1}, {3, 1, 3, 3, 5, 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t start = -1, stride = -1;
        int64_t n = qn_frames_run(&f, rows[i].at, rows[i].step, rows[i].count,
                                  &start, &stride);

        assert_int_equal(n, rows[i].n);
        assert_int_equal(start, rows[i].start);
        assert_int_equal(stride, rows[i].stride);
    }
}

/* ---- in files ----------------------------------------------------------- */

static void
put_texts(hid_t file, const char *path, const char *const *v, hsize_t n,
          size_t width)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &n, NULL), d;
    char all[256] = "";

    H5Tset_size(type, width ? width : H5T_VARIABLE);
    H5Tset_strpad(type, width ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
    for (hsize_t i = 0; i < n && width; i++)
        memcpy(all + i * width, v[i], strlen(v[i]));
    d = H5Dcreate2(file, path, type, space, H5P_DEFAULT, H5P_DEFAULT,
                   H5P_DEFAULT);
    assert_true(d >= 0);
    assert_true(H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         width ? (const void *)all : (const void *)v) >= 0);
    H5Dclose(d);
    H5Sclose(space);
    H5Tclose(type);
}

static void
put_numbers(hid_t file, const char *path, hid_t type, const int *v, hsize_t n)
{
    hid_t space = H5Screate_simple(1, &n, NULL);
    hid_t d = H5Dcreate2(file, path, type, space, H5P_DEFAULT, H5P_DEFAULT,
                         H5P_DEFAULT);

    assert_true(d >= 0);
    assert_true(
        H5Dwrite(d, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >= 0);
    H5Dclose(d);
    H5Sclose(space);
}

// Six frames of 2 x 2: sample k of frame f is 4 f + k.
static const char *
put_scan(const char *name)
{
    static const int key[] = {0, 0, 1, 2, 0, 1};
    static const int angle[] = {0, 5, 10, 15, 20, 25};
    static const char *const kind[] = {"ab", "cd", "ab", "x", "cd", "ab"};
    hid_t f = create(name);

    group(f, "entry");
    ramp(f, "entry/data", H5T_STD_U16BE, DIMS(6, 2, 2), H5P_DEFAULT);
    put_numbers(f, "entry/image_key", H5T_STD_I8LE, key, 6);
    put_numbers(f, "entry/angle", H5T_IEEE_F32BE, angle, 6);
    number(f, "entry/angle", "scale_factor", H5T_IEEE_F64LE, 0.5);
    put_numbers(f, "entry/short", H5T_STD_I32LE, key, 3);
    ramp(f, "entry/wide", H5T_STD_U16BE, DIMS(6, 2), H5P_DEFAULT);
    ramp(f, "entry/one", H5T_STD_U16BE, SCALAR, H5P_DEFAULT);
    put_texts(f, "entry/kind", kind, 6, 0);
    put_texts(f, "entry/fixed", kind, 6, 2);
    put_texts(f, "entry/few", kind, 2, 2);
    H5Fclose(f);
    return at(name);
}

static void
refused_datasets(void **state)
{
    static const struct {
        const char *frames;
        int code;
        const char *words;
    } bad[] = {
        {"/entry/absent == 0", QN_EMISSING,
         "frames: there is no /entry/absent"},
        {"/entry/short == 0", QN_ESHAPE,
         "/entry/short holds 3 values, but the leading axis of the data has 6"},
        {"/entry/wide == 0", QN_ESHAPE, "/entry/wide holds 6 x 2 values"},
        {"/entry/one == 0", QN_ESHAPE, "/entry/one holds a number"},
        {"/entry/few == 'ab'", QN_ESHAPE, "/entry/few holds 2 values"},
        {"/entry == 0", QN_EFORMAT, "/entry is a group"},
        {"/entry/image_key == 7", QN_EVALUE, "/entry/image_key holds 0, 1, 2"},
    };
    const char *path = put_scan("scan.h5");

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        refuse(SOURCE(.path = path, .dataset = "/entry/data",
                      .frames = bad[i].frames),
               bad[i].code, bad[i].words);
    refuse(SOURCE(.path = path, .dataset = "/entry/one", .frames = "1"),
           QN_ESHAPE, "has no frames");
    refuse(SOURCE(.path = put("x.raw", "abcd", 4), .format = "raw",
                  .dtype = "u1", .shape = {1, {4}}, .frames = "/key == 0"),
           QN_EJOB, "only `frame` can be used");
}

static void
expect_frames(const char *path, const char *frames, const char *want)
{
    double v[24];
    size_t n = 0;

    for (; *want; want++)
        for (int k = 0; k < 4; k++)
            v[n++] = 4 * (*want - '0') + k;
    expect(SOURCE(.path = path, .dataset = "/entry/data", .frames = frames),
           QN_U16, v, n);
}

static void
chosen_in_files(void **state)
{
    static const struct {
        const char *frames, *want;
    } rows[] = {
        {"/entry/image_key == 0", "014"},
        {"/entry/image_key != 0", "235"},
        {"entry/image_key == 1 and frame < 4", "2"},
        {"/entry/angle >= 5 and /entry/angle < 12", "234"}, // halved
        {"/entry/kind == 'cd'", "14"},
        {"/entry/fixed in ['cd', 'x']", "134"},
        {"frame % 2", "135"},
        {"frame >= 0", "012345"},
    };
    const char *path = put_scan("scan.h5");
    unsigned char *p;
    size_t n;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_frames(path, rows[i].frames, rows[i].want);
    p = slurp("scan.h5", &n);
    path = put_gzip("scan.h5.gz", p, n, 0);
    free(p);
    expect_frames(path, "/entry/image_key == 0", "014");
    expect_frames(path, "/entry/fixed == 'x'", "3");
    {
        static const double bytes[] = {'b', 'd'};

        expect(SOURCE(.path = put("x.raw", "abcd", 4), .dtype = "u1",
                      .shape = {1, {4}}, .frames = "frame % 2"),
               QN_U8, bytes, 2);
    }
}

// Frames 0 1 4, of these the second and third, of these a column.
static void
slice_of_chosen(void **state)
{
    static const char *const part[] = {"1:", ":", "1"};
    static const char *const far[] = {"0:4"};
    static const double want[] = {5, 7, 17, 19};
    const char *path = put_scan("scan.h5");
    struct qn_source s = {.path = path, .dataset = "/entry/data",
                          .frames = "/entry/image_key == 0", .nslice = 3,
                          .slice = part};

    (void)state;
    expect(&s, QN_U16, want, 4);
    s.nslice = 1;
    s.slice = far;
    refuse(&s, QN_ESHAPE, "axis 0, which has 3");
}

// Parts of what was chosen, decoded, by boxes of every start, count and step.
static void
boxes(void **state)
{
    static const int chosen[] = {0, 1, 4};
    const char *path = put_scan("scan.h5");
    struct qn_reader *r = open_good(
        SOURCE(.path = path, .dataset = "/entry/data", .missing = "17",
               .frames = "/entry/image_key == 0"));
    struct qn_error err = {0};
    float v[12];

    (void)state;
    for (int64_t start = 0; start < 3; start++)
        for (int64_t step = 1; step < 3; step++)
            for (int64_t n = 1; start + (n - 1) * step < 3; n++) {
                struct qn_box box = {
                    3, {start, 0, 1}, {n, 2, 1}, {step, 1, 1}};

                assert_int_equal(qn_reader_read(r, &box, v, &err), 0);
                for (int64_t i = 0; i < 2 * n; i++) {
                    int f = chosen[start + i / 2 * step];
                    int want = 4 * f + 1 + 2 * (int)(i % 2);

                    assert_true(want == 17 ? isnan(v[i])
                                           : v[i] == (float)want);
                }
            }
    qn_reader_close(r);
}

// A tomography scan of the real world: projections between flats and darks.
static void
real_scan(void **state)
{
    struct qn_info info;
    size_t n;

    (void)state;
    free(load(SOURCE(.path = shared("data/hdf5/tooth.h5"),
                     .dataset = "/exchange/data",
                     .frames = "/exchange/theta >= 90"),
              &info, &n));
    assert_true(info.type.shape.n[0] > 0 && info.type.shape.n[0] < 181);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_expressions),
        cmocka_unit_test(chosen_frames),
        cmocka_unit_test(runs),
        cmocka_unit_test(refused_datasets),
        cmocka_unit_test(chosen_in_files),
        cmocka_unit_test(slice_of_chosen),
        cmocka_unit_test(boxes),
        cmocka_unit_test(real_scan),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
