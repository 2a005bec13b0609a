/* Claims: every unit exactly once, whoever is slow, stops or leaves. */
#include <stdlib.h>

#include "base/clock.h"
#include "comm/claims.h"
#include "harness.h"

/* How the ranks of a test behave. */
struct manner {
    int64_t total;
    int lanes;        // rank r has lanes + r
    int delay;        // us: every 16th unit takes up to so much
    int64_t stop_at;  // the last rank stops when it has taken so many; -1
    int64_t leave_at; // the last rank closes when it has taken so many; -1
    int late;         // us: the last rank begins so much later
};

/* What this rank has taken. */
struct taken {
    int64_t n;
    int64_t *index; // [total], owned
    bool in_order;
    bool stopped;
    int rc;
};

static bool
is_last(const struct qn_comm *c)
{
    return c->rank == c->size - 1;
}

/* Is it time for this rank to leave the loop? */
static bool
act(struct qn_claims *q, const struct qn_comm *c, const struct manner *m,
    const struct taken *t)
{
    if (is_last(c) && m->leave_at >= 0 && t->n >= m->leave_at)
        return true;
    if (is_last(c) && m->stop_at >= 0 && t->n >= m->stop_at)
        qn_claims_stop(q, NULL);
    return qn_claims_finished(q);
}

static void
work(struct qn_claims *q, struct qn_comm *c, const struct manner *m,
     struct taken *t)
{
    uint32_t seed = (uint32_t)c->rank + 1;
    int naps = 0;

    while (!act(q, c, m, t)) {
        int64_t unit;
        bool got;
        int rc = qn_claims_serve(q, NULL);

        if (!rc)
            rc = qn_claims_take(q, &unit, &got, NULL);
        t->rc = t->rc ? t->rc : rc;
        if (rc)
            continue;
        if (!got) {
            qn_comm_nap(&naps);
            continue;
        }
        naps = 0;
        t->in_order = t->in_order && (!t->n || t->index[t->n - 1] < unit);
        t->index[t->n++] = unit;
        if (m->delay && harness_random(&seed) % 16 == 0)
            harness_sleep((int)(harness_random(&seed) % (unsigned)m->delay));
    }
}

/* One run of claims; what it came to is in t. */
static void
claim(struct qn_comm *c, const struct manner *m, struct taken *t)
{
    struct qn_claims *q;
    int rc;

    *t = (struct taken){.in_order = true};
    t->index = calloc((size_t)m->total + 1, sizeof *t->index);
    rc = qn_claims_open(&q, c, m->total, m->lanes + c->rank, NULL);
    mpi_assert(c, !rc && q && t->index);
    if (is_last(c))
        harness_sleep(m->late);
    work(q, c, m, t);
    rc = qn_claims_close(q, &t->stopped, NULL);
    t->rc = t->rc ? t->rc : rc;
}

/* How often each unit was taken by all: [total], owned; NULL on failure. */
static int *
count_takes(struct qn_comm *c, int64_t total, const struct taken *t)
{
    int *takes = calloc((size_t)total + 1, sizeof *takes);
    size_t sizes[64], n = 0;
    void *all = NULL;

    if (qn_comm_gather(c, t->index, (size_t)t->n * sizeof *t->index, &all,
                       sizes, NULL) ||
        !takes) {
        free(takes);
        return NULL;
    }
    for (int r = 0; r < c->size; r++)
        n += sizes[r] / sizeof *t->index;
    for (size_t i = 0; i < n; i++) {
        int64_t unit = ((int64_t *)all)[i];

        takes[unit >= 0 && unit < total ? unit : total]++;
    }
    free(all);
    return takes;
}

/* No unit twice and none that does not exist; and all, if so. */
static bool
is_once(struct qn_comm *c, int64_t total, const struct taken *t, bool all)
{
    int *takes = count_takes(c, total, t);
    bool good = takes && !takes[total];

    for (int64_t i = 0; good && i < total; i++)
        good = takes[i] == 1 || (takes[i] == 0 && !all);
    free(takes);
    return good;
}

static void
try_all(struct qn_comm *c, const struct manner *m)
{
    struct taken t;
    bool once;

    claim(c, m, &t);
    once = is_once(c, m->total, &t, true);
    free(t.index);
    mpi_assert(c, !t.rc);
    mpi_assert(c, !t.stopped);
    mpi_assert(c, t.in_order);
    mpi_assert(c, once);
}

static void
every_unit_once(void **state)
{
    static const int64_t totals[] = {0, 1, 2, 3, 5, 6, 8, 17, 100, 100000};

    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++)
        for (int lanes = 0; lanes < 9; lanes += 4)
            try_all(*state, &(struct manner){.total = totals[i],
                                             .lanes = lanes,
                                             .stop_at = -1,
                                             .leave_at = -1});
}

static void
every_unit_once_with_delays(void **state)
{
    for (int lanes = 1; lanes < 9; lanes += 3)
        try_all(*state, &(struct manner){.total = 2000,
                                         .lanes = lanes,
                                         .delay = 3000,
                                         .stop_at = -1,
                                         .leave_at = -1});
}

static void
every_unit_once_though_one_is_late(void **state)
{
    try_all(*state, &(struct manner){.total = 500,
                                     .lanes = 2,
                                     .late = 100000,
                                     .stop_at = -1,
                                     .leave_at = -1});
}

/* A unit that takes 10 ms, while this rank still serves. */
static int
spend(struct qn_claims *q)
{
    double end = qn_clock_now() + 0.01;
    int rc = 0;

    while (qn_clock_now() < end) {
        int now = qn_claims_serve(q, NULL);

        rc = rc ? rc : now;
        harness_sleep(300);
    }
    return rc;
}

/* Nobody takes much more than its share of 20. */
static void
slow_units_are_shared(void **state)
{
    struct qn_comm *c = *state;
    struct qn_claims *q;
    int64_t n = 0;
    int rc;

    rc = qn_claims_open(&q, c, 20 * (int64_t)c->size, 1, NULL);
    mpi_assert(c, !rc);
    while (!qn_claims_finished(q)) {
        int64_t unit;
        bool got;
        int now = qn_claims_serve(q, NULL);

        rc = rc ? rc : now;
        if (qn_claims_take(q, &unit, &got, NULL) || !got)
            continue;
        now = spend(q);
        rc = rc ? rc : now;
        n++;
    }
    rc = rc ? rc : qn_claims_close(q, NULL, NULL);
    mpi_assert(c, !rc);
    mpi_assert(c, c->size == 1 || (n >= 5 && n <= 60));
}

/* What a rank holds without having finished any says nothing of its pace: two
 * units taken at once, as a worker that reads ahead takes them, and it is given
 * single ones still, however many there are. */
static void
beginning_is_no_pace(void **state)
{
    struct qn_comm *c = *state;
    struct qn_claims *q;
    int64_t unit, n = 0;
    int rc = qn_claims_open(&q, c, 1000 * (int64_t)c->size, 1, NULL);
    bool got = false;

    mpi_assert(c, !rc);
    // rank 0 answers until the others have left; they leave early
    while (!rc && !c->rank && !qn_claims_alone(q))
        rc = spend(q);
    while (!rc && c->rank && n < 2 && !qn_claims_finished(q)) {
        rc = qn_claims_serve(q, NULL);
        rc = rc ? rc : qn_claims_take(q, &unit, &got, NULL);
        n += got;
    }
    for (int i = 0; !rc && c->rank && i < 3; i++)
        rc = spend(q);
    for (got = c->rank > 0; !rc && got; n += got)
        rc = qn_claims_take(q, &unit, &got, NULL);
    rc = rc ? rc : qn_claims_close(q, NULL, NULL);
    mpi_assert(c, !rc);
    mpi_assert(c, n <= 4);
}

/* What each has done is known on rank 0 when all have gone. */
static void
counts_reach_rank_0(void **state)
{
    struct qn_comm *c = *state;
    struct qn_claims_count mine = {0}, all;
    struct qn_claims *q;
    int64_t total = 50 * (int64_t)c->size;
    int naps = 0, rc = qn_claims_open(&q, c, total, 2, NULL);
    bool right;

    mpi_assert(c, !rc);
    while (!qn_claims_finished(q) || (!c->rank && !qn_claims_alone(q))) {
        int64_t unit;
        bool got;
        int now = qn_claims_serve(q, NULL);

        rc = rc ? rc : now;
        if (qn_claims_take(q, &unit, &got, NULL) || !got) {
            qn_comm_nap(&naps);
            continue;
        }
        mine.done += unit % 3 > 0;
        mine.failed += unit % 3 == 0;
        mine.bytes += unit;
        qn_claims_tell(q, &mine);
    }
    all = qn_claims_sum(q);
    right = c->rank || (all.done + all.failed == total &&
                        all.failed == (total + 2) / 3 &&
                        all.bytes == total * (total - 1) / 2);
    rc = rc ? rc : qn_claims_close(q, NULL, NULL);
    mpi_assert(c, !rc);
    mpi_assert(c, right);
}

static void
try_stop(struct qn_comm *c, const struct manner *m)
{
    struct taken t;
    bool once;

    claim(c, m, &t);
    once = is_once(c, m->total, &t, false);
    free(t.index);
    mpi_assert(c, !t.rc);
    mpi_assert(c, t.stopped);
    mpi_assert(c, once);
    mpi_assert(c, t.n < m->total);
}

static void
a_stop_reaches_all(void **state)
{
    static const int64_t stops[] = {0, 1, 3, 40};

    // So many slow units that no rank could finish them.
    for (size_t i = 0; i < 4; i++)
        try_stop(*state, &(struct manner){.total = 1000000,
                                          .lanes = 3,
                                          .delay = 20000,
                                          .stop_at = stops[i],
                                          .leave_at = -1});
}

static void
a_rank_that_leaves_stops_all(void **state)
{
    static const int64_t leaves[] = {0, 1, 3, 40};

    for (size_t i = 0; i < 4; i++)
        try_stop(*state, &(struct manner){.total = 1000000,
                                          .lanes = 3,
                                          .delay = 20000,
                                          .stop_at = -1,
                                          .leave_at = leaves[i]});
}

/* Everybody has work in hand and asks for nothing: the word still comes. */
static void
a_stop_reaches_the_busy(void **state)
{
    struct qn_comm *c = *state;
    struct qn_claims *q;
    double begin = qn_clock_now();
    bool stopped, in_time;
    int rc;

    rc = qn_claims_open(&q, c, 1000000, 1, NULL);
    mpi_assert(c, !rc);
    if (is_last(c))
        qn_claims_stop(q, NULL);
    while (!qn_claims_stopped(q) && qn_clock_now() - begin < 5) {
        rc = qn_claims_serve(q, NULL);
        harness_sleep(1000);
    }
    in_time = qn_claims_stopped(q) && qn_claims_finished(q) && !rc;
    rc = qn_claims_close(q, &stopped, NULL);
    mpi_assert(c, in_time);
    mpi_assert(c, !rc && stopped);
}

/* Nothing of one run is left for the next, with ranks out of step. */
static void
runs_do_not_mix(void **state)
{
    struct qn_comm *c = *state;

    for (int i = 0; i < 60; i++) {
        struct manner m = {.total = i % 7 * 10,
                           .lanes = 1 + i % 3,
                           .stop_at = i % 5 == 4 ? 2 : -1,
                           .leave_at = -1,
                           .late = i % 4 * 700};
        struct taken t;
        bool once;

        claim(c, &m, &t);
        once = is_once(c, m.total, &t, !t.stopped);
        free(t.index);
        mpi_assert(c, !t.rc && once);
        mpi_assert(c, m.stop_at >= 0 || !t.stopped);
    }
}

static void
closing_nothing(void **state)
{
    mpi_assert((struct qn_comm *)*state, !qn_claims_close(NULL, NULL, NULL));
}

/* Units a second, taken by ranks that do nothing else; those of rank 0 would
 * cost no message, so it only serves. */
static void
claims_are_fast(void **state)
{
    struct qn_comm *c = *state;
    const int64_t total = 20000000;
    struct qn_claims *q;
    int64_t mine = 0;
    int naps = 0;
    double t;
    int rc;

    harness_need(c, 2);
    rc = qn_claims_open(&q, c, total, 1, NULL);
    mpi_assert(c, !rc);
    t = qn_clock_now();
    while (!qn_claims_finished(q)) {
        int64_t unit;
        bool got = false;

        qn_claims_serve(q, NULL);
        for (int i = 0; c->rank && i < 100; i++)
            if (!qn_claims_take(q, &unit, &got, NULL) && got)
                mine++;
        if (got)
            naps = 0;
        else
            qn_comm_nap(&naps);
    }
    rc = qn_claims_close(q, NULL, NULL); // returns when all have finished
    t = qn_clock_now() - t;
    print_message("%d ranks: %.0f claims a second\n", c->size,
                  (double)total / t);
    mpi_assert(c, !rc);
    mpi_assert(c, c->rank || !mine);
    mpi_assert(c, (double)total / t > 200000);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unit_once),
        cmocka_unit_test(every_unit_once_with_delays),
        cmocka_unit_test(every_unit_once_though_one_is_late),
        cmocka_unit_test(slow_units_are_shared),
        cmocka_unit_test(beginning_is_no_pace),
        cmocka_unit_test(counts_reach_rank_0),
        cmocka_unit_test(a_stop_reaches_all),
        cmocka_unit_test(a_rank_that_leaves_stops_all),
        cmocka_unit_test(a_stop_reaches_the_busy),
        cmocka_unit_test(runs_do_not_mix),
        cmocka_unit_test(closing_nothing),
        cmocka_unit_test(claims_are_fast),
    };

    return harness_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
