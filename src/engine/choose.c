/* Leaving out what this run is not asked to do.
 *
 * A combination that others use as an operand is made of all its members.  A
 * result stands or falls with its members, a part with its items. */
#include "engine/choose.h"

#include <string.h>

#include "io/discover.h"

int
qn_choose_stages(struct qn_run *run, struct qn_error *err)
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

static bool
is_limited(const struct qn_run *run)
{
    return run->options->only || run->options->limit;
}

/* Does a stage of this run use results of stage s as operands? */
static bool
serves_operands(const struct qn_run *run, int s)
{
    for (int t = s + 1; t < run->job->nstages; t++) {
        const struct qn_stage *stage = &run->job->stages[t];

        for (int i = 0; run->plan.stage[t].wanted && i < stage->nsteps; i++)
            for (int k = 0; k < stage->steps[i].noperands; k++)
                if (stage->steps[i].operand[k].kind == QN_OPERAND_STAGE &&
                    stage->steps[i].operand[k].stage_index == s)
                    return true;
    }
    return false;
}

/* Are the items of stage s chosen from, in it or in a stage before it? */
static bool
over_chosen(const struct qn_run *run, int s)
{
    int from = run->job->stages[s].input.stage_index;

    if (!run->job->stages[s].combine.given)
        return true;
    return run->job->stages[s].input.stage && over_chosen(run, from);
}

static bool
is_named(const struct qn_run *run, int s)
{
    return run->options->stage &&
           !strcmp(run->options->stage, run->job->stages[s].name);
}

static void
skip_task(struct qn_plan_stage *st, struct qn_task *t)
{
    if (t->state != QN_TODO)
        return;
    t->state = QN_SKIPPED;
    if (!st->stage->combine.given && t->target >= 0)
        st->target[t->target].state = QN_SKIPPED;
}

static void
skip_stage(struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++)
        skip_task(st, &st->task[i]);
    for (int i = 0; i < st->ntargets; i++)
        if (st->target[i].state == QN_TODO)
            st->target[i].state = QN_SKIPPED;
}

/* A result of which no member is chosen is not made. */
static void
skip_empty(struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntargets; i++)
        if (st->target[i].state == QN_TODO &&
            !qn_plan_members(st, &st->target[i]))
            st->target[i].state = QN_SKIPPED;
}

/* An item whose source is left out is left out too. */
static bool
source_skipped(const struct qn_run *run, const struct qn_plan_stage *st,
               const struct qn_task *t)
{
    int from = st->stage->input.stage_index;

    return t->item->source >= 0 &&
           run->plan.stage[from]
                   .target[qn_plan_pack_source(&run->plan, st, t->item, NULL)]
                   .state == QN_SKIPPED;
}

/* Call each with what a task is made of, until it says false. */
static bool
each_need(struct qn_run *run, int s, const struct qn_task *t,
          bool (*each)(struct qn_run *run, int s, int target))
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    int source = qn_plan_pack_source(&run->plan, st, t->item, NULL);

    if (source >= 0 && !each(run, st->stage->input.stage_index, source))
        return false;
    for (int i = 0; !t->code && i < st->nuses; i++)
        if (t->use[i].stage >= 0 &&
            !each(run, t->use[i].stage, t->use[i].target))
            return false;
    return true;
}

static bool
all_needs(struct qn_run *run, int s, const struct qn_target *t,
          bool (*each)(struct qn_run *run, int s, int target))
{
    const struct qn_plan_stage *st = &run->plan.stage[s];

    for (int i = 0; i < t->ntasks; i++)
        if (!each_need(run, s, &st->task[t->task[i]], each))
            return false;
    return true;
}

/* Can a result be had, if that takes nothing but items?  Combinations that are
 * left out stay so. */
static bool
can_have(struct qn_run *run, int s, int target)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    const struct qn_target *t = &st->target[target];

    if (t->state != QN_SKIPPED)
        return true;
    if (st->stage->combine.given)
        return false;
    return all_needs(run, s, t, can_have);
}

/* Take it in again, with all that it is made of. */
static bool
have(struct qn_run *run, int s, int target)
{
    struct qn_plan_stage *st = &run->plan.stage[s];
    struct qn_target *t = &st->target[target];

    if (t->state != QN_SKIPPED)
        return true;
    t->state = QN_TODO;
    for (int i = 0; i < t->ntasks; i++)
        if (st->task[t->task[i]].state == QN_SKIPPED)
            st->task[t->task[i]].state = QN_TODO;
    return all_needs(run, s, t, have);
}

/* Is an item of the part among those that are asked for?  *n counts the items
 * of parts that are. */
static bool
wants_part(const struct qn_run *run, const struct qn_plan_stage *st,
           const struct qn_target *t, int64_t n)
{
    const struct qn_run_options *o = run->options;
    bool in = false;

    for (int i = 0; i < t->ntasks && !in; i++) {
        const struct qn_task *task = &st->task[t->task[i]];

        in = !source_skipped(run, st, task) &&
             (!o->only || qn_discover_match(o->only, task->item->path));
    }
    return in && (!o->limit || n < o->limit);
}

/* Parts are chosen as a whole: all that hold an item that is asked for, and
 * what the others in them are made of. */
static void
choose_parts(struct qn_run *run, int s)
{
    struct qn_plan_stage *st = &run->plan.stage[s];
    int64_t n = 0;

    for (int g = 0; g < st->ntargets; g++) {
        struct qn_target *t = &st->target[g];

        if (wants_part(run, st, t, n) && all_needs(run, s, t, can_have)) {
            all_needs(run, s, t, have);
            n += t->ntasks;
            continue;
        }
        for (int i = 0; i < t->ntasks; i++)
            skip_task(st, &st->task[t->task[i]]);
    }
}

static void
choose_tasks(struct qn_run *run, struct qn_plan_stage *st)
{
    const struct qn_run_options *o = run->options;
    int64_t n = 0;

    for (int i = 0; i < st->ntasks; i++) {
        struct qn_task *t = &st->task[i];
        bool in = !source_skipped(run, st, t);

        // runs of frames that make one result stand or fall together
        if (i && qn_plan_joins(st) && t->target == t[-1].target) {
            if (t[-1].state == QN_SKIPPED)
                skip_task(st, t);
            continue;
        }
        if (in && o->only)
            in = qn_discover_match(o->only, t->item->path);
        if (in && o->limit)
            in = n < o->limit;
        n += in;
        if (!in)
            skip_task(st, t);
    }
    skip_empty(st);
}

void
qn_choose_items(struct qn_run *run)
{
    if (!is_limited(run))
        return;
    for (int s = 0; s < run->job->nstages; s++) {
        struct qn_plan_stage *st = &run->plan.stage[s];

        if (!st->wanted)
            continue;
        if (qn_plan_packs(st))
            choose_parts(run, s);
        else if (!st->stage->combine.given || is_named(run, s))
            choose_tasks(run, st);
        else if (over_chosen(run, s) || !serves_operands(run, s))
            skip_stage(st);
    }
}
