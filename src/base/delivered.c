/* Measuring cores by processor time over wall time. */
#include "base/delivered.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/limit.h"
#include "base/memory.h"
#include "base/parallel.h"

enum { N = 96 }; /* rows of a product: all three matrices in a cache */

typedef void (*gemm_function)(int order, int ta, int tb, int m, int n, int k,
                              double alpha, const double *a, int lda,
                              const double *b, int ldb, double beta, double *c,
                              int ldc);

struct measure {
    double end;        // clock
    double *cpu;       // [threads] s
    double *products;  // [threads] how many
    double *matrices;  // [threads][3][N * N]; NULL: plain loop
    gemm_function gemm;
};

static double
thread_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void
multiply(const struct measure *m, size_t tile)
{
    enum { ROW_MAJOR = 101, AS_IT_IS = 111 };
    double *a = m->matrices + tile * 3 * N * N;

    m->gemm(ROW_MAJOR, AS_IT_IS, AS_IT_IS, N, N, N, 1, a, N, a + N * N, N, 0,
            a + 2 * N * N, N);
    m->products[tile]++;
}

static void
count_up(void)
{
    volatile unsigned x = 1;

    for (int i = 0; i < 2000; i++)
        x = x * 1664525u + 1013904223u;
}

static int
compute(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    struct measure *m = ctx;
    double since = thread_time();

    (void)thread, (void)err;
    while (qn_clock_now() < m->end) {
        if (m->matrices)
            multiply(m, tile);
        else
            count_up();
    }
    m->cpu[tile] = thread_time() - since;
    return 0;
}

/* Cores that threads tiles got; the products they made. */
static double
run(struct measure *m, int threads, double seconds, double *products)
{
    double since = qn_clock_now(), cpu = 0, wall;

    m->end = since + seconds;
    qn_parallel_for(threads, (size_t)threads, compute, m, NULL);
    wall = qn_clock_now() - since;
    *products = 0;
    for (int i = 0; i < threads; i++) {
        cpu += m->cpu[i];
        *products += m->products[i];
    }
    return cpu / wall;
}

static void
fill(double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i] = 1 + (double)(i % 7) / 8;
}

void
qn_delivered_measure(struct qn_delivered *d, int threads, double seconds,
                     bool blas)
{
    size_t n = threads < 1 ? 1 : (size_t)threads;
    struct measure m = {0};
    double products;

    *d = (struct qn_delivered){(int)n, NAN, NAN, NAN};
    // the pool's threads are started before the clock is
    if (qn_memory_make((void **)&m.cpu, n, sizeof *m.cpu, "", NULL) ||
        qn_memory_make((void **)&m.products, n, sizeof *m.products, "", NULL))
        goto out;
    run(&m, (int)n, 0, &products);
    d->loop = run(&m, (int)n, seconds, &products);
    if (blas)
        m.gemm = (gemm_function)qn_limit_symbol("cblas_dgemm");
    if (m.gemm && !qn_memory_make((void **)&m.matrices, n * 3,
                                  N * N * sizeof(double), "", NULL)) {
        fill(m.matrices, n * 3 * N * N);
        d->gemm = run(&m, (int)n, seconds, &products);
        d->gflops = products * 2 * N * N * N / seconds / 1e9;
    }
out:
    free(m.cpu);
    free(m.products);
    free(m.matrices);
}
