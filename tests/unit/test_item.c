/* Items: stems, named values, types, packing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/item.h"

static void
stems(void **state)
{
    static const struct {
        const char *name;
        size_t stem;
    } table[] = {
        {"", 0},
        {"a", 1},
        {".fits", 5},
        {"a.fits", 1},
        {"a.FITS", 1},
        {"a.fits.gz", 1},
        {"a.fits.fz", 1},
        {"a.b.fit.gz", 3},
        {"run.0001", 8},
        {"s1045.ima.gz", 5},
        {"scan.nxs", 4},
        {"a.gz", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(qn_item_stem(table[i].name), table[i].stem);
}

static void
named_values(void **state)
{
    static const struct {
        const char *name;
        enum qn_value_kind kind;
        const char *text;
        double number;
    } table[] = {
        {"path", QN_VALUE_TEXT, "n1/raw/a.b.fits.gz", 0},
        {"dir", QN_VALUE_TEXT, "n1/raw", 0},
        {"name", QN_VALUE_TEXT, "a.b.fits.gz", 0},
        {"stem", QN_VALUE_TEXT, "a.b", 0},
        {"ext", QN_VALUE_TEXT, ".fits.gz", 0},
        {"EXPTIME", QN_VALUE_NUMBER, NULL, 60},
        {"FILTER", QN_VALUE_TEXT, "V", 0},
        {"QUOTED", QN_VALUE_TEXT, "42", 0},
        {"FLAG", QN_VALUE_BOOL, NULL, 1},
        {"DBL", QN_VALUE_NUMBER, NULL, 1500},
        {"EMPTY", QN_VALUE_TEXT, "", 0},
        {"run", QN_VALUE_TEXT, "007", 0}, // a name keeps its digits
    };
    struct qn_items items = {0};
    struct qn_item *it;
    struct qn_value v;

    (void)state;
    assert_int_equal(qn_item_add(&items, "n1/raw/a.b.fits.gz", &it, NULL), 0);
    assert_false(qn_item_find(it, "FILTER", &v));
    qn_item_field(&items.pool, it, "EXPTIME", "60.0", false, NULL);
    qn_item_field(&items.pool, it, "FILTER", "V", false, NULL);
    qn_item_field(&items.pool, it, "FILTER", "B", false, NULL); // the first one stands
    qn_item_field(&items.pool, it, "QUOTED", "42", true, NULL);
    qn_item_field(&items.pool, it, "FLAG", "T", false, NULL);
    qn_item_field(&items.pool, it, "DBL", "1.5D3", false, NULL);
    qn_item_field(&items.pool, it, "run", "007", false, NULL);
    qn_item_field(&items.pool, it, "EMPTY", "", false, NULL);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_true(qn_item_find(it, table[i].name, &v));
        assert_int_equal(v.kind, table[i].kind);
        if (table[i].text)
            assert_string_equal(v.text, table[i].text);
        else
            assert_true(v.number == table[i].number);
    }
    assert_false(qn_item_find(it, "FILT", &v));
    assert_false(qn_item_find(it, "frame", &v));
    qn_item_clear(&items);
}

static void
too_long_a_folder(void **state)
{
    char path[1200];
    struct qn_items items = {0};
    struct qn_item *it;
    struct qn_error err = {0};

    (void)state;
    memset(path, 'd', sizeof path);
    path[1100] = '/';
    path[1199] = '\0';
    assert_int_equal(qn_item_add(&items, path, &it, &err), QN_EFORMAT);
    assert_non_null(strstr(err.text, "1,000 bytes"));
}

/* Fields given to several items in turn, and those of others. */
static void
many_fields(void **state)
{
    struct qn_items a = {0}, b = {0};
    struct qn_item *it;
    char name[32], value[64];
    struct qn_value v;

    (void)state;
    for (int i = 0; i < 100; i++)
        qn_item_add(&a, "x", &it, NULL);
    for (int k = 0; k < 20; k++)
        for (size_t i = 0; i < a.n; i++) {
            snprintf(name, sizeof name, "F%d", k);
            snprintf(value, sizeof value, "value %d of item %zu", k, i);
            assert_int_equal(qn_item_field(&a.pool, &a.v[i], name, value,
                                           true, NULL), 0);
        }
    for (size_t i = 0; i < a.n; i++) {
        qn_item_copy(&b, &a.v[i], &it, NULL);
        qn_item_append(&b.pool, it, &a.v[(i + 1) % a.n], NULL);
        qn_item_field(&b.pool, it, "last", "1", false, NULL);
        assert_int_equal(qn_item_append(&b.pool, it, &(struct qn_item){0},
                                        NULL), 0);
    }
    qn_item_clear(&a);
    for (size_t i = 0; i < b.n; i++)
        for (int k = 0; k < 20; k++) {
            snprintf(name, sizeof name, "F%d", k);
            snprintf(value, sizeof value, "value %d of item %zu", k, i);
            assert_true(qn_item_find(&b.v[i], name, &v));
            assert_string_equal(v.text, value);
            assert_true(qn_item_find(&b.v[i], "last", &v));
        }
    qn_item_clear(&b);
}

/* Equal types are one; what is seen later takes the place of what was not. */
static void
types(void **state)
{
    const struct qn_type square = {QN_U16, {2, {9, 9}}},
                         line = {QN_U16, {1, {9, 9}}};
    struct qn_items items = {0}, view;
    struct qn_item *it;

    (void)state;
    for (int i = 0; i < 30; i++) {
        qn_item_add(&items, "x", &it, NULL);
        assert_int_equal(it->type->shape.ndims, 0);
        assert_false(it->probed);
        qn_item_type(&items.pool, it, QN_U8, i % 2 ? &square : &line, NULL);
    }
    assert_ptr_equal(items.v[0].type, items.v[28].type);
    assert_ptr_equal(items.v[1].type, items.v[29].type);
    assert_ptr_not_equal(items.v[0].type, items.v[1].type);
    assert_int_equal(items.v[0].type->shape.ndims, 1);
    view = qn_item_borrow(&items);
    assert_ptr_equal(view.v, items.v);
    assert_int_equal(view.n, 30);
    qn_item_clear(&view);
    assert_true(items.v[29].probed);
    qn_item_clear(&items);
}

static void
packing(void **state)
{
    struct qn_items a = {0}, b = {0};
    const struct qn_type type = {QN_F32, {2, {3, 4}}};
    struct qn_text packed = {0};
    struct qn_item *it;
    struct qn_value v;

    (void)state;
    qn_item_add(&a, "one.fits", &it, NULL);
    it->bytes = 5000000000;
    it->mtime_ns = 1542000000000000001;
    qn_item_type(&a.pool, it, QN_U16, &type, NULL);
    qn_item_field(&a.pool, it, "A", "1", false, NULL);
    qn_item_field(&a.pool, it, "B", "x", true, NULL);
    qn_item_add(&a, "two.fits", &it, NULL);
    qn_item_fail(&a.pool, it, QN_EFORMAT, "no FITS", NULL);
    qn_item_fail(&a.pool, it, QN_EIO, "a later reason", NULL);
    assert_int_equal(qn_item_pack(&packed, &a, 0, a.n, NULL), 0);

    // every cut is refused, none is misread
    for (size_t n = 1; n < packed.len; n++) {
        struct qn_items cut = {0};
        char *copy = malloc(n); // so that reading beyond is seen

        memcpy(copy, packed.s, n);
        if (!qn_item_unpack(&cut, copy, n, NULL))
            assert_int_equal(cut.n, 1);
        for (size_t i = 0; i < cut.n; i++)
            assert_non_null(cut.v[i].path);
        qn_item_clear(&cut);
        free(copy);
    }
    assert_int_equal(qn_item_unpack(&b, packed.s, packed.len, NULL), 0);
    assert_int_equal(b.n, 2);
    assert_string_equal(b.v[0].path, "one.fits");
    assert_true(b.v[0].bytes == 5000000000);
    assert_true(b.v[0].mtime_ns == 1542000000000000001);
    assert_int_equal(b.v[0].stored, QN_U16);
    assert_int_equal(b.v[0].type->dtype, QN_F32);
    assert_int_equal(b.v[0].type->shape.n[1], 4);
    assert_true(qn_item_find(&b.v[0], "B", &v));
    assert_string_equal(v.text, "x");
    assert_null(b.v[1].fields);
    assert_int_equal(b.v[1].code, QN_EFORMAT);
    assert_string_equal(b.v[1].reason, "no FITS");
    qn_text_clear(&packed);
    qn_item_clear(&a);
    qn_item_clear(&b);
}

static void
frame_names(void **state)
{
    const struct qn_item run = {.path = "scan.h5", .frame = 64, .nframes = 36};
    char name[32];

    (void)state;
    assert_string_equal(qn_item_name(name, sizeof name, &run),
                        "scan.h5[64:100]");
    assert_string_equal(qn_item_frame_name(name, sizeof name, &run, 0),
                        "scan.h5[64]");
    assert_string_equal(qn_item_frame_name(name, sizeof name, &run, 35),
                        "scan.h5[99]");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stems),
        cmocka_unit_test(named_values),
        cmocka_unit_test(too_long_a_folder),
        cmocka_unit_test(many_fields),
        cmocka_unit_test(types),
        cmocka_unit_test(packing),
        cmocka_unit_test(frame_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
