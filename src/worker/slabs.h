/* An item that is read, taken through the steps and written some rows at a
 * time, as it is larger than memory, or than what stays in cache.  Local. */
#ifndef QN_WORKER_SLABS_H
#define QN_WORKER_SLABS_H

#include "io/reader.h"
#include "io/writer.h"
#include "model/array.h"
#include "worker/supply.h"
#include "worker/worker.h"

struct qn_slabs {
    struct qn_writer_source source; /* what the writer asks for samples  */
    struct qn_array result;         /* of the type written, without samples */
    struct qn_program program;      /* the stage's, maybe of fewer steps;
                                       borrows from it                   */
    struct qn_supply supply;        /* owned: the rows                   */
    struct qn_array as;             /* owned: as written, if in another type */
    struct qn_slabs **turn;         /* borrowed: whose rows are written now */
    struct qn_worker *worker;       /* borrowed                          */
    double read, compute;           /* s                                 */
    int rc;                         /* of what failed but the writing    */
    struct qn_error why;
};

/* Ready for the writer: what comes out of the first `nsteps` steps.  Only for
 * steps that rows can be taken through (model/flow.h).  turn is shared by all
 * products of an output: a product's memory is given back when the next one
 * is begun.  Memory: so many rows at a time as stay in cache. */
int
qn_slabs_open(
    struct qn_slabs *s, struct qn_worker *worker, const struct qn_pass *pass, int nsteps,
    struct qn_reader *reader, struct qn_slabs **turn, struct qn_error *err);

void
qn_slabs_close(struct qn_slabs *s);

#endif
