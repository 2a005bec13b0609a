/* What has become of a stage's items and results: counted, and said.
 *
 * Reads the plan as it stands behind the stage.  Knows neither how the items
 * were worked on nor what the record keeps of them. */
#include "engine/tally.h"

#include <string.h>

#include "base/message.h"
#include "base/text.h"
#include "engine/shard.h"

/* A run of frames counts as many. */
static void
count_task(struct qn_tally *n, const struct qn_task *t)
{
    int64_t all = t->item->frame < 0 ? 1 : t->item->nframes;

    n->total += all;
    n->done += t->state == QN_FINISHED ? all - qn_plan_lost(t) : 0;
    n->failed += t->state == QN_FAILED ? all : qn_plan_lost(t);
    n->upstream += t->state == QN_UPSTREAM ? all : 0;
    n->blocked += t->state == QN_BLOCKED ? all : 0;
    n->skipped += t->state == QN_SKIPPED ? all : 0;
}

bool
qn_tally_failed_itself(const struct qn_plan_stage *st,
                       const struct qn_target *t)
{
    return (st->stage->combine.given || qn_plan_joins(st)) &&
           t->state == QN_FAILED && qn_plan_members(st, t) > 0;
}

bool
qn_tally_is_told(const struct qn_plan_stage *st, const struct qn_target *t)
{
    return !t->name || (qn_plan_joins(st) && !qn_plan_members(st, t));
}

void
qn_tally_stage(struct qn_tally *n, const struct qn_run *run, int s)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];

    if (!qn_shard_makes(run, s))
        return;
    for (int i = 0; i < st->ntasks; i++)
        if (!run->options->shards || st->task[i].state != QN_SKIPPED)
            count_task(n, &st->task[i]);
    for (int i = 0; i < st->ntargets; i++)
        n->failed += qn_tally_failed_itself(st, &st->target[i]);
}

/* Frames that failed by themselves: a line each. */
static void
name_lost(const struct qn_plan_stage *st, const struct qn_task *t)
{
    const char *p = t->reason;

    for (int i = 0; i < (int)qn_plan_lost(t); i++) {
        const char *space = strchr(p, ' ');

        qn_message(QN_ERROR, "%s: %s: frame %lld: %.*s", st->stage->name,
                   t->item->path, (long long)(t->item->frame + t->lost->frame[i]),
                   (int)strcspn(space + 1, "\n"), space + 1);
        p = strchr(p, '\n') + 1;
    }
}

/* Did a result fail by the one file that it was to be made of? */
static bool
is_named(const struct qn_plan_stage *st, const struct qn_target *t)
{
    const struct qn_task *only = t->ntasks ? &st->task[t->task[0]] : NULL;

    return qn_tally_is_told(st, t) ||
           (t->ntasks == 1 && only->state == QN_FAILED &&
                        only->reason && t->reason &&
                        !strcmp(only->reason, t->reason));
}

static void
name_failures(const struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *t = &st->task[i];
        char name[1200];

        if (t->state == QN_FAILED)
            qn_message(QN_ERROR, "%s: %s: %s", st->stage->name,
                       qn_item_name(name, sizeof name, t->item),
                       t->reason ? t->reason : "failed");
        else if (t->lost)
            name_lost(st, t);
    }
    for (int i = 0; i < st->ntargets; i++) {
        const struct qn_target *t = &st->target[i];
        long long have = (long long)qn_plan_members(st, t),
                  all = (long long)qn_plan_all_members(st, t);

        if (!st->stage->combine.given && !qn_plan_joins(st))
            break;
        if (t->state == QN_FAILED && !is_named(st, t))
            qn_message(QN_ERROR, "%s: %s: %s", st->stage->name, t->name,
                       t->reason ? t->reason : "failed");
        else if (t->state == QN_FINISHED && 2 * have < all)
            qn_message(QN_WARNING, "%s: %s is made of %lld of %lld members",
                       st->stage->name, t->name, have, all);
    }
}

void
qn_tally_say(const struct qn_run *run, int s, double seconds)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    struct qn_tally n = {0};
    struct qn_text line = {0};
    int made = 0;

    if (run->comm->rank || !qn_shard_makes(run, s))
        return;
    for (int i = 0; i < st->ntargets; i++)
        made += st->target[i].state == QN_FINISHED;
    name_failures(st);
    qn_tally_stage(&n, run, s);
    qn_text_add(&line, "%s: %lld of %lld items done", st->stage->name,
                (long long)n.done, (long long)n.total);
    if (st->stage->combine.given)
        qn_text_add(&line, ", %d combined result%s", made,
                    made == 1 ? "" : "s");
    if (n.failed)
        qn_text_add(&line, ", %lld failed", (long long)n.failed);
    if (n.upstream)
        qn_text_add(&line, ", %lld failed upstream", (long long)n.upstream);
    if (n.blocked)
        qn_text_add(&line, ", %lld blocked", (long long)n.blocked);
    if (n.skipped)
        qn_text_add(&line, ", %lld left out", (long long)n.skipped);
    qn_message(QN_NOTE, "%s (%.2f s)", qn_text_get(&line), seconds);
    qn_text_clear(&line);
}
