/* Bands of a combination: every rank gets some pixels of all members. */
#ifndef QN_ENGINE_BANDS_H
#define QN_ENGINE_BANDS_H

#include "engine/arena.h"
#include "engine/run.h"

struct qn_bands {
    struct qn_run *run;              /* borrowed, like all up to weight   */
    const struct qn_plan_stage *st;
    int64_t memory;                  /* bytes that this rank may fill     */
    const struct qn_target *target;
    struct qn_arena *arena;          /* this rank's members               */
    int s;                           /* number of the stage               */
    bool direct;                     /* workers read the members' files, of
                                        which nothing is held: offset, owner
                                        and received are not used         */
    int64_t rows;                    /* direct: bands begin at multiples of
                                        so many rows                      */
    const int64_t *offset;           /* [ntasks] place at the owner       */
    const int *owner;                /* [ntasks] rank                     */
    size_t program;
    int leader;                      /* the rank that gets the result     */
    double *weight;                  /* [members] or NULL                 */
    struct qn_arena result;          /* owned: see qn_bands_layout        */
    struct qn_arena received;        /* owned: [members][pixels of mine]  */
};

/* Where the products lie in the leader's result memory. */
struct qn_bands_layout {
    int64_t data, count, bytes;
};
struct qn_bands_layout
qn_bands_layout(const struct qn_target *t);

/* Pixels of a row of the result, which is what can be read by itself. */
int64_t
qn_bands_row(const struct qn_target *t);

/* Collective.  Combine the target; the leader then has the whole of it in
 * `result`, which its workers know as slot 1. */
int
qn_bands_run(struct qn_bands *b, struct qn_error *err);

/* Collective.  The same for a target that is put together from the runs of
 * frames of one file: they come one behind the other. */
int
qn_bands_join(struct qn_bands *b, struct qn_error *err);

void
qn_bands_clear(struct qn_bands *b);

#endif
