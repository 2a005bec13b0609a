/* The same bytes for all ranks, once a node.
 *
 * Rank 0's bytes are placed in memory that the ranks of a node share, so that
 * a list of a million files costs a node one copy however many ranks it has.
 * Where a node gives no shared memory every rank has a copy of its own: the
 * bytes are there all the same.
 *
 *     qn_share_open(&s, comm, data, n, err);    collective
 *     ... s.data, s.size ...                    read only, on every rank
 *     qn_share_close(&s);
 */
#ifndef QN_COMM_SHARE_H
#define QN_COMM_SHARE_H

#include "comm/comm.h"

struct qn_share {
    const void *data; /* [size] bytes and a zero byte; valid until close;
                         owned: mapped if shared, else allocated          */
    size_t size;
    bool shared;      /* one copy a node; else a copy of this rank's own  */
};

/* Collective.  data and n count on rank 0 only; they are copied.  On failure
 * s is zero. */
int
qn_share_open(
    struct qn_share *s, struct qn_comm *comm, const void *data, size_t n,
    struct qn_error *err);

/* Local: the memory is gone once the last rank of the node has closed.  Safe
 * on a zero struct. */
void
qn_share_close(struct qn_share *s);

/* Collective.  Memory of `size` zero bytes, as a file that all ranks of a node
 * have open (*shared); where a node gives no such file every rank has one of
 * its own, or none (*fd is -1): that is no failure.  *fd is the caller's. */
int
qn_share_memory(
    int *fd, bool *shared, struct qn_comm *comm, int64_t size, struct qn_error *err);

#endif
