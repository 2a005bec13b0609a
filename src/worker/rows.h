/* An item from its file through the steps without ever being in memory as it
 * was read.  Local. */
#ifndef QN_WORKER_ROWS_H
#define QN_WORKER_ROWS_H

#include "io/reader.h"
#include "model/shape.h"
#include "worker/pass.h"
#include "worker/worker.h"

/* What is read, and where it goes; all borrowed. */
struct qn_rows {
    struct qn_worker *worker;
    const struct qn_pass *pass;
    struct qn_reader *reader;
    struct qn_box box;   /* of what the reader gives                         */
    struct qn_type type; /* of the item: the box, maybe without leading axes
                            that have one sample in it                       */

    /* Memory for a result of that type: fills in *a. */
    int (*place)(void *ctx, struct qn_array *a, const struct qn_type *type, struct qn_error *err);
    void *ctx;
    double read;         /* out: seconds spent reading                       */
};

/* False: the item must be read at once, or its steps must see all of it. */
bool
qn_rows_can(const struct qn_pass *pass, const struct qn_reader *reader, const struct qn_type *type);

/* Rows that what is read, made and written of them stays in cache with; at
 * least one unit of the steps. */
int64_t
qn_rows_warm(const struct qn_program *p, const struct qn_type *type, int64_t unit);

/* Fill what place gave with what comes out of the steps; without steps it is
 * read there at once.  On failure *a may be filled in part. */
int
qn_rows_run(struct qn_rows *r, struct qn_array *a, struct qn_error *err);

#endif
