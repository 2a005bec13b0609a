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
int
qn_cmd_ls(int argc, char **argv);
int
qn_cmd_init(int argc, char **argv);
int
qn_cmd_explain(int argc, char **argv);
int
qn_cmd_status(int argc, char **argv);
int
qn_cmd_merge(int argc, char **argv);
int
qn_cmd_stop(int argc, char **argv);
int
qn_cmd_submit(int argc, char **argv);
int
qn_cmd_clean(int argc, char **argv);
int
qn_cmd_doctor(int argc, char **argv);
int
qn_cmd_exec(int argc, char **argv);

/* ---- words of any command ----------------------------------------------- */

/* Parse argv by argp, silently, and say (if this process may) which option is
 * unknown.  A parser that found something wrong itself, and said so, returns
 * ECANCELED.  0, QN_EUSAGE, QN_ENOMEM. */
int
qn_cli_words(
    const struct argp *argp, bool speak, void *input, int argc, char **argv);

/* What a parser does for --help. */
void
qn_cli_help(const struct argp_state *state);

/* Append a copy of word; QN_ENOMEM. */
int
qn_cli_keep(struct qn_strings *s, const char *word);
void
qn_cli_drop(struct qn_strings *s);

/* ---- options of `run` and `plan` ---------------------------------------- */

/* Options without a letter. */
enum { QN_CLI_SYNC = 0x100, QN_CLI_SETTLE, QN_CLI_WATCH, QN_CLI_PROGRESS,
       QN_CLI_VERIFY, QN_CLI_RANKS, QN_CLI_SHARD, QN_CLI_TEAM,
       QN_CLI_NO_OVERLAP };

struct qn_cli_job {
    const char *file;       /* JOB */
    bool no_job;            /* it may be left out                       */
    const char *data, *output, *stage;
    struct qn_strings sets;
    struct qn_strings arguments;
    const char *only;       /* a glob over items; NULL: all             */
    long long limit;        /* items a stage; 0: all                    */
    int team;               /* ranks an item; -1: all, 0: not given     */
    bool strict_threads;    /* threads that are not there are an error  */
    bool fresh, items, json, list_outputs, commands, keep_steps, retry_failed;
    bool no_overlap;        /* halos come first                         */
    long long ranks;        /* to plan for; 0: not given                */
    double deadline;        /* s; 0: none                               */
    long long max_failures; /* 0: no limit                              */
    double allowed;         /* failed items that are no failure         */
    bool allowed_percent;   /* of all items                             */
    enum qn_sync sync;
    bool watch, verify_content;
    enum qn_progress_kind progress;
    double settle;          /* s; -1: not given                        */
    int shard, shards;      /* --shard I/N; N 0: the whole              */
    bool help;              /* --help was asked for and answered        */
    bool speak;             /* this process may print (rank 0)          */
    int rc;                 /* QN_EUSAGE: a sentence was said           */
};

/* Parse argv with argp; fills o. */
int
qn_cli_parse(
    struct qn_cli_job *o, const struct argp_option *options, const char *doc,
    int argc, char **argv);

/* What `run` and `plan` do once their words are read: an exit code. */
int
qn_cmd_run_job(struct qn_cli_job *o, struct qn_comm *comm);
int
qn_cmd_plan_job(struct qn_cli_job *o);

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
    struct qn_cli_loaded *l, struct qn_cli_job *o, struct qn_comm *comm,
    struct qn_error *err);

void
qn_cli_unload(struct qn_cli_loaded *l);
void
qn_cli_free(struct qn_cli_job *o);

/* ---- JSON for other programs -------------------------------------------- */

/* New references.  Bytes that are no UTF-8 are taken for Latin-1, so that
 * nothing is left out. */
json_t *
qn_cli_json_text(const char *s);
json_t *
qn_cli_json_value(const struct qn_value *v);
json_t *
qn_cli_json_type(const struct qn_type *t);

/* Print an object (taken over) on stdout; an exit code. */
int
qn_cli_json_print(json_t *object);

/* Say err (if this process may) and return the exit code for its code. */
int
qn_cli_exit(const struct qn_error *err, bool speak);

/* Collective.  Open the ranks of a command: from now on the first speaks alone;
 * of many copies that found no common MPI the first one, too, which *speak
 * says.  An exit code, said already where it is not QN_EXIT_DONE. */
int
qn_cli_join(struct qn_comm *comm, bool *speak);

#endif
