/* The front end: which format, which part, which values; and what is said of
 * files that are none. */
#include "io/bytes.h"

#include "reader_run.h"

static const char npy_4x6[] =
    "\x93NUMPY\1\0\x76\0{'descr': '|u1', 'fortran_order': False, 'shape': "
    "(4, 6), }";

// 4 x 6 samples, sample (y, x) is 10 y + x.
static const char *
put_ramp(void)
{
    unsigned char p[128 + 24];

    memset(p, ' ', 128);
    memcpy(p, npy_4x6, sizeof npy_4x6 - 1);
    for (int i = 0; i < 24; i++)
        p[128 + i] = (unsigned char)(10 * (i / 6) + i % 6);
    return put("ramp.npy", p, sizeof p);
}

static void
no_file_of_ours(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
        const char *words;
    } bad[] = {
        {"empty.fits", "", 0, "the file is empty"},
        {"p.fits",
         "version https://git-lfs.github.com/spec/v1\noid sha256:95\nsize 3\n",
         62, "git lfs pull"},
        {"p.h5", "<!DOCTYPE html><html>", 21, "a web page"},
        {"q.h5", "\n <HTML><body>Not found", 22, "a web page"},
        {"t.fits", "Dear user,\nno", 13, "begins with \"Dear user,\""},
        {"z.h5", "\0\0\0\0\0\0\0\0\0\0", 10, "10 zero bytes"},
        {"a.npz", "PK\3\4\0\0\0\0", 8, "unzip"},
        {"a.xz",
         "\xfd"
         "7zXZ\0\1\2",
         8, "compressed"},
        {"a.bz2", "BZh91AY&SY\1\2", 12, "compressed"},
        {"a.gif", "GIF87a\1\2\3\4", 10, "47 49 46 38 37 61 01 02"},
        {"g.gz", "\x1f\x8b\x08\0\0", 5, "gzip data is truncated"},
        {"one", "\x89", 1, "this is not"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        refuse(SOURCE(.path = put(bad[i].name, bad[i].bytes, bad[i].n)),
               QN_EFORMAT, bad[i].words);
    refuse(SOURCE(.path = at("absent")), QN_EIO, "No such file");
    refuse(SOURCE(.path = scratch), QN_EIO, "is a folder");
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    refuse(SOURCE(.path = at("pipe")), QN_EIO, "not a regular file");
}

static void
format_said_and_found(void **state)
{
    const char *p = put_ramp();

    (void)state;
    refuse(SOURCE(.path = p, .format = "fit"), QN_EJOB, "did you mean 'fits'");
    refuse(SOURCE(.path = p, .format = "csv"), QN_EJOB, "csv");
    refuse(SOURCE(.path = p, .format = "fits"), QN_EFORMAT,
           "this is a npy file");
    refuse(SOURCE(.path = put("t.txt", "hello", 5), .format = "hdf5"),
           QN_EFORMAT, "not a hdf5 file");
    assert_int_equal(total(SOURCE(.path = p, .format = "auto")).n, 24);
    assert_int_equal(total(SOURCE(.path = p, .format = "npy")).n, 24);
    // Said to be raw, so it is: header and all.
    assert_int_equal(
        total(SOURCE(.path = p, .dtype = "u1", .shape = {1, {-1}})).n, 152);
}

// What the job names must be something that such a file can have.
static void
names_of_nothing(void **state)
{
    const char *p = put_ramp();
    static const char *const two[] = {"/a", "/b"};

    (void)state;
    refuse(SOURCE(.path = p, .dataset = "/x"), QN_EJOB,
           "dataset '/x' is asked for, and npy files hold none; leave it");
    refuse(SOURCE(.path = p, .datasets = two, .ndatasets = 2), QN_EJOB,
           "dataset '/a' is asked for");
    refuse(SOURCE(.path = p, .hdu = "1"), QN_EJOB,
           "HDU '1' is asked for, and npy files hold none; leave it out");
    refuse(SOURCE(.path = p, .dtype = "u1", .shape = {1, {-1}},
                  .dataset = "/x"),
           QN_EJOB, "and raw files hold none");
    refuse(SOURCE(.path = p, .dtype = "u1", .shape = {1, {-1}}, .hdu = "0"),
           QN_EJOB, "and raw files hold none");
}

static void
gzip_content(void **state)
{
    unsigned char pair[512];
    unsigned char *p;
    size_t n, m;

    (void)state;
    put_ramp();
    p = slurp("ramp.npy", &n);
    refuse(SOURCE(.path = put_gzip("cut.gz", p, n, 1)), QN_EFORMAT,
           "truncated");
    // Two members are one content; zeros behind are padding; else is damage.
    put_gzip("one.gz", p, 100, 0);
    put_gzip("two.gz", p + 100, n - 100, 0);
    free(p);
    p = slurp("one.gz", &n);
    memcpy(pair, p, n);
    free(p);
    p = slurp("two.gz", &m);
    memset(pair + n, 0, sizeof pair - n);
    memcpy(pair + n, p, m);
    free(p);
    assert_int_equal(total(SOURCE(.path = put("p.gz", pair, n + m))).n, 24);
    assert_int_equal(total(SOURCE(.path = put("p.gz", pair, n + m + 9))).n, 24);
    pair[n + m] = 'x';
    refuse(SOURCE(.path = put("p.gz", pair, n + m + 2)), QN_EFORMAT,
           "not gzip follow");
    // Damage in the middle fails the check sum or the decoder.
    pair[n + 14] ^= 0x55;
    refuse(SOURCE(.path = put("p.gz", pair, n + m)), QN_EFORMAT, "damaged");
}

// What a gzipped file holds is inflated once for all who read it in turn.
static void
gzip_kept(void **state)
{
    struct qn_bytes_kept kept = {0};
    struct qn_reader *r, *other;
    const unsigned char *data;
    unsigned char *p;
    double before;
    size_t n;

    (void)state;
    put_ramp();
    p = slurp("ramp.npy", &n);
    put_gzip("a.gz", p, n, 0);
    put_gzip("b.gz", p, n, 0);
    assert_int_equal(total(SOURCE(.path = at("a.gz"), .kept = &kept)).n, 24);
    data = kept.data;
    assert_non_null(data);
    assert_int_equal(kept.users, 0);
    assert_int_equal(
        qn_reader_open(&r, SOURCE(.path = at("a.gz"), .kept = &kept), NULL), 0);
    assert_ptr_equal(kept.data, data);
    assert_int_equal(kept.users, 1);
    assert_int_equal(qn_reader_info(r)->unpacks,
                     (int64_t)n + (int64_t)kept.of.st_size);
    // while it is in use another file has its own
    assert_int_equal(
        qn_reader_open(&other, SOURCE(.path = at("b.gz"), .kept = &kept), NULL),
        0);
    assert_ptr_equal(kept.data, data);
    assert_int_equal(kept.users, 1);
    qn_reader_close(other);
    qn_reader_close(r);
    assert_int_equal(kept.users, 0);
    // one that was changed is another, and so is one without gzip
    before = total(SOURCE(.path = at("b.gz"))).sum;
    p[n - 1]++;
    assert_int_equal(unlink(at("a.gz")), 0);
    put_gzip("a.gz", p, n, 0);
    assert_true(total(SOURCE(.path = at("a.gz"), .kept = &kept)).sum ==
                before + 1);
    assert_int_equal(total(SOURCE(.path = at("ramp.npy"), .kept = &kept)).n,
                     24);
    assert_null(kept.data);
    free(p);
}

static void
slices_refused(void **state)
{
    static const struct {
        const char *word;
        int code;
        const char *words;
    } bad[] = {
        {"", QN_EJOB, "cannot be read"},
        {" ", QN_EJOB, "cannot be read"},
        {"a", QN_EJOB, "cannot be read"},
        {"1:2:3:4", QN_EJOB, "cannot be read"},
        {"1 2", QN_EJOB, "cannot be read"},
        {"0:2:0", QN_EJOB, "step"},
        {"0:2:-1", QN_EJOB, "step"},
        {"99999999999999999999", QN_EJOB, "cannot be read"},
        {"4", QN_ESHAPE, "axis 0, which has 4"},
        {"0:5", QN_ESHAPE, "axis 0, which has 4"},
        {"-5", QN_ESHAPE, "axis 0, which has 4"},
        {"2:2", QN_ESHAPE, "empty"},
        {"3:1", QN_ESHAPE, "empty"},
        {"[1:6,1:5]", QN_ESHAPE, "which has 4"},
        {"[1:3]", QN_ESHAPE, "names 1 axes but the data has 2"},
    };
    const char *p = put_ramp();

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        refuse(SOURCE(.path = p, .nslice = 1, .slice = &bad[i].word),
               bad[i].code, bad[i].words);
    refuse(SOURCE(.path = p, .nslice = 3,
                  .slice = (const char *const[]){":", ":", ":"}),
           QN_ESHAPE, "names 3 axes");
}

static void
slices(void **state)
{
    static const struct {
        const char *word[2];
        int n;
        double want[8];
        size_t nwant;
    } good[] = {
        {{"1:3", "0:6:3"}, 2, {10, 13, 20, 23}, 4},
        {{"2", "1::2"}, 2, {21, 23, 25}, 3},
        {{":", "-1"}, 2, {5, 15, 25, 35}, 4},
        {{"::3", ":-4"}, 2, {0, 1, 30, 31}, 4},
        {{"-1"}, 1, {30, 31, 32, 33, 34, 35}, 6},
        {{" 1 : 2 ", "4:"}, 2, {14, 15}, 2},
        {{"[2:3, 4:4]"}, 1, {31, 32}, 2},
        {{"[1:2,1:3]"}, 1, {0, 1, 10, 11, 20, 21}, 6},
    };
    const char *p = put_ramp();

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        expect(SOURCE(.path = p, .nslice = good[i].n, .slice = good[i].word),
               QN_U8, good[i].want, good[i].nwant);
}

static void
boxes_within_slices(void **state)
{
    static const char *const word[] = {"1:4", "1::2"}; // 11 13 15 21 ... 35
    struct qn_reader *r =
        open_good(SOURCE(.path = put_ramp(), .nslice = 2, .slice = word));
    struct qn_box box = {2, {0, 1}, {2, 2}, {2, 1}};
    struct qn_error err = {0};
    unsigned char v[4] = {0};

    (void)state;
    assert_int_equal(qn_reader_info(r)->type.shape.n[0], 3);
    assert_int_equal(qn_reader_info(r)->type.shape.n[1], 3);
    assert_int_equal(qn_reader_read(r, &box, v, &err), 0);
    assert_memory_equal(v, ((const unsigned char[]){13, 15, 33, 35}), 4);
    box.count[1] = 3;
    assert_int_equal(qn_reader_read(r, &box, v, &err), QN_ESHAPE);
    assert_non_null(strstr(err.text, "axis 1, which has 3"));
    box = (struct qn_box){1, {0}, {1}, {1}};
    assert_int_equal(qn_reader_read(r, &box, v, &err), QN_ESHAPE);
    box = (struct qn_box){2, {0, 0}, {0, 3}, {1, 1}};
    assert_int_equal(qn_reader_read(r, &box, NULL, &err), 0);
    expect_field(r, "EXPTIME", NULL, false, QN_EMISSING);
    assert_int_equal(qn_reader_cards(r)->n, 0);
    qn_reader_close(r);
    qn_reader_close(NULL);
}

// Boxes of a file larger than what is read at once, against the plain way.
static void
boxes_of_a_large_file(void **state)
{
    enum { NZ = 5, NY = 500, NX = 700 };
    static const struct qn_box boxes[] = {
        {3, {0, 0, 0}, {NZ, NY, NX}, {1, 1, 1}},
        {3, {1, 10, 20}, {3, 400, 600}, {1, 1, 1}},
        {3, {0, 3, 5}, {3, 120, 40}, {2, 4, 17}},
        {3, {4, 0, 699}, {1, 500, 1}, {1, 1, 1}},
        {3, {0, 499, 0}, {5, 1, 700}, {1, 1, 1}},
    };
    size_t n = (size_t)NZ * NY * NX;
    uint32_t *all = malloc(n * 4), *part = malloc(n * 4);
    struct qn_reader *r;
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < n; i++)
        all[i] = (uint32_t)i * 2654435761u;
    put("large.raw", all, n * 4);
    r = open_good(SOURCE(.path = at("large.raw"), .dtype = "u4",
                         .shape = {3, {-1, NY, NX}}));
    for (size_t b = 0; b < COUNT(boxes); b++) {
        const struct qn_box *x = &boxes[b];
        size_t k = 0;

        assert_int_equal(qn_reader_read(r, x, part, &err), 0);
        for (int64_t z = 0; z < x->count[0]; z++)
            for (int64_t y = 0; y < x->count[1]; y++)
                for (int64_t c = 0; c < x->count[2]; c++, k++) {
                    int64_t i = ((x->start[0] + z * x->step[0]) * NY +
                                 x->start[1] + y * x->step[1]) *
                                    NX +
                                x->start[2] + c * x->step[2];

                    if (part[k] != all[i])
                        fail_msg("box %zu, sample %zu", b, k);
                }
    }
    qn_reader_close(r);
    free(all);
    free(part);
}

static void
missing_values(void **state)
{
    static const float f[] = {-1e34f, 1, INFINITY, NAN, -INFINITY, -0.0f};
    static const double kept[] = {NAN, 1, INFINITY, NAN, -INFINITY, 0};
    static const double finite[] = {-1e34f, 1, NAN, NAN, NAN, 0};
    static const int64_t big[] = {INT64_MAX, INT64_MAX - 1, -1};
    static const double wide[] = {NAN, 9223372036854775807.0, -1};
    const char *p = put("f.raw", f, sizeof f);
    struct qn_source s = {.path = p, .dtype = "f4", .shape = {1, {-1}}};

    (void)state;
    // -1e34 as a double is not the float nearest to it: compared as floats.
    s.missing = "-1e34";
    expect(&s, QN_F32, kept, 6);
    s.missing = "non-finite";
    expect(&s, QN_F32, finite, 6);
    s.missing = "none";
    refuse(&s, QN_EJOB, "neither a number nor non-finite");
    s.missing = "1 2";
    refuse(&s, QN_EJOB, "1 2");
    s = (struct qn_source){.path = put("i.raw", big, sizeof big),
                           .dtype = "i8",
                           .shape = {1, {-1}},
                           .missing = "9223372036854775807"};
    expect(&s, QN_F64, wide, 3);
    // A value the type cannot hold never occurs, and still makes reals.
    s = (struct qn_source){.path = put("b.raw", "\1\2", 2),
                           .dtype = "u1",
                           .shape = {1, {-1}},
                           .missing = "-999.5"};
    expect(&s, QN_F32, (const double[]){1, 2}, 2);
    s.missing = "non-finite"; // integers are finite
    expect(&s, QN_U8, (const double[]){1, 2}, 2);
    s.missing = "2.0";
    expect(&s, QN_F32, (const double[]){1, NAN}, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_file_of_ours),
        cmocka_unit_test(format_said_and_found),
        cmocka_unit_test(names_of_nothing),
        cmocka_unit_test(gzip_content),
        cmocka_unit_test(gzip_kept),
        cmocka_unit_test(slices_refused),
        cmocka_unit_test(slices),
        cmocka_unit_test(boxes_within_slices),
        cmocka_unit_test(boxes_of_a_large_file),
        cmocka_unit_test(missing_values),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
