/* What stands beside the samples of an output: how it was made, the header's
 * cards, and which item is where in packed results.
 *
 * Each table is described to writer_parts.c by its columns.  Knows nothing of
 * files and products. */
#include "io/writer_tables.h"

#include <stdlib.h>

#include "base/memory.h"

/* ---- how it was made ---------------------------------------------------- */

static const char *
used_text(const void *source, size_t row, int column)
{
    const struct qn_used *u = (const struct qn_used *)source + row;

    switch (column) {
    case 0: return u->path;
    case 3: return u->status ? u->status : "used";
    default: return NULL;
    }
}

static int64_t
used_number(const void *source, size_t row, int column)
{
    const struct qn_used *u = (const struct qn_used *)source + row;

    return column == 1 ? u->bytes : u->mtime_ns;
}

static int
put_inputs(struct qn_writer_parts *w, hid_t process,
           const struct qn_provenance *p)
{
    static const char *const names[] = {"path", "bytes", "mtime_ns", "status"};
    struct qn_writer_parts_table table = {
        .names = names,
        .ncolumns = 4,
        .source = p->used,
        .n = p->nused,
        .text = used_text,
        .number = used_number,
    };

    return p->nused ? qn_writer_parts_rows(w, process, "inputs", &table) : 0;
}

static int
put_texts(struct qn_writer_parts *w, hid_t process,
          const struct qn_provenance *p)
{
    const struct {
        const char *name, *text;
    } texts[] = {
        {"program", "quern"}, {"version", p->version}, {"job", p->job},
        {"stage", p->stage},  {"steps", p->steps},     {"coretype", p->coretype},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].text)
            QN_TRY(qn_writer_parts_text(w, process, texts[i].name,
                                        texts[i].text));
    return p->key ? qn_writer_parts_mark(w, process, "key", p->key) : 0;
}

int
qn_writer_tables_process(struct qn_writer_parts *w, hid_t entry,
                         const struct qn_provenance *p)
{
    hid_t process = -1;
    int rc = qn_writer_parts_group(w, &process, entry, "process", "NXprocess");

    if (!rc)
        rc = put_texts(w, process, p);
    if (!rc && p->members > 0)
        rc = qn_writer_parts_number(w, process, "members", p->members);
    if (!rc && p->members > 0)
        rc = qn_writer_parts_number(w, process, "members_used",
                                    p->members_used);
    if (!rc)
        rc = put_inputs(w, process, p);
    if (process >= 0)
        H5Gclose(process);
    return rc;
}

static const char *
card_text(const void *source, size_t row, int column)
{
    const struct qn_card *c = (const struct qn_card *)source + row;

    switch (column) {
    case 0: return c->keyword;
    case 1: return c->value;
    case 2: return c->comment;
    default:
        return c->kind == 's'   ? "text"
               : c->kind == 'n' ? "number"
               : c->kind == 'b' ? "logical"
               : c->kind == 'u' ? "undefined"
                                : "commentary";
    }
}

int
qn_writer_tables_header(struct qn_writer_parts *w, hid_t entry,
                        const struct qn_cards *c)
{
    static const char *const names[] = {"keyword", "value", "comment", "kind"};
    struct qn_writer_parts_table table = {
        .names = names,
        .ncolumns = 4,
        .text = card_text,
    };

    if (!c || c->n == 0)
        return 0;
    table.source = c->v;
    table.n = c->n;
    return qn_writer_parts_rows(w, entry, "header", &table);
}

/* ---- which item is where ------------------------------------------------ */

static const char *
row_text(const void *source, size_t row, int column)
{
    const struct qn_row *r = (const struct qn_row *)source + row;

    switch (column) {
    case 0: return r->item;
    case 1: return r->path;
    case 3: return r->failed ? "failed" : "done";
    default: return NULL;
    }
}

static int64_t
row_number(const void *source, size_t row, int column)
{
    (void)source, (void)column;
    return (int64_t)row;
}

int
qn_writer_tables_items(struct qn_writer_parts *w, hid_t entry,
                       const struct qn_output *out)
{
    static const char *const names[] = {"item", "path", "row", "status"};
    struct qn_writer_parts_table table = {
        .names = names,
        .ncolumns = 4,
        .source = out->rows,
        .n = out->nrows,
        .text = row_text,
        .number = row_number,
    };

    return out->rows ? qn_writer_parts_rows(w, entry, "items", &table) : 0;
}

static const char *
column_text(const void *source, size_t row, int column)
{
    const struct qn_row_column *c =
        (const struct qn_row_column *)source + column;

    return c->text ? c->text[row] : NULL;
}

static int64_t
column_number(const void *source, size_t row, int column)
{
    return ((const struct qn_row_column *)source)[column].whole[row];
}

static bool
column_real(const void *source, size_t row, int column, double *value)
{
    const struct qn_row_column *c =
        (const struct qn_row_column *)source + column;

    if (c->real)
        *value = c->real[row];
    return c->real;
}

int
qn_writer_tables_columns(struct qn_writer_parts *w, hid_t entry,
                         const struct qn_output *out)
{
    struct qn_writer_parts_table table = {
        .ncolumns = (int)out->ncolumns,
        .source = out->columns,
        .n = out->nrows,
        .text = column_text,
        .number = column_number,
        .real = column_real,
    };
    const char **names;
    int rc;

    if (!out->ncolumns)
        return 0;
    QN_TRY(qn_memory_make((void **)&names, out->ncolumns, sizeof *names,
                          "a table", w->err));
    for (size_t i = 0; i < out->ncolumns; i++)
        names[i] = out->columns[i].keyword;
    table.names = names;
    rc = qn_writer_parts_rows(w, entry, "items_header", &table);
    free(names);
    return rc;
}
