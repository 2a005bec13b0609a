/* Outcomes: all come back, in order, however they were packed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/outcome.h"

struct said {
    int64_t unit;
    int code;
    int64_t value;
    const char *text;
};

/* Runs of equal ones, and all that may end a run. */
static const struct said table[] = {
    {0, 0, 0, NULL}, {1, 0, 0, NULL},  {2, 0, 0, NULL},  {4, 0, 0, NULL},
    {5, 0, 0, NULL}, {6, 1, 0, NULL},  {7, 1, 0, NULL},  {8, 1, 9, NULL},
    {9, 1, 9, NULL}, {10, 1, 9, "no"}, {11, 1, 9, "no"}, {12, 1, 9, NULL},
    {11, 0, 0, NULL}, {12, 0, 0, ""},
};

enum { N = sizeof table / sizeof *table };

static int
check(void *ctx, int rank, int64_t unit, int code, int64_t value,
      const char *text, struct qn_error *err)
{
    int *n = ctx;
    const struct said *want = &table[*n % N];

    (void)err;
    assert_int_equal(rank, 0);
    assert_int_equal(unit, want->unit);
    assert_int_equal(code, want->code);
    assert_int_equal(value, want->value);
    assert_string_equal(text, want->text ? want->text : "");
    ++*n;
    return 0;
}

static void
all_come_back(void **state)
{
    struct qn_comm comm = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_outcomes o = {0};
    int n = 0;

    (void)state;
    for (int i = 0; i < 2 * N; i++) {
        const struct said *s = &table[i % N];

        qn_outcome_add(&o, s->unit, s->code, s->value, s->text);
    }
    assert_int_equal(qn_outcome_share(&comm, &o, check, &n, NULL), 0);
    assert_int_equal(n, 2 * N);
    qn_outcome_clear(&o);
}

static int
count(void *ctx, int rank, int64_t unit, int code, int64_t value,
      const char *text, struct qn_error *err)
{
    int64_t *n = ctx;

    (void)rank, (void)code, (void)value, (void)text, (void)err;
    assert_int_equal(unit, *n);
    ++*n;
    return 0;
}

/* A million that are done take no more room than one. */
static void
runs_are_short(void **state)
{
    struct qn_comm comm = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_outcomes o = {0};
    int64_t n = 0;

    (void)state;
    for (int64_t i = 0; i < 1000000; i++)
        qn_outcome_add(&o, i, 0, 0, NULL);
    assert_true(o.packed.len < 100);
    assert_int_equal(qn_outcome_share(&comm, &o, count, &n, NULL), 0);
    assert_int_equal(n, 1000000);
    qn_outcome_clear(&o);

    // used again after a clear
    n = 0;
    qn_outcome_add(&o, 0, 0, 0, NULL);
    assert_int_equal(qn_outcome_share(&comm, &o, count, &n, NULL), 0);
    assert_int_equal(n, 1);
    qn_outcome_clear(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_back),
        cmocka_unit_test(runs_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
