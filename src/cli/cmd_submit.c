/* quern submit JOB: a SLURM array for each item-by-item stage, a job for each
 * combined one, each behind those it uses; and one that merges its results, if
 * they are to be one file.
 *
 * A stage that uses another waits until that one's job has ended, however it
 * did: one bad file must not keep the rest from being made.  Whether all is
 * there that it uses, its own run finds out.  Only where a combination needs
 * every member, or --strict is given, must the job before it have gone well. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/submit_jobs.h"

/* Options without a letter of their own. */
enum { SETTING = 0x200, DRY_RUN = 0x300, STRICT, MERGE };

static const struct argp_option options[] = {
    {"dry-run", DRY_RUN, NULL, 0, "Print the scripts; write and send nothing",
     0},
    {"array", SETTING + QN_SUBMIT_ARRAY, "N", 0,
     "Tasks of the array of an item-by-item stage, at most one an item "
     "(default: one for 64 items or 8 GiB, at most 32)",
     0},
    {"nodes", SETTING + QN_SUBMIT_NODES, "N", 0, "Nodes of a task (default: 1)",
     0},
    {"ntasks", SETTING + QN_SUBMIT_NTASKS, "N", 0,
     "Ranks of a task (default: one a node)", 0},
    {"cpus-per-task", SETTING + QN_SUBMIT_CPUS, "N", 0,
     "Cores of a rank, each with a worker (default: 4)", 0},
    {"time", SETTING + QN_SUBMIT_TIME, "TIME", 0,
     "Time limit of a task; one that meets it is requeued and carries on "
     "(default: twice what the journal tells, else 1 hour)",
     0},
    {"mem", SETTING + QN_SUBMIT_MEM, "SIZE", 0,
     "Memory of a node (default: from the largest item)", 0},
    {"partition", SETTING + QN_SUBMIT_PARTITION, "NAME", 0, "As in sbatch", 0},
    {"account", SETTING + QN_SUBMIT_ACCOUNT, "NAME", 0, "As in sbatch", 0},
    {"qos", SETTING + QN_SUBMIT_QOS, "NAME", 0, "As in sbatch", 0},
    {"launcher", SETTING + QN_SUBMIT_LAUNCHER, "auto|srun|mpirun|none", 0,
     "What starts several ranks (default: srun where it has PMIx, else "
     "mpirun)",
     0},
    {"requeues", SETTING + QN_SUBMIT_REQUEUES, "N", 0,
     "How often a task may be requeued (default: 20)", 0},
    {"strict", STRICT, NULL, 0,
     "Let a stage run only if all items of those it uses were made, and cancel "
     "it otherwise",
     0},
    {"merge", MERGE, NULL, 0,
     "A job more for each item-by-item stage that no other reads, which merges "
     "its results into OUT/STAGE-merged.h5",
     0},
    {"data", 'd', "DIR", 0, "As in `run`", 1},
    {"output", 'o', "DIR", 0, "As in `run`", 1},
    {"stage", 's', "NAME", 0, "Only that stage and what it needs", 1},
    {"set", 'S', "PATH=VALUE", 0, "As in `run`; may be repeated", 1},
    {"allow-failures", 'a', "N", 0, "As in `run`, of each task", 1},
    {"retry-failed", 'r', NULL, 0, "As in `run`", 1},
    {"help", 'h', NULL, 0, "Show this text", 1},
    {0},
};

static const char doc[] =
    "Send JOB to SLURM: an array of jobs for each item-by-item stage, one job "
    "for each combined stage, each waiting for those it uses; behind an array "
    "whose results are to be one file (`layout: single`, --merge) a job that "
    "merges them. The scripts are "
    "kept in OUT/.quern/submit; what stands behind -- is given to sbatch as "
    "it is.\vDefaults come from the plan; a site's or one's own from "
    "/etc/quern/submit.yaml and ~/.config/quern/submit.yaml, which hold the "
    "names above as keys (and `setup`: shell lines, `module load openmpi` "
    "say), and a template in place of the one in the program from "
    "QUERN_SBATCH_TEMPLATE, ~/.config/quern/sbatch or /etc/quern/sbatch.\n\n"
    "Exit codes: 0 all was sent, or nothing is left to do, 1 sbatch refused, 2 "
    "usage or job file.";

struct submission {
    struct qn_cli_job job;
    struct qn_submit_jobs jobs;
    int rc;
};

/* ---- words --------------------------------------------------------------- */

static void
take_setting(struct submission *s, int key, const char *arg)
{
    struct qn_error err = {0};
    char from[32];

    snprintf(from, sizeof from, "--%s", qn_submit_keys[key]);
    s->rc =
        qn_submit_set(&s->jobs.given, (enum qn_submit_setting)key, arg, from,
                      &err);
    if (s->rc)
        fprintf(stderr, "quern: %s\n", err.text);
}

static error_t
take_file(struct submission *s, char *arg)
{
    if (s->job.file) {
        fprintf(stderr,
                "quern: submit takes one job, not also '%s'; words "
                "for sbatch stand behind --\n",
                arg);
        return ECANCELED;
    }
    s->job.file = arg;
    return 0;
}

static error_t
take(int key, char *arg, struct argp_state *state)
{
    struct submission *s = state->input;

    switch (key) {
    case DRY_RUN: s->jobs.dry = true; break;
    case STRICT: s->jobs.strict = true; break;
    case MERGE: s->jobs.merge = true; break;
    case 'd': s->job.data = arg; break;
    case 'o': s->job.output = arg; break;
    case 's': s->job.stage = arg; break;
    case 'a': s->jobs.allowed = arg; break;
    case 'r': s->jobs.retry = s->job.retry_failed = true; break;
    case 'S':
        if (qn_cli_keep(&s->job.sets, arg))
            return ENOMEM;
        break;
    case 'h':
        s->job.help = true;
        qn_cli_help(state);
        break;
    case ARGP_KEY_ARG: return take_file(s, arg);
    case ARGP_KEY_END:
        if (s->job.file || s->job.help)
            break;
        fprintf(stderr, "quern: which job? Usage: quern submit JOB.yaml\n");
        return ECANCELED;
    default:
        if (key < SETTING || key >= SETTING + QN_NSUBMIT)
            return ARGP_ERR_UNKNOWN;
        take_setting(s, key - SETTING, arg);
    }
    return s->rc ? ECANCELED : 0;
}

/* ---- from words to jobs -------------------------------------------------- */

static int
find_own(struct submission *s, struct qn_error *err)
{
    struct qn_submit_jobs *jobs = &s->jobs;

    jobs->quern = realpath("/proc/self/exe", NULL);
    jobs->file = realpath(s->job.file, NULL);
    if (!jobs->quern || !jobs->file)
        return qn_fail(err, QN_EUSAGE, "%s cannot be found: %s",
                       jobs->quern ? s->job.file : "this program",
                       strerror(errno));
    return 0;
}

static int
submit(struct submission *s)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_cli_loaded l = {0};
    struct qn_error err = {0};
    int rc = qn_cli_load(&l, &s->job, &alone, &err);

    s->jobs.sets = &s->job.sets;
    if (!rc)
        rc = qn_submit_behind_check(s->jobs.behind, s->jobs.nbehind, &err);
    if (!rc)
        rc = find_own(s, &err);
    if (!rc)
        rc = qn_submit_site_load(&s->jobs.given, &err);
    if (!rc)
        rc = qn_submit_site_template(&s->jobs.template_text, &err);
    if (!rc)
        rc = qn_run_prepare(&s->jobs.run, &l.job, &l.options, &alone, &err);
    if (!rc)
        rc = qn_submit_jobs_look(&s->jobs, &err);
    if (!rc)
        rc = qn_submit_jobs_send(&s->jobs, &err);
    if (rc)
        err.code = rc;
    rc = rc ? qn_cli_exit(&err, true) : QN_EXIT_DONE;
    qn_run_clear(&s->jobs.run);
    qn_cli_unload(&l);
    return rc;
}

int
qn_cmd_submit(int argc, char **argv)
{
    struct argp argp = {.options = options,
                        .parser = take,
                        .args_doc = "JOB [-- SBATCH-OPTION...]",
                        .doc = doc};
    struct submission s = {.job = {.speak = true, .settle = -1}};
    int code = QN_EXIT_USAGE;

    // argp would put JOB among them
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--")) {
            s.jobs.behind = &argv[i + 1];
            s.jobs.nbehind = argc - i - 1;
            argc = i;
        }
    if (!qn_cli_words(&argp, true, &s, argc, argv))
        code = s.job.help ? QN_EXIT_DONE : submit(&s);
    qn_submit_jobs_clear(&s.jobs);
    qn_cli_free(&s.job);
    return code;
}
