/* A stage: what is there already, what must be done, doing it item by item.
 *
 * Every rank sees the same plan; after each phase the outcomes are shared, so
 * it stays the same.  Combining is in stack.c. */
#include "engine/stage.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/commit.h"
#include "engine/exec.h"
#include "engine/folder.h"
#include "engine/program.h"
#include "engine/record.h"
#include "engine/resume.h"
#include "engine/settle.h"
#include "engine/tell.h"
#include "engine/units.h"
#include "io/atomic.h"
#include "model/dtype.h"
#include "model/shape.h"

/* ---- what its parts share --------------------------------------------------------- */

static int
name_temporary(const struct qn_run *run, const struct qn_target *t,
               bool folder, char **tmp, struct qn_error *err)
{
    char *path = qn_program_output(run, t);
    int rc;

    *tmp = NULL;
    if (!path)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    rc = folder ? qn_atomic_parent(path, err) : 0;
    // one name for all runs: what a killed one left is written over
    if (!rc)
        rc = qn_atomic_name(tmp, path, "part", err);
    free(path);
    return rc;
}

int
qn_stage_temporary(const struct qn_run *run, const struct qn_target *t,
                   char **tmp, struct qn_error *err)
{
    return name_temporary(run, t, true, tmp, err);
}

int
qn_stage_arena(const struct qn_run *run, bool room, struct qn_arena *a,
               struct qn_error *err)
{
    char *scratch;
    int rc;

    if (room)
        return qn_arena_open(a, NULL, err);
    QN_TRY(qn_folder_path(&scratch, run->options->output, "scratch", err));
    rc = qn_atomic_folder(scratch, err);
    if (!rc)
        rc = qn_arena_open(a, scratch, err);
    free(scratch);
    return rc;
}

double
qn_stage_timeout(const struct qn_stage *stage, const struct qn_task *t)
{
    double bytes = t->item->bytes > 0 ? (double)t->item->bytes : 0;

    return isnan(stage->timeout) ? 300 + bytes / 10e6 : stage->timeout;
}

int64_t
qn_stage_bytes(const struct qn_task *t)
{
    const struct qn_item *item = t->item;

    if (item->frame < 0)
        return item->bytes > 0 ? item->bytes : 0;
    return item->nframes * qn_shape_count(&item->type->shape) *
           (int64_t)qn_dtype_size((enum qn_dtype)item->stored);
}

struct qn_progress *
qn_stage_progress(const struct qn_run *run, int s)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    struct qn_progress *p = run->options->progress;
    int64_t before = 0, left = 0;

    if (!p)
        return NULL;
    for (int i = 0; i < st->ntasks; i++) {
        enum qn_state state = st->task[i].state;

        before += state == QN_FINISHED || state == QN_FAILED;
        left += state == QN_TODO;
    }
    qn_progress_begin(p, st->stage->name, before, before + left,
                      qn_clock_now());
    return p;
}

/* ---- item by item ---------------------------------------------------------------------- */

static int
request_item(void *ctx, int64_t unit, json_t **request, double *timeout,
             struct qn_error *err)
{
    struct qn_units *d = ctx;
    const struct qn_plan_stage *st = &d->run->plan.stage[d->s];
    const struct qn_task *t = &st->task[d->order[unit]];
    const struct qn_target *target = &st->target[t->target];
    json_t *used;
    char *tmp;

    if (st->stage->command.given)
        return qn_exec_request(d->run, d->s, t, request, timeout, err);
    used = json_array();
    QN_TRY(qn_stage_temporary(d->run, target, &tmp, err));
    *timeout = qn_stage_timeout(st->stage, t);
    QN_TRY(qn_program_item(d->run, d->s, t, request, err));
    json_array_append_new(used, qn_program_used(d->run, d->s, t));
    json_object_set_new(*request, "used", used);
    json_object_set_new(*request, "out_path", json_string(tmp));
    free(tmp);
    return 0;
}

static int
begin_item(void *ctx, int64_t unit, struct qn_error *err)
{
    struct qn_units *d = ctx;
    const struct qn_plan_stage *st = &d->run->plan.stage[d->s];
    const struct qn_task *t = &st->task[d->order[unit]];

    return qn_commit_begin(d->run->commit, st->stage->name,
                           st->target[t->target].name, t, err);
}

static int
finish_item(void *ctx, int64_t unit, const json_t *reply,
            const struct qn_error *why, struct qn_error *err)
{
    struct qn_units *d = ctx;
    struct qn_commit *commit = d->run->commit;
    const struct qn_plan_stage *st = &d->run->plan.stage[d->s];
    int index = d->order[unit];
    const struct qn_task *t = &st->task[index];
    const struct qn_target *target = &st->target[t->target];
    const struct qn_command *c = &st->stage->command;
    const char *reason;
    char *tmp = NULL;

    // a program may write no file
    if (!c->given || c->writes.n)
        QN_TRY(name_temporary(d->run, target, false, &tmp, err));
    if (reply) {
        qn_outcome_add(&d->done, index, 0, 0, NULL);
        QN_TRY(qn_commit_add(commit, d->run, st->stage->name, target,
                             t->item, tmp, reply, err));
        if (c->given)
            qn_commit_beside(commit, qn_exec_key_path(d->run, st, target));
        return qn_commit_flush(commit, false, err);
    }
    if (tmp)
        unlink(tmp);
    free(tmp);
    // a disk that is full now would fail every item that is left, and each of
    // them would be taken for bad by the next run
    if (why->code == QN_EOUTPUT)
        return qn_fail(err, why->code, "%s", why->text);
    reason = qn_program_reason(d->run, t->item->path, why->text);
    qn_outcome_add(&d->done, index, why->code, 0, reason);
    return qn_commit_note(commit, st->stage->name, target->name, t->item,
                          &t->key, why->code, reason, err);
}

static int64_t
item_bytes(void *ctx, int64_t unit)
{
    struct qn_units *d = ctx;

    return qn_stage_bytes(&d->run->plan.stage[d->s].task[d->order[unit]]);
}

int
qn_stage_take(void *done, int rank, int64_t unit, int code, int64_t value,
              const char *text, struct qn_error *err)
{
    const struct qn_stage_done *d = done;
    struct qn_plan_stage *st = &d->run->plan.stage[d->s];
    struct qn_task *t = &st->task[unit];
    struct qn_target *target = &st->target[t->target];

    (void)rank, (void)value;
    if (code)
        qn_run_count_failure(d->run);
    if (!d->run->commons.leads)
        return 0;
    if (!code) {
        t->state = target->state = QN_FINISHED;
        return 0;
    }
    QN_TRY(qn_plan_fail_task(st, t, QN_FAILED, code, text, err));
    return qn_plan_fail_target(st, target, QN_FAILED, code, text, err);
}

/* Tasks that are to be done. */
static int
make_order(struct qn_units *d, struct qn_error *err)
{
    struct qn_plan_stage *st = &d->run->plan.stage[d->s];

    for (int i = 0; i < st->ntasks; i++)
        d->n += st->task[i].state == QN_TODO;
    QN_TRY(qn_pool_make(&st->pool, (void **)&d->order, (size_t)d->n,
                        sizeof *d->order, err));
    d->n = 0;
    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].state == QN_TODO)
            d->order[d->n++] = i;
    qn_units_largest_first(st, d->order, d->n);
    return 0;
}

static int
run_items(struct qn_run *run, int s, struct qn_error *err)
{
    static const struct qn_units_way way = {.work = {.request = request_item,
                                                     .begin = begin_item,
                                                     .finish = finish_item,
                                                     .bytes = item_bytes},
                                            .order = make_order,
                                            .take = qn_stage_take};

    return qn_units_run(run, s, &way, err);
}

/* Do later stages need to know what this one's programs wrote? */
static bool
is_read(const struct qn_run *run, int s)
{
    bool read = false;

    for (int t = s + 1; t < run->job->nstages; t++)
        read = read || (run->plan.stage[t].wanted && run->plan.stage[t].late &&
                        qn_job_uses(run->job, t, s));
    return read && run->job->stages[s].command.given;
}

/* ---- the stage ---------------------------------------------------------------------------- */

/* Does a stage of the run go through BLAS? */
static bool
uses_blas(const struct qn_run *run)
{
    for (int s = 0; s < run->job->nstages; s++)
        for (int i = 0; i < run->job->stages[s].nsteps; i++)
            if (run->plan.stage[s].wanted &&
                run->job->stages[s].steps[i].kernel->blas)
                return true;
    return false;
}

/* Collective.  Workers and threads for what is left to do, memory for their
 * operands, and the program that says so. */
static int
split_cores(struct qn_run *run, int s, struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    int64_t items = 0;

    for (int i = 0; i < st->ntasks && !qn_plan_packs(st); i++)
        items += st->task[i].state == QN_TODO;
    for (int i = 0; i < st->ntargets && qn_plan_packs(st); i++)
        items += st->target[i].state == QN_TODO;
    run->split = qn_budget_split(&run->threads.budget, items, run->comm->size);
    if (run->split.concurrency > run->farm.n)
        run->split.concurrency = run->farm.n;
    // fewer side by side where memory has no room for more
    if (run->split.concurrency > st->need.workers) {
        run->split.concurrency = st->need.workers;
        run->split.threads = run->threads.budget.threads / st->need.workers;
    }
    run->farm.most = run->split.concurrency;
    QN_TRY(qn_masters_open(run, s, err));
    return qn_farm_program(&run->farm, qn_program_stage(run, s),
                           &run->program[s], err);
}

/* Files that could not even be looked at, each in the first stage that has it. */
static void
count_unreadable(struct qn_run *run, const struct qn_plan_stage *st)
{
    for (int i = 0; !st->items.told && i < st->ntasks; i++)
        if (st->task[i].item->code)
            qn_run_count_failure(run);
}

int
qn_stage_run(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_plan_stage *st = &run->plan.stage[s];
    bool teams = false;
    int rc = qn_settle_block(run, s, err);

    if (!rc && st->late && run->commons.leads)
        rc = qn_plan_resolve_late(&run->plan, s, err);
    if (st->late)
        rc = qn_tell_plan(run, s, rc, err);
    if (!rc && st->late)
        rc = qn_run_team(run, s, err);
    rc = qn_comm_agree(run->comm, rc, err);
    run->farm.retries = st->stage->retries;
    run->farm.most = run->farm.n;
    if (!rc)
        rc = qn_resume_stage(run, s, err);
    run->settled = s + 1;
    // once a run, and only where there is something to compute
    if (!rc && !run->threads.tried && qn_run_stage_left(run, s))
        rc = qn_threads_measure(&run->threads, &run->farm, uses_blas(run),
                                run->comm, err);
    if (!rc)
        rc = split_cores(run, s, err);
    // so that whoever asks sees what was there already
    if (!rc && run->comm->rank == 0 && st->before)
        rc = qn_record_write(run, "running", err);
    rc = qn_comm_agree(run->comm, rc, err);
    if (rc || run->stopped)
        return rc;
    count_unreadable(run, st);
    if (st->stage->combine.given || qn_plan_joins(st))
        return qn_stack_run(run, s, err);
    if (qn_plan_packs(st))
        return qn_pack_run(run, s, err);
    QN_TRY(qn_team_wanted(run, s, &teams, err));
    rc = teams ? qn_team_run(run, s, err) : run_items(run, s, err);
    if (!rc && !run->stopped && is_read(run, s))
        rc = qn_exec_look(run, s, err);
    return rc;
}
