/* Outputs of ours as inputs: their header cards come back. */
#include "hdf5_small.h"

#include "io/writer.h"

#define LONG_TEXT                                                            \
    "0123456789012345678901234567890123456789012345678901234567890123456789"

static const struct {
    const char *keyword, *value, *comment;
    char kind;
} rows[] = {
    {"OBJECT", "O'Neill \xC3\xA9", "what it shows", 's'},
    {"EXPTIME", "1.50E+01", "s", 'n'},
    {"GOOD", "T", "", 'b'},
    {"NOTHING", "", "no value", 'u'},
    {"ESO DET CHIP ID", LONG_TEXT, LONG_TEXT, 's'},
    {"FILTER", "V", "", 's'},
    {"COMMENT", "as it came", "", 'c'},
    {"COMMENT", "and once more", "", 'c'},
};

/* An output with the first ncards of these, and a second product. */
static void
output(const char *name, size_t ncards)
{
    static float samples[6] = {0, 1, 2, 3, 4, 5};
    struct qn_array a = {{QN_F32, {2, {2, 3}}}, samples, false};
    struct qn_product products[] = {{.name = "data", .data = &a, .axis = -1},
                                    {.name = "count", .data = &a, .axis = -1}};
    struct qn_cards cards = {0};
    struct qn_output out = {
        .path = at(name),
        .products = products,
        .nproducts = 2,
        .nosync = true,
        .cards = &cards,
        .provenance = {.version = "0", .job = "", .stage = "s", .steps = "{}",
                       .key = "0"},
    };
    struct qn_error err = {0};

    for (size_t i = 0; i < ncards; i++)
        assert_int_equal(qn_cards_add(&cards, rows[i].keyword, rows[i].value,
                                      rows[i].comment, rows[i].kind, &err),
                         0);
    if (qn_writer_hdf5(&out, &err))
        fail_msg("%s", err.text);
    qn_cards_clear(&cards);
}

static void
expect_cards(const char *name, const char *dataset)
{
    struct qn_reader *r =
        open_good(SOURCE(.path = at(name), .dataset = dataset));
    const struct qn_cards *c = qn_reader_cards(r);

    assert_int_equal(c->n, COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_string_equal(c->v[i].keyword, rows[i].keyword);
        assert_string_equal(c->v[i].value, rows[i].value);
        assert_string_equal(c->v[i].comment, rows[i].comment);
        assert_int_equal(c->v[i].kind, rows[i].kind);
    }
    qn_reader_close(r);
}

// Our header table with another one in its place: n rows of type.
static void
replace_table(const char *name, hid_t type, int ndims, hsize_t n)
{
    hsize_t many[2] = {n, 2};
    hid_t f, space, d;

    output(name, COUNT(rows));
    f = H5Fopen(at(name), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(f, "/entry/header", H5P_DEFAULT);
    space = ndims ? H5Screate_simple(ndims, many, NULL)
                  : H5Screate(H5S_SCALAR);
    d = H5Dcreate2(f, "/entry/header", type, space, H5P_DEFAULT, H5P_DEFAULT,
                   H5P_DEFAULT);
    assert_true(d >= 0);
    H5Dclose(d);
    H5Sclose(space);
    H5Fclose(f);
}

// The columns named, each of texts of width bytes (0: of any length).
static hid_t
table_type(const char *const *names, size_t width)
{
    hid_t text = H5Tcopy(H5T_C_S1), type = H5Tcreate(H5T_COMPOUND, 4096);

    H5Tset_size(text, width ? width : H5T_VARIABLE);
    for (size_t i = 0; names[i]; i++)
        H5Tinsert(type, names[i], i * 1000, text);
    H5Tclose(text);
    return type;
}

static void
damaged(void **state)
{
    static const char *const all[] = {"keyword", "value", "comment", "kind",
                                      NULL};
    static const char *const less[] = {"keyword", "value", "kind", NULL};
    const struct {
        const char *const *names;
        size_t width;
        int ndims;
        hsize_t n;
    } bad[] = {
        {less, 8, 1, 3}, {all, 0, 1, 3}, {all, 8, 0, 0},
        {all, 8, 2, 3},  {all, 8, 1, 1000000},
        {all, 8, 1, 3}, // right, but its kinds are empty
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        hid_t type = table_type(bad[i].names, bad[i].width);

        replace_table("bad.h5", type, bad[i].ndims, bad[i].n);
        H5Tclose(type);
        refuse(SOURCE(.path = at("bad.h5")), QN_EFORMAT,
               "its table /entry/header is damaged");
    }
    replace_table("bad.h5", H5T_NATIVE_INT, 1, 3);
    refuse(SOURCE(.path = at("bad.h5")), QN_EFORMAT, "is damaged");
}

static void
no_table(void **state)
{
    struct qn_reader *r;

    (void)state;
    output("none.h5", 0);
    r = open_good(SOURCE(.path = at("none.h5")));
    assert_int_equal(qn_reader_cards(r)->n, 0);
    expect_field(r, "EXPTIME", NULL, false, QN_EMISSING);
    qn_reader_close(r);
    // One of another program is its own affair.
    replace_table("other.h5", H5T_NATIVE_INT, 1, 3);
    {
        hid_t f = H5Fopen(at("other.h5"), H5F_ACC_RDWR, H5P_DEFAULT);

        H5Adelete(f, "creator");
        text_at(f, "/", "creator", "nexpy");
        H5Fclose(f);
    }
    r = open_good(SOURCE(.path = at("other.h5")));
    assert_int_equal(qn_reader_cards(r)->n, 0);
    qn_reader_close(r);
}

static void
cards_come_back(void **state)
{
    unsigned char *p;
    size_t n;

    (void)state;
    output("out.h5", COUNT(rows));
    expect_cards("out.h5", NULL);
    expect_cards("out.h5", "/entry/count/data");
    p = slurp("out.h5", &n);
    put_gzip("out.h5.gz", p, n, 0);
    free(p);
    expect_cards("out.h5.gz", NULL);
}

static void
keywords(void **state)
{
    struct qn_reader *r;

    (void)state;
    output("out.h5", COUNT(rows));
    r = open_good(SOURCE(.path = at("out.h5")));
    expect_field(r, "OBJECT", "O'Neill \xC3\xA9", true, 0);
    expect_field(r, "exptime", "1.50E+01", false, 0);
    expect_field(r, "GOOD", "T", false, 0);
    expect_field(r, "ESO DET CHIP ID", LONG_TEXT, true, 0);
    expect_field(r, "COMMENT", "as it came", true, 0);
    expect_field(r, "NOTHING", NULL, false, QN_EMISSING);
    expect_field(r, "ABSENT", NULL, false, QN_EMISSING);
    expect_field(r, "/entry/process/stage", "s", true, 0);
    expect_field(r, "/entry@default", "data", true, 0);
    qn_reader_close(r);
}

/* ---- rows of packed results -------------------------------------------- */

/* Three items of two samples; the second has no AIRMASS and no NOTE. */
static void
packed(const char *name, int compress)
{
    static float samples[6] = {0, 1, 2, 3, 4, 5};
    static const char *notes[] = {"a", "", "c"};
    static int64_t seq[] = {5, -6, 7};
    static double airmass[] = {1.25, NAN, 3};
    struct qn_array a = {{QN_F32, {2, {3, 2}}}, samples, false};
    struct qn_product product = {.name = "data", .data = &a, .axis = -1};
    struct qn_row row[3] = {{"a", "raw/a", false}, {"b", "raw/b", false},
                            {"c", "raw/c", false}};
    struct qn_row_column columns[] = {{.keyword = "NOTE", .text = notes},
                                      {.keyword = "SEQ", .whole = seq},
                                      {.keyword = "AIRMASS", .real = airmass}};
    struct qn_cards cards = {0};
    struct qn_output out = {
        .path = at(name), .products = &product, .nproducts = 1,
        .nosync = true, .compress = compress, .cards = &cards,
        .rows = row, .nrows = 3, .columns = columns, .ncolumns = 3,
        .provenance = {.version = "0", .job = "", .stage = "s", .steps = "{}",
                       .key = "0", .members = 3, .members_used = 3},
    };

    qn_cards_add(&cards, "OBJECT", "M 31", "", 's', NULL);
    assert_int_equal(qn_writer_hdf5(&out, NULL), 0);
    qn_cards_clear(&cards);
}

static void
expect_row(struct qn_reader *r, int row)
{
    static const char *const said[3][5] = {
        {"OBJECT=M 31", "NOTE=a", "SEQ=5", "AIRMASS=1.25"},
        {"OBJECT=M 31", "SEQ=-6"},
        {"OBJECT=M 31", "NOTE=c", "SEQ=7", "AIRMASS=3.0"},
    };
    const struct qn_cards *c = qn_reader_cards(r);
    const struct qn_type *type = &qn_reader_info(r)->type;
    struct qn_box box = qn_shape_box(&type->shape);
    float v[2];
    size_t n = 0;

    assert_int_equal(type->shape.ndims, 1);
    assert_int_equal(type->shape.n[0], 2);
    assert_int_equal(qn_reader_read(r, &box, v, NULL), 0);
    assert_true(v[0] == (float)(2 * row) && v[1] == (float)(2 * row + 1));
    for (; said[row][n]; n++) {
        char text[160];

        assert_true(n < c->n);
        snprintf(text, sizeof text, "%s=%s", c->v[n].keyword, c->v[n].value);
        assert_string_equal(text, said[row][n]);
    }
    assert_int_equal(n, c->n);
}

static void
rows_of_packed_results(void **state)
{
    (void)state;
    for (int compress = 0; compress < 2; compress++) {
        struct qn_error err = {0};
        struct qn_reader *r;

        packed("part.h5", compress);
        r = open_good(SOURCE(.path = at("part.h5"), .one_row = true));
        expect_row(r, 0);
        for (int row = 2; row >= 0; row--) {
            assert_int_equal(qn_reader_turn(r, row, NULL), 0);
            expect_row(r, row);
        }
        assert_int_equal(qn_reader_turn(r, 3, &err), QN_ESHAPE);
        assert_non_null(strstr(err.text, "part.h5: "));
        assert_non_null(strstr(err.text, "/entry/data/data has no row 3"));
        qn_reader_close(r);
        refuse(SOURCE(.path = at("part.h5"), .one_row = true, .row = 3),
               QN_ESHAPE, "has no row 3");
        refuse(SOURCE(.path = at("part.h5"), .one_row = true,
                      .dataset = "/entry/process/members"),
               QN_ESHAPE, "has no row 0");
    }
}

/* Any file has rows; one of quern's need have no table of cards. */
static void
rows_without_cards(void **state)
{
    struct qn_reader *r;
    hid_t f = create("plain.h5");

    (void)state;
    ramp(f, "/x", H5T_STD_I16LE, DIMS(4, 2, 3), H5P_DEFAULT);
    H5Fclose(f);
    r = open_good(SOURCE(.path = at("plain.h5"), .one_row = true, .row = 2));
    assert_int_equal(qn_reader_info(r)->type.shape.ndims, 2);
    assert_int_equal(qn_reader_cards(r)->n, 0);
    assert_int_equal(qn_reader_turn(r, 3, NULL), 0);
    qn_reader_close(r);
    output("one.h5", COUNT(rows));
    r = open_good(SOURCE(.path = at("one.h5"), .one_row = true, .row = 1));
    assert_int_equal(qn_reader_cards(r)->n, COUNT(rows));
    qn_reader_close(r);
}

static void
damaged_cards_of_rows(void **state)
{
    static const char *const names[] = {"A", "B", NULL};
    const struct {
        hid_t type;
        hsize_t n;
    } bad[] = {
        {H5T_NATIVE_INT, 3},
        {table_type(names, 0), 3}, // of any length
        {table_type(names, 8), 1}, // too few
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        hid_t f, space, d;

        packed("part.h5", 0);
        f = H5Fopen(at("part.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
        H5Ldelete(f, "/entry/items_header", H5P_DEFAULT);
        space = H5Screate_simple(1, &bad[i].n, NULL);
        d = H5Dcreate2(f, "/entry/items_header", bad[i].type, space,
                       H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Dclose(d);
        H5Sclose(space);
        H5Fclose(f);
        refuse(SOURCE(.path = at("part.h5"), .one_row = true, .row = 1),
               QN_EFORMAT, "its table /entry/items_header is damaged");
    }
    H5Tclose(bad[1].type);
    H5Tclose(bad[2].type);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged),
        cmocka_unit_test(no_table),
        cmocka_unit_test(cards_come_back),
        cmocka_unit_test(keywords),
        cmocka_unit_test(rows_of_packed_results),
        cmocka_unit_test(rows_without_cards),
        cmocka_unit_test(damaged_cards_of_rows),
    };

    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
