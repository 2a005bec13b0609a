/* quern-claims: how many units a second the ranks can claim, with no work in
 * them and nothing written down.
 *
 *     mpirun -n 2 quern-claims UNITS [LANES]
 *
 * The loop is the one a stage runs, without workers and without a journal.
 * Also the round trip of a small message between ranks 0 and 1, which is what
 * a claim for a single unit cannot be faster than.  Rank 0 prints JSON. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "comm/claims.h"

enum { TRIPS = 2000 };

/* Take units until there are none left. */
static int
claim(struct qn_claims *q, int64_t *taken, struct qn_error *err)
{
    int naps = 0, rc = 0;

    while (!rc && !qn_claims_finished(q)) {
        int64_t unit;
        bool got = false;

        rc = qn_claims_serve(q, err);
        if (!rc)
            rc = qn_claims_take(q, &unit, &got, err);
        if (got)
            naps = 0;
        else if (!rc)
            qn_comm_nap(&naps);
        *taken += got;
    }
    return rc;
}

/* Seconds a round trip between ranks 0 and 1 takes; 0 for a lone rank. */
static double
round_trip(const struct qn_comm *c)
{
    double begin;
    int word = 0;

    if (c->size < 2 || c->rank > 1)
        return 0;
    begin = qn_clock_now();
    for (int i = 0; i < TRIPS; i++) {
        if (c->rank == 0)
            MPI_Send(&word, 1, MPI_INT, 1, 0, MPI_COMM_WORLD);
        MPI_Recv(&word, 1, MPI_INT, 1 - c->rank, 0, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
        if (c->rank == 1)
            MPI_Send(&word, 1, MPI_INT, 0, 0, MPI_COMM_WORLD);
    }
    return (qn_clock_now() - begin) / TRIPS;
}

/* Rank 0's seconds from the common start until everybody has left. */
static int
measure(struct qn_comm *c, int64_t units, int lanes, struct qn_error *err)
{
    struct qn_claims *q = NULL;
    int64_t taken = 0, sum = 0;
    double begin, trip = round_trip(c);
    int left, rc = qn_comm_barrier(c, err);

    begin = qn_clock_now();
    if (!rc)
        rc = qn_claims_open(&q, c, units, lanes, err);
    if (!rc)
        rc = claim(q, &taken, err);
    left = qn_claims_close(q, NULL, rc ? NULL : err);
    rc = rc ? rc : left;
    if (c->size > 1)
        MPI_Reduce(&taken, &sum, 1, MPI_INT64_T, MPI_SUM, 0, MPI_COMM_WORLD);
    else
        sum = taken;
    if (c->rank == 0 && !rc && sum == units)
        printf("{\"seconds\": %.6f, \"ranks\": %d, \"taken_by_rank_0\": %lld, "
               "\"round_trip_us\": %.3f}\n",
               qn_clock_now() - begin, c->size, (long long)taken, 1e6 * trip);
    else if (c->rank == 0)
        rc = rc ? rc
                : qn_fail(err, QN_EVALUE, "%lld units claimed of %lld",
                          (long long)sum, (long long)units);
    return rc;
}

int
main(int argc, char **argv)
{
    struct qn_comm comm = {0};
    struct qn_error err = {0};
    long long units = argc > 1 ? atoll(argv[1]) : 0;
    int lanes = argc > 2 ? atoi(argv[2]) : 2, rc;

    if (units < 1 || lanes < 1) {
        fprintf(stderr, "usage: quern-claims UNITS [LANES]\n");
        return 2;
    }
    rc = qn_comm_open(&comm, &err);
    if (!rc)
        rc = measure(&comm, units, lanes, &err);
    if (rc && comm.rank == 0)
        fprintf(stderr, "quern-claims: %s\n", err.text);
    qn_comm_close(&comm);
    return rc != 0;
}
