/* Results of a stage: which items belong to which, and what they are called.
 *
 * A result is an item's, a group's, or that of a file's frames. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/plan_parts.h"

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

/* Groups found so far, by their values: a hash table of target numbers. */
struct grouping {
    char **values; /* owned, each owned: of target i                      */
    int *slot;     /* owned, [slots]: target + 1, 0: free                 */
    size_t slots;  /* a power of two, more than twice the tasks           */
};

/* FNV-1a, 64 bits. */
static uint64_t
hash_text(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return h;
}

/* The place of these values: a group's, or a free one. */
static int *
find_slot(const struct grouping *g, const char *values)
{
    size_t at = hash_text(values) & (g->slots - 1);

    while (g->slot[at] && strcmp(g->values[g->slot[at] - 1], values))
        at = (at + 1) & (g->slots - 1);
    return &g->slot[at];
}

static int
open_grouping(struct grouping *g, int ntasks, struct qn_error *err)
{
    for (g->slots = 4; g->slots <= 2 * (size_t)ntasks; g->slots *= 2)
        ;
    QN_TRY(qn_memory_make((void **)&g->slot, g->slots, sizeof *g->slot,
                          "the groups", err));
    return qn_memory_make((void **)&g->values, (size_t)ntasks,
                          sizeof *g->values, "the groups", err);
}

static int
group_task(struct qn_plan_stage *st, struct grouping *g, int task,
           struct qn_error *err)
{
    struct qn_task *t = &st->task[task];
    struct qn_text values = {0};
    struct qn_error why = {0};
    int *slot, rc;

    // whether an item that could not be looked at belongs here is not known
    if (t->state == QN_FAILED &&
        (st->stage->combine.per.n || st->stage->input.where))
        return 0;
    rc = group_values(&values, &st->stage->combine, t->item, &why);
    if (rc) {
        qn_text_clear(&values);
        return qn_plan_fail_task(t, QN_FAILED, rc, why.text, err);
    }
    slot = find_slot(g, qn_text_get(&values));
    if (!*slot) {
        char **own = &g->values[st->ntargets];

        rc = qn_memory_copy(own, qn_text_get(&values), err);
        if (!rc)
            rc = make_group_target(st, *own, task, err);
        *slot = st->ntargets;
    }
    qn_text_clear(&values);
    return rc ? rc : join_target(st, *slot - 1, task, err);
}

static int
make_groups(struct qn_plan_stage *st, struct qn_error *err)
{
    struct grouping g = {0};
    int rc = open_grouping(&g, st->ntasks, err);

    for (int i = 0; i < st->ntasks && !rc; i++)
        rc = group_task(st, &g, i, err);
    for (int i = 0; i < st->ntasks && g.values; i++)
        free(g.values[i]);
    free(g.values);
    free(g.slot);
    return rc;
}

/* Frames come back as one result a file. */
static int
make_joined(struct qn_plan_stage *st, struct qn_error *err)
{
    for (int i = 0; i < st->ntasks; i++) {
        if (i && !qn_plan_frames_named(st->stage) &&
            !strcmp(st->task[i].item->path, st->task[i - 1].item->path)) {
            if (st->task[i - 1].target >= 0)
                QN_TRY(join_target(st, st->ntargets - 1, i, err));
            continue;
        }
        QN_TRY(make_item_target(st, i, err));
    }
    return 0;
}

int
qn_plan_group_targets(struct qn_plan_stage *st, struct qn_error *err)
{
    if (st->stage->combine.given)
        return make_groups(st, err);
    if (qn_plan_joins(st))
        return make_joined(st, err);
    for (int i = 0; i < st->ntasks; i++)
        QN_TRY(make_item_target(st, i, err));
    return 0;
}
