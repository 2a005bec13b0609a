/* The expression language: what is refused and where, and that no text of any
 * length or nesting does harm. */
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

struct refusal {
    const char *text;
    int column;
    const char *part; /* of the sentence */
};

static void
refuse(const struct refusal *row, enum qn_expr_style style)
{
    struct qn_expr e;
    struct qn_error err = {0};
    char column[32];

    snprintf(column, sizeof column, "column %d of ", row->column);
    if (qn_expr_parse(&e, row->text, style, &err) != QN_EJOB)
        fail_msg("not refused: %s", row->text);
    if (!strstr(err.text, row->part) ||
        strncmp(err.text, column, strlen(column)) != 0)
        fail_msg("%s: wrong sentence: %s", row->text, err.text);
    assert_null(e.node);
    assert_int_equal(qn_expr_parse(&e, row->text, style, NULL), QN_EJOB);
}

static void
refused_of_fields(void **state)
{
    static const struct refusal rows[] = {
        {"", 1, "ends here; expected a name"},
        {"   ", 4, "ends here"},
        {"A ==", 5, "ends here; expected a name, a number or a text"},
        {"== 3", 1, "found '==', expected a name"},
        {"A = 3", 3, "write '=='"},
        {"A == 1 && B == 2", 8, "write 'and'"},
        {"A == 1 || B == 2", 8, "write 'or'"},
        {"!A", 1, "write 'not'"},
        {"A <> 3", 3, "write '!='"},
        {"A ^ 2 > 3", 3, "write '**'"},
        {"{A} > 3", 1, "without braces"},
        {"${A} > 3", 1, "without '$'"},
        {"A == 'flat", 6, "closing quote is missing"},
        {"A == \"flat'", 6, "closing quote is missing"},
        {"night == 2018-08-10", 10, "put it in quotes"},
        {"A == 10km", 6, "put texts in quotes"},
        {"A == 1.2.3", 6, "put texts in quotes"},
        {"A == 1e999", 6, "too large"},
        {"1 < A < 3", 7, "write a < b and b < c"},
        {"(A == 1", 8, "expected ')'"},
        {"A == 1)", 7, "expected an operator or the end"},
        {"A B", 3, "found 'B', expected an operator"},
        {"A 'x'", 3, "found the text 'x'"},
        {"A in 'x'", 6, "expected '['"},
        {"A in ('x')", 6, "expected '['"},
        {"A in []", 7, "expected a number or a text"},
        {"A in ['x', B]", 12, "expected a number or a text"},
        {"A in [- 'x']", 9, "expected a number"},
        {"A in ['x' 'y']", 11, "expected ',' or ']'"},
        {"A in ['x'", 10, "expected ',' or ']'"},
        {"A like B", 8, "expected a pattern in quotes"},
        {"A not B", 7, "expected 'in' or 'like'"},
        {"A and", 6, "ends here"},
        {"and A", 1, "found 'and'"},
        {"A == not B", 6, "found 'not'"},
        {"A == true", 6, "write NAME or not NAME"},
        {"rond(A)", 1, "did you mean 'round'"},
        {"median(A)", 1, "there are: has round lower date log"},
        {"hsa(A)", 1, "did you mean 'has'"},
        {"has('A')", 5, "name of a field"},
        {"has(A, B)", 6, "expected ')'"},
        {"has()", 5, "expected a name"},
        {"round(A, 1, 2)", 11, "expected ')'"},
        {"min(A)", 6, "second argument"},
        {"date(A, 12)", 9, "like '-12 h'"},
        {"date(A, '12 parsec')", 9, "'12 parsec' is no span of time"},
        {"A # B", 3, "found '#'"},
        {"A @ B", 3, "found '@'"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        refuse(&rows[i], QN_EXPR_FIELDS);
}

static void
refused_of_samples(void **state)
{
    static const struct refusal rows[] = {
        {"x == 'a'", 6, "samples are no texts"},
        {"x in [1, 2]", 3, "are for fields"},
        {"x like 'a'", 3, "are for fields"},
        {"has(x)", 1, "unknown function 'has'"},
        {"round(x, 2)", 1, "unknown function 'round'"},
        {"lgo(x)", 1, "did you mean 'log'"},
        {"x.y", 2, "found '.'"},
        {"x @ y", 3, "found '@'"},
        {"x - ", 5, "ends here"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        refuse(&rows[i], QN_EXPR_SAMPLES);
}

static char *
repeat(const char *front, const char *middle, const char *back, int n)
{
    struct qn_text t = {0};

    for (int i = 0; i < n; i++)
        qn_text_add(&t, "%s", front);
    qn_text_add(&t, "%s", middle);
    for (int i = 0; i < n; i++)
        qn_text_add(&t, "%s", back);
    assert_false(t.failed);
    return t.s;
}

static void
nesting_is_limited(void **state)
{
    static const struct {
        const char *front, *middle, *back;
        int most, code;
    } rows[] = {
        {"(", "1", ")", 64, QN_EJOB},     {"-", "1", "", 64, QN_EJOB},
        {"not ", "1", "", 64, QN_EJOB},   {"2 ** ", "1", "", 64, QN_EJOB},
        {"abs(", "1", ")", 64, QN_EJOB},  {"1 + ", "1", "", 1000, 0},
        {"", "1", " or 1", 800, 0},       {"1-", "1", "", 2000, 0},
        {"not(", "1 == (1)", ")", 30, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int more = 0; more < 2; more++) {
            char *text = repeat(rows[i].front, rows[i].middle, rows[i].back,
                                rows[i].most + more);
            struct qn_expr e;
            struct qn_value v;
            int rc = qn_expr_parse(&e, text, QN_EXPR_FIELDS, NULL);

            assert_int_equal(rc, more ? rows[i].code : 0);
            if (!rc)
                assert_int_equal(qn_expr_value(&e, NULL, &v, NULL), 0);
            qn_expr_clear(&e);
            qn_expr_clear(&e);
            free(text);
        }
}

static void
length_is_limited(void **state)
{
    struct qn_error err;
    struct qn_expr e;
    struct qn_value v;
    char *text = repeat("1+", "1", "", 2047);

    (void)state;
    assert_int_equal(strlen(text), 4095);
    assert_int_equal(qn_expr_parse(&e, text, QN_EXPR_FIELDS, NULL), 0);
    assert_int_equal(qn_expr_value(&e, NULL, &v, NULL), 0);
    assert_true(v.number == 2048);
    qn_expr_clear(&e);
    free(text);
    text = repeat("1+", "123", "", 2047);
    assert_int_equal(qn_expr_parse(&e, text, QN_EXPR_FIELDS, &err), QN_EJOB);
    assert_non_null(strstr(err.text, "4,096"));
    free(text);
}

static void
long_texts(void **state)
{
    struct qn_expr e;
    struct qn_value v;
    struct qn_error err;
    char *text = repeat("A", "", "", 1023);
    json_t *o = json_pack("{s:s}", "X", text);
    struct qn_lookup fields = qn_fields_lookup(o);

    (void)state;
    assert_int_equal(qn_expr_parse(&e, "lower(X)", QN_EXPR_FIELDS, NULL), 0);
    assert_int_equal(qn_expr_value(&e, &fields, &v, NULL), 0);
    assert_int_equal(strlen(v.text), 1023);
    assert_int_equal(v.text[1022], 'a');
    free(text);
    text = repeat("A", "", "", 1024);
    json_object_set_new(o, "X", json_string(text));
    assert_int_equal(qn_expr_value(&e, &fields, &v, &err), QN_EVALUE);
    assert_non_null(strstr(err.text, "1,023"));
    qn_expr_clear(&e);
    json_decref(o);
    free(text);
}

/* Every byte string is parsed or refused; what is parsed can be evaluated. */
static void
random_texts(void **state)
{
    static const char *const words[] = {
        "A",      "DATE-OBS", "'2018-08-10'",
        "'V '",   "12",       "0.5",
        "-",      "+",        "*",
        "/",      "%",        "**",
        "(",      ")",        "[",
        "]",      ",",        "==",
        "<",      "and",      "or",
        "not",    "in",       "like",
        "has(",   "date",     "(",
        "lower(", "round",    "'-12 h'",
        " ",      " ",        "\x80",
        "'",      "@",        "1e5",
        "min(",   "abs(",     "!",
        "'*[A-",  ".",        "\n",
    };
    json_t *o = json_pack("{s:f, s:s}", "A", 2.5, "DATE-OBS", "2018-08-10");
    struct qn_lookup fields = qn_fields_lookup(o);
    uint64_t seed = 7;
    int good = 0;

    (void)state;
    for (int i = 0; i < 40000; i++) {
        struct qn_text t = {0};
        struct qn_expr e;
        struct qn_value v;
        int n = 1 + i % 9;

        while (n--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            qn_text_add(&t, "%s%s", words[(seed >> 33) % COUNT(words)],
                        seed >> 62 ? " " : "");
        }
        if (!qn_expr_parse(&e, t.s, QN_EXPR_FIELDS, NULL)) {
            good++;
            qn_expr_value(&e, &fields, &v, NULL);
        }
        qn_expr_clear(&e);
        qn_text_clear(&t);
    }
    assert_true(good > 1000);
    json_decref(o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_of_fields),
        cmocka_unit_test(refused_of_samples),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(length_is_limited),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(random_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
