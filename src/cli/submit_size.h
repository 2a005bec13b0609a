/* How large a stage's job should be where nobody says so.  Local. */
#ifndef QN_CLI_SUBMIT_SIZE_H
#define QN_CLI_SUBMIT_SIZE_H

#include "cli/submit.h"
#include "engine/run.h"

/* What the journal tells of a stage: mean seconds an item took; 0: nothing. */
struct qn_submit_cost {
    double seconds;
    int64_t items;
};

/* cost: [nstages], zeroed.  An output folder without a journal tells
 * nothing. */
int
qn_submit_size_learn(
    struct qn_submit_cost *cost, const struct qn_run *run, struct qn_error *err);

/* Items of stage s that are still to be made. */
int64_t
qn_submit_size_left(const struct qn_run *run, int s);

/* Fill in what is not given for stage s: tasks so that each has 64 items or 8
 * GiB, at most 32 (1 of a combined stage); one rank of 4 cores; memory as
 * the plan says that it takes, and a quarter more; twice the time that the items took before, else
 * an hour. */
int
qn_submit_size_fill(
    struct qn_submit_settings *settings, struct qn_run *run, int s,
    const struct qn_submit_cost *cost, struct qn_error *err);

/* Bytes that a rank of stage s and its workers may fill with samples, all
 * settings given: what SLURM gives a rank, less what the processes take and some
 * air; 0: not said (--mem 0 is all of a node).  QN_EUSAGE: nothing is left. */
int
qn_submit_size_memory(
    int64_t *bytes, const struct qn_submit_settings *settings,
    const struct qn_run *run, int s, struct qn_error *err);

/* Would its run refuse stage s for want of memory?  QN_EUSAGE, QN_EJOB. */
int
qn_submit_size_check(
    struct qn_run *run, int s, const struct qn_submit_settings *settings,
    struct qn_error *err);

#endif
