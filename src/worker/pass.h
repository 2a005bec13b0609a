/* The steps of a stage, applied to one item.  Local. */
#ifndef QN_WORKER_PASS_H
#define QN_WORKER_PASS_H

#include "model/cards.h"
#include "model/fields.h"
#include "worker/operand.h"
#include "worker/program.h"

/* Who wants to see what comes out of each step. */
struct qn_keeper {
    int (*keep)(
        void *ctx, int number, const char *kernel, const struct qn_array *a,
        struct qn_error *err);
    void *ctx;
};

struct qn_pass {
    const struct qn_program *program;
    struct qn_operands_cache *cache;
    const json_t *uses;              /* of all steps, in order            */
    const struct qn_lookup *fields;  /* for {header: X} in options        */
    const char *path;                /* of the item's own file            */
    struct qn_cards *cards;          /* corrected by geometry steps       */
    struct qn_keeper *keeper;        /* NULL: nobody                      */
};

/* Replace *a by what comes out of the steps.  A run of point kernels is
 * applied tile by tile, so that samples stay in cache between the steps. */
int
qn_pass_run(const struct qn_pass *pass, struct qn_array *a, struct qn_error *err);

/* Can the steps be applied slab by slab?  All are point kernels or, where
 * units is set, kernels that cut an item at no cost (`apart` in
 * include/quern/kernel.h), and nobody wants to see what comes in between. */
bool
qn_pass_streams(const struct qn_pass *pass, bool units);

#endif
