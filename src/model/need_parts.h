/* What the files of need.h share among themselves.  All local and pure. */
#ifndef QN_MODEL_NEED_PARTS_H
#define QN_MODEL_NEED_PARTS_H

#include "model/need.h"
#include "model/plan.h"

/* The most that a worker keeps of operands, where there is room. */
#define QN_NEED_OPERANDS_MOST ((int64_t)256 << 20)
/* The most unpacked rows that a worker keeps, where there is room. */
#define QN_NEED_WINDOW_MOST ((int64_t)256 << 20)
/* Bytes of real samples that go through reductions at a time. */
#define QN_NEED_PRODUCT_SLAB ((int64_t)8 << 20)

/* A stage that is being counted. */
struct qn_need_count {
    const struct qn_plan *p;
    const struct qn_plan_stage *st;
    bool keep_steps;
    const struct qn_need_ask *ask; /* NULL: no team is asked about */
};

/* Bytes of a shape's samples as the stage computes with them. */
int64_t
qn_need_real(const struct qn_need_count *c, const struct qn_shape *s);

/* ---- the items of a stage ----------------------------------------------------- */

struct qn_need_tasks {
    int at;                     /* tasks seen                        */
    const struct qn_type *type; /* of the task last given; borrowed  */
    int64_t bytes;              /* of its file                       */
};

/* The next task, of those that can be made, that may take more than those
 * before; NULL: none.  Begins with a zero struct. */
const struct qn_task *
qn_need_next(struct qn_need_tasks *tasks, const struct qn_plan_stage *st);

/* The least bytes that an item takes of `share`, and whether slab by slab. */
int64_t
qn_need_item(
    const struct qn_need_count *c, const struct qn_task *t, int64_t share, bool *slabs);

/* ---- some rows at a time (need_rows.c) ---------------------------------------- */

/* Do the steps work on rows by themselves, so that slabs cost nothing?
 * Units: also those that make rows of so many. */
bool
qn_need_rows_once(const struct qn_need_count *c, bool units);

/* Do reductions always get an item slab by slab? */
bool
qn_need_rows_always(const struct qn_need_count *c);

/* Can an item go through some rows at a time?  *bytes of the slabs; together:
 * samples that reductions must be given in one. */
bool
qn_need_rows_can(
    const struct qn_need_count *c, const struct qn_task *t, int64_t together,
    int64_t *bytes);

/* ---- unpacking (need_unpack.c) ------------------------------------------------- */

/* What reading an item holds beside it, and may hold if there is room. */
struct qn_need_unpacking {
    int64_t bytes, window;
};

struct qn_need_unpacking
qn_need_unpack_item(const struct qn_item *item);

/* The most of any item of a stage. */
struct qn_need_unpacking
qn_need_unpack_stage(const struct qn_plan_stage *st);

/* ---- operands (need_operand.c) ------------------------------------------------ */

struct qn_need_used {
    int64_t all;     /* bytes of all operands of an item, as they are kept */
    int64_t shared;  /* of those that other items may use, too             */
    int64_t loading; /* beside them while the largest is loaded            */
};

struct qn_need_used
qn_need_operand_item(const struct qn_need_count *c, const struct qn_task *t);

/* A rank's part of the operands of an item, of whose samples it has `part`:
 * what has the axes of the grid is cut like it, of others it may have the
 * whole. */
int64_t
qn_need_operand_block(const struct qn_need_count *c, const struct qn_task *t, double part);

/* What the worker of a rank has in hand while it reduces operands of a shared
 * item. */
int64_t
qn_need_operand_reducing(const struct qn_need_count *c, int64_t memory);

/* Of all that the items of a stage use: each operand file and each result of
 * another stage once, or as many as are kept where each item scales them. */
int64_t
qn_need_operand_stage(const struct qn_need_count *c);

/* ---- what a rank holds -------------------------------------------------------- */

/* Is what comes out of an item a member of something, not an output? */
bool
qn_need_has_members(const struct qn_plan_stage *st);

/* Members of results, each made by one of so many ranks: held, after. */
void
qn_need_member(struct qn_need *n, const struct qn_need_count *c, int ranks);

/* The same of members that a team makes together, beside the block of one that
 * is held: its part of those before, as far as they are kept in memory; later
 * its part of the result. */
void
qn_need_member_team(struct qn_need *n, const struct qn_need_count *c, int team);

/* The block of a shared item: held, gathered, largest. */
void
qn_need_block_count(struct qn_need *n, const struct qn_need_count *c, int team);

#endif
