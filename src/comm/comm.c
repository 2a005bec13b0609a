/* The communicator: opening, closing, nodes, naps.
 *
 * Starts MPI only where a launcher promises several ranks, and refuses to do a
 * job N times over.  Never calls MPI_Abort: a rank that can no longer agree
 * with the others leaves without MPI_Finalize, and the launcher ends them.
 * Collectives are in comm_collective.c, messages in comm_transfer.c.
 */
#include "comm/comm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "comm/comm_mpi.h"
#include "comm/launch.h"

#define NAP_FIRST_US   20
#define NAP_LONGEST_US 1000

int
qn_comm_promised(void)
{
    struct qn_launch l;

    qn_launch_detect(&l);
    return l.ranks;
}

static void
make_alone(struct qn_comm *c)
{
    *c = (struct qn_comm){.size = 1, .nodes = 1, .node_size = 1};
}

/* Can this MPI see what the launcher started, as far as is known before it is
 * asked?  Open MPI ends the process itself in a step of srun's without PMI. */
static bool
is_hopeless(const struct qn_launch *l)
{
#ifdef OPEN_MPI
    return l->step && !l->wired;
#else
    (void)l;
    return false;
#endif
}

/* MPI_Init, rank and size. */
static int
start(struct qn_comm *c, struct qn_error *err)
{
    int level;
    int rc = QN_MPI_VITAL(
        c->mpi, err, MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level));

    if (c->mpi->broken)
        return rc;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &c->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &c->size);
    return rc;
}

/* The communicators of our own, and from the first on an agreed result. */
static int
duplicate(struct qn_comm *c, int rc, struct qn_error *err)
{
    struct qn_comm_mpi *m = c->mpi;
    int now;

    now = QN_MPI_VITAL(m, rc ? NULL : err,
                       MPI_Comm_dup(MPI_COMM_WORLD, &m->world));
    QN_TRY(qn_comm_agree(c, rc ? rc : now, err));
    rc = QN_MPI_VITAL(m, err, MPI_Comm_dup(MPI_COMM_WORLD, &m->claims));
    return qn_comm_agree(c, rc, err);
}

/* Which node is this, and which rank of it? */
static int
find_node(struct qn_comm *c, struct qn_error *err)
{
    struct qn_comm_mpi *m = c->mpi;
    MPI_Request req = MPI_REQUEST_NULL;
    int place[2] = {0, 1}; // the node's number, number of nodes
    int rc;

    rc = QN_MPI_VITAL(m, err,
                      MPI_Comm_split_type(m->world, MPI_COMM_TYPE_SHARED,
                                          c->rank, MPI_INFO_NULL, &m->node));
    QN_TRY(qn_comm_agree(c, rc, err));
    MPI_Comm_rank(m->node, &c->node_rank);
    MPI_Comm_size(m->node, &c->node_size);
    rc = QN_MPI_VITAL(m, err,
                      MPI_Comm_split(m->world,
                                     c->node_rank ? MPI_UNDEFINED : 0,
                                     c->rank, &m->leaders));
    QN_TRY(qn_comm_agree(c, rc, err));
    if (m->leaders != MPI_COMM_NULL) {
        MPI_Comm_rank(m->leaders, &place[0]);
        MPI_Comm_size(m->leaders, &place[1]);
    }
    rc = QN_MPI_VITAL(m, err,
                      MPI_Ibcast(place, 2, MPI_INT, 0, m->node, &req));
    rc = qn_comm_mpi_wait(m, &req, rc, err);
    c->node = place[0];
    c->nodes = place[1];
    return qn_comm_agree(c, rc, err);
}

/* Faults are to differ from rank to rank; tests may have chosen already. */
static void
number_faults(const struct qn_launch *l)
{
    char rank[16];

    snprintf(rank, sizeof rank, "%d", l->rank);
    if (getenv("QUERN_FAULT"))
        setenv("QUERN_FAULT_RANK", rank, 0);
}

/* Everything after the launcher was found. */
static int
join(struct qn_comm *c, const struct qn_launch *l, struct qn_error *err)
{
    int rc = start(c, err);
    int met;

    // Not even started: there is nobody to agree with.
    if (c->mpi->broken)
        return rc;
    if (c->size < l->ranks)
        return qn_launch_refuse(l, c->size, err);
    met = qn_comm_meet(c, rc ? NULL : err);
    if (c->mpi->broken)
        return met;
    QN_TRY(duplicate(c, rc ? rc : met, err));
    return find_node(c, err);
}

int
qn_comm_open(struct qn_comm *c, struct qn_error *err)
{
    struct qn_launch l;
    void *m;
    int rc;

    memset(c, 0, sizeof *c);
    qn_launch_detect(&l);
    number_faults(&l);
    if (!l.ranks || (l.ranks == 1 && l.exact)) {
        make_alone(c);
        return 0;
    }
    if (is_hopeless(&l)) {
        rc = qn_launch_refuse(&l, 1, err);
    } else {
        QN_TRY(qn_memory_make(&m, 1, sizeof *c->mpi, "communicator", err));
        c->mpi = m;
        c->mpi->world = c->mpi->claims = MPI_COMM_NULL;
        c->mpi->node = c->mpi->leaders = MPI_COMM_NULL;
        c->mpi->piece = QN_COMM_PIECE;
        rc = join(c, &l, err);
    }
    if (rc) {
        bool alone = qn_comm_alone(c);

        qn_comm_close(c);
        // so that only one copy need speak, or who else knows nothing
        c->rank = alone ? 0 : l.rank;
    }
    return rc;
}

bool
qn_comm_alone(const struct qn_comm *c)
{
    return c->mpi && c->mpi->broken;
}

static void
let_go(MPI_Comm *comm)
{
    if (*comm != MPI_COMM_NULL)
        MPI_Comm_free(comm);
}

void
qn_comm_close(struct qn_comm *c)
{
    struct qn_comm_mpi *m = c->mpi;

    // MPI_Finalize waits for the others without sleeping; so meet before.
    if (m && m->world != MPI_COMM_NULL)
        qn_comm_barrier(c, NULL);
    if (m && !m->broken) {
        let_go(&m->leaders);
        let_go(&m->node);
        let_go(&m->claims);
        let_go(&m->world);
        MPI_Finalize();
    }
    free(m);
    memset(c, 0, sizeof *c);
}

void
qn_comm_nap(int *naps)
{
    long us = NAP_FIRST_US + 4L * *naps * *naps;

    if (us < NAP_LONGEST_US)
        ++*naps;
    else
        us = NAP_LONGEST_US;
    // A signal ends the nap, and that is wanted.
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}
