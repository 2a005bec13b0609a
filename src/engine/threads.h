/* Threads of the ranks of a run: what each may use, what is wrong with it.
 *
 * Brings together what engine/cores.c and base/cgroup.c read on each rank, for
 * model/budget.c to decide.  quern never widens a mask: it uses what is there,
 * warns, or refuses. */
#ifndef QN_ENGINE_THREADS_H
#define QN_ENGINE_THREADS_H

#include "comm/comm.h"
#include "engine/measure.h"
#include "model/budget.h"
#include "model/job.h"

/* Where a rank sits, as all ranks know it. */
struct qn_threads_seat {
    struct qn_seat seat;
    int rank;           /* -1: of another job */
    long pid;
};

struct qn_threads {
    struct qn_ask ask;
    struct qn_budget budget;   /* of this rank                               */
    struct qn_threads_seat *seat; /* owned, [nseats]: first the ranks, then
                                  bound ranks of other jobs                  */
    size_t nseats;

    /* The same on all ranks: each kind of trouble once, as the lowest rank
     * that has it says it. */
    struct qn_trouble trouble[QN_NTROUBLES];
    int ranks[QN_NTROUBLES];   /* that have it                               */
    int first[QN_NTROUBLES];   /* the lowest of them                         */
    int ntroubles;

    struct qn_measured measured; /* of this rank                             */
    double delivered;          /* the fewest cores of any rank; NaN          */
    int measured_threads;      /* that this rank had asked for               */
    bool tried;                /* it was measured, or need not be            */
};

/* Collective.  Find out and decide.  strict: the first trouble is an error,
 * QN_EUSAGE.  QN_EUSAGE too where QUERN_THREADS is no number. */
int
qn_threads_open(
    struct qn_threads *t, const struct qn_job *job, bool strict,
    struct qn_comm *comm, struct qn_error *err);

/* Local.  Workers for so many files, of a process that is alone and has no
 * job; 1 where the machine cannot be asked. */
int
qn_threads_workers(int64_t files);

/* Local.  Say each trouble once, with what mends it. */
void
qn_threads_say(const struct qn_threads *t, const struct qn_comm *comm);

/* Collective.  Measure what is delivered, where a rank has several threads, to
 * BLAS as well where it will be used, and say it if that is far too few. */
int
qn_threads_measure(
    struct qn_threads *t, struct qn_farm *farm, bool blas, struct qn_comm *comm,
    struct qn_error *err);

/* Local.  What to say of a rank that gets so few cores for its threads, and
 * what mends it.  The kind is of no meaning. */
void
qn_threads_poor(
    struct qn_trouble *say, const struct qn_threads *t, int threads, double cores);

void
qn_threads_clear(struct qn_threads *t);

#endif
