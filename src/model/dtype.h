/* Sample types: names, sizes, conversions.  All local, pure. */
#ifndef QN_MODEL_DTYPE_H
#define QN_MODEL_DTYPE_H

#include <stddef.h>

#include "quern/array.h"
#include "quern/error.h"

size_t
qn_dtype_size(enum qn_dtype t); /* bytes of a sample */
const char *
qn_dtype_name(enum qn_dtype t); /* "uint16" */
bool
qn_dtype_is_real(enum qn_dtype t);

/* "uint16", "u2", "<u2", ">i4", "f8"...  *swapped (may be NULL) is true where
 * the text names the byte order that is not this machine's.  QN_EVALUE with
 * the nearest known name. */
int
qn_dtype_parse(enum qn_dtype *t, bool *swapped, const char *s, struct qn_error *err);

/* The real type that holds t's values for arithmetic: float32 for integers up
 * to 16 bits and float32, else float64. */
enum qn_dtype
qn_dtype_precision(enum qn_dtype t);

/* Convert n samples; dst and src must not overlap unless the types are equal.
 * Real to integer rounds half to even; NaN or a value outside the integer's
 * range is QN_EVALUE with the first such sample's value: not its index, since
 * the samples may be any part of an item. */
int
qn_dtype_convert(
    void *dst, enum qn_dtype dst_type,       /* [n] */
    const void *src, enum qn_dtype src_type, /* [n] */
    size_t n, struct qn_error *err);

/* Reverse the bytes of n samples in place. */
void
qn_dtype_swap(void *data, size_t n, enum qn_dtype t);

#endif
