/* Fingerprints: different sequences differ, the same ones never change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/key.h"

/* A sequence spelled as text: t<word>; b<word>; n<digit> z, separated by
 * blanks. */
static void
spell(char hex[QN_KEY_HEX], const char *pieces)
{
    struct qn_fingerprint f;
    struct qn_key k;

    assert_int_equal(qn_key_open(&k, NULL), 0);
    while (*pieces) {
        size_t n = strcspn(pieces, " ");
        char word[64] = "";
        memcpy(word, pieces + 1, n - 1);
        switch (*pieces) {
        case 't': qn_key_text(&k, word); break;
        case 'b': qn_key_bytes(&k, word, n - 1); break;
        case 'n': qn_key_number(&k, word[0] == '-' ? -1 : word[0] - '0'); break;
        default: qn_key_text(&k, NULL); break;
        }
        pieces += n + (pieces[n] == ' ');
    }
    qn_key_finish(&k, &f);
    assert_ptr_equal(qn_key_hex(hex, &f), hex);
}

static void
framing(void **state)
{
    static const char *const sequences[] = {
        "",       "t",      "z",     "b",     "n0",  "t t",   "z z",
        "tab",    "ta tb",  "tab t", "t tab", "bab", "ta",    "tb",
        "tabc t", "tab tc", "n1",    "t1",    "n-",  "n0 n1", "n1 n0",
        "z tab",  "tabz",   "tab z", "tz",
    };
    enum { N = sizeof sequences / sizeof *sequences };
    char hex[N][QN_KEY_HEX], again[QN_KEY_HEX];

    (void)state;
    for (int i = 0; i < N; i++) {
        spell(hex[i], sequences[i]);
        spell(again, sequences[i]);
        assert_string_equal(hex[i], again);
        assert_int_equal(strspn(hex[i], "0123456789abcdef"), 32);
        for (int j = 0; j < i; j++)
            if (strcmp(hex[i], hex[j]) == 0)
                fail_msg("'%s' is like '%s'", sequences[i], sequences[j]);
    }
}

// Written to journals: may not change from release to release.
static void
frozen(void **state)
{
    char hex[QN_KEY_HEX];

    (void)state;
    spell(hex, "");
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
    spell(hex, "traw/a.fits n7 z bxyz");
    assert_string_equal(hex, "a882118f42e9a11792b3017bffeae547");
}

static void
every_byte_counts(void **state)
{
    unsigned char data[3000] = {0};
    struct qn_fingerprint plain, other;
    struct qn_key k;

    (void)state;
    qn_key_open(&k, NULL);
    qn_key_bytes(&k, data, sizeof data);
    qn_key_finish(&k, &plain);
    for (size_t i = 0; i < sizeof data; i += 97) {
        data[i] = 1;
        qn_key_open(&k, NULL);
        qn_key_bytes(&k, data, sizeof data);
        qn_key_finish(&k, &other);
        assert_memory_not_equal(&plain, &other, sizeof plain);
        data[i] = 0;
    }
}

static void
closing(void **state)
{
    struct qn_fingerprint f;
    struct qn_key k = {0};

    (void)state;
    qn_key_close(&k);
    assert_int_equal(qn_key_open(&k, NULL), 0);
    qn_key_text(&k, "given up");
    qn_key_close(&k);
    qn_key_close(&k);
    qn_key_open(&k, NULL);
    qn_key_finish(&k, &f);
    assert_null(k.state);
    qn_key_close(&k);
}

/* A fingerprint and its text, and what has neither. */
static void
as_text(void **state)
{
    static const char *const wrong[] = {
        "", "0fa0", "0FA00000000000000000000000000000",
        "0fa0000000000000000000000000000g",
        "0fa000000000000000000000000000000"};
    struct qn_fingerprint none = {{0}}, some = {{0x0f, 0xa0}}, back;
    char hex[QN_KEY_HEX];

    (void)state;
    assert_true(qn_key_none(&none));
    assert_false(qn_key_none(&some));
    assert_string_equal(qn_key_hex(hex, &none), "");
    assert_string_equal(qn_key_hex(hex, &some),
                        "0fa00000000000000000000000000000");
    assert_true(qn_key_is(&some, hex));
    assert_true(qn_key_is(&none, ""));
    assert_false(qn_key_is(&none, hex));
    assert_false(qn_key_is(&some, ""));
    assert_false(qn_key_is(&some, "0fa0"));
    qn_key_parse(&back, hex);
    assert_true(qn_key_equal(&back, &some));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        back = some;
        qn_key_parse(&back, wrong[i]);
        assert_true(qn_key_none(&back));
    }
    hex[31] = '1';
    assert_false(qn_key_is(&some, hex));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing),
        cmocka_unit_test(frozen),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(closing),
        cmocka_unit_test(as_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
