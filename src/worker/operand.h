/* Operands of steps: loaded, scaled, kept while they are used again.  Local. */
#ifndef QN_WORKER_OPERAND_H
#define QN_WORKER_OPERAND_H

#include <jansson.h>

#include "quern/array.h"
#include "quern/error.h"
#include "io/shelf.h"
#include "worker/opened.h"

/* The arrays used last: on the shelf, where all workers find them, and this
 * worker's own, the oldest of which goes when more than `limit` bytes of them
 * are held. */
struct qn_operands_cache {
    struct qn_operand_entry *head; /* owned list, last used first */
    size_t limit;
    struct qn_shelf shelf;
    struct qn_bytes_kept *kept; /* borrowed: of the item's own file, inflated */
    struct qn_opened *opened; /* borrowed: of packed results       */
};

/* The operand that the i-th of the resolved uses describes, as an array of
 * dtype real:
 *   {"number": x}
 *   {"path", "dataset", "hdu", "product", "reduce", "scale", "mtime", "row"}
 * own is the item's own file (for {"dataset"} without "path").
 * *array stays valid until the next qn_operand_trim. */
int
qn_operand_get(
    struct qn_operands_cache *cache, const json_t *uses, size_t i,
    const char *own, enum qn_dtype real, const struct qn_array **array,
    struct qn_error *err);

/* Reduce along the leading axis by a method of `combine`, as if its places were
 * members; reals come out in float64. */
int
qn_operand_reduce(struct qn_array *a, const char *method, struct qn_error *err);

/* Forget the oldest until the limit is kept; between items. */
void
qn_operand_trim(struct qn_operands_cache *cache);

/* Bytes for those of this worker alone, and of all on the shelf (0: none is
 * used).  With a shelf nothing is kept beside it. */
void
qn_operand_limit(struct qn_operands_cache *cache, int64_t own, int64_t shelf);

/* Between items: the shelf is now the memory behind fd (borrowed, -1: none). */
void
qn_operand_shelf(struct qn_operands_cache *cache, int fd);

#endif
