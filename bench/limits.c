/* quern-limits: what this machine can do at most, as one JSON object.
 *
 *     quern-limits FOLDER [MEGABYTES]
 *
 * Memory, files in FOLDER (a tmpfs, so that no disk is measured) and matrix
 * products, each on one core and on all of them; the best of several rounds.
 * Knows nothing of quern: the figures are what rows are held against. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/clones.h"

#ifdef QN_BENCH_BLAS
#include <cblas.h>
#endif

enum { ROUNDS = 5, MAX_CORES = 256, PIECE = 1 << 20, MATRIX = 2048 };

/* What the cores work on together; each has its share of all of it. */
struct work {
    double *a, *b, *c; // [n], owned
    size_t n;          // numbers an array, whole pieces
    const char *path;  // the file of the file measurements
    size_t bytes;      // of that file, whole pieces
};

/* One core's part in one measurement. */
struct part {
    struct work *work;
    void (*act)(struct part *);
    pthread_barrier_t *barrier;
    int core, cores;
    double begin, end; // s
    double sink;       // keeps the compiler from dropping a sum
    bool failed;
};

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void
die(const char *what)
{
    fprintf(stderr, "quern-limits: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The part of n that belongs to this core, in whole units. */
static void
share(const struct part *p, size_t n, size_t unit, size_t *from, size_t *to)
{
    size_t units = n / unit;

    *from = units * (size_t)p->core / (size_t)p->cores * unit;
    *to = units * (size_t)(p->core + 1) / (size_t)p->cores * unit;
}

/* ---- memory ---------------------------------------------------------------
 */

QN_CLONES static double
add_up(const double *x, size_t n)
{
    double s[32] = {0}, sum = 0;

    for (size_t i = 0; i + 32 <= n; i += 32)
        for (size_t k = 0; k < 32; k++)
            s[k] += x[i + k];
    for (size_t k = 0; k < 32; k++)
        sum += s[k];
    return sum;
}

QN_CLONES static void
combine(double *restrict a, const double *restrict b, const double *restrict c,
        size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] + 3.0 * c[i];
}

static void
act_touch(struct part *p)
{
    size_t from, to;

    share(p, p->work->n, 32, &from, &to);
    for (size_t i = from; i < to; i++) {
        p->work->a[i] = 0;
        p->work->b[i] = 1;
        p->work->c[i] = 2;
    }
}

static void
act_read(struct part *p)
{
    size_t from, to;

    share(p, p->work->n, 32, &from, &to);
    p->sink += add_up(p->work->b + from, to - from);
}

static void
act_triad(struct part *p)
{
    size_t from, to;

    share(p, p->work->n, 32, &from, &to);
    combine(p->work->a + from, p->work->b + from, p->work->c + from, to - from);
}

static void
act_memory_copy(struct part *p)
{
    size_t from, to;

    share(p, p->work->n, 32, &from, &to);
    memcpy(p->work->a + from, p->work->b + from, (to - from) * sizeof(double));
}

/* ---- files ----------------------------------------------------------------
 */

/* Every core writes a file of its own, as ranks do. */
static void
act_write(struct part *p)
{
    char path[4096];
    size_t from, to;
    int fd;

    snprintf(path, sizeof path, "%s.%d", p->work->path, p->core);
    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    share(p, p->work->bytes, PIECE, &from, &to);
    p->failed = p->failed || fd < 0;
    for (size_t at = from; at < to && !p->failed; at += PIECE)
        p->failed = write(fd, p->work->b, PIECE) != PIECE;
    if (fd >= 0)
        close(fd);
}

static void
act_file_read(struct part *p)
{
    char path[4096], *piece = malloc(PIECE);
    int fd;

    snprintf(path, sizeof path, "%s.%d", p->work->path, p->core);
    fd = open(path, O_RDONLY);
    p->failed = p->failed || fd < 0 || !piece;
    while (!p->failed) {
        ssize_t n = read(fd, piece, PIECE);

        p->failed = n < 0;
        if (n <= 0)
            break;
    }
    if (fd >= 0)
        close(fd);
    free(piece);
}

static void
drop_files(const struct work *w, int cores)
{
    char path[4096];

    for (int i = 0; i < cores; i++) {
        snprintf(path, sizeof path, "%s.%d", w->path, i);
        unlink(path);
    }
}

/* ---- several cores at once -------------------------------------------------
 */

static void *
begin(void *argument)
{
    struct part *p = argument;

    pthread_barrier_wait(p->barrier);
    p->begin = now();
    p->act(p);
    p->end = now();
    return NULL;
}

/* Seconds from the first core's start to the last one's end. */
static double
once(struct work *w, void (*act)(struct part *), int cores)
{
    struct part parts[MAX_CORES] = {0};
    pthread_t threads[MAX_CORES];
    pthread_barrier_t barrier;
    double first, last;

    pthread_barrier_init(&barrier, NULL, (unsigned)cores);
    for (int i = 0; i < cores; i++) {
        parts[i] = (struct part){.work = w,
                                 .act = act,
                                 .barrier = &barrier,
                                 .core = i,
                                 .cores = cores};
        if (pthread_create(&threads[i], NULL, begin, &parts[i]))
            die("a thread could not be started");
    }
    for (int i = 0; i < cores; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    first = parts[0].begin;
    last = parts[0].end;
    for (int i = 0; i < cores; i++) {
        if (parts[i].failed)
            die(w->path);
        first = parts[i].begin < first ? parts[i].begin : first;
        last = parts[i].end > last ? parts[i].end : last;
    }
    return last - first;
}

/* 10^9 bytes a second, the best of the rounds. */
static double
rate(struct work *w, void (*act)(struct part *), int cores, double bytes)
{
    double best = 0;

    for (int i = 0; i < ROUNDS; i++) {
        double r = 1e-9 * bytes / once(w, act, cores);

        best = r > best ? r : best;
    }
    return best;
}

static void
say(const char *name, double one, double all)
{
    printf("  \"%s_one\": %.3f,\n  \"%s_all\": %.3f,\n", name, one, name, all);
}

static void
measure_memory(struct work *w, int cores)
{
    double bytes = (double)(w->n * sizeof(double));

    once(w, act_touch, cores);
    say("memory_read", rate(w, act_read, 1, bytes),
        rate(w, act_read, cores, bytes));
    say("memory_triad", rate(w, act_triad, 1, 3 * bytes),
        rate(w, act_triad, cores, 3 * bytes));
    say("memory_copy", rate(w, act_memory_copy, 1, 2 * bytes),
        rate(w, act_memory_copy, cores, 2 * bytes));
}

static void
measure_files(struct work *w, int cores)
{
    double bytes = (double)w->bytes, write1, read1;

    write1 = rate(w, act_write, 1, bytes);
    read1 = rate(w, act_file_read, 1, bytes);
    say("file_write", write1, rate(w, act_write, cores, bytes));
    say("file_read", read1, rate(w, act_file_read, cores, bytes));
    drop_files(w, cores);
}

/* ---- matrix products --------------------------------------------------------
 */

#ifdef QN_BENCH_BLAS
static double
gemm(int threads, const float *x, const float *y, float *z)
{
    double best = 0, flop = 2.0 * MATRIX * MATRIX * MATRIX;

    openblas_set_num_threads(threads);
    for (int i = 0; i < ROUNDS; i++) {
        double t = now(), r;

        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, MATRIX, MATRIX,
                    MATRIX, 1, x, MATRIX, y, MATRIX, 0, z, MATRIX);
        r = 1e-9 * flop / (now() - t);
        best = r > best ? r : best;
    }
    return best;
}

static void
measure_gemm(int cores)
{
    size_t n = (size_t)MATRIX * MATRIX;
    float *x = calloc(n, sizeof *x), *y = calloc(n, sizeof *y),
          *z = calloc(n, sizeof *z);

    if (!x || !y || !z)
        die("matrices");
    for (size_t i = 0; i < n; i++)
        x[i] = y[i] = 1e-3f * (float)(i % 97);
    say("gemm", gemm(1, x, y, z), gemm(cores, x, y, z));
    free(x);
    free(y);
    free(z);
}
#else
static void
measure_gemm(int cores)
{
    (void)cores;
}
#endif

static int
count_cores(void)
{
    cpu_set_t set;
    int n;

    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    n = CPU_COUNT(&set);
    return n > MAX_CORES ? MAX_CORES : n;
}

int
main(int argc, char **argv)
{
    struct work w = {0};
    char path[4096];
    int cores = count_cores();
    long megabytes = argc > 2 ? strtol(argv[2], NULL, 10) : 256;

    if (argc < 2 || megabytes < 1) {
        fprintf(stderr, "usage: quern-limits FOLDER [MEGABYTES]\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/quern-limits-%ld", argv[1], (long)getpid());
    w.path = path;
    w.bytes = (size_t)megabytes << 20;
    w.n = w.bytes / sizeof(double);
    w.a = malloc(w.bytes);
    w.b = malloc(w.bytes);
    w.c = malloc(w.bytes);
    if (!w.a || !w.b || !w.c)
        die("memory to measure");
    printf("{\n  \"megabytes\": %ld,\n", megabytes);
    measure_memory(&w, cores);
    measure_files(&w, cores);
    free(w.a);
    free(w.b);
    free(w.c);
    measure_gemm(cores);
    printf("  \"cores\": %d\n}\n", cores);
    return 0;
}
