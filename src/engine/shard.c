/* Which items are this shard's, and what it needs of the rest.
 *
 * Works on the plan of the whole job: what belongs to others is marked as left
 * out, so that the run itself goes its usual way.  Who numbers the items is
 * shard_list.c. */
#include "engine/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "engine/settle.h"
#include "engine/shard_list.h"
#include "engine/stage.h"

/* ---- words -------------------------------------------------------------- */

int
qn_shard_parse(int *index, int *count, const char *text, struct qn_error *err)
{
    char end;
    long i, n;

    if (text[strspn(text, "0123456789/")] || strlen(text) > 20 ||
        sscanf(text, "%6ld/%6ld%c", &i, &n, &end) != 2 || n < 1)
        return qn_fail(err, QN_EUSAGE,
                       "--shard needs I/N, I from 0 to N-1, such as 0/4, not "
                       "'%.40s'",
                       text);
    if (i >= n)
        return qn_fail(err, QN_EUSAGE,
                       "--shard %ld/%ld: shards are numbered from 0, so the "
                       "last of %ld is %ld/%ld",
                       i, n, n, n - 1, n);
    *index = (int)i;
    *count = (int)n;
    return 0;
}

const char *
qn_shard_tag(char *buf, size_t size, const struct qn_run_options *options)
{
    *buf = '\0';
    if (options->shards)
        snprintf(buf, size, "%.255s@%d-%d",
                 options->stage ? options->stage : "", options->shard,
                 options->shards);
    return buf;
}

bool
qn_shard_makes(const struct qn_run *run, int s)
{
    const struct qn_run_options *o = run->options;

    if (!run->plan.stage[s].wanted || !o->shards)
        return run->plan.stage[s].wanted;
    if (o->stage)
        return !strcmp(o->stage, run->job->stages[s].name);
    return !run->job->stages[s].combine.given;
}

/* ---- numbers ------------------------------------------------------------ */

struct numbers {
    struct qn_run *run;
    int64_t **unit; /* owned, [nstages][ntasks]; NULL: not needed */
    bool freeze;
};

/* The stage whose results are the items of stage s, each with a number of its
 * own; or -1. */
static int
source_of(const struct qn_run *run, int s)
{
    const struct qn_input *in = &run->job->stages[s].input;

    if (!in->stage || run->job->stages[in->stage_index].combine.given)
        return -1;
    return in->stage_index;
}

/* The number that says whose task i is.  Parts go round as items do, each as a
 * whole. */
static int64_t
unit_of(const struct numbers *n, int s, int i)
{
    const struct qn_plan_stage *st = &n->run->plan.stage[s];
    const struct qn_target *part;

    if (!qn_plan_packs(st))
        return n->unit[s][i];
    part = &st->target[st->task[i].target];
    if (n->unit[s][part->task[0]] < 0)
        return -1;
    return n->unit[s][part->task[0]] / st->target[0].ntasks;
}

static int
number_stage(struct numbers *n, int s, struct qn_error *err)
{
    const struct qn_plan_stage *st = &n->run->plan.stage[s];
    int from = source_of(n->run, s);

    if (n->unit[s])
        return 0;
    if (from >= 0)
        QN_TRY(number_stage(n, from, err));
    QN_TRY(qn_memory_make((void **)&n->unit[s], (size_t)st->ntasks + 1,
                          sizeof **n->unit, "the items' numbers", err));
    if (from < 0)
        return qn_shard_list_number(n->run, s, n->freeze, n->unit[s], err);
    for (int i = 0; i < st->ntasks; i++) {
        int source = st->task[i].item->source;
        const struct qn_target *t;

        // a row goes where its part does; parts of rows go round like any
        if (st->from_rows) {
            n->unit[s][i] = source < 0            ? -1
                            : qn_plan_packs(st) ? n->unit[from][source]
                                                : unit_of(n, from, source);
            continue;
        }
        t = source < 0 ? NULL : &n->run->plan.stage[from].target[source];
        n->unit[s][i] = t && t->ntasks ? n->unit[from][t->task[0]] : -1;
    }
    return 0;
}

static int
number_items(struct numbers *n, struct qn_error *err)
{
    const struct qn_run *run = n->run;

    for (int s = 0; s < run->job->nstages; s++)
        if (qn_shard_makes(run, s) && !run->job->stages[s].combine.given)
            QN_TRY(number_stage(n, s, err));
    return 0;
}

/* Rank 0 reads or writes the lists; all others hear of it. */
static int
share_numbers(struct numbers *n, struct qn_error *err)
{
    struct qn_comm *comm = n->run->comm;
    int rc = comm->rank ? 0 : number_items(n, err);

    rc = qn_comm_agree(comm, rc, err);
    for (int s = 0; s < n->run->job->nstages && !rc && comm->size > 1; s++) {
        size_t size = 0;
        void *data = NULL;

        if (!qn_shard_makes(n->run, s) || n->run->job->stages[s].combine.given)
            continue;
        size = ((size_t)n->run->plan.stage[s].ntasks + 1) * sizeof **n->unit;
        data = comm->rank ? NULL : n->unit[s];
        rc = qn_comm_broadcast(comm, &data, &size, 0, err);
        n->unit[s] = data;
    }
    return rc;
}

/* ---- choosing ----------------------------------------------------------- */

/* What is needed of each stage. */
struct needs {
    struct qn_run *run;
    const struct numbers *numbers;
    bool **target; /* owned, [nstages][ntargets] */
};

static void
need(struct needs *n, const struct qn_plan_stage *st, const struct qn_task *t)
{
    for (int i = 0; t->use && i < st->nuses; i++)
        if (t->use[i].stage >= 0)
            n->target[t->use[i].stage][t->use[i].target] = true;
    if (t->item->source >= 0)
        n->target[st->stage->input.stage_index]
                 [qn_plan_pack_source(&n->run->plan, st, t->item, NULL)] = true;
}

static bool
is_mine(const struct needs *n, int s, int i)
{
    const struct qn_run_options *o = n->run->options;
    const struct qn_plan_stage *st = &n->run->plan.stage[s];
    const struct qn_task *t = &st->task[i];

    if (!qn_shard_makes(n->run, s))
        return t->target >= 0 && n->target[s][t->target];
    if (st->stage->combine.given)
        return true;
    return unit_of(n->numbers, s, i) >= 0 &&
           unit_of(n->numbers, s, i) % o->shards == o->shard;
}

/* Backwards: each stage stands behind those it uses. */
static void
choose_stage(struct needs *n, int s)
{
    struct qn_plan_stage *st = &n->run->plan.stage[s];

    for (int i = 0; i < st->ntasks; i++) {
        struct qn_task *t = &st->task[i];

        if (is_mine(n, s, i)) {
            need(n, st, t);
            continue;
        }
        t->state = QN_SKIPPED;
        if (!st->stage->combine.given && t->target >= 0)
            st->target[t->target].state = QN_SKIPPED;
    }
    for (int i = 0; st->stage->combine.given && i < st->ntargets; i++)
        if (!qn_shard_makes(n->run, s) && !n->target[s][i])
            st->target[i].state = QN_SKIPPED;
}

static int
choose(struct qn_run *run, const struct numbers *numbers, struct qn_error *err)
{
    struct needs n = {.run = run, .numbers = numbers};
    int stages = run->job->nstages;
    int rc = qn_memory_make((void **)&n.target, (size_t)stages,
                            sizeof *n.target, "the shard", err);

    for (int s = 0; s < stages && !rc; s++)
        rc = qn_memory_make((void **)&n.target[s],
                            (size_t)run->plan.stage[s].ntargets + 1,
                            sizeof **n.target, "the shard", err);
    for (int s = stages - 1; s >= 0 && !rc; s--)
        if (run->plan.stage[s].wanted)
            choose_stage(&n, s);
    for (int s = 0; s < stages && n.target; s++)
        free(n.target[s]);
    free(n.target);
    return rc;
}

/* Parts hold items of several shards: who reads them in another order than
 * they are cut in must come when they are made. */
static int
check_parts(const struct qn_run *run, int s, struct qn_error *err)
{
    const struct qn_run_options *o = run->options;
    const struct qn_stage *stage = &run->job->stages[s];
    const char *from = stage->output.packed ? stage->input.stage : NULL;

    if (from)
        return qn_fail(err, QN_EUSAGE,
                       "--shard %d/%d: stage %s packs results of stage %s, "
                       "which are spread over the shards; give --stage %s "
                       "with it once those are made, or leave it out",
                       o->shard, o->shards, stage->name, from, stage->name);
    for (int i = 0; i < stage->nsteps && !from; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++) {
            const struct qn_operand *op = &stage->steps[i].operand[k];

            if (op->kind == QN_OPERAND_STAGE &&
                run->job->stages[op->stage_index].output.packed)
                from = run->job->stages[op->stage_index].name;
        }
    if (!from || stage->combine.given)
        return 0;
    return qn_fail(err, QN_EUSAGE,
                   "--shard %d/%d: stage %s uses results of stage %s, whose "
                   "parts are spread over the shards; give --stage %s with it "
                   "once those are made, or leave it out",
                   o->shard, o->shards, stage->name, from, stage->name);
}

int
qn_shard_check(const struct qn_run *run, struct qn_error *err)
{
    const struct qn_run_options *o = run->options;
    int s = o->stage ? qn_job_stage(run->job, o->stage) : -1;

    if (!o->shards)
        return 0;
    if (o->growing)
        return qn_fail(err, QN_EUSAGE,
                       "--watch and --shard: the items of a shard are frozen "
                       "when the first begins; watch with one run");
    if (s >= 0 && run->job->stages[s].combine.given && o->shards > 1)
        return qn_fail(err, QN_EUSAGE,
                       "--shard %d/%d: stage %s makes one result of many "
                       "items and cannot be cut: give --shard 0/1, or leave "
                       "it out",
                       o->shard, o->shards, o->stage);
    for (s = 0; s < run->job->nstages && !o->stage && o->shards > 1; s++)
        QN_TRY(check_parts(run, s, err));
    for (s = 0; s < run->job->nstages; s++)
        if (qn_shard_makes(run, s))
            return 0;
    return qn_fail(err, QN_EUSAGE,
                   "--shard %d/%d: all stages of the job combine, so there "
                   "is nothing to cut; run it without --shard",
                   o->shard, o->shards);
}

int
qn_shard_choose(struct qn_run *run, bool freeze, struct qn_error *err)
{
    struct numbers n = {.run = run, .freeze = freeze};
    int rc;

    if (!run->options->shards)
        return 0;
    rc = qn_memory_make((void **)&n.unit, (size_t)run->job->nstages,
                        sizeof *n.unit, "the shard", err);
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc)
        rc = share_numbers(&n, err);
    if (!rc)
        rc = qn_comm_agree(run->comm,
                           run->commons.leads ? choose(run, &n, err) : 0, err);
    for (int s = 0; s < run->job->nstages && n.unit; s++)
        free(n.unit[s]);
    free(n.unit);
    return rc;
}

/* ---- in turn ------------------------------------------------------------ */

static bool
is_open(const struct qn_run *run, int stage, int target)
{
    const struct qn_target *t = &run->plan.stage[stage].target[target];

    return t->state == QN_TODO && !t->code;
}

/* A stage of which a task uses something that is not there; or -1. */
static int
missing_for(const struct qn_run *run, const struct qn_plan_stage *st,
            const struct qn_task *t)
{
    int from = st->stage->input.stage_index;

    if (t->state != QN_TODO)
        return -1;
    if (t->item->source >= 0 &&
        is_open(run, from, qn_plan_pack_source(&run->plan, st, t->item, NULL)))
        return from;
    for (int i = 0; t->use && i < st->nuses; i++)
        if (t->use[i].stage >= 0 &&
            is_open(run, t->use[i].stage, t->use[i].target))
            return t->use[i].stage;
    return -1;
}

static void
say_missing(const struct qn_run *run, int s, int from)
{
    const struct qn_plan_stage *st = &run->plan.stage[from];
    const char *name = st->stage->name;
    int open = 0, all = 0;

    for (int i = 0; i < st->ntargets; i++) {
        open += is_open(run, from, i);
        all += st->target[i].state != QN_SKIPPED;
    }
    qn_message(QN_ERROR,
               "%s needs %s, of which %d of %d result%s %s not there yet: %s "
               "`quern run JOB --stage %s%s`, then run this command again",
               run->job->stages[s].name, name, open, all,
               all == 1 ? "" : "s", open == 1 ? "is" : "are",
               st->stage->combine.given ? "make it with" : "run its shards,",
               name, st->stage->combine.given ? "" : " --shard I/N");
}

/* Is all there that stage s uses?  On rank 0. */
static bool
is_fed(const struct qn_run *run, int s)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];

    for (int i = 0; i < st->ntasks; i++) {
        int from = missing_for(run, st, &st->task[i]);

        if (from < 0)
            continue;
        say_missing(run, s, from);
        return false;
    }
    return true;
}

static int
agree_on_waiting(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_comm *comm = run->comm;
    bool fed = true;
    void *data = &fed;
    size_t n = sizeof fed;

    if (!run->options->shards)
        return 0;
    if (comm->rank == 0)
        fed = is_fed(run, s);
    if (comm->size > 1)
        QN_TRY(qn_comm_broadcast(comm, &data, &n, 0, err));
    if (!*(bool *)data)
        run->stopped = run->waiting = true;
    if (comm->rank)
        free(data);
    return 0;
}

int
qn_shard_stage(struct qn_run *run, int s, struct qn_error *err)
{
    if (!qn_shard_makes(run, s))
        return qn_settle_stage(run, s, err);
    QN_TRY(agree_on_waiting(run, s, err));
    return run->waiting ? 0 : qn_stage_run(run, s, err);
}
