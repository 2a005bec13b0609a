/* Arrays: whose memory.  All local. */
#ifndef QN_MODEL_ARRAY_H
#define QN_MODEL_ARRAY_H

#include <stddef.h>

#include "quern/array.h"
#include "quern/error.h"

/* Allocate (uninitialised) data for type; QN_ENOMEM, QN_ESHAPE. */
int
qn_array_make(struct qn_array *a, const struct qn_type *type, struct qn_error *err);

/* A view of memory that somebody else owns. */
struct qn_array
qn_array_view(const struct qn_type *type, void *data);

/* Free owned data, leave zero; safe twice. */
void
qn_array_clear(struct qn_array *a);

/* What the type says, whether there are data or not. */
size_t
qn_array_bytes(const struct qn_array *a);

/* Make *out, a copy of in converted to dtype. */
int
qn_array_convert(
    struct qn_array *out, const struct qn_array *in, enum qn_dtype dtype,
    struct qn_error *err);

#endif
