/* Who started this process: what the environment says of launchers.
 *
 * Reads environment variables only; does not know MPI.  All local.
 */
#ifndef QN_COMM_LAUNCH_H
#define QN_COMM_LAUNCH_H

#include <stdbool.h>

#include "quern/error.h"

struct qn_launch {
    int ranks;            /* promised; 0: no launcher                       */
    int rank;             /* of this copy as the launcher counts; 0 where it
                             does not say                                   */
    bool exact;           /* ranks is the whole run, not only this node     */
    bool step;            /* srun, and nothing else, is the launcher        */
    bool wired;           /* a process manager offers itself (PMIx or PMI)  */
    const char *variable; /* that made the promise; NULL: no launcher       */
};

/* Local.  Read the environment.  A batch script of Slurm is no launch: only
 * its srun steps and mpirun are. */
void
qn_launch_detect(struct qn_launch *l /* out */);

/* Local.  QN_EMPI: more copies were started than MPI can see, with the launch
 * line that works. */
int
qn_launch_refuse(
    const struct qn_launch *l,
    int seen, /* ranks that MPI sees */
    struct qn_error *err);

#endif
