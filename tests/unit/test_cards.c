/* Header cards: the list, what headers share, and changes of geometry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "model/cards.h"

static void
add(struct qn_cards *c, const char *keyword, const char *value, char kind)
{
    assert_int_equal(qn_cards_add(c, keyword, value, NULL, kind, NULL), 0);
}

// The value of a keyword, or "-" where there is none.
static const char *
value_of(const struct qn_cards *c, const char *keyword)
{
    const struct qn_card *card = qn_cards_find(c, keyword);

    return card ? card->value : "-";
}

/* ---- the list ----------------------------------------------------------- */

static void
what_does_not_fit(void **state)
{
    struct qn_cards c = {0};
    struct qn_error err;
    char big[100];

    (void)state;
    memset(big, '1', 99);
    big[99] = '\0';
    assert_int_equal(qn_cards_add(&c, big, "1", "", 'n', &err), QN_EFORMAT);
    assert_int_equal(qn_cards_add(&c, "N", big, "", 'n', &err), QN_EFORMAT);
    assert_non_null(strstr(err.text, "number of N"));
    assert_int_equal(c.n, 0);

    // A text is cut, and says so; never inside a character.
    memcpy(big + 67, "\xC3\xA9", 2);
    assert_int_equal(qn_cards_add(&c, "S", big, big, 's', &err), 0);
    assert_int_equal(strlen(c.v[0].value), 70);
    assert_string_equal(c.v[0].value + 66, "1...");
    assert_string_equal(c.v[0].comment, c.v[0].value);
    big[71] = '\0';
    assert_int_equal(qn_cards_set(&c, "S", big, NULL, 's', &err), 0);
    assert_string_equal(value_of(&c, "S"), big);
    qn_cards_clear(&c);
}

static void
list(void **state)
{
    struct qn_cards c = {0}, copy;
    char name[16];

    (void)state;
    assert_null(qn_cards_find(&c, "A"));
    qn_cards_drop(&c, "A");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "key%d", i);
        add(&c, name, name + 3, 'n');
    }
    add(&c, "KEY7", "again", 's');
    assert_int_equal(c.n, 101);
    assert_string_equal(c.v[12].keyword, "KEY12");
    assert_string_equal(value_of(&c, "kEy7"), "7");
    add(&c, "EMPTY", NULL, 'u');
    assert_string_equal(value_of(&c, "EMPTY"), "");

    assert_int_equal(qn_cards_copy(&copy, &c, NULL), 0);
    qn_cards_drop(&c, c.v[7].keyword);
    assert_int_equal(c.n, 100);
    assert_null(qn_cards_find(&c, "KEY7"));
    assert_string_equal(c.v[7].keyword, "KEY8");
    assert_int_equal(copy.n, 102);
    add(&copy, "MORE", "1", 'n');
    assert_string_equal(value_of(&copy, "MORE"), "1");

    qn_cards_clear(&c);
    qn_cards_clear(&c);
    qn_cards_clear(&copy);
    assert_int_equal(qn_cards_copy(&copy, &c, NULL), 0);
    assert_int_equal(copy.n, 0);
}

static void
setting(void **state)
{
    struct qn_cards c = {0};

    (void)state;
    qn_cards_set(&c, "gain", "1.5", "e/ADU", 'n', NULL);
    qn_cards_set(&c, "GAIN", "2", NULL, 'n', NULL);
    assert_int_equal(c.n, 1);
    assert_string_equal(c.v[0].value, "2");
    assert_string_equal(c.v[0].comment, "e/ADU");
    qn_cards_set(&c, "GAIN", "high", "", 's', NULL);
    assert_string_equal(c.v[0].comment, "");
    assert_int_equal(c.v[0].kind, 's');
    qn_cards_clear(&c);
}

static void
shared_cards(void **state)
{
    struct qn_cards a = {0}, b = {0}, none = {0};

    (void)state;
    add(&a, "FILTER", "V", 's');
    add(&a, "EXPTIME", "10.", 'n');
    add(&a, "COMMENT", "same", 'c');
    add(&a, "FLAG", "T", 'b');
    add(&a, "ONLYA", "1", 'n');
    add(&a, "KIND", "1", 'n');
    add(&a, "LAST", "x", 's');
    // In another order, with others between.
    add(&b, "LAST", "x", 's');
    add(&b, "KIND", "1", 's');
    add(&b, "COMMENT", "same", 'c');
    add(&b, "EXPTIME", "20.", 'n');
    add(&b, "ONLYB", "1", 'n');
    add(&b, "FLAG", "T", 'b');
    add(&b, "FILTER", "V", 's');

    qn_cards_intersect(&a, &b);
    assert_int_equal(a.n, 3);
    assert_string_equal(a.v[0].keyword, "FILTER");
    assert_string_equal(a.v[1].keyword, "FLAG");
    assert_string_equal(a.v[2].keyword, "LAST");
    qn_cards_intersect(&a, &a);
    assert_int_equal(a.n, 3);
    qn_cards_intersect(&a, &none);
    assert_int_equal(a.n, 0);
    qn_cards_clear(&a);
    qn_cards_clear(&b);
}

/* ---- geometry ----------------------------------------------------------- */

static void
refused_factors(void **state)
{
    const double offset[] = {0}, zero[] = {0}, nan[] = {0.0 / zero[0]};
    struct qn_cards c = {0};

    (void)state;
    add(&c, "BIASSEC", "[1:2,1:2]", 's');
    assert_int_equal(qn_cards_remap(&c, 1, offset, zero, NULL), QN_EVALUE);
    assert_int_equal(qn_cards_remap(&c, 1, offset, nan, NULL), QN_EVALUE);
    assert_int_equal(c.n, 1);
    qn_cards_clear(&c);
}

// Of a frame [y, x] the part from x = 20, y = 10 on, blocks of 3 by 2 pixels.
static const double offset[] = {10, 20}, factor[] = {3, 2};

static const struct {
    const char *keyword, *value;
    char kind;
    const char *expected; // "-": dropped
} remap_rows[] = {
    {"CRPIX1", "512.5", 'n', "246.5"}, // (512.5 - 0.5 - 20) / 2 + 0.5
    {"CRPIX2", "1024", 'n', "338.3333333333333"},
    {"CRPIX3", "7", 'n', "7"}, // no such axis
    {"CRPIX1B", "21", 'n', "0.75"},
    {"CRPIX12", "21", 'n', "21"},
    {"CRPIX1BB", "21", 'n', "21"},
    {"CRPIX", "21", 'n', "21"},
    {"CRPIX2C", "2.25D+01", 'n', "4.5"},
    {"CRPIX1D", "'text'", 's', "-"},
    {"CRPIX1E", "", 'u', "-"},
    {"CRPIX1F", "inf", 'n', "-"},
    {"CD1_1", "-1E-05", 'n', "-2E-05"},
    {"CD1_2", "0.25", 'n', "0.75"},
    {"CD2_1A", "0.25", 'n', "0.5"},
    {"CD1", "0.25", 'n', "0.25"},
    {"CDELT1", "4", 'n', "8.0"},
    {"CDELT2", "4", 'n', "12.0"},
    {"CDELT2X", "0.1", 'n', "0.30000000000000004"},
    {"PC1_1", "1.0", 'n', "1.0"}, // CDELT1 has the factor already
    {"PC1_2", "0.5", 'n', "0.75"},
    {"PC1_1B", "0.5", 'n', "1.0"}, // there is no CDELT1B
    {"LTV1", "0", 'n', "-9.75"},
    {"LTM1_1", "1", 'n', "0.5"},
    {"LTM2_2", "0.5", 'n', "0.16666666666666666"},
    {"LTM2_1", "0.", 'n', "0.0"},
    {"A_2_0", "0.25", 'n', "0.5"}, // u^2 = 4 u'^2, a shift of half as many
    {"A_1_2", "0.5", 'n', "4.5"},
    {"B_2_0", "0.75", 'n', "1.0"},
    {"BP_1_1", "0.5", 'n', "1.0"},
    {"AP_1_0", "0.5", 'n', "0.5"},
    {"A_ORDER", "2", 'n', "2"},
    {"A_2", "0.25", 'n', "0.25"},
    {"A_2_0_", "0.25", 'n', "0.25"},
    {"AB_2_0", "0.25", 'n', "0.25"},
    {"C_2_0", "0.25", 'n', "0.25"},
    {"CRVAL1", "10.25", 'n', "10.25"},
    {"CRPIX1C", "21", 'c', "21"},
    {"BIASSEC", "[1:20,1:1000]", 's', "-"},
    {"TRIMSEC", "[1:20,1:1000]", 's', "-"},
    {"DATASEC", "[1:20,1:1000]", 's', "-"},
    {"CCDSEC", "[1:20,1:1000]", 's', "-"},
    {"DETSEC", "[1:20,1:1000]", 's', "-"},
    {"AMPSEC", "[1:20,1:1000]", 's', "-"},
    {"BIASSECA", "[1:20,1:1000]", 's', "-"},
    {"AMPSEC12", "[1:20,1:1000]", 's', "-"},
    {"DATASECT-X", "kept", 's', "kept"},
    {"CCDSECONDS", "10", 'n', "10"},
    {"OBJECT", "BIASSEC", 's', "BIASSEC"},
};
#define NREMAP (sizeof remap_rows / sizeof *remap_rows)

static void
remapped_cards(void **state)
{
    struct qn_cards c = {0};

    (void)state;
    for (size_t i = 0; i < NREMAP; i++)
        add(&c, remap_rows[i].keyword, remap_rows[i].value, remap_rows[i].kind);
    assert_int_equal(qn_cards_remap(&c, 2, offset, factor, NULL), 0);
    for (size_t i = 0; i < NREMAP; i++) {
        const char *got = value_of(&c, remap_rows[i].keyword);
        if (strcmp(got, remap_rows[i].expected) != 0)
            fail_msg("%s: %s became %s, not %s", remap_rows[i].keyword,
                     remap_rows[i].value, got, remap_rows[i].expected);
    }
    qn_cards_clear(&c);
}

// What stays where it is keeps its spelling; sections go all the same, since
// the data may have become smaller at their end.
static void
nothing_moved(void **state)
{
    const double stay[] = {0, 0}, same[] = {1, 1};
    struct qn_cards c = {0};

    (void)state;
    add(&c, "CRPIX1", "5.1200E+02", 'n');
    add(&c, "CD1_1", "unreadable", 's');
    add(&c, "TRIMSEC", "[1:10,1:10]", 's');
    assert_int_equal(qn_cards_remap(&c, 2, stay, same, NULL), 0);
    assert_string_equal(value_of(&c, "CRPIX1"), "5.1200E+02");
    assert_string_equal(value_of(&c, "CD1_1"), "unreadable");
    assert_int_equal(c.n, 2);
    qn_cards_clear(&c);
}

// Two steps give what one step gives.
static void
steps_compose(void **state)
{
    const double o1[] = {4}, f1[] = {2}, o2[] = {3}, f2[] = {4};
    const double o12[] = {4 + 3 * 2}, f12[] = {8};
    struct qn_cards a = {0}, b = {0};

    (void)state;
    add(&a, "CRPIX1", "100.5", 'n');
    add(&a, "LTV1", "3", 'n');
    add(&a, "CDELT1", "0.5", 'n');
    assert_int_equal(qn_cards_copy(&b, &a, NULL), 0);
    qn_cards_remap(&a, 1, o1, f1, NULL);
    qn_cards_remap(&a, 1, o2, f2, NULL);
    qn_cards_remap(&b, 1, o12, f12, NULL);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(a.v[i].value, b.v[i].value);
    qn_cards_clear(&a);
    qn_cards_clear(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit), cmocka_unit_test(list),
        cmocka_unit_test(setting),           cmocka_unit_test(shared_cards),
        cmocka_unit_test(refused_factors),   cmocka_unit_test(remapped_cards),
        cmocka_unit_test(nothing_moved),     cmocka_unit_test(steps_compose),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
