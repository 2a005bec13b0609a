/* Teams: communicators of some of the ranks.
 *
 * A team agrees, spreads, gathers, sends and claims among itself; nodes and
 * shared memory remain the matter of all ranks. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "comm/comm_mpi.h"

static void
let_go(struct qn_comm *part)
{
    if (part->mpi->claims != MPI_COMM_NULL)
        MPI_Comm_free(&part->mpi->claims);
    if (part->mpi->world != MPI_COMM_NULL)
        MPI_Comm_free(&part->mpi->world);
}

/* Of a communicator that fell to one rank nothing of MPI is needed. */
static void
make_lone(struct qn_comm *part)
{
    let_go(part);
    free(part->mpi);
    part->mpi = NULL;
    part->rank = 0;
    part->size = 1;
}

static int
split(struct qn_comm *c, int color, struct qn_comm *part,
      struct qn_error *err)
{
    int rc = QN_MPI_VITAL(
        c->mpi, err,
        MPI_Comm_split(c->mpi->world, color < 0 ? MPI_UNDEFINED : color,
                       c->rank, &part->mpi->world));

    rc = qn_comm_agree(c, rc, err);
    if (!rc && color >= 0)
        rc = QN_MPI_VITAL(c->mpi, err, MPI_Comm_dup(part->mpi->world,
                                                    &part->mpi->claims));
    rc = qn_comm_agree(c, rc, err);
    if (rc || color < 0) {
        make_lone(part);
        *part = (struct qn_comm){0};
        return rc;
    }
    MPI_Comm_rank(part->mpi->world, &part->rank);
    MPI_Comm_size(part->mpi->world, &part->size);
    if (part->size == 1)
        make_lone(part);
    return 0;
}

int
qn_comm_split(struct qn_comm *c, int color, struct qn_comm *part,
              struct qn_error *err)
{
    void *m = NULL;
    int rc;

    *part = *c;
    part->mpi = NULL;
    if (!c->mpi) {
        if (color < 0)
            *part = (struct qn_comm){0};
        return 0;
    }
    rc = qn_memory_make(&m, 1, sizeof *c->mpi, "communicator", err);
    rc = qn_comm_agree(c, rc, err);
    if (rc) {
        free(m);
        *part = (struct qn_comm){0};
        return rc;
    }
    part->mpi = m;
    part->mpi->world = part->mpi->claims = MPI_COMM_NULL;
    part->mpi->node = part->mpi->leaders = MPI_COMM_NULL;
    part->mpi->piece = c->mpi->piece;
    return split(c, color, part, err);
}

void
qn_comm_release(struct qn_comm *part)
{
    if (part->mpi) {
        if (!part->mpi->broken)
            let_go(part);
        free(part->mpi);
    }
    *part = (struct qn_comm){0};
}
