/* Asking the run in an output folder, perhaps on another machine, to stop:
 * the file OUT/.quern/stop.  Local. */
#ifndef QN_ENGINE_DRAIN_H
#define QN_ENGINE_DRAIN_H

#include <stdbool.h>

#include "engine/lock.h"

/* Ask; *before: somebody did so already.  QN_EUSAGE: nothing runs there, or it
 * is no output folder. */
int
qn_drain_ask(
    const char *output, struct qn_lock_holder *holder, bool *before,
    struct qn_error *err);

#endif
