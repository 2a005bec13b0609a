/* How far a stage is, while it runs: one line on a terminal, redrawn in place,
 * or a plain line in a log now and then.  Local, on rank 0. */
#ifndef QN_ENGINE_PROGRESS_H
#define QN_ENGINE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "comm/claims.h"

enum qn_progress_kind {
    QN_PROGRESS_AUTO, /* a terminal's line if there is one, else plain */
    QN_PROGRESS_PLAIN,
    QN_PROGRESS_NONE
};

struct qn_progress {
    int fd;           /* owned: the terminal; -1: plain lines          */
    bool off;
    const char *what; /* borrowed: stage, or what goes on              */
    int64_t before;   /* items that were done when it began            */
    int64_t total;    /* items, those included                         */
    double since;     /* clock: when it began                          */
    double next;      /* clock: of the next line                       */
    int teams;        /* that have items in hand side by side          */
    int64_t step;     /* of the item in hand, or of one of them        */
    int64_t steps;    /* it has so many; 0: that is not told           */
    int64_t step_from; /* the one that was told first                  */
    double step_since; /* clock: when                                  */
    bool drawn;       /* a line stands on the terminal                 */
};

/* launched: by mpirun or srun, behind which stderr tells nothing.  now: of
 * qn_clock_now, as below. */
void
qn_progress_open(struct qn_progress *p, enum qn_progress_kind kind, bool launched, double now);

/* What goes on from now on. */
void
qn_progress_begin(
    struct qn_progress *p, const char *what, int64_t before, int64_t total, double now);

/* So many steps of the item in hand are done; steps 0: that is over. */
void
qn_progress_step(struct qn_progress *p, int64_t step, int64_t steps, double now);

/* Is it time for a line? */
bool
qn_progress_due(const struct qn_progress *p, double now);

/* The line: "science: 1,234 of 10,000 items, 52.3/s, 812 MB/s, 3 failed, about
 * 2 m 48 s to go".  Where steps are told the time is that of those that are left
 * of the item in hand, at the pace they have, and of the items behind it. */
const char *
qn_progress_text(
    char *buf, size_t size, const struct qn_progress *p, const struct qn_claims_count *n,
    double now);

/* Draw or print it. */
void
qn_progress_show(struct qn_progress *p, const struct qn_claims_count *n, double now);

/* Take the line off the terminal: something else is to be said. */
void
qn_progress_wipe(struct qn_progress *p);

void
qn_progress_close(struct qn_progress *p);

#endif
