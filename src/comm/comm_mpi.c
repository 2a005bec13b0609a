/* MPI's codes into our sentences, and waiting asleep.
 *
 * The one place where a code of MPI's is looked at and where failures of MPI
 * are injected.  Knows nothing of what is being said.  Next: comm_collective.c.
 */
#include "comm/comm_mpi.h"

#include <string.h>

#include "base/system.h"

int
qn_comm_mpi_check(int code, const char *call, struct qn_error *err)
{
    const char *name = strstr(call, "MPI_");
    char why[MPI_MAX_ERROR_STRING] = "injected failure";
    int len, begun = 0;

    if (code == MPI_SUCCESS && !qn_system_fault())
        return 0;
    // before MPI_Init has succeeded Open MPI ends the process for being asked
    MPI_Initialized(&begun);
    if (code != MPI_SUCCESS && (!begun || MPI_Error_string(code, why, &len)))
        strcpy(why, "unknown error");
    name = name ? name : call;
    return qn_fail(err, QN_EMPI,
                   "%.*s: %s; if all ranks are still there, run the same "
                   "command again",
                   (int)strcspn(name, "("), name, why);
}

static void
now_broken(struct qn_comm_mpi *m, int code, const char *call)
{
    if (!m->broken)
        (void)qn_comm_mpi_check(code, call, &m->why);
    m->broken = true;
}

int
qn_comm_mpi_vital(struct qn_comm_mpi *m, int code, const char *call,
                  struct qn_error *err)
{
    if (code != MPI_SUCCESS)
        now_broken(m, code, call);
    return qn_comm_mpi_check(code, call, err);
}

int
qn_comm_mpi_broken(const struct qn_comm_mpi *m, struct qn_error *err)
{
    return qn_fail(err, QN_EMPI, "%s", m->why.text);
}

int
qn_comm_mpi_wait(struct qn_comm_mpi *m, MPI_Request *req, int rc,
                 struct qn_error *err)
{
    int done = 0;
    int naps = 0;

    // what the others wait for may be another call than ours
    if (m->broken)
        return rc ? rc : qn_comm_mpi_broken(m, err);
    for (;;) {
        int code = MPI_Test(req, &done, MPI_STATUS_IGNORE);

        // No failure is injected here: starting the call was the place.
        if (code != MPI_SUCCESS) {
            *req = MPI_REQUEST_NULL;
            now_broken(m, code, "MPI_Test");
            return rc ? rc : qn_comm_mpi_check(code, "MPI_Test", err);
        }
        if (done)
            return rc;
        qn_comm_nap(&naps);
    }
}

int
qn_comm_mpi_spread(struct qn_comm_mpi *m, MPI_Comm on, void *data, size_t n,
                   int root, struct qn_error *err)
{
    char *at = data;
    int rc = 0;

    while (n && !(rc && m->broken)) {
        size_t piece = n < m->piece ? n : m->piece;
        struct qn_error *say = rc ? NULL : err;
        MPI_Request req = MPI_REQUEST_NULL;
        int now =
            QN_MPI_VITAL(m, say, MPI_Ibcast(at, (int)piece, MPI_BYTE, root, on,
                                            &req));

        now = qn_comm_mpi_wait(m, &req, now, say);
        rc = rc ? rc : now;
        at += piece;
        n -= piece;
    }
    return rc;
}
