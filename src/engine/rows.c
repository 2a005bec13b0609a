/* Rows of a CSV file as items: the first row names the columns. */
#include "engine/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/system.h"
#include "engine/inputs.h"
#include "io/csv.h"

/* The names, copied: the cells are the next row's afterwards. */
static int
take_names(struct qn_strings *names, const struct qn_csv *csv,
           const char *file, struct qn_error *err)
{
    for (size_t i = 0; i < csv->n; i++)
        if (!*csv->cells[i])
            return qn_fail(err, QN_EFORMAT, "%s: column %zu has no name", file,
                           i + 1);
    QN_TRY(qn_memory_make((void **)&names->v, csv->n, sizeof *names->v,
                          "the columns", err));
    for (size_t i = 0; i < csv->n; i++, names->n++)
        QN_TRY(qn_memory_copy(&names->v[i], csv->cells[i], err));
    return 0;
}

static int
add_row(struct qn_items *items, const struct qn_csv *csv,
        const struct qn_strings *names, const char *file,
        struct qn_error *err)
{
    struct qn_text path = {0};
    struct qn_item *item;
    char number[32];
    int rc;

    if (csv->n != names->n)
        return qn_fail(err, QN_EFORMAT,
                       "%s:%lld: %zu cells where the first row names %zu "
                       "columns",
                       file, (long long)csv->line, csv->n, names->n);
    for (size_t i = 0; i < csv->n; i++)
        qn_text_add(&path, "%s%s", i ? "," : "", csv->cells[i]);
    rc = qn_text_check(&path, err);
    if (!rc)
        rc = qn_item_add(items, qn_text_get(&path), &item, err);
    qn_text_clear(&path);
    QN_TRY(rc);
    for (size_t i = 0; i < csv->n; i++)
        QN_TRY(qn_item_field(&items->pool, item, names->v[i], csv->cells[i], false, err));
    snprintf(number, sizeof number, "%zu", items->n);
    return qn_item_field(&items->pool, item, "row", number, false, err);
}

static int
read_rows(struct qn_items *items, struct qn_csv *csv, const char *file,
          struct qn_error *err)
{
    struct qn_strings names = {0};
    int rc = qn_csv_row(csv, err);

    if (rc)
        return qn_wrap(err, "%s", file);
    rc = take_names(&names, csv, file, err);
    while (!rc) {
        rc = qn_csv_row(csv, err);
        if (rc)
            qn_wrap(err, "%s", file);
        if (rc || !csv->n)
            break;
        rc = add_row(items, csv, &names, file, err);
    }
    for (size_t i = 0; i < names.n; i++)
        free(names.v[i]);
    free(names.v);
    if (!rc && !items->n)
        rc = qn_fail(err, QN_EMISSING,
                     "%s has no rows; its first line names the columns, each "
                     "further one is an item",
                     file);
    return rc;
}

int
qn_rows_load(const struct qn_run *run, const struct qn_input *in,
             struct qn_items *items, struct qn_error *err)
{
    char *path = qn_inputs_path(run, in->rows), *text = NULL;
    struct qn_csv csv = {0};
    size_t n = 0;
    int rc = path ? qn_system_slurp(&text, &n, path, err)
                  : qn_fail(err, QN_ENOMEM, "no memory for a path");

    if (!rc) {
        qn_csv_open(&csv, text, n);
        rc = read_rows(items, &csv, in->rows, err);
    }
    qn_csv_clear(&csv);
    free(text);
    free(path);
    return rc;
}
