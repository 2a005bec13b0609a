/* Errors: what is stored, what is cut, what may be NULL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "quern/error.h"

#define SIZE sizeof(((struct qn_error *)0)->text)

static void
nobody_listens(void **state)
{
    (void)state;
    assert_int_equal(qn_fail(NULL, QN_ESHAPE, "%d", 1), QN_ESHAPE);
    assert_int_equal(qn_wrap(NULL, "%s", "a.fits"), QN_EIO);
}

static void
sentence_is_stored(void **state)
{
    struct qn_error err = {0};

    (void)state;
    assert_int_equal(qn_fail(&err, QN_EJOB, "line %d", 7), QN_EJOB);
    assert_int_equal(err.code, QN_EJOB);
    assert_string_equal(err.text, "line 7");
}

static void
places_go_in_front(void **state)
{
    struct qn_error err = {0};

    (void)state;
    qn_fail(&err, QN_EFORMAT, "short read");
    assert_int_equal(qn_wrap(&err, "block %d", 3), QN_EFORMAT);
    assert_int_equal(qn_wrap(&err, "%s", "a.h5"), QN_EFORMAT);
    assert_string_equal(err.text, "a.h5: block 3: short read");
}

static void
own_text_may_be_argument(void **state)
{
    struct qn_error err = {0};

    (void)state;
    qn_fail(&err, QN_EIO, "disk full");
    qn_fail(&err, QN_ECRASH, "[%s]", err.text);
    assert_string_equal(err.text, "[disk full]");
    qn_wrap(&err, "<%s>", err.text);
    assert_string_equal(err.text, "<[disk full]>: [disk full]");
}

static void
long_sentence_is_cut(void **state)
{
    struct qn_error err = {0};
    char longest[SIZE + 10];

    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[SIZE - 1] = '\0';
    qn_fail(&err, QN_EIO, "%s", longest);
    assert_string_equal(err.text, longest);

    qn_fail(&err, QN_EIO, "%sy", longest);
    assert_int_equal(strlen(err.text), SIZE - 1);
    assert_string_equal(err.text + SIZE - 6, "xx...");

    qn_fail(&err, QN_EIO, "%s", longest);
    qn_wrap(&err, "%s", longest);
    assert_int_equal(strlen(err.text), SIZE - 1);
    assert_string_equal(err.text + SIZE - 6, "xx...");
}

static void
cut_is_between_characters(void **state)
{
    (void)state;
    // The cut falls on each of the four bytes of a character in turn.
    for (size_t shift = 0; shift < 4; shift++) {
        struct qn_error err = {0};
        char text[SIZE + 40];
        size_t n = shift;

        memset(text, 'a', shift);
        while (n < SIZE + 20) {
            memcpy(text + n, "\xF0\x9F\x94\xAD", 4);
            n += 4;
        }
        text[n] = '\0';
        qn_fail(&err, QN_EIO, "%s", text);
        size_t len = strlen(err.text);
        assert_true(len < SIZE && len > SIZE - 9);
        assert_string_equal(err.text + len - 3, "...");
        assert_int_equal((len - 3 - shift) % 4, 0);
    }
}

static int
give(int rc, int *calls)
{
    (*calls)++;
    return rc;
}

static int
two_steps(int first, int *calls)
{
    QN_TRY(give(first, calls));
    QN_TRY(give(0, calls));
    return 0;
}

static void
try_leaves_at_the_first_failure(void **state)
{
    int calls = 0;

    (void)state;
    assert_int_equal(two_steps(QN_EMPI, &calls), QN_EMPI);
    assert_int_equal(calls, 1);
    assert_int_equal(two_steps(0, &calls), 0);
    assert_int_equal(calls, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(sentence_is_stored),
        cmocka_unit_test(places_go_in_front),
        cmocka_unit_test(own_text_may_be_argument),
        cmocka_unit_test(long_sentence_is_cut),
        cmocka_unit_test(cut_is_between_characters),
        cmocka_unit_test(try_leaves_at_the_first_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
