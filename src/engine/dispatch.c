/* The event loop of a rank: claim, hand out, take back, sleep.
 *
 * The rank never computes: it answers claims within a millisecond, and naps
 * when there is nothing to do.  One design for one rank and for thousands;
 * claims.c decides who gets what. */
#include "engine/dispatch.h"

#include <math.h>

#include "comm/claims.h"
#include "engine/stop.h"

struct loop {
    struct qn_farm *farm;
    struct qn_comm *comm;
    const struct qn_work *work;
    struct qn_claims *claims;
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

/* The unit is worked on from now on. */
static int
begin(struct loop *l, int64_t unit)
{
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
        note(l, start(l, unit));
    }
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

static void
run(struct loop *l)
{
    bool told = false;

    for (;;) {
        note(l, qn_claims_serve(l->claims, l->rc ? NULL : l->err));
        if (qn_stop_asked() && !told) {
            told = true;
            qn_claims_stop(l->claims, NULL);
        }
        if (qn_stop_asked() > 1)
            break;
        l->farm->draining = qn_stop_asked() || l->rc;
        if (l->work->tick && !l->rc)
            note(l, l->work->tick(l->work->ctx, l->err));
        fill(l);
        if (l->farm->busy)
            take(l, qn_farm_free(l->farm) && l->comm->size > 1 ? 0
                                                               : patience(l));
        else if (qn_claims_finished(l->claims) || qn_stop_asked() || l->rc)
            break;
        if (qn_farm_free(l->farm) && l->comm->size > 1)
            qn_comm_nap(&l->naps);
    }
}

int
qn_dispatch(struct qn_farm *farm, struct qn_comm *comm,
            const struct qn_work *work, bool *stopped, struct qn_error *err)
{
    struct loop l = {.farm = farm, .comm = comm, .work = work, .err = err};
    bool stop = false;
    int rc;

    QN_TRY(qn_claims_open(&l.claims, comm, work->total, farm->most, err));
    run(&l);
    // errors of the close are those of all ranks: the first one is ours
    rc = qn_claims_close(l.claims, &stop, l.rc ? NULL : err);
    if (stopped)
        *stopped = stop;
    return qn_comm_agree(comm, l.rc ? l.rc : rc, err);
}
