/* Inputs known by their contents: --verify-content.
 *
 * A key holds size and time of each input.  With --verify-content the time is
 * that of the file when its contents were first seen: one that is touched or
 * copied keeps its key.  One whose contents changed gets its new time, or,
 * where size and time are as before, its hash is added to the key.  So the
 * first such run takes what runs without it have done for done.
 *
 * What was seen is remembered in OUT/.quern/contents; a file is read again when
 * its size, time, inode or time of status change (which nobody can set back)
 * are other than they were. */
#ifndef QN_ENGINE_CONTENT_H
#define QN_ENGINE_CONTENT_H

#include "engine/run.h"

/* The hidden field that holds the hash of contents changed behind size and
 * time. */
#define QN_CONTENT_FIELD "@contents"

/* Collective.  Rank 0's items (no others) get the times that count; workers of
 * all ranks read what must be read.  rc: this rank's so far, agreed first.
 * Without --verify-content rc is returned, not agreed. */
int
qn_content_check(
    struct qn_run *run, struct qn_items *items, int rc, struct qn_error *err);

/* Local, on rank 0.  Write what was learned. */
int
qn_content_save(struct qn_run *run, struct qn_error *err);

void
qn_content_clear(struct qn_run *run);

#endif
