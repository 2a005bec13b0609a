/* A team's blocks, regathered into runs of the grid in row-major order, so
 * that no rank has the whole of it: in rounds, each of which brings every rank
 * one run.
 *
 *     rc = qn_gather_open(&g, room, err);
 *     for (every round, as many on all ranks) {
 *         ... g.run[i] of all ranks i, the same on all ...
 *         rc = qn_gather_round(&g, rc, err);
 *         if (!rc)
 *             ... g.mine ...
 *     }
 *     qn_gather_close(&g);
 */
#ifndef QN_ENGINE_GATHER_H
#define QN_ENGINE_GATHER_H

#include "engine/block.h"

/* Samples of the grid, row-major. */
struct qn_gather_run {
    int64_t first, n;
};

/* A message, or what a rank keeps for itself. */
struct qn_gather_parcel {
    char *data;                   /* owned */
    size_t n;                     /* bytes */
    struct qn_transfer *transfer; /* NULL: none, or it is done */
};

struct qn_gather {
    struct qn_block *b;        /* borrowed                                 */
    enum qn_dtype type;        /* that samples are converted to            */
    struct qn_gather_run *run; /* owned, [team]: of this round             */
    struct qn_gather_parcel *out, *in; /* owned, [team]                    */
    char *mine;                /* owned: the own run                       */
};

/* Local.  room: samples of the longest run; b and type are set.  To be closed
 * also after a failure. */
int
qn_gather_open(struct qn_gather *g, int64_t room, struct qn_error *err);

void
qn_gather_close(struct qn_gather *g);

/* Collective over the team.  The samples of run[rank] to mine.  rc: how it
 * went so far on this rank; after a failure of any, all fail in the next
 * round. */
int
qn_gather_round(struct qn_gather *g, int rc, struct qn_error *err);

/* Local.  All n transfers to their end, also after one has failed; the first
 * failure. */
int
qn_gather_wait(
    struct qn_comm *team, struct qn_gather_parcel *p, int n, struct qn_error *err);

#endif
