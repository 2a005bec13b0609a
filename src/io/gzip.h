/* Gzip, whole buffers at a time.  All local. */
#ifndef QN_IO_GZIP_H
#define QN_IO_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "quern/error.h"

/* Do these bytes begin like a gzip file? */
bool
qn_gzip_is(const unsigned char *p, size_t n);

/* Inflate all members of a gzip file; *out is the caller's.  QN_EFORMAT where
 * the data is truncated, fails its check sum or is followed by something else
 * than zeros; QN_ENOMEM. */
int
qn_gzip_inflate(
    unsigned char **out, size_t *n, const unsigned char *in, size_t len,
    struct qn_error *err);

#endif
