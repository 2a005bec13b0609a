/* Results on disk, HDF5 and FITS: failures first, then what a reader sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fitsio.h>
#include <hdf5.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "io/writer.h"
#include "io/writer_image.h"
#include "model/array.h"
#include "model/dtype.h"

#include "scratch.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SIDE 40

typedef int write_function(const struct qn_output *, struct qn_error *);

/* Everything an output points to. */
struct sample {
    float image[SIDE * SIDE];
    int32_t count[3];
    double total;
    struct qn_array arrays[3];
    struct qn_product products[3];
    struct qn_cards cards;
    struct qn_used used[2];
    struct qn_output out;
};

static void
add_card(struct qn_cards *c, const char *keyword, const char *value, char kind)
{
    assert_int_equal(qn_cards_add(c, keyword, value, "note", kind, NULL), 0);
}

static void
make_cards(struct qn_cards *c)
{
    add_card(c, "SIMPLE", "T", 'b');
    add_card(c, "NAXIS1", "7", 'n');
    add_card(c, "BZERO", "32768", 'n');
    add_card(c, "DATE", "2018-08-10", 's');
    add_card(c, "EXTNAME", "SCI", 's');
    add_card(c, "BUNIT", "adu", 's');
    add_card(c, "QNKEY", "older", 's');
    add_card(c, "OBJECT", "O'Neill \xC3\xA9", 's');
    add_card(c, "EXPTIME", "1.50E+01", 'n');
    add_card(c, "GOOD", "T", 'b');
    add_card(c, "NOTHING", "", 'u');
    add_card(c, "ESO DET CHIP ID", "ccd 9", 's');
    add_card(c, "BAD?KEY", "1", 'n');
    add_card(c, "COMMENT", "as it came", 'c');
}

static struct sample *
make_sample(const char *path)
{
    struct sample *s = calloc(1, sizeof *s);
    const struct qn_type types[] = {
        {QN_F32, {2, {SIDE, SIDE}}}, {QN_I32, {1, {3}}}, {QN_F64, {0, {0}}}};

    assert_non_null(s);
    for (int i = 0; i < SIDE * SIDE; i++)
        s->image[i] = (float)(i % 100) - 50;
    s->image[5] = NAN;
    for (int i = 0; i < 3; i++)
        s->count[i] = -i;
    s->total = 0.1;
    s->arrays[0] = qn_array_view(&types[0], s->image);
    s->arrays[1] = qn_array_view(&types[1], s->count);
    s->arrays[2] = qn_array_view(&types[2], &s->total);
    s->products[0] = (struct qn_product){
        .name = "data", .data = &s->arrays[0], .units = "electrons", .axis = -1};
    s->products[1] = (struct qn_product){
        .name = "count", .data = &s->arrays[1], .units = NULL, .axis = -1};
    s->products[2] = (struct qn_product){
        .name = "total", .data = &s->arrays[2], .units = "", .axis = -1};
    make_cards(&s->cards);
    s->used[0] =
        (struct qn_used){"raw/a.fits", 2880, 1500000000000000001, NULL};
    s->used[1] = (struct qn_used){"raw/longer.fits", -1, 0, "truncated"};
    s->out = (struct qn_output){
        .path = path,
        .products = s->products,
        .nproducts = 3,
        .nosync = true,
        .cards = &s->cards,
        .provenance = {.version = "0.1.0",
                       .job = "name: x\n",
                       .stage = "flat",
                       .steps = "[{\"kernel\":\"subtract\",\"operand\":"
                                "{\"stage\":\"bias\"}},"
                                "{\"kernel\":\"bin\"},1234]",
                       .key = KEY,
                       .used = s->used,
                       .nused = 2,
                       .members = 2,
                       .members_used = 1},
    };
    return s;
}

static void
clear_sample(struct sample *s)
{
    qn_cards_clear(&s->cards);
    free(s);
}

static int
enter_folder(void **state)
{
    signal(SIGXFSZ, SIG_IGN);
    return scratch_enter(state);
}

static long
open_ids(void)
{
    return (long)H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL);
}

static off_t
size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) ? -1 : st.st_size;
}

/* ---- failures ----------------------------------------------------------- */

static void
wrong_products(void **state)
{
    static const char *const names[] = {"process", "header", "", ".", "a/b"};
    struct sample *s = make_sample("wrong.h5");
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        s->products[1].name = names[i];
        assert_int_equal(qn_writer_hdf5(&s->out, &err), QN_EVALUE);
    }
    s->out.nproducts = 0;
    assert_int_equal(qn_writer_hdf5(&s->out, &err), QN_EVALUE);
    assert_int_equal(qn_writer_fits(&s->out, &err), QN_EVALUE);
    assert_int_equal(size_of("wrong.h5"), -1);
    clear_sample(s);
}

static void
nowhere(void **state)
{
    struct sample *s = make_sample("no/where.h5");
    struct qn_error err;

    (void)state;
    assert_int_equal(qn_writer_hdf5(&s->out, &err), QN_EIO);
    assert_string_equal(
        err.text, "cannot write no/where.h5: No such file or directory");
    assert_int_equal(qn_writer_fits(&s->out, &err), QN_EIO);
    assert_string_equal(
        err.text, "cannot write no/where.h5: No such file or directory");
    clear_sample(s);
}

/* Whatever call the disk fills up at: a sentence, no file, nothing leaked. */
static void
fill_up(write_function *write_it, int compress, rlim_t step)
{
    struct sample *s = make_sample("full");
    struct rlimit before, limit;
    struct qn_error err;
    int rc = QN_EIO, failures = 0;

    s->out.compress = compress;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    for (limit.rlim_cur = 0; rc; limit.rlim_cur += step) {
        err.text[0] = '\0';
        setrlimit(RLIMIT_FSIZE, &limit);
        rc = write_it(&s->out, &err);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(open_ids(), 0);
        if (!rc)
            break;
        failures++;
        assert_int_equal(rc, QN_EIO);
        assert_string_equal(
            err.text, "cannot write full: File too large; raise the limit of "
                      "file sizes (ulimit -f)");
        assert_int_equal(size_of("full"), -1);
    }
    assert_true(failures > 10);
    assert_int_equal(remove("full"), 0);
    clear_sample(s);
}

static void
full_disk(void **state)
{
    (void)state;
    fill_up(qn_writer_hdf5, 0, 97);
    fill_up(qn_writer_hdf5, 4, 97);
    fill_up(qn_writer_fits, 0, 499);
}

/* ---- the same bytes ----------------------------------------------------- */

static void
same_bytes(write_function *write_it, int compress)
{
    struct sample *s = make_sample("one");
    char *one, *two;
    size_t n, m;

    s->out.compress = compress;
    assert_int_equal(write_it(&s->out, NULL), 0);
    s->out.path = "two";
    s->out.nosync = false;
    assert_int_equal(write_it(&s->out, NULL), 0);
    assert_int_equal(write_it(&s->out, NULL), 0); // over the old one
    assert_int_equal(qn_system_slurp(&one, &n, "one", NULL), 0);
    assert_int_equal(qn_system_slurp(&two, &m, "two", NULL), 0);
    assert_int_equal(n, m);
    assert_memory_equal(one, two, n);
    assert_int_equal(open_ids(), 0);
    free(one);
    free(two);
    clear_sample(s);
}

static void
bytes(void **state)
{
    (void)state;
    same_bytes(qn_writer_hdf5, 0);
    same_bytes(qn_writer_hdf5, 9);
    same_bytes(qn_writer_fits, 0);
}

/* ---- from the output before ------------------------------------------------ */

/* What changes from item to item. */
static void
change_data(struct sample *s)
{
    s->image[7] += 1;
    s->count[1] += 5;
    s->used[0].mtime_ns += 1000;
    s->out.provenance.key = KEY "";
}

static void
assert_same_files(const char *a, const char *b, bool same)
{
    char *one, *two;
    size_t n, m;

    assert_int_equal(qn_system_slurp(&one, &n, a, NULL), 0);
    assert_int_equal(qn_system_slurp(&two, &m, b, NULL), 0);
    assert_int_equal(n == m && !memcmp(one, two, n), same);
    free(one);
    free(two);
}

/* The output of changed data is what HDF5 writes of them alone. */
static void
from_image(void **state)
{
    struct sample *s = make_sample("one");
    struct qn_writer_image image = {0};

    (void)state;
    s->out.provenance.key = "fedcba9876543210fedcba9876543210"
                            "fedcba9876543210fedcba9876543210";
    s->out.image = &image;
    assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
    assert_true(image.form.len > 0);
    change_data(s);
    s->out.path = "two";
    assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
    s->out.path = "three";
    s->out.image = NULL;
    assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
    assert_same_files("two", "three", true);
    assert_same_files("one", "three", false);
    // that it was written from the image at all
    s->out.image = &image;
    s->out.path = "four";
    image.bytes[0] = 'X';
    assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
    assert_same_files("four", "three", false);
    qn_writer_image_clear(&image);
    clear_sample(s);
}

/* Whatever else changes, HDF5 writes. */
static void
other_forms(void **state)
{
    struct sample *s = make_sample("one");
    struct qn_writer_image image = {0};

    (void)state;
    for (int i = 0; i < 7; i++) {
        s->out.image = &image;
        s->out.path = "one";
        assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
        switch (i) {
        case 0: s->out.provenance.steps = "[]"; break;
        case 1: s->used[0].path = "a/longer/path/than/before.fits"; break;
        case 2: s->out.provenance.members++; break;
        case 3: s->products[0].units = "K"; break;
        case 4: s->out.nproducts--; break;
        case 5: s->out.compress = 4; break;
        default: add_card(&s->cards, "NEW", "1", 'n'); break;
        }
        assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
        s->out.image = NULL;
        s->out.path = "two";
        assert_int_equal(qn_writer_hdf5(&s->out, NULL), 0);
        assert_same_files("one", "two", true);
    }
    assert_int_equal(open_ids(), 0);
    qn_writer_image_clear(&image);
    clear_sample(s);
}

/* ---- HDF5 --------------------------------------------------------------- */

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

/* ---- FITS --------------------------------------------------------------- */

static void
check_card(fitsfile *f, const char *keyword, const char *value)
{
    char got[FLEN_VALUE];
    int status = 0;

    fits_read_keyword(f, keyword, got, NULL, &status);
    if (!value) {
        assert_int_equal(status, KEY_NO_EXIST);
        return;
    }
    assert_int_equal(status, 0);
    assert_string_equal(got, value);
}

static void
check_header(fitsfile *f)
{
    char card[FLEN_CARD];
    int status = 0;

    check_card(f, "NAXIS1", "40");
    check_card(f, "BZERO", NULL);
    check_card(f, "DATE", NULL);
    check_card(f, "EXTNAME", NULL);
    check_card(f, "BUNIT", "'electrons'");
    check_card(f, "OBJECT", "'O''Neill ?" "?'");
    check_card(f, "EXPTIME", "1.50E+01");
    check_card(f, "GOOD", "T");
    check_card(f, "NOTHING", "");
    check_card(f, "ESO DET CHIP ID", "'ccd 9   '");
    check_card(f, "QNKEY", "'" KEY "'");
    fits_read_str(f, "HIERARCH BAD?KEY = ", card, &status);
    fits_read_str(f, "quern 0.1.0, stage flat, 1 of 2 members", card, &status);
    // The steps, cut at the 70th character.
    fits_read_str(f, "HISTORY [{\"kernel\":\"subtract\"", card, &status);
    assert_int_equal(status, 0);
    assert_int_equal(strlen(card), 8 + 70);
    fits_read_str(f, "HISTORY 4]", card, &status);
    fits_read_str(f, "input raw/longer.fits: truncated", card, &status);
    assert_int_equal(status, 0);
    // cfitsio's own remarks are not there.
    fits_read_record(f, 0, card, &status);
    fits_read_str(f, "Astrophysics", card, &status);
    assert_int_equal(status, KEY_NO_EXIST);
    fits_clear_errmsg();
}

static void
read_fits(void **state)
{
    struct sample *s = make_sample("a.fits");
    float back[SIDE * SIDE];
    fitsfile *f;
    char key[65];
    double total;
    int status = 0;

    (void)state;
    assert_int_equal(qn_writer_fits(&s->out, NULL), 0);
    assert_int_equal(qn_writer_key("a.fits", key, NULL), 0);
    assert_string_equal(key, KEY);
    fits_open_diskfile(&f, "a.fits", READONLY, &status);
    assert_int_equal(status, 0);
    check_header(f);
    fits_read_img(f, TFLOAT, 1, SIDE * SIDE, NULL, back, NULL, &status);
    assert_memory_equal(back, s->image, sizeof back);
    fits_movnam_hdu(f, IMAGE_HDU, "total", 0, &status);
    fits_read_img(f, TDOUBLE, 1, 1, NULL, &total, NULL, &status);
    assert_int_equal(status, 0);
    assert_true(total == s->total);
    fits_close_file(f, &status);
    clear_sample(s);
}

/* The ends of each integer type come back the same. */
static void
integers(void **state)
{
    static const struct {
        enum qn_dtype dtype;
        int fits;
        unsigned char low[8], high[8]; // little-endian
    } rows[] = {
        {QN_I8, TSBYTE, {0x80}, {0x7f}},
        {QN_U8, TBYTE, {0}, {0xff}},
        {QN_I16, TSHORT, {0, 0x80}, {0xff, 0x7f}},
        {QN_U16, TUSHORT, {0}, {0xff, 0xff}},
        {QN_I32, TINT, {0, 0, 0, 0x80}, {0xff, 0xff, 0xff, 0x7f}},
        {QN_U32, TUINT, {0}, {0xff, 0xff, 0xff, 0xff}},
        {QN_I64, TLONGLONG, {0, 0, 0, 0, 0, 0, 0, 0x80},
         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}},
        {QN_U64, TULONGLONG, {0},
         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    };
    struct sample *s = make_sample("int.fits");

    (void)state;
    s->out.nproducts = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_type type = {rows[i].dtype, {1, {2}}};
        size_t n = qn_dtype_size(rows[i].dtype);
        unsigned char data[16], back[16];
        fitsfile *f;
        int status = 0;

        memcpy(data, rows[i].low, n);
        memcpy(data + n, rows[i].high, n);
        s->arrays[0] = qn_array_view(&type, data);
        assert_int_equal(qn_writer_fits(&s->out, NULL), 0);
        fits_open_diskfile(&f, "int.fits", READONLY, &status);
        fits_read_img(f, rows[i].fits, 1, 2, NULL, back, NULL, &status);
        assert_int_equal(status, 0);
        assert_memory_equal(back, data, 2 * n);
        fits_close_file(f, &status);
    }
    clear_sample(s);
}

/* ---- keys --------------------------------------------------------------- */

static void
put(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "w");

    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void
no_keys(void **state)
{
    struct qn_error err;
    char key[65], cards[160];
    hid_t file, number, space;

    (void)state;
    assert_int_equal(qn_writer_key("none", key, &err), QN_EMISSING);
    assert_int_equal(qn_writer_key(".", key, &err), QN_EFORMAT);
    assert_int_equal(mkfifo("pipe", 0666), 0);
    assert_int_equal(qn_writer_key("pipe", key, &err), QN_EFORMAT);
    put("empty", "", 0);
    assert_int_equal(qn_writer_key("empty", key, &err), QN_EFORMAT);
    put("text", "SIMPLE text", 11);
    assert_int_equal(qn_writer_key("text", key, &err), QN_EFORMAT);
    memset(cards, ' ', sizeof cards);
    memcpy(cards, "SIMPLE  = T", 11);
    memcpy(cards + 80, "QNKEY   = ", 10);
    memset(cards + 90, 'x', 70); // longer than a key
    put("long", cards, sizeof cards);
    assert_int_equal(qn_writer_key("long", key, &err), QN_EFORMAT);
    assert_string_equal(err.text,
                        "long: holds no key, so quern did not write it");

    // The right name, the wrong thing.
    file = H5Fcreate("number", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_int_equal(H5Gclose(H5Gcreate2(file, "entry", 0, 0, 0)), 0);
    assert_int_equal(H5Gclose(H5Gcreate2(file, "entry/process", 0, 0, 0)), 0);
    space = H5Screate(H5S_SCALAR);
    number = H5Dcreate2(file, "entry/process/key", H5T_NATIVE_INT, space, 0, 0,
                        0);
    H5Dclose(number);
    H5Sclose(space);
    H5Fclose(file);
    assert_int_equal(qn_writer_key("number", key, &err), QN_EFORMAT);
    assert_int_equal(open_ids(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_products), cmocka_unit_test(nowhere),
        cmocka_unit_test(full_disk),      cmocka_unit_test(bytes),
        cmocka_unit_test(from_image),     cmocka_unit_test(other_forms),
        cmocka_unit_test(read_hdf5),      cmocka_unit_test(lean),
        cmocka_unit_test(shapes),         cmocka_unit_test(read_fits),
        cmocka_unit_test(integers),       cmocka_unit_test(no_keys),
    };

    return cmocka_run_group_tests(tests, enter_folder, scratch_leave);
}
