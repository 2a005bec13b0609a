/* What each item of a merged file is: /entry/items, a dataset a column.
 *
 * Cells are kept until the last item is known: a column of texts is as wide as
 * its longest. */
#include "io/writer_merge_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

int
qn_writer_merge_index_open(struct qn_merge_index *x,
                           const struct qn_merge_form *form,
                           struct qn_error *err)
{
    size_t n = form->ncolumns;

    QN_TRY(
        qn_memory_make((void **)&x->name, n, sizeof *x->name, "columns", err));
    QN_TRY(
        qn_memory_make((void **)&x->type, n, sizeof *x->type, "columns", err));
    QN_TRY(qn_memory_make((void **)&x->is_text, n, sizeof *x->is_text,
                          "columns", err));
    for (; x->n < n; x->n++) {
        x->type[x->n] = form->column[x->n].type;
        x->is_text[x->n] = form->column[x->n].is_text;
        QN_TRY(qn_memory_copy(&x->name[x->n], form->column[x->n].name, err));
    }
    return 0;
}

int
qn_writer_merge_index_add(struct qn_merge_index *x, const char *const *cells,
                          struct qn_error *err)
{
    QN_TRY(qn_memory_grow((void **)&x->cell, &x->cap, (x->rows + 1) * x->n,
                          sizeof *x->cell, err));
    for (size_t c = 0; c < x->n; c++) {
        const char *text = cells[c] ? cells[c] : "";

        QN_TRY(qn_pool_text(&x->pool, (char **)&x->cell[x->rows * x->n + c],
                            text, err));
    }
    x->rows++;
    return 0;
}

/* The cells of column c, one after the other. */
static int
take_texts(const struct qn_merge_index *x, size_t c, const char ***texts,
           struct qn_error *err)
{
    QN_TRY(qn_memory_make((void **)texts, x->rows, sizeof **texts, "a column",
                          err));
    for (size_t i = 0; i < x->rows; i++)
        (*texts)[i] = x->cell[i * x->n + c];
    return 0;
}

/* A missing number is NaN; whole numbers are never missing. */
static int
write_numbers(const struct qn_merge_index *x, size_t c,
              struct qn_writer_merge *m, hid_t group)
{
    bool whole = x->type[c] == QN_I64;
    union {
        int64_t i;
        double d;
    } * v;
    int rc;

    QN_TRY(
        qn_memory_make((void **)&v, x->rows, sizeof *v, "a column", m->w.err));
    for (size_t i = 0; i < x->rows; i++) {
        const char *text = x->cell[i * x->n + c];

        if (whole)
            v[i].i = strtoll(text, NULL, 10);
        else
            v[i].d = *text ? strtod(text, NULL) : NAN;
    }
    rc = qn_writer_parts_samples(&m->w, group, x->name[c], x->type[c], v,
                                 x->rows);
    free(v);
    return rc;
}

static int
write_column(const struct qn_merge_index *x, size_t c,
             struct qn_writer_merge *m, hid_t group)
{
    const char **texts;
    int rc;

    if (!x->is_text[c])
        return write_numbers(x, c, m, group);
    QN_TRY(take_texts(x, c, &texts, m->w.err));
    rc = qn_writer_parts_texts(&m->w, group, x->name[c], texts, x->rows);
    free(texts);
    return rc;
}

int
qn_writer_merge_index_write(const struct qn_merge_index *x,
                            struct qn_writer_merge *m)
{
    hid_t group = -1;
    int rc =
        qn_writer_parts_group(&m->w, &group, m->entry, "items", "NXcollection");

    for (size_t c = 0; c < x->n && !rc; c++)
        rc = write_column(x, c, m, group);
    if (group >= 0)
        H5Gclose(group);
    return rc;
}

void
qn_writer_merge_index_close(struct qn_merge_index *x)
{
    for (size_t c = 0; c < x->n; c++)
        free(x->name[c]);
    free(x->name);
    free(x->type);
    free(x->is_text);
    free(x->cell);
    qn_pool_clear(&x->pool);
    *x = (struct qn_merge_index){0};
}
