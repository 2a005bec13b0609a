/* Merging outputs: looking at each, then writing one file over all.
 *
 * Which outputs, in which order, and what becomes of their datasets is decided
 * by the command (engine/merge.c).  A merge is open between requests: a fresh
 * worker has none, and says so. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/hdf5_output.h"
#include "io/writer_merge.h"
#include "model/dtype.h"
#include "worker/worker.h"

static const char *
text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s ? s : "";
}

static int64_t
integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ---- looking ------------------------------------------------------------- */

/* Are the samples of a source put behind those of the one before? */
static bool
is_joined(const struct qn_hdf5_set *s, bool concat)
{
    return (concat || s->table) && s->axis <= 0;
}

static json_t *
shape_json(const struct qn_shape *shape, bool joined)
{
    json_t *list = json_array();

    for (int a = 0; a < shape->ndims; a++)
        json_array_append_new(list,
                              json_integer(joined && a == 0 ? 0 : shape->n[a]));
    return list;
}

/* What must be equal in all sources. */
static json_t *
set_json(const struct qn_hdf5_set *s, bool joined)
{
    return json_pack("{s:s,s:s,s:s,s:o,s:b,s:b,s:i,s:s,s:s}", "product",
                     s->product, "name", s->name, "dtype",
                     qn_dtype_name(s->type.dtype), "shape",
                     shape_json(&s->type.shape, joined), "joined", joined,
                     "table", s->table, "axis", s->axis, "units", s->units,
                     "interpretation", s->interpretation);
}

static json_t *
store_json(const struct qn_hdf5_set *s, int64_t deep)
{
    json_t *chunk = json_array();

    if (s->store.layout == QN_HDF5_CHUNKED)
        for (int a = 0; a < s->type.shape.ndims; a++)
            json_array_append_new(chunk, json_integer(s->store.chunk[a]));
    return json_pack("{s:i,s:o,s:b,s:i,s:I}", "layout", (int)s->store.layout,
                     "chunk", chunk, "shuffle", s->store.shuffle, "deflate",
                     s->store.deflate, "deep", (json_int_t)deep);
}

/* What a set is for one item of a file that holds many: without the axis of
 * rows.  *deep: items that share a chunk. */
static int
take_row(struct qn_hdf5_set *s, int64_t rows, int64_t *deep,
         struct qn_error *err)
{
    struct qn_shape *shape = &s->type.shape;
    struct qn_hdf5_store *store = &s->store;

    if (shape->ndims < 1 || shape->n[0] != rows)
        return qn_fail(err, QN_EFORMAT,
                       "/entry/%s/%s has not the rows that /entry/items "
                       "names; remove the file, and the next run makes it "
                       "again",
                       s->product, s->name);
    *deep = store->layout == QN_HDF5_CHUNKED ? store->chunk[0] : 1;
    shape->ndims--;
    s->axis -= s->axis >= 0;
    for (int a = 0; a < shape->ndims; a++) {
        shape->n[a] = shape->n[a + 1];
        store->chunk[a] = store->chunk[a + 1];
    }
    // items that share a chunk must be whole in it, to be put end to end
    if (*deep > 1 && shape->ndims && store->chunk[0] != shape->n[0])
        store->layout = QN_HDF5_OTHERWISE;
    return 0;
}

/* [item, path, reason or null] a row. */
static int
add_row(void *ctx, const char *item, const char *path, const char *reason,
        struct qn_error *err)
{
    json_t *row = json_pack("[s,s,o]", item, path,
                            reason ? json_string(reason) : json_null());

    if (!row || json_array_append_new(ctx, row))
        return qn_fail(err, QN_EFORMAT, "a name in it is no UTF-8");
    return 0;
}

/* *n: -1 where it is of one item. */
static int
tell_rows(const struct qn_hdf5_output *o, int64_t *n, json_t *reply,
          struct qn_error *err)
{
    json_t *rows = json_array();
    int rc = qn_hdf5_output_rows(o, n, add_row, rows, err);

    if (!rc && *n >= 0)
        json_object_set(reply, "items", rows);
    json_decref(rows);
    return rc;
}

static int
tell_sets(const struct qn_hdf5_output *o, bool concat, json_t *reply,
          struct qn_error *err)
{
    struct qn_hdf5_set *set;
    json_t *sets = json_array(), *stores = json_array(), *values = json_array(),
           *rows = json_array(), *at = json_array();
    size_t n = 0;
    int64_t items = -1;
    int rc = qn_memory_make((void **)&set, QN_HDF5_SETS, sizeof *set,
                            "products", err);

    if (!rc)
        rc = qn_hdf5_output_sets(o, set, &n, err);
    if (!rc)
        rc = tell_rows(o, &items, reply, err);
    for (size_t i = 0; i < n && !rc; i++) {
        int64_t deep = 1;
        bool joined;
        char hex[QN_KEY_HEX];
        json_t *one;

        if (items >= 0)
            rc = take_row(&set[i], items, &deep, err);
        joined = is_joined(&set[i], concat);
        one = set_json(&set[i], joined);
        if (!one)
            rc = qn_fail(err, QN_EFORMAT, "a name in it is no UTF-8");
        json_array_append_new(sets, one);
        json_array_append_new(stores, store_json(&set[i], deep));
        json_array_append_new(
            values, json_string(joined ? "" : qn_key_hex(hex, &set[i].values)));
        json_array_append_new(rows,
                              json_integer(joined && set[i].type.shape.ndims > 0
                                               ? set[i].type.shape.n[0]
                                               : 1));
        json_array_append_new(at, json_integer(set[i].offset));
    }
    free(set);
    json_object_set_new(reply, "sets", sets);
    json_object_set_new(reply, "stores", stores);
    json_object_set_new(reply, "values", values);
    json_object_set_new(reply, "rows", rows);
    json_object_set_new(reply, "at", at);
    return rc;
}

static int
add_value(void *ctx, const char *value, struct qn_error *err)
{
    json_t *one = value ? json_string(value) : NULL;

    (void)err;
    return json_array_append_new(ctx, one ? one : json_null());
}

/* [value, is it text], of all rows where there are many; or [null, is it text,
 * [values of the rows]]; NULL where there is no such field. */
static int
field_json(struct qn_hdf5_output *o, const char *name, size_t rows,
           json_t **field, struct qn_error *err)
{
    char value[1024];
    bool is_text = false;
    int rc = qn_hdf5_output_field(o, name, value, sizeof value, &is_text, err);
    json_t *values;

    *field = rc ? NULL : json_pack("[s,b]", value, is_text);
    if (rc != QN_EMISSING || !rows)
        return rc == QN_EFORMAT ? rc : 0;
    values = json_array();
    rc = qn_hdf5_output_row_field(o, name, (int64_t)rows, &is_text, add_value,
                                  values, err);
    if (!rc)
        *field = json_pack("[n,b,O]", is_text, values);
    json_decref(values);
    return rc == QN_EMISSING ? 0 : rc;
}

static int
tell_fields(struct qn_hdf5_output *o, const json_t *names, json_t *reply,
            struct qn_error *err)
{
    size_t rows = json_array_size(json_object_get(reply, "items"));
    json_t *list = json_array(), *name;
    size_t i;
    int rc = 0;

    json_array_foreach(names, i, name)
    {
        json_t *field = NULL;

        if (!rc)
            rc = field_json(o, json_string_value(name), rows, &field, err);
        json_array_append_new(list, field ? field : json_null());
    }
    json_object_set_new(reply, "fields", list);
    return rc;
}

/* The key, and what stands for the steps: equal steps are told by it. */
static int
tell_origin(const struct qn_hdf5_output *o, json_t *reply, struct qn_error *err)
{
    struct qn_fingerprint f;
    struct qn_key k;
    char *key = NULL, *steps = NULL, hex[QN_KEY_HEX];
    int rc = qn_hdf5_output_text(o, "key", &key, err);

    if (!rc && !key)
        rc = qn_fail(err, QN_EFORMAT, "it holds no key");
    if (!rc)
        rc = qn_hdf5_output_text(o, "steps", &steps, err);
    if (!rc)
        rc = qn_key_open(&k, err);
    if (!rc) {
        qn_key_text(&k, steps);
        qn_key_finish(&k, &f);
        json_object_set_new(reply, "steps", json_string(qn_key_hex(hex, &f)));
        json_object_set_new(reply, "key", json_string(key));
    }
    free(key);
    free(steps);
    return rc;
}

int
qn_merge_look(struct qn_worker *w, const json_t *request, json_t *reply,
              struct qn_error *err)
{
    struct qn_hdf5_output *o;
    int rc;

    (void)w;
    QN_TRY(qn_hdf5_output_open(&o, text(request, "path"), err));
    rc = tell_origin(o, reply, err);
    if (!rc)
        rc = tell_sets(o, json_is_true(json_object_get(request, "concat")),
                       reply, err);
    if (!rc)
        rc = tell_fields(o, json_object_get(request, "fields"), reply, err);
    qn_hdf5_output_close(o);
    return rc;
}

/* ---- writing ------------------------------------------------------------- */

static void
load_numbers(int64_t *to, const json_t *list, size_t most)
{
    for (size_t i = 0; i < json_array_size(list) && i < most; i++)
        to[i] = json_integer_value(json_array_get(list, i));
}

static int
load_set(struct qn_merge_set *s, const json_t *j, struct qn_error *err)
{
    const json_t *store = json_object_get(j, "store"),
                 *shape = json_object_get(j, "shape");
    struct qn_hdf5_set *like = &s->like;

    *s = (struct qn_merge_set){.way = (enum qn_merge_way)integer(j, "way"),
                               .rows = integer(j, "rows"),
                               .deep = integer(store, "deep")};
    snprintf(like->product, sizeof like->product, "%s", text(j, "product"));
    snprintf(like->name, sizeof like->name, "%s", text(j, "name"));
    snprintf(like->units, sizeof like->units, "%s", text(j, "units"));
    snprintf(like->interpretation, sizeof like->interpretation, "%s",
             text(j, "interpretation"));
    QN_TRY(qn_dtype_parse(&like->type.dtype, NULL, text(j, "dtype"), err));
    like->type.shape.ndims = (int)json_array_size(shape);
    load_numbers(like->type.shape.n, shape, QN_MAX_DIMS);
    like->table = json_is_true(json_object_get(j, "table"));
    like->axis = (int)integer(j, "axis");
    like->store.layout = (enum qn_hdf5_layout)integer(store, "layout");
    load_numbers(like->store.chunk, json_object_get(store, "chunk"),
                 QN_MAX_DIMS);
    like->store.shuffle = json_is_true(json_object_get(store, "shuffle"));
    like->store.deflate = (int)integer(store, "deflate");
    return 0;
}

static int
load_column(struct qn_merge_column *c, const json_t *j, struct qn_error *err)
{
    const char *type = json_string_value(json_array_get(j, 1));

    *c = (struct qn_merge_column){.name =
                                      json_string_value(json_array_get(j, 0)),
                                  .is_text = !strcmp(type, "text")};
    return c->is_text ? 0 : qn_dtype_parse(&c->type, NULL, type, err);
}

static int
open_form(struct qn_worker *w, struct qn_merge_form *form,
          struct qn_merge_set *set, struct qn_merge_column *column,
          const json_t *request, struct qn_error *err)
{
    const json_t *sets = json_object_get(request, "sets"),
                 *columns = json_object_get(request, "columns");

    for (; form->nsets < json_array_size(sets); form->nsets++)
        QN_TRY(load_set(&set[form->nsets], json_array_get(sets, form->nsets),
                        err));
    for (; form->ncolumns < json_array_size(columns); form->ncolumns++)
        QN_TRY(load_column(&column[form->ncolumns],
                           json_array_get(columns, form->ncolumns), err));
    form->set = set;
    form->column = column;
    return qn_writer_merge_open(&w->merge, form, err);
}

static int
open_merge(struct qn_worker *w, const json_t *request, json_t *reply,
           struct qn_error *err)
{
    struct qn_merge_form form = {
        .path = text(request, "path"),
        .first = text(request, "first"),
        .stage = text(request, "stage"),
        .is_virtual = json_is_true(json_object_get(request, "virtual")),
    };
    struct qn_merge_column column[QN_MERGE_COLUMNS];
    struct qn_merge_set *set;
    const char *tmp;
    int rc;

    // one that had to be begun again
    qn_writer_merge_close(w->merge);
    w->merge = NULL;
    if (json_array_size(json_object_get(request, "sets")) > QN_HDF5_SETS ||
        json_array_size(json_object_get(request, "columns")) > QN_MERGE_COLUMNS)
        return qn_fail(err, QN_EUNAVAILABLE,
                       "more than %d datasets or %d columns", QN_HDF5_SETS,
                       QN_MERGE_COLUMNS);
    QN_TRY(qn_memory_make((void **)&set, QN_HDF5_SETS, sizeof *set, "products",
                          err));
    rc = open_form(w, &form, set, column, request, err);
    free(set);
    tmp = rc ? NULL : qn_writer_merge_temporary(w->merge);
    if (tmp)
        json_object_set_new(reply, "temporary", json_string(tmp));
    return rc;
}

/* Cells of all items of a request, which are the caller's. */
static int
load_cells(const char ***cell, const json_t *request, struct qn_error *err)
{
    const json_t *cells = json_object_get(request, "cells");
    size_t n = json_array_size(cells);

    QN_TRY(qn_memory_make((void **)cell, n, sizeof **cell, "an index", err));
    for (size_t i = 0; i < n; i++)
        (*cell)[i] = json_string_value(json_array_get(cells, i));
    return 0;
}

/* One item of the list, or neighbours in one file. */
static int
add_items(struct qn_worker *w, const json_t *request, struct qn_error *err)
{
    struct qn_merge_source s = {
        .path = json_string_value(json_object_get(request, "path")),
        .link = text(request, "link"),
        .bytes = integer(request, "bytes"),
        .mtime_ns = integer(request, "mtime_ns"),
        .nrows = integer(request, "nrows"),
        .row = integer(request, "row"),
        .count = integer(request, "count"),
    };
    const json_t *plain = json_object_get(request, "plain");
    const char **cell;
    int rc;

    load_numbers(s.start, json_object_get(request, "start"), QN_HDF5_SETS);
    load_numbers(s.rows, json_object_get(request, "rows"), QN_HDF5_SETS);
    load_numbers(s.offset, json_object_get(request, "at"), QN_HDF5_SETS);
    for (size_t i = 0; i < json_array_size(plain) && i < QN_HDF5_SETS; i++)
        s.plain[i] = json_is_true(json_array_get(plain, i));
    QN_TRY(load_cells(&cell, request, err));
    rc = qn_writer_merge_add(w->merge, &s, cell, err);
    free(cell);
    return rc;
}

static int
add_list(struct qn_worker *w, const json_t *request, struct qn_error *err)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(request, "list"), i, one)
        QN_TRY(add_items(w, one, err));
    return 0;
}

static int
finish_merge(struct qn_worker *w, json_t *reply, struct qn_error *err)
{
    int64_t bytes = 0;
    int rc = qn_writer_merge_finish(w->merge, &bytes, err);

    qn_writer_merge_close(w->merge);
    w->merge = NULL;
    json_object_set_new(reply, "bytes", json_integer(bytes));
    return rc;
}

int
qn_merge_run(struct qn_worker *w, const json_t *request, json_t *reply,
             struct qn_error *err)
{
    const char *what = text(request, "do");

    if (!strcmp(what, "open"))
        return open_merge(w, request, reply, err);
    if (!w->merge)
        return qn_fail(err, QN_ECRASH,
                       "the worker that wrote the merged file died");
    return !strcmp(what, "add") ? add_list(w, request, err)
                                : finish_merge(w, reply, err);
}
