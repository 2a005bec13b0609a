/* quern run JOB: do what is not yet done, once or, with --watch, until told to
 * end; and the exit code of what came of it.
 *
 * The run itself is engine/run.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/text.h"
#include "cli/cli.h"
#include "engine/allocation.h"
#include "engine/stop.h"
#include "engine/watch.h"
#include "engine/young.h"

static const struct argp_option options[] = {
    {"data", 'd', "DIR", 0,
     "Base of relative inputs (default: the job file's folder)", 0},
    {"output", 'o', "DIR", 0,
     "Where results go (default: the job's `output`, else NAME.out beside "
     "the job file)",
     0},
    {"stage", 's', "NAME", 0, "Only that stage and what it needs", 0},
    {"set", 'S', "PATH=VALUE", 0,
     "Change the job, as in stages.flat.steps.1.normalize.by=mean; may be "
     "repeated",
     0},
    {"no-overlap", QN_CLI_NO_OVERLAP, NULL, 0,
     "Where ranks share an item: wait for halos before computing, to see what "
     "computing meanwhile gains; the results are the same",
     0},
    {"memory", 'M', "SIZE", 0,
     "What a rank may fill, 4GiB for example (default: the job's `memory`, "
     "else half of what the node has free, shared by its ranks)",
     0},
    {"threads", 't', "N", 0,
     "Threads a rank, all its workers together (default: the job's `threads`, "
     "else QUERN_THREADS, SLURM_CPUS_PER_TASK, OMP_NUM_THREADS, else the cores "
     "that it may use, shared among the ranks of its node)",
     0},
    {"strict-threads", 'T', NULL, 0,
     "Do not start where a rank may use fewer cores than asked for, or shares "
     "them (default: say so, and use those there are)",
     0},
    {"only", 'O', "GLOB", 0,
     "Only items whose path or file name matches; their results stay valid",
     0},
    {"limit", 'n', "N", 0,
     "Only the first N items of each stage, to try a job", 0},
    {"keep-steps", 'k', NULL, 0,
     "Make the items anew, with what comes out of each step as products "
     "1-subtract, 2-divide ...",
     0},
    {"retry-failed", 'r', NULL, 0,
     "Try again what failed before (default: only when its file or the job "
     "has changed, or the system failed to read it)",
     0},
    {"max-failures", 'm', "N", 0,
     "Begin nothing new once N items have failed in this run, unreadable ones "
     "included; what is in hand is finished; exit 75", 0},
    {"fail-fast", 'F', NULL, 0, "The same with N = 1", 0},
    {"allow-failures", 'a', "N", 0,
     "Exit 0 although up to N items (or N%) failed", 0},
    {"deadline", 'D', "SECONDS", 0,
     "Begin nothing new after so long, and nothing that is not expected to be "
     "done by then; exit 75 (default: in a SLURM job its end less a minute, "
     "as squeue tells it)",
     0},
    {"team", QN_CLI_TEAM, "N|all", 0,
     "Ranks that share an item, in stages where they can and the job does not "
     "say (default: as many as an item needs to fit)",
     0},
    {"verify-content", QN_CLI_VERIFY, NULL, 0,
     "Read every input and operand file and know it by its contents too, not "
     "by size and time alone: one that was replaced behind them is done "
     "anew, one that was only touched or copied is not. What an earlier run "
     "made counts as made of the files as they stand when this is first "
     "given; later runs read only files whose times or inode changed. Give "
     "it always or never: a run without it goes by size and time again",
     0},
    {"settle", QN_CLI_SETTLE, "SECONDS", 0,
     "Take files changed less than SECONDS ago for not there yet: somebody "
     "may be writing them. They are counted and named, fail nothing, and "
     "combined results are made of the others; the next run takes them in. "
     "The exit code is that of the others, 0 if all are done, since a "
     "folder that keeps growing would never give another one (default: 0, "
     "with --watch 5)",
     0},
    {"watch", QN_CLI_WATCH, NULL, 0,
     "When all is done, look for new and changed input files every second "
     "(less often where that takes long) and go on with them, until a "
     "signal, `quern stop`, or the deadline. Ends with 0 (3 where items "
     "failed) if nothing that had settled was left undone, else with 75",
     0},
    {"progress", QN_CLI_PROGRESS, "auto|plain|none", 0,
     "How far a stage is: one line on the terminal, where there is one, else "
     "a plain line in the log after 10 s and then every 30 s; always plain "
     "lines; nothing (default: auto)",
     0},
    {"sync", QN_CLI_SYNC, "group|item|off", 0,
     "When results are sure to be on the disk: up to 64, or those of a "
     "second, together; each at once; or when the system likes: a power cut "
     "may then leave files that are named but empty, a killed run none "
     "(default: group)",
     0},
    {"shard", QN_CLI_SHARD, "I/N", 0,
     "Only part I (from 0) of N of the items, so that N runs, in a SLURM "
     "array say, make them all; combined stages that they use must be there",
     0},
    {"fresh", 'f', NULL, 0, "Take nothing for done (default: resume)", 0},
    {"help", 'h', NULL, 0, "Show this text", 0},
    {0},
};

static const char doc[] =
    "Reduce the files that JOB names. Results that are there already and "
    "would come out the same are kept: run the same command again after an "
    "interruption and it carries on.\vExit codes: 0 all done, 1 the run "
    "failed, 2 usage or job file, 3 some items failed, 75 stopped before "
    "the end.";

/* The last line, and the exit code. */
static int
sum_up(struct qn_run *run, const struct qn_cli_job *o, double seconds)
{
    const struct qn_tally *n = &run->tally;
    int64_t bad = n->failed + n->upstream + n->blocked;
    double allowed = o->allowed_percent
                         ? o->allowed / 100 * (double)n->total
                         : o->allowed;

    if (run->comm->rank)
        return QN_EXIT_DONE;
    qn_message(QN_NOTE,
               "%lld of %lld items done (%lld before), %lld failed, %lld "
               "not tried, in %.2f s; results in %s",
               (long long)n->done, (long long)n->total, (long long)n->before,
               (long long)n->failed, (long long)(n->upstream + n->blocked),
               seconds, run->options->output);
    qn_young_say(run);
    if (run->waiting)
        return QN_EXIT_STOPPED; // it was said for what
    if (run->stopped_by) {
        qn_message(QN_NOTE, "stopped before the end: run the same command "
                            "again to carry on");
        return QN_EXIT_STOPPED;
    }
    return (double)bad > allowed ? QN_EXIT_ITEMS : QN_EXIT_DONE;
}

/* The exit code of a failure, and its sentence: of one that no other rank knows
 * this one must speak. */
static int
leave(struct qn_cli_job *o, const struct qn_comm *comm,
      const struct qn_error *err)
{
    if (qn_comm_alone(comm)) {
        qn_message_mute(false);
        o->speak = true;
    }
    return qn_cli_exit(err, o->speak);
}

/* One run, of many under --watch; *code is its exit code. */
static int
run_once(int *code, struct qn_run *run, struct qn_watch *w,
         struct qn_cli_job *o, const struct qn_cli_loaded *l,
         struct qn_comm *comm, struct qn_error *err)
{
    double t0 = qn_clock_now();
    int rc = qn_run_prepare(run, &l->job, &l->options, comm, err);

    qn_watch_lend(w, run);
    if (!rc)
        rc = qn_run_execute(run, err);
    *code = rc ? leave(o, comm, err)
               : sum_up(run, o, qn_clock_now() - t0);
    return rc;
}

static int
run_watched(struct qn_cli_loaded *l, struct qn_cli_job *o,
            struct qn_comm *comm, struct qn_error *err)
{
    struct qn_watch w = {.lock = 0};
    struct qn_run run = {0};
    int code, rc = qn_watch_check(&l->job, &l->options, err);
    bool again = !rc;

    code = rc ? leave(o, comm, err) : QN_EXIT_DONE;
    while (again) {
        again = false;
        qn_run_clear(&run);
        rc = qn_comm_agree(
            comm, qn_watch_note(&w, &l->job, &l->options, comm, err), err);
        if (!rc)
            rc = run_once(&code, &run, &w, o, l, comm, err);
        if (!rc && (rc = qn_watch_wait(&w, &run, &again, err)))
            code = leave(o, comm, err);
        // what is asked for once is not meant for every round
        l->options.fresh = l->options.retry_failed = false;
    }
    qn_run_clear(&run);
    qn_watch_close(&w);
    return code;
}

/* Collective.  The moment after which nothing new is begun: --deadline, else
 * what rank 0 learns of the allocation. */
static int
decide_until(double *until, const struct qn_cli_job *o, struct qn_comm *comm,
             double since, struct qn_error *err)
{
    double left = o->deadline > 0 ? o->deadline : INFINITY;
    void *word = &left;
    size_t n = sizeof left;
    char span[32];

    if (!(o->deadline > 0) && !comm->rank) {
        left = qn_allocation_left();
        since = qn_clock_now();
        if (!isinf(left))
            qn_message(QN_NOTE,
                       "deadline of this SLURM job: nothing new is begun "
                       "after %s",
                       qn_text_span(span, sizeof span, left > 0 ? left : 0));
    }
    if (!(o->deadline > 0) && comm->size > 1) {
        QN_TRY(qn_comm_broadcast(comm, &word, &n, 0, err));
        since = qn_clock_now();
        memcpy(&left, word, sizeof left);
        if (comm->rank)
            free(word);
    }
    *until = since + left;
    return 0;
}

int
qn_cmd_run_job(struct qn_cli_job *o, struct qn_comm *comm)
{
    struct qn_cli_loaded l = {0};
    struct qn_run run = {0};
    struct qn_watch w = {.lock = 0};
    struct qn_error err = {0};
    struct qn_progress progress = {.fd = -1};
    double t0 = qn_clock_now();
    int code;

    qn_progress_open(&progress, comm->rank ? QN_PROGRESS_NONE : o->progress,
                     comm->mpi != NULL, t0);
    if (o->watch && o->settle < 0)
        o->settle = 5;
    if (qn_cli_load(&l, o, comm, &err) ||
        decide_until(&l.options.until, o, comm, t0, &err)) {
        code = leave(o, comm, &err);
    } else {
        if (!progress.off)
            l.options.progress = &progress;
        if (o->watch)
            code = run_watched(&l, o, comm, &err);
        else
            run_once(&code, &run, &w, o, &l, comm, &err);
    }
    qn_run_clear(&run);
    qn_cli_unload(&l);
    qn_progress_close(&progress);
    return code;
}

int
qn_cmd_run(int argc, char **argv)
{
    struct qn_cli_job o = {.settle = -1};
    struct qn_comm comm = {0};
    int code = qn_cli_join(&comm, &o.speak);

    if (code)
        return code;
    qn_stop_listen();
    if (qn_cli_parse(&o, options, doc, argc, argv))
        code = QN_EXIT_USAGE;
    else if (!o.help)
        code = qn_cmd_run_job(&o, &comm);
    qn_cli_free(&o);
    // only rank 0 speaks through its exit code, after MPI has ended
    if (comm.rank && !qn_comm_alone(&comm))
        code = QN_EXIT_DONE;
    qn_comm_close(&comm);
    return code;
}
