/* Text: growing, the nearest word, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"

static void
failure_is_remembered(void **state)
{
    struct qn_text t = {0};
    struct qn_error err;

    (void)state;
    qn_text_add(&t, "abc");
    qn_text_bytes(&t, "x", SIZE_MAX - 1); // no room: x is not looked at
    assert_true(t.failed);
    qn_text_add(&t, "def");
    assert_string_equal(qn_text_get(&t), "abc");
    assert_int_equal(qn_text_check(&t, &err), QN_ENOMEM);
    qn_text_clear(&t);
    assert_int_equal(qn_text_check(&t, &err), 0);
}

static void
text_grows(void **state)
{
    struct qn_text t = {0};

    (void)state;
    assert_string_equal(qn_text_get(&t), "");
    qn_text_bytes(&t, NULL, 0);
    assert_string_equal(t.s, "");
    for (int i = 0; i < 1000; i++)
        qn_text_add(&t, "%03d,", i);
    assert_int_equal(t.len, 4000);
    assert_int_equal(strlen(t.s), 4000);
    assert_memory_equal(t.s + 4 * 517, "517,", 4);
    qn_text_bytes(&t, "a\0b", 3);
    assert_memory_equal(t.s + 4000, "a\0b", 4);
    assert_int_equal(qn_text_check(&t, NULL), 0);
    qn_text_clear(&t);
    qn_text_clear(&t);
    assert_null(t.s);
}

static void
nearest_words(void **state)
{
    static const char sixty_five[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                     "aaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char *const words[] = {"mean",     "median",      "min",
                                        "max",      "subtract",    "sum",
                                        sixty_five, "moving-mean", NULL};
    static const struct {
        const char *word, *nearest;
    } rows[] = {
        {"", NULL},
        {"x", NULL},
        {"gaussian", NULL},
        {"xxxian", NULL},
        {sixty_five, NULL},
        {sixty_five + 1, NULL},
        {"medain", "median"}, // a swap is one edit
        {"meddian", "median"},
        {"MEDIAN", "median"},
        {"mea", "mean"},
        {"mxa", "max"},
        {"mix", "min"}, // min and max are as near: the first
        {"sm", "sum"},
        {"substract", "subtract"},
        {"movingmean", "moving-mean"},
    };
    static const char *const none[] = {NULL};

    (void)state;
    assert_null(qn_text_nearest("mean", none));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = qn_text_nearest(rows[i].word, words);
        if (!got != !rows[i].nearest || (got && strcmp(got, rows[i].nearest)))
            fail_msg("'%s' is near '%s'", rows[i].word, got ? got : "(none)");
    }
}

static void
counts(void **state)
{
    static const struct {
        long long n;
        const char *text;
    } rows[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1,000"},
        {1234567, "1,234,567"},
        {-1, "-1"},
        {-123456, "-123,456"},
        {LLONG_MAX, "9,223,372,036,854,775,807"},
        {LLONG_MIN, "-9,223,372,036,854,775,808"},
    };
    char buf[32];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(qn_text_count(buf, sizeof buf, rows[i].n),
                            rows[i].text);
}

static void
sizes(void **state)
{
    static const struct {
        double bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KB"},
        {1.5 * 1024 * 1024, "1.5 MB"},
        {99.9 * 1024, "99.9 KB"},
        {99.99 * 1024, "100 KB"},
        {1023.4 * 1024, "1023 KB"},
        {1023.6 * 1024, "1.0 MB"},
        {1.2 * (1 << 30), "1.2 GB"},
        {0x1p40, "1.0 TB"},
        {0x1p63, "8192 PB"},
    };
    char buf[32];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(qn_text_size(buf, sizeof buf, rows[i].bytes),
                            rows[i].text);
}

static void
numbers(void **state)
{
    static const struct {
        double x;
        const char *text;
    } rows[] = {
        {0, "0"},           {-0.0, "-0"},
        {0.1, "0.1"},       {0.1 + 0.2, "0.30000000000000004"},
        {512, "512"},       {1e-5, "1e-05"},
        {-2.5, "-2.5"},     {INFINITY, "inf"},
        {5e-324, "5e-324"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    uint64_t bits = 88172645463325252u;
    char buf[32];
    double x;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(qn_text_number(buf, sizeof buf, rows[i].x),
                            rows[i].text);
    assert_non_null(strstr(qn_text_number(buf, sizeof buf, NAN), "nan"));
    for (int i = 0; i < 5000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&x, &bits, sizeof x);
        if (isnan(x))
            continue;
        double back = strtod(qn_text_number(buf, sizeof buf, x), NULL);
        assert_memory_equal(&back, &x, sizeof x);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failure_is_remembered),
        cmocka_unit_test(text_grows),
        cmocka_unit_test(nearest_words),
        cmocka_unit_test(counts),
        cmocka_unit_test(sizes),
        cmocka_unit_test(numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
