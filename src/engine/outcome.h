/* What became of units of work, told to all ranks. */
#ifndef QN_ENGINE_OUTCOME_H
#define QN_ENGINE_OUTCOME_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "comm/comm.h"

struct qn_outcomes {
    struct qn_text packed; /* owned                             */
    size_t last;           /* internal: where the last one begins */
};

/* Local.  code 0: done.  value is the phase's own (bytes written, ...). */
void
qn_outcome_add(
    struct qn_outcomes *o, int64_t unit, int code, int64_t value, const char *text);

/* Collective.  Call each, on every rank, with every rank's outcomes, in rank
 * order; what one rank wrote in it all see afterwards. */
int
qn_outcome_share(
    struct qn_comm *comm, struct qn_outcomes *o,
    int (*each)(
        void *ctx, int rank, int64_t unit, int code, int64_t value,
        const char *text, struct qn_error *err),
    void *ctx, struct qn_error *err);

void
qn_outcome_clear(struct qn_outcomes *o);

#endif
