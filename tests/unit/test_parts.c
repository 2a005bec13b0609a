/* Several datasets joined along their leading axis: by patterns, by lists,
 * through links. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "hdf5_small.h"

static const char *
put_one(const char *name, const char *path, hid_t type, const hsize_t *n)
{
    hid_t f = create(name);

    ramp(f, path, type, n, H5P_DEFAULT);
    H5Fclose(f);
    return at(name);
}

static void
link_to(hid_t file, const char *path, const char *target)
{
    assert_true(H5Lcreate_external(target, "/x", file, path, H5P_DEFAULT,
                                   H5P_DEFAULT) >= 0);
}

/* As a Dectris detector writes: a master with a link to each data file.  Their
 * order by number is not that of their bytes.  Frames of 2 samples: 2 in
 * data_9, 3 in data_10, 1 in data_11. */
static const char *
put_master(const char *folder)
{
    char name[64];
    hid_t f;

    mkdir(at(folder), 0700);
    for (int k = 9; k < 12; k++) {
        snprintf(name, sizeof name, "%s/data_%d.h5", folder, k);
        put_one(name, "x", H5T_STD_U32LE,
                DIMS(k == 9 ? 2 : k == 10 ? 3 : 1, 2));
    }
    snprintf(name, sizeof name, "%s/master.h5", folder);
    f = create(name);
    group(f, "entry");
    group(f, "entry/data");
    group(f, "entry/data/data_group"); // passed over: no dataset
    link_to(f, "entry/data/data_9", "data_9.h5");
    link_to(f, "entry/data/data_10", "data_10.h5");
    link_to(f, "entry/data/data_11", "data_11.h5");
    ramp(f, "entry/time", H5T_STD_U32LE, DIMS(6), H5P_DEFAULT);
    ramp(f, "entry/other", H5T_STD_U32LE, DIMS(2, 3), H5P_DEFAULT);
    ramp(f, "entry/small", H5T_STD_U16LE, DIMS(4, 2), H5P_DEFAULT);
    ramp(f, "entry/one", H5T_STD_U32LE, SCALAR, H5P_DEFAULT);
    H5Fclose(f);
    return at(name);
}

static const double joined[] = {0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 0, 1};

static void
refused(void **state)
{
    static const struct {
        const char *names[3];
        int code;
        const char *words;
    } bad[] = {
        {{"/entry/data/dta_*"}, QN_EMISSING,
         "no dataset matches /entry/data/dta_*"},
        {{"/entry/dta/data_*"}, QN_EMISSING, "there is no /entry/dta"},
        {{"/entry/time/*"}, QN_EMISSING, "no dataset matches"},
        {{"/*"}, QN_EMISSING, "no dataset matches /*"},
        {{"/entry/time", "/entry/absent"}, QN_EMISSING,
         "there is no /entry/absent"},
        {{"/entry/data/data_9", "/entry/other"}, QN_ESHAPE,
         "/entry/data/data_9 (2 x 2, uint32) and /entry/other (2 x 3, uint32) "
         "cannot be joined"},
        {{"/entry/data/*", "/entry/small"}, QN_ESHAPE,
         "/entry/small (4 x 2, uint16) cannot be joined"},
        {{"/entry/time", "/entry/one"}, QN_ESHAPE, "a single number"},
        {{"/entry/one", "/entry/time"}, QN_ESHAPE, "cannot be joined"},
        {{"/entry/data/data_9", "/entry/data"}, QN_EFORMAT, "is a group"},
    };
    const char *path = put_master("m");

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *const *names = bad[i].names;

        refuse(SOURCE(.path = path, .datasets = names,
                      .ndatasets = names[1] ? 2 : 1),
               bad[i].code, bad[i].words);
        if (!names[1])
            refuse(SOURCE(.path = path, .dataset = names[0]), bad[i].code,
                   bad[i].words);
    }
    // A file of the set that is not there is told, not left out.
    assert_int_equal(unlink(at("m/data_10.h5")), 0);
    refuse(SOURCE(.path = path, .dataset = "/entry/data/data_*"), QN_EMISSING,
           "links to 'data_10.h5', which is not there");
}

static void
patterns(void **state)
{
    static const char *const names[] = {
        "/entry/data/data_*", "entry/data/data_*", "/entry/data/*",
        "/entry/*/data_*",    "/e*/d*/data_?*",    "//entry//data//data_[19]*",
    };
    const char *path = put_master("m");
    struct qn_reader *r;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        expect(SOURCE(.path = path, .dataset = names[i]), QN_U32, joined, 12);
    r = open_good(SOURCE(.path = path, .dataset = names[0]));
    assert_string_equal(qn_reader_info(r)->where,
                        "/entry/data/data_9 and 2 more");
    assert_int_equal(qn_reader_info(r)->type.shape.n[0], 6);
    expect_field(r, "/entry/one", "0", false, 0);
    qn_reader_close(r);
    // One match is one dataset, and need not be joined with anything.
    expect(SOURCE(.path = path, .dataset = "/entry/o?e"), QN_U32, joined, 1);
}

static void
lists(void **state)
{
    static const double want[] = {0, 1, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5};
    const char *const names[] = {"/entry/data/data_11", "/entry/data/data_9"};
    // Again by the pattern: each is read once, where it stands first.
    const char *const twice[] = {"/entry/data/data_11", "/entry/data/data_*"};
    const char *path = put_master("m");

    (void)state;
    expect(SOURCE(.path = path, .datasets = names, .ndatasets = 2,
                  .dataset = "/not/looked/at"),
           QN_U32, want, 6);
    expect(SOURCE(.path = path, .datasets = twice, .ndatasets = 2), QN_U32,
           want, 12);
}

// Names behind a wildcard: groups that lack them are passed over.
static void
groups_between(void **state)
{
    static const double want[] = {0, 1, 0, 1, 2};
    hid_t f = create("g.h5");

    (void)state;
    group(f, "scan_2");
    group(f, "scan_10");
    group(f, "scan_3");
    group(f, "scan_3/deep");
    group(f, "scan_10/deep");
    ramp(f, "scan_10/deep/x", H5T_STD_I8LE, DIMS(3), H5P_DEFAULT);
    ramp(f, "scan_3/deep/x", H5T_STD_I8LE, DIMS(2), H5P_DEFAULT);
    ramp(f, "odd[1]*", H5T_STD_I8LE, DIMS(2), H5P_DEFAULT);
    ramp(f, "odd1", H5T_STD_I8LE, DIMS(3), H5P_DEFAULT);
    H5Fclose(f);
    expect(SOURCE(.path = at("g.h5"), .dataset = "/scan_*/deep/x"), QN_I8,
           want, 5);
    expect(SOURCE(.path = at("g.h5"), .dataset = "/scan_*/*/[xyz]"), QN_I8,
           want, 5);
    // A name that exists is that name, whatever is in it.
    expect(SOURCE(.path = at("g.h5"), .dataset = "odd[1]*"), QN_I8, want, 2);
}

static void
boxes(void **state)
{
    const char *path = put_master("m");
    struct qn_reader *r =
        open_good(SOURCE(.path = path, .dataset = "/entry/data/data_*"));
    struct qn_error err = {0};
    uint32_t v[12];

    (void)state;
    for (int64_t start = 5; start >= 0; start--)
        for (int64_t step = 1; step < 6; step++)
            for (int64_t n = 0; start + (n - 1) * step < 6; n++) {
                struct qn_box box = {2, {start, 1}, {n, 1}, {step, 1}};

                memset(v, 0xff, sizeof v);
                if (qn_reader_read(r, &box, v, &err))
                    fail_msg("%s", err.text);
                for (int64_t i = 0; i < n; i++)
                    assert_int_equal(v[i], joined[2 * (start + i * step) + 1]);
                assert_int_equal(v[n], 0xffffffff);
            }
    qn_reader_close(r);
}

static void
with_frames_and_slice(void **state)
{
    static const char *const part[] = {"1:", "1"};
    static const double want[] = {1, 3, 5, 1}, cut[] = {3, 5, 1};
    const char *path = put_master("m");
    struct qn_source s = {.path = path, .dataset = "/entry/data/data_*",
                          .frames = "/entry/time >= 2", .nslice = 2,
                          .slice = (const char *const[]){":", "1"}};

    (void)state;
    expect(&s, QN_U32, want, 4);
    s.slice = part;
    expect(&s, QN_U32, cut, 3);
    s.frames = "/entry/other == 1";
    refuse(&s, QN_ESHAPE, "/entry/other holds 2 x 3 values");
}

// Each dataset is decoded as it says itself.
static void
decoded(void **state)
{
    static const double want[] = {0, 1, 2, 10, 12, 14};
    const char *const both[] = {"a", "b"};
    hid_t f = create("cf.h5");

    (void)state;
    ramp(f, "a", H5T_STD_I16LE, DIMS(3), H5P_DEFAULT);
    ramp(f, "b", H5T_STD_I16LE, DIMS(3), H5P_DEFAULT);
    number(f, "b", "scale_factor", H5T_IEEE_F32LE, 2);
    number(f, "b", "add_offset", H5T_IEEE_F32LE, 10);
    H5Fclose(f);
    // int16 and float32
    refuse(SOURCE(.path = at("cf.h5"), .datasets = both, .ndatasets = 2),
           QN_ESHAPE, "cannot be joined");
    expect(SOURCE(.path = at("cf.h5"), .datasets = both, .ndatasets = 2,
                  .missing = "-1"),
           QN_F32, want, 6);
}

// Nothing stays open: far more datasets than descriptors may be.
static void
many(void **state)
{
    struct rlimit limit, low;
    char name[64];
    struct total t;
    hid_t f;

    (void)state;
    mkdir(at("many"), 0700);
    f = create("many/master.h5");
    for (int k = 0; k < 300; k++) {
        snprintf(name, sizeof name, "many/%d.h5", k);
        put_one(name, "x", H5T_STD_I16LE, DIMS(2));
        link_to(f, strchr(name, '/') + 1, strchr(name, '/') + 1);
    }
    H5Fclose(f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = (struct rlimit){64, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    t = total(SOURCE(.path = at("many/master.h5"), .dataset = "*"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(t.n, 600);
    assert_int_equal(t.sum, 300);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(patterns),
        cmocka_unit_test(lists),
        cmocka_unit_test(groups_between),
        cmocka_unit_test(boxes),
        cmocka_unit_test(with_frames_and_slice),
        cmocka_unit_test(decoded),
        cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
