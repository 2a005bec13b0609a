/* Launcher detection from the environment.
 *
 * A process that was started N times by a launcher its MPI library does not
 * understand would do the whole job N times over; so the promise made in the
 * environment is held against what MPI sees.  Knows names of variables, not
 * MPI itself.  Next: comm.c.
 */
#include "comm/launch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

// Slurm numbers its own steps (batch, extern, interactive) from here on.
#define SLURM_STEPS_RESERVED 0xfffffff0L

/* A whole number in a variable, or -1. */
static long
number(const char *name)
{
    const char *s = getenv(name);
    char *end;
    long n;

    if (!s || *s < '0' || *s > '9')
        return -1;
    errno = 0;
    n = strtol(s, &end, 10);
    return errno || *end ? -1 : n;
}

/* Take the promise in a variable, if it is there. */
static bool
promised(struct qn_launch *l, const char *size, const char *rank)
{
    long ranks = number(size);
    long mine = number(rank);

    if (ranks < 1 || ranks > INT_MAX)
        return false;
    l->ranks = (int)ranks;
    l->rank = mine >= 0 && mine < ranks ? (int)mine : 0;
    l->variable = size;
    l->exact = true;
    return true;
}

/* Inside a step of srun?  A batch script has most of the same variables, but
 * no step number, or "batch", or one of the reserved ones. */
static bool
in_slurm_step(void)
{
    long step = number("SLURM_STEP_ID");

    return step >= 0 && step < SLURM_STEPS_RESERVED &&
           number("SLURM_PROCID") >= 0;
}

static bool
promised_by_slurm(struct qn_launch *l)
{
    if (!in_slurm_step())
        return false;
    l->step = promised(l, "SLURM_STEP_NUM_TASKS", "SLURM_PROCID") ||
              promised(l, "SLURM_NTASKS", "SLURM_PROCID");
    return l->step;
}

void
qn_launch_detect(struct qn_launch *l)
{
    memset(l, 0, sizeof *l);
    l->wired = getenv("PMIX_RANK") || getenv("PMI_RANK") || getenv("PMI_FD");
    // From the innermost launcher outwards: mpirun inside a Slurm step counts.
    if (promised(l, "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK") ||
        promised(l, "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK") ||
        promised(l, "PMI_SIZE", "PMI_RANK") || promised_by_slurm(l))
        return;
    if (promised(l, "MPI_LOCALNRANKS", "MPI_LOCALRANKID")) {
        l->exact = false; // those of one node
        return;
    }
    if (number("PMIX_RANK") >= 0 && number("PMIX_RANK") <= INT_MAX) {
        l->ranks = 1; // at least
        l->rank = (int)number("PMIX_RANK");
        l->variable = "PMIX_RANK";
    }
}

int
qn_launch_refuse(const struct qn_launch *l, int seen, struct qn_error *err)
{
    return qn_fail(err, QN_EMPI,
                   "this looks like %d copies that do not know of each other "
                   "(%s=%d, but MPI sees %d): start with "
                   "`srun --mpi=pmix -n %d quern ...` or Open MPI's own "
                   "`mpirun -n %d quern ...`",
                   l->ranks, l->variable, l->ranks, seen, l->ranks, l->ranks);
}
