/* The array that a job names: one dataset, or several joined along their
 * leading axis.  All local.
 *
 * Several are opened one after the other, never all at once: each may lie in
 * a file of its own. */
#ifndef QN_IO_PARTS_H
#define QN_IO_PARTS_H

#include "io/reader_backend.h"

struct qn_part {
    int64_t start, count;    /* places along the joined axis */
    struct qn_decode decode;
};

struct qn_parts {
    const struct qn_backend *backend;
    const struct qn_bytes *bytes;
    struct qn_source source; /* its texts are borrowed                     */
    struct qn_names names;   /* of the datasets; none: the default one     */
    struct qn_part *part;    /* owned */
    size_t n;
    struct qn_shape shape;   /* of all of them                             */
    char *where;             /* owned: for messages                        */
    void *first;             /* of the back-end: asked for fields; owned   */
    struct qn_held held;     /* borrowed from first                        */
    void *other;             /* the last other one that was read; owned    */
    size_t current;          /* which that is                              */
};

/* Find, open and describe.  source and bytes must outlive it.  On failure p is
 * cleared.  QN_ESHAPE where the datasets do not fit together. */
int
qn_parts_open(
    struct qn_parts *p, const struct qn_backend *backend,
    const struct qn_source *source, const struct qn_bytes *bytes,
    struct qn_error *err);

/* The type that comes out of qn_parts_read. */
enum qn_dtype
qn_parts_type(const struct qn_parts *p);

/* A box of p->shape, decoded. */
int
qn_parts_read(
    struct qn_parts *p, const struct qn_box *box, void *dst,
    struct qn_error *err);

void
qn_parts_close(struct qn_parts *p);

#endif
