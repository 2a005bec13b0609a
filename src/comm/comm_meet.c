/* The first contact: can every rank exchange a word with rank 0?
 *
 * MPI_Init succeeds where the launcher reaches all hosts.  Whether ranks reach
 * each other shows with the first message, and where a firewall is between
 * them, or a network that only looks right, Open MPI waits for ever.  Nobody
 * computes yet, so here a wait can have an end.  Next: comm.c. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "comm/comm_mpi.h"

#define PATIENCE      60.0 /* s */
#define PATIENCE_MORE 5.0  /* of the others: rank 0 knows who is missing */

enum { NAMED = 8 }; /* ranks in a sentence */

/* Of slow networks, and of tests, from the environment. */
static double
patience(void)
{
    const char *text = getenv("QUERN_CONNECT_SECONDS");
    double seconds = text ? atof(text) : 0;

    return seconds > 0 ? seconds : PATIENCE;
}

/* Wait for all; *late: some are not done in time.  rc is what starting them
 * gave. */
static int
finish(struct qn_comm_mpi *m, MPI_Request *req, int n, double until,
       bool *late, int rc, struct qn_error *err)
{
    int done = 0, naps = 0;

    *late = false;
    while (!m->broken) {
        int code = MPI_Testall(n, req, &done, MPI_STATUSES_IGNORE);

        if (code != MPI_SUCCESS) {
            int now = qn_comm_mpi_vital(m, code, "MPI_Testall", err);

            return rc ? rc : now;
        }
        *late = !done && qn_clock_now() > until;
        if (done || *late)
            break;
        qn_comm_nap(&naps);
    }
    return rc;
}

static int
give_up(struct qn_comm_mpi *m, const struct qn_text *whom, double seconds,
        struct qn_error *err)
{
    m->broken = true;
    qn_fail(&m->why, QN_EMPI,
            "no word from %s within %g s, though all were started: the hosts "
            "do not reach each other; look for a firewall between them, or "
            "name their network (Open MPI: --mca btl_tcp_if_include "
            "10.0.0.0/16)",
            qn_text_get(whom), seconds);
    return qn_comm_mpi_broken(m, err);
}

/* Whose word has not come? */
static void
name_missing(struct qn_text *t, MPI_Request *req, int size)
{
    int n = 0;

    for (int r = 1; r < size; r++) {
        int done = 0;

        MPI_Test(&req[r], &done, MPI_STATUS_IGNORE);
        if (!done && n++ < NAMED)
            qn_text_add(t, "%s%d", n == 1 ? "rank " : ", ", r);
    }
    if (n > NAMED)
        qn_text_add(t, " and %d more", n - NAMED);
}

/* One word to or from every other rank, on rank 0. */
static int
all_words(struct qn_comm *c, MPI_Request *req, char *word, bool send,
          double until, bool *late, struct qn_error *err)
{
    struct qn_comm_mpi *m = c->mpi;
    int rc = 0;

    req[0] = MPI_REQUEST_NULL;
    for (int r = 1; r < c->size && !m->broken; r++) {
        int now;

        req[r] = MPI_REQUEST_NULL;
        if (send)
            now = QN_MPI_VITAL(m, rc ? NULL : err,
                               MPI_Isend(&word[r], 1, MPI_CHAR, r, 0,
                                         MPI_COMM_WORLD, &req[r]));
        else
            now = QN_MPI_VITAL(m, rc ? NULL : err,
                               MPI_Irecv(&word[r], 1, MPI_CHAR, r, 0,
                                         MPI_COMM_WORLD, &req[r]));
        rc = rc ? rc : now;
    }
    return finish(m, req, c->size, until, late, rc, err);
}

/* On rank 0.  Where it gives up no call of MPI's follows, so that what MPI was
 * to write to can be freed. */
static int
meet_others(struct qn_comm *c, double seconds, struct qn_error *err)
{
    const double until = qn_clock_now() + seconds;
    struct qn_text missing = {0};
    void *requests = NULL, *words = NULL;
    bool late;
    int rc, now = 0;

    rc = qn_memory_make(&requests, (size_t)c->size, sizeof(MPI_Request),
                        "the ranks", err);
    if (!rc)
        rc = qn_memory_make(&words, (size_t)c->size, 1, "the ranks", err);
    if (rc) {
        // the others wait for a word that cannot be given
        c->mpi->broken = true;
        c->mpi->why = *err;
        free(requests);
        return rc;
    }
    rc = all_words(c, requests, words, false, until, &late, err);
    if (!late)
        now = all_words(c, requests, words, true, until, &late,
                        rc ? NULL : err);
    if (late) {
        name_missing(&missing, requests, c->size);
        rc = give_up(c->mpi, &missing, seconds, err);
        qn_text_clear(&missing);
    }
    free(words);
    free(requests);
    return rc ? rc : now;
}

static int
meet_first(struct qn_comm *c, double seconds, struct qn_error *err)
{
    MPI_Request req[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    struct qn_comm_mpi *m = c->mpi;
    struct qn_text whom = {0};
    char word[2] = "";
    bool late;
    int rc, now;

    rc = QN_MPI_VITAL(m, err, MPI_Irecv(&word[0], 1, MPI_CHAR, 0, 0,
                                        MPI_COMM_WORLD, &req[0]));
    now = QN_MPI_VITAL(m, rc ? NULL : err,
                       MPI_Isend(&word[1], 1, MPI_CHAR, 0, 0, MPI_COMM_WORLD,
                                 &req[1]));
    rc = finish(m, req, 2, qn_clock_now() + seconds, &late, rc ? rc : now,
                err);
    if (late) {
        qn_text_add(&whom, "rank 0 to rank %d", c->rank);
        rc = give_up(m, &whom, seconds, err);
        qn_text_clear(&whom);
    }
    return rc;
}

int
qn_comm_meet(struct qn_comm *c, struct qn_error *err)
{
    return c->rank ? meet_first(c, patience() + PATIENCE_MORE, err)
                   : meet_others(c, patience(), err);
}
