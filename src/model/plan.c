/* Making a plan: choosing items, and how each of them stands.
 *
 * Knows no files and no ranks.  Results are plan_group.c's, their names in the
 * output folder plan_output.c's, frames as items plan_frames.c's, partners and
 * types plan_match.c's, fingerprints plan_key.c's, the names a stage needs
 * plan_names.c's. */
#include "model/plan.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/plan_parts.h"

/* Does it use what a program writes, or what is made of that?  Those stages
 * stand before it. */
static bool
is_late(const struct qn_plan *p, int s)
{
    bool late = false;

    for (int t = 0; t < s && !late; t++)
        late = qn_job_reads(p->job, s, t) &&
               (p->stage[t].late || p->job->stages[t].command.given);
    return late;
}

int
qn_plan_open(struct qn_plan *p, const struct qn_job *job,
             struct qn_error *err)
{
    *p = (struct qn_plan){.job = job};
    QN_TRY(qn_memory_make((void **)&p->stage, (size_t)job->nstages,
                          sizeof *p->stage, "the plan", err));
    for (int s = 0; s < job->nstages; s++) {
        p->stage[s].stage = &job->stages[s];
        p->stage[s].wanted = true;
        for (int i = 0; i < job->stages[s].nsteps; i++)
            p->stage[s].nuses += job->stages[s].steps[i].noperands;
        p->stage[s].late = is_late(p, s);
    }
    return 0;
}

_Static_assert(sizeof(struct qn_task) <= 64, "a million of them cost 64 MB");
_Static_assert(sizeof(struct qn_target) <= 56, "likewise");

int
qn_plan_fail_task(struct qn_plan_stage *st, struct qn_task *t,
                  enum qn_state state, int code, const char *reason,
                  struct qn_error *err)
{
    char *copy;

    if (t->state != QN_TODO)
        return 0;
    QN_TRY(qn_pool_text(&st->pool, &copy, reason, err));
    t->reason = copy;
    t->code = (int16_t)code;
    t->state = (uint8_t)state;
    return 0;
}

int
qn_plan_fail_target(struct qn_plan_stage *st, struct qn_target *t,
                    enum qn_state state, int code, const char *reason,
                    struct qn_error *err)
{
    char *copy;

    if (t->state != QN_TODO)
        return 0;
    QN_TRY(qn_pool_text(&st->pool, &copy, reason, err));
    t->reason = copy;
    t->code = (int16_t)code;
    t->state = (uint8_t)state;
    return 0;
}

int
qn_plan_lose_frames(struct qn_plan_stage *st, struct qn_task *t,
                    const char *text, struct qn_error *err)
{
    struct qn_lost *lost;
    char *copy;
    size_t n = 0;

    for (const char *p = text; *p; p++)
        n += *p == '\n';
    if (t->lost)
        t->reason = NULL;
    t->lost = NULL;
    if (!n)
        return 0;
    QN_TRY(qn_pool_make(&st->pool, (void **)&lost, 1,
                        sizeof *lost + n * sizeof *lost->frame, err));
    for (const char *p = text; (size_t)lost->n < n; p = strchr(p, '\n') + 1)
        lost->frame[lost->n++] = atoll(p);
    QN_TRY(qn_pool_text(&st->pool, &copy, text, err));
    t->lost = lost;
    t->reason = copy;
    return 0;
}

int64_t
qn_plan_lost(const struct qn_task *t)
{
    return t->lost ? t->lost->n : 0;
}

int64_t
qn_plan_frames(const struct qn_task *t)
{
    if (t->code || t->state == QN_SKIPPED)
        return 0;
    return t->item->frame < 0 ? 1 : t->item->nframes - qn_plan_lost(t);
}

int64_t
qn_plan_members(const struct qn_plan_stage *st, const struct qn_target *t)
{
    int64_t n = 0;

    for (int i = 0; i < t->ntasks; i++)
        n += qn_plan_frames(&st->task[t->task[i]]);
    return n;
}

int64_t
qn_plan_all_members(const struct qn_plan_stage *st, const struct qn_target *t)
{
    int64_t n = 0;

    for (int i = 0; i < t->ntasks; i++) {
        const struct qn_item *item = st->task[t->task[i]].item;

        n += item->frame < 0 ? 1 : item->nframes;
    }
    return n;
}

bool
qn_plan_joins(const struct qn_plan_stage *st)
{
    return st->stage->input.each == QN_EACH_FRAME &&
           !st->stage->combine.given;
}

bool
qn_plan_several(const struct qn_plan_stage *st, bool keep_steps)
{
    const struct qn_stage *stage = st->stage;

    if (stage->combine.given || qn_plan_joins(st))
        return false;
    return stage->input.dataset.n > 1 ||
           (keep_steps && stage->nsteps - stage->nproducts > !stage->nproducts);
}

bool
qn_plan_packs(const struct qn_plan_stage *st)
{
    return st->stage->output.packed && !st->unpacked;
}

bool
qn_plan_has_members(const struct qn_plan_stage *st)
{
    return st->stage->combine.given || qn_plan_joins(st) || qn_plan_packs(st);
}

int64_t
qn_plan_required(const struct qn_plan_stage *st, const struct qn_target *t)
{
    const struct qn_group *g = &st->stage->combine;
    int64_t all = 0;
    double need = g->at_least;

    // of those that this run is asked for
    for (int i = 0; i < t->ntasks; i++) {
        const struct qn_task *m = &st->task[t->task[i]];

        if (m->state != QN_SKIPPED)
            all += m->item->frame < 0 ? 1 : m->item->nframes;
    }
    if (qn_plan_joins(st))
        return all;
    if (g->at_least_fraction)
        need = ceil(g->at_least * (double)all - 1e-9);
    return need < 1 ? 1 : (int64_t)need;
}

int
qn_plan_check_members(struct qn_plan_stage *st, struct qn_target *t,
                      struct qn_error *err)
{
    long long have = (long long)qn_plan_members(st, t),
              need = (long long)qn_plan_required(st, t);
    char reason[256];

    if (t->state != QN_TODO || have >= need)
        return 0;
    snprintf(reason, sizeof reason,
             "%lld of %lld members are good, %lld are needed", have,
             (long long)qn_plan_all_members(st, t), need);
    return qn_plan_fail_target(st, t, QN_FAILED, QN_EMISSING, reason, err);
}

int
qn_plan_check_source(const struct qn_plan *p, struct qn_plan_stage *st,
                     struct qn_task *t, struct qn_error *err)
{
    const struct qn_plan_stage *from;

    if (t->item->source < 0)
        return 0;
    from = &p->stage[st->stage->input.stage_index];
    if (from->target[qn_plan_pack_source(p, st, t->item, NULL)].code ||
        (st->from_rows && from->task[t->item->source].code))
        return qn_plan_fail_task(st, t, QN_UPSTREAM, QN_EMISSING,
                                 "the item it comes from failed", err);
    return 0;
}

/* ---- choosing ------------------------------------------------------------ */

/* The values that a field has among the items, for people: "'a' 3, 'b' 2". */
static void
list_values(struct qn_text *out, const struct qn_items *items,
            const char *name)
{
    enum { MOST = 8 };
    char seen[MOST][80];
    int count[MOST] = {0}, n = 0, more = 0, without = 0;

    for (size_t i = 0; i < items->n; i++) {
        struct qn_value v;
        char text[80];
        int k = 0;

        if (!qn_item_find(&items->v[i], name, &v)) {
            without++;
            continue;
        }
        qn_fields_text(text, sizeof text, &v);
        while (k < n && strcmp(seen[k], text))
            k++;
        if (k == MOST) {
            more++;
            continue;
        }
        if (k == n)
            memcpy(seen[n++], text, sizeof text);
        count[k]++;
    }
    for (int k = 0; k < n; k++)
        qn_text_add(out, "%s'%s' %d times", k ? ", " : "", seen[k], count[k]);
    if (more)
        qn_text_add(out, ", others %d times", more);
    if (without)
        qn_text_add(out, "%smissing %d times", n ? ", " : "", without);
}

struct naming {
    const struct qn_items *items;
    struct qn_text *out;
    bool done;
};

static void
list_first_name(void *ctx, const char *name)
{
    struct naming *n = ctx;

    if (n->done)
        return;
    qn_text_add(n->out, "%s is ", name);
    list_values(n->out, n->items, name);
    n->done = true;
}

static int
nothing_kept(const struct qn_plan_stage *st, struct qn_error *err)
{
    const struct qn_input *in = &st->stage->input;
    struct qn_text values = {0};
    struct naming n = {.items = &st->items, .out = &values};
    int rc;

    qn_expr_names(&in->where_expr, list_first_name, &n);
    rc = qn_fail(err, QN_EMISSING,
                 "stage %s: where \"%s\" keeps none of %zu items (%s); "
                 "correct the condition",
                 st->stage->name, in->where, st->items.n,
                 qn_text_get(&values));
    qn_text_clear(&values);
    return rc;
}

static int
add_task(struct qn_plan_stage *st, const struct qn_item *item,
         const struct qn_use *none, struct qn_error *err)
{
    struct qn_task *t = &st->task[st->ntasks++];

    *t = (struct qn_task){.item = item, .result = item->type, .use = none,
                          .target = -1};
    if (item->code)
        return qn_plan_fail_task(st, t, QN_FAILED, item->code,
                                 item->reason ? item->reason : "", err);
    return 0;
}

/* Does item pass the stage's condition?  One whose condition cannot be told
 * is kept and fails, in the first stage that meets it: never silently absent,
 * and not said again by every stage that chooses from the same files. */
static int
consider(struct qn_plan_stage *st, size_t index, const struct qn_use *none,
         struct qn_error *err)
{
    const struct qn_item *item = &st->items.v[index];
    const struct qn_input *in = &st->stage->input;
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_error why = {0};
    bool yes = true;
    int rc = 0;

    if (in->where && item->code && st->items.told)
        yes = false;
    else if (in->where && !item->code)
        rc = qn_expr_true(&in->where_expr, &fields, &yes, &why);
    if (!rc && !yes) {
        st->rejected++;
        return 0;
    }
    QN_TRY(add_task(st, item, none, err));
    if (rc)
        return qn_plan_fail_task(st, &st->task[st->ntasks - 1], QN_FAILED,
                                 rc, why.text, err);
    return 0;
}

/* Stage `auto`: the widest stored type of all its items decides. */
enum qn_dtype
qn_plan_precision(const struct qn_plan *p, const struct qn_plan_stage *st)
{
    enum qn_dtype widest = QN_F32;

    if (p->job->precision == QN_PRECISION_F32)
        return QN_F32;
    if (p->job->precision == QN_PRECISION_F64)
        return QN_F64;
    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].item->probed &&
            qn_dtype_precision(
                (enum qn_dtype)st->task[i].item->stored) == QN_F64)
            widest = QN_F64;
    return widest;
}

/* Rows of packed results, each as the item that it was made of. */
static int
take_rows(const struct qn_plan *p, struct qn_plan_stage *st,
          struct qn_error *err)
{
    const struct qn_plan_stage *from = &p->stage[st->stage->input.stage_index];

    st->from_rows = true;
    QN_TRY(qn_item_reserve(&st->items, (size_t)from->ntasks, err));
    for (int i = 0; i < from->ntasks; i++) {
        const struct qn_task *task = &from->task[i];
        const struct qn_target *part = &from->target[task->target];
        struct qn_type type;
        struct qn_item *item;

        QN_TRY(qn_plan_product_type(p, st->stage->input.stage_index, part,
                                    st->stage->input.product, &type, err));
        if (!part->code)
            qn_plan_pack_row(&type);
        QN_TRY(qn_item_add(&st->items, task->item->path, &item, err));
        QN_TRY(qn_item_append(&st->items.pool, item, task->item, err));
        QN_TRY(qn_item_type(&st->items.pool, item, type.dtype, &type, err));
        item->bytes = -1;
        item->source = i;
        item->probed = task->code == 0;
    }
    return 0;
}

/* The results of the input stage, as items. */
static int
take_results(const struct qn_plan *p, struct qn_plan_stage *st,
             struct qn_error *err)
{
    const struct qn_plan_stage *from = &p->stage[st->stage->input.stage_index];

    if (qn_plan_packs(from))
        return take_rows(p, st, err);
    QN_TRY(qn_item_reserve(&st->items, (size_t)from->ntargets, err));
    for (int i = 0; i < from->ntargets; i++) {
        const struct qn_target *t = &from->target[i];
        struct qn_type type;
        struct qn_item *item;

        QN_TRY(qn_plan_product_type(p, st->stage->input.stage_index, t,
                                    st->stage->input.product, &type, err));
        QN_TRY(qn_item_add(&st->items, t->facts->path, &item, err));
        QN_TRY(qn_item_append(&st->items.pool, item, t->facts, err));
        QN_TRY(qn_item_type(&st->items.pool, item, type.dtype, &type, err));
        item->bytes = -1;
        item->source = i;
        item->probed = t->code == 0 && !st->late;
    }
    return 0;
}

/* A task for every item that is chosen. */
static int
make_tasks(struct qn_plan_stage *st, struct qn_error *err)
{
    struct qn_use *none;

    // until they are found
    QN_TRY(qn_pool_make(&st->pool, (void **)&none, (size_t)st->nuses,
                        sizeof *none, err));
    QN_TRY(qn_pool_make(&st->pool, (void **)&st->task, st->items.n,
                        sizeof *st->task, err));
    for (size_t i = 0; i < st->items.n; i++)
        QN_TRY(consider(st, i, none, err));
    return 0;
}

int
qn_plan_select(struct qn_plan *p, int s, struct qn_items *items,
               struct qn_error *err)
{
    struct qn_plan_stage *st = &p->stage[s];

    if (st->stage->combine.given && st->stage->output.carry.n)
        return qn_fail(err, QN_EJOB,
                       "stage %s: `carry` is for item-by-item stages, a "
                       "combination has no one file to carry from; leave it "
                       "out",
                       st->stage->name);
    if (items) {
        st->items = *items;
        *items = (struct qn_items){0};
    } else {
        QN_TRY(take_results(p, st, err));
    }
    if (st->stage->input.each == QN_EACH_FRAME)
        QN_TRY(qn_plan_frames_expand(st, err));
    if (st->items.n > INT_MAX)
        return qn_fail(err, QN_EJOB,
                       "stage %s: %zu items are more than the %d that one "
                       "stage may have; split it",
                       st->stage->name, st->items.n, INT_MAX);
    QN_TRY(make_tasks(st, err));
    if (!st->ntasks && st->stage->input.where && !p->growing)
        return nothing_kept(st, err);
    st->precision = qn_plan_precision(p, st);
    return qn_plan_group_targets(st, err);
}

/* ---- the end ------------------------------------------------------------- */

static void
clear_stage(struct qn_plan_stage *st)
{
    qn_item_clear(&st->items);
    qn_item_clear(&st->files);
    qn_pool_clear(&st->pool);
    qn_item_clear(&st->uses);
}

void
qn_plan_clear(struct qn_plan *p)
{
    for (int s = 0; p->stage && s < p->job->nstages; s++)
        clear_stage(&p->stage[s]);
    free(p->stage);
    *p = (struct qn_plan){0};
}
