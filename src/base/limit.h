/* Threads of foreign libraries in this process: found, limited, read back.
 *
 * OpenMP runtimes (libgomp, libomp, libiomp5) and BLAS (OpenBLAS of either
 * build, MKL, BLIS) are found among the objects that are loaded, by the
 * functions they export, so also those that a user's kernel brought along.
 * Environment variables (base/variables.h) reach libraries before they are
 * loaded; this reaches them afterwards.
 *
 * An OpenMP limit belongs to the calling thread, a BLAS limit to the process;
 * an OpenMP build of OpenBLAS follows OpenMP's at each call, whatever it was
 * told.  So both are set, and what counts is what is read back.
 * All local; not for two threads at once on one struct.
 *
 *     struct qn_limit l = {0};
 *     qn_limit_set(&l, 1, 1);              before each piece of work
 *     qn_limit_set(&l, threads, 1);        around what may use OpenMP
 */
#ifndef QN_BASE_LIMIT_H
#define QN_BASE_LIMIT_H

#include <stdbool.h>

#include "base/text.h"

enum qn_limit_kind {
    QN_LIMIT_OPENMP,
    QN_LIMIT_OPENBLAS,
    QN_LIMIT_MKL,
    QN_LIMIT_BLIS
};

enum { QN_LIMIT_MOST = 16 };

struct qn_limit_library {
    enum qn_limit_kind kind;
    char name[80];     /* of the file: libgomp.so.1.0.0                      */
    char build[24];    /* OpenBLAS: "sequential", "pthreads" or "OpenMP"     */
    char core[32];     /* OpenBLAS: the kernels it chose, "Haswell"; else "" */
    char version[32];  /* OpenBLAS: "0.3.21"; else ""                        */
    int threads;       /* as read back by the last qn_limit_set or _find     */
    void (*set)(int);
    int (*get)(void);
};

struct qn_limit {
    struct qn_limit_library library[QN_LIMIT_MOST];
    int n;
    unsigned long long changes; /* of the list of objects, when it was looked */
};

/* Look for libraries, if any object came or went since.  Cost when not: some
 * 100 ns. */
void
qn_limit_find(struct qn_limit *l);

/* Limit them: openmp threads for OpenMP loops that this thread begins, blas
 * for BLAS; at least 1 each.  false if a library says afterwards that it
 * would use more than the larger of the two: qn_limit_say tells which. */
bool
qn_limit_set(struct qn_limit *l, int openmp, int blas);

/* Of OpenMP alone, for this thread, without looking for new libraries.
 * Returns what the first runtime had before (0: there is none). */
int
qn_limit_openmp(const struct qn_limit *l, int threads);

/* Add a sentence and a newline for each thing that is wrong: two OpenMP
 * runtimes, a BLAS that does not keep its limit of most threads. */
void
qn_limit_say(struct qn_text *t, const struct qn_limit *l, int most);

/* A function of any loaded object, NULL if there is none: cblas_dgemm for a
 * measurement. */
typedef void (*qn_limit_function)(void);
qn_limit_function
qn_limit_symbol(const char *name);

/* Add the names of loaded files that begin with prefix, without it and without
 * what follows the first dot, a space in front of all but the first. */
void
qn_limit_objects(struct qn_text *t, const char *prefix);

const char *
qn_limit_kind_name(enum qn_limit_kind kind);

#endif
