/* A step made ready for one item.  Local. */
#ifndef QN_WORKER_READY_H
#define QN_WORKER_READY_H

#include "worker/pass.h"

struct qn_ready {
    const struct qn_program_step *step;
    void *params; /* owned */
    const struct qn_array *operand[QN_MAX_OPERANDS]; /* borrowed: cache */
};

/* r->step is set; first_use: of its operands, among those of all steps.  They
 * are read as that real type. */
int
qn_ready_make(
    struct qn_ready *r, const struct qn_pass *pass, size_t first_use,
    enum qn_dtype real, struct qn_error *err);

void
qn_ready_clear(struct qn_ready *r);

/* Do the operands fit an item of that shape? */
int
qn_ready_check(const struct qn_ready *r, const struct qn_shape *item, struct qn_error *err);

/* n steps of point kernels on samples from `first` of an item on, which are
 * converted on the way if they come from elsewhere. */
int
qn_ready_points(
    const struct qn_ready *r, int n, const struct qn_shape *item, size_t first,
    const struct qn_array *from, const struct qn_array *a, int threads,
    struct qn_error *err);

/* The header of the pass, as a geometry step on an item of that shape leaves
 * it. */
int
qn_ready_cards(
    const struct qn_ready *r, const struct qn_pass *pass, const struct qn_shape *in,
    struct qn_error *err);

#endif
