/* A file without a name that the ranks of a node share: how one of them makes
 * it and the others find it, through /proc.  Local. */
#ifndef QN_COMM_SHARE_FILE_H
#define QN_COMM_SHARE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "quern/error.h"

/* For sentences about it. */
#define QN_SHARE_WHERE "memory shared by the ranks of a node"

/* How the others find it, and know it again. */
struct qn_share_place {
    int64_t pid, fd;
    uint64_t dev, ino;
};

/* An empty file in memory; *fd is the caller's to close, -1 on failure. */
int
qn_share_file_make(int *fd, struct qn_share_place *place, struct qn_error *err);

/* Another rank's, while it holds it open; read only, or to write too. */
int
qn_share_file_open(
    int *fd, const struct qn_share_place *place, bool write, struct qn_error *err);

#endif
