/* Thread variables of the libraries that scientific programs load. */
#include "base/variables.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 48 }; /* bytes of the longest word below */

enum how { OPENMP, BLAS, PLACES, BIND };

static const struct {
    const char *name;
    enum how how;
} table[] = {
    {"OMP_NUM_THREADS", OPENMP},
    {"OPENBLAS_NUM_THREADS", BLAS},
    {"GOTO_NUM_THREADS", BLAS}, // OpenBLAS too
    {"MKL_NUM_THREADS", BLAS},
    {"BLIS_NUM_THREADS", BLAS},
    {"VECLIB_MAXIMUM_THREADS", BLAS},
    {"NUMEXPR_NUM_THREADS", BLAS},
    {"OMP_PLACES", PLACES},
    {"OMP_PROC_BIND", BIND},
};
enum { NTABLE = sizeof table / sizeof *table };

static bool
is_name(const char *word, const char *name, size_t n)
{
    return !strncmp(word, name, n) && word[n] == '=';
}

static bool
has(char *const *env, const char *name)
{
    for (; *env; env++)
        if (is_name(*env, name, strlen(name)))
            return true;
    return false;
}

/* A word of the table for this child; false: from's own stands. */
static bool
make_word(char *word, size_t i, char *const *from,
          const struct qn_variables *v)
{
    const char *name = table[i].name;

    switch (table[i].how) {
    case OPENMP: snprintf(word, WORD, "%s=%d", name, v->openmp); return true;
    case BLAS: snprintf(word, WORD, "%s=%d", name, v->blas); return true;
    case PLACES:
        snprintf(word, WORD, "%s=cores", name);
        return v->alone && !has(from, "OMP_PLACES") &&
               !has(from, "OMP_PROC_BIND");
    case BIND:
        snprintf(word, WORD, "%s=%s", name, v->alone ? "close" : "false");
        return !has(from, "OMP_PROC_BIND");
    }
    return false;
}

static bool
is_replaced(const char *word, const char *const *by)
{
    for (; by && *by; by++)
        if (is_name(word, *by, strcspn(*by, "=")))
            return true;
    return false;
}

static size_t
count(const char *const *words)
{
    size_t n = 0;

    while (words && words[n])
        n++;
    return n;
}

int
qn_variables_make(char ***out, char *const *from,
                  const struct qn_variables *v, const char *const *more,
                  struct qn_error *err)
{
    size_t n = count((const char *const *)from), m = count(more), k = 0;
    char **env = calloc(1, (n + m + NTABLE + 1) * sizeof *env + NTABLE * WORD);
    char *word = env ? (char *)(env + n + m + NTABLE + 1) : NULL;
    const char *ours[NTABLE + 1] = {0};
    size_t nours = 0;

    *out = env;
    if (!env)
        return qn_fail(err, QN_ENOMEM, "no memory for an environment");
    for (size_t i = 0; i < NTABLE; i++, word += WORD)
        if (make_word(word, i, from, v))
            ours[nours++] = word;
    for (size_t i = 0; i < n; i++)
        if (!is_replaced(from[i], ours) && !is_replaced(from[i], more))
            env[k++] = from[i];
    for (size_t i = 0; i < nours; i++)
        if (!is_replaced(ours[i], more))
            env[k++] = (char *)(uintptr_t)ours[i];
    for (size_t i = 0; i < m; i++)
        env[k++] = (char *)(uintptr_t)more[i];
    return 0;
}
