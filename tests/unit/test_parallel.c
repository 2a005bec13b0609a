/* Fork and join: every tile once, errors that do not depend on threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/parallel.h"

#define TILES 2000

struct loop {
    atomic_int done[TILES];
    atomic_int inside[QN_PARALLEL_MOST]; /* tiles that run on each thread */
    atomic_int clashes, most;
    size_t fail_from, fail_every;        /* 0: none fails                 */
    int nthreads;
};

static void
nap(long ns)
{
    nanosleep(&(struct timespec){0, ns}, NULL);
}

static int
count(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    struct loop *l = ctx;

    if (thread < 0 || thread >= (l->nthreads > 1 ? l->nthreads : 1) ||
        atomic_fetch_add(&l->inside[thread], 1))
        atomic_fetch_add(&l->clashes, 1);
    if (thread > atomic_load(&l->most))
        atomic_store(&l->most, thread);
    atomic_fetch_add(&l->done[tile], 1);
    if (tile % 64 == 0)
        nap(1000);
    atomic_fetch_sub(&l->inside[thread], 1);
    if (l->fail_every && tile >= l->fail_from &&
        (tile - l->fail_from) % l->fail_every == 0)
        return qn_fail(err, QN_EVALUE, "tile %zu", tile);
    return 0;
}

static void
every_tile_once(void **state)
{
    static const int threads[] = {-3, 0, 1, 2, 3, 8, 17, 5, 2};
    static const size_t tiles[] = {0, 1, 2, 7, 64, TILES};

    (void)state;
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
        for (size_t n = 0; n < sizeof tiles / sizeof *tiles; n++) {
            static struct loop l;

            memset(&l, 0, sizeof l);
            l.nthreads = threads[t];
            assert_int_equal(qn_parallel_for(threads[t], tiles[n], count, &l,
                                             NULL), 0);
            for (size_t i = 0; i < TILES; i++)
                assert_int_equal(atomic_load(&l.done[i]), i < tiles[n]);
            assert_int_equal(atomic_load(&l.clashes), 0);
        }
}

static void
the_lowest_failing_tile_speaks(void **state)
{
    (void)state;
    for (int threads = 1; threads < 9; threads++)
        for (size_t from = 0; from < 300; from += 37) {
            static struct loop l;
            struct qn_error err = {0};
            char want[32];

            memset(&l, 0, sizeof l);
            l.nthreads = threads;
            l.fail_from = from;
            l.fail_every = 1 + from % 3;
            snprintf(want, sizeof want, "tile %zu", from);
            assert_int_equal(qn_parallel_for(threads, TILES, count, &l, &err),
                             QN_EVALUE);
            assert_string_equal(err.text, want);
            for (size_t i = 0; i <= from; i++)
                assert_int_equal(atomic_load(&l.done[i]), 1);
        }
}

static int
wait_for_all(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    struct loop *l = ctx;

    (void)tile, (void)err;
    atomic_fetch_add(&l->inside[thread], 1);
    for (int i = 0; i < l->nthreads; i++)
        for (int naps = 0; !atomic_load(&l->inside[i]); naps++) {
            if (naps > 20000)
                return QN_EVALUE; // 20 s: that thread never came
            nap(1000000);
        }
    return 0;
}

/* Tiles wait for each other: only as many threads as asked can end this. */
static void
threads_are_there_at_once(void **state)
{
    (void)state;
    for (int n = 2; n < 7; n++) {
        struct loop l = {.nthreads = n};

        assert_int_equal(qn_parallel_for(n, (size_t)n, wait_for_all, &l, NULL),
                         0);
    }
}

static int
nest(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    struct loop *outer = ctx;
    struct loop inner = {.nthreads = 4};

    (void)thread;
    QN_TRY(qn_parallel_for(4, 50, count, &inner, err));
    for (size_t i = 0; i < 50; i++)
        if (atomic_load(&inner.done[i]) != 1 || atomic_load(&inner.clashes))
            return qn_fail(err, QN_EVALUE, "inner tile %zu", i);
    atomic_fetch_add(&outer->done[tile], 1);
    return 0;
}

static void
a_loop_inside_a_tile_runs_there(void **state)
{
    static struct loop l;

    (void)state;
    assert_int_equal(qn_parallel_for(4, 100, nest, &l, NULL), 0);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(atomic_load(&l.done[i]), 1);
}

static void *
loop_many_times(void *ctx)
{
    for (int i = 0; i < 50; i++)
        if (qn_parallel_for(4, 100, nest, ctx, NULL))
            return ctx;
    return NULL;
}

static void
two_callers_at_once(void **state)
{
    static struct loop l[2];
    pthread_t other;
    void *bad;

    (void)state;
    assert_int_equal(pthread_create(&other, NULL, loop_many_times, &l[1]), 0);
    assert_null(loop_many_times(&l[0]));
    assert_int_equal(pthread_join(other, &bad), 0);
    assert_null(bad);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(atomic_load(&l[1].done[i]), 50);
}

static int
ask_for_signals(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    sigset_t mask;

    (void)ctx, (void)tile, (void)err;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    nap(1000);
    return sigismember(&mask, SIGTERM) == (thread > 0) ? 0 : QN_EVALUE;
}

static void
signals_are_for_the_caller(void **state)
{
    (void)state;
    qn_parallel_close();
    assert_int_equal(qn_parallel_for(4, 100, ask_for_signals, NULL, NULL), 0);
}

static void
the_pool_may_be_closed_and_used_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct loop l = {.nthreads = 3};

        assert_int_equal(qn_parallel_for(3, 3, wait_for_all, &l, NULL), 0);
        qn_parallel_close();
        qn_parallel_close();
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_once),
        cmocka_unit_test(the_lowest_failing_tile_speaks),
        cmocka_unit_test(threads_are_there_at_once),
        cmocka_unit_test(a_loop_inside_a_tile_runs_there),
        cmocka_unit_test(two_callers_at_once),
        cmocka_unit_test(signals_are_for_the_caller),
        cmocka_unit_test(the_pool_may_be_closed_and_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
