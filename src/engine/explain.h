/* Why one file's items are done, stale, failed or pending.
 *
 * A file is found in every stage that reads it, leaves it out, makes it or
 * uses it as an operand; then the journal is asked and the plan settled.
 * Nothing is written.  Local.
 *
 *     qn_run_prepare(run, ...)              on a communicator of one
 *     qn_explain_open(&e, run, file, err)
 *     qn_explain_target(&e, ...), qn_explain_differs(&e, ...)
 *     qn_explain_close(&e)
 */
#ifndef QN_ENGINE_EXPLAIN_H
#define QN_ENGINE_EXPLAIN_H

#include "engine/run.h"

enum qn_explain_role {
    QN_EXPLAIN_OUT,     /* `where` leaves it out                            */
    QN_EXPLAIN_ITEM,    /* it is an item                                    */
    QN_EXPLAIN_RESULT,  /* it is a result made of several items             */
    QN_EXPLAIN_OPERAND  /* steps use it                                     */
};

enum qn_explain_state {
    QN_EXPLAIN_DONE,    /* it stands there with its very key                */
    QN_EXPLAIN_STALE,   /* it stands there with another                     */
    QN_EXPLAIN_FAILED,
    QN_EXPLAIN_BLOCKED, /* not tried: what it needs failed                  */
    QN_EXPLAIN_HAND,    /* a running run has it in hand                     */
    QN_EXPLAIN_PENDING
};

/* What the journal tells of one name. */
struct qn_explain_trace {
    const char *stage, *name; /* borrowed from the plan                     */
    int begun, done, failed;  /* how often                                  */
    int64_t done_ns, failed_ns, begun_ns; /* the last time; 0: never        */
    int64_t input_bytes;      /* of the last time it was done               */
    double seconds;           /* in the worker, then                        */
    char host[64];
};

struct qn_explain_found {
    enum qn_explain_role role;
    int stage;
    const struct qn_item *item;     /* OUT, ITEM, OPERAND                   */
    const struct qn_task *task;     /* ITEM: the first of them              */
    int ntasks;                     /* runs of frames that are neighbours   */
    const struct qn_target *target; /* ITEM: what becomes of it; RESULT; or
                                       NULL                                 */
    int64_t users;                  /* OPERAND: items that it serves        */
    struct qn_explain_trace trace;  /* ITEM, RESULT                         */
};

/* What makes a result stale, as far as it can be told. */
enum qn_explain_cause {
    QN_CAUSE_OUTPUT,  /* the result itself was changed or replaced          */
    QN_CAUSE_TIME,    /* a file was changed at a                            */
    QN_CAUSE_SIZE,    /* a file has a bytes, and had b                      */
    QN_CAUSE_PARTNER, /* a result that it uses is not done                  */
    QN_CAUSE_NEWER,   /* a result that it uses was made anew at a           */
    QN_CAUSE_UNDONE,  /* a of its b members are stale or to do themselves   */
    QN_CAUSE_MEMBERS, /* a of its b members are new or changed              */
    QN_CAUSE_GONE,    /* a of those it was made of are no longer in the job */
    QN_CAUSE_FAILED,  /* a of its b members failed since                    */
    QN_CAUSE_JOB      /* none of these: its steps or parameters             */
};

struct qn_explain_reason {
    enum qn_explain_cause cause;
    const char *name; /* borrowed; NULL */
    int64_t a, b;
};

enum { QN_EXPLAIN_REASONS = 24 };

struct qn_explain {
    struct qn_run *run;              /* borrowed                            */
    struct qn_explain_found *found;  /* owned                               */
    size_t nfound, cap;
    bool running;                    /* a run is at work there              */
    int64_t running_ns;              /* since then; wall time               */
    long damaged;                    /* lines of the journal                */
};

/* Find file in the plan and settle that: by its path as the plan has it, from
 * the current folder, or as a result.  nfound 0: it is in no stage. */
int
qn_explain_open(
    struct qn_explain *e, struct qn_run *run, const char *file,
    struct qn_error *err);

/* How a result stands; *when: it was made then, ns since 1970, 0: never. */
enum qn_explain_state
qn_explain_target(
    const struct qn_explain *e, int stage, const struct qn_target *t,
    int64_t *when);

/* How what was found stands (ITEM, RESULT). */
enum qn_explain_state
qn_explain_state(const struct qn_explain *e, const struct qn_explain_found *f);

/* Why the result of f is stale: at most QN_EXPLAIN_REASONS; how many. */
int
qn_explain_differs(
    const struct qn_explain *e, const struct qn_explain_found *f,
    struct qn_explain_reason *out);

/* The path in the plan whose last part is that of file, or NULL: what may have
 * been meant. */
const char *
qn_explain_near(const struct qn_explain *e, const char *file);

void
qn_explain_close(struct qn_explain *e);

#endif
