/* Making a plan: choosing items, grouping them, naming results.
 *
 * Knows no files and no ranks.  Partners and types are plan_match.c's,
 * fingerprints plan_key.c's, the names a stage needs plan_names.c's. */
#include "model/plan.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/shape.h"

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
    }
    return 0;
}

int
qn_plan_fail_task(struct qn_task *t, enum qn_state state, int code,
                  const char *reason, struct qn_error *err)
{
    if (t->state != QN_TODO)
        return 0;
    t->state = state;
    t->code = code;
    return qn_memory_copy(&t->reason, reason, err);
}

int
qn_plan_fail_target(struct qn_target *t, enum qn_state state, int code,
                    const char *reason, struct qn_error *err)
{
    if (t->state != QN_TODO)
        return 0;
    t->state = state;
    t->code = code;
    return qn_memory_copy(&t->reason, reason, err);
}

int64_t
qn_plan_frames(const struct qn_task *t)
{
    if (t->code || t->state == QN_SKIPPED)
        return 0;
    return t->item->frame < 0 ? 1 : t->item->nframes - t->nlost;
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

/* ---- frames as items ------------------------------------------------------- */

struct asking {
    bool frame;
};

static void
ask_frame(void *ctx, const char *name)
{
    struct asking *a = ctx;

    a->frame = a->frame || !strcmp(name, "frame");
}

/* Does the stage tell frames apart by their number? */
static bool
names_frame(const struct qn_stage *stage)
{
    struct asking a = {false};

    if (stage->input.where)
        qn_expr_names(&stage->input.where_expr, ask_frame, &a);
    for (size_t i = 0; i < stage->combine.per.n; i++)
        qn_expr_names(&stage->combine.per_expr[i], ask_frame, &a);
    if (stage->output.name)
        qn_fields_names(stage->output.name, ask_frame, &a, NULL);
    return a.frame;
}

/* Frames that are opened and claimed together: at least 64, or 64 MiB. */
static int64_t
run_of_frames(const struct qn_stage *stage, const struct qn_type *frame)
{
    int64_t bytes = qn_shape_count(&frame->shape) *
                    (int64_t)qn_dtype_size(frame->dtype);
    int64_t n = bytes > 0 ? (64 << 20) / bytes : 64;

    if (names_frame(stage))
        return 1;
    return n > 64 ? n : 64;
}

static int
expand_item(struct qn_items *out, const struct qn_stage *stage,
            const struct qn_item *from, struct qn_error *err)
{
    struct qn_type frame = from->type;
    int64_t all = from->type.shape.n[0], run;
    struct qn_item *it;

    if (from->code || from->type.shape.ndims < 1 || all < 1) {
        QN_TRY(qn_item_copy(out, from, &it, err));
        if (from->code)
            return 0;
        return qn_item_fail(it, QN_ESHAPE,
                            "it has no leading axis, so no frames", err);
    }
    frame.shape.ndims--;
    memmove(frame.shape.n, frame.shape.n + 1,
            (size_t)frame.shape.ndims * sizeof *frame.shape.n);
    run = run_of_frames(stage, &frame);
    for (int64_t at = 0; at < all; at += run) {
        QN_TRY(qn_item_copy(out, from, &it, err));
        it->type = frame;
        it->frame = at;
        it->nframes = all - at < run ? all - at : run;
    }
    return 0;
}

/* Files become runs of their frames. */
static int
expand_frames(struct qn_plan_stage *st, struct qn_error *err)
{
    struct qn_items runs = {0};
    int rc = 0;

    for (size_t i = 0; i < st->items.n && !rc; i++)
        rc = expand_item(&runs, st->stage, &st->items.v[i], err);
    qn_item_clear(&st->items);
    st->items = runs;
    return rc;
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
         struct qn_error *err)
{
    struct qn_task *t = &st->task[st->ntasks++];

    *t = (struct qn_task){.item = item, .source = item->source,
                          .target = -1};
    if (st->nuses)
        QN_TRY(qn_memory_make((void **)&t->use, (size_t)st->nuses,
                              sizeof *t->use, "the operands", err));
    if (item->code)
        return qn_plan_fail_task(t, QN_FAILED, item->code,
                                 item->reason ? item->reason : "", err);
    return 0;
}

/* Does item pass the stage's condition?  One whose condition cannot be told
 * is kept and fails, in the first stage that meets it: never silently absent,
 * and not said again by every stage that chooses from the same files. */
static int
consider(struct qn_plan_stage *st, size_t index, struct qn_error *err)
{
    const struct qn_item *item = &st->items.v[index];
    const struct qn_input *in = &st->stage->input;
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_error why = {0};
    bool yes = true;
    int rc = 0;

    if (in->where && item->told)
        yes = false;
    else if (in->where && !item->code)
        rc = qn_expr_true(&in->where_expr, &fields, &yes, &why);
    if (!rc && !yes) {
        st->rejected++;
        return 0;
    }
    QN_TRY(add_task(st, item, err));
    if (rc)
        return qn_plan_fail_task(&st->task[st->ntasks - 1], QN_FAILED, rc,
                                 why.text, err);
    return 0;
}

/* Stage `auto`: the widest stored type of all its items decides. */
static enum qn_dtype
choose_precision(const struct qn_plan *p, const struct qn_plan_stage *st)
{
    enum qn_dtype widest = QN_F32;

    if (p->job->precision == QN_PRECISION_F32)
        return QN_F32;
    if (p->job->precision == QN_PRECISION_F64)
        return QN_F64;
    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].item->probed &&
            qn_dtype_precision(st->task[i].item->stored) == QN_F64)
            widest = QN_F64;
    return widest;
}

/* ---- grouping and naming --------------------------------------------------- */

static int
add_target(struct qn_plan_stage *st, struct qn_target **out,
           struct qn_error *err)
{
    size_t cap = (size_t)st->ntargets;

    // capacity doubles at powers of two
    if (!(cap & (cap - 1))) {
        void *p = realloc(st->target, (cap ? cap * 2 : 1) * sizeof *st->target);

        if (!p)
            return qn_fail(err, QN_ENOMEM, "no memory for the plan");
        st->target = p;
    }
    *out = &st->target[st->ntargets++];
    **out = (struct qn_target){.facts = {.frame = -1, .source = -1}};
    return 0;
}

static int
join_target(struct qn_plan_stage *st, int target, int task,
            struct qn_error *err)
{
    struct qn_target *t = &st->target[target];
    int n = t->ntasks;

    if (!(n & (n - 1))) {
        void *p = realloc(t->task, (size_t)(n ? n * 2 : 1) * sizeof *t->task);

        if (!p)
            return qn_fail(err, QN_ENOMEM, "no memory for the plan");
        t->task = p;
    }
    t->task[t->ntasks++] = task;
    st->task[task].target = target;
    return 0;
}

static const char *
suffix(const struct qn_stage *stage)
{
    return stage->output.format == QN_FORMAT_FITS ? ".fits" : ".h5";
}

/* "STAGE/NAME.h5", NAME by the stage's pattern. */
static int
name_by_pattern(char **name, const struct qn_stage *stage,
                const char *pattern, const struct qn_item *item,
                struct qn_error *err)
{
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_text t = {0};
    char *filled = NULL;
    int rc = qn_fields_fill(&filled, pattern, &fields, true, err);

    if (!rc)
        qn_text_add(&t, "%s/%s%s", stage->name, filled, suffix(stage));
    free(filled);
    if (!rc)
        rc = qn_text_check(&t, err);
    *name = t.s;
    return rc;
}

static int
make_item_target(struct qn_plan_stage *st, int task, struct qn_error *err)
{
    const struct qn_item *item = st->task[task].item;
    const char *pattern = st->stage->output.name;
    struct qn_target *t;
    struct qn_error why = {0};
    int rc;

    if (!pattern)
        pattern = st->stage->input.each == QN_EACH_HDU ? "{stem}-{hdu}"
                                                       : "{stem}";

    QN_TRY(add_target(st, &t, err));
    QN_TRY(qn_memory_copy(&t->facts.path, item->path, err));
    QN_TRY(qn_item_append(&t->facts, item, err));
    QN_TRY(join_target(st, st->ntargets - 1, task, err));
    // a file in which nothing was found has no image to be named after
    if (item->code && !st->stage->output.name)
        pattern = "{stem}";
    rc = name_by_pattern(&t->name, st->stage, pattern, item, &why);
    if (rc == QN_ENOMEM)
        return qn_fail(err, rc, "%s", why.text);
    if (rc) {
        qn_wrap(&why, "output name \"%s\"", pattern);
        return qn_plan_fail_task(&st->task[task], QN_FAILED, rc, why.text,
                                 err);
    }
    return 0;
}

/* The values of `per` for an item, one a line, into key. */
static int
group_values(struct qn_text *key, const struct qn_group *g,
             const struct qn_item *item, struct qn_error *why)
{
    struct qn_lookup fields = qn_item_lookup(item);

    for (size_t i = 0; i < g->per.n; i++) {
        struct qn_value v;
        char text[1024];

        QN_TRY(qn_expr_value(&g->per_expr[i], &fields, &v, why));
        qn_fields_text(text, sizeof text, &v);
        qn_text_add(key, "%s\n", text);
    }
    if (g->per_file)
        qn_text_add(key, "%s\n", item->path);
    return 0;
}

/* A group's default name: its values, encoded, joined by "-". */
static int
name_by_values(char **name, const struct qn_plan_stage *st,
               const char *values, struct qn_error *err)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
    struct qn_text t = {0};

    qn_text_add(&t, "%s", st->stage->name);
    if (*values)
        qn_text_add(&t, "/");
    for (const char *p = values; *p; p++)
        if (*p == '\n')
            qn_text_add(&t, "%s", p[1] ? "-" : "");
        else if (strchr(safe, *p))
            qn_text_bytes(&t, p, 1);
        else
            qn_text_add(&t, "%%%02X", (unsigned)(unsigned char)*p);
    qn_text_add(&t, "%s", suffix(st->stage));
    *name = t.s;
    return qn_text_check(&t, err);
}

/* A field of a group that is no plain name ("round(EXPTIME, 1)") is found
 * under its text. */
static int
set_group_facts(struct qn_target *t, const struct qn_group *g,
                const char *values, struct qn_error *err)
{
    for (size_t i = 0; i < g->per.n && *values; i++) {
        size_t n = strcspn(values, "\n");
        char text[1024];

        snprintf(text, sizeof text, "%.*s", (int)n, values);
        QN_TRY(qn_item_field(&t->facts, g->per.v[i], text, false, err));
        values += n + 1;
    }
    return 0;
}

static int
make_group_target(struct qn_plan_stage *st, const char *values, int task,
                  struct qn_error *err)
{
    const struct qn_group *g = &st->stage->combine;
    const char *pattern = st->stage->output.name;
    const struct qn_item *item = st->task[task].item;
    struct qn_target *t;

    QN_TRY(add_target(st, &t, err));
    if (g->per_file) {
        QN_TRY(qn_memory_copy(&t->facts.path, item->path, err));
        QN_TRY(name_by_pattern(&t->name, st->stage,
                               pattern ? pattern : "{stem}", item, err));
    } else if (pattern) {
        QN_TRY(name_by_pattern(&t->name, st->stage, pattern, item, err));
    } else {
        QN_TRY(name_by_values(&t->name, st, values, err));
    }
    if (!t->facts.path)
        QN_TRY(qn_memory_copy(&t->facts.path, t->name, err));
    return set_group_facts(t, g, values, err);
}

struct grouping {
    char **values; /* of target i */
};

static int
find_group(const struct grouping *g, int n, const char *values)
{
    for (int i = n - 1; i >= 0; i--)
        if (!strcmp(g->values[i], values))
            return i;
    return -1;
}

static int
group_task(struct qn_plan_stage *st, struct grouping *g, int task,
           struct qn_error *err)
{
    struct qn_task *t = &st->task[task];
    struct qn_text values = {0};
    struct qn_error why = {0};
    int target, rc;

    // whether an item that could not be looked at belongs here is not known
    if (t->state == QN_FAILED &&
        (st->stage->combine.per.n || st->stage->input.where))
        return 0;
    rc = group_values(&values, &st->stage->combine, t->item, &why);
    if (rc) {
        qn_text_clear(&values);
        return qn_plan_fail_task(t, QN_FAILED, rc, why.text, err);
    }
    target = find_group(g, st->ntargets, qn_text_get(&values));
    if (target < 0) {
        char **v = realloc(g->values,
                           (size_t)(st->ntargets + 1) * sizeof *v);

        if (!v)
            return qn_fail(err, QN_ENOMEM, "no memory for the plan");
        g->values = v;
        QN_TRY(qn_memory_copy(&v[st->ntargets], qn_text_get(&values), err));
        rc = make_group_target(st, v[st->ntargets], task, err);
        target = st->ntargets - 1;
    }
    qn_text_clear(&values);
    return rc ? rc : join_target(st, target, task, err);
}

static int
make_groups(struct qn_plan_stage *st, struct qn_error *err)
{
    struct grouping g = {0};
    int rc = 0;

    for (int i = 0; i < st->ntasks && !rc; i++)
        rc = group_task(st, &g, i, err);
    for (int i = 0; i < st->ntargets && g.values; i++)
        free(g.values[i]);
    free(g.values);
    return rc;
}

/* Frames come back as one result a file. */
static int
make_joined(struct qn_plan_stage *st, struct qn_error *err)
{
    for (int i = 0; i < st->ntasks; i++) {
        if (i && !names_frame(st->stage) &&
            !strcmp(st->task[i].item->path, st->task[i - 1].item->path)) {
            if (st->task[i - 1].target >= 0)
                QN_TRY(join_target(st, st->ntargets - 1, i, err));
            continue;
        }
        QN_TRY(make_item_target(st, i, err));
    }
    return 0;
}

static int
make_targets(struct qn_plan_stage *st, struct qn_error *err)
{
    if (st->stage->combine.given)
        return make_groups(st, err);
    if (qn_plan_joins(st))
        return make_joined(st, err);
    for (int i = 0; i < st->ntasks; i++)
        QN_TRY(make_item_target(st, i, err));
    return 0;
}

/* The results of the input stage, as items. */
static int
take_results(struct qn_plan_stage *st, const struct qn_plan_stage *from,
             struct qn_error *err)
{
    for (int i = 0; i < from->ntargets; i++) {
        const struct qn_target *t = &from->target[i];
        struct qn_item *item;

        QN_TRY(qn_item_add(&st->items, t->facts.path, &item, err));
        QN_TRY(qn_item_append(item, &t->facts, err));
        item->bytes = -1;
        item->source = i;
        item->type = t->type;
        if (st->stage->input.product &&
            !strcmp(st->stage->input.product, "count"))
            item->type.dtype = QN_I32;
        item->stored = item->type.dtype;
        item->probed = t->code == 0;
    }
    return 0;
}

int
qn_plan_select(struct qn_plan *p, int s, struct qn_items *items,
               struct qn_error *err)
{
    struct qn_plan_stage *st = &p->stage[s];
    int from = st->stage->input.stage_index;

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
        QN_TRY(take_results(st, &p->stage[from], err));
    }
    if (st->stage->input.each == QN_EACH_FRAME)
        QN_TRY(expand_frames(st, err));
    if (st->items.n > INT_MAX)
        return qn_fail(err, QN_EJOB,
                       "stage %s: %zu items are more than the %d that one "
                       "stage may have; split it",
                       st->stage->name, st->items.n, INT_MAX);
    QN_TRY(qn_memory_make((void **)&st->task, st->items.n, sizeof *st->task,
                          "the plan", err));
    for (size_t i = 0; i < st->items.n; i++)
        QN_TRY(consider(st, i, err));
    if (!st->ntasks && st->stage->input.where)
        return nothing_kept(st, err);
    st->precision = choose_precision(p, st);
    return make_targets(st, err);
}

/* ---- checks ---------------------------------------------------------------- */

struct named {
    const char *name;
    const struct qn_plan_stage *st;
    const struct qn_target *t;
};

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name,
                  ((const struct named *)b)->name);
}

static int
check_name(const struct named *n, struct qn_error *err)
{
    for (const char *p = n->name; *p;) {
        size_t len = strcspn(p, "/");

        if (len > 240)
            return qn_fail(err, QN_EJOB,
                           "stage %s: the output name %.40s... is %zu bytes "
                           "long; give a shorter `output: {name: ...}`",
                           n->st->stage->name, p, len);
        if ((len == 2 && !strncmp(p, "..", 2)) || len == 0)
            return qn_fail(err, QN_EJOB,
                           "stage %s: the output name %s has an empty part "
                           "or leaves the output folder; give another "
                           "`output: {name: ...}`",
                           n->st->stage->name, n->name);
        p += len + (p[len] == '/');
    }
    return 0;
}

static const char *
first_path(const struct named *n)
{
    return n->t->ntasks ? n->st->task[n->t->task[0]].item->path : n->name;
}

static int
check_names(struct named *all, size_t n, struct qn_error *err)
{
    qsort(all, n, sizeof *all, by_name);
    for (size_t i = 0; i < n; i++) {
        QN_TRY(check_name(&all[i], err));
        if (i && !strcmp(all[i - 1].name, all[i].name))
            return qn_fail(err, QN_EJOB,
                           "stage %s: %s and %s would both be written to %s; "
                           "make `output: {name: ...}` tell them apart, for "
                           "example with {dir}",
                           all[i].st->stage->name, first_path(&all[i - 1]),
                           first_path(&all[i]), all[i].name);
    }
    return 0;
}

int
qn_plan_check(const struct qn_plan *p, struct qn_error *err)
{
    size_t n = 0, most = 1;
    struct named *all = NULL;
    int rc;

    for (int s = 0; s < p->job->nstages; s++)
        most += (size_t)p->stage[s].ntargets;
    QN_TRY(qn_memory_make((void **)&all, most, sizeof *all, "the plan", err));
    for (int s = 0; s < p->job->nstages; s++)
        for (int i = 0; i < p->stage[s].ntargets; i++)
            if (p->stage[s].target[i].name)
                all[n++] = (struct named){p->stage[s].target[i].name,
                                          &p->stage[s],
                                          &p->stage[s].target[i]};
    rc = check_names(all, n, err);
    free(all);
    return rc;
}

static void
clear_stage(struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++) {
        free(st->task[i].reason);
        free(st->task[i].lost);
        free(st->task[i].use);
    }
    for (int i = 0; i < st->ntargets; i++) {
        free(st->target[i].name);
        free(st->target[i].task);
        free(st->target[i].reason);
        free(st->target[i].facts.path);
        free(st->target[i].facts.fields);
    }
    free(st->task);
    free(st->target);
    qn_item_clear(&st->items);
    qn_item_clear(&st->files);
}

void
qn_plan_clear(struct qn_plan *p)
{
    for (int s = 0; p->stage && s < p->job->nstages; s++)
        clear_stage(&p->stage[s]);
    free(p->stage);
    *p = (struct qn_plan){0};
}
