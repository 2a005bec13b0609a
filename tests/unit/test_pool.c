/* Pools: nothing overlaps, nothing moves but what is extended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/pool.h"

static void
too_much(void **state)
{
    struct qn_pool p = {0};
    struct qn_error err = {0};
    void *out = &err;

    (void)state;
    assert_int_equal(qn_pool_make(&p, &out, SIZE_MAX / 2, 4, &err),
                     QN_ENOMEM);
    assert_null(out);
    assert_int_equal(qn_pool_make(&p, &out, SIZE_MAX - 4, 1, &err),
                     QN_ENOMEM);
    qn_pool_clear(&p);
}

static void
nothing_at_all(void **state)
{
    struct qn_pool p = {0};
    char *text = (char *)&p;
    void *out = NULL;

    (void)state;
    qn_pool_clear(&p);
    assert_int_equal(qn_pool_text(&p, &text, NULL, NULL), 0);
    assert_null(text);
    assert_int_equal(qn_pool_text(&p, &text, "", NULL), 0);
    assert_string_equal(text, "");
    assert_int_equal(qn_pool_make(&p, &out, 0, 8, NULL), 0);
    assert_non_null(out);
    qn_pool_clear(&p);
    qn_pool_clear(&p);
}

/* Things and texts of all sizes, small ones and such as need blocks of their
 * own: each filled with its number, all looked at in the end. */
static void
nothing_overlaps(void **state)
{
    enum { N = 1500 };
    struct qn_pool p = {0};
    unsigned char **at = calloc(N, sizeof *at);

    (void)state;
    for (size_t i = 0; i < N; i++) {
        size_t n = i % 500 == 499 ? 300 * i : i % 37;

        if (i % 2) {
            char *text;

            assert_int_equal(qn_pool_extend(&p, &(char *){NULL}, 0, 3, NULL),
                             0);
            text = NULL;
            assert_int_equal(qn_pool_extend(&p, &text, 0, n, NULL), 0);
            at[i] = (unsigned char *)text;
        } else {
            assert_int_equal(qn_pool_make(&p, (void **)&at[i], n, 1, NULL), 0);
            assert_int_equal((uintptr_t)at[i] % 8, 0);
            for (size_t k = 0; k < n; k++)
                assert_int_equal(at[i][k], 0);
        }
        if (n)
            memset(at[i], (int)(i % 251), n);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < (i % 500 == 499 ? 300 * i : i % 37); k++)
            if (at[i][k] != i % 251)
                fail_msg("piece %zu has changed", i);
    qn_pool_clear(&p);
    free(at);
}

/* The last piece grows where it is, others by a copy. */
static void
extending(void **state)
{
    struct qn_pool p = {0};
    char *a = NULL, *b = NULL;
    size_t n = 0;

    (void)state;
    for (; n < 200000; n += 50) {
        assert_int_equal(qn_pool_extend(&p, &a, n, 50, NULL), 0);
        memset(a + n, 'a' + (int)(n / 50 % 26), 50);
        if (n % 1000 == 0)
            assert_int_equal(qn_pool_text(&p, &b, "in between", NULL), 0);
    }
    for (size_t i = 0; i < n; i++)
        if (a[i] != (char)('a' + (int)(i / 50 % 26)))
            fail_msg("byte %zu has changed", i);
    assert_string_equal(b, "in between");
    qn_pool_clear(&p);
}

static void
interning(void **state)
{
    enum { N = 5000 };
    struct qn_pool p = {0};
    const void **one = calloc(N, sizeof *one), *again;

    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            char text[32] = "";

            // equal beginnings, different lengths
            snprintf(text, sizeof text, "%d", i);
            assert_int_equal(qn_pool_intern(&p, round ? &again : &one[i], text,
                                            (size_t)(i % 3 ? 8 : 13), NULL),
                             0);
            assert_string_equal((const char *)one[i], text);
            if (round)
                assert_ptr_equal(again, one[i]);
        }
    for (int i = 1; i < N; i++)
        assert_ptr_not_equal(one[i], one[i - 1]);
    qn_pool_clear(&p);
    free(one);
}

/* A source of blocks that ends. */
struct scarce {
    struct qn_pool_source source;
    char room[1 << 16];
    size_t used;
};

static int
more(struct qn_pool_source *source, void **p, size_t n, struct qn_error *err)
{
    struct scarce *s = (struct scarce *)source;

    if (n > sizeof s->room - s->used)
        return qn_fail(err, QN_ENOMEM, "no more");
    *p = s->room + s->used;
    s->used += (n + 15) / 16 * 16;
    return 0;
}

static void
from_a_source(void **state)
{
    struct scarce *s = calloc(1, sizeof *s);
    struct qn_pool p = {.source = &s->source};
    struct qn_error err = {0};
    char *text;
    int rc = 0;

    (void)state;
    s->source.more = more;
    for (int i = 0; i < 10000 && !rc; i++) {
        rc = qn_pool_text(&p, &text, "0123456", &err);
        if (!rc)
            assert_true(text >= s->room && text < s->room + s->used);
    }
    assert_int_equal(rc, QN_ENOMEM);
    assert_string_equal(err.text, "no more");
    qn_pool_clear(&p);
    assert_ptr_equal(p.source, &s->source);
    free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_much),         cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(nothing_overlaps), cmocka_unit_test(extending),
        cmocka_unit_test(interning),        cmocka_unit_test(from_a_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
