/* A step that changes what is where (struct qn_regrid), on a grid that a team
 * shares: every rank gets the samples that its block of the new grid is made
 * of. */
#ifndef QN_ENGINE_REGRID_H
#define QN_ENGINE_REGRID_H

#include "engine/block.h"
#include "engine/cut.h"

/* A rank's block of the grid that comes out, and what it is made of. */
struct qn_regrid_part {
    struct qn_box own;  /* of the grid that comes out; may be empty       */
    int n;              /* sources                                        */
    struct qn_region source[QN_MAX_SOURCES]; /* dense; data: NULL         */
};

/* Local, pure.  That of rank i.  in: the whole grid that goes in; cut: of the
 * one that comes out. */
struct qn_regrid_part
qn_regrid_part(
    const struct qn_kernel *k, const void *params, const struct qn_type *in,
    const struct qn_cut *cut, int i);

/* Local, pure.  The box of a source. */
struct qn_box
qn_regrid_box(const struct qn_region *source);

/* Collective over the team.  One step: b has a block of the grid `next` then.
 * part: this rank's, with samples in its sources if `there`; else they are
 * brought here from the blocks. */
int
qn_regrid_run(
    struct qn_block *b, const struct qn_kernel *k, const void *params,
    const struct qn_cut_grid *next, struct qn_regrid_part *part, bool there,
    struct qn_error *err);

/* Collective over the team.  The same samples, cut like that. */
int
qn_regrid_recut(struct qn_block *b, const struct qn_cut *cut, struct qn_error *err);

#endif
