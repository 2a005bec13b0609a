/* Item by item, each shared by a team of ranks.
 *
 * The ranks are parted into teams. What a team does with an item is
 * team_item.c's.
 * Which team has which item follows from the items' sizes alone: the largest
 * first, each to the team with the least to do. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/commit.h"
#include "engine/outcome.h"
#include "engine/snapshot.h"
#include "engine/stage.h"
#include "engine/stop.h"
#include "engine/team_parts.h"
#include "engine/units.h"

struct sharing {
    struct qn_run *run;
    int s;
    struct qn_plan_stage *st;
    struct qn_comm team; /* owned: the ranks that share an item with this */
    int number, teams;
    int *order;          /* owned: this team's tasks */
    int n;
    struct qn_outcomes done;
    int64_t failed;      /* items of this team */
    struct qn_halos halos; /* of this rank */
    bool measured;       /* halo_rate: see block.h */
    double halo_rate;
    struct qn_progress *progress; /* borrowed, on the run's rank 0 */
    char label[600];     /* of it */
    struct qn_claims_count count;
    char *stop;          /* owned: the file that asks this team to stop */
};

/* ---- who does what ---------------------------------------------------------- */

/* The tasks of this team, of n in the order of their size. */
static void
pick(struct sharing *h, const int *order, int n, double *load)
{
    for (int i = 0; i < n; i++) {
        const struct qn_task *t = &h->st->task[order[i]];
        int least = 0;

        for (int k = 1; k < h->teams; k++)
            if (load[k] < load[least])
                least = k;
        load[least] += 1 + (double)t->item->bytes;
        if (least == h->number)
            h->order[h->n++] = order[i];
    }
}

static int
share_out(struct sharing *h, struct qn_error *err)
{
    struct qn_plan_stage *st = h->st;
    double *load = NULL;
    int *order = NULL, n = 0;
    int rc = qn_memory_make((void **)&order, (size_t)st->ntasks + 1,
                            sizeof *order, "the order of items", err);

    if (!rc)
        rc = qn_memory_make((void **)&h->order, (size_t)st->ntasks + 1,
                            sizeof *h->order, "the order of items", err);
    if (!rc)
        rc = qn_memory_make((void **)&load, (size_t)h->teams, sizeof *load,
                            "teams", err);
    for (int i = 0; !rc && i < st->ntasks; i++)
        if (st->task[i].state == QN_TODO)
            order[n++] = i;
    if (!rc) {
        qn_units_largest_first(st, order, n);
        pick(h, order, n, load);
    }
    free(load);
    free(order);
    return rc;
}

/* Ranks in runs of st->team; what is left over joins the last team. */
static int
make_teams(struct sharing *h, struct qn_error *err)
{
    struct qn_comm *all = h->run->comm;

    h->teams = all->size / h->st->team;
    if (h->teams < 1)
        h->teams = 1;
    h->number = all->rank / h->st->team;
    if (h->number >= h->teams)
        h->number = h->teams - 1;
    return qn_comm_split(all, h->number, &h->team, err);
}

/* ---- one item --------------------------------------------------------------- */

bool
qn_team_asked_to_stop(void)
{
    return qn_stop_asked() > 0;
}

/* Where the progress of the run is shown: so much of an item is done. */
static void
show_step(void *whom, int64_t done, int64_t steps)
{
    struct sharing *h = whom;
    struct qn_progress *p = h->progress;

    if (!p || !qn_progress_due(p, qn_clock_now()))
        return;
    snprintf(p->doing, sizeof p->doing,
             ", step %" PRId64 " of %" PRId64 " of one", done, steps);
    qn_progress_show(p, &h->count, qn_clock_now());
    p->doing[0] = '\0';
}

static void
show_item(struct sharing *h, const struct qn_task *t, int code)
{
    struct qn_progress *p = h->progress;

    h->count.done += code == 0;
    h->count.failed += code != 0;
    h->count.bytes += code ? 0 : qn_stage_bytes(t);
    if (p && qn_progress_due(p, qn_clock_now()))
        qn_progress_show(p, &h->count, qn_clock_now());
}

void
qn_team_count(struct qn_halos *h, const struct qn_block *b)
{
    h->waited += b->waited;
    h->computed += b->computed;
    h->bytes += b->exchanged;
}

struct qn_team_part
qn_team_part(struct qn_run *run, int s, const struct qn_task *t,
             struct qn_comm *team)
{
    return (struct qn_team_part){
        .run = run, .s = s, .st = &run->plan.stage[s], .t = t,
        .arena.fd = -1,
        .block = {.team = team,
                  .threads = run->threads.budget.threads,
                  .asked_to_stop = qn_team_asked_to_stop,
                  .no_overlap = run->options->no_overlap},
    };
}

/* Collective over the team. */
static int
make_item(struct sharing *h, const struct qn_task *t, struct qn_error *err)
{
    struct qn_team_part p = qn_team_part(h->run, h->s, t, &h->team);
    int rc;

    p.block.measured = h->measured;
    p.block.halo_rate = h->halo_rate;
    p.block.tell = show_step;
    p.block.whom = h;
    rc = qn_team_item(&p, err);
    h->measured = p.block.measured;
    h->halo_rate = p.block.halo_rate;
    qn_team_count(&h->halos, &p.block);
    return rc;
}

bool
qn_team_is_own(int code)
{
    return code == QN_EVALUE || code == QN_ESHAPE || code == QN_ECRASH ||
           code == QN_ETIMEOUT || code == QN_EMISSING || code == QN_EFORMAT ||
           code == QN_EIO;
}

/* What became of it: told by the team's first rank. */
static int
finish_item(struct sharing *h, int index, int code, const char *why,
            struct qn_error *err)
{
    const struct qn_task *t = &h->st->task[index];

    if (h->team.rank)
        return 0;
    qn_outcome_add(&h->done, index, code, 0, code ? why : NULL);
    show_item(h, t, code);
    if (!code)
        return 0;
    // how many other teams have is known when the stage is over
    if (++h->failed == qn_run_may_fail(h->run))
        qn_stop_ask();
    return qn_commit_note(h->run->commit, h->st->stage->name,
                          h->st->target[t->target].name, t->item, &t->key,
                          code, why, err);
}

/* Collective over the team; *stop: it was asked to stop, nothing was made. */
static int
do_item(struct sharing *h, int index, bool *stop, struct qn_error *err)
{
    const struct qn_task *t = &h->st->task[index];
    struct qn_error why = {0};
    int rc = qn_team_asked_to_stop() ? qn_fail(&why, QN_ESTOPPED, "stopped") : 0;

    rc = qn_comm_agree(&h->team, rc, &why);
    if (!rc && h->team.rank == 0)
        rc = qn_commit_begin(h->run->commit, h->st->stage->name,
                             h->st->target[t->target].name, t, &why);
    if (rc != QN_ESTOPPED)
        rc = qn_comm_agree(&h->team, rc, &why);
    if (!rc)
        rc = make_item(h, t, &why);
    *stop = rc == QN_ESTOPPED;
    if (*stop)
        return 0;
    if (rc && !qn_team_is_own(rc))
        return qn_fail(err, rc, "%s", why.text);
    return finish_item(h, index, rc, why.text, err);
}

/* Collective over the team: all its items. */
static int
do_items(struct sharing *h, bool *stop, struct qn_error *err)
{
    int rc = 0;

    for (int i = 0; i < h->n && !rc && !*stop; i++)
        rc = qn_comm_agree(&h->team, do_item(h, h->order[i], stop, err), err);
    return rc;
}

/* Collective over all ranks: did any team stop? */
static int
share_stop(struct qn_run *run, bool stop, struct qn_error *err)
{
    struct qn_error word = {0};
    int rc = stop ? qn_fail(&word, QN_ESTOPPED, "stopped") : 0;

    rc = qn_comm_agree(run->comm, rc, &word);
    run->stopped = run->stopped || rc == QN_ESTOPPED;
    return rc && rc != QN_ESTOPPED ? qn_fail(err, rc, "%s", word.text) : 0;
}

/* The run's rank 0 sees only its own team's items. */
static void
begin_progress(struct sharing *h)
{
    if (h->run->comm->rank)
        return;
    h->progress = qn_stage_progress(h->run, h->s);
    if (!h->progress || h->teams == 1)
        return;
    snprintf(h->label, sizeof h->label, "%s, team 1 of %d",
             h->st->stage->name, h->teams);
    qn_progress_begin(h->progress, h->label, 0, h->n, qn_clock_now());
}

/* Each team's first rank looks for the wish to stop; the others ask it, between
 * items and in the middle of one.  The run's rank 0 looks already. */
static void
watch_for_stop(struct sharing *h)
{
    if (!h->run->comm->rank || h->team.rank)
        return;
    // without memory the team hears of it when the stage is over
    if (asprintf(&h->stop, "%s/.quern/stop", h->run->options->output) < 0)
        h->stop = NULL;
    qn_stop_watch(h->stop, h->run->options->until);
}

static void
end_watch(struct sharing *h)
{
    if (h->stop)
        qn_stop_watch(NULL, h->run->options->until);
    free(h->stop);
}

int
qn_team_share_halos(struct qn_run *run, int s, const struct qn_halos *mine,
                    struct qn_error *err)
{
    struct qn_comm *comm = run->comm;
    struct qn_halos *sum = &run->halos[s], *all = NULL;
    size_t *sizes = NULL;
    int rc = qn_memory_make((void **)&sizes, (size_t)comm->size, sizeof *sizes,
                            "sizes", err);

    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(comm, mine, sizeof *mine, (void **)&all, sizes,
                            err);
    for (int r = 0; !rc && r < comm->size; r++) {
        sum->waited += all[r].waited;
        sum->alone += all[r].alone;
        sum->computed += all[r].computed;
        sum->bytes += all[r].bytes;
    }
    free(all);
    free(sizes);
    return rc;
}

/* Tasks that keep states and are to be done; *there: states of one of them
 * are. */
static int64_t
count_states(const struct qn_run *run, const struct qn_plan_stage *st,
             bool *there)
{
    int64_t n = 0;

    *there = false;
    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *t = &st->task[i];

        if (t->state != QN_TODO || !qn_snapshot_count(t))
            continue;
        n++;
        *there = *there || (run->comm->rank == 0 &&
                            qn_snapshot_there(run, st->target[t->target].name));
    }
    return n;
}

int
qn_team_wanted(struct qn_run *run, int s, bool *wanted, struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    int64_t n, found;
    bool there;

    *wanted = st->team > 1;
    if (*wanted || !st->can_share)
        return 0;
    n = count_states(run, st, &there);
    if (!n)
        return 0;
    found = there;
    QN_TRY(qn_comm_sum(run->comm, &found, 1, err));
    *wanted = found || n <= run->comm->size;
    return 0;
}

int
qn_team_run(struct qn_run *run, int s, struct qn_error *err)
{
    struct sharing h = {.run = run, .s = s, .st = &run->plan.stage[s]};
    bool stop = false;
    int rc = make_teams(&h, err);

    if (!rc)
        rc = qn_comm_agree(run->comm, share_out(&h, err), err);
    if (!rc) {
        begin_progress(&h);
        watch_for_stop(&h);
        rc = do_items(&h, &stop, err);
        end_watch(&h);
        if (h.progress)
            qn_progress_wipe(h.progress);
    }
    if (!rc)
        rc = qn_commit_flush(run->commit, true, err);
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc)
        rc = share_stop(run, stop, err);
    if (!rc)
        rc = qn_outcome_share(run->comm, &h.done, qn_stage_take,
                              &(struct qn_stage_done){run, s}, err);
    h.halos.alone = h.halo_rate * (double)h.halos.bytes;
    if (!rc)
        rc = qn_team_share_halos(run, s, &h.halos, err);
    qn_outcome_clear(&h.done);
    qn_comm_release(&h.team);
    free(h.order);
    return rc;
}
