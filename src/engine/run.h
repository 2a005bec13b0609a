/* What a run is. */
#ifndef QN_ENGINE_RUN_H
#define QN_ENGINE_RUN_H

#include "comm/comm.h"
#include "engine/farm.h"
#include "model/plan.h"

struct qn_run_options {
    const char *data;    /* base of relative inputs                        */
    const char *output;  /* folder                                         */
    const char *stage;   /* only that one and what it needs; NULL: all     */
    bool fresh;          /* take nothing for done                          */
    bool quiet;          /* no line per stage                              */
    const struct qn_strings *arguments; /* files behind the job            */
};

struct qn_tally {
    int64_t total, done, before, failed, upstream, blocked, skipped;
};

struct qn_run {
    const struct qn_job *job;
    const struct qn_run_options *options;
    struct qn_comm *comm;
    struct qn_farm farm;
    struct qn_plan plan;
    size_t *program;       /* owned: of each stage, in the farm             */
    size_t look;           /* the program that looks at operand files       */
    int64_t memory;        /* bytes this rank may fill, the same on all     */
    struct qn_tally tally; /* of all stages, the same on all ranks          */
    bool stopped;
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

void
qn_run_clear(struct qn_run *run);

/* Workers a rank starts: `concurrency`, else the cores it may use, shared
 * among the ranks of its node. */
int
qn_run_concurrency(const struct qn_job *job, const struct qn_comm *comm);

#endif
