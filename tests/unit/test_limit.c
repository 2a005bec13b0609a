/* Limits of foreign libraries, on the real ones.
 *
 * Each case is a child process, for what was once loaded stays; a child that
 * hangs is ended by its alarm.  A library that is not installed skips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/limit.h"
#include "base/parallel.h"

#if defined(__x86_64__)
#define LIB "/usr/lib/x86_64-linux-gnu/"
#elif defined(__aarch64__)
#define LIB "/usr/lib/aarch64-linux-gnu/"
#else
#define LIB "/usr/lib/"
#endif
#define OPENMP_BUILD LIB "openblas-openmp/libopenblas.so.0"
#define PTHREADS_BUILD LIB "openblas-pthread/libopenblas.so.0"

enum { SKIPPED = 77, N = 192 };

typedef void dgemm(int order, int ta, int tb, int m, int n, int k,
                   double alpha, const double *a, int lda, const double *b,
                   int ldb, double beta, double *c, int ldc);
typedef void gomp_parallel(void (*)(void *), void *, unsigned, unsigned);

/* Say where a check failed: the child's exit code is its line. */
#define CHECK(yes)                                                           \
    do {                                                                     \
        if (!(yes)) {                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #yes);        \
            exit(1);                                                         \
        }                                                                    \
    } while (0)

static void
in_child(void (*body)(const char *), const char *library, const char *threads)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(30);
        if (library && access(library, R_OK))
            _exit(SKIPPED);
        setenv("OMP_NUM_THREADS", threads, 1);
        setenv("OPENBLAS_NUM_THREADS", threads, 1);
        CHECK(!library || dlopen(library, RTLD_NOW | RTLD_GLOBAL));
        body(library);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
        print_message("%s is not installed\n", library);
        skip();
    }
    assert_int_equal(status, 0);
}

static int
count_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;

    CHECK(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static const struct qn_limit_library *
find(const struct qn_limit *l, enum qn_limit_kind kind)
{
    for (int i = 0; i < l->n; i++)
        if (l->library[i].kind == kind)
            return &l->library[i];
    return NULL;
}

static void
multiply(double c[N * N])
{
    static double a[N * N], b[N * N];
    dgemm *gemm = (dgemm *)qn_limit_symbol("cblas_dgemm");

    CHECK(gemm);
    for (int i = 0; i < N * N; i++) {
        a[i] = i % 17 + 0.1;
        b[i] = i % 13 - 0.7;
    }
    gemm(101, 111, 111, N, N, N, 1, a, N, b, N, 0, c, N);
}

/* ---- what is found -------------------------------------------------------- */

static void
find_build(const char *library)
{
    bool openmp = strstr(library, "openmp");
    const struct qn_limit_library *blas;
    struct qn_limit l = {0};
    struct qn_text said = {0};

    CHECK(qn_limit_set(&l, 1, 1));
    blas = find(&l, QN_LIMIT_OPENBLAS);
    CHECK(blas && blas->threads == 1);
    CHECK(!strcmp(blas->build, openmp ? "OpenMP" : "pthreads"));
    CHECK(blas->core[0] && blas->version[0] == '0');
    CHECK(!strncmp(blas->name, "libopenblas", 11));
    CHECK(!!find(&l, QN_LIMIT_OPENMP) == openmp);
    qn_limit_say(&said, &l, 1);
    CHECK(!*qn_text_get(&said));
}

/* What the environment allowed is taken back, and given back. */
static void
limit_works(const char *library)
{
    static double one[N * N], two[N * N];
    struct qn_limit l = {0};
    int before;

    (void)library;
    CHECK(qn_limit_set(&l, 1, 1));
    before = count_threads();
    multiply(one);
    CHECK(count_threads() == before);
    CHECK(qn_limit_set(&l, 2, 2));
    CHECK(find(&l, QN_LIMIT_OPENBLAS)->threads == 2);
    multiply(two);
    CHECK(count_threads() <= (before > 2 ? before : 2));
    CHECK(qn_limit_set(&l, 1, 1));
    CHECK(find(&l, QN_LIMIT_OPENBLAS)->threads == 1);
    multiply(two);
    CHECK(!memcmp(one, two, sizeof one));
}

/* A library that comes later is found at the next call. */
static void
found_when_it_comes(const char *library)
{
    struct qn_limit l = {0};
    char path[] = OPENMP_BUILD;

    (void)library;
    CHECK(qn_limit_set(&l, 1, 1));
    CHECK(!find(&l, QN_LIMIT_OPENBLAS));
    if (!dlopen(path, RTLD_NOW))
        exit(SKIPPED);
    CHECK(qn_limit_set(&l, 1, 1));
    CHECK(find(&l, QN_LIMIT_OPENBLAS) && find(&l, QN_LIMIT_OPENMP));
    CHECK(find(&l, QN_LIMIT_OPENBLAS)->threads == 1);
}

/* ---- BLAS inside an OpenMP region ------------------------------------------ */

static void
in_region(void *ctx)
{
    static _Thread_local double c[N * N];

    for (int i = 0; i < 20; i++)
        multiply(c);
    CHECK(!memcmp(c, ctx, sizeof c));
}

/* Known to hang, or to run on threads squared. */
static void
gemm_in_openmp_region(const char *library)
{
    static double want[N * N];
    struct qn_limit l = {0};
    gomp_parallel *region;
    int before;

    (void)library;
    if (!dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL))
        exit(SKIPPED);
    region = (gomp_parallel *)qn_limit_symbol("GOMP_parallel");
    CHECK(region);
    CHECK(qn_limit_set(&l, 1, 1));
    multiply(want);
    CHECK(qn_limit_set(&l, 3, 1));
    before = count_threads();
    region(in_region, want, 3, 0);
    CHECK(count_threads() <= before + 2);
}

static int
gemm_tile(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    (void)tile, (void)thread, (void)err;
    in_region(ctx);
    return 0;
}

static void
gemm_in_tiles(const char *library)
{
    static double want[N * N];
    struct qn_limit l = {0};
    int before;

    (void)library;
    CHECK(qn_limit_set(&l, 3, 1)); // as lent to a user's kernel
    qn_limit_openmp(&l, 1);
    multiply(want);
    qn_limit_openmp(&l, 3);
    before = count_threads();
    CHECK(!qn_parallel_for(3, 12, gemm_tile, want, NULL));
    CHECK(count_threads() <= before + 2);
    // what this thread had is as it was
    CHECK(qn_limit_openmp(&l, 3) == (find(&l, QN_LIMIT_OPENMP) ? 3 : 0));
}

/* ---- two runtimes ------------------------------------------------------------ */

static void
two_runtimes(const char *library)
{
    struct qn_limit l = {0};
    struct qn_text said = {0};

    (void)library;
    if (!dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL) ||
        !dlopen("libomp.so.5", RTLD_NOW | RTLD_GLOBAL))
        exit(SKIPPED);
    CHECK(qn_limit_set(&l, 2, 1));
    qn_limit_say(&said, &l, 2);
    CHECK(strstr(qn_text_get(&said), "two OpenMP runtimes"));
    CHECK(strstr(qn_text_get(&said), "libgomp.so.1"));
    CHECK(strstr(qn_text_get(&said), "libomp.so.5"));
}

/* A library that goes its own way is named. */
static void
stubborn(void **state)
{
    struct qn_limit l = {.n = 1, .library = {{.kind = QN_LIMIT_OPENBLAS,
                                              .name = "libopenblas.so.0",
                                              .threads = 8}}};
    struct qn_text said = {0};

    (void)state;
    qn_limit_say(&said, &l, 1);
    assert_string_equal(qn_text_get(&said),
                        "libopenblas.so.0 was limited to 1 thread and says "
                        "that it uses 8; set OPENBLAS_NUM_THREADS=1 before "
                        "quern starts\n");
    qn_text_clear(&said);
}

#define BOTH_BUILDS(body)                                                    \
    static void body##_openmp(void **state)                                  \
    {                                                                        \
        (void)state;                                                         \
        in_child(body, OPENMP_BUILD, "2");                                   \
    }                                                                        \
    static void body##_pthreads(void **state)                                \
    {                                                                        \
        (void)state;                                                         \
        in_child(body, PTHREADS_BUILD, "2");                                 \
    }
BOTH_BUILDS(find_build)
BOTH_BUILDS(limit_works)
BOTH_BUILDS(gemm_in_openmp_region)
BOTH_BUILDS(gemm_in_tiles)

static void
finds_a_late_library(void **state)
{
    (void)state;
    in_child(found_when_it_comes, NULL, "2");
}

static void
names_two_runtimes(void **state)
{
    (void)state;
    in_child(two_runtimes, LIB "libomp.so.5", "2");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_build_openmp),
        cmocka_unit_test(find_build_pthreads),
        cmocka_unit_test(limit_works_openmp),
        cmocka_unit_test(limit_works_pthreads),
        cmocka_unit_test(gemm_in_openmp_region_openmp),
        cmocka_unit_test(gemm_in_openmp_region_pthreads),
        cmocka_unit_test(gemm_in_tiles_openmp),
        cmocka_unit_test(gemm_in_tiles_pthreads),
        cmocka_unit_test(finds_a_late_library),
        cmocka_unit_test(names_two_runtimes),
        cmocka_unit_test(stubborn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
