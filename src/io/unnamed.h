/* A large file that has no name until it is complete: of an interrupted
 * program nothing is left, however it ended.
 *
 * Where the file system knows no such files (NFS) it is a temporary beside its
 * target, which the next attempt writes over.  All local.
 *
 *     QN_TRY(qn_unnamed_open(&u, path, err));
 *     ... write to u.fd, sync ...
 *     rc = qn_unnamed_commit(&u, err);
 *     qn_unnamed_close(&u);
 */
#ifndef QN_IO_UNNAMED_H
#define QN_IO_UNNAMED_H

#include <stdbool.h>

#include "quern/error.h"

struct qn_unnamed {
    int fd;     /* owned; -1: not open                      */
    char *path; /* owned: what it is to be called           */
    char *tmp;  /* owned: its temporary's name              */
    bool named; /* it stands there under the temporary's    */
};

/* tag: see qn_atomic_name.  QN_EIO. */
int
qn_unnamed_open(
    struct qn_unnamed *u, const char *path, const char *tag, struct qn_error *err);

/* Give it its name, in place of a file that has it.  QN_EIO; nothing is left
 * then but what was there before. */
int
qn_unnamed_commit(struct qn_unnamed *u, struct qn_error *err);

/* Close, and remove what was not committed.  Safe twice. */
void
qn_unnamed_close(struct qn_unnamed *u);

#endif
