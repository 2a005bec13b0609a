/* The event loop of a rank: claim, hand out, take back, sleep.
 *
 * The rank never computes: it answers claims within a millisecond, and naps
 * when there is nothing to do.  One design for one rank and for thousands;
 * claims.c decides who gets what. */
#include "engine/dispatch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "comm/claims.h"
#include "engine/pace.h"
#include "engine/stop.h"

struct loop {
    struct qn_farm *farm;
    struct qn_comm *comm;
    const struct qn_work *work;
    struct qn_claims *claims;
    struct qn_claims_count count; /* of this rank */
    bool timed;           /* there is a deadline                   */
    struct qn_pace pace;  /* where timed                           */
    bool left;            /* a unit was left for want of time      */
    int naps;
    int rc;               /* first local error; then only draining */
    struct qn_error *err;
};

static void
note(struct loop *l, int rc)
{
    if (rc && !l->rc) {
        l->rc = rc;
        qn_claims_stop(l->claims, NULL);
    }
}

static int64_t
bytes_of(const struct loop *l, int64_t unit)
{
    return l->work->bytes ? l->work->bytes(l->work->ctx, unit) : 0;
}

/* The unit is worked on from now on. */
static int
begin(struct loop *l, int64_t unit)
{
    if (l->timed)
        qn_pace_begin(&l->pace, unit, qn_clock_now());
    return l->work->begin ? l->work->begin(l->work->ctx, unit, l->err) : 0;
}

static int
start(struct loop *l, int64_t unit)
{
    json_t *request = NULL;
    double timeout = INFINITY;

    QN_TRY(l->work->request(l->work->ctx, unit, &request, &timeout, l->err));
    if (!request)
        return 0;
    if (qn_farm_free(l->farm))
        QN_TRY(begin(l, unit));
    return qn_farm_start(l->farm, unit, request, timeout, l->err);
}

/* May a worker that is busy be given its next unit?  Not near the end: what
 * waits behind a long one could be done elsewhere. */
static bool
may_read_ahead(const struct loop *l)
{
    return qn_claims_plenty(l->claims) && qn_farm_room(l->farm);
}

/* Can the unit be finished before the deadline?  One that is read ahead begins
 * when another is done. */
static bool
has_time(const struct loop *l, int64_t unit)
{
    double need;

    if (!l->timed)
        return true;
    need = qn_pace_guess(&l->pace, bytes_of(l, unit));
    if (!qn_farm_free(l->farm))
        need += qn_pace_guess(&l->pace, 0);
    return need <= qn_stop_left();
}

/* Fill workers, as far as units are at hand. */
static void
fill(struct loop *l)
{
    bool got = true;
    int64_t unit;

    while (!l->rc && !qn_stop_asked() && got &&
           (qn_farm_free(l->farm) || may_read_ahead(l))) {
        note(l, qn_claims_take(l->claims, &unit, &got, l->err));
        if (!got || l->rc)
            break;
        l->naps = 0;
        if (has_time(l, unit))
            note(l, start(l, unit));
        else
            l->left = true;
    }
}

static void
count(struct loop *l, const struct qn_answer *a)
{
    int64_t bytes = bytes_of(l, a->unit), failed = 0, items = 1;

    if (l->work->items)
        items = l->work->items(l->work->ctx, a->unit, a->reply, &failed);
    if (!a->reply)
        failed = items;
    l->count.done += items - failed;
    l->count.failed += failed;
    l->count.bytes += bytes > 0 ? bytes : 0;
    l->farm->spent.stored += bytes > 0 && a->reply ? bytes : 0;
    qn_claims_tell(l->claims, &l->count);
    if (l->timed)
        qn_pace_end(&l->pace, a->unit, bytes, qn_clock_now());
}

static void
take(struct loop *l, int milliseconds)
{
    struct qn_answer a;
    bool got;

    for (;;) {
        int rc = qn_farm_wait(l->farm, milliseconds, &a, &got,
                              l->rc ? NULL : l->err);

        note(l, rc);
        if (rc || !got)
            return;
        l->naps = 0;
        if (!l->rc && a.next >= 0)
            note(l, begin(l, a.next));
        if (a.unit >= 0)
            count(l, &a);
        if (!l->rc && a.unit >= 0)
            note(l, l->work->finish(l->work->ctx, a.unit, a.reply, &a.why,
                                    l->err));
        json_decref(a.reply);
        milliseconds = 0;
    }
}

/* A rank that talks to others looks at them every millisecond. */
static int
patience(const struct loop *l)
{
    return l->comm->size > 1 ? 1 : 200;
}

/* Who shows the progress of all stays until all are done. */
static bool
is_over(const struct loop *l)
{
    if (qn_stop_asked() || l->rc)
        return true;
    return qn_claims_finished(l->claims) &&
           (!l->work->progress || qn_claims_alone(l->claims));
}

static void
show(struct loop *l)
{
    struct qn_claims_count all;
    double now;

    if (!l->work->progress)
        return;
    now = qn_clock_now();
    if (!qn_progress_due(l->work->progress, now))
        return;
    all = qn_claims_sum(l->claims);
    qn_progress_show(l->work->progress, &all, now);
}

/* Rank 0 hears of failures at once; each rank knows its own. */
static void
limit_failures(struct loop *l)
{
    int64_t most = l->work->most_failed;

    if (most && qn_claims_sum(l->claims).failed >= most)
        qn_stop_ask();
}

static void
run(struct loop *l)
{
    bool told = false;

    for (;;) {
        note(l, qn_claims_serve(l->claims, l->rc ? NULL : l->err));
        limit_failures(l);
        if (qn_stop_asked() && !told) {
            told = true;
            qn_claims_stop(l->claims, NULL);
        }
        if (qn_stop_asked() > 1)
            break;
        l->farm->draining = qn_stop_asked() || l->rc;
        if (l->work->tick && !l->rc)
            note(l, l->work->tick(l->work->ctx, l->err));
        show(l);
        fill(l);
        if (l->farm->busy)
            take(l, qn_farm_free(l->farm) && l->comm->size > 1 ? 0
                                                               : patience(l));
        else if (is_over(l))
            break;
        if (qn_farm_free(l->farm) && l->comm->size > 1)
            qn_comm_nap(&l->naps);
    }
}

/* Collective.  Did any rank leave a unit for want of time? */
static int
share_left(struct loop *l, bool *stop, struct qn_error *err)
{
    char mine = l->left, *all = NULL;
    const int rc = qn_comm_gather_each(l->comm, &mine, 1, (void **)&all, err);

    if (!rc && memchr(all, 1, (size_t)l->comm->size))
        *stop = true;
    free(all);
    return rc;
}

int
qn_dispatch(struct qn_farm *farm, struct qn_comm *comm,
            const struct qn_work *work, bool *stopped, struct qn_error *err)
{
    struct loop l = {.farm = farm, .comm = comm, .work = work, .err = err,
                     .timed = !isinf(qn_stop_left())};
    bool stop = false;
    int rc;

    QN_TRY(qn_claims_open(&l.claims, comm, work->total, farm->most, err));
    run(&l);
    // errors of the close are those of all ranks: the first one is ours
    rc = qn_claims_close(l.claims, &stop, l.rc ? NULL : err);
    if (work->progress)
        qn_progress_wipe(work->progress);
    qn_pace_clear(&l.pace);
    rc = qn_comm_agree(comm, l.rc ? l.rc : rc, err);
    if (!rc && l.timed)
        rc = share_left(&l, &stop, err);
    if (stopped)
        *stopped = stop || rc;
    return rc;
}
