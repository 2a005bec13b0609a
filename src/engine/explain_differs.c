/* What makes a result stale.
 *
 * A key does not tell what went into it.  So what the journal and the files
 * say is held against the moment the result was made; where nothing shows, it
 * is the job itself that has changed. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/explain.h"

struct telling {
    const struct qn_explain *e;
    const struct qn_explain_found *f;
    const struct qn_plan_stage *st;
    int64_t made; /* the result, ns since 1970 */
    struct qn_explain_reason *out;
    int n;
};

static void
tell(struct telling *t, enum qn_explain_cause cause, const char *name,
     int64_t a, int64_t b)
{
    for (int i = 0; i < t->n; i++)
        if (t->out[i].cause == cause && name && t->out[i].name == name)
            return;
    if (t->n < QN_EXPLAIN_REASONS)
        t->out[t->n++] = (struct qn_explain_reason){cause, name, a, b};
}

/* A result that the stale one was made with: does it tell why? */
static bool
look_at_result(struct telling *t, int stage, int target)
{
    const struct qn_target *from =
        &t->e->run->plan.stage[stage].target[target];
    int64_t when;
    enum qn_explain_state state = qn_explain_target(t->e, stage, from, &when);

    if (state != QN_EXPLAIN_DONE)
        tell(t, QN_CAUSE_PARTNER, from->name, (int64_t)state, 0);
    else if (when > t->made)
        tell(t, QN_CAUSE_NEWER, from->name, when, 0);
    return state != QN_EXPLAIN_DONE || when > t->made;
}

/* bytes: that it had; 0: not known. */
static bool
look_at_file(struct telling *t, const struct qn_item *file, int64_t bytes)
{
    bool later = file->mtime_ns > t->made;
    bool other = bytes > 0 && bytes != file->bytes;

    if (later)
        tell(t, QN_CAUSE_TIME, file->path, file->mtime_ns, 0);
    else if (other)
        tell(t, QN_CAUSE_SIZE, file->path, file->bytes, bytes);
    return later || other;
}

static bool
look_at_uses(struct telling *t, const struct qn_task *task)
{
    bool told = false;

    for (int i = 0; !task->code && i < t->st->nuses; i++) {
        const struct qn_use *u = &task->use[i];

        if (u->stage >= 0)
            told |= look_at_result(t, u->stage, u->target);
        else if (u->file >= 0)
            told |= look_at_file(t, &t->st->files.v[u->file], 0);
    }
    return told;
}

static void
look_at_item(struct telling *t)
{
    const struct qn_task *task = t->f->task;

    if (task->item->source >= 0)
        look_at_result(
            t, t->st->stage->input.stage_index,
            qn_plan_pack_source(&t->e->run->plan, t->st, task->item, NULL));
    else
        look_at_file(t, task->item, t->f->trace.input_bytes);
    look_at_uses(t, task);
}

/* ---- members ----------------------------------------------------------- */

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Items that were read in the run that made the result and are in the stage no
 * more.  Which result of several they were in is not known. */
static int64_t
count_gone(const struct telling *t, uint64_t run)
{
    const struct qn_past *past = &t->e->run->past;
    const char *stage = t->st->stage->name, **known;
    size_t n = 0;
    int64_t gone = 0;

    if (qn_memory_make((void **)&known,
                       (size_t)t->st->ntasks + (size_t)t->st->ntargets,
                       sizeof *known, "the members", NULL))
        return 0;
    for (int i = 0; i < t->st->ntasks; i++)
        known[n++] = t->st->task[i].item->path;
    for (int i = 0; i < t->st->ntargets; i++)
        if (t->st->target[i].name)
            known[n++] = t->st->target[i].name;
    if (n)
        qsort(known, n, sizeof *known, by_text);
    for (size_t i = 0; i < past->nitems; i++) {
        const struct qn_past_item *p = &past->item[i];

        gone += p->run == run && p->kind == QN_RECORD_DONE &&
                !p->mtime_ns && !strcmp(p->stage, stage) &&
                (!n || !bsearch(&p->name, known, n, sizeof *known, by_text));
    }
    free(known);
    return gone;
}

/* Was it good when the result was made? */
static bool
failed_since(const struct telling *t, const struct qn_task *m,
             const struct qn_past_item *q)
{
    if (!m->code || !q || qn_key_none(&q->done_key))
        return false;
    return m->item->code || q->kind != QN_RECORD_FAILED ||
           q->time_ns > t->made;
}

struct members {
    int64_t good, failed;
    int64_t undone; /* results that are stale or to do themselves */
    int64_t fresh;  /* with another key than before, for no reason shown */
};

static void
look_at_member(struct telling *t, const struct qn_task *m, struct members *n)
{
    const struct qn_past_item *q = qn_past_find(
        &t->e->run->past, t->st->stage->name, m->item->path);
    int from = t->st->stage->input.stage_index;
    bool told = look_at_uses(t, m), undone = false;

    if (m->item->source >= 0)
        undone =
            t->e->run->plan.stage[from]
                .target[qn_plan_pack_source(&t->e->run->plan, t->st, m->item,
                                            NULL)]
                .state != QN_FINISHED;
    else
        told |= look_at_file(t, m->item, 0);
    n->failed += failed_since(t, m, q);
    if (m->code)
        return;
    n->good++;
    n->undone += undone;
    n->fresh += !told && !undone && (!q || !qn_key_equal(&m->key, &q->done_key));
}

static void
look_at_members(struct telling *t)
{
    const struct qn_target *target = t->f->target;
    const struct qn_past_item *p =
        qn_past_find(&t->e->run->past, t->st->stage->name, target->name);
    struct members n = {0};
    int64_t gone = p ? count_gone(t, p->run) : 0;

    for (int i = 0; i < target->ntasks; i++)
        look_at_member(t, &t->st->task[target->task[i]], &n);
    if (n.undone)
        tell(t, QN_CAUSE_UNDONE, NULL, n.undone, target->ntasks);
    // where all are other ones it is not they that have changed
    if (n.fresh && n.fresh < n.good)
        tell(t, QN_CAUSE_MEMBERS, NULL, n.fresh, target->ntasks);
    if (n.failed)
        tell(t, QN_CAUSE_FAILED, NULL, n.failed, target->ntasks);
    if (gone)
        tell(t, QN_CAUSE_GONE, NULL, gone, 0);
}

int
qn_explain_differs(const struct qn_explain *e,
                   const struct qn_explain_found *f,
                   struct qn_explain_reason *out)
{
    const struct qn_plan_stage *st = &e->run->plan.stage[f->stage];
    struct telling t = {.e = e, .f = f, .st = st, .out = out};
    const struct qn_past_item *p =
        qn_past_find(&e->run->past, st->stage->name, f->target->name);

    qn_explain_target(e, f->stage, f->target, &t.made);
    if (p && qn_key_equal(f->target->key, &p->done_key))
        tell(&t, QN_CAUSE_OUTPUT, f->target->name, t.made, 0);
    else if (qn_plan_has_members(st))
        look_at_members(&t);
    else
        look_at_item(&t);
    if (!t.n)
        tell(&t, QN_CAUSE_JOB, NULL, 0, 0);
    return t.n;
}
