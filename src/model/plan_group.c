/* Results of a stage: which items belong to which, and what they are called.
 *
 * A result is an item's, a group's, or that of a file's frames. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/command.h"
#include "model/plan_parts.h"

/* Room for n results. */
static int
reserve_targets(struct qn_plan_stage *st, int n, struct qn_error *err)
{
    struct qn_target *v;

    QN_TRY(qn_pool_make(&st->pool, (void **)&v, (size_t)n, sizeof *v, err));
    if (st->ntargets)
        memcpy(v, st->target, (size_t)st->ntargets * sizeof *v);
    st->target = v;
    st->targets_cap = n;
    return 0;
}

/* Append the result that a task makes or is the first member of. */
static int
add_target(struct qn_plan_stage *st, struct qn_target **out, int task,
           struct qn_error *err)
{
    static const struct qn_fingerprint none;
    const void *key = NULL;

    if (st->ntargets == st->targets_cap)
        QN_TRY(reserve_targets(st, st->ntargets ? 2 * st->ntargets : 4, err));
    QN_TRY(qn_pool_intern(&st->pool, &key, &none, sizeof none, err));
    *out = &st->target[st->ntargets++];
    **out = (struct qn_target){.type = st->task[task].item->type, .key = key};
    return 0;
}

/* Facts of its own, for a result that is more than its item. */
static int
add_facts(struct qn_plan_stage *st, struct qn_target *t, struct qn_item **out,
          const char *path, struct qn_error *err)
{
    struct qn_item *facts;

    QN_TRY(qn_pool_make(&st->pool, (void **)&facts, 1, sizeof *facts, err));
    *facts = (struct qn_item){
        .path = path, .type = t->type, .frame = -1, .source = -1};
    t->facts = *out = facts;
    return 0;
}

static void
join_target(struct qn_plan_stage *st, int target, int task)
{
    st->target[target].ntasks++;
    st->task[task].target = target;
}

/* Members of each result, in item order, one result behind the other. */
static int
list_members(struct qn_plan_stage *st, struct qn_error *err)
{
    int *member, at = 0;

    QN_TRY(qn_pool_make(&st->pool, (void **)&member, (size_t)st->ntasks,
                        sizeof *member, err));
    for (int i = 0; i < st->ntargets; i++) {
        struct qn_target *t = &st->target[i];

        t->task = &member[at];
        at += t->ntasks;
        t->ntasks = 0;
    }
    for (int i = 0; i < st->ntasks; i++) {
        struct qn_target *t;

        if (st->task[i].target < 0)
            continue;
        t = &st->target[st->task[i].target];
        member[t->task - member + t->ntasks++] = i;
    }
    return 0;
}

static const char *
suffix(const struct qn_stage *stage)
{
    return stage->output.format == QN_FORMAT_FITS ? ".fits" : ".h5";
}

/* A name that was put together, into the plan. */
static int
keep_name(struct qn_plan_stage *st, const char **name, struct qn_text *t,
          struct qn_error *err)
{
    char *copy = NULL;
    int rc = qn_text_check(t, err);

    if (!rc)
        rc = qn_pool_text(&st->pool, &copy, qn_text_get(t), err);
    qn_text_clear(t);
    *name = copy;
    return rc;
}

/* "STAGE/NAME.h5", NAME by the stage's pattern. */
static int
name_by_pattern(struct qn_plan_stage *st, const char **name,
                const char *pattern, const struct qn_item *item,
                struct qn_error *err)
{
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_text t = {0};
    char *filled = NULL;
    int rc = qn_fields_fill(&filled, pattern, &fields, true, err);

    if (!rc)
        qn_text_add(&t, "%s/%s%s", st->stage->name, filled,
                    suffix(st->stage));
    free(filled);
    return rc ? rc : keep_name(st, name, &t, err);
}

/* What its program writes first; without that its path, as one name. */
static int
name_by_command(struct qn_plan_stage *st, const char **name,
                const struct qn_item *item, struct qn_error *err)
{
    const struct qn_command *c = &st->stage->command;
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_text t = {0};
    char *filled = NULL;
    int rc = c->writes.n
                 ? qn_command_output(&filled, c, 0, &fields, err)
                 : qn_fields_fill(&filled, "{path}", &fields, true, err);

    if (!rc)
        qn_text_add(&t, "%s/%s", st->stage->name, filled);
    free(filled);
    return rc ? rc : keep_name(st, name, &t, err);
}

static int
make_item_target(struct qn_plan_stage *st, int task, struct qn_error *err)
{
    const struct qn_item *item = st->task[task].item;
    const char *pattern = st->stage->output.name;
    struct qn_target *t;
    struct qn_item *facts;
    struct qn_error why = {0};
    int rc;

    if (!pattern)
        pattern = st->stage->input.each == QN_EACH_HDU ? "{stem}-{hdu}"
                                                       : "{stem}";

    QN_TRY(add_target(st, &t, task, err));
    t->facts = item;
    if (item->frame >= 0) {
        QN_TRY(add_facts(st, t, &facts, item->path, err));
        facts->fields = item->fields;
    }
    join_target(st, st->ntargets - 1, task);
    // a file in which nothing was found has no image to be named after
    if (item->code && !st->stage->output.name)
        pattern = "{stem}";
    rc = st->stage->command.given
             ? name_by_command(st, &t->name, item, &why)
             : name_by_pattern(st, &t->name, pattern, item, &why);
    if (rc == QN_ENOMEM)
        return qn_fail(err, rc, "%s", why.text);
    if (rc) {
        qn_wrap(&why, "output name \"%s\"", pattern);
        return qn_plan_fail_task(st, &st->task[task], QN_FAILED, rc, why.text,
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
    return qn_text_check(key, why);
}

/* A group's default name: its values, encoded, joined by "-". */
static int
name_by_values(struct qn_plan_stage *st, const char **name,
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
    return keep_name(st, name, &t, err);
}

/* A field of a group that is no plain name ("round(EXPTIME, 1)") is found
 * under its text. */
static int
set_group_facts(struct qn_pool *pool, struct qn_item *facts,
                const struct qn_group *g, const char *values,
                struct qn_error *err)
{
    for (size_t i = 0; i < g->per.n && *values; i++) {
        size_t n = strcspn(values, "\n");
        char text[1024];

        snprintf(text, sizeof text, "%.*s", (int)n, values);
        QN_TRY(qn_item_field(pool, facts, g->per.v[i], text, false, err));
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
    struct qn_item *facts;

    QN_TRY(add_target(st, &t, task, err));
    if (g->per_file && !pattern)
        pattern = "{stem}";
    if (pattern)
        QN_TRY(name_by_pattern(st, &t->name, pattern, item, err));
    else
        QN_TRY(name_by_values(st, &t->name, values, err));
    QN_TRY(add_facts(st, t, &facts, g->per_file ? item->path : t->name, err));
    return set_group_facts(&st->pool, facts, g, values, err);
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
        if (rc == QN_ENOMEM) // not the item's fault
            return qn_fail(err, rc, "%s", why.text);
        return qn_plan_fail_task(st, t, QN_FAILED, rc, why.text, err);
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
    if (!rc)
        join_target(st, *slot - 1, task);
    return rc;
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
                join_target(st, st->ntargets - 1, i);
            continue;
        }
        QN_TRY(make_item_target(st, i, err));
    }
    return 0;
}

/* A result for every item. */
static int
make_single(struct qn_plan_stage *st, struct qn_error *err)
{
    QN_TRY(reserve_targets(st, st->ntasks, err));
    for (int i = 0; i < st->ntasks; i++)
        QN_TRY(make_item_target(st, i, err));
    return 0;
}

int
qn_plan_group_parts(struct qn_plan_stage *st, int rows, struct qn_error *err)
{
    QN_TRY(reserve_targets(st, (st->ntasks + rows - 1) / rows, err));
    for (int i = 0; i < st->ntasks; i++) {
        struct qn_text name = {0};
        struct qn_item *facts;
        struct qn_target *t;

        if (i % rows == 0) {
            QN_TRY(add_target(st, &t, i, err));
            qn_text_add(&name, "%s/part-%06d.h5", st->stage->name, i / rows);
            QN_TRY(keep_name(st, &t->name, &name, err));
            QN_TRY(add_facts(st, t, &facts, t->name, err));
        }
        join_target(st, i / rows, i);
    }
    return list_members(st, err);
}

int
qn_plan_group_targets(struct qn_plan_stage *st, struct qn_error *err)
{
    // parts are cut when their types are known
    if (qn_plan_packs(st))
        return 0;
    if (st->stage->combine.given)
        QN_TRY(make_groups(st, err));
    else if (qn_plan_joins(st))
        QN_TRY(make_joined(st, err));
    else
        QN_TRY(make_single(st, err));
    return list_members(st, err);
}
