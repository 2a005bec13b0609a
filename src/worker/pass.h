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

/* Steps that are all point kernels, ready to be applied to slabs of one
 * item. */
struct qn_pass_stream;

/* *type: of the item, replaced by what comes out. */
int
qn_pass_stream_open(
    struct qn_pass_stream **s, const struct qn_pass *pass, struct qn_type *type,
    struct qn_error *err);

/* Samples `first` ... of the item, as read, through the steps to out. */
int
qn_pass_stream_slab(
    struct qn_pass_stream *s, void *out, const struct qn_array *in, size_t first,
    struct qn_error *err);

void
qn_pass_stream_close(struct qn_pass_stream *s); /* NULL is fine */

#endif
