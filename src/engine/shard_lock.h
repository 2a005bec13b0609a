/* The locks of shards: OUT/.quern/shards/TAG.lock, of the form of lock.h, one
 * for each stage that a shard makes.
 *
 * A shard also shares OUT/.quern/lock with the other shards, which keeps whole
 * runs away, and it is kept away by them.  Local, on rank 0. */
#ifndef QN_ENGINE_SHARD_LOCK_H
#define QN_ENGINE_SHARD_LOCK_H

#include "engine/lock.h"
#include "engine/run.h"

/* Take this shard's locks.  QN_EIO: the same shard, a whole run, or a shard of
 * another number of shards is at work.  *alone: no other shard is. */
int
qn_shard_lock_open(struct qn_run *run, bool *alone, struct qn_error *err);

/* Safe where none was taken, and twice. */
void
qn_shard_lock_close(struct qn_run *run);

/* Is a shard at work in an output folder?  holder (may be NULL): which. */
enum qn_lock_state
qn_shard_lock_look(const char *output, struct qn_lock_holder *holder);

/* The same, without those that this run has taken. */
enum qn_lock_state
qn_shard_lock_others(const struct qn_run *run);

/* Is the shard at work whose lock is OUT/.quern/shards/TAG.lock? */
enum qn_lock_state
qn_shard_lock_at(
    const char *output, const char *tag, struct qn_lock_holder *holder);

#endif
