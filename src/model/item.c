/* Items of input and their named values.
 *
 * Knows neither files nor stages: who fills an item in decides what is true
 * of it.  Packed form: see pack_one; read it beside model/plan.c. */
#include "model/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* Suffixes that say how a file is packed, then what it holds. */
static const char *const packings[] = {".gz", ".fz", ".bz2", NULL};
static const char *const formats[] = {
    ".fits", ".fit",  ".fts", ".h5",  ".hdf5", ".hdf", ".he5", ".nxs",
    ".nx5",  ".nc",   ".nc4", ".cdf", ".npy",  ".raw", ".bin", ".dat",
    ".img",  ".ima",  ".csv", ".txt", NULL};

static const char *const builtins[] = {"path", "dir",   "name",    "stem",
                                       "ext",  "frame", "dataset", NULL};

int
qn_item_add(struct qn_items *items, const char *path, struct qn_item **item,
            struct qn_error *err)
{
    const char *slash = strrchr(path, '/');
    struct qn_item fresh = {.frame = -1, .source = -1};

    if (slash && slash - path > 1000)
        return qn_fail(err, QN_EFORMAT,
                       "%.60s...: the folder's name is longer than 1,000 "
                       "bytes; use a shorter path",
                       path);
    QN_TRY(qn_memory_grow((void **)&items->v, &items->cap, items->n + 1,
                          sizeof *items->v, err));
    QN_TRY(qn_memory_copy(&fresh.path, path, err));
    items->v[items->n] = fresh;
    *item = &items->v[items->n++];
    return 0;
}

/* Bytes of "a=1\0b=2\0\0", the last NUL included. */
static size_t
fields_length(const char *fields)
{
    const char *p = fields;

    if (!fields)
        return 1;
    while (*p)
        p += strlen(p) + 1;
    return (size_t)(p - fields) + 1;
}

int
qn_item_field(struct qn_item *item, const char *name, const char *value,
              bool is_text, struct qn_error *err)
{
    size_t old = fields_length(item->fields) - 1;
    size_t ln = strlen(name), lv = strlen(value);
    char *p = realloc(item->fields, old + ln + lv + 3);

    if (!p)
        return qn_fail(err, QN_ENOMEM, "%s: no memory for its fields",
                       item->path);
    memcpy(p + old, name, ln);
    p[old + ln] = is_text ? '$' : '=';
    memcpy(p + old + ln + 1, value, lv);
    p[old + ln + 1 + lv] = '\0';
    p[old + ln + lv + 2] = '\0';
    item->fields = p;
    return 0;
}

int
qn_item_append(struct qn_item *to, const struct qn_item *from,
               struct qn_error *err)
{
    for (const char *p = from->fields; p && *p; p += strlen(p) + 1) {
        const char *cut = p + strcspn(p, "=$");
        char name[256];

        snprintf(name, sizeof name, "%.*s", (int)(cut - p), p);
        QN_TRY(qn_item_field(to, name, cut + 1, *cut == '$', err));
    }
    return 0;
}

int
qn_item_copy(struct qn_items *items, const struct qn_item *from,
             struct qn_item **item, struct qn_error *err)
{
    struct qn_item *it;

    QN_TRY(qn_item_add(items, from->path, &it, err));
    *item = it;
    it->bytes = from->bytes;
    it->mtime_ns = from->mtime_ns;
    it->frame = from->frame;
    it->nframes = from->nframes;
    it->source = from->source;
    it->probed = from->probed;
    it->stored = from->stored;
    it->type = from->type;
    it->code = from->code;
    it->told = from->told;
    QN_TRY(qn_memory_copy(&it->reason, from->reason, err));
    if (!from->fields)
        return 0;
    it->fields = malloc(fields_length(from->fields));
    if (!it->fields)
        return qn_fail(err, QN_ENOMEM, "%s: no memory for its fields",
                       from->path);
    memcpy(it->fields, from->fields, fields_length(from->fields));
    return 0;
}

const char *
qn_item_name(char *buf, size_t size, const struct qn_item *item)
{
    if (item->frame < 0)
        snprintf(buf, size, "%s", item->path);
    else
        snprintf(buf, size, "%s[%lld:%lld]", item->path,
                 (long long)item->frame,
                 (long long)(item->frame + item->nframes));
    return buf;
}

int
qn_item_fail(struct qn_item *item, int code, const char *reason,
             struct qn_error *err)
{
    if (item->code)
        return 0;
    item->code = code;
    free(item->reason);
    return qn_memory_copy(&item->reason, reason, err);
}

static size_t
cut_suffix(const char *name, size_t len, const char *const *suffixes)
{
    for (; *suffixes; suffixes++) {
        size_t n = strlen(*suffixes);

        if (len > n && !strncasecmp(name + len - n, *suffixes, n))
            return len - n;
    }
    return len;
}

size_t
qn_item_stem(const char *name)
{
    return cut_suffix(name, cut_suffix(name, strlen(name), packings),
                      formats);
}

static void
text_value(struct qn_value *value, const char *text)
{
    value->kind = QN_VALUE_TEXT;
    value->text = text;
}

static void
cut_value(struct qn_value *value, const char *text, size_t n)
{
    if (n >= sizeof value->storage)
        n = sizeof value->storage - 1;
    memcpy(value->storage, text, n);
    value->storage[n] = '\0';
    text_value(value, value->storage);
}

static bool
find_builtin(const struct qn_item *item, const char *name,
             struct qn_value *value)
{
    const char *slash = strrchr(item->path, '/');
    const char *file = slash ? slash + 1 : item->path;

    if (!strcmp(name, "path"))
        text_value(value, item->path);
    else if (!strcmp(name, "name"))
        text_value(value, file);
    else if (!strcmp(name, "stem"))
        cut_value(value, file, qn_item_stem(file));
    else if (!strcmp(name, "ext"))
        text_value(value, file + qn_item_stem(file));
    else if (!strcmp(name, "dir"))
        cut_value(value, slash ? item->path : ".",
                  slash ? (size_t)(slash - item->path) : 1);
    else if (!strcmp(name, "frame") && item->frame >= 0) {
        value->kind = QN_VALUE_NUMBER;
        value->number = (double)item->frame;
    } else
        return false;
    return true;
}

bool
qn_item_find(const struct qn_item *item, const char *name,
             struct qn_value *value)
{
    size_t n = strlen(name);
    const char *hit = NULL;

    // the first one wins: captures and columns stand before header values
    for (const char *p = item->fields; p && *p; p += strlen(p) + 1)
        if (!strncmp(p, name, n) && (p[n] == '=' || p[n] == '$') && !hit)
            hit = p + n;
    if (!hit)
        return find_builtin(item, name, value);
    qn_fields_read(value, hit + 1, *hit == '$');
    return true;
}

static bool
lookup_find(void *ctx, const char *name, struct qn_value *value)
{
    return qn_item_find(ctx, name, value);
}

struct qn_lookup
qn_item_lookup(const struct qn_item *item)
{
    // the cast drops const for the callback alone, which does not write
    return (struct qn_lookup){lookup_find, (void *)(uintptr_t)item};
}

bool
qn_item_builtin(const char *name)
{
    for (int i = 0; builtins[i]; i++)
        if (!strcmp(name, builtins[i]))
            return true;
    return false;
}

/* ---- packing ------------------------------------------------------------ */

struct packed {
    int64_t bytes, mtime_ns, frame, nframes, n[QN_MAX_DIMS];
    int32_t probed, stored, dtype, ndims, code;
    uint32_t path, fields, reason; /* bytes that follow; 0: NULL */
};

static uint32_t
text_length(const char *s)
{
    return s ? (uint32_t)strlen(s) + 1 : 0;
}

static void
pack_one(struct qn_text *out, const struct qn_item *it)
{
    struct packed p = {
        .bytes = it->bytes,
        .mtime_ns = it->mtime_ns,
        .frame = it->frame,
        .nframes = it->nframes,
        .probed = it->probed,
        .stored = (int32_t)it->stored,
        .dtype = (int32_t)it->type.dtype,
        .ndims = it->type.shape.ndims,
        .code = it->code,
        .path = text_length(it->path),
        .fields = it->fields ? (uint32_t)fields_length(it->fields) : 0,
        .reason = text_length(it->reason),
    };

    memcpy(p.n, it->type.shape.n, sizeof p.n);
    qn_text_bytes(out, &p, sizeof p);
    qn_text_bytes(out, it->path, p.path);
    qn_text_bytes(out, it->fields, p.fields);
    qn_text_bytes(out, it->reason, p.reason);
}

int
qn_item_pack(struct qn_text *out, const struct qn_items *items,
             struct qn_error *err)
{
    for (size_t i = 0; i < items->n; i++)
        pack_one(out, &items->v[i]);
    return qn_text_check(out, err);
}

static int
take(char **out, const char **p, const char *end, uint32_t n,
     struct qn_error *err)
{
    *out = NULL;
    if (!n)
        return 0;
    if ((size_t)(end - *p) < n || (*p)[n - 1] != '\0')
        return qn_fail(err, QN_EMPI, "a list of items arrived damaged");
    *out = malloc(n);
    if (!*out)
        return qn_fail(err, QN_ENOMEM, "no memory for the list of items");
    memcpy(*out, *p, n);
    *p += n;
    return 0;
}

static int
unpack_one(struct qn_item *it, const char **at, const char *end,
           struct qn_error *err)
{
    struct packed p;

    if ((size_t)(end - *at) < sizeof p)
        return qn_fail(err, QN_EMPI, "a list of items arrived cut short");
    memcpy(&p, *at, sizeof p);
    *at += sizeof p;
    it->bytes = p.bytes;
    it->mtime_ns = p.mtime_ns;
    it->frame = p.frame;
    it->nframes = p.nframes;
    it->probed = p.probed != 0;
    it->stored = (enum qn_dtype)p.stored;
    it->type.dtype = (enum qn_dtype)p.dtype;
    it->type.shape.ndims = p.ndims;
    memcpy(it->type.shape.n, p.n, sizeof p.n);
    it->code = p.code;
    QN_TRY(take(&it->path, at, end, p.path, err));
    QN_TRY(take(&it->fields, at, end, p.fields, err));
    return take(&it->reason, at, end, p.reason, err);
}

int
qn_item_unpack(struct qn_items *items, const void *data, size_t n,
               struct qn_error *err)
{
    const char *at = data, *end = at + n;

    while (at < end) {
        QN_TRY(qn_memory_grow((void **)&items->v, &items->cap, items->n + 1,
                              sizeof *items->v, err));
        items->v[items->n] = (struct qn_item){.frame = -1, .source = -1};
        QN_TRY(unpack_one(&items->v[items->n++], &at, end, err));
    }
    return 0;
}

void
qn_item_drop(struct qn_item *item)
{
    free(item->path);
    free(item->fields);
    free(item->reason);
}

void
qn_item_clear(struct qn_items *items)
{
    for (size_t i = 0; i < items->n; i++)
        qn_item_drop(&items->v[i]);
    free(items->v);
    *items = (struct qn_items){0};
}
