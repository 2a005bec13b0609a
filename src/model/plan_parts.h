/* What the files of plan.h share among themselves.  Local. */
#ifndef QN_MODEL_PLAN_PARTS_H
#define QN_MODEL_PLAN_PARTS_H

#include "model/plan.h"

/* Files become runs of their frames. */
int
qn_plan_frames_expand(struct qn_plan_stage *st, struct qn_error *err);

/* Does the stage tell frames apart by their number? */
bool
qn_plan_frames_named(const struct qn_stage *stage);

/* The precision of a stage: the job's, or by the types of its items. */
enum qn_dtype
qn_plan_precision(const struct qn_plan *p, const struct qn_plan_stage *st);

/* Group the tasks, make their results and name them. */
int
qn_plan_group_targets(struct qn_plan_stage *st, struct qn_error *err);

/* Parts of so many items each, in item order. */
int
qn_plan_group_parts(struct qn_plan_stage *st, int rows, struct qn_error *err);

/* Cut the tasks of a stage whose results are packed, once their types are
 * known: one that differs from the others fails. */
int
qn_plan_pack_targets(struct qn_plan *p, struct qn_plan_stage *st, struct qn_error *err);

/* The results of an operand's stage, by what they are matched with. */
struct qn_plan_entry {
    char *key;   /* owned */
    int partner; /* a result; of packed ones the task whose row it is */
};

struct qn_plan_index {
    struct qn_plan_entry *v; /* owned, sorted */
    int n;
    bool ready;
};

struct qn_plan_resolving {
    const struct qn_plan *p;
    struct qn_plan_stage *st;
    struct qn_plan_index *index; /* [nuses] */
    struct qn_use *use;          /* [nuses]: of the task in hand */
};

/* Find an operand of one item; ix is made at its first use. */
int
qn_plan_match_operand(
    const struct qn_plan_resolving *r, const struct qn_operand *op,
    const struct qn_item *item, struct qn_use *u, struct qn_plan_index *ix,
    struct qn_error *why);

/* Bytes that the products of a task take of `memory` beside the samples that
 * go through them; *slab: how many of those they must be given together. */
int64_t
qn_plan_product_need(
    const struct qn_plan *p, const struct qn_plan_stage *st, const struct qn_task *t,
    int64_t memory, int64_t *slab);

/* The type of an operand, where it is known before its file is read. */
int
qn_plan_product_use(
    const struct qn_plan *p, const struct qn_plan_stage *st, const struct qn_operand *op,
    const struct qn_use *u, struct qn_type *type, bool *known, struct qn_error *err);

/* Many frames or items have a place each along a leading axis: type, of one,
 * becomes that of all.  QN_ESHAPE. */
int
qn_plan_product_lead(
    const struct qn_plan_stage *st, const struct qn_target *t, struct qn_type *type,
    struct qn_error *err);

void
qn_plan_match_clear(struct qn_plan_index *ix);

#endif
