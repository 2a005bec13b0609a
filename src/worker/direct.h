/* Members of a combination that are read where they are combined.
 *
 * A member that no step changes, and that can be read row by row or chunk by
 * chunk, need not be kept between being read and being combined: a band reads
 * its own rows of all members.  Local. */
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

/* Can bands read the item that a request names?  In how many rows at a time:
 * none would be unpacked twice; 0: they cannot. */
int64_t
qn_direct_rows(
    const struct qn_program *p, const struct qn_reader *r, const json_t *request);

/* Read what the request of a band asks for,
 *
 *   {files: [path of each], frames: [[file, frame] of each member],
 *    first, pixels, whole, rows, room}
 *
 * pixels from `first` on of each member, which has `whole` of them; all are
 * multiples of `rows` rows but for the end.  frame is -1 where the member is
 * all of its file.  A thread holds `room` bytes of samples at a time, or so
 * many rows of each member. */
int
qn_direct_run(
    const struct qn_program *p, const json_t *request, enum qn_dtype dtype,
    int threads, const struct qn_direct_sink *sink, struct qn_error *err);

#endif
