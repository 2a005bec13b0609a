/* Finding partners: which flat for this frame, and what shape comes out.
 *
 * Follows definitions of `match`: by default the result with equal `per`
 * values, of an item-by-item stage the result of the same source file. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/params.h"
#include "model/plan.h"
#include "model/shape.h"

/* ---- operand files ---------------------------------------------------------- */

/* An operand file is known by its path and by the part of it that is read,
 * which is its first field. */
static int
by_path(const void *a, const void *b)
{
    const struct qn_item *x = a, *y = b;
    int c = strcmp(x->path, y->path);

    return c ? c : strcmp(x->fields, y->fields);
}

static void
part_of(char *part, size_t size, const struct qn_operand *op)
{
    snprintf(part, size, "%s|%s", op->dataset ? op->dataset : "",
             op->hdu ? op->hdu : "");
}

static int
add_file(struct qn_items *files, const char *path,
         const struct qn_operand *op, struct qn_error *err)
{
    struct qn_item *item;
    char part[1024];

    part_of(part, sizeof part, op);
    QN_TRY(qn_item_add(files, path, &item, err));
    QN_TRY(qn_item_field(item, QN_PLAN_PART, part, true, err));
    // neighbours often share their file: a cheap first look
    if (files->n > 1 && !by_path(item - 1, item)) {
        free(item->path);
        free(item->fields);
        files->n--;
    }
    return 0;
}

static int
collect_files(struct qn_items *files, const struct qn_plan_stage *st,
              const struct qn_operand *op, struct qn_error *err)
{
    bool fixed = !strchr(op->text, '{');

    for (int i = 0; i < st->ntasks; i++) {
        struct qn_lookup fields = qn_item_lookup(st->task[i].item);
        struct qn_error why = {0};
        char *path = NULL;
        int rc = 0;

        if (st->task[i].state != QN_TODO)
            continue;
        // a field that is missing is said again, and recorded, by resolve
        if (!qn_fields_fill(&path, op->text, &fields, false, &why))
            rc = add_file(files, path, op, err);
        free(path);
        if (rc || fixed)
            return rc;
    }
    return 0;
}

static void
drop_repeats(struct qn_items *files)
{
    size_t kept = 0;

    if (files->n)
        qsort(files->v, files->n, sizeof *files->v, by_path);
    for (size_t i = 0; i < files->n; i++) {
        if (kept && !by_path(&files->v[kept - 1], &files->v[i])) {
            free(files->v[i].path);
            free(files->v[i].fields);
        } else
            files->v[kept++] = files->v[i];
    }
    files->n = kept;
}

int
qn_plan_files(struct qn_plan *p, int s, struct qn_items *files,
              struct qn_error *err)
{
    const struct qn_plan_stage *st = &p->stage[s];

    for (int i = 0; i < st->stage->nsteps; i++) {
        const struct qn_step *step = &st->stage->steps[i];

        for (int k = 0; k < step->noperands; k++)
            if (step->operand[k].kind == QN_OPERAND_FILE)
                QN_TRY(collect_files(files, st, &step->operand[k], err));
    }
    drop_repeats(files);
    return 0;
}

/* ---- an index of results ------------------------------------------------------ */

struct entry {
    char *key; /* owned */
    int target;
};

/* The results of an operand's stage, by what they are matched with. */
struct index {
    struct entry *v; /* owned, sorted */
    int n;
    bool ready;
};

static int
by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = strcmp(x->key, y->key);

    return c ? c : x->target - y->target;
}

/* What a result, or an item that looks for one, is matched with. */
static int
match_key(struct qn_text *key, const struct qn_group *g,
          const struct qn_item *item, bool result, struct qn_error *why)
{
    struct qn_lookup fields = qn_item_lookup(item);

    if (!g->given || g->per_file) {
        qn_text_add(key, "%s", item->path);
        return 0;
    }
    for (size_t i = 0; i < g->per.n; i++) {
        struct qn_value v;
        char text[1024];

        if (result)
            qn_item_find(item, g->per.v[i], &v);
        else
            QN_TRY(qn_expr_value(&g->per_expr[i], &fields, &v, why));
        qn_fields_text(text, sizeof text, &v);
        qn_text_add(key, "%s\n", text);
    }
    return 0;
}

static int
make_index(struct index *ix, const struct qn_plan_stage *from,
           struct qn_error *err)
{
    ix->ready = true;
    QN_TRY(qn_memory_make((void **)&ix->v, (size_t)from->ntargets,
                          sizeof *ix->v, "the plan", err));
    for (int i = 0; i < from->ntargets; i++) {
        struct qn_text key = {0};

        QN_TRY(match_key(&key, &from->stage->combine,
                         &from->target[i].facts, true, err));
        if (!key.s)
            qn_text_add(&key, "%s", "");
        QN_TRY(qn_text_check(&key, err));
        ix->v[ix->n++] = (struct entry){key.s, i};
    }
    if (ix->n)
        qsort(ix->v, (size_t)ix->n, sizeof *ix->v, by_key);
    return 0;
}

static int
find_entry(const struct index *ix, const char *key)
{
    int lo = 0, hi = ix->n;

    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;

        if (strcmp(ix->v[mid].key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < ix->n && !strcmp(ix->v[lo].key, key))
        return ix->v[lo].target;
    return -1;
}

static void
clear_index(struct index *ix)
{
    for (int i = 0; i < ix->n; i++)
        free(ix->v[i].key);
    free(ix->v);
    *ix = (struct index){0};
}

/* ---- matching ------------------------------------------------------------------ */

static void
list_values(struct qn_text *out, const struct qn_plan_stage *from,
            const char *field)
{
    int said = 0;

    for (int i = 0; i < from->ntargets; i++) {
        struct qn_value v;
        char text[80];

        if (!qn_item_find(&from->target[i].facts, field, &v))
            continue;
        qn_fields_text(text, sizeof text, &v);
        if (said == 8) {
            qn_text_add(out, ", ...");
            return;
        }
        qn_text_add(out, "%s%s", said++ ? ", " : "", text);
    }
}

/* "no flat for FILTER 'Z' (there are B, V, R)" */
static int
no_partner(const struct qn_plan_stage *from, const struct qn_item *item,
           struct qn_error *why)
{
    const struct qn_group *g = &from->stage->combine;
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_text t = {0};
    int rc;

    qn_text_add(&t, "no %s for ", from->stage->name);
    if (!g->given || g->per_file || !g->per.n)
        qn_text_add(&t, "this file (stage %s makes %d results)",
                    from->stage->name, from->ntargets);
    for (size_t i = 0; g->given && i < g->per.n; i++) {
        struct qn_value v = {0};
        char text[80];

        if (qn_expr_value(&g->per_expr[i], &fields, &v, NULL))
            continue;
        qn_fields_text(text, sizeof text, &v);
        qn_text_add(&t, "%s%s '%s'", i ? ", " : "", g->per.v[i], text);
        qn_text_add(&t, " (there are ");
        list_values(&t, from, g->per.v[i]);
        qn_text_add(&t, ")");
    }
    rc = qn_fail(why, QN_EMISSING, "%s", qn_text_get(&t));
    qn_text_clear(&t);
    return rc;
}

static int
number_field(const struct qn_item *item, const char *name, double *number,
             struct qn_error *why)
{
    struct qn_value v;

    if (!qn_item_find(item, name, &v))
        return qn_fail(why, QN_EMISSING, "%s: no header value %s",
                       item->path, name);
    *number = v.number;
    if (v.kind == QN_VALUE_NUMBER ||
        (v.kind == QN_VALUE_TEXT && qn_fields_number(number, v.text)))
        return 0;
    return qn_fail(why, QN_EVALUE, "%s: %s is not a number", item->path,
                   name);
}

/* Does result t satisfy one element of match?  *far: how far it is. */
static int
satisfies(const struct qn_match *m, const struct qn_item *item,
          const struct qn_target *t, bool *yes, double *far, double *value,
          struct qn_error *why)
{
    struct qn_value a, b;
    char ta[1024], tb[1024];

    if (!qn_item_find(item, m->field, &a))
        return qn_fail(why, QN_EMISSING, "no header value %s to match with",
                       m->field);
    *yes = qn_item_find(&t->facts, m->field, &b);
    if (!*yes)
        return 0;
    if (m->nearest) {
        double x;

        QN_TRY(number_field(item, m->field, &x, why));
        QN_TRY(number_field(&t->facts, m->field, value, why));
        *far = fabs(x - *value);
        *yes = isnan(m->within) || *far <= m->within;
        return 0;
    }
    qn_fields_text(ta, sizeof ta, &a);
    qn_fields_text(tb, sizeof tb, &b);
    *yes = !strcmp(ta, tb);
    return 0;
}

/* The result that `match` names: equal fields, then the nearest; ties to the
 * smaller value, then to item order. */
static int
match_explicit(const struct qn_operand *op, const struct qn_plan_stage *from,
               const struct qn_item *item, int *target, struct qn_error *why)
{
    double best_far = INFINITY, best_value = INFINITY;

    *target = -1;
    for (int i = 0; i < from->ntargets; i++) {
        bool yes = true;
        double far = 0, value = 0;

        for (size_t k = 0; k < op->nmatch && yes; k++)
            QN_TRY(satisfies(&op->match[k], item, &from->target[i], &yes,
                             &far, &value, why));
        if (!yes || far > best_far ||
            (*target >= 0 && far == best_far && value >= best_value))
            continue;
        *target = i;
        best_far = far;
        best_value = value;
    }
    if (*target >= 0)
        return 0;
    return qn_fail(why, QN_EMISSING,
                   "no %s that `match` allows among its %d results",
                   from->stage->name, from->ntargets);
}

static int
match_default(struct index *ix, const struct qn_plan_stage *from,
              const struct qn_item *item, int *target, struct qn_error *why)
{
    struct qn_text key = {0};
    int rc;

    if (!ix->ready)
        QN_TRY(make_index(ix, from, why));
    rc = match_key(&key, &from->stage->combine, item, false, why);
    if (!rc)
        *target = find_entry(ix, qn_text_get(&key));
    qn_text_clear(&key);
    if (!rc && *target < 0)
        return no_partner(from, item, why);
    return rc;
}

/* ---- one task ------------------------------------------------------------------- */

struct resolving {
    const struct qn_plan *p;
    struct qn_plan_stage *st;
    struct index *index; /* [nuses] */
};

static const struct qn_type *
use_type(const struct resolving *r, const struct qn_use *u)
{
    if (u->stage >= 0)
        return &r->p->stage[u->stage].target[u->target].type;
    if (u->file >= 0)
        return &r->st->files.v[u->file].type;
    return NULL;
}

static int
scale_by_header(const struct resolving *r, const struct qn_operand *op,
                const struct qn_item *item, struct qn_use *u,
                struct qn_error *why)
{
    const struct qn_item *partner;
    double mine, theirs;

    if (u->stage >= 0)
        partner = &r->p->stage[u->stage].target[u->target].facts;
    else
        partner = &r->st->files.v[u->file];
    QN_TRY(number_field(item, op->scale_header, &mine, why));
    QN_TRY(number_field(partner, op->scale_header, &theirs, why));
    if (theirs == 0)
        return qn_fail(why, QN_EVALUE, "%s: %s is 0, nothing can be scaled by it",
                       partner->path, op->scale_header);
    u->scale = mine / theirs;
    return 0;
}

static int
use_file(const struct resolving *r, const struct qn_operand *op,
         const struct qn_item *item, struct qn_use *u, struct qn_error *why)
{
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_item want = {0};
    const struct qn_item *hit = NULL;
    char part[1024];
    int rc;

    part_of(part, sizeof part, op);
    QN_TRY(qn_fields_fill(&want.path, op->text, &fields, false, why));
    rc = qn_item_field(&want, QN_PLAN_PART, part, true, why);
    if (!rc && r->st->files.n)
        hit = bsearch(&want, r->st->files.v, r->st->files.n, sizeof want,
                      by_path);
    free(want.path);
    free(want.fields);
    if (rc)
        return rc;
    if (!hit)
        return qn_fail(why, QN_EMISSING, "operand file %s was not looked at",
                       op->text);
    if (hit->code)
        return qn_fail(why, hit->code, "operand: %s", hit->reason);
    u->file = (int)(hit - r->st->files.v);
    return 0;
}

static int
find_operand(const struct resolving *r, const struct qn_operand *op,
             const struct qn_item *item, struct qn_use *u, struct index *ix,
             struct qn_error *why)
{
    const struct qn_plan_stage *from;

    *u = (struct qn_use){.stage = -1, .target = -1, .file = -1,
                         .scale = op->scale, .number = op->number};
    switch (op->kind) {
    case QN_OPERAND_NUMBER:
    case QN_OPERAND_DATASET:
        return 0;
    case QN_OPERAND_HEADER:
        return number_field(item, op->text, &u->number, why);
    case QN_OPERAND_FILE:
        QN_TRY(use_file(r, op, item, u, why));
        break;
    case QN_OPERAND_STAGE:
        u->stage = op->stage_index;
        from = &r->p->stage[op->stage_index];
        if (op->nmatch)
            QN_TRY(match_explicit(op, from, item, &u->target, why));
        else
            QN_TRY(match_default(ix, from, item, &u->target, why));
        break;
    }
    return op->scale_header ? scale_by_header(r, op, item, u, why) : 0;
}

static int
step_type(const struct resolving *r, const struct qn_step *step,
          const struct qn_use *use, const struct qn_item *item,
          struct qn_type *cur, struct qn_error *why)
{
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_type out;
    void *params;
    int rc;

    if (step->kernel->real)
        cur->dtype = r->st->precision;
    for (int k = 0; k < step->noperands; k++) {
        const struct qn_type *t = use_type(r, &use[k]);

        if (!t || step->operand[k].reduce)
            continue;
        rc = qn_shape_fits(&cur->shape, &t->shape, why);
        if (rc)
            return qn_wrap(why, "%s", step->kernel->name);
    }
    rc = qn_plan_params(&params, step, &fields, why);
    out = *cur;
    if (!rc && step->kernel->type)
        rc = step->kernel->type(params, cur, &out, why);
    qn_plan_params_clear(&params, step);
    *cur = out;
    return rc ? qn_wrap(why, "%s", step->kernel->name) : 0;
}

static int
resolve_task(const struct resolving *r, struct qn_task *t,
             struct qn_error *why)
{
    const struct qn_stage *stage = r->st->stage;
    int u = 0;

    t->result = t->item->type;
    for (int i = 0; i < stage->nsteps; i++) {
        const struct qn_step *step = &stage->steps[i];

        for (int k = 0; k < step->noperands; k++)
            QN_TRY(find_operand(r, &step->operand[k], t->item,
                                &t->use[u + k], &r->index[u + k], why));
        QN_TRY(step_type(r, step, &t->use[u], t->item, &t->result, why));
        u += step->noperands;
    }
    return 0;
}

/* ---- results --------------------------------------------------------------------- */

static int
check_member(const struct qn_plan_stage *st, const struct qn_target *t,
             struct qn_task *task, const struct qn_task *first,
             struct qn_error *err)
{
    char mine[128], theirs[128], reason[512];

    if (qn_shape_equal(&task->result.shape, &first->result.shape))
        return 0;
    snprintf(reason, sizeof reason,
             "its shape is %s but %s, the first of the %d in stage %s, has %s",
             qn_shape_text(mine, sizeof mine, &task->result.shape),
             first->item->path, t->ntasks, st->stage->name,
             qn_shape_text(theirs, sizeof theirs, &first->result.shape));
    return qn_plan_fail_task(task, QN_FAILED, QN_ESHAPE, reason, err);
}

static int
resolve_members(struct qn_plan_stage *st, struct qn_target *t,
                struct qn_error *err)
{
    const struct qn_task *first = NULL;

    for (int i = 0; i < t->ntasks; i++) {
        struct qn_task *task = &st->task[t->task[i]];

        if (task->state != QN_TODO)
            continue;
        if (!first) {
            first = task;
            t->type = task->result;
            t->member = task->result.dtype;
            continue;
        }
        QN_TRY(check_member(st, t, task, first, err));
        if (task->state == QN_TODO && task->result.dtype != t->member)
            t->member = st->precision;
    }
    // integers are combined as they are, reals in the stage's precision
    if (qn_dtype_is_real(t->member))
        t->member = st->precision;
    return 0;
}

/* Fields that all members have with equal values go to the result. */
static int
common_fields(struct qn_plan_stage *st, struct qn_target *t,
              struct qn_error *err)
{
    const struct qn_item *first = st->task[t->task[0]].item;

    for (const char *p = first->fields; p && *p; p += strlen(p) + 1) {
        const char *cut = p + strcspn(p, "=$");
        struct qn_value a, b;
        char name[256], ta[1024], tb[1024];
        bool same = true;

        snprintf(name, sizeof name, "%.*s", (int)(cut - p), p);
        if (!qn_item_find(first, name, &a) ||
            qn_item_find(&t->facts, name, &b))
            continue;
        qn_fields_text(ta, sizeof ta, &a);
        for (int i = 1; i < t->ntasks && same; i++) {
            same = qn_item_find(st->task[t->task[i]].item, name, &b);
            if (same)
                same = !strcmp(ta, (qn_fields_text(tb, sizeof tb, &b), tb));
        }
        if (same)
            QN_TRY(qn_item_field(&t->facts, name, cut + 1, *cut == '$', err));
    }
    return 0;
}

static int
resolve_combined(struct qn_plan_stage *st, struct qn_target *t,
                 struct qn_error *err)
{
    const struct qn_group *g = &st->stage->combine;
    struct qn_step as_step = {.kernel = g->kernel, .params = g->params};
    struct qn_lookup fields = qn_item_lookup(&t->facts);
    struct qn_type in;
    void *params;
    int rc;

    QN_TRY(resolve_members(st, t, err));
    QN_TRY(common_fields(st, t, err));
    in = (struct qn_type){t->member, t->type.shape};
    rc = qn_plan_params(&params, &as_step, &fields, err);
    if (!rc)
        rc = g->kernel->type(params, &in, &t->type, err);
    qn_plan_params_clear(&params, &as_step);
    return rc;
}

/* The result of a file's frames has them along its leading axis. */
static int
add_leading_axis(struct qn_plan_stage *st, struct qn_target *t,
                 struct qn_error *err)
{
    struct qn_shape *s = &t->type.shape;

    if (s->ndims == QN_MAX_DIMS)
        return qn_fail(err, QN_ESHAPE, "stage %s: more than %d axes",
                       st->stage->name, QN_MAX_DIMS);
    memmove(s->n + 1, s->n, (size_t)s->ndims * sizeof *s->n);
    s->n[0] = qn_plan_all_members(st, t);
    s->ndims++;
    t->member = t->type.dtype;
    return 0;
}

static int
resolve_target(struct qn_plan_stage *st, struct qn_target *t,
               struct qn_error *err)
{
    if (st->stage->combine.given)
        QN_TRY(resolve_combined(st, t, err));
    else
        t->type = st->task[t->task[0]].result;
    if (st->stage->output.dtype >= 0)
        t->type.dtype = (enum qn_dtype)st->stage->output.dtype;
    if (qn_plan_joins(st))
        QN_TRY(add_leading_axis(st, t, err));
    if (!st->stage->combine.given) {
        const struct qn_task *task = &st->task[t->task[0]];

        if (task->code)
            return qn_plan_fail_target(t, task->state, task->code,
                                       task->reason, err);
        return 0;
    }
    return qn_plan_check_members(st, t, err);
}

int
qn_plan_resolve(struct qn_plan *p, int s, struct qn_items *files,
                struct qn_error *err)
{
    struct qn_plan_stage *st = &p->stage[s];
    struct resolving r = {.p = p, .st = st};
    int rc;

    st->files = *files;
    *files = (struct qn_items){0};
    rc = qn_memory_make((void **)&r.index, (size_t)st->nuses + 1,
                        sizeof *r.index, "the plan", err);
    for (int i = 0; i < st->ntasks && !rc; i++) {
        struct qn_error why = {0};
        int bad;

        if (st->task[i].state != QN_TODO)
            continue;
        bad = resolve_task(&r, &st->task[i], &why);
        if (bad == QN_ENOMEM)
            rc = qn_fail(err, bad, "%s", why.text);
        else if (bad)
            rc = qn_plan_fail_task(&st->task[i], QN_FAILED, bad, why.text,
                                   err);
    }
    for (int i = 0; i < st->nuses && r.index; i++)
        clear_index(&r.index[i]);
    free(r.index);
    for (int i = 0; i < st->ntargets && !rc; i++)
        rc = resolve_target(st, &st->target[i], err);
    st->resolved = true;
    return rc;
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
