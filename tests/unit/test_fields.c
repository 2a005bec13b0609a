/* Fields: what a text means, how a value is written, patterns of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/fields.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void
no_numbers(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "-",
        ".",
        "+.",
        "e5",
        "1e",
        "1e+",
        "0x10",
        "1 2",
        "1,5",
        "1e999",
        "12km",
        "--1",
        "1.2.3",
        "2D5",
        "1d",
        "nano",
        "in",
        "T",
        "2018-08-10",
        "1e5.0",
        "0b1",
        "1_0",
        "- 1",
        "NaN(1)",
        "1.00000000000000000000000000000000000000000000000000000000000001",
    };
    double x = 5;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (qn_fields_number(&x, rows[i]))
            fail_msg("'%s' is taken for %g", rows[i], x);
    assert_true(x == 5);
}

static void
numbers(void **state)
{
    static const struct {
        const char *text;
        double x;
    } rows[] = {
        {"0", 0},           {"-12", -12},         {"+3", 3},
        {"  1.5  ", 1.5},   {"\t2", 2},           {".5", 0.5},
        {"5.", 5},          {"1e3", 1000},        {"1E-3", 0.001},
        {"1.5D3", 1500},    {"1.d0", 1},          {".5D+1", 5},
        {"007", 7},         {"inf", INFINITY},    {"-Inf", -INFINITY},
        {".inf", INFINITY}, {"-.inf", -INFINITY}, {"+infinity", INFINITY},
        {"1e-400", 0},
    };
    double x;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        x = 77;
        if (!qn_fields_number(&x, rows[i].text) || x != rows[i].x)
            fail_msg("'%s' is read as %g", rows[i].text, x);
    }
    assert_true(qn_fields_number(&x, "NaN") && isnan(x));
    assert_true(qn_fields_number(&x, "-nan") && isnan(x));
    assert_true(qn_fields_number(&x, ".nan") && isnan(x));
}

static void
values_of_text(void **state)
{
    static const struct {
        const char *text;
        bool is_text;
        const char *json;
    } rows[] = {
        {"12", false, "12"},
        {"300.", false, "300"},
        {"3.0E2", false, "300"},
        {"-0.0", false, "0"},
        {"1.5", false, "1.5"},
        {"1.5D3", false, "1500"},
        {" 12 ", false, "12"},
        {"T", false, "true"},
        {"F", false, "false"},
        {"T", true, "\"T\""},
        {"12", true, "\"12\""},
        {"V       ", true, "\"V\""},
        {" V ", true, "\" V\""},
        {"        ", true, "\"\""},
        {"", true, "\"\""},
        {"", false, "\"\""},
        {"007", false, "\"007\""},
        {"-01", false, "\"-01\""},
        {"00", false, "\"00\""},
        {"0", false, "0"},
        {"0.5", false, "0.5"},
        {"9007199254740991", false, "9007199254740991"},
        {"9007199254740992", false, "\"9007199254740992\""},
        {"9007199254740993", false, "\"9007199254740993\""},
        {"20180810123456789012", false, "\"20180810123456789012\""},
        {"1e22", false, "1e22"},
        {"nan", false, "\"nan\""},
        {"inf", false, "\"inf\""},
        {"2018-08-10", false, "\"2018-08-10\""},
        {"Gr\xc3\xb6\xc3\x9f"
         "e",
         true,
         "\"Gr\xc3\xb6\xc3\x9f"
         "e\""},
        {"Gr\xf6\xdf"
         "e",
         true,
         "\"Gr\xc3\xb6\xc3\x9f"
         "e\""},
        {"\xff", false, "\"\xc3\xbf\""},
        {"\xe2\x82\xac\x80\xc3", true, "\"\xe2\x82\xac\xc2\x80\xc3\x83\""},
        {"\xf0\x9f\x94\xad", true, "\"\xf0\x9f\x94\xad\""},
        {"\xc0\xaf", true, "\"\xc3\x80\xc2\xaf\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *v = qn_fields_value(rows[i].text, rows[i].is_text);
        char *text = json_dumps(v, JSON_ENCODE_ANY);

        assert_non_null(text);
        assert_string_equal(text, rows[i].json);
        free(text);
        json_decref(v);
    }
}

static void
text_of_values(void **state)
{
    static const struct {
        struct qn_value v;
        const char *text;
    } rows[] = {
        {{.kind = QN_VALUE_NONE}, ""},
        {{.kind = QN_VALUE_NUMBER, .number = 0.1}, "0.1"},
        {{.kind = QN_VALUE_NUMBER, .number = 12}, "12"},
        {{.kind = QN_VALUE_NUMBER, .number = -0.0}, "0"},
        {{.kind = QN_VALUE_NUMBER, .number = 1e6}, "1000000"},
        {{.kind = QN_VALUE_NUMBER, .number = 9007199254740992.0},
         "9007199254740992"},
        {{.kind = QN_VALUE_NUMBER, .number = 1e300}, "1e+300"},
        {{.kind = QN_VALUE_NUMBER, .number = NAN}, "nan"},
        {{.kind = QN_VALUE_NUMBER, .number = -NAN}, "nan"},
        {{.kind = QN_VALUE_NUMBER, .number = -INFINITY}, "-inf"},
        {{.kind = QN_VALUE_BOOL, .number = 1}, "true"},
        {{.kind = QN_VALUE_BOOL, .number = 0}, "false"},
        {{.kind = QN_VALUE_TEXT, .text = "V  "}, "V"},
        {{.kind = QN_VALUE_TEXT, .text = ""}, ""},
    };
    char text[40];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        qn_fields_text(text, sizeof text, &rows[i].v);
        assert_string_equal(text, rows[i].text);
    }
    const struct qn_value v = {.kind = QN_VALUE_TEXT, .text = "abcdef"};
    qn_fields_text(text, 4, &v);
    assert_string_equal(text, "abc");
}

static json_t *
make_fields(void)
{
    return json_pack("{s:s, s:s, s:f, s:i, s:b, s:s, s:s, s:s, s:s, s:n, s:o}",
                     "stem", "a.b_c", "FILTER", "V/B  ", "EXPTIME", 0.1,
                     "frame", 7, "SIMPLE", 1, "up", "..", "hidden", ".x",
                     "EMPTY", "  ", "OBJECT", "M 31 \xc3\xa9", "NOTHING",
                     "list", json_array());
}

static void
lookups(void **state)
{
    json_t *o = make_fields();
    struct qn_lookup fields = qn_fields_lookup(o), none = {NULL, NULL};
    struct qn_value v;

    (void)state;
    assert_false(qn_fields_find(&fields, "stems", &v));
    assert_int_equal(v.kind, QN_VALUE_NONE);
    assert_false(qn_fields_find(&fields, "NOTHING", &v));
    assert_false(qn_fields_find(&fields, "list", &v));
    assert_false(qn_fields_find(NULL, "stem", &v));
    assert_false(qn_fields_find(&none, "stem", &v));
    assert_true(qn_fields_find(&fields, "stem", &v));
    assert_int_equal(v.kind, QN_VALUE_TEXT);
    assert_true(qn_fields_find(&fields, "frame", &v));
    assert_true(v.kind == QN_VALUE_NUMBER && v.number == 7);
    assert_true(qn_fields_find(&fields, "SIMPLE", &v));
    assert_true(v.kind == QN_VALUE_BOOL && v.number == 1);
    json_decref(o);
    fields = qn_fields_lookup(NULL);
    assert_false(qn_fields_find(&fields, "stem", &v));
}

/* ---- patterns ----------------------------------------------------------- */

static void
ignore_name(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
}

static void
bad_patterns(void **state)
{
    static const struct {
        const char *pattern, *part;
    } rows[] = {
        {"{", "the '{' at character 1 has no partner"},
        {"a{stem", "the '{' at character 2"},
        {"{stem}}", "the '}' at character 7"},
        {"{st{em}", "the '{' at character 1"},
        {"}", "the '}' at character 1"},
        {"x{}", "the braces at character 2 hold no name"},
    };
    json_t *o = make_fields();
    struct qn_lookup fields = qn_fields_lookup(o);
    struct qn_error err;
    char *out;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            qn_fields_fill(&out, rows[i].pattern, &fields, true, &err),
            QN_EJOB);
        assert_null(out);
        if (!strstr(err.text, rows[i].part))
            fail_msg("%s: %s", rows[i].pattern, err.text);
        assert_int_equal(
            qn_fields_names(rows[i].pattern, ignore_name, NULL, &err), QN_EJOB);
    }
    assert_int_equal(qn_fields_fill(&out, "a{FILTERR}", &fields, true, &err),
                     QN_EMISSING);
    assert_string_equal(
        err.text, "there is no field 'FILTERR', which \"a{FILTERR}\" needs");
    assert_int_equal(qn_fields_fill(&out, "{stem}", NULL, true, NULL),
                     QN_EMISSING);
    assert_null(out);
    json_decref(o);
}

static void
filled(void **state)
{
    static const struct {
        const char *pattern;
        bool encode;
        const char *out;
    } rows[] = {
        {"", true, ""},
        {"plain /% text", true, "plain /% text"},
        {"{stem}", true, "a.b_c"},
        {"n/{stem}-{FILTER}.h5", true, "n/a.b_c-V%2FB.h5"},
        {"n/{stem}-{FILTER}.h5", false, "n/a.b_c-V/B.h5"},
        {"{frame}{EXPTIME}{SIMPLE}", true, "70.1true"},
        {"{OBJECT}", true, "M%2031%20%C3%A9"},
        {"{OBJECT}", false, "M 31 \xc3\xa9"},
        {"{{{stem}}}", true, "{a.b_c}"},
        {"{{print $1}}", false, "{print $1}"},
        // nothing leaves its folder, hides or vanishes
        {"{up}/x", true, "%2E./x"},
        {"a/{up}", true, "a/%2E."},
        {"a/.{up}", true, "a/.%2E."},
        {"a/{hidden}", true, "a/%2Ex"},
        {"a{hidden}", true, "a.x"},
        {"{hidden}{up}", true, "%2Ex.."},
        {"{up}/x", false, "../x"},
        {"{EMPTY}/x", true, "%20/x"},
        {"{EMPTY}/x", false, "/x"},
    };
    json_t *o = make_fields();
    struct qn_lookup fields = qn_fields_lookup(o);
    char *out;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(qn_fields_fill(&out, rows[i].pattern, &fields,
                                        rows[i].encode, NULL),
                         0);
        assert_string_equal(out, rows[i].out);
        free(out);
    }
    json_decref(o);
}

static void
add_name(void *ctx, const char *name)
{
    qn_text_add(ctx, "%s,", name);
}

static void
names(void **state)
{
    struct qn_text t = {0};

    (void)state;
    assert_int_equal(
        qn_fields_names("{a}/{{x}}{DATE-OBS}{/e@f}{a}", add_name, &t, NULL), 0);
    assert_string_equal(qn_text_get(&t), "a,DATE-OBS,/e@f,a,");
    qn_text_clear(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_numbers),     cmocka_unit_test(numbers),
        cmocka_unit_test(values_of_text), cmocka_unit_test(text_of_values),
        cmocka_unit_test(lookups),        cmocka_unit_test(bad_patterns),
        cmocka_unit_test(filled),         cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
