/* Pools: see pool.h.
 *
 * Blocks double from 4 KiB to 1 MiB, so that small pools are small; what is
 * large has a block to itself.  Knows nothing of what it holds. */
#include "base/pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { SMALLEST = 4 << 10, LARGEST = 1 << 20, ALIGNED = 8 };

struct qn_pool_block {
    struct qn_pool_block *next;
    size_t unused; // keeps what follows aligned to 16
};

struct qn_pool_entry {
    const void *bytes;
    size_t n;
    uint64_t hash;
};

/* n zeroed bytes that are the pool's. */
static int
take_block(struct qn_pool *p, char **out, size_t n, struct qn_error *err)
{
    struct qn_pool_block *b;

    if (p->source)
        return p->source->more(p->source, (void **)out, n, err);
    QN_TRY(qn_memory_make((void **)&b, n + sizeof *b, 1, "a list", err));
    b->next = p->blocks;
    p->blocks = b;
    *out = (char *)(b + 1);
    return 0;
}

/* At least n bytes free in one piece. */
static int
need(struct qn_pool *p, size_t n, struct qn_error *err)
{
    size_t size = p->next ? p->next : SMALLEST;
    char *block;

    if ((size_t)(p->end - p->at) >= n)
        return 0;
    while (size < 4 * n)
        size *= 2;
    QN_TRY(take_block(p, &block, size, err));
    p->at = block;
    p->end = block + size;
    p->next = size < LARGEST ? 2 * size : LARGEST;
    return 0;
}

/* Too large to share a block? */
static bool
is_large(size_t n)
{
    return n > LARGEST / 16;
}

int
qn_pool_make(struct qn_pool *p, void **out, size_t n, size_t size,
             struct qn_error *err)
{
    size_t bytes;
    char *made = NULL;

    memcpy(out, &made, sizeof made);
    QN_TRY(qn_memory_mul(&bytes, n, size, "a list", err));
    if (bytes > SIZE_MAX / 8)
        return qn_fail(err, QN_ENOMEM, "no memory for a list of %zu", n);
    bytes = (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
    bytes = bytes ? bytes : ALIGNED;
    if (is_large(bytes)) {
        QN_TRY(take_block(p, &made, bytes, err));
    } else {
        QN_TRY(need(p, bytes, err));
        made = p->at;
        p->at += bytes;
    }
    memcpy(out, &made, sizeof made);
    return 0;
}

int
qn_pool_extend(struct qn_pool *p, char **piece, size_t n, size_t more,
               struct qn_error *err)
{
    char *old = *piece;

    if (is_large(n + more)) {
        QN_TRY(take_block(p, piece, n + more, err));
    } else if (old && old == p->end && (size_t)(p->end - p->at) >= more) {
        p->end -= more;
        *piece = p->end;
    } else {
        QN_TRY(need(p, n + more, err));
        p->end -= n + more;
        *piece = p->end;
    }
    if (n)
        memmove(*piece, old, n);
    return 0;
}

int
qn_pool_bytes(struct qn_pool *p, char **copy, const void *s, size_t n,
              struct qn_error *err)
{
    *copy = NULL;
    QN_TRY(qn_pool_extend(p, copy, 0, n, err));
    if (n)
        memcpy(*copy, s, n);
    return 0;
}

int
qn_pool_text(struct qn_pool *p, char **copy, const char *s,
             struct qn_error *err)
{
    *copy = NULL;
    return s ? qn_pool_bytes(p, copy, s, strlen(s) + 1, err) : 0;
}

/* ---- interned ----------------------------------------------------------- */

/* FNV-1a by words of eight bytes; the high bits of a product are the good
 * ones, tables use the low. */
static uint64_t
hash_bytes(const unsigned char *s, size_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ n;

    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = 0;

        memcpy(&word, s + i, n - i < 8 ? n - i : 8);
        h = (h ^ word) * UINT64_C(0x100000001b3);
        h ^= h >> 32;
    }
    return h;
}

/* The place of these bytes: where they are, or a free one. */
static struct qn_pool_entry *
find_entry(const struct qn_pool *p, uint64_t hash, const void *bytes,
           size_t n)
{
    size_t at = (size_t)hash & (p->entries - 1);
    struct qn_pool_entry *e;

    for (; (e = &p->entry[at])->bytes; at = (at + 1) & (p->entries - 1))
        if (e->hash == hash && e->n == n && !memcmp(e->bytes, bytes, n))
            break;
    return e;
}

static int
grow_entries(struct qn_pool *p, struct qn_error *err)
{
    struct qn_pool old = *p;

    if (2 * (p->interned + 1) <= p->entries)
        return 0;
    p->entries = p->entries ? 2 * p->entries : 16;
    if (qn_memory_make((void **)&p->entry, p->entries, sizeof *p->entry,
                       "a list", err)) {
        *p = old;
        return QN_ENOMEM;
    }
    for (size_t i = 0; i < old.entries; i++) {
        const struct qn_pool_entry *e = &old.entry[i];

        if (e->bytes)
            *find_entry(p, e->hash, e->bytes, e->n) = *e;
    }
    free(old.entry);
    return 0;
}

int
qn_pool_intern(struct qn_pool *p, const void **one, const void *bytes,
               size_t n, struct qn_error *err)
{
    uint64_t hash = hash_bytes(bytes, n);
    struct qn_pool_entry *e;
    void *copy;

    QN_TRY(grow_entries(p, err));
    e = find_entry(p, hash, bytes, n);
    if (!e->bytes) {
        QN_TRY(qn_pool_make(p, &copy, 1, n, err));
        memcpy(copy, bytes, n);
        *e = (struct qn_pool_entry){copy, n, hash};
        p->interned++;
    }
    *one = e->bytes;
    return 0;
}

void
qn_pool_clear(struct qn_pool *p)
{
    while (p->blocks) {
        struct qn_pool_block *b = p->blocks;

        p->blocks = b->next;
        free(b);
    }
    free(p->entry);
    *p = (struct qn_pool){.source = p->source};
}
