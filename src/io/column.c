/* One value a place: see column.h.
 *
 * Numbers come through a back-end like any array, and so are decoded like
 * one; texts need a back-end that knows them.
 */
#include "io/column.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"

#define LISTED_MOST 8

/* ---- loading ------------------------------------------------------------ */

int
qn_column_refuse(const char *path, const struct qn_shape *shape, int64_t n,
                 struct qn_error *err)
{
    char text[256];

    if (shape->ndims == 1)
        qn_text_count(text, sizeof text, shape->n[0]);
    else
        qn_shape_text(text, sizeof text, shape);
    return qn_fail(err, QN_ESHAPE,
                   "%s holds %s%s, but the leading axis of the data has %lld "
                   "places; name a dataset with one value for each",
                   path, text, shape->ndims ? " values" : "", (long long)n);
}

int
qn_column_texts(struct qn_column *c, int64_t n, struct qn_error *err)
{
    return qn_memory_make((void **)&c->at, (size_t)n + 1, sizeof *c->at,
                          "a column", err);
}

void
qn_column_add(struct qn_column *c, const char *text, size_t len)
{
    len = strnlen(text, len);
    while (len && text[len - 1] == ' ')
        len--;
    c->at[c->n++] = c->pool.len;
    qn_text_bytes(&c->pool, text, len);
    qn_text_bytes(&c->pool, "", 1);
}

// Decoded in room for n samples of the type that comes out, then widened.
static int
read_numbers(struct qn_column *c, const struct qn_backend *backend, void *state,
             const struct qn_held *held, struct qn_error *err)
{
    const struct qn_decode *d = &held->decode;
    struct qn_box all = qn_shape_box(&held->shape);
    size_t n = (size_t)held->shape.n[0];
    enum qn_dtype type = qn_decode_type(d);
    void *data;
    int rc;

    QN_TRY(qn_memory_make(&data, n, qn_dtype_size(type), "a column", err));
    rc = qn_memory_make((void **)&c->number, n, sizeof *c->number, "a column",
                        err);
    if (!rc)
        rc = backend->read(state, &all, qn_decode_place(d, data, n), err);
    if (!rc) {
        qn_decode_apply(d, data, n);
        rc = qn_dtype_convert(c->number, QN_F64, data, type, n, err);
        c->n = (int64_t)n;
    }
    free(data);
    return rc;
}

static int
load_numbers(struct qn_column *c, const struct qn_backend *backend,
             const struct qn_source *source, const struct qn_bytes *bytes,
             const char *path, int64_t n, struct qn_error *err)
{
    struct qn_source s = *source;
    struct qn_held held = {0};
    void *state = NULL;
    int rc;

    s.dataset = path;
    QN_TRY(backend->open(&state, &held, &s, bytes, err));
    if (held.shape.ndims != 1 || held.shape.n[0] != n)
        rc = qn_column_refuse(path, &held.shape, n, err);
    else
        rc = read_numbers(c, backend, state, &held, err);
    backend->close(state);
    return rc;
}

int
qn_column_load(struct qn_column *c, const struct qn_backend *backend,
               const struct qn_source *source, const struct qn_bytes *bytes,
               const char *path, int64_t n, struct qn_error *err)
{
    int rc = 0;

    if (!backend->match)
        return qn_fail(err, QN_EJOB,
                       "there is no %s: a %s file has no datasets beside the "
                       "one that is read; only `frame` can be used",
                       path, backend->name);
    if (backend->texts)
        rc = backend->texts(c, source, path, n, bytes, err);
    if (!rc && !c->at)
        rc = load_numbers(c, backend, source, bytes, path, n, err);
    if (!rc)
        rc = qn_text_check(&c->pool, err);
    if (rc)
        qn_column_clear(c);
    return rc;
}

void
qn_column_clear(struct qn_column *c)
{
    free(c->number);
    free(c->at);
    qn_text_clear(&c->pool);
    *c = (struct qn_column){0};
}

/* ---- using -------------------------------------------------------------- */

void
qn_column_value(const struct qn_column *c, int64_t i, struct qn_value *value)
{
    if (c->at) {
        qn_fields_read(value, c->pool.s + c->at[i], true);
        return;
    }
    value->kind = QN_VALUE_NUMBER;
    value->number = c->number[i];
}

static bool
is_same(const struct qn_column *c, int64_t i, int64_t k)
{
    if (c->at)
        return strcmp(c->pool.s + c->at[i], c->pool.s + c->at[k]) == 0;
    return memcmp(&c->number[i], &c->number[k], sizeof *c->number) == 0;
}

void
qn_column_list(const struct qn_column *c, struct qn_text *list)
{
    int64_t seen[LISTED_MOST];
    struct qn_value value;
    char text[64];
    int n = 0, k;

    for (int64_t i = 0; i < c->n; i++) {
        for (k = 0; k < n && !is_same(c, seen[k], i); k++)
            ;
        if (k < n)
            continue;
        if (n == LISTED_MOST) {
            qn_text_add(list, ", ...");
            return;
        }
        seen[n++] = i;
        qn_column_value(c, i, &value);
        qn_fields_text(text, sizeof text, &value);
        qn_text_add(list, "%s%s%s%s", n > 1 ? ", " : "", c->at ? "'" : "",
                    text, c->at ? "'" : "");
    }
}
