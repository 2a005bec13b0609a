/* One worker process, seen from its rank.
 *
 * A child has its own process group, /dev/null as stdin, a socket as
 * descriptor 3 and its stderr kept in memory for the reason it may die of.
 * All local; children are started by the rank's main thread only. */
#ifndef QN_ENGINE_CHILD_H
#define QN_ENGINE_CHILD_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "quern/error.h"

struct qn_child {
    pid_t pid;  /* 0: not running */
    int sock;   /* owned; -1 */
    int errors; /* owned: memory that holds its stderr; -1 */
};

/* Start quern-worker: the one beside this program, else the one in PATH. */
int
qn_child_open(struct qn_child *c, struct qn_error *err);

/* Kill its process group (if it still runs), reap it and say in reason how it
 * ended: "SIGSEGV (last words)", "exit code 1 (...)". */
void
qn_child_bury(struct qn_child *c, char *reason, size_t size);

/* Close the socket, so that it ends by itself, and reap it.  Safe on one that
 * is not running. */
void
qn_child_close(struct qn_child *c);

#endif
