/* Results that hold many items each: every row becomes an item of the merge.
 *
 * What is true of the file goes for all its rows.  A part of which all items
 * failed was never written: they are on record.  Of one that cannot be read
 * nobody knows the items, so it takes one place. */
#include "engine/merge_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What goes for all rows, and what each has of its own.  An item that failed
 * has no result that could carry a header. */
static int
make_fields(struct qn_merge *m, struct qn_merge_item *row,
            const struct qn_merge_item *part, size_t r, struct qn_error *err)
{
    row->field = NULL;
    if (!part->field || row->state == QN_MERGE_FAILED)
        return 0;
    QN_TRY(qn_pool_make(&m->list.pool, (void **)&row->field, m->nfields,
                        sizeof *row->field, err));
    for (size_t f = 0; f < m->nfields; f++) {
        const json_t *values =
            json_array_get(json_array_get(part->cells, f), 2);

        row->field[f] = part->field[f];
        if (values && !m->field[f].builtin)
            QN_TRY(qn_pool_text(&m->list.pool, (char **)&row->field[f],
                                json_string_value(json_array_get(values, r)),
                                err));
    }
    return 0;
}

/* Row r of a part that was looked at. */
static int
make_row(struct qn_merge *m, struct qn_merge_item *row,
         const struct qn_merge_item *part, size_t r, struct qn_error *err)
{
    const json_t *cells = json_array_get(part->items, r);
    const char *reason = json_string_value(json_array_get(cells, 2));
    struct qn_pool *pool = &m->list.pool;

    *row = *part;
    row->items = row->cells = NULL;
    row->row = (int64_t)r;
    row->nrows = (int64_t)json_array_size(part->items);
    QN_TRY(qn_pool_text(pool, (char **)&row->label,
                        json_string_value(json_array_get(cells, 0)), err));
    QN_TRY(qn_pool_text(pool, (char **)&row->path,
                        json_string_value(json_array_get(cells, 1)), err));
    if (reason) {
        row->state = QN_MERGE_FAILED;
        QN_TRY(qn_pool_text(pool, (char **)&row->reason, reason, err));
    }
    return make_fields(m, row, part, r, err);
}

static size_t
count_failures(const struct qn_merge_item *part)
{
    size_t n = 0;

    for (const struct qn_merge_failure *f = part->failures; f; f = f->next)
        n++;
    return n;
}

/* Places of an entry of the list: its rows, its failures, or itself. */
static size_t
places(const struct qn_merge *m, const struct qn_merge_item *part)
{
    size_t failures = count_failures(part);

    if (part->items)
        return json_array_size(part->items);
    if (part->state == QN_MERGE_BROKEN || !failures)
        return 1;
    // of a run that was stopped there is more than what failed
    return failures + !m->list.ended;
}

static int
make_places(struct qn_merge *m, struct qn_merge_item *to,
            const struct qn_merge_item *part, struct qn_error *err)
{
    const struct qn_merge_failure *f = part->failures;
    size_t n = places(m, part);

    if (part->items) {
        for (size_t r = 0; r < n; r++)
            QN_TRY(make_row(m, &to[r], part, r, err));
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = *part;
        if (part->state == QN_MERGE_BROKEN || !part->failures)
            continue;
        to[i].state = f ? QN_MERGE_FAILED : QN_MERGE_ABSENT;
        to[i].path = f ? f->path : part->name;
        to[i].reason = f ? f->reason : NULL;
        f = f ? f->next : NULL;
    }
    return 0;
}

int
qn_merge_rows_expand(struct qn_merge *m, struct qn_error *err)
{
    struct qn_merge_list *l = &m->list;
    struct qn_merge_item *all;
    size_t n = 0, k = 0;
    int rc = 0;

    for (size_t i = 0; i < l->n; i++) {
        l->packed = l->packed || l->item[i].items;
        n += places(m, &l->item[i]);
    }
    if (!l->packed)
        return 0;
    QN_TRY(qn_memory_make((void **)&all, n, sizeof *all, "the items", err));
    for (size_t i = 0; i < l->n && !rc; i++) {
        rc = make_places(m, all + k, &l->item[i], err);
        k += places(m, &l->item[i]);
    }
    for (size_t i = 0; i < l->n; i++) {
        json_decref(l->item[i].items);
        json_decref(l->item[i].cells);
    }
    free(l->item);
    l->item = all;
    l->n = l->cap = n;
    return rc;
}

bool
qn_merge_rows_there(const struct qn_merge *m, const struct qn_merge_item *item)
{
    return item->nrows && (item->state == QN_MERGE_DONE ||
                           (item->state == QN_MERGE_FAILED && !m->ask->concat));
}

size_t
qn_merge_rows_run(const struct qn_merge *m, size_t i)
{
    const struct qn_merge_item *item = m->list.item;
    size_t n = 1;

    if (!qn_merge_rows_there(m, &item[i]))
        return 1;
    while (i + n < m->list.n && qn_merge_rows_there(m, &item[i + n]) &&
           item[i + n].name == item[i].name &&
           item[i + n].row == item[i].row + (int64_t)n)
        n++;
    return n;
}
