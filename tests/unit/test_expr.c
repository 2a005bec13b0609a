/* The expression language: what texts mean, and the tree they become.  What is
 * refused is test_expr_refused.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/expr.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- what it means ------------------------------------------------------ */

static json_t *
make_fields(void)
{
    return json_pack(
        "{s:s, s:s, s:f, s:i, s:s, s:s, s:b, s:b, s:s, s:s, s:s, s:s, s:f, "
        "s:n}",
        "IMAGETYP", "Dome Flat", "FILTER", "V       ", "EXPTIME", 12.5,
        "CCDXBIN", 2, "DATE-OBS", "2017-12-20T01:33:43.5", "run", "007",
        "SIMPLE", 1, "EXTEND", 0, "LOGICAL", "T", "/entry/sample@name",
        "Cu foil", "GAIN", "1.5D1", "EMPTY", "", "TEMP", -0.25, "NOTHING");
}

static int
value_of(const char *text, struct qn_value *v, struct qn_error *err)
{
    json_t *o = make_fields();
    struct qn_lookup fields = qn_fields_lookup(o);
    struct qn_expr e = {0};
    int rc = qn_expr_parse(&e, text, QN_EXPR_FIELDS, err);

    if (!rc)
        rc = qn_expr_value(&e, &fields, v, err);
    // the text is borrowed from what goes now
    if (!rc && v->kind == QN_VALUE_TEXT && v->text != v->storage) {
        snprintf(v->storage, sizeof v->storage, "%s", v->text);
        v->text = v->storage;
    }
    qn_expr_clear(&e);
    json_decref(o);
    return rc;
}

static void
failures(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *part;
    } rows[] = {
        {"FILTERR == 'V'", QN_EMISSING,
         "column 1 of \"FILTERR == 'V'\": there is no field 'FILTERR'"},
        {"1 == 1 and NOTHING == 2", QN_EMISSING, "column 12"},
        {"EXPTIME-1 > 3", QN_EMISSING, "put blanks around - and /"},
        {"EXPTIME/CCDXBIN > 3", QN_EMISSING, "put blanks around - and /"},
        {"A-1234567890123456789012345678901234567890123456789012345678901234"
         "567890123456789012345678901234567890",
         QN_EMISSING, "there is no field 'A-1234"},
        {"lower(DATE-END)", QN_EMISSING, "no field 'DATE-END'"},
        {"IMAGETYP < 3", QN_EVALUE, "'Dome Flat' and '3' have no order"},
        {"IMAGETYP + 1 > 3", QN_EVALUE, "'Dome Flat' is no number"},
        {"-IMAGETYP", QN_EVALUE, "is no number"},
        {"abs(IMAGETYP)", QN_EVALUE, "column 5"},
        {"max(1, IMAGETYP)", QN_EVALUE, "column 8"},
        {"not IMAGETYP", QN_EVALUE, "neither yes nor no"},
        {"IMAGETYP and SIMPLE", QN_EVALUE, "neither yes nor no"},
        {"round(EXPTIME, 0)", QN_EVALUE, "column 16"},
        {"round(EXPTIME, -1)", QN_EVALUE, "a step above 0"},
        {"date(IMAGETYP)", QN_EVALUE, "'Dome Flat' is no date"},
        {"date(EXPTIME)", QN_EVALUE, "'12.5' is no date"},
        {"date('9999-12-31', '1 d')", QN_EVALUE, "out of the years"},
    };
    struct qn_value v;
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int rc = value_of(rows[i].text, &v, &err);

        if (rc != rows[i].code || !strstr(err.text, rows[i].part))
            fail_msg("%s: %d, %s", rows[i].text, rc, rc ? err.text : "");
        if (!strstr(err.text, "column "))
            fail_msg("no place: %s", err.text);
        assert_int_equal(value_of(rows[i].text, &v, NULL), rows[i].code);
    }
}

static void
values(void **state)
{
    static const struct {
        const char *text, *value; /* as qn_fields_text writes it */
    } rows[] = {
        // texts, and the blanks that FITS pads them with
        {"IMAGETYP == 'Dome Flat'", "true"},
        {"IMAGETYP == 'dome flat'", "false"},
        {"lower(IMAGETYP) == 'dome flat'", "true"},
        {"FILTER == 'V'", "true"},
        {"FILTER == \"V \"", "true"},
        {"FILTER != 'V'", "false"},
        {"FILTER == ' V'", "false"},
        {"FILTER <= 'V' and FILTER >= 'V'", "true"},
        {"FILTER < 'W' and 'U' < FILTER", "true"},
        {"FILTER > 'Va'", "false"},
        {"FILTER in ['B', 'V']", "true"},
        {"FILTER not in ['B', 'V']", "false"},
        {"EMPTY == ''", "true"},
        {"EMPTY == '   '", "true"},
        {"FILTER", "V"},
        // patterns
        {"IMAGETYP like '*Flat*'", "true"},
        {"IMAGETYP like '*flat*'", "false"},
        {"IMAGETYP not like '*flat*'", "true"},
        {"FILTER like 'V'", "true"},
        {"FILTER like '?'", "true"},
        {"FILTER like '[A-Z]'", "true"},
        {"FILTER like '[!A-Z]'", "false"},
        {"FILTER like '[]V]'", "true"},
        {"FILTER like '['", "false"},
        {"'[' like '['", "true"},
        {"'a]' like '[!b]]'", "true"},
        {"FILTER like 'V*'", "true"},
        {"EMPTY like ''", "true"},
        {"EMPTY like '?*'", "false"},
        {"run like '0*'", "true"},
        {"CCDXBIN like '[12]'", "true"},
        {"'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' like '*a*a*a*a*a*a*a*c'", "false"},
        // numbers, and texts that look like one
        {"EXPTIME == 12.5", "true"},
        {"EXPTIME == '12.50'", "true"},
        {"EXPTIME != '12.50'", "false"},
        {"run == 7", "true"},
        {"run == '7'", "false"},
        {"run < 10", "true"},
        {"run in [6, 7]", "true"},
        {"TEMP in [-0.25]", "true"},
        {"GAIN == 15", "true"},
        {"IMAGETYP == 3", "false"},
        {"IMAGETYP != 3", "true"},
        {"'nan' == 'nan'", "true"},
        {"1 < 2 and 2 <= 2 and 3 > 2 and 2 >= 2 and not 1 > 2", "true"},
        // yes and no
        {"SIMPLE", "true"},
        {"not SIMPLE", "false"},
        {"SIMPLE == 'T' and EXTEND == 'F'", "true"},
        {"'T' == SIMPLE", "true"},
        {"SIMPLE == 'flat'", "false"},
        {"SIMPLE == 1", "true"},
        {"LOGICAL and not EXTEND", "true"},
        {"LOGICAL == SIMPLE", "true"},
        {"not EXPTIME", "false"},
        {"0 or '0'", "false"},
        {"not (0 / 0)", "true"},
        {"has(FILTER) and not has(FILTERR)", "true"},
        {"has(NOTHING)", "false"},
        {"has(FILTERR) and FILTERR == 'V'", "false"},
        {"has(FILTER) or FILTERR == 'V'", "true"},
        // names
        {"DATE-OBS", "2017-12-20T01:33:43.5"},
        {"/entry/sample@name == 'Cu foil'", "true"},
        {"not/entry", NULL},
        {"not /entry/sample@name == 'Cu'", "true"},
        // arithmetic
        {"1 + 2 * 3 - 4 / 2", "5"},
        {"10 - 2 - 3", "5"},
        {"2/4*3", "1.5"},
        {"EXPTIME - 1", "11.5"},
        {"EXPTIME -1", "11.5"},
        {"EXPTIME- 1", "11.5"},
        {"EXPTIME / CCDXBIN", "6.25"},
        {"EXPTIME /CCDXBIN", "6.25"},
        {"-2 ** 2", "-4"},
        {"2 ** 3 ** 2", "512"},
        {"2 ** -1", "0.5"},
        {"- -3", "3"},
        {"7 % 4", "3"},
        {"-7 % 4", "-3"},
        {"1 / 0", "nan"},
        {"run * 2", "14"},
        {"SIMPLE + 1", "2"},
        {".5 + 1e1 + 1.", "11.5"},
        {"1.5e-3", "0.0015"},
        // functions
        {"round(0.3000001, 0.1)", "0.3"},
        {"round(0.1 * 3, 0.1)", "0.3"},
        {"round(12.5)", "13"},
        {"round(-12.5)", "-13"},
        {"round(-0.2)", "0"},
        {"round(0.89, 0.3)", "0.9"},
        {"round(1234, 50)", "1250"},
        {"round(EXPTIME, 5)", "15"},
        {"round('nan', 5)", "nan"},
        {"round(1e300, 1e-300)", "1e+300"},
        {"round(2.5, '0.25')", "2.5"},
        {"lower('AbC')", "abc"},
        {"lower(EXPTIME)", "12.5"},
        {"lower(SIMPLE)", "true"},
        {"date(DATE-OBS)", "2017-12-20"},
        {"date(DATE-OBS, '-12 h')", "2017-12-19"},
        {"date(DATE-OBS, '-1 h') == '2017-12-20'", "true"},
        {"date(DATE-OBS, '-90 min')", "2017-12-20"},
        {"date(DATE-OBS, '-94 min')", "2017-12-19"},
        {"date(DATE-OBS, '-5623.5 s')", "2017-12-20"},
        {"date(DATE-OBS, '-5623.6 s')", "2017-12-19"},
        {"date(DATE-OBS, '+11.9 d')", "2017-12-31"},
        {"date(DATE-OBS, '12d')", "2018-01-01"},
        {"date('2018-08-10')", "2018-08-10"},
        {"date('2018-08-10  ')", "2018-08-10"},
        {"date('2018-08-10 23:00')", "2018-08-10"},
        {"date('2016-12-31T23:59:60', '1 s')", "2017-01-01"},
        {"date('2018-08-10T01:00:00+02:00', '-12 h')", "2018-08-09"},
        {"date('2018-08-10T01:00:00Z')", "2018-08-10"},
        {"date('20/12/97')", "1997-12-20"},
        {"date('01/01/00', '-1 d')", "1899-12-31"},
        {"date('2000-02-29', '1 d')", "2000-03-01"},
        {"date('2019-03-01', '-1 d')", "2019-02-28"},
        {"date('0000-03-01', '-1 d')", "0000-02-29"},
        {"date('1969-12-31', '1 d')", "1970-01-01"},
        {"log(exp(2)) + log10(1000) + sqrt(16) + abs(-1)", "10"},
        {"sin(0) + cos(0) + tan(0) + floor(1.7) + ceil(1.2)", "4"},
        {"min(2, 3) + max(2, '3')", "5"},
        {"isnan(0 / 0) and not isnan(1)", "true"},
    };
    struct qn_value v;
    struct qn_error err;
    char text[100];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int rc = value_of(rows[i].text, &v, &err);

        if (!rows[i].value) {
            assert_int_not_equal(rc, 0);
            continue;
        }
        if (rc)
            fail_msg("%s: %s", rows[i].text, err.text);
        qn_fields_text(text, sizeof text, &v);
        if (strcmp(text, rows[i].value) != 0)
            fail_msg("%s: %s, not %s", rows[i].text, text, rows[i].value);
    }
}

static void
bad_dates(void **state)
{
    static const char *const rows[] = {
        "",
        "2018",
        "2018-13-01",
        "2018-02-29",
        "1900-02-29",
        "2018-08-00",
        "2018-8-1",
        "31/02/98",
        "10/08/2018",
        "2018-08-10T",
        "2018-08-10T24:00",
        "2018-08-10T12",
        "2018-08-10x",
        "2018-08-10T12:60",
        "2018-08-10T12:00:61",
        "1/2/98",
        "12/1/98",
        "2018-08-10T12:00:6",
    };
    struct qn_value v;
    char text[100];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(text, sizeof text, "date('%s')", rows[i]);
        if (value_of(text, &v, NULL) != QN_EVALUE)
            fail_msg("%s is taken for a date", rows[i]);
    }
}

/* Days are counted without a gap, and each date is read as it is written. */
static void
all_days(void **state)
{
    char text[100];
    struct qn_value v;
    int year = 1999, month = 12, day = 31;

    (void)state;
    for (int i = 0; i < 1500; i++) {
        static const int length[] = {31, 28, 31, 30, 31, 30,
                                     31, 31, 30, 31, 30, 31};
        int last = length[month - 1] + (month == 2 && year % 4 == 0);

        snprintf(text, sizeof text, "date('%04d-%02d-%02d', '24 h')", year,
                 month, day);
        assert_int_equal(value_of(text, &v, NULL), 0);
        day = day == last ? 1 : day + 1;
        month += day == 1;
        year += month == 13;
        month = month == 13 ? 1 : month;
        snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
        assert_string_equal(v.text, text);
    }
}

static void
yes_or_no(void **state)
{
    static const struct {
        const char *text;
        int code;
        bool yes;
    } rows[] = {
        {"IMAGETYP", QN_EVALUE, false},
        {"A", QN_EMISSING, false},
        {"EXPTIME > 12", 0, true},
        {"EXPTIME > 13", 0, false},
        {"EXPTIME", 0, true},
        {"EXPTIME - 12.5", 0, false},
        {"0 / 0", 0, false},
        {"LOGICAL", 0, true},
        {"'false'", 0, false},
    };
    json_t *o = make_fields();
    struct qn_lookup fields = qn_fields_lookup(o);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct qn_expr e;
        bool yes = !rows[i].yes;
        int rc = qn_expr_parse(&e, rows[i].text, QN_EXPR_FIELDS, NULL);

        assert_int_equal(rc, 0);
        rc = qn_expr_true(&e, &fields, &yes, NULL);
        assert_int_equal(rc, rows[i].code);
        if (!rc)
            assert_int_equal(yes, rows[i].yes);
        qn_expr_clear(&e);
    }
    json_decref(o);
}

static void
without_fields(void **state)
{
    struct qn_lookup none = {NULL, NULL};
    struct qn_expr e;
    struct qn_value v;

    (void)state;
    assert_int_equal(qn_expr_parse(&e, "has(A) or A", QN_EXPR_FIELDS, NULL), 0);
    assert_int_equal(qn_expr_value(&e, NULL, &v, NULL), QN_EMISSING);
    assert_int_equal(qn_expr_value(&e, &none, &v, NULL), QN_EMISSING);
    qn_expr_clear(&e);
}

/* ---- the tree ----------------------------------------------------------- */

static void
add_name(void *ctx, const char *name)
{
    qn_text_add(ctx, "%s ", name);
}

static void
names(void **state)
{
    static const struct {
        const char *text;
        enum qn_expr_style style;
        const char *names;
    } rows[] = {
        {"1 + 2", QN_EXPR_FIELDS, ""},
        {"B == A and has(C) or round(B, D) in ['E']", QN_EXPR_FIELDS,
         "B A C D "},
        {"DATE-OBS == /a/b@c and x.y", QN_EXPR_FIELDS, "DATE-OBS /a/b@c x.y "},
        {"@rows > 1", QN_EXPR_FIELDS, "@rows "},
        {"Größe > 1", QN_EXPR_FIELDS, "Größe "},
        {"-log((x-d)/(w - d))", QN_EXPR_SAMPLES, "x d w "},
        {"log + log(log)", QN_EXPR_SAMPLES, "log "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct qn_text t = {0};
        struct qn_expr e;

        assert_int_equal(qn_expr_parse(&e, rows[i].text, rows[i].style, NULL),
                         0);
        assert_int_equal(qn_expr_names(&e, add_name, &t), 0);
        assert_string_equal(qn_text_get(&t), rows[i].names);
        qn_text_clear(&t);
        qn_expr_clear(&e);
    }
}

/* What a walker of the tree relies on. */
static void
check_tree(const char *text, enum qn_expr_style style)
{
    struct qn_expr e;

    assert_int_equal(qn_expr_parse(&e, text, style, NULL), 0);
    assert_in_range(e.root, 0, e.nnodes - 1);
    for (int i = 0; i < e.nnodes; i++) {
        const struct qn_expr_node *n = &e.node[i];
        bool leaf = n->op <= QN_OP_NAME;

        assert_in_range(n->column, 1, strlen(text));
        assert_int_equal(n->text != NULL, n->op == QN_OP_TEXT ||
                                              n->op == QN_OP_NAME ||
                                              n->op == QN_OP_CALL);
        assert_true(leaf ? n->nargs == 0 : n->nargs > 0);
        for (int k = 0; k < n->nargs; k++)
            assert_in_range(e.arg[n->first + k], 0, i - 1);
    }
    qn_expr_clear(&e);
}

static void
trees(void **state)
{
    struct qn_expr e;

    (void)state;
    check_tree("A not in ['a', -1, 2] and B not like 'x' or has(C)",
               QN_EXPR_FIELDS);
    check_tree("date(A, '1 h') == 'x' and round(B + 1, 2 ** C) < -D",
               QN_EXPR_FIELDS);
    check_tree("-log((x - d) / (w - d)) % 3 >= max(x, 2)", QN_EXPR_SAMPLES);

    assert_int_equal(
        qn_expr_parse(&e, "A not in ['a', -1]", QN_EXPR_FIELDS, NULL), 0);
    const struct qn_expr_node *n = &e.node[e.root];
    assert_int_equal(n->op, QN_OP_NOT);
    n = &e.node[e.arg[n->first]];
    assert_int_equal(n->op, QN_OP_IN);
    assert_int_equal(n->nargs, 3);
    assert_string_equal(e.node[e.arg[n->first]].text, "A");
    assert_string_equal(e.node[e.arg[n->first + 1]].text, "a");
    assert_true(e.node[e.arg[n->first + 2]].number == -1);
    qn_expr_clear(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures),
        cmocka_unit_test(bad_dates),
        cmocka_unit_test(values),
        cmocka_unit_test(all_days),
        cmocka_unit_test(yes_or_no),
        cmocka_unit_test(without_fields),
        cmocka_unit_test(names),
        cmocka_unit_test(trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
