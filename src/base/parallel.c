/* A pool of threads that claim tiles from a counter.
 *
 * The pool is the one thing here that outlives a call: a thread costs more to
 * start than a small loop to run.  Knows nothing of what tiles do, but that
 * they may call libraries with threads of their own (limit.c). */
#include "base/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/limit.h"

/* One loop. */
struct work {
    int (*tile)(void *ctx, size_t tile, int thread, struct qn_error *err);
    void *ctx;
    size_t ntiles;
    atomic_size_t next;
    atomic_size_t failed; // the lowest that failed; ntiles: none
    pthread_mutex_t lock; // of what follows
    int rc;
    struct qn_error err;
};

static struct pool {
    pthread_mutex_t turn; // held by the loop that uses the threads
    pthread_mutex_t lock; // of what follows
    pthread_cond_t begin, end;
    int n;                // threads there are, the callers not counted
    pthread_t thread[QN_PARALLEL_MOST];
    unsigned long seen[QN_PARALLEL_MOST]; // the last round each knows of
    unsigned long round;
    int wanted, busy;
    bool closing;
    struct work *work;
    struct qn_limit limit; // of the turn's holder; others read it in a loop
} pool = {
    .turn = PTHREAD_MUTEX_INITIALIZER,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .begin = PTHREAD_COND_INITIALIZER,
    .end = PTHREAD_COND_INITIALIZER,
};

static void
note_failure(struct work *w, size_t tile, int rc, const struct qn_error *err)
{
    pthread_mutex_lock(&w->lock);
    if (tile < atomic_load(&w->failed)) {
        atomic_store(&w->failed, tile);
        w->rc = rc;
        w->err = *err;
    }
    pthread_mutex_unlock(&w->lock);
}

/* Tiles are claimed in order: when one fails, all before it are in hand. */
static void
work_on(struct work *w, int thread)
{
    for (;;) {
        size_t tile = atomic_fetch_add(&w->next, 1);
        struct qn_error err = {0};
        int rc;

        if (tile >= atomic_load(&w->failed))
            return;
        rc = w->tile(w->ctx, tile, thread, &err);
        if (rc)
            note_failure(w, tile, rc, &err);
    }
}

static void *
live(void *number)
{
    int me = (int)((unsigned long *)number - pool.seen);

    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.round == pool.seen[me] && !pool.closing)
            pthread_cond_wait(&pool.begin, &pool.lock);
        if (pool.closing)
            break;
        pool.seen[me] = pool.round;
        if (me >= pool.wanted)
            continue;
        pthread_mutex_unlock(&pool.lock);
        qn_limit_openmp(&pool.limit, 1);
        work_on(pool.work, me + 1);
        pthread_mutex_lock(&pool.lock);
        if (--pool.busy == 0)
            pthread_cond_signal(&pool.end);
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

/* As many as wanted, or as the system gives.  Signals are for the threads
 * that were there before. */
static int
start_threads(int wanted)
{
    sigset_t all, before;

    if (pool.n >= wanted)
        return wanted;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool.n < wanted) {
        pool.seen[pool.n] = pool.round;
        if (pthread_create(&pool.thread[pool.n], NULL, live,
                           &pool.seen[pool.n]))
            break;
        pool.n++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool.n;
}

static void
share(struct work *w, int nthreads)
{
    int others = start_threads(nthreads - 1), before;

    qn_limit_find(&pool.limit);
    before = qn_limit_openmp(&pool.limit, 1);
    pthread_mutex_lock(&pool.lock);
    pool.work = w;
    pool.wanted = pool.busy = others;
    pool.round++;
    pthread_cond_broadcast(&pool.begin);
    pthread_mutex_unlock(&pool.lock);
    work_on(w, 0);
    pthread_mutex_lock(&pool.lock);
    while (pool.busy)
        pthread_cond_wait(&pool.end, &pool.lock);
    pool.work = NULL;
    pthread_mutex_unlock(&pool.lock);
    if (before)
        qn_limit_openmp(&pool.limit, before);
}

static int
alone(size_t ntiles,
      int (*tile)(void *, size_t, int, struct qn_error *), void *ctx,
      struct qn_error *err)
{
    for (size_t i = 0; i < ntiles; i++)
        QN_TRY(tile(ctx, i, 0, err));
    return 0;
}

int
qn_parallel_for(int nthreads, size_t ntiles,
                int (*tile)(void *, size_t, int, struct qn_error *),
                void *ctx, struct qn_error *err)
{
    struct work w = {.tile = tile, .ctx = ctx, .ntiles = ntiles,
                     .next = 0, .failed = ntiles,
                     .lock = PTHREAD_MUTEX_INITIALIZER};

    if (nthreads > QN_PARALLEL_MOST)
        nthreads = QN_PARALLEL_MOST;
    if (nthreads > 0 && ntiles < (size_t)nthreads)
        nthreads = (int)ntiles;
    if (nthreads < 2 || pthread_mutex_trylock(&pool.turn))
        return alone(ntiles, tile, ctx, err);
    share(&w, nthreads);
    pthread_mutex_unlock(&pool.turn);
    pthread_mutex_destroy(&w.lock);
    if (w.rc && err)
        *err = w.err;
    return w.rc;
}

void
qn_parallel_close(void)
{
    pthread_mutex_lock(&pool.turn);
    pthread_mutex_lock(&pool.lock);
    pool.closing = true;
    pthread_cond_broadcast(&pool.begin);
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < pool.n; i++)
        pthread_join(pool.thread[i], NULL);
    pool.closing = false;
    pool.n = 0;
    pthread_mutex_unlock(&pool.turn);
}
