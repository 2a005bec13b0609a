/* One file over several: wrong sources first, then what becomes of each kind of
 * dataset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hdf5.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/unnamed.h"
#include "io/writer.h"
#include "io/writer_merge.h"
#include "model/array.h"

#include "scratch.h"

#define SIDE 48

static char folder[SCRATCH_NAME];

static const char *
at(const char *name)
{
    static char path[4][256];
    static int i;

    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", folder, name);
    return path[i];
}

/* An output: "data" of rows x SIDE that begins with first, its axis "radius",
 * and a product "total" of one number. */
static void
put_source(const char *name, int rows, float first, int compress,
           double radius)
{
    static float image[200 * SIDE];
    double radii[SIDE], total = first;
    struct qn_type types[] = {
        {QN_F32, {2, {rows, SIDE}}}, {QN_F64, {1, {SIDE}}}, {QN_F64, {0, {0}}}};
    struct qn_array a[] = {qn_array_view(&types[0], image),
                           qn_array_view(&types[1], radii),
                           qn_array_view(&types[2], &total)};
    struct qn_product products[] = {
        {.name = "data", .data = &a[0], .units = "adu", .axis = -1},
        {.name = "radius", .data = &a[1], .within = "data", .axis = 1},
        {.name = "total", .data = &a[2], .axis = -1},
    };
    struct qn_output out = {
        .path = at(name),
        .products = products,
        .nproducts = 3,
        .compress = compress,
        .provenance = {.version = "1", .job = "j", .stage = "s", .key = "ab"},
    };

    for (int i = 0; i < rows * SIDE; i++)
        image[i] = first + (float)(i % 7);
    for (int i = 0; i < SIDE; i++)
        radii[i] = radius * i;
    assert_int_equal(qn_writer_hdf5(&out, NULL), 0);
}

/* What a source holds. */
static size_t
look(const char *name, struct qn_hdf5_set *set)
{
    struct qn_hdf5_output *o;
    size_t n;

    assert_int_equal(qn_hdf5_output_open(&o, at(name), NULL), 0);
    assert_int_equal(qn_hdf5_output_sets(o, set, &n, NULL), 0);
    qn_hdf5_output_close(o);
    return n;
}

struct merging {
    struct qn_hdf5_set set[3][QN_HDF5_SETS];
    struct qn_merge_set whole[QN_HDF5_SETS];
    size_t nsets;
    struct qn_merge_form form;
    struct qn_writer_merge *m;
};

static const struct qn_merge_column columns[] = {
    {"path", QN_I64, true}, {"n", QN_I64, false}, {"x", QN_F64, false}};

/* Three items, of which "c" has no result. */
static void
open_merge(struct merging *g, enum qn_merge_way way)
{
    int64_t rows = 0;

    g->nsets = look("a", g->set[0]);
    assert_int_equal(look("b", g->set[1]), g->nsets);
    for (size_t i = 0; i < g->nsets; i++) {
        const struct qn_hdf5_set *s = g->set[0];

        rows = 3;
        if (way == QN_MERGE_JOIN)
            rows = s[i].type.shape.ndims
                       ? s[i].type.shape.n[0] + g->set[1][i].type.shape.n[0]
                       : 2;
        g->whole[i] = (struct qn_merge_set){
            s[i], s[i].axis >= 0 ? QN_MERGE_ONCE : way, rows, 1};
    }
    g->form = (struct qn_merge_form){
        .path = at("m.h5"),
        .set = g->whole,
        .nsets = g->nsets,
        .column = columns,
        .ncolumns = 3,
        .first = at("a"),
        .stage = "s",
    };
    assert_int_equal(qn_writer_merge_open(&g->m, &g->form, NULL), 0);
}

static int
add(struct merging *g, const char *name, int place, int which, bool plain,
    struct qn_error *err)
{
    const char *cells[] = {name ? name : "c", "7", name ? "0.5" : NULL};
    struct qn_merge_source s = {.path = name ? at(name) : NULL};
    struct stat st;

    if (name) {
        assert_int_equal(stat(s.path, &st), 0);
        s.bytes = st.st_size;
        s.mtime_ns =
            st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    }
    for (size_t i = 0; i < g->nsets; i++) {
        const struct qn_hdf5_set *set = &g->set[which][i];
        bool joined = g->whole[i].way == QN_MERGE_JOIN;

        s.rows[i] =
            joined && set->type.shape.ndims ? set->type.shape.n[0] : 1;
        s.start[i] = joined && place ? g->whole[i].rows - s.rows[i] : place;
        s.offset[i] = set->offset;
        s.plain[i] = plain;
    }
    return qn_writer_merge_add(g->m, &s, cells, err);
}

static void
finish(struct merging *g)
{
    int64_t bytes = 0;
    struct stat st;

    assert_int_equal(access(at("m.h5"), F_OK), -1);
    assert_int_equal(qn_writer_merge_finish(g->m, &bytes, NULL), 0);
    qn_writer_merge_close(g->m);
    assert_int_equal(stat(at("m.h5"), &st), 0);
    assert_int_equal(st.st_size, bytes);
}

/* Samples of a dataset, which are the caller's. */
static double *
load(const char *name, const char *path, hsize_t *n, int *ndims)
{
    hid_t f = H5Fopen(at(name), H5F_ACC_RDONLY, H5P_DEFAULT),
          d = H5Dopen2(f, path, H5P_DEFAULT), space = H5Dget_space(d);
    double *v;

    assert_true(d >= 0);
    *ndims = H5Sget_simple_extent_dims(space, n, NULL);
    v = malloc((size_t)H5Sget_simple_extent_npoints(space) * sizeof *v);
    assert_true(H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                        v) >= 0);
    H5Sclose(space);
    H5Dclose(d);
    H5Fclose(f);
    return v;
}

static int
set_up(void **state)
{
    (void)state;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return scratch_open(folder);
}

static int
tidy(void **state)
{
    (void)state;
    return scratch_close(folder);
}

/* ---- tests --------------------------------------------------------------- */

static void
refuses_what_is_no_output(void **state)
{
    struct qn_hdf5_output *o;
    struct qn_error err;
    hid_t f;

    (void)state;
    assert_int_equal(qn_hdf5_output_open(&o, at("none"), &err), QN_EMISSING);
    assert_int_equal(qn_hdf5_output_open(&o, folder, &err), QN_EFORMAT);
    FILE *t = fopen(at("text"), "w");
    fputs("no HDF5", t);
    fclose(t);
    assert_int_equal(qn_hdf5_output_open(&o, at("text"), &err), QN_EFORMAT);
    f = H5Fcreate(at("theirs"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(f);
    assert_int_equal(qn_hdf5_output_open(&o, at("theirs"), &err), QN_EFORMAT);
    assert_non_null(strstr(err.text, "not an HDF5 file that quern wrote"));
}

static void
tells_what_an_output_holds(void **state)
{
    struct qn_hdf5_set set[QN_HDF5_SETS];

    (void)state;
    put_source("a", 100, 1, 4, 2);
    assert_int_equal(look("a", set), 3);
    assert_string_equal(set[0].name, "data");
    assert_string_equal(set[0].units, "adu");
    assert_int_equal(set[0].store.layout, QN_HDF5_CHUNKED);
    assert_int_equal(set[0].store.deflate, 4);
    assert_true(set[0].store.shuffle && set[0].axis == -1);
    assert_int_equal(set[0].offset, -1);
    assert_string_equal(set[1].name, "radius");
    assert_int_equal(set[1].axis, 1);
    assert_int_equal(set[1].store.layout, QN_HDF5_CONTIGUOUS);
    assert_true(set[1].offset > 0);
    assert_string_equal(set[2].product, "total");
    assert_int_equal(set[2].type.shape.ndims, 0);
    assert_false(set[2].table);
}

/* Stacked, from sources stored alike and not. */
static void
stacks(void **state)
{
    static const struct {
        int first, second; /* compression */
        bool plain;
    } cases[] = {{0, 0, true}, {4, 4, true}, {4, 0, false}, {0, 4, false}};

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct merging g = {0};
        hsize_t n[4];
        int ndims;
        double *v;

        put_source("a", 100, 1, cases[c].first, 2);
        put_source("b", 100, 50, cases[c].second, 2);
        unlink(at("m.h5"));
        open_merge(&g, QN_MERGE_STACK);
        assert_int_equal(add(&g, "a", 0, 0, true, NULL), 0);
        assert_int_equal(add(&g, NULL, 1, 0, true, NULL), 0);
        assert_int_equal(add(&g, "b", 2, 1, cases[c].plain, NULL), 0);
        finish(&g);
        v = load("m.h5", "/entry/data/data", n, &ndims);
        assert_true(ndims == 3 && n[0] == 3 && n[1] == 100 && n[2] == SIDE);
        for (int i = 0; i < 100 * SIDE; i++) {
            assert_true(v[i] == 1 + i % 7);
            assert_true(isnan(v[100 * SIDE + i]));
            assert_true(v[200 * SIDE + i] == 50 + i % 7);
        }
        free(v);
        v = load("m.h5", "/entry/data/radius", n, &ndims);
        assert_true(ndims == 1 && n[0] == SIDE && v[3] == 6);
        free(v);
        v = load("m.h5", "/entry/total/data", n, &ndims);
        assert_true(ndims == 1 && n[0] == 3 && v[0] == 1 && isnan(v[1]));
        free(v);
        v = load("m.h5", "/entry/items/x", n, &ndims);
        assert_true(n[0] == 3 && v[0] == 0.5 && isnan(v[1]));
        free(v);
        v = load("m.h5", "/entry/items/n", n, &ndims);
        assert_true(v[1] == 7);
        free(v);
    }
}

static void
joins(void **state)
{
    struct merging g = {0};
    hsize_t n[4];
    int ndims;
    double *v;

    (void)state;
    for (int compress = 0; compress < 5; compress += 4) {
        put_source("a", 100, 1, compress, 2);
        put_source("b", 30, 50, compress, 2);
        unlink(at("m.h5"));
        open_merge(&g, QN_MERGE_JOIN);
        // the chunk of the one is none of the other
        assert_int_equal(add(&g, "a", 0, 0, true, NULL), 0);
        assert_int_equal(add(&g, "b", 1, 1, false, NULL), 0);
        finish(&g);
        v = load("m.h5", "/entry/data/data", n, &ndims);
        assert_true(ndims == 2 && n[0] == 130 && n[1] == SIDE);
        for (int i = 0; i < 130 * SIDE; i++)
            assert_true(v[i] == (i < 100 * SIDE ? 1 + i % 7
                                                : 50 + (i - 100 * SIDE) % 7));
        free(v);
        v = load("m.h5", "/entry/total/data", n, &ndims);
        assert_true(ndims == 1 && n[0] == 2 && v[1] == 50);
        free(v);
    }
}

/* A source that changed, or is damaged, is the source's fault; and what is not
 * finished leaves nothing. */
static void
blames_the_source(void **state)
{
    struct merging g = {0};
    struct qn_error err;

    (void)state;
    put_source("a", 100, 1, 4, 2);
    put_source("b", 100, 50, 4, 2);
    unlink(at("m.h5"));
    open_merge(&g, QN_MERGE_STACK);
    assert_int_equal(add(&g, "a", 0, 0, true, NULL), 0);
    assert_int_equal(truncate(at("b"), 3000), 0);
    assert_int_equal(add(&g, "b", 1, 1, true, &err), QN_EFORMAT);
    qn_writer_merge_close(g.m);
    assert_int_equal(access(at("m.h5"), F_OK), -1);

    put_source("b", 90, 50, 4, 2);
    open_merge(&g, QN_MERGE_STACK);
    // it is not of the shape that it had
    assert_int_equal(add(&g, "b", 0, 0, false, &err), QN_EFORMAT);
    assert_non_null(strstr(err.text, "shape"));
    qn_writer_merge_close(g.m);
    assert_int_equal(access(at("m.h5"), F_OK), -1);
    qn_writer_merge_close(NULL);
}

static void
blames_the_file(void **state)
{
    struct merging g = {0};
    struct qn_error err;

    (void)state;
    put_source("a", 10, 1, 0, 2);
    put_source("b", 10, 1, 0, 2);
    open_merge(&g, QN_MERGE_STACK);
    qn_writer_merge_close(g.m);
    g.form.path = "/nonexistent/m.h5";
    assert_int_equal(qn_writer_merge_open(&g.m, &g.form, &err), QN_EOUTPUT);
    assert_null(g.m);
    g.form.path = at("m.h5");
    g.form.first = at("none");
    assert_int_equal(qn_writer_merge_open(&g.m, &g.form, &err), QN_EMISSING);
}

/* A table has no "data"; its columns are there as they are. */
static void
knows_tables(void **state)
{
    struct qn_hdf5_set set[QN_HDF5_SETS];
    hid_t f, table;

    (void)state;
    put_source("t", 10, 1, 0, 2);
    f = H5Fopen(at("t"), H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Ldelete(f, "/entry/data/data", H5P_DEFAULT) >= 0);
    table = H5Gopen2(f, "/entry/data", H5P_DEFAULT);
    // a link out of the file is not followed
    H5Lcreate_external("elsewhere.h5", "/x", table, "far", H5P_DEFAULT,
                       H5P_DEFAULT);
    H5Gclose(table);
    H5Fclose(f);
    assert_int_equal(look("t", set), 2);
    assert_true(set[0].table && !set[1].table);
    assert_string_equal(set[0].name, "radius");
}

static void
has_no_name_before_its_time(void **state)
{
    struct qn_unnamed u;
    char text[8] = "";
    FILE *f;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(qn_unnamed_open(&u, at("u"), "new", NULL), 0);
        assert_int_equal(write(u.fd, i ? "two" : "one", 3), 3);
        assert_int_equal(qn_unnamed_commit(&u, NULL), 0);
        qn_unnamed_close(&u);
        qn_unnamed_close(&u);
        f = fopen(at("u"), "r");
        assert_non_null(f);
        assert_non_null(fgets(text, sizeof text, f));
        fclose(f);
        assert_string_equal(text, i ? "two" : "one");
        assert_int_equal(access(at(".u.new.tmp"), F_OK), -1);
    }
    assert_int_equal(qn_unnamed_open(&u, at("v"), "new", NULL), 0);
    qn_unnamed_close(&u);
    assert_int_equal(access(at("v"), F_OK), -1);
    assert_int_equal(access(at(".v.new.tmp"), F_OK), -1);
    assert_int_equal(qn_unnamed_open(&u, at("no/u"), "new", NULL), QN_EIO);
}

/* ---- files that hold many items ------------------------------------------ */

enum { ROWS = 5 };

/* A part of five numbers a row, (row, 0..3), of which the third row failed. */
static void
put_part(const char *name, size_t rows_named)
{
    static float image[ROWS * 4];
    struct qn_type type = {QN_F32, {2, {ROWS, 4}}};
    struct qn_array a = qn_array_view(&type, image);
    struct qn_product product = {.name = "data", .data = &a, .axis = -1};
    struct qn_row row[ROWS] = {{"a", "raw/a", false},
                               {"b", "raw/b", false},
                               {"c", "raw/c", true},
                               {"long-name", "raw/d", false},
                               {"e", "raw/e", false}};
    struct qn_used used[ROWS];
    struct qn_output out = {
        .path = at(name),
        .products = &product,
        .nproducts = 1,
        .rows = row,
        .nrows = rows_named,
        .provenance = {.version = "1", .key = "ab", .used = used, .nused = ROWS},
    };

    for (int i = 0; i < ROWS * 4; i++)
        image[i] = (float)(10 * (i / 4) + i % 4);
    for (int i = 0; i < ROWS; i++)
        used[i] = (struct qn_used){row[i].path, 1, 2,
                                   row[i].failed ? "too short" : "used"};
    assert_int_equal(qn_writer_hdf5(&out, NULL), 0);
}

static int
note_row(void *ctx, const char *item, const char *path, const char *reason,
         struct qn_error *err)
{
    char *text = ctx;
    size_t n = strlen(text);

    (void)err;
    snprintf(text + n, 400 - n, "%s=%s%s%s ", item, path, reason ? ":" : "",
             reason ? reason : "");
    return 0;
}

static int
rows_of(const char *name, int64_t *n, char *text, struct qn_error *err)
{
    struct qn_hdf5_output *o;
    int rc;

    *text = '\0';
    assert_int_equal(qn_hdf5_output_open(&o, at(name), NULL), 0);
    rc = qn_hdf5_output_rows(o, n, note_row, text, err);
    qn_hdf5_output_close(o);
    return rc;
}

static void
reads_rows(void **state)
{
    struct qn_error err;
    char text[400];
    int64_t n;

    (void)state;
    put_source("one", 3, 0, 0, 1);
    assert_int_equal(rows_of("one", &n, text, &err), 0);
    assert_int_equal(n, -1);
    assert_string_equal(text, "");
    put_part("part", ROWS);
    assert_int_equal(rows_of("part", &n, text, &err), 0);
    assert_int_equal(n, ROWS);
    assert_string_equal(text, "a=raw/a b=raw/b c=raw/c:too short "
                              "long-name=raw/d e=raw/e ");
}

/* Rows 3 and 4, then row 1, of a part in front of nothing. */
static void
copies_rows(void **state)
{
    static const struct {
        int64_t row, count;
        bool plain;
    } cases[] = {{3, 2, true}, {1, 1, false}};
    const char *cells[] = {"d", "1", "0", "e", "2", "0"};
    struct merging g = {0};
    hsize_t n[4];
    int ndims;
    double *v;

    (void)state;
    put_part("part", ROWS);
    g.nsets = look("part", g.set[0]);
    assert_int_equal(g.nsets, 1);
    g.whole[0] = (struct qn_merge_set){g.set[0][0], QN_MERGE_STACK, 3, 1};
    g.whole[0].like.type.shape = (struct qn_shape){1, {4}};
    g.form = (struct qn_merge_form){.path = at("m.h5"), .set = g.whole,
                                    .nsets = 1, .column = columns,
                                    .ncolumns = 3, .first = at("part"),
                                    .stage = "s"};
    assert_int_equal(qn_writer_merge_open(&g.m, &g.form, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        struct qn_merge_source s = {.path = at("part"), .nrows = ROWS,
                                    .row = cases[i].row,
                                    .count = cases[i].count};
        struct stat st;

        assert_int_equal(stat(s.path, &st), 0);
        s.bytes = st.st_size;
        s.mtime_ns =
            st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
        s.start[0] = i ? 2 : 0;
        s.rows[0] = 1;
        s.offset[0] = g.set[0][0].offset;
        s.plain[0] = cases[i].plain;
        assert_int_equal(qn_writer_merge_add(g.m, &s, cells, NULL), 0);
    }
    unlink(at("m.h5"));
    finish(&g);
    v = load("m.h5", "/entry/data/data", n, &ndims);
    assert_int_equal(ndims, 2);
    assert_int_equal(n[0], 3);
    for (int i = 0; i < 12; i++)
        assert_true(v[i] == 10 * (i < 4 ? 3 : i < 8 ? 4 : 1) + i % 4);
    free(v);
}

/* Tables that name other rows than there are, or are none. */
static void
refuses_damaged_rows(void **state)
{
    struct qn_error err;
    char text[400];
    hsize_t one = 1;
    hid_t f, space, d;
    int64_t n;

    (void)state;
    put_part("few", ROWS - 1);
    assert_int_equal(rows_of("few", &n, text, &err), QN_EFORMAT);
    assert_non_null(strstr(err.text, "is damaged"));
    put_part("none", ROWS);
    f = H5Fopen(at("none"), H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(f >= 0 && H5Ldelete(f, "/entry/items", H5P_DEFAULT) >= 0);
    space = H5Screate_simple(1, &one, NULL);
    d = H5Dcreate2(f, "/entry/items", H5T_NATIVE_INT, space, H5P_DEFAULT,
                   H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(d);
    H5Sclose(space);
    H5Fclose(f);
    assert_int_equal(rows_of("none", &n, text, &err), QN_EFORMAT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_output),
        cmocka_unit_test(tells_what_an_output_holds),
        cmocka_unit_test(stacks),
        cmocka_unit_test(joins),
        cmocka_unit_test(blames_the_source),
        cmocka_unit_test(blames_the_file),
        cmocka_unit_test(knows_tables),
        cmocka_unit_test(reads_rows),
        cmocka_unit_test(copies_rows),
        cmocka_unit_test(refuses_damaged_rows),
        cmocka_unit_test(has_no_name_before_its_time),
    };

    return cmocka_run_group_tests(tests, set_up, tidy);
}
