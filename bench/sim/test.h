/* Included before every source that is built for SimGrid: an MPI_Test that
 * answers as those of real MPIs do.
 *
 * In SimGrid 3.32 no request is never done, where the standard says that it is
 * at once; and a message that has arrived long ago is not found by the test
 * that follows its MPI_Irecv, because no simulated time has passed.  So a test
 * that finds nothing takes a tenth of a microsecond and looks again. */
#ifndef QN_SIM_TEST_H
#define QN_SIM_TEST_H

#include <mpi.h>
#include <time.h>

static inline int
qn_sim_test(MPI_Request *req, int *done, MPI_Status *status)
{
    int code;

    *done = 1;
    if (*req == MPI_REQUEST_NULL)
        return MPI_SUCCESS;
    code = MPI_Test(req, done, status);
    if (code != MPI_SUCCESS || *done)
        return code;
    nanosleep(&(struct timespec){.tv_nsec = 100}, NULL);
    return MPI_Test(req, done, status);
}

#undef MPI_Test
#define MPI_Test(req, done, status) qn_sim_test(req, done, status)

#endif
