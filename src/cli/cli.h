/* Words in, words out: what the commands share. */
#ifndef QN_CLI_CLI_H
#define QN_CLI_CLI_H

#include <argp.h>

#include "comm/comm.h"
#include "engine/run.h"

/* Exit codes; the first that applies in the order 2, 1, 75, 3, 0. */
enum {
    QN_EXIT_DONE = 0,
    QN_EXIT_RUN = 1,     /* the run failed: disk full, MPI          */
    QN_EXIT_USAGE = 2,   /* command line or job file                */
    QN_EXIT_ITEMS = 3,   /* some items failed                       */
    QN_EXIT_STOPPED = 75 /* run the same command again              */
};

struct qn_cli_command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* NULL: not in this version */
};

/* The table of commands, ends with name NULL. */
extern const struct qn_cli_command qn_cli_commands[];

/* Commands; argv[0] is the command's own name. */
int
qn_cmd_run(int argc, char **argv);
int
qn_cmd_plan(int argc, char **argv);
int
qn_cmd_kernels(int argc, char **argv);

/* ---- options of `run` and `plan` ------------------------------------------ */

struct qn_cli_job {
    const char *file;       /* JOB */
    const char *data, *output, *stage;
    struct qn_strings sets;
    struct qn_strings arguments;
    bool fresh, items;
    bool help;              /* --help was asked for and answered        */
    bool speak;             /* this process may print (rank 0)          */
    int rc;                 /* QN_EUSAGE: a sentence was said           */
};

/* Parse argv with argp; fills o.  extra: further argp children or NULL. */
int
qn_cli_parse(
    struct qn_cli_job *o, const struct argp_option *options, const char *doc,
    int argc, char **argv);

/* A job read, its folders decided. */
struct qn_cli_loaded {
    struct qn_job job;
    struct qn_run_options options;
    char *data, *output;    /* owned */
};

/* Collective.  Rank 0 reads the file, all parse it.  Problems of the job are
 * printed by rank 0. */
int
qn_cli_load(
    struct qn_cli_loaded *l, const struct qn_cli_job *o, struct qn_comm *comm,
    struct qn_error *err);

void
qn_cli_unload(struct qn_cli_loaded *l);
void
qn_cli_free(struct qn_cli_job *o);

/* Say err (if this process may) and return the exit code for its code. */
int
qn_cli_exit(const struct qn_error *err, bool speak);

#endif
