/* Finding partners: which flat for this frame.
 *
 * By default the result with equal `per` values, of an item-by-item stage the
 * result of the same source file; else what `match` says. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/plan_parts.h"

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
    QN_TRY(qn_item_field(&files->pool, item, QN_PLAN_PART, part, true, err));
    // neighbours often share their file: a cheap first look
    if (files->n > 1 && !by_path(item - 1, item))
        files->n--;
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
        if (!kept || by_path(&files->v[kept - 1], &files->v[i]))
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

/* ---- results that may be partners --------------------------------------------- */

/* A stage whose results are packed has a partner in each row. */
static int
count_partners(const struct qn_plan_stage *from)
{
    return qn_plan_packs(from) ? from->ntasks : from->ntargets;
}

static const struct qn_item *
facts_of(const struct qn_plan_stage *from, int i)
{
    return qn_plan_packs(from) ? from->task[i].item : from->target[i].facts;
}

static void
take_partner(struct qn_use *u, const struct qn_plan_stage *from, int i)
{
    u->target = i;
    if (!qn_plan_packs(from))
        return;
    u->target = from->task[i].target;
    // the items of a part come one behind the other
    u->row = i - from->target[u->target].task[0];
}

/* ---- an index of results ------------------------------------------------------ */

static int
by_key(const void *a, const void *b)
{
    const struct qn_plan_entry *x = a, *y = b;
    int c = strcmp(x->key, y->key);

    return c ? c : x->partner - y->partner;
}

/* What a result, or an item that looks for one, is matched with. */
static int
match_key(struct qn_text *key, const struct qn_group *g,
          const struct qn_item *item, bool result, struct qn_error *why)
{
    struct qn_lookup fields = qn_item_lookup(item);

    if (!g->given || g->per_file) {
        qn_text_add(key, "%s", item->path);
        return qn_text_check(key, why);
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
    return qn_text_check(key, why);
}

static int
make_index(struct qn_plan_index *ix, const struct qn_plan_stage *from,
           struct qn_error *err)
{
    ix->ready = true;
    QN_TRY(qn_memory_make((void **)&ix->v, (size_t)count_partners(from),
                          sizeof *ix->v, "the plan", err));
    for (int i = 0; i < count_partners(from); i++) {
        struct qn_text key = {0};
        int rc = match_key(&key, &from->stage->combine, facts_of(from, i),
                           true, err);

        if (!rc && !key.s)
            qn_text_add(&key, "%s", "");
        if (!rc)
            rc = qn_text_check(&key, err);
        if (rc) {
            qn_text_clear(&key);
            return rc;
        }
        ix->v[ix->n++] = (struct qn_plan_entry){key.s, i};
    }
    if (ix->n)
        qsort(ix->v, (size_t)ix->n, sizeof *ix->v, by_key);
    return 0;
}

static int
find_entry(const struct qn_plan_index *ix, const char *key)
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
        return ix->v[lo].partner;
    return -1;
}

void
qn_plan_match_clear(struct qn_plan_index *ix)
{
    for (int i = 0; i < ix->n; i++)
        free(ix->v[i].key);
    free(ix->v);
    *ix = (struct qn_plan_index){0};
}

/* ---- matching ------------------------------------------------------------------ */

enum { MOST_SAID = 8 };

/* The values that results have, each once, and a few only. */
static void
list_values(struct qn_text *out, const struct qn_plan_stage *from,
            const char *field)
{
    char said[MOST_SAID][80];
    int n = 0;

    for (int i = 0; i < count_partners(from); i++) {
        struct qn_value v;
        char text[80];
        int k = 0;

        if (!qn_item_find(facts_of(from, i), field, &v))
            continue;
        qn_fields_text(text, sizeof text, &v);
        while (k < n && strcmp(said[k], text) != 0)
            k++;
        if (k < n)
            continue;
        if (n == MOST_SAID) {
            qn_text_add(out, ", ...");
            return;
        }
        strcpy(said[n], text);
        qn_text_add(out, "%s%s", n++ ? ", " : "", text);
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
                    from->stage->name, count_partners(from));
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

    char text[80];

    if (!qn_item_find(item, name, &v))
        return qn_fail(why, QN_EMISSING, "no header value %s", name);
    *number = v.number;
    if (v.kind == QN_VALUE_NUMBER ||
        (v.kind == QN_VALUE_TEXT && qn_fields_number(number, v.text) &&
         isfinite(*number)))
        return 0;
    qn_fields_text(text, sizeof text, &v);
    return qn_fail(why, QN_EVALUE, "%s is '%s', not a finite number", name,
                   text);
}

/* The same of a result of from, or of an operand file where that is NULL. */
static int
partner_number(const struct qn_plan_stage *from, const struct qn_item *partner,
               const char *name, double *number, struct qn_error *why)
{
    struct qn_value v;

    if (from && from->stage->combine.given && !qn_item_find(partner, name, &v))
        return qn_fail(why, QN_EMISSING,
                       "%s has no %s, as its members do not share one: name "
                       "it in the `per` of %s",
                       partner->path, name, from->stage->name);
    if (!number_field(partner, name, number, why))
        return 0;
    return qn_wrap(why, "%s", partner->path);
}

/* Does a result of these facts satisfy one element of match?  *far: how far it
 * is. */
static int
satisfies(const struct qn_match *m, const struct qn_item *item,
          const struct qn_item *facts, bool *yes, double *far, double *value,
          struct qn_error *why)
{
    struct qn_value a, b;
    char ta[1024], tb[1024];

    if (!qn_item_find(item, m->field, &a))
        return qn_fail(why, QN_EMISSING, "no header value %s to match with",
                       m->field);
    *yes = qn_item_find(facts, m->field, &b);
    if (!*yes)
        return 0;
    if (m->nearest) {
        double x;

        QN_TRY(number_field(item, m->field, &x, why));
        QN_TRY(partner_number(NULL, facts, m->field, value, why));
        *far = fabs(x - *value);
        *yes = isnan(m->within) || *far <= m->within;
        return 0;
    }
    qn_fields_text(ta, sizeof ta, &a);
    qn_fields_text(tb, sizeof tb, &b);
    *yes = !strcmp(ta, tb);
    return 0;
}

/* "no dark for FILTER 'Z' (there are B, V), EXPTIME 45 within 5 (there are
 * 300)" */
static int
no_match(const struct qn_operand *op, const struct qn_plan_stage *from,
         const struct qn_item *item, struct qn_error *why)
{
    struct qn_text t = {0};
    int rc;

    for (size_t k = 0; k < op->nmatch; k++) {
        const struct qn_match *m = &op->match[k];
        struct qn_text values = {0};
        struct qn_value v = {0};
        char text[80];

        qn_item_find(item, m->field, &v);
        qn_fields_text(text, sizeof text, &v);
        list_values(&values, from, m->field);
        qn_text_add(&t, "%s%s '%s'", k ? ", " : "", m->field, text);
        if (m->nearest && !isnan(m->within))
            qn_text_add(&t, " within %g", m->within);
        if (values.len)
            qn_text_add(&t, " (there are %s)", qn_text_get(&values));
        else if (from->stage->combine.given)
            qn_text_add(&t, " (none has it, as its members do not share one: "
                            "name it in the `per` of %s)",
                        from->stage->name);
        else
            qn_text_add(&t, " (none has it)");
        qn_text_clear(&values);
    }
    rc = qn_fail(why, QN_EMISSING, "no %s for %s", from->stage->name,
                 qn_text_get(&t));
    qn_text_clear(&t);
    return rc;
}

/* The result that `match` names: equal fields, then the nearest; ties to the
 * smaller value, then to item order. */
static int
match_explicit(const struct qn_operand *op, const struct qn_plan_stage *from,
               const struct qn_item *item, int *partner, struct qn_error *why)
{
    double best_far = INFINITY, best_value = INFINITY;

    *partner = -1;
    for (int i = 0; i < count_partners(from); i++) {
        bool yes = true;
        double far = 0, value = 0;

        for (size_t k = 0; k < op->nmatch && yes; k++)
            QN_TRY(satisfies(&op->match[k], item, facts_of(from, i), &yes,
                             &far, &value, why));
        if (!yes || far > best_far ||
            (*partner >= 0 && far == best_far && value >= best_value))
            continue;
        *partner = i;
        best_far = far;
        best_value = value;
    }
    if (*partner >= 0)
        return 0;
    return no_match(op, from, item, why);
}

static int
match_default(struct qn_plan_index *ix, const struct qn_plan_stage *from,
              const struct qn_item *item, int *partner, struct qn_error *why)
{
    struct qn_text key = {0};
    int rc;

    if (!ix->ready)
        QN_TRY(make_index(ix, from, why));
    rc = match_key(&key, &from->stage->combine, item, false, why);
    if (!rc)
        *partner = find_entry(ix, qn_text_get(&key));
    qn_text_clear(&key);
    if (!rc && *partner < 0)
        return no_partner(from, item, why);
    return rc;
}

/* ---- operands of one item ------------------------------------------------------------------- */

static int
scale_by_header(const struct qn_plan_resolving *r, const struct qn_operand *op,
                const struct qn_item *item, struct qn_use *u,
                struct qn_error *why)
{
    const struct qn_task *row = qn_plan_pack_use(r->p, u);
    const struct qn_plan_stage *from = NULL;
    const struct qn_item *partner;
    double mine, theirs;

    if (u->stage >= 0) {
        from = &r->p->stage[u->stage];
        partner = row ? row->item : from->target[u->target].facts;
    } else {
        partner = &r->st->files.v[u->file];
    }
    QN_TRY(number_field(item, op->scale_header, &mine, why));
    QN_TRY(partner_number(from, partner, op->scale_header, &theirs, why));
    if (theirs == 0)
        return qn_fail(why, QN_EVALUE, "%s: %s is 0, nothing can be scaled by it",
                       partner->path, op->scale_header);
    u->scale = mine / theirs;
    return 0;
}

static int
use_file(const struct qn_plan_resolving *r, const struct qn_operand *op,
         const struct qn_item *item, struct qn_use *u, struct qn_error *why)
{
    struct qn_lookup fields = qn_item_lookup(item);
    struct qn_pool pool = {0};
    struct qn_item want = {0};
    const struct qn_item *hit = NULL;
    char part[1024], *path;
    int rc;

    part_of(part, sizeof part, op);
    QN_TRY(qn_fields_fill(&path, op->text, &fields, false, why));
    want.path = path;
    rc = qn_item_field(&pool, &want, QN_PLAN_PART, part, true, why);
    if (!rc && r->st->files.n)
        hit = bsearch(&want, r->st->files.v, r->st->files.n, sizeof want,
                      by_path);
    qn_pool_clear(&pool);
    free(path);
    if (rc)
        return rc;
    if (!hit)
        return qn_fail(why, QN_EMISSING, "operand file %s was not looked at",
                       op->text);
    if (hit->code)
        return qn_fail(why, hit->code, "operand %s: %s", hit->path,
                       hit->reason);
    u->file = (int)(hit - r->st->files.v);
    return 0;
}

int
qn_plan_match_operand(const struct qn_plan_resolving *r, const struct qn_operand *op,
             const struct qn_item *item, struct qn_use *u, struct qn_plan_index *ix,
             struct qn_error *why)
{
    const struct qn_plan_stage *from;
    int partner;

    *u = (struct qn_use){.stage = -1, .target = -1, .row = -1, .file = -1,
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
            QN_TRY(match_explicit(op, from, item, &partner, why));
        else
            QN_TRY(match_default(ix, from, item, &partner, why));
        take_partner(u, from, partner);
        break;
    }
    return op->scale_header ? scale_by_header(r, op, item, u, why) : 0;
}
