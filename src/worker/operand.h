/* Operands of steps: loaded, scaled, kept while they are used again.  Local. */
#ifndef QN_WORKER_OPERAND_H
#define QN_WORKER_OPERAND_H

#include <jansson.h>

#include "quern/array.h"
#include "quern/error.h"

/* The arrays used last; the oldest goes when more than `limit` bytes are
 * held. */
struct qn_operands_cache {
    struct qn_operand_entry *head; /* owned list, last used first */
    size_t bytes, limit;
};

/* The operand that a resolved use describes, as an array of dtype real:
 *   {"number": x}
 *   {"path", "dataset", "hdu", "product", "reduce", "scale", "mtime"}
 * own is the item's own file (for {"dataset"} without "path").
 * *array stays valid until the next qn_operand_trim. */
int
qn_operand_get(
    struct qn_operands_cache *cache, const json_t *use, const char *own,
    enum qn_dtype real, const struct qn_array **array, struct qn_error *err);

/* Forget the oldest until the limit is kept; between items. */
void
qn_operand_trim(struct qn_operands_cache *cache);

#endif
