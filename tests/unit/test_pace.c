/* Estimates of how long a unit takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/pace.h"

static void
nothing_is_guessed_of_nothing(void **state)
{
    struct qn_pace p = {0};

    (void)state;
    qn_pace_end(&p, 3, 100, 5.0); // never begun
    assert_true(qn_pace_guess(&p, 1000) == 0);
    qn_pace_begin(&p, 1, 0.0);
    assert_true(qn_pace_guess(&p, 1000) == 0);
    qn_pace_clear(&p);
    qn_pace_clear(&p);
}

static void
time_is_learned_for_each_byte(void **state)
{
    static const struct {
        int64_t bytes;
        double seconds;
    } table[] = {{100, 3}, {200, 6}, {0, 3}, {-1, 3}, {50, 1.5}};
    struct qn_pace p = {0};

    (void)state;
    qn_pace_begin(&p, 1, 10.0);
    qn_pace_begin(&p, 2, 11.0);
    qn_pace_end(&p, 2, 50, 12.0);
    qn_pace_end(&p, 1, 150, 15.0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_float_equal(qn_pace_guess(&p, table[i].bytes),
                           table[i].seconds, 1e-9);
    qn_pace_clear(&p);
}

static void
without_bytes_the_mean_counts(void **state)
{
    struct qn_pace p = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        qn_pace_begin(&p, i, 1.0);
    for (int i = 99; i >= 0; i--)
        qn_pace_end(&p, i, 0, i < 50 ? 2.0 : 4.0);
    assert_float_equal(qn_pace_guess(&p, 7), 2.0, 1e-9);
    qn_pace_clear(&p);
}

/* A read that is tried again begins again. */
static void
the_last_beginning_counts(void **state)
{
    struct qn_pace p = {0};

    (void)state;
    qn_pace_begin(&p, 1, 0.0);
    qn_pace_begin(&p, 1, 8.0);
    qn_pace_end(&p, 1, 10, 9.0);
    qn_pace_end(&p, 1, 10, 99.0);
    assert_float_equal(qn_pace_guess(&p, 10), 1.0, 1e-9);
    qn_pace_clear(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_guessed_of_nothing),
        cmocka_unit_test(time_is_learned_for_each_byte),
        cmocka_unit_test(without_bytes_the_mean_counts),
        cmocka_unit_test(the_last_beginning_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
