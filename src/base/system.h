/* The macro that turns a failed system call into our sentence.
 *
 * It is also where failures are injected in tests: with
 * QUERN_FAULT="seed=7,every=200" on average every 200th outcome is replaced by
 * a failure, after the real call was made. */
#ifndef QN_BASE_SYSTEM_H
#define QN_BASE_SYSTEM_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "quern/error.h"

/* Local.  True if this outcome is to be taken for a failure (then errno is
 * EIO).  Always false unless QUERN_FAULT is set. */
bool
qn_system_fault(void);

/* Local.  "cannot WHAT PATH: CAUSE", and what to do about it where that is not
 * plain from the cause: of a full disk how much is free in which folder.
 * Returns QN_EIO. */
int
qn_system_cannot(struct qn_error *err, const char *what, const char *path, int cause);

/* Local.  Read a whole file into *data (owned by the caller, NUL after the
 * end).  QN_EIO with path and cause. */
int
qn_system_slurp(char **data, size_t *len, const char *path, struct qn_error *err);

/* Local.  Write all n bytes at the descriptor's position, over short writes
 * and EINTR. */
int
qn_system_write(int fd, const void *data, size_t n, const char *path, struct qn_error *err);

/* QN_SYS(err, "what/where", call): 0 if call >= 0, else QN_EIO with errno. */
#define QN_SYS(err, where, call)                                             \
    ((call) >= 0 && !qn_system_fault()                                       \
         ? 0                                                                 \
         : qn_fail(err, QN_EIO, "%s: %s", where, strerror(errno)))

#endif
