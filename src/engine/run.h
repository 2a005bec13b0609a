/* What a run is. */
#ifndef QN_ENGINE_RUN_H
#define QN_ENGINE_RUN_H

#include "comm/comm.h"
#include "comm/commons.h"
#include "engine/farm.h"
#include "engine/masters.h"
#include "engine/progress.h"
#include "engine/threads.h"
#include "engine/usage.h"
#include "io/past.h"
#include "model/plan.h"

/* When what is written is sure to be on the disk. */
enum qn_sync {
    QN_SYNC_GROUP, /* up to 64 results, or those of a second, together    */
    QN_SYNC_ITEM,  /* each result at once                                 */
    QN_SYNC_OFF    /* when the system likes                               */
};

struct qn_run_options {
    const char *data;    /* base of relative inputs                        */
    const char *output;  /* folder                                         */
    const char *stage;   /* only that one and what it needs; NULL: all     */
    bool fresh;          /* take nothing for done                          */
    const char *only;    /* a glob over item paths; NULL: all              */
    int64_t limit;       /* items a stage; 0: all                          */
    int64_t max_failures; /* begin nothing new after so many; 0: no limit   */
    bool retry_failed;   /* try again what failed before                   */
    double until;        /* of qn_clock_now: begin nothing new then;
                            INFINITY: no deadline                          */
    bool strict_threads; /* threads that are not there are an error        */
    bool no_overlap;     /* halos come before anything is computed         */
    bool keep_steps;     /* what comes out of each step is a product       */
    enum qn_sync sync;
    struct qn_progress *progress; /* borrowed, on rank 0; NULL: not shown  */
    bool verify_content; /* inputs are known by what is in them too        */
    double settle;       /* s: younger files wait for the next run         */
    bool growing;        /* more files may come: a stage may have none yet */
    int team;            /* ranks that share an item where they can and the
                            job does not say; -1: all, 0: as needed        */
    int ranks;           /* that plan for: other than there are; 0: those  */
    const struct qn_strings *arguments; /* files behind the job            */
    int shard, shards; /* --shard I/N: see shard.h; N 0: the whole        */
};

/* What halos of a stage cost, all ranks together. */
struct qn_halos {
    double waited;   /* s                                                   */
    double alone;    /* s that they take with nothing to compute meanwhile,
                        from a few rounds at the stage's first sweep        */
    double computed; /* s in sweeps                                         */
    int64_t bytes;
};

struct qn_tally {
    int64_t total, done, before, failed, upstream, blocked, skipped;
};

struct qn_run {
    const struct qn_job *job;
    const struct qn_run_options *options;
    struct qn_comm *comm;
    struct qn_threads threads;
    struct qn_split split; /* workers and threads of the stage in hand      */
    struct qn_phase *phase; /* owned, [nphases]: what preparing and each
                              stage used                                    */
    int nphases;
    struct qn_farm farm;
    struct qn_masters masters; /* of the stage in hand                     */
    struct qn_commons commons; /* where the plan is: see engine/tell.h        */
    struct qn_plan plan;
    size_t *program;       /* owned: of each stage, in the farm             */
    size_t look;           /* the program that looks at operand files       */
    int64_t memory;        /* bytes this rank may fill, the same on all     */
    struct qn_items *gathered; /* owned, [nstages]: items as they were
                              gathered, for later stages that read the same;
                              borrowed from the plan                        */
    struct qn_headers *headers; /* owned, [nstages]                         */
    struct qn_commit *commit; /* owned: groups of results, the journal      */
    struct qn_past past;   /* rank 0: what the journal says of earlier runs */
    uint64_t id;           /* of this run                                   */
    int64_t started_ns;    /* wall time, on rank 0                          */
    int lock;              /* rank 0: the output folder's; 0: none          */
    struct qn_tally tally; /* of all stages, the same on all ranks; `before`
                              on those that lead                            */
    struct qn_content *content; /* owned, on rank 0: --verify-content        */
    size_t ncontents, contents_known, contents_cap;
    bool contents_loaded, contents_changed;
    struct qn_strings young; /* owned, on rank 0: files left by --settle    */
    struct qn_halos *halos; /* owned, [nstages]: zeros where none were       */
    json_t *ceilings;      /* owned, on rank 0: what the host can do; NULL   */
    json_t *warnings;      /* owned, on rank 0: of its results; NULL: none   */
    json_t *resumed;       /* owned, on rank 0: items that went on from states
                              of an earlier run, and from which; NULL: none  */
    int64_t failures;      /* of this run, the same on all ranks             */
    int *shard_lock;       /* owned, rank 0: a shard's own                  */
    int nshard_locks;
    int settled;   /* stages of which it is known what was there before     */
    int unmerged;  /* stages of which the one file could not be made, the same
                      on all ranks                                          */
    bool stopped;
    const char *stopped_by; /* on rank 0: "signal", "file", "deadline" or
                               "failures"; NULL: nobody, or nothing was left */
    bool waiting; /* a shard that stopped for what is not there    */
};

/* Collective.  Discover, look at headers, plan every stage.  Nothing is
 * written.  QN_EJOB, QN_EMISSING: what is wrong with job or inputs. */
int
qn_run_prepare(
    struct qn_run *run, const struct qn_job *job,
    const struct qn_run_options *options, struct qn_comm *comm, struct qn_error *err);

/* Collective.  Do what is not yet done.  A failed item is no error: see
 * run->tally. */
int
qn_run_execute(struct qn_run *run, struct qn_error *err);

/* Local.  Bytes that a rank and its workers may fill in stage s. */
int64_t
qn_run_memory(const struct qn_run *run, int s);

/* Local, on every rank alike, as all see the same plan.  Teams and memory of
 * stage s; QN_EJOB where it does not fit. */
int
qn_run_team(struct qn_run *run, int s, struct qn_error *err);

/* Local.  What the record says of a run that has come to its end: "done",
 * "failed", "stopped". */
const char *
qn_run_state(const struct qn_run *run);

/* Local.  Is anything left that was to be made, of all (a shard: that it
 * makes) or of stage s? */
bool
qn_run_left(const struct qn_run *run);
bool
qn_run_stage_left(const struct qn_run *run, int s);

void
qn_run_clear(struct qn_run *run);

/* Local, on all ranks alike.  One more item failed: after --max-failures nothing
 * new is begun. */
void
qn_run_count_failure(struct qn_run *run);

/* Local.  How many more may fail, at least 1; 0: there is no limit. */
int64_t
qn_run_may_fail(const struct qn_run *run);

#endif
