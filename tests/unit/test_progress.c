/* When a line of progress is due, and what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/progress.h"

static void
nothing_is_due_where_nothing_goes_on(void **state)
{
    struct qn_progress p;

    (void)state;
    qn_progress_open(&p, QN_PROGRESS_NONE, false, 0);
    qn_progress_begin(&p, "norm", 0, 10, 0);
    assert_false(qn_progress_due(&p, 1e6));
    qn_progress_close(&p);
    qn_progress_open(&p, QN_PROGRESS_PLAIN, false, 0);
    assert_false(qn_progress_due(&p, 1e6));
    qn_progress_begin(&p, "norm", 0, 10, 0);
    qn_progress_wipe(&p);
    assert_false(qn_progress_due(&p, 1e6));
    qn_progress_close(&p);
    qn_progress_close(&p);
}

static void
plain_lines_come_after_10_and_every_30_seconds(void **state)
{
    const struct qn_claims_count n = {.done = 1};
    struct qn_progress p;
    int lines = 0;

    (void)state;
    qn_progress_open(&p, QN_PROGRESS_PLAIN, false, 100);
    for (int t = 0; t < 100; t++) {
        // stages shorter than a line's distance change nothing
        if (t % 7 == 0)
            qn_progress_begin(&p, "norm", 0, 10, 100 + t);
        if (!qn_progress_due(&p, 100 + t))
            continue;
        assert_int_equal((t - 10) % 30, 0);
        qn_progress_show(&p, &n, 100 + t);
        lines++;
    }
    assert_int_equal(lines, 3);
    qn_progress_close(&p);
}

static void
the_line_says(void **state)
{
    static const struct {
        int64_t before, total;
        struct qn_claims_count n;
        double seconds;
        const char *text;
    } table[] = {
        {0, 10, {0, 0, 0}, 3, "norm: 0 of 10 items"},
        {0, 10, {0, 0, 0}, 0, "norm: 0 of 10 items"},
        {0, 10, {4, 1, 0}, 0, "norm: 5 of 10 items, 1 failed"},
        {0, 10, {10, 0, 0}, 5, "norm: 10 of 10 items, 2/s"},
        {0, 12345, {2000, 345, 1024 * 1024 * 335}, 33.5,
         "norm: 2,345 of 12,345 items, 70/s, 10.0 MB/s, 345 failed, about 2 m "
         "22 s to go"},
        {90, 100, {5, 0, 0}, 10,
         "norm: 95 of 100 items, 0.5/s, about 10.0 s to go"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct qn_progress p;

        qn_progress_open(&p, QN_PROGRESS_PLAIN, true, 0);
        qn_progress_begin(&p, "norm", table[i].before, table[i].total, 50);
        qn_progress_text(text, sizeof text, &p, &table[i].n,
                         50 + table[i].seconds);
        assert_string_equal(text, table[i].text);
        // too small a place cuts it
        qn_progress_text(text, 9, &p, &table[i].n, 50 + table[i].seconds);
        assert_memory_equal(text, table[i].text, 8);
        assert_int_equal(text[8], 0);
        qn_progress_close(&p);
    }
}

/* Steps of the item in hand, and what comes behind it. */
static void
the_time_is_that_of_the_steps(void **state)
{
    static const struct {
        int teams;
        int64_t total;
        struct qn_claims_count n;
        int64_t from, step, steps; /* told at 60 s and at 70 s */
        const char *text;
    } table[] = {
        // it began at 50 s: 7 items took 10 s, and 9,900 steps are left
        {1, 8, {7, 0, 0}, 0, 100, 10000,
         "heat: 7 of 8 items, step 100 of 10000 of one, 0.35/s, about 16 m 30 s "
         "to go"},
        // an item that went on from a state of the run before
        {1, 8, {7, 0, 0}, 9000, 9500, 10000,
         "heat: 7 of 8 items, step 9500 of 10000 of one, 0.35/s, about 10.0 s "
         "to go"},
        // two more behind it, of 5 s each so far
        {1, 5, {2, 0, 0}, 0, 50, 100,
         "heat: 2 of 5 items, step 50 of 100 of one, 0.1/s, about 20.0 s to go"},
        // nothing is known of others than this one
        {1, 3, {0, 0, 0}, 0, 50, 100,
         "heat: 0 of 3 items, step 50 of 100 of one, about 50.0 s to go"},
        // other teams work on those meanwhile
        {4, 5, {2, 0, 0}, 0, 50, 100,
         "heat: 2 of 5 items, step 50 of 100 of one, 0.1/s, about 20.0 s to go"},
        {4, 5, {2, 0, 0}, 0, 20, 100,
         "heat: 2 of 5 items, step 20 of 100 of one, 0.1/s, about 40.0 s to go"},
        // too early to say
        {1, 8, {7, 0, 0}, 100, 100, 10000,
         "heat: 7 of 8 items, step 100 of 10000 of one, 0.35/s"},
        // the item is done
        {1, 8, {7, 0, 0}, 0, 0, 0,
         "heat: 7 of 8 items, 0.35/s, about 2.9 s to go"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct qn_progress p;

        qn_progress_open(&p, QN_PROGRESS_PLAIN, true, 0);
        qn_progress_begin(&p, "heat", 0, table[i].total, 50);
        p.teams = table[i].teams;
        // of the item before
        qn_progress_step(&p, 99, 100, 55);
        qn_progress_step(&p, 0, 0, 56);
        qn_progress_step(&p, table[i].from, table[i].steps, 60);
        qn_progress_step(&p, table[i].step, table[i].steps, 70);
        qn_progress_text(text, sizeof text, &p, &table[i].n, 70);
        assert_string_equal(text, table[i].text);
        qn_progress_close(&p);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_due_where_nothing_goes_on),
        cmocka_unit_test(plain_lines_come_after_10_and_every_30_seconds),
        cmocka_unit_test(the_line_says),
        cmocka_unit_test(the_time_is_that_of_the_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
