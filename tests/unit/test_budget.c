/* Threads a rank, on machines that are invented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/budget.h"

/* ---- masks ---------------------------------------------------------------- */

static void
masks_are_spelled_as_the_system_does(void **state)
{
    static const char *const good[] = {"0", "0-3", "0-3,8", "1,3,5",
                                       "0,2-3,64-127,1023"};
    static const char *const bad[] = {"", "x", "3-1", "0,", "0-", "-1", "1 2"};
    struct qn_mask m;
    char buf[64];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(qn_mask_parse(&m, bad[i]));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(qn_mask_parse(&m, good[i]));
        assert_string_equal(qn_mask_text(buf, sizeof buf, &m), good[i]);
    }
    assert_true(qn_mask_parse(&m, "0-3,8\n"));
    assert_int_equal(qn_mask_count(&m), 5);
    assert_string_equal(qn_mask_text(buf, 8, &m), "0-3...");
    assert_true(qn_mask_parse(&m, "5000"));
    assert_int_equal(qn_mask_count(&m), 0);
    assert_string_equal(qn_mask_text(buf, sizeof buf, &m), "none");
}

/* ---- what is asked ---------------------------------------------------------- */

static const char *variable[3];

static char *
get(const char *name)
{
    int i = !strcmp(name, "QUERN_THREADS")         ? 0
            : !strcmp(name, "SLURM_CPUS_PER_TASK") ? 1
            : !strcmp(name, "OMP_NUM_THREADS")     ? 2
                                                   : -1;

    return i < 0 ? NULL : (char *)(uintptr_t)variable[i];
}

static void
the_nearest_word_counts(void **state)
{
    static const struct {
        int job;
        const char *variable[3];
        int threads;
        const char *by;
    } rows[] = {
        {0, {NULL, NULL, NULL}, 0, NULL},
        {0, {NULL, NULL, "4"}, 4, "OMP_NUM_THREADS"},
        {0, {NULL, NULL, "4,2"}, 4, "OMP_NUM_THREADS"},
        {0, {NULL, NULL, "many"}, 0, NULL},
        {0, {NULL, NULL, "0"}, 0, NULL},
        {0, {NULL, NULL, ""}, 0, NULL},
        {0, {NULL, "8", "4"}, 8, "SLURM_CPUS_PER_TASK"},
        {0, {"2", "8", "4"}, 2, "QUERN_THREADS"},
        {0, {"auto", "8", "4"}, 0, NULL},
        {3, {"2", "8", "4"}, 3, "--threads or `threads`"},
        {3, {"nonsense", NULL, NULL}, 3, "--threads or `threads`"},
    };
    struct qn_error err = {0};
    struct qn_ask ask;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(variable, rows[i].variable, sizeof variable);
        assert_int_equal(qn_budget_ask(&ask, rows[i].job, 0, get, &err), 0);
        assert_int_equal(ask.threads, rows[i].threads);
        if (rows[i].by)
            assert_string_equal(ask.by, rows[i].by);
    }
    variable[0] = "-1";
    assert_int_equal(qn_budget_ask(&ask, 0, 0, get, &err), QN_EUSAGE);
    assert_non_null(strstr(err.text, "'-1'"));
}

/* ---- budgets ------------------------------------------------------------------ */

/* One seat: "NODE MASK/ALL", with * in front where it is of another job. */
static void
make_seat(struct qn_seat *s, const char *text, int launcher, double quota)
{
    char mask[40], all[40];
    int node;

    *s = (struct qn_seat){.launcher = launcher, .quota = quota, .group = 1};
    s->foreign = *text == '*';
    assert_int_equal(sscanf(text + s->foreign, "%d %39[^/]/%39s", &node, mask,
                            all),
                     3);
    s->node = node;
    assert_true(qn_mask_parse(&s->mask, mask));
    assert_true(qn_mask_parse(&s->all, all));
    s->cores = s->mask;
}

#define NONE QN_LAUNCHER_NONE
#define MPIRUN QN_LAUNCHER_MPIRUN
#define SRUN QN_LAUNCHER_SRUN

static const struct row {
    const char *what;
    const char *seat[8];
    int launcher;
    double quota; /* 0: none */
    int ask, concurrency;
    int threads[8];
    int trouble;      /* the first of seat 0, -1: none */
    const char *fix;  /* words in it */
} rows[] = {
    {"a workstation", {"0 0-7/0-7"}, NONE, 0, 0, 0, {8}, -1, NULL},
    {"asked for less", {"0 0-7/0-7"}, NONE, 0, 3, 0, {3}, -1, NULL},
    {"asked for more", {"0 0-7/0-7"}, NONE, 0, 9, 0, {8}, QN_TROUBLE_MASK,
     "--threads 8"},
    {"under taskset", {"0 0/0-7"}, NONE, 0, 8, 0, {1}, QN_TROUBLE_MASK,
     "without taskset"},
    {"taskset, nothing asked", {"0 0/0-7"}, NONE, 0, 0, 0, {1}, -1, NULL},
    {"two ranks bound to a core each", {"0 0/0-7", "0 1/0-7"}, MPIRUN, 0, 4, 0,
     {1, 1}, QN_TROUBLE_MASK, "--map-by slot:PE=4 --bind-to core"},
    {"the same, nothing asked", {"0 0/0-7", "0 1/0-7"}, MPIRUN, 0, 0, 0,
     {1, 1}, QN_TROUBLE_IDLE, "--map-by slot:PE=4 --bind-to core"},
    {"too much for the node", {"0 0/0-7", "0 1/0-7"}, MPIRUN, 0, 6, 0, {1, 1},
     QN_TROUBLE_MASK, "--map-by slot:PE=4 --bind-to core"},
    {"a full node", {"0 0/0-1", "0 1/0-1"}, MPIRUN, 0, 0, 0, {1, 1}, -1, NULL},
    {"a full node, asked", {"0 0/0-1", "0 1/0-1"}, MPIRUN, 0, 2, 0, {1, 1},
     QN_TROUBLE_MASK, "--threads 1"},
    {"not bound", {"0 0-7/0-7", "0 0-7/0-7"}, MPIRUN, 0, 0, 0, {4, 4}, -1,
     NULL},
    {"not even", {"0 0-7/0-7", "0 0-7/0-7", "0 0-7/0-7"}, MPIRUN, 0, 0, 0,
     {2, 3, 3}, -1, NULL},
    {"crowded", {"0 0-7/0-7", "0 0-7/0-7", "0 0-7/0-7"}, MPIRUN, 0, 8, 0,
     {2, 3, 3}, QN_TROUBLE_CROWDED, "--threads 2"},
    {"more ranks than cores",
     {"0 0-1/0-1", "0 0-1/0-1", "0 0-1/0-1"}, MPIRUN, 0, 0, 0, {1, 1, 1}, -1,
     NULL},
    {"two nodes", {"0 0-7/0-7", "1 0-7/0-7", "1 0-7/0-7"}, MPIRUN, 0, 0, 0,
     {8, 4, 4}, -1, NULL},
    {"on one core", {"0 0/0-7", "0 0/0-7"}, MPIRUN, 0, 0, 0, {1, 1},
     QN_TROUBLE_SHARED, "--map-by slot:PE=4 --bind-to core"},
    {"on one core of one", {"0 0/0", "0 0/0"}, MPIRUN, 0, 0, 0, {1, 1}, -1,
     NULL},
    {"masks that overlap", {"0 0-3/0-7", "0 2-5/0-7"}, MPIRUN, 0, 0, 0,
     {3, 3}, QN_TROUBLE_SHARED, "--map-by slot:PE=4"},
    {"srun's cores", {"0 0/0-7"}, SRUN, 0, 4, 0, {1}, QN_TROUBLE_MASK,
     "srun --cpus-per-task=4"},
    {"two array tasks on core 0", {"0 0/0-7", "*0 0/0-7"}, MPIRUN, 0, 0, 0,
     {1}, QN_TROUBLE_FOREIGN, "--bind-to none"},
    {"another job that is bound elsewhere", {"0 0-3/0-7", "*0 4-7/0-7"}, NONE,
     0, 0, 0, {4}, -1, NULL},
    {"another job within ours", {"0 0-7/0-7", "*0 4-7/0-7"}, NONE, 0, 0, 0,
     {6}, -1, NULL},
    {"another job that may run anywhere", {"0 0-7/0-7", "*0 0-7/0-7"}, NONE, 0,
     0, 0, {8}, -1, NULL},
    {"a quota", {"0 0-7/0-7"}, NONE, 2.5, 0, 0, {2}, QN_TROUBLE_QUOTA,
     "--cpus=8"},
    {"a quota that is enough", {"0 0-7/0-7"}, NONE, 2.5, 2, 0, {2}, -1, NULL},
    {"a quota that is not", {"0 0-7/0-7"}, NONE, 2.5, 4, 0, {2},
     QN_TROUBLE_QUOTA, "--cpus=8"},
    {"half a core", {"0 0-7/0-7"}, NONE, 0.5, 0, 0, {1}, QN_TROUBLE_QUOTA,
     "--cpus=8"},
    {"a quota shared by ranks", {"0 0-7/0-7", "0 0-7/0-7"}, MPIRUN, 4, 0, 0,
     {2, 2}, QN_TROUBLE_QUOTA, "--cpus=8"},
    {"too many workers", {"0 0-3/0-3"}, NONE, 0, 0, 9, {4}, QN_TROUBLE_WORKERS,
     "leave `concurrency` out"},
};

static void
budgets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        struct qn_ask ask = {.threads = r->ask, .by = "--threads",
                             .concurrency = r->concurrency};
        struct qn_seat seat[8];
        struct qn_budget b;
        size_t n = 0;

        for (; n < 8 && r->seat[n]; n++)
            make_seat(&seat[n], r->seat[n], r->launcher,
                      r->quota > 0 ? r->quota : INFINITY);
        for (size_t k = n; k-- > 0;) {
            if (seat[k].foreign)
                continue;
            qn_budget_make(&b, &ask, seat, n, k);
            if (b.threads != r->threads[k])
                print_message("%s, seat %zu\n", r->what, k);
            assert_int_equal(b.threads, r->threads[k]);
            assert_true(b.concurrency >= 1 && b.concurrency <= b.threads);
        }
        if ((b.ntroubles ? b.trouble[0].kind : -1) != r->trouble)
            print_message("%s\n", r->what);
        assert_int_equal(b.ntroubles ? b.trouble[0].kind : -1, r->trouble);
        assert_true(b.ntroubles < 2);
        if (r->fix && !strstr(b.trouble[0].fix, r->fix))
            print_message("%s: %s\n", r->what, b.trouble[0].fix);
        if (r->fix)
            assert_non_null(strstr(b.trouble[0].fix, r->fix));
    }
}

/* Two hardware threads a core: cores are what auto counts, but who asks for
 * both gets them. */
static void
hardware_threads(void **state)
{
    struct qn_ask ask = {.by = "--threads"};
    struct qn_seat seat;
    struct qn_budget b;

    (void)state;
    make_seat(&seat, "0 0-7/0-7", NONE, INFINITY);
    assert_true(qn_mask_parse(&seat.cores, "0-3"));
    assert_true(qn_mask_parse(&seat.all, "0-3"));
    qn_budget_make(&b, &ask, &seat, 1, 0);
    assert_int_equal(b.threads, 4);
    ask.threads = 8;
    qn_budget_make(&b, &ask, &seat, 1, 0);
    assert_int_equal(b.threads, 8);
    assert_int_equal(b.ntroubles, 0);
    ask.threads = 9;
    qn_budget_make(&b, &ask, &seat, 1, 0);
    assert_int_equal(b.threads, 8);
    assert_int_equal(b.trouble[0].kind, QN_TROUBLE_MASK);
}

/* Whatever the ranks and masks: no core is given twice, none is left idle
 * where ranks are not bound, nobody gets less than one thread. */
static void
shares_add_up(void **state)
{
    static struct qn_seat seat[40];
    const struct qn_ask ask = {.by = ""};

    (void)state;
    for (int cores = 1; cores <= 64; cores += 3)
        for (size_t n = 1; n <= 40; n += 3) {
            char text[40];
            int sum = 0;

            snprintf(text, sizeof text, "0 0-%d/0-%d", cores - 1, cores - 1);
            for (size_t k = 0; k < n; k++)
                make_seat(&seat[k], text, MPIRUN, INFINITY);
            for (size_t k = 0; k < n; k++) {
                struct qn_budget b;

                qn_budget_make(&b, &ask, seat, n, k);
                assert_true(b.threads >= 1);
                sum += b.threads;
            }
            assert_int_equal(sum, cores < (int)n ? (int)n : cores);
        }
}

/* ---- two levels ------------------------------------------------------------------ */

static void
two_levels(void **state)
{
    static const struct {
        int threads, concurrency; /* concurrency 0: auto */
        int64_t items;
        int ranks;
        struct qn_split want;
    } splits[] = {
        {8, 0, 1000, 1, {8, 1}}, {8, 0, -1, 1, {8, 1}},
        {8, 0, 2, 1, {2, 4}},    {8, 0, 1, 1, {1, 8}},
        {8, 0, 0, 1, {1, 8}},    {8, 0, 3, 1, {3, 2}},
        {8, 0, 12, 4, {3, 2}},   {8, 0, 13, 4, {4, 2}},
        {8, 4, 1, 1, {4, 2}},    {8, 4, 99, 1, {4, 2}},
        {1, 0, 99, 1, {1, 1}},   {1, 0, 0, 7, {1, 1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        const struct qn_budget b = {
            .threads = splits[i].threads,
            .concurrency = splits[i].concurrency ? splits[i].concurrency
                                                 : splits[i].threads,
            .fixed = splits[i].concurrency > 0,
        };
        struct qn_split s =
            qn_budget_split(&b, splits[i].items, splits[i].ranks);

        assert_int_equal(s.concurrency, splits[i].want.concurrency);
        assert_int_equal(s.threads, splits[i].want.threads);
        assert_true(s.concurrency * s.threads <= b.threads);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_spelled_as_the_system_does),
        cmocka_unit_test(the_nearest_word_counts),
        cmocka_unit_test(budgets),
        cmocka_unit_test(hardware_threads),
        cmocka_unit_test(shares_add_up),
        cmocka_unit_test(two_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
