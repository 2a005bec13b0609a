/* Memory: sizes as people write them, and requests that cannot be met. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/memory.h"

// Under the address sanitizer: a request that is too large gives NULL.
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void
no_such_size(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "M",
        "-1",
        "+1",
        "1X",
        "1KX",
        "1 2",
        "0x10",
        "inf",
        "nan",
        "1e3",
        "1,5G",
        "1.2.3",
        "1 Gi",
        "5 G x",
        "1bytesandmore",
        ".",
        "1Kib b",
        "9223372036854775807",
        "8388608T",
        "99999999999999999999",
        "8192 P",
    };
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t bytes = 42;
        if (qn_memory_parse(&bytes, bad[i], &err) != QN_EVALUE)
            fail_msg("'%s' was read as %lld", bad[i], (long long)bytes);
        assert_int_equal(bytes, 42);
        assert_non_null(strstr(err.text, "512M"));
    }
}

static void
sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        {"0", 0},
        {"4096", 4096},
        {" 12 B ", 12},
        {"7bytes", 7},
        {"1k", 1024},
        {"512M", 512LL << 20},
        {"2 GiB", 2LL << 30},
        {"2gb", 2LL << 30},
        {"1.5G", 3LL << 29},
        {".5K", 512},
        {"3.", 3},
        {"1.9", 1},
        {"1\tT", 1LL << 40},
        {"3P", 3LL << 50},
        {"9007199254740993", 9007199254740993},
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t bytes = -1;
        assert_int_equal(qn_memory_parse(&bytes, good[i].text, NULL), 0);
        if (bytes != good[i].bytes)
            fail_msg("'%s' was read as %lld", good[i].text, (long long)bytes);
    }
}

static void
products(void **state)
{
    struct qn_error err;
    size_t out;

    (void)state;
    assert_int_equal(qn_memory_mul(&out, SIZE_MAX, 2, "a frame", &err),
                     QN_ENOMEM);
    assert_non_null(strstr(err.text, "a frame"));
    assert_int_equal(qn_memory_mul(&out, SIZE_MAX / 2 + 1, 2, "x", NULL),
                     QN_ENOMEM);
    assert_int_equal(qn_memory_mul(&out, SIZE_MAX / 2, 2, "x", NULL), 0);
    assert_true(out == SIZE_MAX - 1);
    assert_int_equal(qn_memory_mul(&out, 5, 0, "x", NULL), 0);
    assert_int_equal(out, 0);
}

static void
made_memory(void **state)
{
    struct qn_error err;
    int64_t *p = (int64_t *)&err;

    (void)state;
    assert_int_equal(qn_memory_make((void **)&p, SIZE_MAX, 8, "cells", &err),
                     QN_ENOMEM);
    assert_null(p);
    p = (int64_t *)&err;
    assert_int_equal(
        qn_memory_make((void **)&p, (size_t)1 << 58, 8, "cells", &err),
        QN_ENOMEM);
    assert_null(p);
    assert_non_null(strstr(err.text, "cells"));

    assert_int_equal(qn_memory_make((void **)&p, 0, 8, "cells", &err), 0);
    assert_non_null(p);
    free(p);
    assert_int_equal(qn_memory_make((void **)&p, 9, sizeof *p, "x", &err), 0);
    for (int i = 0; i < 9; i++)
        assert_int_equal(p[i], 0);
    free(p);
}

static void
grown_memory(void **state)
{
    struct qn_error err;
    int *p = NULL, *kept;
    size_t cap = 0;

    (void)state;
    for (size_t n = 0; n < 1000; n++) {
        size_t before = cap;
        assert_int_equal(
            qn_memory_grow((void **)&p, &cap, n + 1, sizeof *p, &err), 0);
        assert_true(cap > n);
        assert_true(cap == before || cap >= 2 * before);
        p[n] = (int)n;
    }
    for (int n = 0; n < 1000; n++)
        assert_int_equal(p[n], n);

    size_t old = cap;
    kept = p;
    assert_int_equal(
        qn_memory_grow((void **)&p, &cap, SIZE_MAX, sizeof *p, &err),
        QN_ENOMEM);
    assert_int_equal(
        qn_memory_grow((void **)&p, &cap, (size_t)1 << 58, sizeof *p, &err),
        QN_ENOMEM);
    assert_ptr_equal(p, kept);
    assert_int_equal(cap, old);
    assert_int_equal(p[999], 999);
    free(p);
}

static void
copied_text(void **state)
{
    const char *from = "night";
    char *to = NULL;

    (void)state;
    assert_int_equal(qn_memory_copy(&to, from, NULL), 0);
    assert_string_equal(to, from);
    assert_ptr_not_equal(to, from);
    free(to);
    assert_int_equal(qn_memory_copy(&to, NULL, NULL), 0);
    assert_null(to);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_such_size), cmocka_unit_test(sizes),
        cmocka_unit_test(products),     cmocka_unit_test(made_memory),
        cmocka_unit_test(grown_memory), cmocka_unit_test(copied_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
