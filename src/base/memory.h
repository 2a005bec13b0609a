/* Memory: sizes that cannot overflow, allocations that fail with a sentence.
 * All local. */
#ifndef QN_BASE_MEMORY_H
#define QN_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "quern/error.h"

/* *out = a * b, or QN_ENOMEM with what (a noun) in the sentence. */
int
qn_memory_mul(size_t *out, size_t a, size_t b, const char *what, struct qn_error *err);

/* n zeroed elements of size bytes.  *p is NULL on failure; free with free(). */
int
qn_memory_make(void **p, size_t n, size_t size, const char *what, struct qn_error *err);

/* Grow *p to hold at least need elements; *cap (elements) is doubled as
 * needed.  *p and *cap are unchanged on failure. */
int
qn_memory_grow(void **p, size_t *cap, size_t need, size_t size, struct qn_error *err);

/* A copy of s (NULL gives NULL). */
int
qn_memory_copy(char **p, const char *s, struct qn_error *err);

/* "512M", "2 GiB", "1.5G", "4096": bytes.  Powers of 1024. */
int
qn_memory_parse(int64_t *bytes, const char *s, struct qn_error *err);

#endif
