/* Fields of items: where they come from, what kind they are, and the order
 * that one of them gives.
 *
 * A column is one of numbers if all its values read as numbers; a value that
 * its header writes as text is text. */
#include "engine/merge_parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "model/fields.h"
#include "model/item.h"

/* ---- what is asked for --------------------------------------------------- */

static int
add_field(struct qn_merge *m, const char *name, struct qn_error *err)
{
    static const char *const ours[] = {"path", "file", "status", "reason",
                                       "key"};

    if (!*name || strchr(name, '/'))
        return qn_fail(err, QN_EUSAGE,
                       "results carry header cards and no HDF5 paths: '%s' "
                       "cannot be a column",
                       name);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (m->ncolumns == m->nfields && i > 0 && !strcmp(ours[i], name))
            return qn_fail(err, QN_EUSAGE,
                           "/entry/items has a column '%s' of its own", name);
    m->field[m->nfields++] =
        (struct qn_merge_field){.name = name, .builtin = qn_item_builtin(name)};
    json_array_append_new(m->names, json_string(name));
    return 0;
}

static bool
has_field(const struct qn_merge *m, const char *name)
{
    for (size_t i = 0; i < m->nfields; i++)
        if (!strcmp(m->field[i].name, name))
            return true;
    return false;
}

int
qn_merge_order_open(struct qn_merge *m, struct qn_error *err)
{
    const struct qn_merge_ask *ask = m->ask;

    m->names = json_array();
    QN_TRY(qn_memory_make((void **)&m->field, ask->fields.n + 1,
                          sizeof *m->field, "fields", err));
    for (size_t i = 0; i < ask->fields.n; i++) {
        // that column is always there
        if (!strcmp(ask->fields.v[i], "path") || has_field(m, ask->fields.v[i]))
            continue;
        QN_TRY(add_field(m, ask->fields.v[i], err));
        m->ncolumns = m->nfields;
    }
    return ask->sort && !has_field(m, ask->sort) ? add_field(m, ask->sort, err)
                                                 : 0;
}

/* ---- values -------------------------------------------------------------- */

/* Names, folders and the like come from the path; frames and HDUs are not
 * known of a result. */
static int
take_builtin(struct qn_merge *m, struct qn_merge_item *item, size_t f,
             struct qn_error *err)
{
    struct qn_item one = {.path = item->path, .frame = -1, .source = -1};
    struct qn_value value;
    char text[4096];

    if (!qn_item_find(&one, m->field[f].name, &value))
        return 0;
    qn_fields_text(text, sizeof text, &value);
    m->field[f].is_text = true;
    return qn_pool_text(&m->list.pool, (char **)&item->field[f], text, err);
}

static int
make_values(struct qn_merge *m, struct qn_merge_item *item,
            struct qn_error *err)
{
    if (!item->field && m->nfields)
        QN_TRY(qn_pool_make(&m->list.pool, (void **)&item->field, m->nfields,
                            sizeof *item->field, err));
    for (size_t f = 0; f < m->nfields; f++)
        if (m->field[f].builtin)
            QN_TRY(take_builtin(m, item, f, err));
    return 0;
}

const char *
qn_merge_order_value(const struct qn_merge *m, const struct qn_merge_item *item,
                     size_t f)
{
    (void)m;
    return item->field ? item->field[f] : NULL;
}

static bool
is_whole(const char *text)
{
    char *end;

    errno = 0;
    strtoll(text, &end, 10);
    return !*end && end != text && !errno;
}

static void
judge(struct qn_merge *m, size_t f)
{
    struct qn_merge_field *field = &m->field[f];

    field->whole = true;
    for (size_t i = 0; i < m->list.n; i++) {
        const char *text = qn_merge_order_value(m, &m->list.item[i], f);
        double x;

        field->found += text != NULL;
        field->whole = field->whole && text && is_whole(text);
        if (text && !qn_fields_number(&x, text))
            field->is_text = true;
    }
    field->whole = field->whole && !field->is_text;
    if (!field->found)
        field->is_text = true;
}

int
qn_merge_order_settle(struct qn_merge *m, struct qn_error *err)
{
    for (size_t i = 0; i < m->list.n; i++)
        QN_TRY(make_values(m, &m->list.item[i], err));
    for (size_t f = 0; f < m->nfields; f++) {
        judge(m, f);
        if (!m->field[f].found && f < m->ncolumns)
            qn_message(QN_WARNING, "no result has a field '%s'",
                       m->field[f].name);
    }
    return 0;
}

/* ---- order --------------------------------------------------------------- */

struct sorting {
    const char *text; /* NULL: missing */
    double number;
    bool numeric;
    size_t i;
};

/* What has no value comes last; equal values keep the order of items. */
static int
by_value(const void *a, const void *b)
{
    const struct sorting *x = a, *y = b;
    int c = 0;

    if (!x->text != !y->text)
        return x->text ? -1 : 1;
    if (x->text && x->numeric)
        c = (x->number > y->number) - (x->number < y->number);
    else if (x->text)
        c = strcmp(x->text, y->text);
    if (!c)
        c = (x->i > y->i) - (x->i < y->i);
    return c;
}

static void
take_value(struct sorting *s, const struct qn_merge *m, size_t i, size_t f)
{
    const char *text = qn_merge_order_value(m, &m->list.item[i], f);

    *s =
        (struct sorting){.text = text, .numeric = !m->field[f].is_text, .i = i};
    if (!text || !s->numeric)
        return;
    if (!qn_fields_number(&s->number, text) || isnan(s->number))
        s->text = NULL;
}

int
qn_merge_order_sort(struct qn_merge *m, struct qn_error *err)
{
    struct qn_merge_item *all = NULL;
    struct sorting *s = NULL;
    size_t f = 0, n = m->list.n;
    int rc;

    if (!m->ask->sort || !n)
        return 0;
    while (strcmp(m->field[f].name, m->ask->sort) != 0)
        f++;
    if (!m->field[f].found)
        return qn_fail(err, QN_EMISSING,
                       "no result has a field '%s' to sort by; `quern ls "
                       "FILE` shows what one carries",
                       m->ask->sort);
    rc = qn_memory_make((void **)&s, n, sizeof *s, "the order", err);
    if (!rc)
        rc = qn_memory_make((void **)&all, n, sizeof *all, "the order", err);
    for (size_t i = 0; i < n && !rc; i++)
        take_value(&s[i], m, i, f);
    if (!rc) {
        qsort(s, n, sizeof *s, by_value);
        for (size_t i = 0; i < n; i++)
            all[i] = m->list.item[s[i].i];
        free(m->list.item);
        m->list.item = all;
        m->list.cap = n;
    }
    free(s);
    return rc;
}
