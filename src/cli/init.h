/* The job files that `quern init` writes: jobs/init/KIND.yaml, put into the
 * program by the build, so that it needs no file at run time. */
#ifndef QN_CLI_INIT_H
#define QN_CLI_INIT_H

#include <stddef.h>

struct qn_init_job {
    const char *kind;          /* "night"                          */
    const unsigned char *text; /* [size] bytes; nothing behind it  */
    size_t size;
};

/* Ends with kind NULL. */
extern const struct qn_init_job qn_init_jobs[];

#endif
