/* Writing the stop request.  Reading it is stop.c's. */
#include "engine/drain.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/atomic.h"

static int
ask(const char *folder, bool *before, struct qn_error *err)
{
    char *path;
    int rc;

    if (asprintf(&path, "%s/stop", folder) < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    *before = !access(path, F_OK);
    rc = *before ? 0 : qn_atomic_write(path, "", 0, err);
    free(path);
    return rc;
}

int
qn_drain_ask(const char *output, struct qn_lock_holder *holder, bool *before,
             struct qn_error *err)
{
    char *folder;
    int rc;

    if (asprintf(&folder, "%s/.quern", output) < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    if (access(folder, F_OK))
        rc = qn_fail(err, QN_EUSAGE,
                     "%s is no output folder: it has no .quern; give the "
                     "folder that `quern run` named last",
                     output);
    // a run that cannot be seen from here is asked all the same
    else if (qn_lock_look(output, holder) == QN_LOCK_FREE)
        rc = qn_fail(err, QN_EUSAGE,
                     "no run is going on in %s: nothing is to be stopped",
                     output);
    else
        rc = ask(folder, before, err);
    free(folder);
    return rc;
}
