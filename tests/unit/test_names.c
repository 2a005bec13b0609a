/* Natural order, and every name once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "io/names.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void
fill(struct qn_names *names, const char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(qn_names_add(names, v[i], NULL), 0);
}

static void
expect(const struct qn_names *names, const char *const *v, size_t n)
{
    assert_int_equal(names->n, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(names->v[i], v[i]);
}

static void
none(void **state)
{
    struct qn_names names = {0};

    (void)state;
    qn_names_sort(&names, 0);
    assert_int_equal(qn_names_once(&names, NULL), 0);
    assert_int_equal(names.n, 0);
    qn_names_clear(&names);
    qn_names_clear(&names);
}

static void
natural_order(void **state)
{
    static const char *const want[] = {
        "", "a",
        "a01", "a1", // the same number: bytes decide
        "a001b", "a2", "a2b", "a10", "a10.1", "a10.9", "a10.10",
        "a99999999999999999999999999999", "a100000000000000000000000000000",
        "b", "data_2", "data_10x", "\xff",
    };
    struct qn_names names = {0};

    (void)state;
    // Whatever the order before: each rotation, forwards and backwards.
    for (size_t k = 0; k < 2 * COUNT(want); k++) {
        for (size_t i = 0; i < COUNT(want); i++) {
            size_t at = (i + k) % COUNT(want);

            if (k >= COUNT(want))
                at = COUNT(want) - 1 - at;
            assert_int_equal(qn_names_add(&names, want[at], NULL), 0);
        }
        qn_names_sort(&names, 0);
        expect(&names, want, COUNT(want));
        qn_names_clear(&names);
    }
}

static void
only_the_end_is_sorted(void **state)
{
    static const char *const v[] = {"z", "c10", "c9"};
    static const char *const want[] = {"z", "c9", "c10"};
    struct qn_names names = {0};

    (void)state;
    fill(&names, v, 3);
    qn_names_sort(&names, 1);
    expect(&names, want, 3);
    qn_names_clear(&names);
}

static void
every_name_once(void **state)
{
    static const char *const v[] = {"b", "a", "b", "c", "a", "b", "a"};
    static const char *const want[] = {"b", "a", "c"};
    struct qn_names names = {0};

    (void)state;
    fill(&names, v, COUNT(v));
    assert_int_equal(qn_names_once(&names, NULL), 0);
    expect(&names, want, COUNT(want));
    qn_names_clear(&names);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none),
        cmocka_unit_test(natural_order),
        cmocka_unit_test(only_the_end_is_sorted),
        cmocka_unit_test(every_name_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
