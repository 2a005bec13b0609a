/* A run from start to end: prepare every stage, then do them in order.
 *
 * The main path of quern: read this first, then stage.c, dispatch.c, and
 * stack.c.  Every step here is collective and ends in the same result on all
 * ranks. */
#include "engine/run.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/ceiling.h"
#include "engine/choose.h"
#include "engine/commit.h"
#include "engine/content.h"
#include "engine/cut_need.h"
#include "engine/exec.h"
#include "engine/folder.h"
#include "engine/headers.h"
#include "engine/inputs.h"
#include "engine/program.h"
#include "engine/record.h"
#include "engine/shard.h"
#include "engine/single.h"
#include "engine/stage.h"
#include "engine/stop.h"
#include "engine/tally.h"
#include "engine/tell.h"
#include "engine/warn.h"
#include "engine/young.h"

/* ---- what the machine gives ---------------------------------------------------- */

/* Bytes a rank may fill: `memory`, else half of what the node has free, shared
 * among its ranks.  The same on all ranks: the least of them. */
static int
agree_on_memory(struct qn_run *run, struct qn_error *err)
{
    struct qn_comm *comm = run->comm;
    int64_t mine = run->job->memory, *all = NULL;
    int rc;

    if (!mine)
        mine = sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE) / 2 /
               comm->node_size;
    rc = qn_comm_gather_each(comm, &mine, sizeof mine, (void **)&all, err);
    for (int r = 0; !rc && r < comm->size; r++)
        mine = all[r] < mine ? all[r] : mine;
    run->memory = mine;
    free(all);
    return rc;
}

/* ---- phases ---------------------------------------------------------------------- */

static void
take_usage(const struct qn_run *run, struct qn_usage *u)
{
    pid_t child[QN_FARM_MOST];

    for (int i = 0; i < run->farm.n; i++)
        child[i] = run->farm.worker[i].child.pid;
    qn_usage_take(u, child, (size_t)run->farm.n);
    u->spent = run->farm.spent;
}

/* Collective.  What has been used since `since` (clock) and before, by stage s
 * (-1: by preparing). */
static int
end_phase(struct qn_run *run, const char *name, int s, double since,
          const struct qn_usage *before, struct qn_error *err)
{
    struct qn_phase *p = &run->phase[run->nphases];
    struct qn_usage now;

    *p = (struct qn_phase){.name = name, .stage = s, .split = run->split,
                           .wall = qn_clock_now() - since};
    take_usage(run, &now);
    now.room = before->room + p->wall * run->split.concurrency;
    QN_TRY(qn_usage_sum(p, before, &now, run->comm, err));
    run->nphases++;
    return 0;
}

/* ---- preparing --------------------------------------------------------------------- */

static int
prepare_operands(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_items files = {.pool.source = qn_commons_source(&run->commons)};
    struct qn_strings names = {0};
    int rc = 0;

    if (run->commons.leads)
        rc = qn_plan_files(&run->plan, s, &files, err);
    if (!rc)
        rc = qn_plan_names(run->job, s, &names, err);
    rc = qn_tell_items(run, &files, rc, err);
    if (!rc)
        rc = qn_inputs_look(run, &names, &files, err);
    if (!rc && run->commons.leads)
        rc = qn_plan_resolve(&run->plan, s, &files, err);
    for (size_t i = 0; i < names.n; i++)
        free(names.v[i]);
    free(names.v);
    qn_item_clear(&files);
    return qn_tell_plan(run, s, rc, err);
}

static int
prepare_stage(struct qn_run *run, int s, struct qn_error *err)
{
    const struct qn_stage *stage = &run->job->stages[s];
    struct qn_items items = {.pool.source = qn_commons_source(&run->commons)};
    int rc = qn_farm_program(&run->farm, qn_program_look(run, s),
                             &run->program[s], err);

    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc && !stage->input.stage)
        rc = qn_inputs_gather(run, s, &items, err);
    if (!rc && run->commons.leads)
        rc = qn_plan_select(&run->plan, s,
                            stage->input.stage ? NULL : &items, err);
    rc = qn_tell_plan(run, s, rc, err);
    if (!rc)
        rc = prepare_operands(run, s, err);
    if (!rc && stage->command.given)
        rc = qn_exec_prepare(run, s, err);
    qn_item_clear(&items);
    return rc;
}

static int
open_plan(struct qn_run *run, struct qn_error *err)
{
    struct qn_pool_source *source = qn_commons_source(&run->commons);

    QN_TRY(qn_plan_open(&run->plan, run->job, err));
    run->plan.growing = run->options->growing;
    for (int s = 0; s < run->job->nstages; s++) {
        run->plan.stage[s].items.pool.source = source;
        run->plan.stage[s].pool.source = source;
    }
    return qn_choose_stages(run, err);
}

/* What a run has of each stage. */
static int
make_tables(struct qn_run *run, struct qn_error *err)
{
    size_t n = (size_t)run->job->nstages;

    QN_TRY(qn_memory_make((void **)&run->program, n, sizeof *run->program,
                          "the run", err));
    QN_TRY(qn_memory_make((void **)&run->phase, n + 1, sizeof *run->phase,
                          "the run", err));
    QN_TRY(qn_memory_make((void **)&run->halos, n, sizeof *run->halos,
                          "the run", err));
    QN_TRY(qn_memory_make((void **)&run->headers, n, sizeof *run->headers,
                          "the run", err));
    return qn_memory_make((void **)&run->gathered, n, sizeof *run->gathered,
                          "the run", err);
}

/* Checks and keys once all stages are planned. */
static int
finish_plan(struct qn_run *run, struct qn_error *err)
{
    QN_TRY(qn_plan_check(&run->plan, err));
    qn_choose_items(run);
    for (int s = 0; s < run->job->nstages; s++)
        if (run->plan.stage[s].wanted)
            QN_TRY(qn_plan_keys(&run->plan, s, err));
    return 0;
}

int64_t
qn_run_memory(const struct qn_run *run, int s)
{
    int64_t memory = run->job->stages[s].memory;

    return memory ? memory : run->memory;
}

int
qn_run_team(struct qn_run *run, int s, struct qn_error *err)
{
    const struct qn_need_ask ask = {
        .ranks = run->options->ranks ? run->options->ranks : run->comm->size,
        .team = run->options->team,
        .workers = run->farm.n,
        .memory = qn_run_memory(run, s),
        .keep_steps = run->options->keep_steps,
        .block = qn_cut_need,
    };

    return qn_plan_team(&run->plan, s, &ask, err);
}

/* What a shard does not make need not fit either. */
static int
choose_teams(struct qn_run *run, struct qn_error *err)
{
    for (int s = 0; s < run->job->nstages; s++) {
        int rc = run->plan.stage[s].wanted ? qn_run_team(run, s, err) : 0;

        if (rc && (rc != QN_EJOB || qn_shard_makes(run, s)))
            return rc;
    }
    return 0;
}

int
qn_run_prepare(struct qn_run *run, const struct qn_job *job,
               const struct qn_run_options *options, struct qn_comm *comm,
               struct qn_error *err)
{
    struct qn_usage before;
    double since = qn_clock_now();
    int rc;

    *run = (struct qn_run){.job = job, .options = options, .comm = comm};
    qn_usage_take(&before, NULL, 0);
    QN_TRY(qn_threads_open(&run->threads, job, options->strict_threads, comm,
                           err));
    qn_threads_say(&run->threads, comm);
    run->split = qn_budget_split(&run->threads.budget, -1, comm->size);
    QN_TRY(qn_commons_open(&run->commons, comm, err));
    rc = qn_farm_open(&run->farm, run->split.concurrency, err);
    if (!rc)
        qn_farm_early(&run->farm);
    if (!rc)
        rc = make_tables(run, err);
    if (!rc)
        rc = open_plan(run, err);
    if (!rc)
        rc = qn_shard_check(run, err);
    if (!rc)
        rc = qn_farm_program(&run->farm, qn_program_look(run, -1),
                             &run->look, err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = agree_on_memory(run, err);
    for (int s = 0; s < job->nstages && !rc; s++)
        if (run->plan.stage[s].wanted)
            rc = prepare_stage(run, s, err);
    if (!rc && run->commons.leads)
        rc = finish_plan(run, err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = choose_teams(run, err);
    rc = qn_comm_agree(comm, rc, err);
    return rc ? rc : end_phase(run, "prepare", -1, since, &before, err);
}

int64_t
qn_run_may_fail(const struct qn_run *run)
{
    int64_t most = run->options->max_failures;

    if (!most)
        return 0;
    return most > run->failures ? most - run->failures : 1;
}

void
qn_run_count_failure(struct qn_run *run)
{
    int64_t most = run->options->max_failures;

    run->failures++;
    if (most && run->failures >= most)
        qn_stop_ask();
}

/* ---- executing ---------------------------------------------------------------------- */

/* The record says how the run stands; rank 0 keeps it. */
static int
keep_record(const struct qn_run *run, const char *state, struct qn_error *err)
{
    int rc = 0;

    if (run->comm->rank == 0)
        rc = qn_record_write(run, state, err);
    return qn_comm_agree(run->comm, rc, err);
}

enum { LONG = 10 }; /* s: a run that can spare a moment for its host */

/* What the host can do, on rank 0: as it is known, or at the end of a long run
 * measured, if there is memory for it. */
static void
find_ceilings(struct qn_run *run, double since)
{
    const char *output = run->options->output;

    if (run->comm->rank)
        return;
    json_decref(run->ceilings);
    if (qn_clock_now() - since > LONG && run->memory > QN_CEILING_BYTES)
        run->ceilings = qn_ceiling_measure(
            output, run->threads.budget.threads, false);
    else
        run->ceilings = qn_ceiling_kept(output);
}

/* The run came to its end: what has no line now was not in flight. */
static int
end_journal(struct qn_run *run, struct qn_error *err)
{
    QN_TRY(qn_commit_flush(run->commit, true, err));
    if (run->comm->rank)
        return qn_journal_flush(&run->commit->journal,
                                run->options->sync != QN_SYNC_OFF, err);
    return qn_commit_mark(run->commit, QN_RECORD_RUN_END, err);
}

bool
qn_run_stage_left(const struct qn_run *run, int s)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];

    for (int i = 0; st->wanted && i < st->ntasks; i++)
        if (st->task[i].state == QN_TODO)
            return true;
    for (int i = 0; st->wanted && i < st->ntargets; i++)
        if (st->target[i].state == QN_TODO)
            return true;
    return false;
}

bool
qn_run_left(const struct qn_run *run)
{
    for (int s = 0; s < run->job->nstages; s++)
        if (qn_shard_makes(run, s) && qn_run_stage_left(run, s))
            return true;
    return false;
}

/* May one file over a stage (single.h) be left? */
static bool
has_single(const struct qn_run *run)
{
    for (int s = 0; s < run->job->nstages && !run->options->growing; s++)
        if (run->job->stages[s].output.single)
            return !run->options->shards;
    return false;
}

/* On rank 0, while it can still be told. */
static const char *
stopped_by(const struct qn_run *run)
{
    int64_t most = run->options->max_failures;

    if (!run->stopped || run->waiting ||
        !(qn_run_left(run) || has_single(run)))
        return NULL;
    return most && run->failures >= most ? "failures" : qn_stop_by();
}

const char *
qn_run_state(const struct qn_run *run)
{
    const struct qn_tally *n = &run->tally;

    if (run->waiting)
        return "waiting";
    if (run->stopped_by)
        return "stopped";
    return n->failed + n->upstream + n->blocked ? "failed" : "done";
}

/* Collective.  The journal and the lock, what asks to stop, and which items
 * are this run's. */
static int
begin(struct qn_run *run, const char *stop, struct qn_error *err)
{
    int rc = qn_memory_make((void **)&run->commit, 1, sizeof *run->commit,
                            "the journal", err);

    QN_TRY(qn_comm_agree(run->comm, rc, err));
    QN_TRY(qn_folder_open(run, err));
    qn_stop_watch(run->comm->rank ? NULL : stop, run->options->until);
    QN_TRY(qn_shard_choose(run, true, err));
    return keep_record(run, "running", err);
}

/* Collective. */
static int
execute_stage(struct qn_run *run, int s, struct qn_error *err)
{
    const double since = qn_clock_now();
    struct qn_usage before;

    take_usage(run, &before);
    QN_TRY(qn_comm_agree(run->comm, qn_shard_stage(run, s, err), err));
    QN_TRY(end_phase(run, run->job->stages[s].name, s, since, &before, err));
    QN_TRY(qn_warn_stage(run, s, err));
    if (!run->waiting)
        qn_tally_say(run, s, qn_clock_now() - since);
    QN_TRY(qn_single_run(run, s, err));
    return keep_record(run, "running", err);
}

/* The error is what counts: whether it could be recorded is not.  What stands
 * is kept, and what was in hand is not blamed for the end. */
static void
break_off(struct qn_run *run)
{
    if (run->commit && run->commit->journal.path)
        end_journal(run, NULL);
    if (run->lock > 0)
        qn_record_write(run, "broken", NULL);
}

int
qn_run_execute(struct qn_run *run, struct qn_error *err)
{
    const double since = qn_clock_now();
    char *stop = NULL;
    int rc;

    qn_folder_path(&stop, run->options->output, "stop", NULL);
    rc = begin(run, stop, err);
    for (int s = 0; s < run->job->nstages && !rc && !run->stopped; s++)
        if (run->plan.stage[s].wanted)
            rc = execute_stage(run, s, err);
    run->stopped_by = stopped_by(run);
    qn_stop_watch(NULL, INFINITY);
    free(stop);
    for (int s = 0; s < run->job->nstages; s++)
        if (run->plan.stage[s].wanted)
            qn_tally_stage(&run->tally, run, s);
    run->tally.failed += run->unmerged;
    if (!rc)
        rc = qn_comm_agree(run->comm, end_journal(run, err), err);
    if (rc) {
        break_off(run);
        return rc;
    }
    find_ceilings(run, since);
    return keep_record(run, qn_run_state(run), err);
}

void
qn_run_clear(struct qn_run *run)
{
    if (run->commit)
        qn_commit_close(run->commit);
    free(run->commit);
    qn_headers_clear(run);
    qn_young_clear(run);
    qn_content_clear(run);
    free(run->gathered);
    qn_past_clear(&run->past);
    qn_folder_close(run);
    qn_masters_close(run);
    qn_farm_close(&run->farm);
    qn_plan_clear(&run->plan);
    qn_commons_close(&run->commons);
    qn_threads_clear(&run->threads);
    free(run->program);
    free(run->phase);
    free(run->halos);
    json_decref(run->resumed);
    json_decref(run->ceilings);
    json_decref(run->warnings);
    *run = (struct qn_run){0};
}
