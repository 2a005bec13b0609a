/* FITS: what is stored, what it stands for, which HDU, which cards; whole
 * files and cut ones.  Plain files are written byte by byte, tile-compressed
 * ones by cfitsio. */
#include <fitsio.h>

#include "reader_run.h"

#define BLOCK 2880

/* ---- files, byte by byte ------------------------------------------------ */

struct fits {
    unsigned char p[64 * BLOCK];
    size_t n;
};

static void
pad(struct fits *f, int with)
{
    while (f->n % BLOCK)
        f->p[f->n++] = (unsigned char)with;
}

// Cards end with NULL.
static void
header(struct fits *f, const char *const *cards)
{
    for (; *cards; cards++) {
        size_t n = strlen(*cards);

        assert_true(n <= 80);
        memset(f->p + f->n, ' ', 80);
        memcpy(f->p + f->n, *cards, n);
        f->n += 80;
    }
    memset(f->p + f->n, ' ', 80);
    memcpy(f->p + f->n, "END", 3);
    f->n += 80;
    pad(f, ' ');
}

static void
data(struct fits *f, const void *bytes, size_t n)
{
    memcpy(f->p + f->n, bytes, n);
    f->n += n;
    pad(f, 0);
}

#define CARDS(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define PRIMARY     "SIMPLE  =                    T"
#define IMAGE       "XTENSION= 'IMAGE   '"
#define AXES2(a, b) "NAXIS   = 2", "NAXIS1  = " #a, "NAXIS2  = " #b

static const unsigned char eight[8] = {0x80, 0, 0x7f, 0xff, 0, 1, 0xff, 0xfe};

/* ---- refusals ----------------------------------------------------------- */

static void
refused(void **state)
{
    static const struct {
        const char *cards[8];
        const char *words;
    } bad[] = {
        {{PRIMARY, "BITPIX  = 16", "NAXIS   = 0"}, "no HDU holds an image"},
        {{PRIMARY, "BITPIX  = 16", AXES2(0, 777777701)},
         "without samples (777777701 x 0)"},
        {{PRIMARY, "BITPIX  = 16", AXES2(-3, 4)}, "cfitsio says"},
        {{PRIMARY, "BITPIX  = 16", AXES2(2000000, 2000000)},
         "impossibly large"},
        {{PRIMARY, "BITPIX  = 16", AXES2(4000000000000000000, 4000000000)}, ""},
        {{PRIMARY, "BITPIX  = 12", AXES2(2, 2)}, ""},
        {{PRIMARY, "NAXIS   = 0", "BITPIX  = 8"}, "cfitsio says"},
        {{PRIMARY, "BITPIX  = 16", AXES2(40, 5000)},
         "truncated: 402,880 bytes are needed but it has 5,760"},
        {{PRIMARY, "BITPIX  = 16", "NAXIS   = 9", "NAXIS1  = 1", "NAXIS2  = 1",
          "NAXIS3  = 1", "NAXIS4  = 1"},
         ""},
        {{PRIMARY, "BITPIX  = 16", AXES2(2, 2), "BZERO   = 'abc'"}, "BZERO"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct fits f = {.n = 0};

        header(&f, bad[i].cards);
        data(&f, eight, sizeof eight);
        refuse(SOURCE(.path = put("bad.fits", f.p, f.n)), QN_EFORMAT,
               bad[i].words);
    }
    refuse(SOURCE(.path = put("bad.fits", PRIMARY, 30)), QN_EFORMAT,
           "cfitsio says");
}

static void
cut_files(void **state)
{
    struct fits f = {.n = 0};
    static unsigned char pixels[3000];
    static const size_t whole = BLOCK + sizeof pixels;

    (void)state;
    header(&f, CARDS(PRIMARY, "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 3000"));
    data(&f, pixels, sizeof pixels);
    // Only the padding may be missing.
    assert_int_equal(total(SOURCE(.path = put("a.fits", f.p, whole))).n, 3000);
    refuse(SOURCE(.path = put("a.fits", f.p, whole - 1)), QN_EFORMAT,
           "truncated: 5,880 bytes are needed but it has 5,879");
    refuse(SOURCE(.path = put_gzip("a.fits.gz", f.p, whole - 1, 0)), QN_EFORMAT,
           "truncated: 5,880");
    refuse(SOURCE(.path = put_gzip("a.fits.gz", f.p, f.n, 4)), QN_EFORMAT,
           "gzip data is truncated");
    assert_int_equal(
        total(SOURCE(.path = put_gzip("a.fits.gz", f.p, f.n, 0))).n, 3000);
    refuse(SOURCE(.path = put("a.fits", f.p, f.n), .dataset = "SCI"),
           QN_EJOB, "dataset 'SCI' is asked for, and fits files hold none; "
                       "name the HDU instead");
    // A file cut before its only image, which an earlier HDU hides.
    f.n = 0;
    header(&f, CARDS(PRIMARY, "BITPIX  = 8", "NAXIS   = 0", "EXTEND  = T"));
    header(&f, CARDS(IMAGE, "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 3000",
                     "PCOUNT  = 0", "GCOUNT  = 1"));
    refuse(SOURCE(.path = put("b.fits", f.p, f.n)), QN_EFORMAT,
           "truncated: 8,760");
}

/* ---- samples ------------------------------------------------------------ */

static void
stored_types(void **state)
{
    static const struct {
        const char *bitpix, *bzero;
        enum qn_dtype type;
        double want[8];
        int n;
    } good[] = {
        {"8", NULL, QN_U8, {128, 0, 127, 255, 0, 1, 255, 254}, 8},
        {"8", "-128", QN_I8, {0, -128, -1, 127, -128, -127, 127, 126}, 8},
        {"16", NULL, QN_I16, {-32768, 32767, 1, -2}, 4},
        {"16", "32768", QN_U16, {0, 65535, 32769, 32766}, 4},
        {"16", "3.2768E4", QN_U16, {0, 65535, 32769, 32766}, 4},
        {"32", NULL, QN_I32, {-2147450881, 131070}, 2},
        {"32", "2147483648", QN_U32, {32767, 2147614718}, 2},
        {"64", NULL, QN_I64, {-9223231303661256706.0}, 1},
        {"64", "9223372036854775808", QN_U64, {140733193519102.0}, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct fits f = {.n = 0};
        char bitpix[81], axis[81], bzero[81] = "COMMENT";
        const char *path;

        snprintf(bitpix, sizeof bitpix, "BITPIX  = %s", good[i].bitpix);
        snprintf(axis, sizeof axis, "NAXIS1  = %d", good[i].n);
        if (good[i].bzero)
            snprintf(bzero, sizeof bzero, "BZERO   = %s", good[i].bzero);
        header(&f, CARDS(PRIMARY, bitpix, "NAXIS   = 1", axis, bzero));
        data(&f, eight, sizeof eight);
        path = put("t.fits", f.p, f.n);
        expect(SOURCE(.path = path), good[i].type, good[i].want,
               (size_t)good[i].n);
    }
}

static void
scaled_and_blank(void **state)
{
    static const double scaled[] = {-16374, 16393.5, 10.5, 9};
    static const double blank[] = {NAN, 32767, 1, -2};
    static const double flipped[] = {NAN, 65535, 32769, 32766};
    static const double raw[] = {-32768, 32767, 1, -2};
    struct fits f[4] = {{.n = 0}};

    (void)state;
    header(&f[0], CARDS(PRIMARY, "BITPIX  = 16", AXES2(2, 2), "BSCALE  = 0.5",
                        "BZERO   = 10"));
    header(&f[1],
           CARDS(PRIMARY, "BITPIX  = 16", AXES2(2, 2), "BLANK   = -32768"));
    header(&f[2], CARDS(PRIMARY, "BITPIX  = 16", AXES2(2, 2),
                        "BLANK   = -32768", "BZERO   = 32768"));
    header(&f[3], CARDS(PRIMARY, "BITPIX  = 32", AXES2(1, 2),
                        "BSCALE  = 1.5D-1", "BZERO   = 10"));
    for (int i = 0; i < 4; i++)
        data(&f[i], eight, sizeof eight);
    put("s.fits", f[0].p, f[0].n);
    expect(SOURCE(.path = at("s.fits")), QN_F32, scaled, 4);
    expect(SOURCE(.path = at("s.fits"), .undecoded = true), QN_I16, raw, 4);
    put("b.fits", f[1].p, f[1].n);
    expect(SOURCE(.path = at("b.fits")), QN_F32, blank, 4);
    expect(SOURCE(.path = at("b.fits"), .undecoded = true), QN_I16, raw, 4);
    expect(SOURCE(.path = at("b.fits"), .undecoded = true, .missing = "-32768"),
           QN_F32, blank, 4);
    put("f.fits", f[2].p, f[2].n);
    expect(SOURCE(.path = at("f.fits")), QN_F32, flipped, 4);
    expect(SOURCE(.path = at("f.fits"), .undecoded = true), QN_I16, raw, 4);
    expect(SOURCE(.path = put("c.fits", f[3].p, f[3].n)), QN_F64,
           (const double[]){-2147450881 * 0.15 + 10, 131070 * 0.15 + 10}, 2);
}

// 30 rows of 40, as cfitsio compresses them, against the plain file.
static void
tiles(void **state)
{
    static const struct {
        int bitpix, method, type;
        enum qn_dtype dtype;
    } kinds[] = {
        {BYTE_IMG, RICE_1, TBYTE, QN_U8},
        {SBYTE_IMG, GZIP_1, TSBYTE, QN_I8},
        {SHORT_IMG, RICE_1, TSHORT, QN_I16},
        {SHORT_IMG, HCOMPRESS_1, TSHORT, QN_I16},
        {USHORT_IMG, RICE_1, TUSHORT, QN_U16},
        {LONG_IMG, GZIP_1, TINT, QN_I32},
        {ULONG_IMG, GZIP_2, TUINT, QN_U32},
        {FLOAT_IMG, GZIP_1, TFLOAT, QN_F32},
        {DOUBLE_IMG, GZIP_2, TDOUBLE, QN_F64},
    };
    static const char *const part[] = {"3:30:4", "2:39:3"};
    double v[1200], typed[1200];
    long n[2] = {40, 30};
    size_t len;

    (void)state;
    for (int i = 0; i < 1200; i++)
        v[i] = i * 37 % 101;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        fitsfile *f;
        struct qn_info packed, plain;
        double *a, *b;
        int status = 0;
        bool real = kinds[k].bitpix < 0;

        for (int pass = 0; pass < 2; pass++) {
            const char *path = at(pass ? "plain.fits" : "tiles.fits.fz");

            remove(path);
            fits_create_diskfile(&f, path, &status);
            if (!pass)
                fits_set_compression_type(f, kinds[k].method, &status);
            if (!pass && real)
                fits_set_quantize_level(f, 0, &status);
            fits_create_img(f, kinds[k].bitpix, 2, n, &status);
            qn_dtype_convert(typed, kinds[k].dtype, v, QN_F64, 1200, NULL);
            fits_write_img(f, kinds[k].type, 1, 1200, typed, &status);
            fits_close_file(f, &status);
            if (status)
                fail_msg("kind %zu: cfitsio fails with %d", k, status);
        }
        a = load(SOURCE(.path = at("tiles.fits.fz")), &packed, &len);
        assert_int_equal(len, 1200);
        assert_memory_equal(a, v, sizeof v);
        free(a);
        a = load(
            SOURCE(.path = at("tiles.fits.fz"), .nslice = 2, .slice = part),
            &packed, &len);
        b = load(SOURCE(.path = at("plain.fits"), .nslice = 2, .slice = part),
                 &plain, &len);
        assert_int_equal(packed.type.dtype, kinds[k].dtype);
        assert_int_equal(plain.type.dtype, kinds[k].dtype);
        assert_int_equal(len, 7 * 13);
        assert_memory_equal(a, b, len * sizeof *a);
        free(a);
        free(b);
        a = load(SOURCE(.path = at("tiles.fits.fz"), .undecoded = true),
                 &packed, &len);
        b = load(SOURCE(.path = at("plain.fits"), .undecoded = true), &plain,
                 &len);
        assert_int_equal(packed.type.dtype, plain.type.dtype);
        assert_memory_equal(a, b, len * sizeof *a);
        free(a);
        free(b);
    }
}

static void
cut_tiles(void **state)
{
    static short v[64 * 64];
    fitsfile *f;
    unsigned char *p;
    struct qn_reader *r;
    size_t n;
    long axes[2] = {64, 64};
    int status = 0;

    (void)state;
    for (int i = 0; i < 64 * 64; i++)
        v[i] = (short)(i * 7919);
    fits_create_diskfile(&f, at("cut.fits.fz"), &status);
    fits_set_compression_type(f, GZIP_1, &status);
    fits_create_img(f, SHORT_IMG, 2, axes, &status);
    fits_update_key(f, TSTRING, "FILTER", "V", NULL, &status);
    fits_write_img(f, TSHORT, 1, 64 * 64, v, &status);
    fits_close_file(f, &status);
    assert_int_equal(status, 0);
    r = open_good(SOURCE(.path = at("cut.fits.fz")));
    expect_field(r, "FILTER", "V", true, 0);
    expect_field(r, "NAXIS1", "64", false, 0); // not the table's
    expect_field(r, "BITPIX", "16", false, 0);
    for (size_t i = 0; i < qn_reader_cards(r)->n; i++)
        assert_true(qn_reader_cards(r)->v[i].keyword[0] != 'Z');
    qn_reader_close(r);
    p = slurp("cut.fits.fz", &n);
    refuse(SOURCE(.path = put("cut.fits.fz", p, n - BLOCK - 1)), QN_EFORMAT,
           "truncated");
    free(p);
}

/* ---- HDUs --------------------------------------------------------------- */

static const char *
put_three(void)
{
    struct fits f = {.n = 0};

    header(&f, CARDS(PRIMARY, "BITPIX  = 8", "NAXIS   = 0", "EXTEND  = T",
                     "OBJECT  = 'M31     '", "EXPTIME = 10.", "COMMENT first"));
    header(&f, CARDS("XTENSION= 'BINTABLE'", "BITPIX  = 8", AXES2(1, 8),
                     "PCOUNT  = 0", "GCOUNT  = 1", "TFIELDS = 1",
                     "TFORM1  = '1B'", "EXTNAME = 'LOG'"));
    data(&f, eight, 8);
    header(&f, CARDS(IMAGE, "BITPIX  = 8", AXES2(2, 2), "PCOUNT  = 0",
                     "GCOUNT  = 1", "EXTNAME = 'SCI     '", "EXPTIME = 20."));
    data(&f, "\1\2\3\4", 4);
    header(&f, CARDS(IMAGE, "BITPIX  = 8", AXES2(2, 1), "PCOUNT  = 0",
                     "GCOUNT  = 1", "EXTNAME = 'DQ'"));
    data(&f, "\5\6", 2);
    return put("three.fits", f.p, f.n);
}

static void
hdus(void **state)
{
    static const double sci[] = {1, 2, 3, 4}, dq[] = {5, 6};
    const char *p = put_three();

    (void)state;
    expect(SOURCE(.path = p), QN_U8, sci, 4);
    expect(SOURCE(.path = p, .hdu = "2"), QN_U8, sci, 4);
    expect(SOURCE(.path = p, .hdu = "sci"), QN_U8, sci, 4);
    expect(SOURCE(.path = p, .hdu = "DQ"), QN_U8, dq, 2);
    refuse(SOURCE(.path = p, .hdu = "LOG"), QN_EFORMAT, "HDU 1 is a table");
    refuse(SOURCE(.path = p, .hdu = "0"), QN_EFORMAT, "no axes");
    refuse(SOURCE(.path = p, .hdu = "primary"), QN_EFORMAT, "no axes");
    refuse(SOURCE(.path = p, .hdu = "4"), QN_EFORMAT,
           "no HDU '4' (HDU 0 is only a header, 1 LOG is a table, 2 SCI is an "
           "image, 3 DQ is an image)");
    refuse(SOURCE(.path = p, .hdu = "-1"), QN_EFORMAT, "no HDU '-1'");
    refuse(SOURCE(.path = p, .hdu = "VAR"), QN_EFORMAT, "no HDU 'VAR'");
    refuse(SOURCE(.path = p, .hdu = ""), QN_EFORMAT, "no HDU ''");
    refuse(SOURCE(.path = p, .dataset = "SCI"), QN_EJOB, "hdu: SCI");
    expect(SOURCE(.path = p, .dataset = "/x", .hdu = "DQ"), QN_U8, dq, 2);
}

static void
inherited_cards(void **state)
{
    struct qn_reader *r = open_good(SOURCE(.path = put_three()));
    const struct qn_cards *c = qn_reader_cards(r);

    (void)state;
    assert_string_equal(qn_reader_info(r)->where, "HDU 2 SCI");
    assert_int_equal(c->n, 4); // EXTNAME EXPTIME, then OBJECT COMMENT
    assert_string_equal(c->v[1].keyword, "EXPTIME");
    assert_string_equal(c->v[1].value, "20.");
    assert_string_equal(c->v[2].keyword, "OBJECT");
    assert_string_equal(c->v[2].value, "M31");
    assert_string_equal(c->v[3].value, "first");
    expect_field(r, "exptime", "20.", false, 0);
    expect_field(r, "OBJECT", "M31", true, 0);
    expect_field(r, "NAXIS1", "2", false, 0);
    expect_field(r, "SIMPLE", "T", false, 0); // of the primary
    expect_field(r, "FILTER", NULL, false, QN_EMISSING);
    expect_field(r, "NAXIS*", NULL, false, QN_EMISSING);
    qn_reader_close(r);
}

/* ---- cards -------------------------------------------------------------- */

static void
odd_cards(void **state)
{
    static const struct {
        const char *record;
        struct qn_card want; /* kind 0: no card comes of it */
    } rows[] = {
        {"EXPTIME = 060.00 / s", {"EXPTIME", "060.00", "s", 'n'}},
        {"TELALT  = +62.592 / Altitude",
         {"TELALT", "+62.592", "Altitude", 'n'}},
        {"X       =1.5D-3", {"X", "1.5E-3", "", 'n'}},
        {"X       = 1e", {"X", "1e", "", 's'}},
        {"X       = nan", {"X", "nan", "", 's'}},
        {"X       = (1, 2)", {"X", "(1, 2)", "", 's'}},
        {"FLAG    =                    T", {"FLAG", "T", "", 'b'}},
        {"FLAG    = F / no", {"FLAG", "F", "no", 'b'}},
        {"UNDEF   =", {"UNDEF", "", "", 'u'}},
        {"UNDEF   =      / why", {"UNDEF", "", "why", 'u'}},
        {"NAME    = 'O''Hara  ' / 'x'", {"NAME", "O'Hara", "'x'", 's'}},
        {"NAME    = 'a/b'/c", {"NAME", "a/b", "c", 's'}},
        {"NAME    = 'no end", {"NAME", "no end", "", 's'}},
        {"NAME    = ''", {"NAME", "", "", 's'}},
        {"NAME    = '  x '", {"NAME", "  x", "", 's'}},
        {"name    = 1", {"NAME", "1", "", 'n'}},
        {"HIERARCH ESO DET DIT = 2.5 / s", {"ESO DET DIT", "2.5", "s", 'n'}},
        {"COMMENT   indented = 5", {"COMMENT", "  indented = 5", "", 'c'}},
        {"HISTORY", {"HISTORY", "", "", 'c'}},
        {"NOVALUE  text", {"NOVALUE", " text", "", 'c'}},
        {"         free text", {"", " free text", "", 'c'}},
        {"CITY    = 'M\xfcnchen'", {"CITY", "M?nchen", "", 's'}},
        {"", {"", "", "", 0}},
        {"CHECKSUM= 'abc'", {"", "", "", 0}},
    };
    struct fits f = {.n = 0};
    const char *cards[COUNT(rows) + 4] = {PRIMARY, "BITPIX  = 8", "NAXIS   = 1",
                                          "NAXIS1  = 1"};
    const struct qn_cards *c;
    struct qn_reader *r;
    size_t k = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        cards[4 + i] = rows[i].record;
    for (size_t i = 0; i < 4 + COUNT(rows); i++) {
        memset(f.p + f.n, ' ', 80);
        memcpy(f.p + f.n, cards[i], strlen(cards[i]));
        f.n += 80;
    }
    header(&f, (const char *const[]){NULL});
    data(&f, eight, 1);
    r = open_good(SOURCE(.path = put("cards.fits", f.p, f.n)));
    c = qn_reader_cards(r);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!rows[i].want.kind)
            continue;
        assert_true(k < c->n);
        if (strcmp(c->v[k].keyword, rows[i].want.keyword) ||
            strcmp(c->v[k].value, rows[i].want.value) ||
            strcmp(c->v[k].comment, rows[i].want.comment) ||
            c->v[k].kind != rows[i].want.kind)
            fail_msg("'%s' became '%s' '%s' '%s' %c", rows[i].record,
                     c->v[k].keyword, c->v[k].value, c->v[k].comment,
                     c->v[k].kind);
        k++;
    }
    assert_int_equal(k, c->n);
    expect_field(r, "ESO DET DIT", "2.5", false, 0);
    expect_field(r, "UNDEF", NULL, false, QN_EMISSING);
    expect_field(r, "FLAG", "T", false, 0);
    qn_reader_close(r);
}

static void
long_texts(void **state)
{
    static const char sixty[] =
        "012345678901234567890123456789012345678901234567890123456789";
    struct fits f = {.n = 0};
    char first[81], second[81], whole[128];
    const struct qn_cards *c;
    struct qn_reader *r;

    (void)state;
    snprintf(first, sizeof first, "LONG    = '%s&'", sixty);
    snprintf(second, sizeof second, "CONTINUE  '%s' / why", sixty);
    snprintf(whole, sizeof whole, "%s%s", sixty, sixty);
    header(&f, CARDS(PRIMARY, "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 1",
                     "SHORT   = 'one &'", "CONTINUE  'two&'",
                     "CONTINUE  '' / both", first, second, "LAST    = 1"));
    data(&f, eight, 1);
    r = open_good(SOURCE(.path = put("long.fits", f.p, f.n)));
    c = qn_reader_cards(r);
    expect_field(r, "SHORT", "one two", true, 0);
    expect_field(r, "LONG", whole, true, 0);
    // What no card holds stays as the records were, to be written again.
    assert_int_equal(c->n, 4);
    assert_string_equal(c->v[0].comment, "both");
    assert_int_equal(c->v[1].value[60], '&');
    assert_string_equal(c->v[2].keyword, "CONTINUE");
    assert_int_equal(c->v[2].kind, 'c');
    assert_non_null(strstr(c->v[2].value, sixty));
    assert_string_equal(c->v[3].keyword, "LAST");
    qn_reader_close(r);
}

static void
cards_of_a_slice(void **state)
{
    static const char *const every[] = {"0:4:2", "1:4"}, *const all[] = {":"};
    static const double left[] = {1, 2, 3, 9, 10, 11};
    struct fits f = {.n = 0};
    const struct qn_cards *c;
    struct qn_reader *r;

    (void)state;
    header(&f, CARDS(PRIMARY, "BITPIX  = 8", AXES2(4, 4), "CRPIX1  = 3.5",
                     "CRPIX2  = 2.", "CD1_2   = 0.25", "A_0_2   = 0.5",
                     "BIASSEC = '[4:4,1:4]'", "OBJECT  = 'M31'"));
    data(&f, (const char *)"\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16);
    put("slice.fits", f.p, f.n);
    expect(SOURCE(.path = at("slice.fits"), .nslice = 2, .slice = every),
           QN_U8, left, 6);
    r = open_good(
        SOURCE(.path = at("slice.fits"), .nslice = 2, .slice = every));
    c = qn_reader_cards(r);
    assert_int_equal(c->n, 5);
    assert_string_equal(c->v[0].value, "2.5");
    assert_string_equal(c->v[1].value, "1.5"); // rows 1 and 3, from 1
    assert_string_equal(c->v[2].value, "0.5");
    assert_string_equal(c->v[3].value, "2.0");
    assert_string_equal(c->v[4].keyword, "OBJECT");
    expect_field(r, "BIASSEC", "[4:4,1:4]", true, 0); // as the file has it
    qn_reader_close(r);
    r = open_good(SOURCE(.path = at("slice.fits"), .nslice = 1, .slice = all));
    assert_int_equal(qn_reader_cards(r)->n, 6);
    assert_string_equal(qn_reader_cards(r)->v[1].value, "2.");
    qn_reader_close(r);
}

/* ---- names -------------------------------------------------------------- */

static void
names_mean_files(void **state)
{
    static const char *const names[] = {
        "~tilde.fits", "a[1].fits",     "b(c).fits",  "d+1.fits",
        "http:e.fits", "mem:f.fits",    "-",          "g.fits[bin x]",
        "h i.fits",    "\xc3\xa4.fits", "j.fits;k=1", "!l.fits",
    };
    struct fits f = {.n = 0};
    char here[PATH_MOST];

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    header(&f, CARDS(PRIMARY, "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 2"));
    data(&f, eight, 2);
    assert_int_equal(chdir(scratch), 0);
    for (size_t i = 0; i < COUNT(names); i++) {
        put(names[i], f.p, f.n);
        expect(SOURCE(.path = names[i]), QN_U8, (const double[]){128, 0}, 2);
    }
    assert_int_equal(chdir(here), 0);
}

/* ---- real files --------------------------------------------------------- */

static void
real_frames(void **state)
{
    static const struct {
        const char *path;
        enum qn_dtype type;
        double sum;
    } rows[] = {
        {"ccd_hatp32/HATP-32171220013343.FITS", QN_I16, 121601389},
        {"ccd_isis/r2700988.fit.gz", QN_U16, 3226244507},
        {"ccd_saao/a8280271.fits", QN_U16, 82501207},
        {"ccd_sprat/v_e_20180810_12_1_0_0.fits.gz", QN_U16, 239473979},
        {"ccd_sprat/v_dark_1.fits.gz", QN_F32, 3065302.5041503906},
        {"ccd_sprat/v_a_20180810_13_1_0_1.fits.gz", QN_F32, 163350887.71003252},
    };
    struct qn_reader *r;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[128];
        struct qn_info info;
        double *v, sum = 0;
        size_t n;

        snprintf(name, sizeof name, "data/%s", rows[i].path);
        v = load(SOURCE(.path = shared(name)), &info, &n);
        for (size_t k = 0; k < n; k++)
            sum += v[k];
        free(v);
        assert_int_equal(info.type.dtype, rows[i].type);
        if (sum != rows[i].sum)
            fail_msg("%s: sum %.17g", name, sum);
    }
    r = open_good(SOURCE(.path = shared("data/ccd_isis/r2701242.fit.gz")));
    expect_field(r, "BIASSEC", "[1:966,4110:4190]", true, 0);
    expect_field(r, "IMAGETYP", "object", true, 0);
    expect_field(r, "BZERO", "32768.00000000", false, 0);
    qn_reader_close(r);
    r = open_good(
        SOURCE(.path = shared("data/ccd_hatp32/HATP-32171220013343.FITS")));
    expect_field(r, "EXPTIME", "060.00", false, 0);
    expect_field(r, "FILTER", "Clear", true, 0);
    qn_reader_close(r);
}

static void
real_oddities(void **state)
{
    static const char *const bad[] = {
        "group_invalid", "history_header", "lfs_pointer_defect01",
        "theap-gap",     "verify",         "zerowidth",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        char name[128];

        snprintf(name, sizeof name, "data/bad/fits/%s.fits", bad[i]);
        refuse(SOURCE(.path = shared(name)), QN_EFORMAT, "");
    }
    expect(SOURCE(.path = shared("data/bad/fits/blank.fits")), QN_F64,
           (const double[]){NAN}, 1);
    expect(
        SOURCE(.path = shared("data/bad/fits/blank.fits"), .undecoded = true),
        QN_I64, (const double[]){2}, 1);
    assert_true(
        fabs(total(SOURCE(.path = shared("data/bad/fits/scale.fits"))).sum -
             223202.76495361328) < 1e-6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(stored_types),
        cmocka_unit_test(scaled_and_blank),
        cmocka_unit_test(tiles),
        cmocka_unit_test(cut_tiles),
        cmocka_unit_test(hdus),
        cmocka_unit_test(inherited_cards),
        cmocka_unit_test(odd_cards),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(cards_of_a_slice),
        cmocka_unit_test(names_mean_files),
        cmocka_unit_test(real_frames),
        cmocka_unit_test(real_oddities),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
