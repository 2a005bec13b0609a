/* Units of a stage, from their order to what became of them.
 *
 * One rank a node decides on the order; then all ranks claim units, and at
 * the end every rank knows of all.  What a unit is, and how it is made, the
 * caller says. */
#include "engine/units.h"

#include <stdlib.h>

#include "engine/commit.h"
#include "engine/stage.h"
#include "engine/stop.h"

static int
larger_first(const void *a, const void *b, void *tasks)
{
    const struct qn_task *t = tasks;
    int x = *(const int *)a, y = *(const int *)b;
    int64_t p = t[x].item->bytes, q = t[y].item->bytes;

    return p != q ? (p < q) - (p > q) : x - y;
}

void
qn_units_largest_first(const struct qn_plan_stage *st, int *order, int64_t n)
{
    if (n)
        qsort_r(order, (size_t)n, sizeof *order, larger_first, st->task);
}

/* Collective. */
static int
tell_order(struct qn_units *u,
           int (*make)(struct qn_units *u, struct qn_error *err),
           struct qn_error *err)
{
    struct qn_run *run = u->run;
    struct {
        int *order;
        int64_t n;
    } head;
    int rc = 0;

    if (run->commons.leads)
        rc = make(u, err);
    head.order = u->order;
    head.n = u->n;
    QN_TRY(qn_commons_tell(&run->commons, run->comm, &head, sizeof head, rc,
                           err));
    u->order = head.order;
    u->n = head.n;
    return 0;
}

/* Groups that wait are committed while nothing else happens. */
static int
tick(void *ctx, struct qn_error *err)
{
    struct qn_commit *c = ((struct qn_units *)ctx)->run->commit;

    // a launcher that ends a run gives a second: name what is whole
    return qn_commit_flush(c, c->n > 0 && qn_stop_asked(), err);
}

int
qn_units_run(struct qn_run *run, int s, const struct qn_units_way *way,
             struct qn_error *err)
{
    struct qn_units u = {.run = run, .s = s};
    struct qn_work work = way->work;
    int rc;

    work.ctx = &u;
    work.tick = tick;
    work.most_failed = qn_run_may_fail(run);
    work.progress = qn_stage_progress(run, s);
    rc = tell_order(&u, way->order, err);
    work.total = u.n;
    if (!rc)
        rc = qn_dispatch(&run->farm, run->comm, &work, &run->stopped, err);
    if (!rc)
        rc = qn_comm_agree(run->comm, qn_commit_flush(run->commit, true, err),
                           err);
    if (!rc)
        rc = qn_outcome_share(run->comm, &u.done, way->take,
                              &(struct qn_stage_done){run, s}, err);
    qn_outcome_clear(&u.done);
    return rc;
}
