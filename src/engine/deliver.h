/* A team's blocks become the result of an item. */
#ifndef QN_ENGINE_DELIVER_H
#define QN_ENGINE_DELIVER_H

#include "engine/arena.h"
#include "engine/block.h"
#include "engine/run.h"

struct qn_delivery {
    struct qn_run *run;
    int s;                   /* stage                                   */
    const struct qn_task *t;
    struct qn_block *block;  /* after the steps                         */
    json_t *asked;           /* borrowed: what the item needs, see
                                program.c                               */
    json_t *cards;           /* borrowed: on rank 0 of the team         */
    int64_t frames;          /* states of the grid, along an axis more, are
                                the result; 0: the grid is it           */
};

/* Collective over the team.  Contiguous HDF5: the team's first rank has its
 * worker make the file with room for the samples, and every rank writes its
 * rows.  Compressed: every rank packs chunks, the first has them written.
 * Anything else is brought to the first rank as a whole.  Then it is
 * committed. */
int
qn_deliver(struct qn_delivery *d, struct qn_error *err);

/* Local, on the team's first rank.  Products whose samples are in the arena,
 * as described for the worker (worker/result.c). */
int
qn_deliver_products(
    struct qn_delivery *d, const struct qn_arena *a, json_t *products,
    struct qn_error *err);

/* Local.  Memory for so many bytes of a result of stage s: a file in the scratch
 * folder where the plan has no room for them. */
int
qn_deliver_arena(
    struct qn_run *run, int s, struct qn_arena *a, int64_t bytes, struct qn_error *err);

/* Local.  What the result's data will be. */
struct qn_type
qn_deliver_type(const struct qn_delivery *d);

/* Local.  Is it a file in which samples can be written at their places? */
bool
qn_deliver_rows(const struct qn_delivery *d);

/* Local, on the team's first rank.  Make the file path with room for the
 * samples, which begins at byte *at. */
int
qn_deliver_hollow(
    const struct qn_delivery *d, const char *path, int64_t *at, struct qn_error *err);

/* Local, on the team's first rank.  The file at path is the result (of
 * qn_deliver_rows), or has its samples: it is committed at once. */
int
qn_deliver_frames(struct qn_delivery *d, const char *path, struct qn_error *err);

#endif
