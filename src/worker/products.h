/* The products of one item: every reduction of a stage from the same slabs.
 * Local. */
#ifndef QN_WORKER_PRODUCTS_H
#define QN_WORKER_PRODUCTS_H

#include "io/reader.h"
#include "kernels/reduce_run.h"
#include "worker/supply.h"

struct qn_products {
    struct qn_reduce_run *run; /* owned, [n]: in the order of the program */
    void **params;             /* owned, [n] */
    const struct qn_array *(*operand)[QN_MAX_OPERANDS]; /* owned, [n] */
    int n;
    double read;               /* s spent on reading                      */
};

/* From what came out of the steps. */
int
qn_products_whole(
    struct qn_products *p, const struct qn_pass *pass, const struct qn_array *a,
    struct qn_error *err);

/* Can the steps be applied slab by slab, so that the item need not be read as
 * a whole? */
bool
qn_products_streams(const struct qn_pass *pass, const struct qn_type *type);

/* Read a box, of that type, apply the steps and reduce slab by slab.  An item
 * that several passes go over is kept if it is not too large, else read
 * again. */
int
qn_products_stream(
    struct qn_products *p, const struct qn_pass *pass, struct qn_reader *reader,
    const struct qn_box *box, const struct qn_type *type, struct qn_error *err);

void
qn_products_clear(struct qn_products *p);

#endif
