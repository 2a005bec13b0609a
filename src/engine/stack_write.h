/* A combined result becomes a file. */
#ifndef QN_ENGINE_STACK_WRITE_H
#define QN_ENGINE_STACK_WRITE_H

#include "engine/run.h"
#include "model/cards.h"

/* Local, on the rank whose workers know the whole result as slot 1, laid out
 * as qn_bands_layout says.  Have target t of stage s written, and commit it. */
int
qn_stack_write(
    struct qn_run *run, int s, const struct qn_target *t,
    const struct qn_cards *cards, struct qn_error *err);

#endif
