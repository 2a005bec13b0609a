/* What the processes of a run used: processor time, threads, switches. */
#ifndef QN_ENGINE_USAGE_H
#define QN_ENGINE_USAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "comm/comm.h"
#include "engine/spent.h"
#include "model/budget.h"

/* Of a rank and its workers, since they began. */
struct qn_usage {
    double cpu;       /* s of processor time                              */
    int64_t switches; /* times a core was taken away from a thread        */
    int threads;      /* of the one process that has the most             */
    int64_t pss;      /* bytes, now: what is shared counts once           */
    int64_t most;     /* bytes, the sum of what each process ever held: what
                         is shared counts in each                         */
    struct qn_spent spent;
    double room;      /* s that workers could have worked                 */
};

/* A part of a run, over all its ranks. */
struct qn_phase {
    const char *name; /* borrowed */
    double wall, cpu; /* s */
    int64_t switches;
    int threads;
    int64_t pss, most;     /* of the rank that has the most               */
    struct qn_spent spent;
    double wait;           /* s that workers had nothing to do            */
    int stage;             /* -1: preparing                               */
    struct qn_split split; /* of rank 0 */
};

/* Local.  Of this process, of children that have ended, and of n children that
 * live (pid 0: none).  What the system does not tell counts for nothing. */
void
qn_usage_take(struct qn_usage *u, const pid_t *child, size_t n);

/* Collective.  What all ranks used between two moments, into p; the same on
 * all ranks.  wall is this rank's. */
int
qn_usage_sum(
    struct qn_phase *p, const struct qn_usage *from, const struct qn_usage *to,
    struct qn_comm *comm, struct qn_error *err);

#endif
