/* Problems of a file that a person wrote: collected, sorted, shown in one go.
 *
 * A problem has a place, a sentence, and the source line with a caret:
 *
 *     job.yaml:14:11: unknown kernel 'medain'; did you mean 'median'?
 *       14 |   kernel: medain
 *          |           ^~~~~~
 *
 * Knows nothing of jobs or YAML.  All local.
 */
#ifndef QN_MODEL_PROBLEM_H
#define QN_MODEL_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* A place in the file, counted from 1 (columns in characters).  Line 0 is not
 * in the file: column k then means the k-th word of --set, 0 nothing. */
struct qn_mark {
    int line, column;
};

struct qn_problem {
    struct qn_mark at;
    int width;  /* characters that the caret underlines, at least 1 */
    char *text; /* owned: the sentence                              */
};

/* Starts as {.file = ..., .source = ..., ...}. */
struct qn_problems {
    const char *file;   /* borrowed: the name shown               */
    const char *source; /* borrowed: the bytes that marks are in,
                           a NUL behind them              */
    size_t len;
    const char *const *sets; /* borrowed: the words of --set      */
    size_t nsets;
    struct qn_problem *v; /* owned */
    size_t n, cap;
    size_t dropped; /* beyond the first QN_PROBLEM_LIMIT          */
    size_t told;    /* all that were added, also the same again   */
    bool failed;    /* memory ran out; see qn_problem_check       */
};

#define QN_PROBLEM_LIMIT 100

/* Add one.  The same sentence at the same place is kept once. */
void
qn_problem_add(
    struct qn_problems *p, struct qn_mark at, int width, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* How many there were, those not kept included. */
size_t
qn_problem_count(const struct qn_problems *p);

/* 0 or QN_ENOMEM. */
int
qn_problem_check(const struct qn_problems *p, struct qn_error *err);

/* All of them in the order of the file, those of --set last. */
void
qn_problem_print(struct qn_problems *p, struct qn_text *out);

/* The bytes of a line (from 1) without its end, or NULL where there is no
 * such line. */
const char *
qn_problem_line(const struct qn_problems *p, int line, size_t *len);

void
qn_problem_clear(struct qn_problems *p);

#endif
