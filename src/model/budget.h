/* How many threads a rank runs: what was asked, held against what there is.
 *
 * Pure functions on plain data.  Who reads the machine is engine/cores.c and
 * base/cgroup.c; who brings the ranks together is engine/threads.c.
 *
 * A rank's budget is the number of threads that compute in it at one time, in
 * all its workers together.  Cores are counted, not their hardware threads;
 * who asks for more may have as many as the mask has processors.
 */
#ifndef QN_MODEL_BUDGET_H
#define QN_MODEL_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mask.h"
#include "quern/error.h"

enum qn_launcher {
    QN_LAUNCHER_NONE,  /* typed by hand, or a batch script        */
    QN_LAUNCHER_MPIRUN,
    QN_LAUNCHER_SRUN,
    QN_LAUNCHER_OTHER
};

/* A rank, or a process of another job, and where it may run. */
struct qn_seat {
    int node;             /* numbers the nodes of the run                     */
    bool foreign;         /* of another job: never asked for its budget       */
    int launcher;         /* enum qn_launcher                                 */
    struct qn_mask mask;  /* processors that it may use                       */
    struct qn_mask cores; /* the same, each core by its lowest processor      */
    struct qn_mask all;   /* cores that the job may use on this node: those of
                             the launcher's own mask, else of the machine     */
    double quota;         /* cores' worth of time; INFINITY: no limit         */
    uint64_t group;       /* names the control group that sets the quota      */
};

/* What was asked for. */
struct qn_ask {
    int threads;      /* a rank; 0: auto                                      */
    const char *by;   /* "--threads or `threads`", "OMP_NUM_THREADS"; borrowed */
    int concurrency;  /* workers a rank; 0: auto                              */
};

enum qn_budget_trouble {
    QN_TROUBLE_MASK,    /* more threads asked than processors in the mask     */
    QN_TROUBLE_SHARED,  /* ranks are bound to one core                        */
    QN_TROUBLE_FOREIGN, /* a rank of another job is bound to the same core    */
    QN_TROUBLE_QUOTA,   /* a control group gives less time than the mask      */
    QN_TROUBLE_IDLE,    /* the launcher bound the ranks, and cores lie idle   */
    QN_TROUBLE_CROWDED, /* more threads asked, over all ranks, than processors */
    QN_TROUBLE_WORKERS, /* concurrency exceeds the budget                     */
    QN_NTROUBLES
};

struct qn_trouble {
    int kind;        /* enum qn_budget_trouble                               */
    char text[256];  /* what is wrong                                        */
    char fix[256];   /* what mends it, with the exact option                 */
    int leaves;      /* threads a rank that can compute in spite of it, so
                        that it explains nothing of fewer; 0: not known      */
};

struct qn_budget {
    int threads;     /* that compute at one time, at least 1                  */
    int concurrency; /* most workers, at least 1, at most threads             */
    bool fixed;      /* concurrency was asked for: no more, no fewer          */
    int asked;       /* 0: nobody asked                                       */
    int share;       /* cores that fall to this rank, at least 1              */
    struct qn_trouble trouble[QN_NTROUBLES];
    int ntroubles;
};

/* Two levels for one piece of work. */
struct qn_split {
    int concurrency; /* workers           */
    int threads;     /* inside a kernel   */
};

/* What is asked: `threads` of the job (which --threads has overwritten), else
 * QUERN_THREADS, SLURM_CPUS_PER_TASK, OMP_NUM_THREADS.  get looks up a
 * variable (getenv).  QN_EUSAGE: QUERN_THREADS is no number; others that are
 * none are passed over. */
int
qn_budget_ask(
    struct qn_ask *ask, int threads, int concurrency,
    char *(*get)(const char *name), struct qn_error *err);

/* The budget of seat `me` among all seats of the run. */
void
qn_budget_make(
    struct qn_budget *b, const struct qn_ask *ask, const struct qn_seat *seat,
    size_t n, size_t me);

/* Does that seat take part of core c of that node?  Of other jobs only those
 * that are bound count: others may run anywhere. */
bool
qn_budget_sits(const struct qn_seat *s, int node, int c);

/* Workers, and threads in each, for so many items on so many ranks: many items
 * are done one to a thread, few by several threads each.  Never more than the
 * budget in all.  items < 0: not known, many. */
struct qn_split
qn_budget_split(const struct qn_budget *b, int64_t items, int ranks);

#endif
