/* The rows of an output that holds many items: its table /entry/items, that of
 * their cards, and from its table of inputs why a row failed.
 *
 * A column is read at a time, as wide as the file has it.  What the file says
 * is not believed: lengths are held against the file's own. */
#include "io/hdf5_output_parts.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/hdf5_parts.h"

/* A column of texts, each with a NUL behind it. */
struct column {
    char *text; /* owned */
    size_t width;
};

static int
damaged(const char *table, struct qn_error *err)
{
    return qn_fail(err, QN_EFORMAT,
                   "its table %s is damaged; remove the file, and the next "
                   "run makes it again",
                   table);
}

/* A compound of that member alone, of texts with room for a NUL. */
static hid_t
member_type(hid_t table, const char *name, size_t *width)
{
    hid_t stored = H5Dget_type(table), text = -1, type = -1;
    int i = stored >= 0 && H5Tget_class(stored) == H5T_COMPOUND
                ? H5Tget_member_index(stored, name)
                : -1;

    if (i >= 0)
        text = H5Tget_member_type(stored, (unsigned)i);
    if (text >= 0 && H5Tget_class(text) == H5T_STRING &&
        H5Tis_variable_str(text) == 0) {
        *width = H5Tget_size(text) + 1;
        type = H5Tcreate(H5T_COMPOUND, *width);
        if (H5Tset_size(text, *width) < 0 || H5Tinsert(type, name, 0, text) < 0) {
            H5Tclose(type);
            type = -1;
        }
    }
    if (text >= 0)
        H5Tclose(text);
    if (stored >= 0)
        H5Tclose(stored);
    return type;
}

static int
read_column(const struct qn_hdf5_output *o, struct column *c, hid_t table,
            const char *name, int64_t rows, struct qn_error *err)
{
    hid_t type = member_type(table, name, &c->width);
    int rc = 0;

    if (type < 0 || qn_hdf5_value_rows(table) != rows ||
        rows > o->size / (int64_t)(c->width > 1 ? c->width - 1 : 1))
        rc = damaged(name, err);
    if (!rc)
        rc = qn_memory_make((void **)&c->text, (size_t)rows + 1, c->width,
                            "a table", err);
    if (!rc && rows &&
        H5Dread(table, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, c->text) < 0)
        rc = damaged(name, err);
    for (int64_t i = 0; i < rows && !rc; i++)
        c->text[((size_t)i + 1) * c->width - 1] = '\0';
    if (type >= 0)
        H5Tclose(type);
    return rc;
}

enum { ITEM, PATH, STATUS, WHY, NCOLUMNS };

/* The tables have the reason of a row under another's `status`. */
static int
read_columns(const struct qn_hdf5_output *o, struct column c[NCOLUMNS],
             hid_t items, int64_t n, struct qn_error *err)
{
    hid_t inputs;
    int rc;

    QN_TRY(read_column(o, &c[ITEM], items, "item", n, err));
    QN_TRY(read_column(o, &c[PATH], items, "path", n, err));
    QN_TRY(read_column(o, &c[STATUS], items, "status", n, err));
    inputs = H5Dopen2(o->entry, "process/inputs", H5P_DEFAULT);
    if (inputs < 0)
        return damaged("/entry/process/inputs", err);
    rc = read_column(o, &c[WHY], inputs, "status", n, err);
    H5Dclose(inputs);
    return rc;
}

static const char *
cell(const struct column *c, int64_t row)
{
    return c->text + (size_t)row * c->width;
}

int
qn_hdf5_output_rows(const struct qn_hdf5_output *o, int64_t *n,
                    int (*each)(void *ctx, const char *item, const char *path,
                                const char *reason, struct qn_error *err),
                    void *ctx, struct qn_error *err)
{
    struct column c[NCOLUMNS] = {{0}};
    hid_t items;
    int rc;

    *n = -1;
    // a merged file has a group of that name
    if (H5Lexists(o->entry, "items", H5P_DEFAULT) <= 0 ||
        (items = H5Dopen2(o->entry, "items", H5P_DEFAULT)) < 0)
        return 0;
    *n = qn_hdf5_value_rows(items);
    rc = *n < 0 ? damaged("/entry/items", err)
                : read_columns(o, c, items, *n, err);
    for (int64_t i = 0; i < *n && !rc; i++)
        rc = each(ctx, cell(&c[ITEM], i), cell(&c[PATH], i),
                  strcmp(cell(&c[STATUS], i), "failed") ? NULL
                                                        : cell(&c[WHY], i),
                  err);
    for (int i = 0; i < NCOLUMNS; i++)
        free(c[i].text);
    H5Dclose(items);
    return rc;
}

/* ---- cards ----------------------------------------------------------------- */

/* What is to be told of a column. */
struct telling {
    const struct qn_hdf5_output *o;
    hid_t table;
    const char *name;
    int64_t n;
    int (*each)(void *ctx, const char *value, struct qn_error *err);
    void *ctx;
};

static int
tell_texts(const struct telling *t, struct qn_error *err)
{
    struct column c = {0};
    int rc = read_column(t->o, &c, t->table, t->name, t->n, err);

    for (int64_t i = 0; i < t->n && !rc; i++)
        rc = t->each(t->ctx, *cell(&c, i) ? cell(&c, i) : NULL, err);
    free(c.text);
    return rc;
}

/* Numbers of 8 bytes, as they are in memory. */
static int
read_numbers(const struct telling *t, hid_t memory, void **v,
             struct qn_error *err)
{
    hid_t type;
    int rc = 0;

    if (qn_hdf5_value_rows(t->table) != t->n || t->n > t->o->size / 8)
        return damaged("/entry/items_header", err);
    QN_TRY(qn_memory_make(v, (size_t)t->n, 8, "a table", err));
    type = H5Tcreate(H5T_COMPOUND, 8);
    if (H5Tinsert(type, t->name, 0, memory) < 0 ||
        H5Dread(t->table, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *v) < 0)
        rc = damaged("/entry/items_header", err);
    H5Tclose(type);
    return rc;
}

static int
tell_wholes(const struct telling *t, struct qn_error *err)
{
    void *v = NULL;
    int rc = read_numbers(t, H5T_NATIVE_INT64, &v, err);

    for (int64_t i = 0; i < t->n && !rc; i++) {
        char text[32];

        snprintf(text, sizeof text, "%lld", (long long)((int64_t *)v)[i]);
        rc = t->each(t->ctx, text, err);
    }
    free(v);
    return rc;
}

/* So that it does not read as a whole one. */
static const char *
real_text(char *text, size_t size, double x)
{
    if (isnan(x))
        return NULL;
    snprintf(text, size, "%.17g", x);
    if (!text[strspn(text, "+-0123456789")])
        strncat(text, ".0", size - strlen(text) - 1);
    return text;
}

static int
tell_reals(const struct telling *t, struct qn_error *err)
{
    void *v = NULL;
    int rc = read_numbers(t, H5T_NATIVE_DOUBLE, &v, err);

    for (int64_t i = 0; i < t->n && !rc; i++) {
        char text[40];

        rc = t->each(t->ctx, real_text(text, sizeof text, ((double *)v)[i]),
                     err);
    }
    free(v);
    return rc;
}

/* H5T_NO_CLASS: the table has no such column. */
static H5T_class_t
class_of(hid_t table, const char *name)
{
    hid_t stored = H5Dget_type(table);
    int i = stored >= 0 && H5Tget_class(stored) == H5T_COMPOUND
                ? H5Tget_member_index(stored, name)
                : -1;
    H5T_class_t class =
        i >= 0 ? H5Tget_member_class(stored, (unsigned)i) : H5T_NO_CLASS;

    if (stored >= 0)
        H5Tclose(stored);
    return class;
}

static int
tell_column(const struct telling *t, bool *is_text, struct qn_error *err)
{
    H5T_class_t class = class_of(t->table, t->name);

    *is_text = class == H5T_STRING;
    switch (class) {
    case H5T_STRING: return tell_texts(t, err);
    case H5T_INTEGER: return tell_wholes(t, err);
    case H5T_FLOAT: return tell_reals(t, err);
    case H5T_NO_CLASS: return qn_fail(err, QN_EMISSING, "no such card");
    default: return damaged("/entry/items_header", err);
    }
}

int
qn_hdf5_output_row_field(const struct qn_hdf5_output *o, const char *name,
                         int64_t n, bool *is_text,
                         int (*each)(void *ctx, const char *value,
                                     struct qn_error *err),
                         void *ctx, struct qn_error *err)
{
    char keyword[sizeof((struct qn_card *)0)->keyword];
    struct telling t = {
        .o = o, .name = keyword, .n = n, .each = each, .ctx = ctx};
    size_t i = 0;
    int rc;

    for (; name[i] && i + 1 < sizeof keyword; i++)
        keyword[i] = (char)toupper((unsigned char)name[i]);
    keyword[i] = '\0';
    if (name[i] || H5Lexists(o->entry, "items_header", H5P_DEFAULT) <= 0 ||
        (t.table = H5Dopen2(o->entry, "items_header", H5P_DEFAULT)) < 0)
        return qn_fail(err, QN_EMISSING, "no such card");
    rc = tell_column(&t, is_text, err);
    H5Dclose(t.table);
    return rc;
}
