/* Who works in an output folder: looking at its lock, and taking it for work
 * that no run may meet.
 *
 * OUT/.quern/lock is held with flock by a running run, whose host, pid and
 * start it holds as text.  The lock of a dead process is free.  Shards share it
 * and have each their own beside it: shard_lock.h.  Local. */
#ifndef QN_ENGINE_LOCK_H
#define QN_ENGINE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "quern/error.h"

enum qn_lock_state {
    QN_LOCK_FREE,
    QN_LOCK_HELD,
    QN_LOCK_UNKNOWN /* no locks on this file system, and the process that
                       wrote its name there was on another machine         */
};

/* What the lock file says of who took it last; "" and 0: nothing. */
struct qn_lock_holder {
    char host[128];
    long pid;
    int64_t started_ns; /* wall time, ns since 1970 */
};

/* Is a run or a shard at work there?  Changes nothing; needs no leave to
 * write.  holder may be NULL. */
enum qn_lock_state
qn_lock_look(const char *output, struct qn_lock_holder *holder);

/* The same of one lock file. */
enum qn_lock_state qn_lock_look_at(const char *path,
                                   struct qn_lock_holder *holder);

/* Write into a lock file that is held who holds it, and since when. */
int qn_lock_sign(int fd, const char *path, int64_t *started_ns,
                 struct qn_error *err);

/* Is nobody at work there?  QN_EUSAGE names who is, or may be.  ended: the
 * record says that the last run came to its end, which decides where the lock
 * cannot tell. */
int
qn_lock_check(const char *output, bool ended, struct qn_error *err);

/* The same, and take the lock: *fd is the caller's until qn_lock_close; -1 on
 * failure. */
int
qn_lock_open(int *fd, const char *output, bool ended, struct qn_error *err);

/* Let it go.  Safe on -1, and twice. */
void
qn_lock_close(int *fd);

#endif
