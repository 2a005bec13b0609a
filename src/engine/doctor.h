/* What `quern doctor` knows: facts of hosts, ranks, libraries, file system.
 *
 * Facts are JSON from the start, for they come from many ranks and go to other
 * programs as they are.  Nothing here is said to anybody: see
 * cli/doctor_print.c. */
#ifndef QN_ENGINE_DOCTOR_H
#define QN_ENGINE_DOCTOR_H

#include <jansson.h>

#include "engine/run.h"

struct qn_doctor_ask {
    const struct qn_job *job; /* its `threads` and `concurrency` count       */
    const struct qn_run *run; /* prepared; NULL: no job to look at           */
    const char *output;       /* the folder results would go to              */
};

/* Collective.  *facts (new reference) on rank 0, NULL elsewhere:
 *
 *     {quern, mpi, slurm, output, hosts: [...], ranks: [...], job,
 *      warnings: [{text, fix}, ...]}
 *
 * Takes some 100 ms: each rank measures what it gets, all at once. */
int
qn_doctor_make(
    json_t **facts, const struct qn_doctor_ask *ask, struct qn_comm *comm,
    struct qn_error *err);

/* Add a warning to a list. */
void
qn_doctor_warn(
    json_t *warnings, const char *fix, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
