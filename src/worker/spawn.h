/* Running one program at a time, and being sure that it ends.
 *
 * The program has a process group of its own.  That group is killed when the
 * program has ended, when its time is over, and when this worker dies: then by
 * a watchdog, a copy of the worker that only waits for that.  What a program
 * detaches from its group (setsid) is its own affair.  All local; not for
 * several threads at once. */
#ifndef QN_WORKER_SPAWN_H
#define QN_WORKER_SPAWN_H

#include <stdbool.h>

#include "quern/error.h"

struct qn_spawner;

struct qn_spawn {
    char *const *argv;  /* ends with NULL; a program without / is in PATH  */
    char *const *env;   /* ends with NULL                                  */
    const char *folder; /* to run in                                       */
    int out, err;       /* descriptors for stdout and stderr               */
    double timeout;     /* s; 0: none                                      */
};

struct qn_spawn_end {
    int status;  /* as waitpid says                                        */
    bool late;   /* its time was over                                      */
    int refused; /* errno: it could not be started                         */
};

/* Start the watchdog. */
int
qn_spawn_open(struct qn_spawner **s, struct qn_error *err);

/* Run it and wait. */
int
qn_spawn_run(
    struct qn_spawner *s, const struct qn_spawn *what,
    struct qn_spawn_end *end, struct qn_error *err);

#endif
