/* What the files of comm/ share: MPI's handles, and the macro that turns its
 * codes into our sentences.  Only files of comm/ and its tests include this.
 */
#ifndef QN_COMM_COMM_MPI_H
#define QN_COMM_COMM_MPI_H

#include <mpi.h>

#include "comm/comm.h"

/* Bytes that travel in one MPI call; below INT_MAX. */
#define QN_COMM_PIECE ((size_t)1 << 30)

struct qn_comm_mpi {
    MPI_Comm world;   /* duplicate of MPI_COMM_WORLD                       */
    MPI_Comm claims;  /* another, so that claims never meet callers' tags  */
    MPI_Comm node;    /* ranks that share memory                           */
    MPI_Comm leaders; /* node_rank 0 of each node; MPI_COMM_NULL on others */
    size_t piece;     /* QN_COMM_PIECE; tests set less, on all ranks alike */
    int phases;       /* claims opened so far                              */
    bool broken;      /* MPI failed where others wait for us: nothing can be
                         agreed any more, see qn_comm_close                */
    struct qn_error why; /* with broken: that failure                      */
};

/* Local.  0, or QN_EMPI for a code of MPI's that is not MPI_SUCCESS, or for an
 * injected failure.  call is the text of the call, for its name. */
int
qn_comm_mpi_check(int code, const char *call, struct qn_error *err);

/* Local.  The same for a call that other ranks wait for: one that really
 * failed leaves m broken. */
int
qn_comm_mpi_vital(
    struct qn_comm_mpi *m, int code, const char *call, struct qn_error *err);

/* The real call is always made, so that ranks stay matched where a failure is
 * injected; whoever goes on after one must still complete its requests. */
#define QN_MPI_VITAL(m, err, call) qn_comm_mpi_vital((m), (call), #call, (err))

/* Local.  The failure that broke m, once more. */
int
qn_comm_mpi_broken(const struct qn_comm_mpi *m, struct qn_error *err);

/* Local.  Wait for a request, asleep; *req is MPI_REQUEST_NULL after it.  rc
 * is what starting it gave: the first failure is returned.  Others wait for it
 * too: where it really fails m is broken. */
int
qn_comm_mpi_wait(
    struct qn_comm_mpi *m, MPI_Request *req, int rc, struct qn_error *err);

/* Collective over on.  n bytes from root, in pieces; every rank takes part in
 * all of them whatever fails, unless m is broken. */
int
qn_comm_mpi_spread(
    struct qn_comm_mpi *m, MPI_Comm on, void *data, size_t n, int root,
    struct qn_error *err);

/* Collective, once, before anything else is said.  A word between rank 0 and
 * every other rank, over MPI_COMM_WORLD.  If it has not come within a minute
 * (QUERN_CONNECT_SECONDS: other than 60) c->mpi is broken, and the sentence
 * says who cannot be reached.  The result is this rank's own. */
int
qn_comm_meet(struct qn_comm *c, struct qn_error *err);

#endif
