/* HDF5: which dataset, what it holds, where links may lead. */
#include <sys/stat.h>

#include "hdf5_small.h"

static void
simple(const char *name)
{
    hid_t f = create(name);

    ramp(f, "x", H5T_STD_I16LE, DIMS(2, 3), H5P_DEFAULT);
    H5Fclose(f);
}

static const double six[] = {0, 1, 2, 3, 4, 5};

/* ---- which dataset ------------------------------------------------------ */

static void
put_odd_types(void)
{
    hid_t f = create("odd.h5"), s = H5Tcopy(H5T_C_S1), null, d;
    hid_t pair = H5Tcreate(H5T_COMPOUND, 8), space;
    hsize_t two = 2;

    group(f, "g");
    H5Tset_size(s, 5);
    H5Tinsert(pair, "a", 0, H5T_NATIVE_INT);
    space = H5Screate_simple(1, &two, NULL);
    null = H5Screate(H5S_NULL);
    d = H5Dcreate2(f, "s", s, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(d);
    d = H5Dcreate2(f, "c", pair, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(d);
    d = H5Dcreate2(f, "r", H5T_STD_REF_OBJ, space, H5P_DEFAULT, H5P_DEFAULT,
                   H5P_DEFAULT);
    H5Dclose(d);
    d = H5Dcreate2(f, "null", H5T_NATIVE_INT, null, H5P_DEFAULT, H5P_DEFAULT,
                   H5P_DEFAULT);
    H5Dclose(d);
    ramp(f, "nine", H5T_STD_I8LE, DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1), H5P_DEFAULT);
    ramp(f, "scalar", H5T_STD_I8LE, SCALAR, H5P_DEFAULT);
    H5Sclose(null);
    H5Sclose(space);
    H5Tclose(pair);
    H5Tclose(s);
    H5Fclose(f);
}

static void
refused(void **state)
{
    static const struct {
        const char *dataset;
        int code;
        const char *words;
    } bad[] = {
        {NULL, QN_EFORMAT, "holds no dataset of numbers"},
        {"/absent", QN_EMISSING, "there is no /absent"},
        {"g/absent/x", QN_EMISSING, "there is no /g/absent"},
        {"/s/x", QN_EMISSING, "there is no /s/x"},
        {"g", QN_EFORMAT, "/g is a group"},
        {"/", QN_EFORMAT, "is a group"},
        {"s", QN_EFORMAT, "holds texts"},
        {"c", QN_EFORMAT, "holds records"},
        {"r", QN_EFORMAT, "holds references"},
        {"null", QN_EFORMAT, "null space"},
        {"nine", QN_EFORMAT, "9 axes; 8 are the most"},
    };
    unsigned char *p;
    size_t n;

    (void)state;
    put_odd_types();
    for (size_t i = 0; i < COUNT(bad); i++)
        refuse(SOURCE(.path = at("odd.h5"), .dataset = bad[i].dataset),
               bad[i].code, bad[i].words);
    expect(SOURCE(.path = at("odd.h5"), .dataset = "scalar"), QN_I8, six, 1);
    simple("cut.h5");
    p = slurp("cut.h5", &n);
    refuse(SOURCE(.path = put("cut.h5", p, n - 1)), QN_EFORMAT,
           "truncated file");
    refuse(SOURCE(.path = put("cut.h5", p, 20)), QN_EFORMAT,
           "cannot be opened as HDF5");
    free(p);
}

static void
several_candidates(void **state)
{
    hid_t f = create("many.h5");
    char name[16];

    (void)state;
    ramp(f, "b", H5T_STD_U16BE, DIMS(2, 2), H5P_DEFAULT);
    ramp(f, "a", H5T_IEEE_F32LE, DIMS(3), H5P_DEFAULT);
    ramp(f, "n", H5T_STD_I8LE, SCALAR, H5P_DEFAULT);
    H5Fclose(f);
    refuse(SOURCE(.path = at("many.h5")), QN_EFORMAT,
           "name one as dataset: /a (3, float32), /b (2 x 2, uint16)");
    f = create("more.h5");
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "d%02d", i);
        ramp(f, name, H5T_STD_I8LE, DIMS(1), H5P_DEFAULT);
    }
    H5Fclose(f);
    refuse(SOURCE(.path = at("more.h5")), QN_EFORMAT, "/d11 (1, int8), ...");
    refuse(SOURCE(.path = at("many.h5"), .hdu = "1"), QN_EJOB,
           "HDU '1' is asked for, and hdf5 files hold none; name the dataset");
}

static void
only_candidate(void **state)
{
    hid_t f = create("only.h5");

    (void)state;
    group(f, "deep");
    ramp(f, "deep/x", H5T_STD_I32BE, DIMS(2, 3), H5P_DEFAULT);
    ramp(f, "y", H5T_STD_I8LE, DIMS(2), H5P_DEFAULT);
    text_at(f, "y", "CLASS", "DIMENSION_SCALE");
    H5Fclose(f);
    expect(SOURCE(.path = at("only.h5")), QN_I32, six, 6);
}

// As NeXus leads: the root's @default, or its only entry.
static void
nexus_default(void **state)
{
    hid_t f = create("nexus.h5");
    struct qn_reader *r;

    (void)state;
    group(f, "entry");
    text_at(f, "entry", "NX_class", "NXentry");
    group(f, "entry/one");
    text_at(f, "entry/one", "NX_class", "NXdata");
    text_at(f, "entry/one", "signal", "counts");
    ramp(f, "entry/one/counts", H5T_STD_I16BE, DIMS(2, 3), H5P_DEFAULT);
    ramp(f, "entry/one/x", H5T_STD_I16BE, DIMS(3), H5P_DEFAULT);
    H5Fclose(f);
    r = open_good(SOURCE(.path = at("nexus.h5")));
    assert_string_equal(qn_reader_info(r)->where, "/entry/one/counts");
    qn_reader_close(r);
    f = H5Fopen(at("nexus.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    group(f, "entry/two");
    text_at(f, "entry/two", "NX_class", "NXdata");
    text_at(f, "entry/two", "signal", "/entry/one/x");
    H5Fclose(f);
    refuse(SOURCE(.path = at("nexus.h5")), QN_EFORMAT, "several");
    f = H5Fopen(at("nexus.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    text_at(f, "/", "default", "entry");
    text_at(f, "entry", "default", "two");
    H5Fclose(f);
    expect(SOURCE(.path = at("nexus.h5")), QN_I16, six, 3);
    // A default that leads nowhere is no reason to give up, nor to hang.
    f = create("loop.h5");
    group(f, "g");
    text_at(f, "/", "default", "g");
    text_at(f, "g", "default", "/g");
    ramp(f, "x", H5T_STD_I16LE, DIMS(2, 3), H5P_DEFAULT);
    H5Fclose(f);
    expect(SOURCE(.path = at("loop.h5")), QN_I16, six, 6);
}

/* ---- samples ------------------------------------------------------------ */

static void
types_and_regions(void **state)
{
    static const char *const part[] = {"1:3", "::2", "1:5:3"};
    static const double want[] = {21, 24, 31, 34, 41, 44, 51, 54};
    static const hsize_t chunk[] = {2, 3, 2};
    hid_t types[] = {H5T_STD_I8BE,  H5T_STD_U8LE,  H5T_STD_I16BE,
                     H5T_STD_U16LE, H5T_STD_I32BE, H5T_STD_U32LE,
                     H5T_STD_I64BE, H5T_STD_U64LE, H5T_IEEE_F32BE,
                     H5T_IEEE_F64BE};

    (void)state;
    for (int t = 0; t < QN_NDTYPES; t++) {
        hid_t f = create("types.h5"), dcpl = H5Pcreate(H5P_DATASET_CREATE);

        H5Pset_chunk(dcpl, 3, chunk);
        H5Pset_shuffle(dcpl);
        H5Pset_deflate(dcpl, 4);
        ramp(f, "x", types[t], DIMS(3, 4, 5), dcpl);
        H5Pclose(dcpl);
        H5Fclose(f);
        expect(SOURCE(.path = at("types.h5"), .nslice = 3, .slice = part),
               (enum qn_dtype)t, want, 8);
    }
}

static void
half_and_bool(void **state)
{
    static const signed char flags[] = {0, 1, 1};
    hid_t f = create("half.h5"), half = H5Tcopy(H5T_IEEE_F32LE), flag;
    hid_t space, d;
    hsize_t three = 3;
    signed char v;

    (void)state;
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_precision(half, 16);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    ramp(f, "half", half, DIMS(2, 3), H5P_DEFAULT);
    flag = H5Tenum_create(H5T_STD_I8LE);
    H5Tenum_insert(flag, "FALSE", (v = 0, &v));
    H5Tenum_insert(flag, "TRUE", (v = 1, &v));
    space = H5Screate_simple(1, &three, NULL);
    d = H5Dcreate2(f, "flag", flag, space, H5P_DEFAULT, H5P_DEFAULT,
                   H5P_DEFAULT);
    H5Dwrite(d, flag, H5S_ALL, H5S_ALL, H5P_DEFAULT, flags);
    H5Dclose(d);
    H5Sclose(space);
    H5Tclose(flag);
    H5Tclose(half);
    H5Fclose(f);
    expect(SOURCE(.path = at("half.h5"), .dataset = "half"), QN_F32, six, 6);
    expect(SOURCE(.path = at("half.h5"), .dataset = "flag"), QN_I8,
           (const double[]){0, 1, 1}, 3);
}

static void
cf_attributes(void **state)
{
    static const double decoded[] = {10, NAN, 11, NAN, 12, 12.5};
    hid_t f = create("cf.h5");
    const char *p = at("cf.h5");

    (void)state;
    ramp(f, "x", H5T_STD_I16LE, DIMS(2, 3), H5P_DEFAULT);
    number(f, "x", "scale_factor", H5T_IEEE_F64LE, 0.5);
    number(f, "x", "add_offset", H5T_IEEE_F32LE, 10);
    number(f, "x", "_FillValue", H5T_STD_I16LE, 1);
    number(f, "x", "missing_value", H5T_IEEE_F64LE, 3);
    ramp(f, "plain", H5T_STD_I16LE, DIMS(2, 3), H5P_DEFAULT);
    number(f, "plain", "_FillValue", H5T_IEEE_F64LE, 2.5); // never occurs
    ramp(f, "wide", H5T_STD_I32LE, DIMS(2, 3), H5P_DEFAULT);
    number(f, "wide", "scale_factor", H5T_IEEE_F64LE, 2);
    ramp(f, "unsigned", H5T_STD_I8LE, DIMS(2, 3), H5P_DEFAULT);
    text_at(f, "unsigned", "_Unsigned", "true");
    number(f, "unsigned", "_FillValue", H5T_STD_I8LE, -1);
    H5Fclose(f);
    expect(SOURCE(.path = p, .dataset = "x"), QN_F32, decoded, 6);
    expect(SOURCE(.path = p, .dataset = "x", .undecoded = true), QN_I16, six,
           6);
    expect(SOURCE(.path = p, .dataset = "plain"), QN_F32, six, 6);
    expect(SOURCE(.path = p, .dataset = "wide"), QN_F64,
           (const double[]){0, 2, 4, 6, 8, 10}, 6);
    expect(SOURCE(.path = p, .dataset = "unsigned"), QN_F32, six, 6);
    expect(SOURCE(.path = p, .dataset = "unsigned", .undecoded = true), QN_I8,
           six, 6);
    expect(SOURCE(.path = p, .dataset = "wide", .missing = "2"), QN_F64,
           (const double[]){0, 2, NAN, 6, 8, 10}, 6);
}

static void
wrapped_files(void **state)
{
    unsigned char *p;
    hid_t fcpl = H5Pcreate(H5P_FILE_CREATE), f;
    size_t n;

    (void)state;
    // Behind a user block of 1,024 bytes.
    H5Pset_userblock(fcpl, 1024);
    f = H5Fcreate(at("user.h5"), H5F_ACC_TRUNC, fcpl, H5P_DEFAULT);
    ramp(f, "x", H5T_STD_I16LE, DIMS(2, 3), H5P_DEFAULT);
    H5Fclose(f);
    H5Pclose(fcpl);
    expect(SOURCE(.path = at("user.h5")), QN_I16, six, 6);
    simple("plain.h5");
    p = slurp("plain.h5", &n);
    expect(SOURCE(.path = put_gzip("plain.h5.gz", p, n, 0)), QN_I16, six, 6);
    free(p);
}

/* ---- fields ------------------------------------------------------------- */

static void
fields(void **state)
{
    static const char *const words = "variable";
    hid_t f = create("fields.h5"), type = H5Tcopy(H5T_C_S1), space, d;
    struct qn_reader *r;
    float third = 1.0f / 3;

    (void)state;
    ramp(f, "x", H5T_STD_I16LE, DIMS(2, 3), H5P_DEFAULT);
    group(f, "g");
    ramp(f, "g/one", H5T_STD_U32BE, DIMS(1), H5P_DEFAULT);
    number(f, "x", "exposure", H5T_IEEE_F64BE, 0.1);
    number(f, "g", "big", H5T_STD_I64LE, -4503599627370497.0);
    number(f, "/", "third", H5T_IEEE_F32LE, (double)third);
    text_at(f, "x", "filter", "V  ");
    text_at(f, "x", "latin", "M\xfcnchen\n\xc3\xa4");
    H5Tset_size(type, H5T_VARIABLE);
    space = H5Screate(H5S_SCALAR);
    d = H5Dcreate2(f, "word", type, space, H5P_DEFAULT, H5P_DEFAULT,
                   H5P_DEFAULT);
    H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &words);
    H5Dclose(d);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(f);
    r = open_good(SOURCE(.path = at("fields.h5"), .dataset = "x"));
    expect_field(r, "@exposure", "0.1", false, 0);
    expect_field(r, "/x@exposure", "0.1", false, 0);
    expect_field(r, "/g@big", "-4503599627370497", false, 0);
    expect_field(r, "/@third", "0.33333334", false, 0);
    expect_field(r, "@filter", "V", true, 0);
    expect_field(r, "@latin", "M?nchen?\xc3\xa4", true, 0);
    expect_field(r, "/word", "variable", true, 0);
    expect_field(r, "/g/one", "0", false, 0);
    expect_field(r, "/x", NULL, false, QN_EVALUE);
    expect_field(r, "/g", NULL, false, QN_EVALUE);
    expect_field(r, "/absent", NULL, false, QN_EMISSING);
    expect_field(r, "/absent@x", NULL, false, QN_EMISSING);
    expect_field(r, "@absent", NULL, false, QN_EMISSING);
    expect_field(r, "EXPTIME", NULL, false, QN_EMISSING);
    qn_reader_close(r);
}

/* ---- links -------------------------------------------------------------- */

static void
put_links(void)
{
    static const struct {
        const char *name, *file;
    } links[] = {
        {"beside", "own.h5"},        {"below", "sub/own.h5"},
        {"up", "../up.h5"},          {"around", "sub/../own.h5"},
        {"escape", "link/up.h5"},    {"gone", "gone.h5"},
        {"system", "/etc/hostname"}, {"folder", "sub"},
    };
    hid_t f;

    mkdir(at("d"), 0700);
    mkdir(at("d/sub"), 0700);
    assert_int_equal(symlink("..", at("d/link")), 0);
    simple("up.h5");
    simple("d/own.h5");
    simple("d/sub/own.h5");
    f = create("d/links.h5");
    for (size_t i = 0; i < COUNT(links); i++)
        H5Lcreate_external(links[i].file, "/x", f, links[i].name, H5P_DEFAULT,
                           H5P_DEFAULT);
    H5Lcreate_external(at("d/own.h5"), "x", f, "absolute", H5P_DEFAULT,
                       H5P_DEFAULT);
    H5Lcreate_external("links.h5", "me", f, "me", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("own.h5", "nope", f, "nope", H5P_DEFAULT, H5P_DEFAULT);
    group(f, "g");
    H5Lcreate_soft("../x", f, "g/dots", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/g/b", f, "g/a", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("a", f, "g/b", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/g//./soft2", f, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/beside", f, "g/soft2", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/up", f, "sneaky", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(f);
}

static void
links(void **state)
{
    static const char *const good[] = {"beside",   "below", "around",
                                       "absolute", "soft",  "g/soft2"};
    static const struct {
        const char *name;
        int code;
        const char *words;
    } bad[] = {
        {"up", QN_EFORMAT, "outside its own folder; say links: any"},
        {"sneaky", QN_EFORMAT, "outside its own folder"},
        {"escape", QN_EFORMAT, "outside its own folder"},
        {"system", QN_EFORMAT, "outside its own folder"},
        {"gone", QN_EMISSING, "'gone.h5', which is not there"},
        {"nope", QN_EMISSING, "there is no /nope"},
        {"folder", QN_EFORMAT, "no regular file"},
        {"me", QN_EFORMAT, "circles"},
        {"g/a", QN_EFORMAT, "circles"},
        {"g/dots", QN_EMISSING, "there is no /g/.."},
    };
    const char *p;

    (void)state;
    put_links();
    p = at("d/links.h5");
    for (size_t i = 0; i < COUNT(good); i++)
        expect(SOURCE(.path = p, .dataset = good[i]), QN_I16, six, 6);
    for (size_t i = 0; i < COUNT(bad); i++)
        refuse(SOURCE(.path = p, .dataset = bad[i].name), bad[i].code,
               bad[i].words);
    expect(SOURCE(.path = p, .dataset = "up", .links = QN_LINKS_ANY), QN_I16,
           six, 6);
    expect(SOURCE(.path = p, .dataset = "escape", .links = QN_LINKS_ANY),
           QN_I16, six, 6);
    refuse(SOURCE(.path = p, .dataset = "system", .links = QN_LINKS_ANY),
           QN_EFORMAT, "cannot be opened as HDF5");
}

static void
external_dataset(const char *name, const char *raw)
{
    hid_t f = create(name), dcpl = H5Pcreate(H5P_DATASET_CREATE), space, d;
    hsize_t n[2] = {2, 3};

    H5Pset_external(dcpl, raw, 0, 12);
    space = H5Screate_simple(2, n, NULL);
    d = H5Dcreate2(f, "x", H5T_STD_I16LE, space, H5P_DEFAULT, dcpl,
                   H5P_DEFAULT);
    assert_true(d >= 0);
    H5Dclose(d);
    H5Sclose(space);
    H5Pclose(dcpl);
    H5Fclose(f);
}

// Beside the file, wherever the program runs.
static void
external_storage(void **state)
{
    static const unsigned char bytes[12] = {0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0};

    (void)state;
    mkdir(at("e"), 0700);
    put("e/raw.bin", bytes, sizeof bytes);
    put("raw.bin", bytes, sizeof bytes);
    external_dataset("e/good.h5", "raw.bin");
    external_dataset("e/up.h5", "../raw.bin");
    external_dataset("e/gone.h5", "gone.bin");
    external_dataset("e/system.h5", "/etc/hostname");
    expect(SOURCE(.path = at("e/good.h5")), QN_I16, six, 6);
    refuse(SOURCE(.path = at("e/up.h5")), QN_EFORMAT, "outside");
    refuse(SOURCE(.path = at("e/gone.h5")), QN_EMISSING, "gone.bin");
    refuse(SOURCE(.path = at("e/system.h5")), QN_EFORMAT, "outside");
    expect(SOURCE(.path = at("e/up.h5"), .links = QN_LINKS_ANY), QN_I16, six,
           6);
}

// Rows of x in two files, as one dataset of four rows.
static void
virtual_dataset(const char *name, const char *first, const char *second)
{
    hid_t f = create(name), dcpl = H5Pcreate(H5P_DATASET_CREATE), d;
    hsize_t n[2] = {4, 3}, part[2] = {2, 3}, start[2] = {0, 0};
    hid_t space = H5Screate_simple(2, n, NULL);
    hid_t source = H5Screate_simple(2, part, NULL);

    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, part, NULL);
    H5Pset_virtual(dcpl, space, first, "x", source);
    start[0] = 2;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, part, NULL);
    H5Pset_virtual(dcpl, space, second, "x", source);
    d = H5Dcreate2(f, "all", H5T_STD_I16LE, space, H5P_DEFAULT, dcpl,
                   H5P_DEFAULT);
    assert_true(d >= 0);
    H5Dclose(d);
    H5Sclose(source);
    H5Sclose(space);
    H5Pclose(dcpl);
    H5Fclose(f);
}

static void
virtual_datasets(void **state)
{
    static const double want[] = {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5};
    unsigned char *p;
    size_t n;
    hid_t f;

    (void)state;
    mkdir(at("v"), 0700);
    simple("v/a.h5");
    simple("v/b.h5");
    simple("outside.h5");
    f = create("v/other.h5");
    ramp(f, "y", H5T_STD_I16LE, DIMS(2, 3), H5P_DEFAULT);
    H5Fclose(f);
    virtual_dataset("v/good.h5", "a.h5", "b.h5");
    virtual_dataset("v/gone.h5", "a.h5", "c.h5");
    virtual_dataset("v/up.h5", "a.h5", "../outside.h5");
    virtual_dataset("v/empty.h5", "a.h5", "other.h5");
    expect(SOURCE(.path = at("v/good.h5")), QN_I16, want, 12);
    refuse(SOURCE(.path = at("v/gone.h5")), QN_EMISSING, "'c.h5'");
    refuse(SOURCE(.path = at("v/up.h5")), QN_EFORMAT, "outside its own");
    refuse(SOURCE(.path = at("v/empty.h5")), QN_EMISSING, "there is no /x");
    expect(SOURCE(.path = at("v/up.h5"), .links = QN_LINKS_ANY), QN_I16, want,
           12);
    p = slurp("v/good.h5", &n);
    refuse(SOURCE(.path = put_gzip("v/good.h5.gz", p, n, 0)), QN_EFORMAT,
           "unpack it");
    free(p);
}

/* ---- real files --------------------------------------------------------- */

static void
real_files(void **state)
{
    struct total t;
    struct qn_reader *r;

    (void)state;
    t = total(SOURCE(.path = shared("data/grid/etopo20.nc4.h5")));
    assert_true(t.sum == -1106011510.5625 && t.nan == 0);
    t = total(SOURCE(.path = shared("data/grid/coads_sst.nc4.h5")));
    assert_int_equal(t.nan, 89622);
    t = total(SOURCE(.path = shared("data/grid/coads_sst.nc4.h5"),
                     .undecoded = true, .missing = "-1e34"));
    assert_int_equal(t.nan, 89622);
    t = total(SOURCE(.path = shared("data/grid/coads_sst.nc4.h5"),
                     .undecoded = true));
    assert_int_equal(t.nan, 0);
    t = total(SOURCE(.path = shared("data/grid/basin_mask.nc4.h5")));
    assert_int_equal(t.nan, 983204);
    refuse(SOURCE(.path = shared("data/hdf5/tooth.h5")), QN_EFORMAT,
           "/exchange/data (181 x 2 x 640, float32)");
    r = open_good(
        SOURCE(.path = shared("data/hdf5/H-H1_LOSC_4_V2-1126259446-32.hdf5"),
               .dataset = "/strain/Strain"));
    expect_field(r, "/meta/Detector", "H1", true, 0);
    expect_field(r, "/meta/GPSstart", "1126259446", false, 0);
    expect_field(r, "@Xspacing", "0.000244140625", false, 0);
    qn_reader_close(r);
    t = total(
        SOURCE(.path = shared("data/hdf5/H-H1_LOSC_4_V2-1126259446-32.hdf5"),
               .dataset = "/strain/Strain"));
    assert_true(fabs(t.sum - 7.72737926331949e-18) < 1e-29);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(several_candidates),
        cmocka_unit_test(only_candidate),
        cmocka_unit_test(nexus_default),
        cmocka_unit_test(types_and_regions),
        cmocka_unit_test(half_and_bool),
        cmocka_unit_test(cf_attributes),
        cmocka_unit_test(wrapped_files),
        cmocka_unit_test(fields),
        cmocka_unit_test(links),
        cmocka_unit_test(external_storage),
        cmocka_unit_test(virtual_datasets),
        cmocka_unit_test(real_files),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
