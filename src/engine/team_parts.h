/* What the files of a team share.  Included by team*.c only.
 *
 *     team.c        which team has which item; what became of each
 *     team_item.c   one item: made ready, gone through, written
 *     team_read.c   a rank's part of it, from the files
 *     team_steps.c  the steps
 */
#ifndef QN_ENGINE_TEAM_PARTS_H
#define QN_ENGINE_TEAM_PARTS_H

#include "engine/arena.h"
#include "engine/block.h"
#include "engine/run.h"

/* A step made ready for an item. */
struct qn_team_ready {
    void *params;                           /* owned */
    struct qn_array array[QN_MAX_OPERANDS]; /* in the arena, or own */
    const struct qn_array *operand[QN_MAX_OPERANDS];
    const char *names[QN_MAX_OPERANDS];
    int64_t offset[QN_MAX_OPERANDS];        /* in the arena; -1: none */
};

/* One item and this rank's part in it. */
struct qn_team_part {
    struct qn_run *run;
    int s;                       /* stage                                     */
    const struct qn_plan_stage *st;
    const struct qn_task *t;
    struct qn_block block;
    struct qn_arena arena;       /* owned: block and operands                 */
    int64_t offset;              /* of the block in it                        */
    struct qn_team_ready *ready; /* owned: [nsteps]                           */
    json_t *asked;               /* owned: what an item needs, see program.c  */
    json_t *cards;               /* owned: rank 0 of the team                 */
};

/* Collective over the team.  The item, up to its result.  Of p->block all is
 * set that does not depend on the item; what it took is in there afterwards.
 * QN_ESTOPPED: the team was asked to stop. */
int
qn_team_item(struct qn_team_part *p, struct qn_error *err);

/* Local, on ranks with a block.  Block and operands to memory. */
int
qn_team_read(struct qn_team_part *p, struct qn_error *err);

/* Collective over the team.  All steps but the products; of a block that has
 * the last one's begun (block.taken), what is left of that. */
int
qn_team_steps(struct qn_team_part *p, struct qn_error *err);

#endif
