/* Fork and join: one loop over tiles, on several threads of this process.
 *
 * The caller cuts its work into tiles by the work's shape, never by the number
 * of threads, and each tile writes its own place: then the bytes that come out
 * are the same for any number of threads.  A reduction keeps one result a
 * tile and adds them up afterwards, in tile order.
 *
 * Threads are claimed from a pool that is kept; they sleep between loops.
 * They are POSIX threads, not OpenMP's, because
 *   - a process then holds no OpenMP runtime but the one that BLAS or a
 *     user's kernel brings: gcc's and clang's side by side fight for cores;
 *   - the same code runs under sanitizers, which understand POSIX threads;
 *   - idle threads of libgomp spin, and a rank has other workers to feed;
 *   - the number of threads belongs to the call, not to the thread that calls.
 * OpenMP, and a BLAS that follows it, run on one thread inside a tile; a BLAS
 * with a pool of its own is limited by qn_limit_set.
 *
 * A process that has used several threads must not fork: children are started
 * by posix_spawn.
 */
#ifndef QN_BASE_PARALLEL_H
#define QN_BASE_PARALLEL_H

#include <stddef.h>

#include "quern/error.h"

enum { QN_PARALLEL_MOST = 1024 };

/* Do tiles 0 ... ntiles - 1, each once, on at most nthreads threads of which
 * the caller is one: thread 0.
 *
 * Local.  Returns when all are done.  thread counts from 0 to nthreads - 1;
 * two tiles that run at the same time have different ones, so scratch memory
 * may be one piece a thread.  Tiles are begun in ascending order.
 * If a tile fails, no tile behind it need be done; all before it are: the
 * error is that of the lowest failing tile, whatever the number of threads.
 * While the pool is in use, which it is inside a tile, another loop runs on
 * its caller alone; likewise where the system gives no threads.
 * Cost: nothing for one thread; else a wake-up a thread, some ten us in all. */
int
qn_parallel_for(
    int nthreads,  /* less than 1 is taken for 1 */
    size_t ntiles,
    int (*tile)(void *ctx, size_t tile, int thread, struct qn_error *err),
    void *ctx, struct qn_error *err);

/* Local.  End the pool's threads; the next loop starts new ones.  Not inside
 * a tile. */
void
qn_parallel_close(void);

#endif
