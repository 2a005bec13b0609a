/* Where the workers of a node keep the operands of a stage, each once: the
 * memory behind io/shelf.h. */
#ifndef QN_ENGINE_MASTERS_H
#define QN_ENGINE_MASTERS_H

#include <stdint.h>

#include "quern/error.h"

struct qn_run;

struct qn_masters {
    int fd;        /* owned if bytes > 0                                   */
    int64_t bytes; /* that workers may fill, of all ranks that share it; 0:
                      there is none                                        */
};

/* Collective.  Memory for stage s, if its steps have operands, for workers to
 * find from their next request on.  Where there is none each worker keeps its
 * own. */
int
qn_masters_open(struct qn_run *run, int s, struct qn_error *err);

/* Local.  What was kept is gone.  Safe if there is nothing. */
void
qn_masters_close(struct qn_run *run);

#endif
