/* Sizes and times of many files, the stat calls shared out over all ranks:
 * on a file system with a network in it they take most of the time of
 * planning and resuming. */
#ifndef QN_ENGINE_SIZES_H
#define QN_ENGINE_SIZES_H

#include <stdint.h>

#include "comm/comm.h"

#define QN_SIZE_UNKNOWN (-1) /* it cannot be looked at, or is no file */
#define QN_SIZE_GONE (-2)    /* nothing of that name is there         */

struct qn_size {
    int64_t bytes; /* or one of the above */
    int64_t mtime_ns;
};

/* Counts on rank 0 only. */
struct qn_sizes_ask {
    size_t n;

    /* The path of file i, which is freed; NULL: it is not looked at. */
    char *(*path)(void *ctx, size_t i);

    /* What was seen of file i. */
    void (*take)(void *ctx, size_t i, const struct qn_size *size);
    void *ctx;
};

/* Collective. */
int
qn_sizes_share(const struct qn_sizes_ask *ask, struct qn_comm *comm, struct qn_error *err);

#endif
