/* Items of input and their named values.
 *
 * Knows neither files nor stages: who fills an item in decides what is true
 * of it.  Packed form: see pack_one; read it beside model/plan.c. */
#include "model/item.h"

#include <stdio.h>
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

_Static_assert(sizeof(struct qn_item) <= 64, "a million of them cost 64 MB");

int
qn_item_reserve(struct qn_items *items, size_t n, struct qn_error *err)
{
    struct qn_item *v;

    if (n <= items->cap)
        return 0;
    QN_TRY(qn_pool_make(&items->pool, (void **)&v, n, sizeof *v, err));
    if (items->n)
        memcpy(v, items->v, items->n * sizeof *v);
    items->v = v;
    items->cap = n;
    return 0;
}

int
qn_item_intern(struct qn_pool *pool, const struct qn_type **one,
               const struct qn_type *type, struct qn_error *err)
{
    const void *p = NULL;
    struct qn_type plain;

    // equal types have equal bytes, those between the members included
    memset(&plain, 0, sizeof plain);
    plain.dtype = type->dtype;
    plain.shape.ndims = type->shape.ndims;
    for (int i = 0; i < type->shape.ndims && i < QN_MAX_DIMS; i++)
        plain.shape.n[i] = type->shape.n[i];
    QN_TRY(qn_pool_intern(pool, &p, &plain, sizeof plain, err));
    *one = p;
    return 0;
}

int
qn_item_type(struct qn_pool *pool, struct qn_item *item, enum qn_dtype stored,
             const struct qn_type *type, struct qn_error *err)
{
    QN_TRY(qn_item_intern(pool, &item->type, type, err));
    item->stored = (uint8_t)stored;
    item->probed = true;
    return 0;
}

/* Append an item with this very path. */
static int
add_item(struct qn_items *items, const char *path, struct qn_item **item,
         struct qn_error *err)
{
    static const struct qn_type unknown;
    struct qn_item fresh = {.path = path, .frame = -1, .source = -1};

    if (items->n == items->cap)
        QN_TRY(qn_item_reserve(items, items->cap ? 2 * items->cap : 8, err));
    QN_TRY(qn_item_intern(&items->pool, &fresh.type, &unknown, err));
    items->v[items->n] = fresh;
    *item = &items->v[items->n++];
    return 0;
}

int
qn_item_add(struct qn_items *items, const char *path, struct qn_item **item,
            struct qn_error *err)
{
    const char *slash = strrchr(path, '/');
    char *copy;

    if (slash && slash - path > 1000)
        return qn_fail(err, QN_EFORMAT,
                       "%.60s...: the folder's name is longer than 1,000 "
                       "bytes; use a shorter path",
                       path);
    QN_TRY(qn_pool_text(&items->pool, &copy, path, err));
    return add_item(items, copy, item, err);
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
qn_item_field(struct qn_pool *pool, struct qn_item *item, const char *name,
              const char *value, bool is_text, struct qn_error *err)
{
    size_t old = fields_length(item->fields) - 1;
    size_t ln = strlen(name), lv = strlen(value);
    char *p;

    QN_TRY(qn_pool_extend(pool, &item->fields, item->fields ? old + 1 : 0,
                          ln + lv + (item->fields ? 2 : 3), err));
    p = item->fields;
    memcpy(p + old, name, ln);
    p[old + ln] = is_text ? '$' : '=';
    memcpy(p + old + ln + 1, value, lv);
    p[old + ln + 1 + lv] = '\0';
    p[old + ln + lv + 2] = '\0';
    return 0;
}

int
qn_item_fields(struct qn_pool *pool, struct qn_item *item, const char *lines,
               struct qn_error *err)
{
    for (const char *p = lines; p && *p;) {
        size_t n = strcspn(p, "\n"), cut = strcspn(p, "=");
        char name[256], value[1024];

        snprintf(name, sizeof name, "%.*s", (int)cut, p);
        snprintf(value, sizeof value, "%.*s", (int)(n - cut - 1),
                 p + cut + 1);
        QN_TRY(qn_item_field(pool, item, name, value, false, err));
        p += n + (p[n] == '\n');
    }
    return 0;
}

int
qn_item_append(struct qn_pool *pool, struct qn_item *to,
               const struct qn_item *from, struct qn_error *err)
{
    size_t old = fields_length(to->fields) - 1, n;

    if (!from->fields)
        return 0;
    n = fields_length(from->fields);
    QN_TRY(qn_pool_extend(pool, &to->fields, to->fields ? old + 1 : 0,
                          to->fields ? n - 1 : n, err));
    memcpy(to->fields + old, from->fields, n);
    return 0;
}

int
qn_item_copy(struct qn_items *items, const struct qn_item *from,
             struct qn_item **item, struct qn_error *err)
{
    struct qn_item *it;
    char *reason;

    QN_TRY(qn_item_add(items, from->path, &it, err));
    *item = it;
    it->bytes = from->bytes;
    it->mtime_ns = from->mtime_ns;
    it->frame = from->frame;
    it->nframes = from->nframes;
    it->source = from->source;
    QN_TRY(qn_item_type(&items->pool, it, (enum qn_dtype)from->stored,
                        from->type, err));
    it->probed = from->probed;
    it->code = from->code;
    QN_TRY(qn_pool_text(&items->pool, &reason, from->reason, err));
    it->reason = reason;
    return qn_item_append(&items->pool, it, from, err);
}

struct qn_items
qn_item_borrow(const struct qn_items *items)
{
    return (struct qn_items){.v = items->v, .n = items->n, .cap = items->n};
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

const char *
qn_item_frame_name(char *buf, size_t size, const struct qn_item *item,
                   int64_t i)
{
    snprintf(buf, size, "%s[%lld]", item->path, (long long)(item->frame + i));
    return buf;
}

int
qn_item_fail(struct qn_pool *pool, struct qn_item *item, int code,
             const char *reason, struct qn_error *err)
{
    char *copy;

    if (item->code)
        return 0;
    QN_TRY(qn_pool_text(pool, &copy, reason, err));
    item->code = (int16_t)code;
    item->reason = copy;
    return 0;
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

/* A shape's axes follow, ndims of them, then the texts. */
struct packed {
    int64_t bytes, mtime_ns;
    int32_t frame, nframes;
    int16_t code;
    uint8_t probed, stored, dtype, ndims, unused[2];
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
        .stored = it->stored,
        .dtype = (uint8_t)it->type->dtype,
        .ndims = (uint8_t)it->type->shape.ndims,
        .code = it->code,
        .path = text_length(it->path),
        .fields = it->fields ? (uint32_t)fields_length(it->fields) : 0,
        .reason = text_length(it->reason),
    };

    qn_text_bytes(out, &p, sizeof p);
    qn_text_bytes(out, it->type->shape.n, p.ndims * sizeof(int64_t));
    qn_text_bytes(out, it->path, p.path);
    qn_text_bytes(out, it->fields, p.fields);
    qn_text_bytes(out, it->reason, p.reason);
}

int
qn_item_pack(struct qn_text *out, const struct qn_items *items, size_t first,
             size_t n, struct qn_error *err)
{
    for (size_t i = first; i < first + n; i++)
        pack_one(out, &items->v[i]);
    return qn_text_check(out, err);
}

static int
damaged(struct qn_error *err)
{
    return qn_fail(err, QN_EMPI, "a list of items arrived damaged");
}

static int
take(struct qn_pool *pool, char **out, const char **p, const char *end,
     uint32_t n, struct qn_error *err)
{
    *out = NULL;
    if (!n)
        return 0;
    if ((size_t)(end - *p) < n || (*p)[n - 1] != '\0')
        return damaged(err);
    QN_TRY(qn_pool_bytes(pool, out, *p, n, err));
    *p += n;
    return 0;
}

/* Fields end in an empty text. */
static bool
whole_fields(const char *fields, uint32_t n)
{
    return !n || n == 1 || fields[n - 2] == '\0';
}

static int
unpack_texts(struct qn_items *items, struct qn_item *it,
             const struct packed *p, const char **at, const char *end,
             struct qn_error *err)
{
    char *text;

    QN_TRY(take(&items->pool, &it->fields, at, end, p->fields, err));
    if (!whole_fields(it->fields, p->fields))
        return damaged(err);
    QN_TRY(take(&items->pool, &text, at, end, p->reason, err));
    it->reason = text;
    return 0;
}

static int
unpack_one(struct qn_items *items, const char **at, const char *end,
           struct qn_error *err)
{
    struct qn_type type = {0};
    struct qn_item *it;
    struct packed p;
    char *path;

    if ((size_t)(end - *at) < sizeof p)
        return qn_fail(err, QN_EMPI, "a list of items arrived cut short");
    memcpy(&p, *at, sizeof p);
    *at += sizeof p;
    if (p.ndims > QN_MAX_DIMS || p.dtype >= QN_NDTYPES ||
        (size_t)(end - *at) < p.ndims * sizeof(int64_t) || !p.path)
        return damaged(err);
    type = (struct qn_type){(enum qn_dtype)p.dtype, {.ndims = p.ndims}};
    memcpy(type.shape.n, *at, p.ndims * sizeof(int64_t));
    *at += p.ndims * sizeof(int64_t);
    QN_TRY(take(&items->pool, &path, at, end, p.path, err));
    QN_TRY(add_item(items, path, &it, err));
    it->bytes = p.bytes;
    it->mtime_ns = p.mtime_ns;
    it->frame = p.frame;
    it->nframes = p.nframes;
    QN_TRY(qn_item_type(&items->pool, it, (enum qn_dtype)p.stored, &type,
                        err));
    it->probed = p.probed != 0;
    it->code = p.code;
    return unpack_texts(items, it, &p, at, end, err);
}

int
qn_item_unpack(struct qn_items *items, const void *data, size_t n,
               struct qn_error *err)
{
    const char *at = data, *end = at + n;

    while (at < end)
        QN_TRY(unpack_one(items, &at, end, err));
    return 0;
}

void
qn_item_clear(struct qn_items *items)
{
    struct qn_pool_source *source = items->pool.source;

    qn_pool_clear(&items->pool);
    *items = (struct qn_items){.pool.source = source};
}
