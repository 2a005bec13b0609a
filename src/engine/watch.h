/* --watch: going on when all is done, until somebody asks to stop.
 *
 *     struct qn_watch w = {0};
 *     do {
 *         qn_watch_note(&w, ...);            what stands there now
 *         prepare and execute a run; qn_watch_lend(&w, &run) in between
 *     } while (!qn_watch_wait(&w, &run, &again, err) && again);
 *     qn_watch_close(&w);
 *
 * Folders are looked at every second, or less often where that takes long, which
 * works on network file systems too; planning anew costs more and waits until
 * something has changed. */
#ifndef QN_ENGINE_WATCH_H
#define QN_ENGINE_WATCH_H

#include "engine/run.h"
#include "model/key.h"

struct qn_watch {
    struct qn_fingerprint seen; /* rank 0: the files there were, settled ones */
    int lock;   /* rank 0: kept from run to run; 0: none yet                 */
    bool said;  /* that it watches                                           */
};

/* Local.  Can that job be watched?  QN_EUSAGE. */
int
qn_watch_check(const struct qn_job *job, const struct qn_run_options *options,
               struct qn_error *err);

/* Local.  Remember which input files there are; on rank 0. */
int
qn_watch_note(
    struct qn_watch *w, const struct qn_job *job, const struct qn_run_options *options,
    const struct qn_comm *comm, struct qn_error *err);

/* Local.  The lock goes to a run that has been prepared ... */
void
qn_watch_lend(struct qn_watch *w, struct qn_run *run);

/* Collective.  ... and comes back from one that has been executed.  Sleep until
 * files are new or changed (*again), or somebody asks to stop. */
int
qn_watch_wait(
    struct qn_watch *w, struct qn_run *run, bool *again, struct qn_error *err);

void
qn_watch_close(struct qn_watch *w);

#endif
