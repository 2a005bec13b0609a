/* The farm of a stage in simulated time: who gets which unit, and when.
 *
 *     smpirun ... farm ITEMS.f64
 *
 * The claims are those of quern, src/comm/claims.c as it stands; around them is
 * the event loop of src/engine/dispatch.c with one lane, whose worker sleeps as
 * long as its unit lasts.  Built by smpicc it runs under SimGrid, where naps,
 * clocks and messages are simulated.  ITEMS.f64 has the seconds of each unit
 * in the order they are given out.  Rank 0 prints JSON; farm.py reads it. */
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "comm/claims.h"
#include "comm/comm_mpi.h"

#define LOOK 1e-3 // s: how often a busy rank looks at the others

/* A rank, its worker and what it has done. */
struct lane {
    struct qn_claims *claims;
    const double *seconds; // of each unit
    double free_at;        // when the worker is done
    double worked;         // s, in all
    bool busy;
    int naps;
    int64_t units;
};

static void
rest(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};

    t.tv_nsec = (long)(1e9 * (seconds - (double)t.tv_sec));
    if (t.tv_sec || t.tv_nsec > 0)
        nanosleep(&t, NULL);
}

static int
fill(struct lane *l, struct qn_error *err)
{
    int64_t unit;
    bool got = false;

    if (l->busy)
        return 0;
    QN_TRY(qn_claims_take(l->claims, &unit, &got, err));
    if (!got)
        return 0;
    l->busy = true;
    l->naps = 0;
    l->free_at = qn_clock_now() + l->seconds[unit];
    l->worked += l->seconds[unit];
    l->units++;
    return 0;
}

/* Rank 0 looks each millisecond.  For the others only the first look at a unit
 * can change anything, for then they ask ahead: the rest is slept through. */
static void
wait(struct lane *l, bool all_looks, bool *looked)
{
    double left = l->free_at - qn_clock_now();

    if (left > LOOK && (all_looks || !*looked)) {
        rest(LOOK);
        *looked = true;
        return;
    }
    rest(left);
    l->busy = false;
    *looked = false;
}

static int
run(struct lane *l, const struct qn_comm *c, struct qn_error *err)
{
    bool looked = false;

    for (;;) {
        QN_TRY(qn_claims_serve(l->claims, err));
        QN_TRY(fill(l, err));
        if (l->busy)
            wait(l, c->rank == 0, &looked);
        else if (qn_claims_finished(l->claims))
            return 0;
        else
            qn_comm_nap(&l->naps);
    }
}

/* From the common start until all have heard that all is done. */
static int
simulate(struct qn_comm *c, const double *seconds, int64_t n,
         struct qn_error *err)
{
    struct lane l = {.seconds = seconds};
    double mine[2], all[2], span[2], most[2], begin;
    int rc, close;

    QN_TRY(qn_comm_barrier(c, err));
    begin = qn_clock_now();
    QN_TRY(qn_claims_open(&l.claims, c, n, 1, err));
    rc = run(&l, c, err);
    span[1] = qn_clock_now() - begin;
    close = qn_claims_close(l.claims, NULL, rc ? NULL : err);
    QN_TRY(rc ? rc : close);
    mine[0] = l.worked;
    mine[1] = (double)l.units;
    span[0] = qn_clock_now() - begin;
    MPI_Reduce(mine, all, 2, MPI_DOUBLE, MPI_SUM, 0, c->mpi->world);
    MPI_Reduce(span, most, 2, MPI_DOUBLE, MPI_MAX, 0, c->mpi->world);
    if (c->rank == 0)
        printf("{\"ranks\": %d, \"units\": %.0f, \"work\": %.9g, "
               "\"seconds\": %.9g, \"last_unit\": %.9g}\n",
               c->size, all[1], all[0], most[0], most[1]);
    return 0;
}

int
main(int argc, char **argv)
{
    struct qn_comm_mpi mpi = {.piece = QN_COMM_PIECE};
    struct qn_comm c = {.nodes = 1, .node_size = 1, .mpi = &mpi};
    struct qn_error err = {0};
    struct stat st = {0};
    void *items = MAP_FAILED;
    int fd, rc = 1;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &c.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &c.size);
    MPI_Comm_dup(MPI_COMM_WORLD, &mpi.world);
    MPI_Comm_dup(MPI_COMM_WORLD, &mpi.claims);
    fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (fd >= 0 && !fstat(fd, &st) && st.st_size)
        items = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (items != MAP_FAILED)
        rc = simulate(&c, items, st.st_size / (int64_t)sizeof(double), &err);
    if (rc && c.rank == 0)
        fprintf(stderr, "farm: %s\n",
                *err.text ? err.text : "usage: farm ITEMS.f64");
    MPI_Finalize();
    return rc;
}
