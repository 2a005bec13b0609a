/* Claims: ranks take work as they become free.
 *
 * Rank 0 answers at once, because no rank computes in the process that talks
 * MPI.  Chunks are guided: what a rank finishes in a twentieth of a second, but
 * never more than what is left divided by twice the ranks, and at least 1; the
 * next chunk is asked for before the last is finished.
 *
 * Every rank, rank 0 included, calls qn_claims_serve and qn_claims_take in its
 * event loop until qn_claims_finished says so.  Neither blocks.
 *
 *     qn_claims_open(&q, comm, total, lanes);   collective
 *     for (;;) {
 *         qn_claims_serve(q);                   each time round, on all ranks
 *         qn_claims_take(q, &index, &got);      for each free lane
 *         if (qn_claims_finished(q) && nothing in hand) break;
 *     }
 *     qn_claims_close(q);                       collective, asleep
 *
 * An error of serve or take stops the claims for all ranks; close returns it
 * to all.
 */
#ifndef QN_COMM_CLAIMS_H
#define QN_COMM_CLAIMS_H

#include "comm/comm.h"

struct qn_claims;

/* What has become of units, since the claims were opened. */
struct qn_claims_count {
    int64_t done, failed;
    int64_t bytes; /* of input */
};

/* Collective.  total units of work, 0 ... total-1, given out in this order
 * (the caller sorts: largest first).  total is the same on every rank.  *q is
 * NULL on failure. */
int
qn_claims_open(
    struct qn_claims **q, struct qn_comm *comm, int64_t total, int lanes,
    struct qn_error *err); /* lanes: units this rank works on at a time, at
                              least 1; may differ from rank to rank */

/* Local.  Rank 0 answers waiting requests; the others take up answers, ask
 * for what comes next, and once a second whether somebody has called stop. */
int
qn_claims_serve(struct qn_claims *q, struct qn_error *err);

/* Local.  *got: a unit for this rank is in *index.  Not got: none at hand now
 * (a request is under way) or none left. */
int
qn_claims_take(
    struct qn_claims *q, int64_t *index, bool *got, struct qn_error *err);

/* Local.  What this rank has done so far; goes to rank 0 with its next message,
 * within a second; a failure at once. */
void
qn_claims_tell(struct qn_claims *q, const struct qn_claims_count *mine);

/* Local.  On rank 0: all ranks together, as last heard; elsewhere this one. */
struct qn_claims_count
qn_claims_sum(const struct qn_claims *q);

/* Local, on rank 0: has every other rank taken its leave? */
bool
qn_claims_alone(const struct qn_claims *q);

/* Local.  Nobody is to get further units (stop, disk full, --fail-fast);
 * spreads to rank 0 with the next message of this rank and to all others with
 * their next answer. */
int
qn_claims_stop(struct qn_claims *q, struct qn_error *err);

/* Local.  True once this rank will get no further unit. */
bool
qn_claims_finished(const struct qn_claims *q);

/* Local.  Are there units enough that one may wait for its turn here?  False
 * near the end: it could be done elsewhere. */
bool
qn_claims_plenty(const struct qn_claims *q);

/* Local.  True once this rank knows that somebody called stop. */
bool
qn_claims_stopped(const struct qn_claims *q);

/* Collective.  Rank 0 serves until every rank has taken its leave.  A rank
 * that closes before it is finished stops the others.  All ranks return the
 * same: the error of the lowest rank that met one, whenever that was.
 * *stopped (may be NULL): somebody stopped.  Safe on NULL (all ranks). */
int
qn_claims_close(struct qn_claims *q, bool *stopped, struct qn_error *err);

#endif
