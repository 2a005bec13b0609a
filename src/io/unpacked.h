/* Rows that were unpacked beside those that were asked for.
 *
 * Where rows are packed together, frames in a chunk say, one cannot be had
 * without the others.  A window keeps these until they are asked for, so that
 * what is read row after row is unpacked once.  It never holds more than it
 * may; what does not fit is unpacked again.  Knows no format.  Local. */
#ifndef QN_IO_UNPACKED_H
#define QN_IO_UNPACKED_H

#include "model/shape.h"
#include "quern/array.h"
#include "quern/error.h"

struct qn_unpacked {
    struct qn_type type;    /* of the whole array                          */
    int axis;               /* along which rows are counted                */
    int64_t together;       /* rows that are packed together; 1: none      */
    int64_t most;           /* bytes that may be held                      */
    struct qn_box held;     /* rows that are there; ndims 0: none          */
    char *data;             /* owned: their samples                        */
    size_t room;            /* bytes of it                                 */
};

/* Unpack a box of the array. */
typedef int
qn_unpacked_read(void *ctx, const struct qn_box *box, void *dst, struct qn_error *err);

/* chunk: samples along each axis that are packed together; most: bytes. */
void
qn_unpacked_make(
    struct qn_unpacked *w, const struct qn_type *type, const int64_t *chunk,
    int64_t most);

/* Bytes with which reading row after row unpacks nothing twice; 0: rows are
 * packed by themselves. */
int64_t
qn_unpacked_wish(const struct qn_type *type, const int64_t *chunk);

/* A box, row-major; read is asked for what is not held.  Rows of the next box
 * are expected to begin where those of this one began, or behind. */
int
qn_unpacked_get(
    struct qn_unpacked *w, const struct qn_box *box, void *dst,
    qn_unpacked_read *read, void *ctx, struct qn_error *err);

void
qn_unpacked_clear(struct qn_unpacked *w);

#endif
