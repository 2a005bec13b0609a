/* Looking at the results to be merged, and whether they fit together.
 *
 * What must be equal comes as one text a result, and equal texts are kept once,
 * so that comparing a hundred thousand is comparing pointers. */
#include "engine/merge_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/dispatch.h"

int
qn_merge_look_path(char **path, const struct qn_merge *m,
                   const struct qn_merge_item *item, struct qn_error *err)
{
    if (asprintf(path, "%s/%s", m->list.output, item->name) < 0) {
        *path = NULL;
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    }
    return 0;
}

/* ---- looking ------------------------------------------------------------- */

static int
request_look(void *ctx, int64_t unit, json_t **request, double *timeout,
             struct qn_error *err)
{
    struct qn_merge *m = ctx;
    struct qn_merge_item *item = &m->list.item[unit];
    char *path;

    if (item->state != QN_MERGE_DONE)
        return 0;
    QN_TRY(qn_merge_look_path(&path, m, item, err));
    *request = json_pack("{s:s,s:s,s:b,s:O}", "op", "look", "path", path,
                         "concat", m->ask->concat, "fields", m->names);
    *timeout = 60;
    free(path);
    if (!*request)
        return qn_merge_list_break(&m->list, item, QN_EFORMAT,
                                   "its path is no UTF-8", err);
    return 0;
}

/* The pool's one copy of what a value looks like as text. */
static int
keep_json(struct qn_merge *m, const char **text, const json_t *value,
          struct qn_error *err)
{
    char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    int rc = dump ? qn_pool_intern(&m->list.pool, (const void **)text, dump,
                                   strlen(dump) + 1, err)
                  : qn_fail(err, QN_ENOMEM, "no memory for an answer");

    free(dump);
    return rc;
}

static int
keep_numbers(struct qn_merge *m, int64_t **to, const json_t *list,
             struct qn_error *err)
{
    size_t n = json_array_size(list);

    QN_TRY(qn_pool_make(&m->list.pool, (void **)to, n, sizeof **to, err));
    for (size_t i = 0; i < n; i++)
        (*to)[i] = json_integer_value(json_array_get(list, i));
    return 0;
}

static int
keep_fields(struct qn_merge *m, struct qn_merge_item *item,
            const json_t *fields, struct qn_error *err)
{
    if (!m->nfields)
        return 0;
    QN_TRY(qn_pool_make(&m->list.pool, (void **)&item->field, m->nfields,
                        sizeof *item->field, err));
    for (size_t f = 0; f < m->nfields; f++) {
        const json_t *pair = json_array_get(fields, f);
        const char *text = json_string_value(json_array_get(pair, 0));

        if (m->field[f].builtin)
            continue;
        // of rows with values of their own it goes for all of them
        if (json_is_true(json_array_get(pair, 1)))
            m->field[f].is_text = true;
        QN_TRY(
            qn_pool_text(&m->list.pool, (char **)&item->field[f], text, err));
    }
    return 0;
}

static int
keep_answer(struct qn_merge *m, struct qn_merge_item *item, const json_t *reply,
            struct qn_error *err)
{
    QN_TRY(keep_json(m, &item->form, json_object_get(reply, "sets"), err));
    QN_TRY(keep_json(m, &item->stores, json_object_get(reply, "stores"), err));
    QN_TRY(keep_json(m, &item->values, json_object_get(reply, "values"), err));
    QN_TRY(keep_json(m, &item->steps, json_object_get(reply, "steps"), err));
    QN_TRY(qn_pool_text(&m->list.pool, (char **)&item->key,
                        json_string_value(json_object_get(reply, "key")), err));
    QN_TRY(keep_numbers(m, &item->rows, json_object_get(reply, "rows"), err));
    QN_TRY(keep_numbers(m, &item->at, json_object_get(reply, "at"), err));
    return keep_fields(m, item, json_object_get(reply, "fields"), err);
}

static int
finish_look(void *ctx, int64_t unit, const json_t *reply,
            const struct qn_error *why, struct qn_error *err)
{
    struct qn_merge *m = ctx;
    struct qn_merge_item *item = &m->list.item[unit];
    const char *text = why->text;

    if (reply) {
        item->items = json_incref(json_object_get(reply, "items"));
        if (item->items)
            item->cells = json_incref(json_object_get(reply, "fields"));
        return keep_answer(m, item, reply, err);
    }
    if (why->code == QN_ECRASH)
        text = "it crashed its reader; remove it, and the next run makes it "
               "again";
    else if (why->code == QN_ETIMEOUT)
        text = "its reader did not come to an end; remove it, and the next "
               "run makes it again";
    return qn_merge_list_break(&m->list, item, why->code, text, err);
}

int
qn_merge_look_at(struct qn_merge *m, struct qn_error *err)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_work work = {.total = (int64_t)m->list.n,
                           .ctx = m,
                           .request = request_look,
                           .finish = finish_look};
    bool stopped = false;

    QN_TRY(qn_dispatch(&m->farm, &alone, &work, &stopped, err));
    return stopped ? qn_fail(err, QN_ESTOPPED, "stopped: nothing was merged")
                   : 0;
}

/* ---- comparing ----------------------------------------------------------- */

static const char *
text_of(const json_t *set, const char *key)
{
    const char *s = json_string_value(json_object_get(set, key));

    return s ? s : "";
}

/* "128 x 128", "n x 128" where the first may differ. */
static void
shape_text(char *buf, size_t size, const json_t *set)
{
    const json_t *shape = json_object_get(set, "shape");
    bool joined = json_is_true(json_object_get(set, "joined"));
    size_t n = 0;

    snprintf(buf, size, "a single value");
    for (size_t a = 0; a < json_array_size(shape) && n < size; a++) {
        long long len = json_integer_value(json_array_get(shape, a));

        n += joined && !a ? (size_t)snprintf(buf, size, "n")
                          : (size_t)snprintf(buf + n, size - n, "%s%lld",
                                             a ? " x " : "", len);
    }
}

static const json_t *
find_set(const json_t *sets, const json_t *like)
{
    const json_t *set;
    size_t i;

    json_array_foreach(
        sets, i,
        set) if (!strcmp(text_of(set, "product"), text_of(like, "product")) &&
                 !strcmp(text_of(set, "name"),
                         text_of(like, "name"))) return set;
    return NULL;
}

/* How the set of one differs from that of the first. */
static int
say_set(const json_t *mine, const json_t *theirs, const char *first,
        struct qn_error *why)
{
    char a[128], b[128];

    shape_text(a, sizeof a, mine);
    shape_text(b, sizeof b, theirs);
    return qn_fail(
        why, QN_ESHAPE,
        "/entry/%s/%s is %s of %s%s%s where that of %s is %s of "
        "%s%s%s",
        text_of(mine, "product"), text_of(mine, "name"), a,
        text_of(mine, "dtype"), *text_of(mine, "units") ? " in " : "",
        text_of(mine, "units"), first, b, text_of(theirs, "dtype"),
        *text_of(theirs, "units") ? " in " : "", text_of(theirs, "units"));
}

static int
say_difference(const struct qn_merge *m, const struct qn_merge_item *item,
               struct qn_error *why)
{
    json_t *mine = json_loads(item->form, 0, NULL),
           *theirs = json_loads(m->first->form, 0, NULL);
    const json_t *set, *other;
    size_t i;
    int rc = 0;

    json_array_foreach(theirs, i, set)
    {
        other = find_set(mine, set);
        if (rc || (other && json_equal(other, set)))
            continue;
        rc = other ? say_set(other, set, m->first->name, why)
                   : qn_fail(why, QN_ESHAPE,
                             "it has no /entry/%s/%s, which %s has",
                             text_of(set, "product"), text_of(set, "name"),
                             m->first->name);
    }
    if (!rc)
        rc = qn_fail(why, QN_ESHAPE, "it has products that %s has not",
                     m->first->name);
    json_decref(mine);
    json_decref(theirs);
    return rc;
}

/* Axes that are not joined must be the same. */
static int
check_axes(const struct qn_merge *m, const struct qn_merge_item *item,
           struct qn_error *why)
{
    if (item->values == m->first->values || !m->ask->concat)
        return 0;
    return qn_fail(why, QN_ESHAPE,
                   "its axes have other values than those of %s",
                   m->first->name);
}

static int
compare(const struct qn_merge *m, const struct qn_merge_item *item,
        struct qn_error *why)
{
    if (item->steps != m->first->steps)
        return qn_fail(why, QN_EVALUE,
                       "it was made by other steps than %s; let the run come "
                       "to its end first",
                       m->first->name);
    if (item->form != m->first->form)
        return say_difference(m, item, why);
    return check_axes(m, item, why);
}

/* The sets of the products that are wanted. */
static int
check_products(struct qn_merge *m, struct qn_error *err)
{
    json_t *all = json_loads(m->first->form, 0, NULL), *set;
    struct qn_text names = {0};
    const char *last = "";
    int rc = 0;
    size_t i;

    json_array_foreach(all, i, set)
    {
        if (strcmp(text_of(set, "product"), last) != 0)
            qn_text_add(&names, "%s%s", *last ? ", " : "",
                        text_of(set, "product"));
        last = text_of(set, "product");
    }
    for (size_t k = 0; k < m->ask->products.n && !rc; k++) {
        bool found = false;

        json_array_foreach(all, i, set) found =
            found || !strcmp(text_of(set, "product"), m->ask->products.v[k]);
        if (!found)
            rc = qn_fail(err, QN_EUSAGE,
                         "the results of %s have no product '%s'; they have: "
                         "%s",
                         m->list.stage, m->ask->products.v[k],
                         qn_text_get(&names));
    }
    m->nsets = json_array_size(all);
    json_decref(m->sets);
    m->sets = all;
    if (!rc && !m->nsets)
        rc = qn_fail(err, QN_EMISSING, "the results of %s have no products",
                     m->list.stage);
    qn_text_clear(&names);
    return rc;
}

/* Nothing can be merged; why not, of the first that is broken. */
static int
say_none(const struct qn_merge *m, struct qn_error *err)
{
    for (size_t i = 0; i < m->list.n; i++) {
        const struct qn_merge_item *item = &m->list.item[i];

        if (item->state == QN_MERGE_BROKEN)
            return qn_fail(err, item->code,
                           "no result of %s can be merged; the first that is "
                           "broken is %s: %s",
                           m->list.stage, item->name, item->reason);
    }
    return qn_fail(err, QN_EMISSING,
                   "no item of %s has a result that can be merged: "
                   "`quern status %s` says how the run stands",
                   m->list.stage, m->list.output);
}

int
qn_merge_look_compare(struct qn_merge *m, struct qn_error *err)
{
    m->first = NULL;
    m->once = true;
    for (size_t i = 0; i < m->list.n; i++) {
        struct qn_merge_item *item = &m->list.item[i];
        struct qn_error why;

        if (item->state != QN_MERGE_DONE)
            continue;
        if (!m->first)
            m->first = item;
        if (compare(m, item, &why)) {
            QN_TRY(
                qn_merge_list_break(&m->list, item, why.code, why.text, err));
            continue;
        }
        m->once = m->once && item->values == m->first->values;
    }
    if (!m->first)
        return say_none(m, err);
    return check_products(m, err);
}
