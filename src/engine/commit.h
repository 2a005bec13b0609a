/* Committing results in groups, and the journal that says so.
 *
 * A worker has written and synced a temporary; here it gets its name.  Up to 64
 * results, or what a second brings, are renamed together, their folders synced
 * once, and then their lines go to the journal with one write: the line never
 * comes before the result.  Local. */
#ifndef QN_ENGINE_COMMIT_H
#define QN_ENGINE_COMMIT_H

#include "engine/run.h"
#include "io/journal.h"

enum { QN_COMMIT_GROUP = 64 };

struct qn_commit_entry {
    char *tmp, *path, *name, *item; /* owned; tmp NULL: no file */
    char *beside;                   /* owned: where its key is kept; NULL */
    const char *stage;              /* borrowed from the job */
    struct qn_record record;
};

struct qn_commit {
    struct qn_journal journal;
    uint64_t run;                   /* id                    */
    int rank;
    enum qn_sync sync;
    char host[64];
    double since;                   /* of the oldest waiting */
    struct qn_commit_entry v[QN_COMMIT_GROUP];
    int n;
};

/* Open this rank's journal in OUT/.quern/journal. */
int
qn_commit_open(
    struct qn_commit *c, const struct qn_run *run, uint64_t id, struct qn_error *err);

/* run-begin, run-end: written and synced at once. */
int
qn_commit_mark(struct qn_commit *c, enum qn_record_kind kind, struct qn_error *err);

/* An item is given to a worker; said at once, so that a crash of the whole
 * run names what was in flight. */
int
qn_commit_begin(
    struct qn_commit *c, const char *stage, const char *name,
    const struct qn_task *t, struct qn_error *err);

/* A finished temporary (taken over; NULL: a result that is no file) waits for
 * its group.  reply is the worker's. */
int
qn_commit_add(
    struct qn_commit *c, const struct qn_run *run, const char *stage,
    const struct qn_target *target, const struct qn_item *item, char *tmp,
    const json_t *reply, struct qn_error *err);

/* The entry added last has its key in a file of its own (taken over). */
void
qn_commit_beside(struct qn_commit *c, char *path);

/* The result added last holds so many items, of so many bytes together. */
void
qn_commit_count(struct qn_commit *c, int64_t items, int64_t input_bytes);

/* A member that is read.  lost: of a run of frames a line "FRAME REASON\n" for
 * each that failed by itself; NULL: none. */
int
qn_commit_member(
    struct qn_commit *c, const char *stage, const struct qn_task *t,
    const char *lost, struct qn_error *err);

/* A failed item. */
int
qn_commit_note(
    struct qn_commit *c, const char *stage, const char *name,
    const struct qn_item *item, const struct qn_fingerprint *key, int code,
    const char *reason, struct qn_error *err);

/* A failed result of several members; told: by lines of these, all of which
 * failed. */
int
qn_commit_failed(
    struct qn_commit *c, const char *stage, const struct qn_target *t, bool told,
    struct qn_error *err);

/* A file over all results of a stage, which has its name already; the past
 * hears of it too. */
int
qn_commit_whole(
    struct qn_commit *c, const char *stage, const char *name, const char *path,
    const struct qn_fingerprint *key, struct qn_past *past, struct qn_error *err);

/* Rename, sync and journal what waits; all of it if now, else only when it is
 * a second old or a group is full. */
int
qn_commit_flush(struct qn_commit *c, bool now, struct qn_error *err);

void
qn_commit_close(struct qn_commit *c);

#endif
