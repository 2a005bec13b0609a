/* Running reductions over one item, slab by slab.  All local.
 *
 *     qn_reduce_run_open(&run, kernel, params, &in, err)
 *     for each pass < run.passes, each slab in order, and each reduction:
 *         qn_reduce_run_slab(&run, pass, first, n, samples, err)
 *     qn_reduce_run_turn(&run, pass, err)
 *     qn_reduce_run_finish(&run, err)       run.out[] holds the results
 *     qn_reduce_run_clear(&run)
 */
#ifndef QN_KERNELS_REDUCE_RUN_H
#define QN_KERNELS_REDUCE_RUN_H

#include "model/array.h"
#include "quern/kernel.h"

struct qn_reduce_run {
    const struct qn_kernel *kernel; /* borrowed */
    const void *params;             /* borrowed */
    struct qn_reduced in;           /* its operands are borrowed       */
    int passes;
    int64_t rows;                   /* slabs begin at multiples of it  */
    int threads;                    /* 1 until it is set               */
    void *state;                    /* owned */
    int nout;
    struct qn_reduced_type type[QN_MAX_RESULTS];
    struct qn_array out[QN_MAX_RESULTS]; /* owned; filled by finish    */
    char caution[QN_CAUTION];       /* likewise; "": there is none     */
};

/* The rows of an item, and how many samples each has. */
void
qn_reduce_run_rows(
    const struct qn_shape *shape, int64_t *rows, int64_t *samples);

int
qn_reduce_run_open(
    struct qn_reduce_run *run, const struct qn_kernel *kernel,
    const void *params, const struct qn_reduced *in, struct qn_error *err);

/* n rows from first on; a pass that this reduction does not need is passed
 * over. */
int
qn_reduce_run_slab(
    struct qn_reduce_run *run, int pass, int64_t first, int64_t n,
    const void *v, struct qn_error *err);

int
qn_reduce_run_turn(struct qn_reduce_run *run, int pass, struct qn_error *err);

int
qn_reduce_run_finish(struct qn_reduce_run *run, struct qn_error *err);

void
qn_reduce_run_clear(struct qn_reduce_run *run);

#endif
