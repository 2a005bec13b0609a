/* What the files of a team share.  Included by team*.c only.
 *
 *     team.c          which team has which item; what became of each
 *     team_item.c     one item: made ready, gone through, written
 *     team_read.c     a rank's part of it, from the files
 *     team_scatter.c  the same, where one rank reads for all
 *     team_steps.c    the steps
 *     team_results.c  several results of one item
 *     team_combine.c  items that become one
 */
#ifndef QN_ENGINE_TEAM_PARTS_H
#define QN_ENGINE_TEAM_PARTS_H

#include "engine/arena.h"
#include "engine/block.h"
#include "engine/cut.h"
#include "engine/regrid.h"
#include "engine/run.h"

/* A step made ready for an item. */
struct qn_team_ready {
    void *params;                           /* owned */
    struct qn_array array[QN_MAX_OPERANDS]; /* in the arena, or own */
    const struct qn_array *operand[QN_MAX_OPERANDS];
    const char *names[QN_MAX_OPERANDS];
    int64_t offset[QN_MAX_OPERANDS];        /* in the arena; -1: none */
};

/* A grid that the item has on its way, and this rank's block of it. */
struct qn_team_grid {
    struct qn_cut_grid g;
    struct qn_box own; /* empty where the rank has none */
};

/* Several results of an item, on the team's first rank. */
struct qn_team_results {
    struct qn_arena arena; /* owned: their samples                           */
    json_t *said;          /* owned: what a worker is told of each           */
    json_t *names;         /* owned: texts that others borrow                */
    size_t result;         /* the first that is no kept step, of the last
                              dataset                                        */
};

struct qn_harvest;

/* One item and this rank's part in it. */
struct qn_team_part {
    struct qn_run *run;
    int s;                       /* stage                                     */
    const struct qn_plan_stage *st;
    const struct qn_task *t;
    struct qn_team_grid *grid;   /* owned: [ngrids]                           */
    int ngrids;
    struct qn_block block;       /* of the grid that it has now               */
    const char *dataset;         /* borrowed: of several; NULL: there is one  */
    struct qn_task task;         /* t as if that were its only one            */
    struct qn_item item;
    struct qn_type type;
    int64_t frame;               /* of the file, that is gone through now; -1:
                                    frames are no items                       */
    json_t *lost;                /* owned: frames, from the item's first on,
                                    that failed by themselves: [[i, why] ...] */
    bool several;                /* results: they are written together        */
    struct qn_team_results results; /* owned: those                           */
    struct qn_arena arena;       /* owned: what is read                       */
    int64_t offset[QN_MAX_SOURCES]; /* of the block in it, or of its sources  */
    bool first;                  /* the first step changes the grid: what the
                                    block after it is made of is read         */
    struct qn_regrid_part part;  /* that                                      */
    bool scattered;              /* the first rank reads the item for all     */
    int64_t bytes;               /* of the item that were read here           */
    struct qn_team_ready *ready; /* owned: [nsteps]                           */
    json_t *asked;               /* owned: what an item needs, see program.c  */
    json_t *cards;               /* owned: rank 0 of the team                 */
    int64_t from;                /* step kept by an earlier run that the item
                                    went on from; 0: it began anew            */
    /* Collective over the team.  What becomes of the block; NULL: it is
     * written. */
    int (*finish)(struct qn_team_part *p, struct qn_error *err);
    /* Local, on the first rank.  The same of products; NULL: they are written. */
    int (*reduced)(
        struct qn_team_part *p, const struct qn_harvest *h, struct qn_error *err);
    /* Local.  All of it is made, frames that are lost aside; NULL: nobody asks. */
    void (*made)(struct qn_team_part *p);
    void *ctx;                   /* of these                                  */
};

/* One of task t, with a block of this run's options and nothing in it. */
struct qn_team_part
qn_team_part(struct qn_run *run, int s, const struct qn_task *t, struct qn_comm *team);

/* Add what an item's halos took. */
void
qn_team_count(struct qn_halos *h, const struct qn_block *b);

/* Collective over all ranks.  What their halos took together to the run. */
int
qn_team_share_halos(
    struct qn_run *run, int s, const struct qn_halos *mine, struct qn_error *err);

/* A failure that is the item's own, not the run's. */
bool
qn_team_is_own(int code);

/* Is the team asked to stop? */
bool
qn_team_asked_to_stop(void);

/* Collective over the team.  The item, up to its result.  Of p->block all is
 * set that does not depend on the item; what it took is in there afterwards.
 * QN_ESTOPPED: the team was asked to stop. */
int
qn_team_item(struct qn_team_part *p, struct qn_error *err);

/* Local, pure.  The grid that step i is taken on. */
const struct qn_team_grid *
qn_team_item_grid(const struct qn_team_part *p, int i);

/* Local.  The block becomes that of grid g, without samples. */
void
qn_team_item_enter(struct qn_team_part *p, int g);

/* Collective over the team.  p->type: what the file has of p->dataset. */
int
qn_team_read_look(struct qn_team_part *p, struct qn_error *err);

/* Local.  Block and operands to memory, as far as this rank needs them. */
int
qn_team_read(struct qn_team_part *p, struct qn_error *err);

/* Local.  The next frame's block, to where the one before was read. */
int
qn_team_read_again(struct qn_team_part *p, struct qn_error *err);

/* Local.  Have a worker read a box of the item, to a place of the memory that
 * workers know as that of members. */
int
qn_team_read_box(
    struct qn_team_part *p, const struct qn_box *box, int64_t offset,
    struct qn_error *err);

/* Collective over the team.  p->scattered: no part of the file can be read by
 * itself. */
int
qn_team_scatter_look(struct qn_team_part *p, struct qn_error *err);

/* Collective over the team, after qn_team_read.  What is scattered is read and
 * sent to where it is needed. */
int
qn_team_scatter(struct qn_team_part *p, struct qn_error *err);

/* Collective over the team.  Steps first ... end - 1, which are no products; of
 * one that the block has begun (block.taken), what is left. */
int
qn_team_steps(struct qn_team_part *p, int first, int end, struct qn_error *err);

/* ---- several results: p->several ------------------------------------------ */

/* Local.  Is what comes out of each step one of them? */
bool
qn_team_results_keep_steps(const struct qn_team_part *p);

/* Local.  Before the first dataset. */
int
qn_team_results_open(struct qn_team_part *p, struct qn_error *err);

void
qn_team_results_clear(struct qn_team_results *all);

/* Local.  What a product of the dataset in hand is called among all: borrowed
 * until they are cleared. */
const char *
qn_team_results_name(struct qn_team_part *p, const char *name);

/* Collective over the team.  The block is what step i gave. */
int
qn_team_results_step(struct qn_team_part *p, int i, struct qn_error *err);

/* Collective over the team.  The block is the result. */
int
qn_team_results_grid(struct qn_team_part *p, struct qn_error *err);

/* Local, on the first rank.  Products are. */
int
qn_team_results_products(
    struct qn_team_part *p, const struct qn_harvest *h, struct qn_error *err);

/* Collective over the team.  All steps, of which the states of the last are the
 * result; nothing of them outlives a kill. */
int
qn_team_results_states(struct qn_team_part *p, struct qn_error *err);

/* Collective over the team.  All of them become the item's output. */
int
qn_team_results_write(struct qn_team_part *p, struct qn_error *err);

#endif
