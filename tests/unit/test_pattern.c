/* Patterns for paths: what they match and what they capture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "io/pattern.h"

/* ---- bad input ---------------------------------------------------------- */

static void
too_long(void **state)
{
    struct qn_pattern p;
    struct qn_error err;
    char text[400];

    (void)state;
    for (size_t i = 0; i < 65 * 2; i += 2)
        memcpy(text + i, "a/", 3);
    assert_int_equal(qn_pattern_parse(&p, text, &err), QN_EJOB);
    assert_non_null(strstr(err.text, "more than 64 folders"));
    assert_null(p.copy);
    for (size_t i = 0; i < 33 * 4; i += 4)
        memcpy(text + i, "{a}-", 5);
    assert_int_equal(qn_pattern_parse(&p, text, &err), QN_EJOB);
    assert_non_null(strstr(err.text, "33 captures"));
}

/* Nothing here may take longer than the product of the lengths. */
static void
costly(void **state)
{
    struct qn_pattern p;
    char name[256];

    (void)state;
    memset(name, 'a', 255);
    name[255] = '\0';
    assert_int_equal(
        qn_pattern_parse(&p, "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", NULL), 0);
    assert_false(qn_pattern_match(&p, name, false, NULL));
    qn_pattern_clear(&p);
    assert_int_equal(qn_pattern_parse(&p, "*a*a*a*a*a*a{x}a*a*a*ab", NULL), 0);
    assert_false(qn_pattern_match(&p, name, false, NULL));
    qn_pattern_clear(&p);
    qn_pattern_clear(&p);
}

/* ---- parsing ------------------------------------------------------------ */

static void
parsing(void **state)
{
    static const struct {
        const char *text;
        bool absolute;
        int up, n;
    } rows[] = {
        {"", false, 0, 0},        {".", false, 0, 0},
        {"./a//b", false, 0, 2},  {"../../a", false, 2, 1},
        {"a/../b", false, 0, 1},  {"a/../../b", false, 1, 1},
        {"/a/b", true, 0, 2},     {"a/", false, 0, 2},
        {"/", true, 0, 1},        {"**/**/a", false, 0, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_pattern p;
        assert_int_equal(qn_pattern_parse(&p, rows[i].text, NULL), 0);
        if (p.absolute != rows[i].absolute || p.up != rows[i].up ||
            p.n != rows[i].n)
            fail_msg("'%s': %d %d %d", rows[i].text, p.absolute, p.up, p.n);
        qn_pattern_clear(&p);
    }
}

/* ---- matching ----------------------------------------------------------- */

/* fields NULL: does not match. */
static const struct {
    const char *pattern, *path, *fields;
} matches[] = {
    {"a.fits", "a.fits", ""},
    {"a.fits", "a.fit", NULL},
    {"a.fits", "b/a.fits", NULL},
    {"*", "", NULL},
    {"*", "a", ""},
    {"*", "a/b", NULL},
    {"*.fits*", "a.fits.gz", ""},
    {"?.h5", "a.h5", ""},
    {"?.h5", ".h5", NULL},
    {"[a-c]1", "b1", ""},
    {"[a-c]1", "d1", NULL},
    {"[!a-c]1", "d1", ""},
    {"[^a-c]1", "a1", NULL},
    {"[]x]", "]", ""},
    {"[a-]", "-", ""},
    {"a[1", "a[1", ""},
    {"\\*", "*", ""},
    {"\\*", "a", NULL},
    {"a\\?*", "a?b", ""},
    {"a\\?*", "axb", NULL},
    {"{a,b}", "{a,b}", ""},
    {"{}", "{}", ""},
    // hidden names
    {"*", ".a", NULL},
    {".*", ".a", ""},
    {"[.]a", ".a", NULL},
    {"{x}", ".a", NULL},
    {"**/a", ".x/a", NULL},
    // any number of folders
    {"**/a", "a", ""},
    {"**/a", "x/y/a", ""},
    {"a/**", "a/b/c", ""},
    {"a/**", "a", NULL},
    {"a/**/b/**/c", "a/b/c", ""},
    {"a/**/b/**/c", "a/x/b/y/b/c", ""},
    {"a/**/b/**/c", "a/x/y/c", NULL},
    {"a**b", "axxb", ""},
    {"a**b", "a/b", NULL},
    // captures
    {"{night}/{kind}-*.fits", "n1/flat-V-1.fits", "night=n1\nkind=flat\n"},
    {"*-{n}.fits", "a-b-3.fits", "n=3\n"},
    {"{a}{b}", "xyz", "a=x\nb=yz\n"},
    {"{a}{b}", "x", NULL},
    {"{a}-{a}", "xy-xy", "a=xy\n"},
    {"{a}-{a}", "xy-xz", NULL},
    {"{a}-{a}", "x-x-x-x", "a=x-x\n"},
    {"{n}/{n}_*.h5", "a1/a1_0.h5", "n=a1\n"},
    {"{n}/{n}_*.h5", "a1/a2_0.h5", NULL},
    {"**/{n}", "a/b", "n=b\n"},
    {"{a}", "two\nlines", "a=two\\nlines\n"},
    {"{caf-e_1}", "x", "caf-e_1=x\n"},
};

static void
matching(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
        struct qn_text fields = {0};
        struct qn_pattern p;
        bool yes;

        assert_int_equal(qn_pattern_parse(&p, matches[i].pattern, NULL), 0);
        yes = qn_pattern_match(&p, matches[i].path, false, &fields);
        if (yes != (matches[i].fields != NULL))
            fail_msg("%s against %s: %d", matches[i].pattern, matches[i].path,
                     yes);
        if (yes)
            assert_string_equal(qn_text_get(&fields), matches[i].fields);
        qn_text_clear(&fields);
        qn_pattern_clear(&p);
    }
}

static void
one_segment(void **state)
{
    struct qn_pattern p;

    (void)state;
    assert_int_equal(qn_pattern_parse(&p, "a/{x}.h5/.b", NULL), 0);
    assert_true(qn_pattern_fits(&p, 0, "a"));
    assert_false(qn_pattern_fits(&p, 0, "b"));
    assert_true(qn_pattern_fits(&p, 1, "1.h5"));
    assert_false(qn_pattern_fits(&p, 1, ".h5"));
    assert_true(qn_pattern_fits(&p, 2, ".b"));
    assert_true(qn_pattern_match(&p, "a/.x.h5/.b", true, NULL));
    assert_false(qn_pattern_match(&p, "a/.x.h5/.b", false, NULL));
    qn_pattern_clear(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_long), cmocka_unit_test(costly),
        cmocka_unit_test(parsing),  cmocka_unit_test(matching),
        cmocka_unit_test(one_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
