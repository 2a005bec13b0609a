/* A run from start to end: prepare every stage, then do them in order.
 *
 * The main path of quern: read this first, then stage.c, dispatch.c, and
 * stack.c.  Every step here is collective and ends in the same result on all
 * ranks. */
#include "engine/run.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "engine/inputs.h"
#include "engine/program.h"
#include "engine/record.h"
#include "engine/stage.h"
#include "io/atomic.h"
#include "model/dtype.h"

/* ---- what the machine gives ---------------------------------------------------- */

int
qn_run_concurrency(const struct qn_job *job, const struct qn_comm *comm)
{
    cpu_set_t set;
    int cores = 1;

    if (job->concurrency)
        return job->concurrency;
    if (!sched_getaffinity(0, sizeof set, &set))
        cores = CPU_COUNT(&set);
    cores /= comm->node_size;
    return cores < 1 ? 1 : cores > 256 ? 256 : cores;
}

/* Bytes a rank may fill: `memory`, else half of what the node has free, shared
 * among its ranks.  The same on all ranks: the least of them. */
static int
agree_on_memory(struct qn_run *run, struct qn_error *err)
{
    struct qn_comm *comm = run->comm;
    int64_t mine = run->job->memory, *all = NULL;
    size_t *sizes = NULL;
    int rc;

    if (!mine)
        mine = sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE) / 2 /
               comm->node_size;
    rc = qn_memory_make((void **)&sizes, (size_t)comm->size, sizeof *sizes,
                        "sizes", err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(comm, &mine, sizeof mine, (void **)&all, sizes,
                            err);
    for (int r = 0; !rc && r < comm->size; r++)
        mine = all[r] < mine ? all[r] : mine;
    run->memory = mine;
    free(all);
    free(sizes);
    return rc;
}

/* ---- preparing --------------------------------------------------------------------- */

static int
choose_stages(struct qn_run *run, struct qn_error *err)
{
    const char *name = run->options->stage;
    int wanted;

    if (!name)
        return 0;
    wanted = qn_job_stage(run->job, name);
    if (wanted < 0)
        return qn_fail(err, QN_EUSAGE,
                       "--stage %s: the job has no such stage", name);
    for (int s = 0; s < run->job->nstages; s++)
        run->plan.stage[s].wanted =
            s == wanted || qn_job_uses(run->job, wanted, s);
    return 0;
}

static int
prepare_operands(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_items files = {0};
    struct qn_strings names = {0};
    int rc = qn_plan_files(&run->plan, s, &files, err);

    if (!rc)
        rc = qn_plan_names(run->job, s, &names, err);
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc)
        rc = qn_inputs_look(run, &names, &files, err);
    if (!rc)
        rc = qn_plan_resolve(&run->plan, s, &files, err);
    for (size_t i = 0; i < names.n; i++)
        free(names.v[i]);
    free(names.v);
    qn_item_clear(&files);
    return rc;
}

static int
prepare_stage(struct qn_run *run, int s, struct qn_error *err)
{
    const struct qn_stage *stage = &run->job->stages[s];
    struct qn_items items = {0};
    int rc = qn_farm_program(&run->farm, qn_program_look(run, s),
                             &run->program[s], err);

    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc && !stage->input.stage)
        rc = qn_inputs_gather(run, s, &items, err);
    if (!rc)
        rc = qn_plan_select(&run->plan, s,
                            stage->input.stage ? NULL : &items, err);
    if (!rc)
        rc = prepare_operands(run, s, err);
    qn_item_clear(&items);
    return qn_comm_agree(run->comm, rc, err);
}

int
qn_run_prepare(struct qn_run *run, const struct qn_job *job,
               const struct qn_run_options *options, struct qn_comm *comm,
               struct qn_error *err)
{
    int rc;

    *run = (struct qn_run){.job = job, .options = options, .comm = comm};
    rc = qn_farm_open(&run->farm, qn_run_concurrency(job, comm), err);
    if (!rc)
        rc = qn_plan_open(&run->plan, job, err);
    if (!rc)
        rc = qn_memory_make((void **)&run->program, (size_t)job->nstages,
                            sizeof *run->program, "the run", err);
    if (!rc)
        rc = choose_stages(run, err);
    if (!rc)
        rc = qn_farm_program(&run->farm, qn_program_look(run, -1),
                             &run->look, err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = agree_on_memory(run, err);
    for (int s = 0; s < job->nstages && !rc; s++)
        if (run->plan.stage[s].wanted)
            rc = prepare_stage(run, s, err);
    if (!rc)
        rc = qn_plan_check(&run->plan, err);
    for (int s = 0; s < job->nstages && !rc; s++)
        if (run->plan.stage[s].wanted)
            rc = qn_plan_keys(&run->plan, s, err);
    return qn_comm_agree(comm, rc, err);
}

/* ---- executing ---------------------------------------------------------------------- */

static void
count_task(struct qn_tally *n, enum qn_state state)
{
    n->total++;
    n->done += state == QN_FINISHED;
    n->failed += state == QN_FAILED;
    n->upstream += state == QN_UPSTREAM;
    n->blocked += state == QN_BLOCKED;
    n->skipped += state == QN_SKIPPED;
}

static void
count_stage(struct qn_tally *n, const struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++)
        count_task(n, st->task[i].state);
    if (!st->stage->combine.given)
        return;
    // a combination that failed though its members are good counts too
    for (int i = 0; i < st->ntargets; i++)
        n->failed += st->target[i].state == QN_FAILED &&
                     qn_plan_members(st, &st->target[i]) > 0;
}

static void
name_failures(const struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *t = &st->task[i];

        if (t->state == QN_FAILED)
            qn_message(QN_ERROR, "%s: %s: %s", st->stage->name,
                       t->item->path, t->reason ? t->reason : "failed");
    }
    for (int i = 0; st->stage->combine.given && i < st->ntargets; i++) {
        const struct qn_target *t = &st->target[i];

        if (t->state == QN_FAILED)
            qn_message(QN_ERROR, "%s: %s: %s", st->stage->name, t->name,
                       t->reason ? t->reason : "failed");
        else if (2 * qn_plan_members(st, t) < t->ntasks)
            qn_message(QN_WARNING, "%s: %s is made of %d of %d members",
                       st->stage->name, t->name, qn_plan_members(st, t),
                       t->ntasks);
    }
}

static void
say_stage(const struct qn_run *run, int s, double seconds)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    struct qn_tally n = {0};
    struct qn_text line = {0};

    if (run->comm->rank)
        return;
    name_failures(st);
    count_stage(&n, st);
    qn_text_add(&line, "%s: %lld of %lld items done", st->stage->name,
                (long long)n.done, (long long)n.total);
    if (st->stage->combine.given)
        qn_text_add(&line, ", %d combined result%s", st->ntargets,
                    st->ntargets == 1 ? "" : "s");
    if (n.failed)
        qn_text_add(&line, ", %lld failed", (long long)n.failed);
    if (n.upstream)
        qn_text_add(&line, ", %lld failed upstream", (long long)n.upstream);
    if (n.blocked)
        qn_text_add(&line, ", %lld blocked", (long long)n.blocked);
    if (!run->options->quiet)
        qn_message(QN_NOTE, "%s (%.2f s)", qn_text_get(&line), seconds);
    qn_text_clear(&line);
}

static int
make_output(struct qn_run *run, struct qn_error *err)
{
    char *folder = NULL;
    int rc = 0;

    if (run->comm->rank == 0) {
        if (asprintf(&folder, "%s/.quern", run->options->output) < 0)
            rc = qn_fail(err, QN_ENOMEM, "no memory for a path");
        else
            rc = qn_atomic_folder(folder, err);
        free(folder);
    }
    return qn_comm_agree(run->comm, rc, err);
}

/* The record says how the run stands; rank 0 keeps it. */
static int
keep_record(const struct qn_run *run, const char *state, double since,
            struct qn_error *err)
{
    int rc = 0;

    if (run->comm->rank == 0)
        rc = qn_record_write(run, state, qn_clock_now() - since, err);
    return qn_comm_agree(run->comm, rc, err);
}

static const char *
end_state(const struct qn_run *run)
{
    const struct qn_tally *n = &run->tally;

    if (run->stopped)
        return "stopped";
    return n->failed + n->upstream + n->blocked ? "failed" : "done";
}

int
qn_run_execute(struct qn_run *run, struct qn_error *err)
{
    double since = qn_clock_now();
    int rc = make_output(run, err);

    if (!rc)
        rc = keep_record(run, "running", since, err);

    for (int s = 0; s < run->job->nstages && !rc && !run->stopped; s++) {
        double t0 = qn_clock_now();

        if (!run->plan.stage[s].wanted)
            continue;
        rc = qn_comm_agree(run->comm, qn_stage_run(run, s, err), err);
        if (!rc)
            say_stage(run, s, qn_clock_now() - t0);
    }
    for (int s = 0; s < run->job->nstages; s++)
        if (run->plan.stage[s].wanted)
            count_stage(&run->tally, &run->plan.stage[s]);
    return rc ? rc : keep_record(run, end_state(run), since, err);
}

void
qn_run_clear(struct qn_run *run)
{
    qn_farm_close(&run->farm);
    qn_plan_clear(&run->plan);
    free(run->program);
    *run = (struct qn_run){0};
}
