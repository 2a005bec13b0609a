/* What comes out: types after each step, and the results' own.
 *
 * Partners are found by plan_match.c; a problem of one item is that item's. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/params.h"
#include "model/plan_parts.h"
#include "model/shape.h"

/* ---- one task -------------------------------------------------------------- */

static int
step_type(const struct qn_plan *p, const struct qn_plan_stage *st,
          const struct qn_step *step, const struct qn_use *use,
          const struct qn_item *item, struct qn_type *cur,
          struct qn_error *why)
{
    struct qn_lookup fields = qn_item_lookup(item);
    const struct qn_kernel *kernel = step->kernel;
    struct qn_halo halo = {.steps = 1};
    struct qn_type out;
    void *params;
    int rc;

    if (kernel->real)
        cur->dtype = st->precision;
    for (int k = 0; k < step->noperands; k++) {
        struct qn_type t;
        bool known;

        QN_TRY(qn_plan_product_use(p, st, &step->operand[k], &use[k], &t,
                                   &known, why));
        rc = known ? qn_shape_fits(&cur->shape, &t.shape, why) : 0;
        if (rc)
            return qn_wrap(why, "%s", kernel->name);
    }
    rc = qn_plan_params(&params, step, &fields, why);
    out = *cur;
    if (!rc && kernel->type)
        rc = kernel->type(params, cur, &out, why);
    else if (!rc && kernel->halo)
        rc = kernel->halo(params, cur, &halo, why);
    qn_plan_params_clear(&params, step);
    *cur = out;
    return rc ? qn_wrap(why, "%s", kernel->name) : 0;
}

int
qn_plan_step_types(const struct qn_plan *p, const struct qn_plan_stage *st,
                   const struct qn_task *t, struct qn_type *out,
                   struct qn_error *err)
{
    const struct qn_stage *stage = st->stage;
    const struct qn_use *use = t->use;
    struct qn_type type = *t->item->type;

    for (int i = 0; i < stage->nsteps - stage->nproducts; i++) {
        const struct qn_step *step = &stage->steps[i];

        QN_TRY(step_type(p, st, step, use, t->item, &type, err));
        use += step->noperands;
        out[i] = type;
    }
    return 0;
}

/* A product leaves the item as it is; can it be made? */
static int
check_product(const struct qn_plan_resolving *r, const struct qn_step *step,
              const struct qn_use *use, const struct qn_item *item,
              const struct qn_type *cur, struct qn_error *why)
{
    const struct qn_plan_product product = {step, use, item, cur};
    struct qn_reduced_type out[QN_MAX_RESULTS];
    int n;

    return qn_plan_product_results(r->p, r->st, &product, out, &n, why);
}

/* Find all operands and the type after all steps, as far as they are to be
 * had. */
static int
find_task(const struct qn_plan_resolving *r, const struct qn_item *item,
          struct qn_type *type, struct qn_error *why)
{
    const struct qn_stage *stage = r->st->stage;
    int u = 0;

    for (int i = 0; i < stage->nsteps; i++) {
        const struct qn_step *step = &stage->steps[i];

        for (int k = 0; k < step->noperands; k++)
            QN_TRY(qn_plan_match_operand(r, &step->operand[k], item,
                                         &r->use[u + k], &r->index[u + k],
                                         why));
        // of what programs write the type is not known yet
        if (!r->st->late)
            QN_TRY((step->product
                        ? check_product(r, step, &r->use[u], item, type, why)
                        : step_type(r->p, r->st, step, &r->use[u], item, type,
                                    why)));
        u += step->noperands;
    }
    return 0;
}

static int
resolve_task(const struct qn_plan_resolving *r, struct qn_task *t,
             struct qn_error *err)
{
    struct qn_plan_stage *st = r->st;
    struct qn_type type = *t->item->type;
    struct qn_error why = {0};
    const void *use = t->use;
    size_t n = (size_t)st->nuses * sizeof *r->use;
    int rc;

    if (n)
        memset(r->use, 0, n);
    rc = find_task(r, t->item, &type, &why);
    if (rc == QN_ENOMEM)
        return qn_fail(err, rc, "%s", why.text);
    QN_TRY(qn_item_intern(&st->pool, &t->result, &type, err));
    // most items of a stage have the same partners
    if (n)
        QN_TRY(qn_pool_intern(&st->pool, &use, r->use, n, err));
    t->use = use;
    return rc ? qn_plan_fail_task(st, t, QN_FAILED, rc, why.text, err) : 0;
}

/* ---- results --------------------------------------------------------------------- */

static int
check_member(struct qn_plan_stage *st, const struct qn_target *t,
             struct qn_task *task, const struct qn_task *first,
             struct qn_error *err)
{
    char mine[128], theirs[128], reason[512];

    if (qn_shape_equal(&task->result->shape, &first->result->shape))
        return 0;
    snprintf(reason, sizeof reason,
             "its shape is %s but %s, the first of the %d in stage %s, has %s",
             qn_shape_text(mine, sizeof mine, &task->result->shape),
             first->item->path, t->ntasks, st->stage->name,
             qn_shape_text(theirs, sizeof theirs, &first->result->shape));
    return qn_plan_fail_task(st, task, QN_FAILED, QN_ESHAPE, reason, err);
}

static int
resolve_members(const struct qn_plan *p, struct qn_plan_stage *st,
                struct qn_target *t, struct qn_type *type,
                struct qn_error *err)
{
    const struct qn_task *first = NULL;

    for (int i = 0; i < t->ntasks; i++) {
        struct qn_task *task = &st->task[t->task[i]];

        // of what failed the type is as far as it came
        QN_TRY(qn_plan_check_source(p, st, task, err));
        if (task->state != QN_TODO)
            continue;
        if (!first) {
            first = task;
            *type = *task->result;
            t->member = (uint8_t)task->result->dtype;
            continue;
        }
        QN_TRY(check_member(st, t, task, first, err));
        if (task->state == QN_TODO && task->result->dtype != t->member)
            t->member = (uint8_t)st->precision;
    }
    // integers are combined as they are, reals in the stage's precision
    if (qn_dtype_is_real((enum qn_dtype)t->member))
        t->member = (uint8_t)st->precision;
    return 0;
}

/* Do all members have this field with the same value? */
static bool
is_common(const struct qn_plan_stage *st, const struct qn_target *t,
          const char *name)
{
    struct qn_value a, b;
    char ta[1024], tb[1024];

    if (!qn_item_find(st->task[t->task[0]].item, name, &a))
        return false;
    qn_fields_text(ta, sizeof ta, &a);
    for (int i = 1; i < t->ntasks; i++) {
        if (!qn_item_find(st->task[t->task[i]].item, name, &b))
            return false;
        qn_fields_text(tb, sizeof tb, &b);
        if (strcmp(ta, tb) != 0)
            return false;
    }
    return true;
}

/* Fields that all members have with equal values go to the result. */
static int
common_fields(struct qn_plan_stage *st, struct qn_target *t,
              struct qn_error *err)
{
    const struct qn_item *first = st->task[t->task[0]].item;
    struct qn_item *facts;

    QN_TRY(qn_pool_make(&st->pool, (void **)&facts, 1, sizeof *facts, err));
    *facts = *t->facts;
    t->facts = facts;
    for (const char *p = first->fields; p && *p; p += strlen(p) + 1) {
        const char *cut = p + strcspn(p, "=$");
        struct qn_value known;
        char name[256];

        snprintf(name, sizeof name, "%.*s", (int)(cut - p), p);
        if (!qn_item_find(facts, name, &known) && is_common(st, t, name))
            QN_TRY(qn_item_field(&st->pool, facts, name, cut + 1, *cut == '$',
                                 err));
    }
    return 0;
}

static int
resolve_combined(const struct qn_plan *p, struct qn_plan_stage *st,
                 struct qn_target *t, bool known, struct qn_type *type,
                 struct qn_error *err)
{
    const struct qn_group *g = &st->stage->combine;
    struct qn_step as_step = {.kernel = g->kernel, .params = g->params};
    struct qn_lookup fields;
    struct qn_type in;
    void *params;
    int rc;

    if (known)
        QN_TRY(resolve_members(p, st, t, type, err));
    QN_TRY(common_fields(st, t, err));
    if (!known)
        return 0;
    fields = qn_item_lookup(t->facts);
    in = (struct qn_type){(enum qn_dtype)t->member, type->shape};
    rc = qn_plan_params(&params, &as_step, &fields, err);
    if (!rc)
        rc = g->kernel->type(params, &in, type, err);
    qn_plan_params_clear(&params, &as_step);
    return rc;
}

/* The type of the first product. */
static int
resolve_product(const struct qn_plan *p, const struct qn_plan_stage *st,
                const struct qn_task *t, struct qn_type *type,
                struct qn_error *err)
{
    const struct qn_stage *stage = st->stage;
    const struct qn_plan_product first =
        qn_plan_product_of(stage, stage->nsteps - stage->nproducts, t);
    struct qn_reduced_type out[QN_MAX_RESULTS];
    int n;

    QN_TRY(qn_plan_product_results(p, st, &first, out, &n, err));
    *type = out[0].type;
    return 0;
}

/* known: the types of its members are. */
static int
resolve_target(const struct qn_plan *p, struct qn_plan_stage *st,
               struct qn_target *t, bool known, struct qn_error *err)
{
    const struct qn_task *first = &st->task[t->task[0]];
    struct qn_type type;

    for (int i = 1; qn_plan_packs(st) && first->code && i < t->ntasks; i++)
        first = &st->task[t->task[i]];
    type = *first->result;

    if (st->stage->combine.given)
        QN_TRY(resolve_combined(p, st, t, known, &type, err));
    if (st->stage->nproducts && known && !first->code)
        QN_TRY(resolve_product(p, st, first, &type, err));
    if (st->stage->output.dtype >= 0)
        type.dtype = (enum qn_dtype)st->stage->output.dtype;
    if ((qn_plan_joins(st) || qn_plan_packs(st)) && known) {
        t->member = (uint8_t)type.dtype;
        QN_TRY(qn_plan_product_lead(st, t, &type, err));
    }
    QN_TRY(qn_item_intern(&st->pool, &t->type, &type, err));
    if (st->stage->combine.given)
        return qn_plan_check_members(st, t, err);
    if (!first->code)
        return 0;
    return qn_plan_fail_target(st, t, (enum qn_state)first->state,
                               first->code, first->reason, err);
}

/* Find the partners of all tasks that have not failed. */
static int
resolve_tasks(struct qn_plan *p, struct qn_plan_stage *st,
              struct qn_error *err)
{
    struct qn_plan_resolving r = {.p = p, .st = st};
    int rc = qn_memory_make((void **)&r.index, (size_t)st->nuses + 1,
                            sizeof *r.index, "the plan", err);

    if (!rc)
        rc = qn_memory_make((void **)&r.use, (size_t)st->nuses,
                            sizeof *r.use, "the plan", err);
    for (int i = 0; i < st->ntasks && !rc; i++)
        if (st->task[i].state == QN_TODO)
            rc = resolve_task(&r, &st->task[i], err);
    for (int i = 0; i < st->nuses && r.index; i++)
        qn_plan_match_clear(&r.index[i]);
    free(r.index);
    free(r.use);
    return rc;
}

int
qn_plan_resolve(struct qn_plan *p, int s, struct qn_items *files,
                struct qn_error *err)
{
    struct qn_plan_stage *st = &p->stage[s];

    st->files = *files;
    *files = (struct qn_items){0};
    QN_TRY(resolve_tasks(p, st, err));
    if (qn_plan_packs(st))
        QN_TRY(qn_plan_pack_targets(p, st, err));
    for (int i = 0; i < st->ntargets; i++)
        QN_TRY(resolve_target(p, st, &st->target[i], !st->late, err));
    return 0;
}

/* ---- what programs write ----------------------------------------------------- */

/* The type of what it reads, now that this is there. */
static int
take_late(struct qn_plan *p, struct qn_plan_stage *st, struct qn_task *t,
          struct qn_error *err)
{
    struct qn_item *item = &st->items.v[t->item - st->items.v];
    const struct qn_plan_stage *input;
    const struct qn_target *from;

    // what is packed is not a program's: its type is known
    if (t->state != QN_TODO || item->source < 0 || st->from_rows)
        return 0;
    input = &p->stage[st->stage->input.stage_index];
    from = &input->target[item->source];
    // why it cannot be read, though it was written well
    if (input->stage->command.given && from->reason)
        return qn_plan_fail_task(st, t, QN_FAILED, QN_EFORMAT, from->reason,
                                 err);
    return qn_item_type(&st->items.pool, item, from->type->dtype, from->type,
                        err);
}

static int
type_late(const struct qn_plan_resolving *r, struct qn_task *t,
          struct qn_error *err)
{
    struct qn_plan_stage *st = r->st;
    struct qn_type type = *t->item->type;
    struct qn_error why = {0};
    const struct qn_use *use = t->use;
    int rc = 0;

    if (t->state != QN_TODO)
        return 0;
    for (int i = 0; i < st->stage->nsteps && !rc; i++) {
        rc = step_type(r->p, st, &st->stage->steps[i], use, t->item, &type,
                       &why);
        use += st->stage->steps[i].noperands;
    }
    if (rc)
        return qn_plan_fail_task(st, t, QN_FAILED, rc, why.text, err);
    return qn_item_intern(&st->pool, &t->result, &type, err);
}

int
qn_plan_resolve_late(struct qn_plan *p, int s, struct qn_error *err)
{
    struct qn_plan_stage *st = &p->stage[s];
    struct qn_plan_resolving r = {.p = p, .st = st};

    for (int i = 0; i < st->ntasks; i++)
        QN_TRY(take_late(p, st, &st->task[i], err));
    st->precision = qn_plan_precision(p, st);
    for (int i = 0; i < st->ntasks; i++)
        QN_TRY(type_late(&r, &st->task[i], err));
    for (int i = 0; i < st->ntargets; i++)
        QN_TRY(resolve_target(p, st, &st->target[i], true, err));
    return 0;
}

/* ---- params ------------------------------------------------------------------------ */

int
qn_plan_params(void **params, const struct qn_step *step,
               const struct qn_lookup *fields, struct qn_error *err)
{
    const struct qn_kernel *k = step->kernel;
    int rc;

    // one byte more: a kernel without options has params too
    rc = qn_memory_make(params, 1, k->params_size + 1, "the options", err);
    if (!rc)
        rc = qn_params_fill(*params, k, step->params, fields, err);
    if (!rc && k->prepare)
        rc = k->prepare(*params, err);
    return rc;
}

void
qn_plan_params_clear(void **params, const struct qn_step *step)
{
    if (*params && step->kernel->release)
        step->kernel->release(*params);
    free(*params);
    *params = NULL;
}
