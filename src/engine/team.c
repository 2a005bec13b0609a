/* Item by item, each shared by a team of ranks.
 *
 * The ranks are parted into teams, which claim items as they become free: the
 * largest first.  What a team does with an item is team_item.c's. */
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
#include "engine/team_claim.h"
#include "engine/team_parts.h"
#include "engine/units.h"
#include "model/shape.h"

struct sharing {
    struct qn_run *run;
    int s;
    struct qn_plan_stage *st;
    struct qn_comm team; /* owned: the ranks that share an item with this */
    int number, teams;
    int *order;          /* owned: tasks to be done, the same on all ranks */
    int n;
    struct qn_team_claim claim; /* owned */
    struct qn_outcomes done;
    struct qn_halos halos; /* of this rank */
    int64_t from;        /* step that the item in hand went on from; 0      */
    bool measured;       /* halo_rate: see block.h */
    double halo_rate;
    struct qn_progress *progress; /* borrowed, on the run's rank 0 */
    struct qn_claims_count count; /* of this team */
    char *stop;          /* owned: the file that asks this team to stop */
    int uncommitted;     /* not 0: what went wrong with a group of results */
    struct qn_error word; /* ... and why; told before the next item */
};

/* ---- who does what ---------------------------------------------------------- */

static int
put_in_order(struct sharing *h, struct qn_error *err)
{
    struct qn_plan_stage *st = h->st;

    QN_TRY(qn_memory_make((void **)&h->order, (size_t)st->ntasks + 1,
                          sizeof *h->order, "the order of items", err));
    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].state == QN_TODO)
            h->order[h->n++] = i;
    qn_units_largest_first(st, h->order, h->n);
    return 0;
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

/* Local, on the run's first rank: what all teams have done, as last heard. */
static void
show(struct sharing *h)
{
    struct qn_claims_count all = qn_claims_sum(h->claim.claims);

    qn_progress_show(h->progress, &all, qn_clock_now());
}

/* Where the progress of the run is shown: so much of an item is done. */
static void
show_step(void *whom, int64_t done, int64_t steps)
{
    struct sharing *h = whom;
    const double now = qn_clock_now();

    if (!h->progress)
        return;
    qn_progress_step(h->progress, done, steps, now);
    if (qn_progress_due(h->progress, now))
        show(h);
}

/* Local, on the team's first rank: one more is done, or has failed. */
static void
count_item(struct sharing *h, const struct qn_task *t, int code)
{
    const int64_t most = qn_run_may_fail(h->run);

    h->count.done += code == 0;
    h->count.failed += code != 0;
    h->count.bytes += code ? 0 : qn_stage_bytes(t);
    qn_claims_tell(h->claim.claims, &h->count);
    // the run's first rank hears of those of other teams, too
    if (most && qn_claims_sum(h->claim.claims).failed >= most)
        qn_stop_ask();
    if (h->progress)
        qn_progress_step(h->progress, 0, 0, qn_clock_now());
    if (h->progress && qn_progress_due(h->progress, qn_clock_now()))
        show(h);
}

/* While nothing is left for this team: the first rank of all waits for the
 * others. */
static int
commit_due(void *whom, struct qn_error *err)
{
    return qn_commit_flush(((struct sharing *)whom)->run->commit, false, err);
}

/* Between tiles, and while a worker is at work: an item may take hours, those
 * that were done before it get their names meanwhile. */
static void
serve(void *whom)
{
    struct sharing *h = whom;

    qn_team_claim_serve(&h->claim);
    if (!h->uncommitted)
        h->uncommitted = qn_commit_flush(h->run->commit, false, &h->word);
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
        .frame = t->item->frame,
        .arena.fd = -1, .results.arena.fd = -1,
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
    p.block.poll = serve;
    p.block.whom = h;
    rc = qn_team_item(&p, err);
    h->from = p.from;
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
    qn_outcome_add(&h->done, index, code, h->from, code ? why : NULL);
    count_item(h, t, code);
    if (!code)
        return 0;
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

    h->from = 0;
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

/* Collective over the team: items, until none is left. */
static int
do_items(struct sharing *h, bool *stop, struct qn_error *err)
{
    int rc = 0;

    while (!rc && !*stop) {
        int64_t unit;

        QN_TRY(qn_team_claim_next(&h->claim, &unit, err));
        if (unit < 0)
            return qn_commit_flush(h->run->commit, true, err);
        rc = do_item(h, h->order[unit], stop, err);
        if (!rc && h->uncommitted)
            rc = qn_fail(err, h->uncommitted, "%s", h->word.text);
        rc = qn_comm_agree(&h->team, rc, err);
    }
    return rc;
}

/* Collective over all ranks: all items, by all teams. */
static int
share_items(struct sharing *h, struct qn_error *err)
{
    struct qn_run *run = h->run;
    struct qn_error word = {0};
    bool stop = false;
    int bad, rc = qn_team_claim_open(&h->claim, run->comm, &h->team, h->n, err);

    if (!rc) {
        run->farm.poll = serve;
        run->farm.whom = h;
        h->claim.idle = commit_due;
        h->claim.whom = h;
        rc = do_items(h, &stop, err);
        run->farm.poll = NULL;
    }
    bad = qn_team_claim_close(&h->claim, &stop, rc ? &word : err);
    rc = qn_comm_agree(run->comm, rc ? rc : bad, err);
    run->stopped = run->stopped || (!rc && stop);
    return rc;
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

/* Samples times steps from one state to the next from which on it costs little
 * to keep it: a tenth of a second, about. */
#define WORTH_KEEPING ((int64_t)1 << 27)

static bool
is_worth_keeping(const struct qn_plan_stage *st, const struct qn_task *t)
{
    const struct qn_step *step = &st->stage->steps[st->stage->nsteps - 1];
    const int64_t samples = qn_shape_count(&t->item->type->shape);
    struct qn_lookup fields = qn_item_lookup(t->item);
    int64_t every = 0;
    void *params = NULL;
    bool is = !qn_plan_params(&params, step, &fields, NULL) &&
              !qn_block_every(&every, step->kernel, params, t->item->type,
                              NULL) &&
              samples > 0 && every >= WORTH_KEEPING / samples;

    qn_plan_params_clear(&params, step);
    return is;
}

/* Tasks that keep states and are to be done; *there: states of one of them
 * are, *worth: it costs little to keep those of one. */
static int64_t
count_states(const struct qn_run *run, const struct qn_plan_stage *st,
             bool *there, bool *worth)
{
    int64_t n = 0;

    *there = *worth = false;
    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *t = &st->task[i];

        if (t->state != QN_TODO || !qn_snapshot_count(t))
            continue;
        n++;
        *worth = *worth || is_worth_keeping(st, t);
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
    bool there, worth;

    *wanted = st->team > 1;
    if (*wanted || !st->can_share ||
        qn_plan_several(st, run->options->keep_steps))
        return 0;
    n = count_states(run, st, &there, &worth);
    if (!n)
        return 0;
    found = there;
    QN_TRY(qn_comm_sum(run->comm, &found, 1, err));
    *wanted = found || worth || n <= run->comm->size;
    return 0;
}

/* Local, on the run's first rank.  For the record of the run. */
static int
note_resumed(struct qn_run *run, const struct qn_plan_stage *st, int64_t unit,
             int64_t step, struct qn_error *err)
{
    const char *path = st->task[unit].item->path;
    json_t *j;

    if (!run->resumed)
        run->resumed = json_array();
    // a name that is no UTF-8 cannot stand in JSON
    j = json_pack("{s:s,s:s,s:I}", "stage", st->stage->name, "item", path,
                  "step", (json_int_t)step);
    if (!j)
        return 0;
    return json_array_append_new(run->resumed, j)
               ? qn_fail(err, QN_ENOMEM, "no memory for the record")
               : 0;
}

/* value: the step that the item went on from. */
static int
take_outcome(void *done, int rank, int64_t unit, int code, int64_t value,
             const char *text, struct qn_error *err)
{
    const struct qn_stage_done *d = done;

    if (value && !d->run->comm->rank)
        QN_TRY(note_resumed(d->run, &d->run->plan.stage[d->s], unit, value,
                            err));
    return qn_stage_take(done, rank, unit, code, 0, text, err);
}

int
qn_team_run(struct qn_run *run, int s, struct qn_error *err)
{
    struct sharing h = {.run = run, .s = s, .st = &run->plan.stage[s]};
    int rc = make_teams(&h, err);

    if (!rc)
        rc = qn_comm_agree(run->comm, put_in_order(&h, err), err);
    if (!rc) {
        h.progress = run->comm->rank ? NULL : qn_stage_progress(run, s);
        if (h.progress)
            h.progress->teams = h.teams;
        watch_for_stop(&h);
        rc = share_items(&h, err);
        end_watch(&h);
        if (h.progress)
            qn_progress_wipe(h.progress);
    }
    if (!rc)
        rc = qn_commit_flush(run->commit, true, err);
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc)
        rc = qn_outcome_share(run->comm, &h.done, take_outcome,
                              &(struct qn_stage_done){run, s}, err);
    h.halos.alone = h.halo_rate * (double)h.halos.bytes;
    if (!rc)
        rc = qn_team_share_halos(run, s, &h.halos, err);
    qn_outcome_clear(&h.done);
    qn_comm_release(&h.team);
    free(h.order);
    return rc;
}
