/* A rank's block of a grid that a team shares, and what is done with it.
 *
 * The samples of the block lie in one piece; halos exist only while a stencil
 * runs.  What comes out of a sample does not depend on how the grid is cut. */
#ifndef QN_ENGINE_BLOCK_H
#define QN_ENGINE_BLOCK_H

#include "comm/comm.h"
#include "kernels/sweep.h"
#include "model/grid.h"
#include "quern/array.h"

struct qn_block {
    struct qn_comm *team;  /* borrowed; block i is that of its rank i       */
    struct qn_type grid;   /* the whole grid                                */
    struct qn_cut cut;
    struct qn_box own;     /* in the grid; empty on ranks without a block   */
    struct qn_array array; /* the own samples                               */
    bool lent;             /* they lie in a shared mapping, in which nothing
                              else is between them: its pages may go         */
    int threads;
    double waited;         /* s for halos                                   */
    double computed;       /* s in kernels                                  */
    int64_t exchanged;     /* bytes of halos received                       */
    bool no_overlap;       /* wait for the halo before computing            */
    bool measured;         /* halo_rate is: at a stage's first sweep that
                              needs one                                     */
    double halo_rate;      /* s a byte of halo takes with nothing else to do */
    /* Local.  So many steps of a sweep are taken; NULL: nobody wants to know. */
    void (*tell)(void *whom, int64_t done, int64_t steps);
    /* Local.  Between tiles of a sweep: whatever is to go on meanwhile; NULL:
     * nothing but the halos. */
    void (*poll)(void *whom);
    void *whom;            /* of tell and poll                              */
    bool (*asked_to_stop)(void); /* looked at now and then; NULL: never     */
    int64_t taken;         /* steps of a sweep that array has behind it     */
    /* Collective.  A state that is to be kept (quern/kernel.h) is in array. */
    int (*keep)(void *ctx, struct qn_error *err);
    void *ctx;             /* of keep                                       */
};

/* Local.  Nobody needs the samples any more: their memory goes. */
void
qn_block_drop(struct qn_block *b);

/* Samples that stencil kernel k needs around a block, with the steps it takes
 * between two exchanges.  QN_EJOB and the like: what the kernel says. */
int
qn_block_radius(
    int64_t radius[QN_MAX_DIMS], const struct qn_kernel *k, const void *params,
    const struct qn_type *grid, struct qn_error *err);

/* Steps between states of k that are kept; 0: none are. */
int
qn_block_every(
    int64_t *every, const struct qn_kernel *k, const void *params,
    const struct qn_type *grid, struct qn_error *err);

/* Collective over the team.  All steps of a stencil, in place; grid and array
 * have the type that comes out, but never the axis of states that are kept.
 *  QN_ESTOPPED: the team was asked to stop. */
int
qn_block_sweep(
    struct qn_block *b, const struct qn_kernel *k, const void *params,
    struct qn_error *err);

/* Collective over the team.  Gather the blocks, converted to type, at rank 0:
 * whole is the grid's memory there. */
int
qn_block_gather(struct qn_block *b, enum qn_dtype type, void *whole, struct qn_error *err);

#endif
