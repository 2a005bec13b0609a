/* Carrying on: what the journal says, then what the outputs say themselves.
 *
 * The journal is read by rank 0 alone; its findings are shared like any other
 * outcome.  Outputs without a line are asked for their key by workers. */
#include "engine/resume.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "engine/dispatch.h"
#include "engine/exec.h"
#include "engine/outcome.h"
#include "engine/program.h"
#include "engine/shard.h"
#include "engine/sizes.h"
#include "io/past.h"
#include "model/json.h"

enum { QUARANTINE = 2 }; /* crashes of a whole run with the item in hand */

struct checking {
    struct qn_run *run;
    int s;
    bool *known;               /* [ntargets], in the plan: the journal has a
                                  line for what stands there               */
    struct qn_outcomes found, failed;
};

static int
request_key(void *ctx, int64_t unit, json_t **request, double *timeout,
            struct qn_error *err)
{
    struct checking *c = ctx;
    const struct qn_plan_stage *stage = &c->run->plan.stage[c->s];
    const struct qn_target *t = &stage->target[unit];
    char *path;
    struct stat st;

    // the journal knew it, or knows that it is of another key
    if (t->state != QN_TODO || c->known[unit])
        return 0;
    if (stage->stage->command.given) {
        if (t->name && qn_exec_holds(c->run, stage, t))
            qn_outcome_add(&c->found, unit, 0, 0, NULL);
        return 0;
    }
    path = qn_program_output(c->run, t);
    if (!path)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    if (!stat(path, &st)) {
        *request = json_pack("{s:s,s:s}", "op", "key", "path", path);
        *timeout = 60;
    }
    free(path);
    return 0;
}

static int
finish_key(void *ctx, int64_t unit, const json_t *reply,
           const struct qn_error *why, struct qn_error *err)
{
    struct checking *c = ctx;
    const struct qn_target *t = &c->run->plan.stage[c->s].target[unit];
    const char *key = qn_json_text(reply, "key");

    (void)why, (void)err;
    // what is there but cannot be read is made anew
    if (key && qn_key_is(t->key, key))
        qn_outcome_add(&c->found, unit, 0, 0, NULL);
    return 0;
}

static int
take_found(void *ctx, int rank, int64_t unit, int code, int64_t value,
           const char *text, struct qn_error *err)
{
    struct checking *c = ctx;
    struct qn_plan_stage *st = &c->run->plan.stage[c->s];
    struct qn_target *t = &st->target[unit];

    (void)rank, (void)code, (void)value, (void)text, (void)err;
    if (!c->run->commons.leads)
        return 0;
    t->state = QN_FINISHED;
    for (int i = 0; i < t->ntasks; i++)
        if (st->task[t->task[i]].state == QN_TODO) {
            st->task[t->task[i]].state = QN_FINISHED;
            st->before += qn_plan_frames(&st->task[t->task[i]]);
            if (qn_shard_makes(c->run, c->s))
                c->run->tally.before += qn_plan_frames(&st->task[t->task[i]]);
        }
    return 0;
}

/* Mark what has an output with this very key. */
static int
ask_outputs(struct checking *c, struct qn_error *err)
{
    struct qn_run *run = c->run;
    struct qn_work work = {.total = run->plan.stage[c->s].ntargets,
                           .ctx = c,
                           .request = request_key, .finish = finish_key};
    int rc = qn_dispatch(&run->farm, run->comm, &work, &run->stopped, err);

    if (!rc)
        rc = qn_outcome_share(run->comm, &c->found, take_found, c, err);
    qn_outcome_clear(&c->found);
    return rc;
}

/* ---- what the journal says ------------------------------------------------------- */

/* What the journal says of a result that is not settled yet; NULL: nothing. */
static const struct qn_past_item *
line_of(const struct checking *c, const struct qn_target *t)
{
    const struct qn_stage *stage = c->run->plan.stage[c->s].stage;

    if (t->state != QN_TODO || !t->name)
        return NULL;
    return qn_past_find(&c->run->past, stage->name, t->name);
}

/* The file that the line of result i is of. */
static char *
recall_path(void *ctx, size_t i)
{
    struct checking *c = ctx;
    const struct qn_plan_stage *st = &c->run->plan.stage[c->s];
    const struct qn_command *program = &st->stage->command;
    const struct qn_target *t = &st->target[i];
    const struct qn_past_item *p = line_of(c, t);

    // of a program that writes nothing the line is all there is
    if (program->given && !program->writes.n) {
        if (p && qn_key_equal(t->key, &p->done_key))
            qn_outcome_add(&c->found, (int64_t)i, 0, 0, NULL);
        return NULL;
    }
    if (p && program->writes.n > 1 && !qn_exec_is_there(c->run, st, t))
        return NULL;
    return p && !qn_key_none(&p->done_key) ? qn_program_output(c->run, t)
                                           : NULL;
}

/* The line of a member's failure with this very key; NULL: there is none, or
 * the part that the member is in was made anew since.  The lines of a part's
 * failed items precede its own, in one run. */
static const struct qn_past_item *
failure_of(const struct checking *c, const struct qn_task *t)
{
    const struct qn_plan_stage *st = &c->run->plan.stage[c->s];
    const struct qn_past_item *p, *part;
    char name[1200];

    p = qn_past_find(&c->run->past, st->stage->name,
                     qn_item_name(name, sizeof name, t->item));
    if (!p || p->kind != QN_RECORD_FAILED || !qn_key_equal(&t->key, &p->key))
        return NULL;
    part = qn_past_find(&c->run->past, st->stage->name,
                        st->target[t->target].name);
    if (part && part->run != p->run && part->time_ns > p->time_ns)
        return NULL;
    return p;
}

/* Does a part hold the row of an item that failed and is to be tried again?
 * Those that are not have failed by now. */
static bool
holds_failed(const struct checking *c, const struct qn_target *t)
{
    const struct qn_plan_stage *st = &c->run->plan.stage[c->s];

    for (int i = 0; qn_plan_packs(st) && i < t->ntasks; i++) {
        const struct qn_task *m = &st->task[t->task[i]];

        if (m->state == QN_TODO && failure_of(c, m))
            return true;
    }
    return false;
}

/* If it stands there untouched: with the key that is wanted, or stale. */
static void
recall_result(void *ctx, size_t i, const struct qn_size *size)
{
    struct checking *c = ctx;
    const struct qn_target *t = &c->run->plan.stage[c->s].target[i];
    const struct qn_past_item *p = line_of(c, t);

    if (size->bytes == p->bytes && size->mtime_ns == p->mtime_ns)
        qn_outcome_add(&c->found, (int64_t)i,
                       !qn_key_equal(t->key, &p->done_key) ||
                           holds_failed(c, t),
                       0, NULL);
}

/* The results that the journal knows, looked at by all ranks. */
static int
recall_results(struct checking *c, struct qn_error *err)
{
    const struct qn_sizes_ask ask = {
        .n = (size_t)c->run->plan.stage[c->s].ntargets,
        .path = recall_path, .take = recall_result, .ctx = c};

    return qn_sizes_share(&ask, c->run->comm, err);
}

/* Frames of a run that failed by themselves: they are part of the key of what
 * the others were put together to. */
static void
recall_lost(struct checking *c, int i)
{
    const struct qn_plan_stage *st = &c->run->plan.stage[c->s];
    const struct qn_task *t = &st->task[i];
    struct qn_text lost = {0};
    char name[1200];

    for (int64_t f = 0; f < t->item->nframes; f++) {
        const struct qn_past_item *p = qn_past_find(
            &c->run->past, st->stage->name,
            qn_item_frame_name(name, sizeof name, t->item, f));

        if (p && p->kind == QN_RECORD_FAILED && qn_key_equal(&t->key, &p->key))
            qn_text_add(&lost, "%lld %s\n", (long long)f, p->reason);
    }
    if (!lost.failed)
        qn_outcome_add(&c->failed, i, 0, 0, qn_text_get(&lost));
    qn_text_clear(&lost);
}

/* A task that failed before, or that runs died over. */
static void
recall_failure(struct checking *c, int i)
{
    const struct qn_plan_stage *st = &c->run->plan.stage[c->s];
    const struct qn_task *t = &st->task[i];
    bool member = qn_plan_has_members(st);
    const struct qn_past_item *p;
    char text[256], name[1200];

    if (t->state != QN_TODO || t->target < 0)
        return;
    p = qn_past_find(&c->run->past, st->stage->name,
                     member ? qn_item_name(name, sizeof name, t->item)
                            : st->target[t->target].name);
    if (p && qn_plan_packs(st))
        p = failure_of(c, t);
    if (!p || !qn_key_equal(&t->key, &p->key))
        return;
    if (p->lost)
        recall_lost(c, i);
    // what the system failed to do may go well next time
    if (p->kind == QN_RECORD_FAILED &&
        (p->code == QN_EIO || p->code == QN_ENOMEM))
        return;
    if (p->kind == QN_RECORD_FAILED) {
        qn_outcome_add(&c->failed, i, p->code, 0, p->reason);
    } else if (p->crashes >= QUARANTINE) {
        snprintf(text, sizeof text,
                 "it was in a worker's hands when the whole run died, %d "
                 "times; try it alone with --retry-failed",
                 p->crashes);
        qn_outcome_add(&c->failed, i, QN_ECRASH, 0, text);
    }
}

static int
take_recalled(void *ctx, int rank, int64_t unit, int code, int64_t value,
              const char *text, struct qn_error *err)
{
    struct checking *c = ctx;

    if (!c->run->commons.leads)
        return 0;
    c->known[unit] = true;
    return code ? 0 : take_found(ctx, rank, unit, code, value, text, err);
}

static int
take_failed(void *ctx, int rank, int64_t unit, int code, int64_t value,
            const char *text, struct qn_error *err)
{
    struct checking *c = ctx;
    struct qn_plan_stage *st = &c->run->plan.stage[c->s];
    struct qn_task *t = &st->task[unit];

    (void)rank, (void)value;
    if (!c->run->commons.leads)
        return 0;
    if (!code)
        return qn_plan_lose_frames(st, t, text, err);
    QN_TRY(qn_plan_fail_task(st, t, QN_FAILED, code, text, err));
    if (qn_plan_has_members(st))
        return 0;
    return qn_plan_fail_target(st, &st->target[t->target], QN_FAILED, code,
                               text, err);
}

/* Failures first: they change the keys of combinations. */
static int
recall(struct checking *c, struct qn_error *err)
{
    struct qn_run *run = c->run;
    struct qn_plan_stage *st = &run->plan.stage[c->s];
    bool first = run->comm->rank == 0;
    int rc;

    for (int i = 0; first && !run->options->retry_failed && i < st->ntasks;
         i++)
        recall_failure(c, i);
    rc = qn_outcome_share(run->comm, &c->failed, take_failed, c, err);
    if (!rc && run->commons.leads)
        rc = qn_plan_keys(&run->plan, c->s, err);
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc)
        rc = recall_results(c, err);
    if (!rc)
        rc = qn_outcome_share(run->comm, &c->found, take_recalled, c, err);
    qn_outcome_clear(&c->failed);
    qn_outcome_clear(&c->found);
    c->found = (struct qn_outcomes){0};
    return rc;
}

int
qn_resume_stage(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_plan_stage *st = &run->plan.stage[s];
    struct checking c = {.run = run, .s = s};
    int rc = 0;

    // a result without its steps does not serve who wants to see them
    if (run->options->fresh ||
        (run->options->keep_steps && !st->stage->combine.given))
        return 0;
    if (run->commons.leads)
        rc = qn_pool_make(&st->pool, (void **)&c.known, (size_t)st->ntargets,
                          sizeof *c.known, err);
    rc = qn_commons_tell(&run->commons, run->comm, &c.known, sizeof c.known,
                         rc, err);
    if (!rc)
        rc = recall(&c, err);
    if (!rc)
        rc = ask_outputs(&c, err);
    return rc;
}
