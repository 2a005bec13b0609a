/* Results as FITS: what a reader sees. */
#include "writer_run.h"

#include <fitsio.h>
#include <unistd.h>

#include "model/dtype.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_fits),
        cmocka_unit_test(integers),
    };

    return cmocka_run_group_tests(tests, enter_folder, scratch_leave);
}
