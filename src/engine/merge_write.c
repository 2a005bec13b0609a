/* Having a worker write the merged file: a request for some items in order, of
 * which those that are neighbours in one file are copied together.
 *
 * Everything is decided here, and in the order of items: where each goes, and
 * what may be copied as it is stored. */
#include "engine/merge_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/stop.h"
#include "io/writer_merge.h"

/* Small files go to the worker so many at a time. */
enum { BATCH = 64, BATCH_BYTES = 4 << 20 };

/* ---- where everything goes ----------------------------------------------- */

static json_t *
set_at(const struct qn_merge *m, size_t k)
{
    return json_array_get(m->sets, k);
}

static bool
is_wanted(const struct qn_merge *m, size_t k)
{
    const char *product =
        json_string_value(json_object_get(set_at(m, k), "product"));

    for (size_t i = 0; i < m->ask->products.n; i++)
        if (!strcmp(m->ask->products.v[i], product))
            return true;
    return !m->ask->products.n;
}

static enum qn_merge_way
way_of(const struct qn_merge *m, size_t k)
{
    const json_t *set = set_at(m, k);
    bool axis = json_integer_value(json_object_get(set, "axis")) >= 0;

    if (json_is_true(json_object_get(set, "joined")))
        return QN_MERGE_JOIN;
    return axis && m->once ? QN_MERGE_ONCE : QN_MERGE_STACK;
}

/* Starts of all items, and the lengths of the whole. */
static int
place_items(struct qn_merge *m, struct qn_error *err)
{
    free(m->total);
    QN_TRY(qn_memory_make((void **)&m->total, m->nsets, sizeof *m->total,
                          "the places", err));
    for (size_t i = 0; i < m->list.n; i++) {
        struct qn_merge_item *item = &m->list.item[i];

        if (!item->start)
            QN_TRY(qn_pool_make(&m->list.pool, (void **)&item->start, m->nsets,
                                sizeof *item->start, err));
        for (size_t k = 0; k < m->nsets; k++) {
            bool joined = way_of(m, k) == QN_MERGE_JOIN;
            bool done = item->state == QN_MERGE_DONE;

            item->start[k] = m->total[k];
            m->total[k] += joined ? (done ? item->rows[k] : 0) : 1;
        }
    }
    return 0;
}

static int64_t
store_number(const json_t *stores, size_t k, const char *key)
{
    return json_integer_value(json_object_get(json_array_get(stores, k), key));
}

/* The length of an item along the first axis of the whole, and of its chunk. */
static void
lengths(const struct qn_merge *m, const struct qn_merge_item *item, size_t k,
        const json_t *stores, int64_t *length, int64_t *chunk)
{
    const json_t *list = json_object_get(json_array_get(stores, k), "chunk");
    bool joined = way_of(m, k) == QN_MERGE_JOIN && json_array_size(list);

    *length = joined ? item->rows[k] : 1;
    *chunk = joined ? json_integer_value(json_array_get(list, 0)) : 1;
}

/* Items that share a chunk of the whole: as in the first source, where so many
 * have room in it. */
static int64_t
deep_of(const struct qn_merge *m, size_t k, const json_t *stores)
{
    int64_t deep = store_number(stores, k, "deep"), length, chunk;

    lengths(m, m->first, k, stores, &length, &chunk);
    return deep > 1 && deep * chunk <= m->total[k] ? deep : 1;
}

/* Chunks of joined sources must lie on those of the whole: all but the last
 * end where a chunk ends.  So must those of rows, which share chunks in their
 * own file too. */
static bool
is_aligned(const struct qn_merge *m, const struct qn_merge_item *item, size_t n,
           size_t k, const json_t *stores)
{
    int64_t deep = deep_of(m, k, stores), length, chunk, all, end;

    if (way_of(m, k) == QN_MERGE_ONCE)
        return true;
    lengths(m, item, k, stores, &length, &chunk);
    if (deep != store_number(stores, k, "deep") || item->row % deep)
        return false;
    end = item->row + (int64_t)n;
    if (end % deep && end != item->nrows)
        return false;
    all = length * (int64_t)n;
    if (item->start[k] % (deep * chunk) || (n > 1 && length % chunk))
        return false;
    return all % (deep * chunk) == 0 || item->start[k] + all == m->total[k];
}

/* May the n items that begin with this one be copied as they are stored? */
static bool
is_plain(const struct qn_merge *m, const struct qn_merge_item *item, size_t n,
         size_t k, const json_t *stores)
{
    int64_t layout = store_number(stores, k, "layout");

    if (item->stores != m->first->stores || layout == QN_HDF5_OTHERWISE)
        return false;
    return layout == QN_HDF5_CONTIGUOUS || is_aligned(m, item, n, k, stores);
}

/* ---- columns ------------------------------------------------------------- */

/* Products whose items have lengths of their own: the first of each. */
static bool
has_places(const struct qn_merge *m, size_t k)
{
    const json_t *before = k ? set_at(m, k - 1) : NULL;

    return is_wanted(m, k) && way_of(m, k) == QN_MERGE_JOIN &&
           (!before || !json_equal(json_object_get(before, "product"),
                                   json_object_get(set_at(m, k), "product")));
}

static void
add_column(json_t *columns, const char *name, const char *suffix,
           const char *type)
{
    char full[QN_HDF5_NAME + 32];

    snprintf(full, sizeof full, "%s%s%s", name, suffix ? "_" : "",
             suffix ? suffix : "");
    json_array_append_new(columns, json_pack("[s,s]", full, type));
}

static json_t *
make_columns(const struct qn_merge *m)
{
    static const char *const own[] = {"path", "file", "status", "reason",
                                      "key"};
    json_t *columns = json_array();

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        add_column(columns, own[i], NULL, "text");
    if (m->list.packed) {
        add_column(columns, "item", NULL, "text");
        add_column(columns, "row", NULL, "int64");
    }
    for (size_t k = 0; k < m->nsets; k++) {
        const char *product =
            json_string_value(json_object_get(set_at(m, k), "product"));

        if (!has_places(m, k))
            continue;
        add_column(columns, "start", product, "int64");
        add_column(columns, "count", product, "int64");
    }
    for (size_t f = 0; f < m->ncolumns; f++)
        add_column(columns, m->field[f].name, NULL,
                   m->field[f].is_text ? "text"
                   : m->field[f].whole ? "int64"
                                       : "float64");
    return columns;
}

static const char *
status_word(const struct qn_merge_item *item)
{
    static const char *const words[] = {
        [QN_MERGE_DONE] = "done",
        [QN_MERGE_FAILED] = "failed",
        [QN_MERGE_ABSENT] = "absent",
        [QN_MERGE_BROKEN] = "broken",
    };

    return words[item->state];
}

/* What is no UTF-8 is left out of a column rather than the item of the file. */
static void
add_cell(json_t *cells, const char *text)
{
    json_t *cell = json_string(text ? text : "");

    json_array_append_new(cells, cell ? cell : json_string("?"));
}

static void
add_cells(json_t *cells, const struct qn_merge *m,
          const struct qn_merge_item *item)
{
    bool done = item->state == QN_MERGE_DONE;
    char number[32];

    add_cell(cells, item->path);
    add_cell(cells, item->name);
    add_cell(cells, status_word(item));
    add_cell(cells, item->reason);
    add_cell(cells, done ? item->key : "");
    if (m->list.packed) {
        snprintf(number, sizeof number, "%lld",
                 item->nrows ? (long long)item->row : -1LL);
        add_cell(cells, item->label);
        add_cell(cells, number);
    }
    for (size_t k = 0; k < m->nsets; k++) {
        if (!has_places(m, k))
            continue;
        snprintf(number, sizeof number, "%lld", (long long)item->start[k]);
        add_cell(cells, number);
        snprintf(number, sizeof number, "%lld",
                 done ? (long long)item->rows[k] : 0LL);
        add_cell(cells, number);
    }
    for (size_t f = 0; f < m->ncolumns; f++)
        add_cell(cells, qn_merge_order_value(m, item, f));
}

/* Of n items, one after the other. */
static json_t *
make_cells(const struct qn_merge *m, const struct qn_merge_item *item, size_t n)
{
    json_t *cells = json_array();

    for (size_t i = 0; i < n; i++)
        add_cells(cells, m, &item[i]);
    return cells;
}

/* ---- requests ------------------------------------------------------------ */

static int
make_open(json_t **request, const struct qn_merge *m, const json_t *stores,
          struct qn_error *err)
{
    json_t *sets = json_array();
    char *first;

    QN_TRY(qn_merge_look_path(&first, m, m->first, err));
    for (size_t k = 0; k < m->nsets; k++) {
        json_t *set, *store;

        if (!is_wanted(m, k))
            continue;
        set = json_copy(set_at(m, k));
        store = json_copy(json_array_get(stores, k));
        json_object_set_new(store, "deep", json_integer(deep_of(m, k, stores)));
        json_object_set_new(set, "store", store);
        json_object_set_new(set, "way", json_integer((int)way_of(m, k)));
        json_object_set_new(set, "rows", json_integer(m->total[k]));
        json_array_append_new(sets, set);
    }
    *request = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:o,s:o}", "op", "merge",
                         "do", "open", "path", m->ask->file, "first", first,
                         "stage", m->list.stage, "virtual", m->ask->is_virtual,
                         "sets", sets, "columns", make_columns(m));
    free(first);
    return *request ? 0
                    : qn_fail(err, QN_EUSAGE,
                              "the name of the merged file is no UTF-8");
}

/* path of a file seen from a folder, both resolved: "../a/b.h5". */
static int
relative_path(char **out, const char *folder, const char *path,
              struct qn_error *err)
{
    struct qn_text t = {0};
    size_t same = 0, i = 0;

    for (; folder[i] && folder[i] == path[i]; i++)
        if (path[i] == '/')
            same = i + 1;
    if (!folder[i] && path[i] == '/')
        same = i + 1;
    if (folder[i] || path[i] != '/')
        for (const char *p = folder + same; *p; p += strcspn(p, "/")) {
            p += *p == '/';
            qn_text_add(&t, "../");
        }
    qn_text_add(&t, "%s", path + same);
    if (qn_text_check(&t, err)) {
        qn_text_clear(&t);
        return QN_ENOMEM;
    }
    *out = t.s;
    return 0;
}

static int
add_link(json_t *request, const struct qn_merge *m, const char *path,
         struct qn_error *err)
{
    char *full = realpath(path, NULL), *link = NULL;
    int rc = full ? relative_path(&link, m->where, full, err)
                  : qn_fail(err, QN_EFORMAT, "it is not there any more");

    if (!rc)
        json_object_set_new(request, "link", json_string(link));
    free(full);
    free(link);
    return rc;
}

static void
add_places(json_t *request, const struct qn_merge *m,
           const struct qn_merge_item *item, size_t n, const json_t *stores,
           bool *anew)
{
    json_t *start = json_array(), *rows = json_array(), *at = json_array(),
           *plain = json_array();

    for (size_t k = 0; k < m->nsets; k++) {
        bool as_is = is_plain(m, item, n, k, stores);

        if (!is_wanted(m, k))
            continue;
        *anew = *anew || !as_is;
        json_array_append_new(start, json_integer(item->start[k]));
        json_array_append_new(rows, json_integer(item->rows[k]));
        json_array_append_new(at, json_integer(item->at[k]));
        json_array_append_new(plain, json_boolean(as_is));
    }
    json_object_set_new(request, "start", start);
    json_object_set_new(request, "rows", rows);
    json_object_set_new(request, "at", at);
    json_object_set_new(request, "plain", plain);
}

/* Of n items that are rows of one file, or of one. */
static int
make_add(json_t **request, struct qn_merge *m, const struct qn_merge_item *item,
         size_t n, const json_t *stores, struct qn_error *err)
{
    bool anew = false;
    char *path;
    int rc = 0;

    *request = json_pack("{s:o}", "cells", make_cells(m, item, n));
    if (item->state != QN_MERGE_DONE && !qn_merge_rows_there(m, item))
        return 0;
    QN_TRY(qn_merge_look_path(&path, m, item, err));
    json_object_set_new(*request, "path", json_string(path));
    json_object_set_new(*request, "bytes", json_integer(item->bytes));
    json_object_set_new(*request, "mtime_ns", json_integer(item->mtime_ns));
    json_object_set_new(*request, "nrows", json_integer(item->nrows));
    json_object_set_new(*request, "row", json_integer(item->row));
    json_object_set_new(*request, "count", json_integer((json_int_t)n));
    add_places(*request, m, item, n, stores, &anew);
    if (anew && !m->ask->is_virtual)
        m->told->anew += (int64_t)n;
    if (m->ask->is_virtual)
        rc = add_link(*request, m, path, err);
    free(path);
    return rc;
}

/* ---- asking -------------------------------------------------------------- */

/* request is given away. */
static int
ask(struct qn_merge *m, json_t *request, double limit, json_t **reply,
    struct qn_error *err)
{
    struct qn_answer answer;

    *reply = NULL;
    QN_TRY(qn_farm_ask(&m->farm, request, limit, &answer, err));
    *reply = answer.reply;
    return answer.reply ? 0
                        : qn_fail(err, answer.why.code, "%s", answer.why.text);
}

/* Items that are on their way to the worker together. */
struct batch {
    json_t *list;  /* owned */
    int64_t bytes;
    struct qn_merge_item *first;
    size_t n;      /* files */
};

/* What is wrong with one of many is found out by writing them one by one. */
static int
send_batch(struct qn_merge *m, struct batch *b, struct qn_merge_item **bad,
           struct qn_error *err)
{
    json_t *reply = NULL;
    double limit = 300 + (double)b->bytes / 10e6;
    int rc;

    if (!b->n)
        return 0;
    rc = ask(m, json_pack("{s:s,s:s,s:o}", "op", "merge", "do", "add", "list",
                          b->list),
             limit, &reply, err);
    json_decref(reply);
    if (rc && rc != QN_EOUTPUT && rc != QN_ENOMEM) {
        m->again = b->n > 1;
        if (b->n == 1 && b->first->name &&
            b->first->state != QN_MERGE_ABSENT)
            *bad = b->first;
    }
    *b = (struct batch){0};
    return rc;
}

static int
add_to_batch(struct qn_merge *m, struct batch *b, struct qn_merge_item *item,
             size_t n, const json_t *stores, struct qn_error *err)
{
    json_t *one = NULL;
    int rc = make_add(&one, m, item, n, stores, err);

    if (rc) {
        json_decref(one);
        return rc;
    }
    if (!b->list)
        *b = (struct batch){.list = json_array(), .first = item};
    json_array_append_new(b->list, one);
    b->bytes += item->bytes > 0 ? item->bytes : 0;
    b->n++;
    return 0;
}

static int
write_items(struct qn_merge *m, const json_t *stores,
            struct qn_merge_item **bad, struct qn_error *err)
{
    const size_t most = m->again ? 1 : BATCH;
    struct batch b = {0};
    int rc = 0;

    m->again = false;
    for (size_t i = 0, n; i < m->list.n && !rc; i += n) {
        struct qn_merge_item *item = &m->list.item[i];

        n = qn_merge_rows_run(m, i);
        if (qn_stop_asked())
            rc = qn_fail(err, QN_ESTOPPED, "stopped: nothing was merged");
        else if ((rc = add_to_batch(m, &b, item, n, stores, err)))
            *bad = rc == QN_ENOMEM ? NULL : item;
        else if (b.n >= most || b.bytes >= BATCH_BYTES)
            rc = send_batch(m, &b, bad, err);
    }
    if (!rc)
        rc = send_batch(m, &b, bad, err);
    json_decref(b.list);
    return rc;
}

static int
finish(struct qn_merge *m, struct qn_error *err)
{
    json_t *reply,
        *request = json_pack("{s:s,s:s}", "op", "merge", "do", "finish");

    // the sync of a large file takes its time
    QN_TRY(ask(m, request, 86400, &reply, err));
    m->told->bytes = json_integer_value(json_object_get(reply, "bytes"));
    json_decref(reply);
    return 0;
}

int
qn_merge_write(struct qn_merge *m, struct qn_merge_item **bad,
               struct qn_error *err)
{
    json_t *stores = json_loads(m->first->stores, 0, NULL), *request,
           *reply = NULL;
    const char *tmp = NULL;
    int rc = place_items(m, err);

    *bad = NULL;
    m->told->anew = 0;
    if (!rc)
        rc = make_open(&request, m, stores, err);
    if (!rc)
        rc = ask(m, request, 600, &reply, err);
    if (!rc) {
        tmp = json_string_value(json_object_get(reply, "temporary"));
        rc = write_items(m, stores, bad, err);
        if (!rc)
            rc = finish(m, err);
        // the worker may have died with it
        if (rc && tmp)
            unlink(tmp);
    }
    json_decref(reply);
    json_decref(stores);
    return rc;
}
