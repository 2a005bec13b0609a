/* Memory that a rank shares with its workers: a memory file, or a file in the
 * scratch folder where memory does not suffice.  Local. */
#ifndef QN_ENGINE_ARENA_H
#define QN_ENGINE_ARENA_H

#include <stdbool.h>
#include <stdint.h>

#include "quern/error.h"

struct qn_arena {
    int fd;        /* owned; -1 */
    bool disk;     /* a file, not memory                                */
    char *data;    /* owned mapping of mapped bytes; NULL: not mapped   */
    int64_t used;  /* bytes given out                                   */
    int64_t size;  /* bytes of the file                                 */
    int64_t mapped;
};

/* scratch: folder for a file that has no name (nothing is left after a kill);
 * NULL: memory. */
int
qn_arena_open(struct qn_arena *a, const char *scratch, struct qn_error *err);

/* A place of bytes; *offset is a multiple of 64. */
int
qn_arena_place(struct qn_arena *a, int64_t bytes, int64_t *offset, struct qn_error *err);

/* The place's address in this process, valid until the next qn_arena_at. */
int
qn_arena_at(struct qn_arena *a, int64_t offset, int64_t bytes, void **p, struct qn_error *err);

void
qn_arena_close(struct qn_arena *a);

#endif
