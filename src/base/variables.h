/* The environment of a child: how many threads each library in it may start.
 *
 * Libraries read these variables when they are loaded and never again, so the
 * only safe place to set them is in front of the child's start.  One table for
 * workers and for the programs of `exec`.  Local; changes nothing here. */
#ifndef QN_BASE_VARIABLES_H
#define QN_BASE_VARIABLES_H

#include <stdbool.h>

#include "quern/error.h"

struct qn_variables {
    int openmp;  /* threads of an OpenMP loop, at least 1                     */
    int blas;    /* of BLAS, and of other libraries with pools of their own   */
    bool alone;  /* nobody else runs on the cores of the child's mask, and
                    there are no more of them than threads: OpenMP may bind   */
};

/* from (an environment) with the table in place of what it says itself.
 * OMP_PLACES and OMP_PROC_BIND are set only where unset: to cores and close if
 * alone, else to no binding, for children that share a mask would all bind to
 * its first cores.  more (ends with NULL; may be NULL) are further
 * "NAME=VALUE" words that take the place of what from says.
 * *env is one block, ends with NULL: free() it; it borrows from from and more.
 * QN_ENOMEM. */
int
qn_variables_make(
    char ***env, char *const *from, const struct qn_variables *v,
    const char *const *more, struct qn_error *err);

#endif
