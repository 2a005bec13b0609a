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
 * units is set, kernels that take an item in pieces (`unit` in
 * include/quern/kernel.h), and nobody wants to see what comes in between. */
bool
qn_pass_streams(const struct qn_pass *pass, bool units);

/* Such steps, ready to be applied to slabs of one item, in any order.  A slab
 * is rows of it: indices of the first axis that has more than one. */
struct qn_pass_stream;

/* *type: of the item, replaced by what comes out. */
int
qn_pass_stream_open(
    struct qn_pass_stream **s, const struct qn_pass *pass, struct qn_type *type,
    struct qn_error *err);

/* Rows that become one row: slabs begin at multiples of it, and hold
 * multiples of it; what is left at the end of the item is not wanted. */
int64_t
qn_pass_stream_unit(const struct qn_pass_stream *s);

/* Rows of the item from `row` on, as read, through the steps to out: from what
 * was read to the last sample nothing leaves the cache, if the slab fits. */
int
qn_pass_stream_slab(
    struct qn_pass_stream *s, void *out, const struct qn_array *in, int64_t row,
    struct qn_error *err);

void
qn_pass_stream_close(struct qn_pass_stream *s); /* NULL is fine */

#endif
