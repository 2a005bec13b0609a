/* Tables in CSV: what is refused, and cells as they come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "io/csv.h"

/* Cells as "a|b" and rows ended by ";", or the error's code. */
static int
read_all(struct qn_text *out, const char *text, size_t n,
         struct qn_error *err)
{
    char *copy = malloc(n + 1);
    struct qn_csv c;
    int rc;

    memcpy(copy, text, n);
    copy[n] = '\0';
    qn_csv_open(&c, copy, n);
    while (!(rc = qn_csv_row(&c, err)) && c.n > 0) {
        for (size_t i = 0; i < c.n; i++)
            qn_text_add(out, "%s%s", i ? "|" : "", c.cells[i]);
        qn_text_add(out, ";");
    }
    qn_csv_clear(&c);
    free(copy);
    return rc;
}

#define TEXT(s) s, sizeof(s) - 1

static const struct {
    const char *text;
    size_t n;
    const char *says;
} refused[] = {
    {TEXT("a,b\n\"x"), "line 2: a quote does not close"},
    {TEXT("\""), "line 1: a quote does not close"},
    {TEXT("a\n\"x\"y,z\n"), "line 2: text behind a closing quote"},
    {TEXT("a\n\"x\n\n\"y\n"), "line 4: text behind a closing quote"},
    {TEXT("a,b\nx\0,y\n"), "line 2: a NUL byte"},
    {TEXT("a,\"b\0\"\n"), "line 1: a NUL byte"},
};

static void
bad_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct qn_text out = {0};
        struct qn_error err;
        assert_int_equal(read_all(&out, refused[i].text, refused[i].n, &err),
                         QN_EFORMAT);
        assert_string_equal(err.text, refused[i].says);
        qn_text_clear(&out);
    }
}

static const struct {
    const char *text;
    size_t n;
    const char *cells;
} good[] = {
    {TEXT(""), ""},
    {TEXT("\n\r\n\r"), ""},
    {TEXT("a"), "a;"},
    {TEXT("a,b\nc,d\n"), "a|b;c|d;"},
    {TEXT("a,b\r\nc,d"), "a|b;c|d;"},
    {TEXT("a,b\rc,d\r"), "a|b;c|d;"},
    {TEXT("\xEF\xBB\xBF" "a\nb"), "a;b;"},
    {TEXT("\xEF\xBB\xBF\"a\"\n"), "a;"},
    {TEXT(",\n,,\n"), "|;||;"},
    {TEXT("a,\n"), "a|;"},
    {TEXT("\"\",\"x\"\n"), "|x;"},
    {TEXT("\"a,b\",\"c\"\"d\"\"\"\n"), "a,b|c\"d\";"},
    {TEXT("\"a\nb\r\nc\",d\n"), "a\nb\r\nc|d;"},
    {TEXT("a\"b,c\n"), "a\"b|c;"},
    {TEXT(" a , b \n"), " a | b ;"},
    {TEXT("\"x\""), "x;"},
};

static void
good_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct qn_text out = {0};
        assert_int_equal(read_all(&out, good[i].text, good[i].n, NULL), 0);
        assert_string_equal(qn_text_get(&out), good[i].cells);
        qn_text_clear(&out);
    }
}

static void
line_numbers(void **state)
{
    char text[] = "a\n\n\"b\nb\"\r\nc\n";
    struct qn_csv c;

    (void)state;
    qn_csv_open(&c, text, sizeof text - 1);
    assert_int_equal(qn_csv_row(&c, NULL), 0);
    assert_int_equal(c.line, 1);
    assert_int_equal(qn_csv_row(&c, NULL), 0);
    assert_int_equal(c.line, 3);
    assert_int_equal(qn_csv_row(&c, NULL), 0);
    assert_int_equal(c.line, 5);
    assert_string_equal(c.cells[0], "c");
    assert_int_equal(qn_csv_row(&c, NULL), 0);
    assert_int_equal(c.n, 0);
    qn_csv_clear(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_tables),
        cmocka_unit_test(good_tables),
        cmocka_unit_test(line_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
