/* Many small things in a few large blocks, given back all at once.
 *
 * A list of a million files is a million small texts: one by one they would
 * cost twice what they hold.  What is taken here stays where it is until the
 * pool is cleared.  Blocks come from malloc, or from where the pool's source
 * takes them: then several processes may see them.
 *
 * A struct qn_pool starts as {0}, or with its source; it may be moved.  All
 * local. */
#ifndef QN_BASE_POOL_H
#define QN_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "quern/error.h"

/* Where blocks come from. */
struct qn_pool_source {
    /* n zeroed bytes, aligned to 16, which live as long as the source. */
    int (*more)(struct qn_pool_source *source, void **p, size_t n,
                struct qn_error *err);
};

struct qn_pool {
    struct qn_pool_source *source; /* borrowed; NULL: malloc               */
    struct qn_pool_block *blocks;  /* owned: those of malloc               */
    char *at, *end;                /* what is free of the newest block:
                                      things from the front, texts from the
                                      back                                 */
    size_t next;                   /* bytes of the next block              */
    struct qn_pool_entry *entry;   /* owned, [entries]: what is interned   */
    size_t entries, interned;
};

/* n zeroed elements of size bytes, aligned to 8. */
int
qn_pool_make(struct qn_pool *p, void **out, size_t n, size_t size, struct qn_error *err);

/* A copy of a text (NULL gives NULL), or of n bytes, not aligned. */
int
qn_pool_text(struct qn_pool *p, char **copy, const char *s, struct qn_error *err);
int
qn_pool_bytes(struct qn_pool *p, char **copy, const void *s, size_t n, struct qn_error *err);

/* Room for more bytes behind the n of *piece, which may move.  The piece made
 * last grows in place, others leave a hole.  NULL, 0: a new one. */
int
qn_pool_extend(struct qn_pool *p, char **piece, size_t n, size_t more, struct qn_error *err);

/* The pool's one copy of these bytes, aligned to 8: equal bytes are kept
 * once. */
int
qn_pool_intern(
    struct qn_pool *p, const void **one, const void *bytes, size_t n, struct qn_error *err);

/* Frees everything; the source remains. */
void
qn_pool_clear(struct qn_pool *p);

#endif
