/* Members of a combination that are read where they are combined.
 *
 * A member that no step changes, and that can be read row by row, need not be
 * kept between being read and being combined: a band reads its own rows of all
 * files.  Local. */
#ifndef QN_WORKER_DIRECT_H
#define QN_WORKER_DIRECT_H

#include "worker/worker.h"

/* Some pixels of all members, combined: at[i] are the samples of member i, for
 * pixels first ... first + n - 1 of the band. */
struct qn_direct_sink {
    int (*combine)(
        void *ctx, const void *const *at, size_t first, size_t n, int thread,
        struct qn_error *err);
    void *ctx;
};

/* Can bands read this file?  bytes and dtype are those its samples are expected
 * to take and to have. */
bool
qn_direct_suits(
    const struct qn_program *p, const struct qn_reader *r, const char *path,
    int64_t bytes, const char *dtype);

/* Read what the request of a band asks for,
 *
 *   {files: [path of each], first, pixels, whole, room}
 *
 * pixels from `first` on of each file, which has `whole` of them; both are
 * whole rows.  A thread holds `room` bytes of samples at a time, or one row of
 * each file. */
int
qn_direct_run(
    const struct qn_program *p, const json_t *request, enum qn_dtype dtype,
    int threads, const struct qn_direct_sink *sink, struct qn_error *err);

#endif
