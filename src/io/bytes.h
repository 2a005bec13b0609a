/* The bytes of an input file: on disk, or in memory where it was gzipped.
 *
 * Sentences of failure name no path: the reader's front end puts it in front.
 * All local.
 */
#ifndef QN_IO_BYTES_H
#define QN_IO_BYTES_H

#include <sys/stat.h>

#include "model/shape.h"

/* What a gzipped file held, kept for who opens it next: its images are read
 * one after the other, or another dataset of it.  Starts as {0}. */
struct qn_bytes_kept {
    unsigned char *data; /* owned; NULL: nothing                       */
    int64_t size;        /* bytes                                      */
    struct stat of;      /* the file, as it was                        */
    int users;           /* that borrow data now                       */
};

struct qn_bytes {
    const char *path;    /* borrowed                                   */
    int fd;              /* -1: not open                               */
    unsigned char *data; /* the inflated content; NULL: on disk        */
    int64_t size;        /* bytes, inflated                            */
    int64_t inflated;    /* bytes that this takes: packed and not      */
    struct qn_bytes_kept *kept; /* has data; NULL: it is owned         */
};

/* Open a regular file; gzip is inflated at once, unless kept (may be NULL) has
 * it, and left there.  What is kept of another file is dropped first.
 * QN_EIO, QN_EFORMAT. */
int
qn_bytes_open(
    struct qn_bytes *b, const char *path, struct qn_bytes_kept *kept,
    struct qn_error *err);

/* Forget it, unless somebody uses it. */
void
qn_bytes_drop(struct qn_bytes_kept *kept);

/* n bytes from offset; QN_EIO where the file is shorter. */
int
qn_bytes_read(
    const struct qn_bytes *b, int64_t offset, size_t n, void *dst,
    struct qn_error *err);

/* A box of a row-major array of elements of size bytes that begins at offset,
 * into dst, contiguous, bytes as they are.  Whatever lies together is read
 * together. */
int
qn_bytes_box(
    const struct qn_bytes *b, int64_t offset, const struct qn_shape *shape,
    size_t size, const struct qn_box *box, void *dst, struct qn_error *err);

/* Does the file hold all of such an array?  QN_EFORMAT with both numbers. */
int
qn_bytes_holds(
    const struct qn_bytes *b, int64_t offset, const struct qn_shape *shape,
    size_t size, struct qn_error *err);

/* QN_EFORMAT, "truncated", if the file is shorter than need bytes. */
int
qn_bytes_need(const struct qn_bytes *b, int64_t need, struct qn_error *err);

void
qn_bytes_close(struct qn_bytes *b);

#endif
