/* Rows of an item as they come out of its steps, wherever they are asked for:
 * it is read, some rows at a time, as often as needed.  Local. */
#ifndef QN_WORKER_SUPPLY_H
#define QN_WORKER_SUPPLY_H

#include "io/reader.h"
#include "model/shape.h"
#include "worker/stream.h"

struct qn_supply {
    struct qn_reader *reader; /* borrowed                                 */
    struct qn_box box;        /* of what the reader gives                 */
    struct qn_type read_as;   /* of the item: the box, maybe without leading
                                 axes that have one sample in it          */
    struct qn_type type;      /* of what comes out                        */
    int64_t rows;             /* of it that pay at a time                 */
    struct qn_stream *steps;  /* owned; NULL: there are none              */
    struct qn_array in, out;  /* owned: as read, after the steps          */
    double read;              /* s spent on reading                       */
};

/* The pass outlives it.  A number of the whole item that a step asks for is
 * found now. */
int
qn_supply_open(
    struct qn_supply *f, const struct qn_pass *pass, struct qn_reader *reader,
    const struct qn_box *box, const struct qn_type *read_as, struct qn_error *err);

/* Rows first ... first + n - 1 of what comes out; *v stays the supply's until
 * the next call. */
int
qn_supply_get(
    struct qn_supply *f, int64_t first, int64_t n, const void **v, struct qn_error *err);

void
qn_supply_close(struct qn_supply *f);

#endif
