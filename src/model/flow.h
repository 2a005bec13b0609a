/* Which rows of what goes into a step decide which rows of what comes out, so
 * that an item can go through its steps some rows at a time.  Local, pure.
 *
 * A row is an index of the first axis of the item that has more than one. */
#ifndef QN_MODEL_FLOW_H
#define QN_MODEL_FLOW_H

#include "quern/kernel.h"

enum qn_flow_kind {
    QN_FLOW_POINT,   /* a row decides that row                             */
    QN_FLOW_STENCIL, /* rows before and behind it have a part in a row     */
    QN_FLOW_REGRID,  /* boxes are made of boxes                            */
    QN_FLOW_OVERALL, /* with a number of the whole item                    */
};

struct qn_flow {
    enum qn_flow_kind kind;
    int64_t unit;  /* rows that a further row takes                        */
    int64_t reach; /* rows beside those                                    */
    int spare;     /* slabs that it keeps rows in, beside what goes in and
                      comes out                                            */
    int64_t rows;  /* that go into the step, of the whole item             */
    bool level;    /* what `beside` has is needed for all rows             */
    struct qn_region beside;

    /* Of a kernel that makes boxes of boxes: */
    int axis;
    const struct qn_kernel *kernel; /* borrowed; params too                */
    const void *params;
    struct qn_type in, out;         /* the whole item                      */
};

/* What a kernel does to rows along that axis of an item, whose type is real
 * if the kernel wants it so; false: it must see all of the item, or fails.
 * params outlive f. */
bool
qn_flow_make(
    struct qn_flow *f, const struct qn_kernel *k, const void *params,
    const struct qn_type *in, int axis);

/* Rows first ... first + n - 1 that come out are decided by rows *from ... of
 * what goes in, *count of them. */
void
qn_flow_rows(
    const struct qn_flow *f, int64_t first, int64_t n, int64_t *from, int64_t *count);

/* Rows that come out of a slab whose steps need `reach` rows beside those that
 * they make of `unit` rows each, of `row` samples as they are read: so many
 * that the former do not outweigh the latter; at most `all`. */
int64_t
qn_flow_slab(int64_t row, int64_t unit, int64_t reach, int64_t all);

#endif
