/* quern submit JOB: a SLURM array for each item-by-item stage, a job for each
 * combined one, each behind those it uses.
 *
 * A stage that uses another waits until that one's job has ended, however it
 * did: one bad file must not keep the rest from being made.  Whether all is
 * there that it uses, its own run finds out.  Only where a combination needs
 * every member, or --strict is given, must the job before it have gone well. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/message.h"
#include "cli/cli.h"
#include "cli/submit_size.h"
#include "engine/settle.h"
#include "io/atomic.h"

/* Options without a letter of their own. */
enum { SETTING = 0x200, DRY_RUN = 0x300, STRICT };

static const struct argp_option options[] = {
    {"dry-run", DRY_RUN, NULL, 0, "Print the scripts; write and send nothing",
     0},
    {"array", SETTING + QN_SUBMIT_ARRAY, "N", 0,
     "Tasks of the array of an item-by-item stage (default: one for 64 items "
     "or 8 GiB, at most 32)",
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
    "for each combined stage, each waiting for those it uses. The scripts are "
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
    struct qn_submit_settings given;
    char **behind;            /* borrowed: words for sbatch */
    int nbehind;
    bool dry, strict, retry;
    const char *allowed;
    int rc;

    struct qn_run run;
    struct qn_submit_cost *cost; /* owned, [nstages] */
    char (*id)[24];              /* owned, [nstages]; "": not sent */
    char *template_text;         /* owned */
    char *file, *quern;          /* owned: JOB and this program, absolute */
};

/* ---- words
 * ---------------------------------------------------------------------- */

static void
take_setting(struct submission *s, int key, const char *arg)
{
    struct qn_error err = {0};
    char from[32];

    snprintf(from, sizeof from, "--%s", qn_submit_keys[key]);
    s->rc =
        qn_submit_set(&s->given, (enum qn_submit_setting)key, arg, from, &err);
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
    case DRY_RUN: s->dry = true; break;
    case STRICT: s->strict = true; break;
    case 'd': s->job.data = arg; break;
    case 'o': s->job.output = arg; break;
    case 's': s->job.stage = arg; break;
    case 'a': s->allowed = arg; break;
    case 'r': s->retry = s->job.retry_failed = true; break;
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

/* ---- what a task runs
 * --------------------------------------------------------- */

static int
keep(struct qn_strings *words, const char *a, const char *b,
     struct qn_error *err)
{
    if (qn_cli_keep(words, a) || (b && qn_cli_keep(words, b)))
        return qn_fail(err, QN_ENOMEM, "no memory for a command line");
    return 0;
}

/* What SLURM gives a node, less a fifth, is shared by its ranks. */
static int
keep_memory(struct qn_strings *words, const struct qn_submit_settings *settings,
            const struct qn_run *run, struct qn_error *err)
{
    double bytes = (double)qn_submit_script_bytes(settings->v[QN_SUBMIT_MEM]);
    double ranks = atof(settings->v[QN_SUBMIT_NTASKS]) /
                   atof(settings->v[QN_SUBMIT_NODES]);
    char size[40];

    if (run->job->memory || !(bytes > 0)) // "0" is all of the node
        return 0;
    snprintf(size, sizeof size, "%.0fMiB",
             0.8 * bytes / (ranks > 1 ? ranks : 1) / (1 << 20));
    return keep(words, "--memory", size, err);
}

static int
make_words(struct qn_strings *words, const struct submission *s, int stage,
           const struct qn_submit_settings *settings, struct qn_error *err)
{
    const struct qn_run *run = &s->run;

    QN_TRY(keep(words, s->file, NULL, err));
    QN_TRY(keep(words, "--data", run->options->data, err));
    QN_TRY(keep(words, "--output", run->options->output, err));
    QN_TRY(keep(words, "--stage", run->job->stages[stage].name, err));
    QN_TRY(keep_memory(words, settings, run, err));
    for (size_t i = 0; i < s->job.sets.n; i++)
        QN_TRY(keep(words, "--set", s->job.sets.v[i], err));
    if (s->allowed)
        QN_TRY(keep(words, "--allow-failures", s->allowed, err));
    return s->retry ? keep(words, "--retry-failed", NULL, err) : 0;
}

/* ---- what it waits for
 * ---------------------------------------------------------- */

static bool
uses_directly(const struct qn_stage *stage, int other)
{
    if (stage->input.stage && stage->input.stage_index == other)
        return true;
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            if (stage->steps[i].operand[k].kind == QN_OPERAND_STAGE &&
                stage->steps[i].operand[k].stage_index == other)
                return true;
    return false;
}

static bool
needs_all(const struct submission *s, const struct qn_stage *stage)
{
    const struct qn_group *c = &stage->combine;

    if (s->allowed)
        return false;
    return s->strict || (c->given && c->at_least_fraction && c->at_least >= 1);
}

/* "--dependency=afterany:12:13"; empty: nothing that was sent. */
static void
make_dependency(struct qn_text *out, const struct submission *s, int stage)
{
    const struct qn_stage *it = &s->run.job->stages[stage];

    for (int i = 0; i < stage; i++)
        if (s->id[i][0] && uses_directly(it, i))
            qn_text_add(out, "%s:%s",
                        out->len           ? ""
                        : needs_all(s, it) ? "--dependency=afterok"
                                           : "--dependency=afterany",
                        s->id[i]);
}

/* ---- a stage
 * ----------------------------------------------------------------------- */

static int
write_script(const char *path, const struct qn_text *text, struct qn_error *err)
{
    QN_TRY(qn_atomic_write(path, text->s, text->len, err));
    if (chmod(path, 0755))
        return qn_fail(err, QN_EIO, "%s: %s", path, strerror(errno));
    return 0;
}

static int
send_script(struct submission *s, int stage, const char *path,
            struct qn_error *err)
{
    char sbatch[] = "sbatch", parsable[] = "--parsable",
         invalid[] = "--kill-on-invalid-dep=yes";
    struct qn_text dependency = {0};
    char **words;
    size_t n = 0;
    int rc;

    QN_TRY(qn_memory_make((void **)&words, (size_t)s->nbehind + 6, sizeof *words,
                          "a command line", err));
    make_dependency(&dependency, s, stage);
    words[n++] = sbatch;
    words[n++] = parsable;
    if (dependency.len)
        words[n++] = dependency.s;
    if (dependency.len)
        words[n++] = invalid;
    for (int i = 0; i < s->nbehind; i++)
        words[n++] = s->behind[i];
    words[n++] = (char *)(uintptr_t)path;
    if (s->dry) {
        snprintf(s->id[stage], sizeof *s->id, "<%.20s>",
                 s->run.job->stages[stage].name);
        for (size_t i = 0; i < n; i++)
            printf("%s%s", i ? " " : "# ", words[i]);
        printf("\n\n");
        rc = 0;
    } else {
        rc = qn_submit_send(s->id[stage], sizeof *s->id, words, err);
    }
    qn_text_clear(&dependency);
    free(words);
    return rc;
}

static void
say_sent(const struct submission *s, int stage, int shards)
{
    const char *word = ", after";

    printf("%s: job %s", s->run.job->stages[stage].name, s->id[stage]);
    if (shards > 1)
        printf(", an array of %d", shards);
    for (int i = 0; i < stage; i++)
        if (s->id[i][0] && uses_directly(&s->run.job->stages[stage], i)) {
            printf("%s %s", word, s->id[i]);
            word = " and";
        }
    printf("\n");
}

static int
submit_stage(struct submission *s, int stage, struct qn_error *err)
{
    const char *name = s->run.job->stages[stage].name;
    const char *output = s->run.options->output;
    struct qn_submit_settings settings = {.v = {NULL}};
    struct qn_strings words = {0};
    struct qn_text text = {0};
    struct qn_submit_script script = {.settings = &settings,
                                      .job = s->file,
                                      .stage = name,
                                      .output = output,
                                      .quern = s->quern,
                                      .run = &words};
    char *path = NULL;
    int rc = qn_submit_fill(&settings, &s->given, err);

    if (!rc)
        rc = qn_submit_size_fill(&settings, &s->run, stage, &s->cost[stage],
                                 err);
    if (!rc)
        rc = make_words(&words, s, stage, &settings, err);
    if (!rc && asprintf(&path, "%s/.quern/submit/%s.sbatch", output, name) < 0)
        rc = qn_fail(err, QN_ENOMEM, "no memory for a path");
    script.path = path;
    script.shards = rc ? 1 : atoi(settings.v[QN_SUBMIT_ARRAY]);
    if (!rc)
        rc = qn_submit_script_make(&text, s->template_text, &script, err);
    if (!rc && s->dry)
        fputs(text.s, stdout);
    else if (!rc)
        rc = write_script(path, &text, err);
    if (!rc)
        rc = send_script(s, stage, path, err);
    if (!rc && !s->dry)
        say_sent(s, stage, script.shards);
    qn_submit_clear(&settings);
    qn_cli_drop(&words);
    qn_text_clear(&text);
    free(path);
    return rc;
}

/* ---- all of them
 * ------------------------------------------------------------------- */

/* A stage is sent if it, or one that it uses, is not all done. */
static bool
is_due(const struct submission *s, int stage)
{
    if (!s->run.plan.stage[stage].wanted)
        return false;
    if (qn_submit_size_left(&s->run, stage))
        return true;
    for (int i = 0; i < stage; i++)
        if (s->id[i][0] && uses_directly(&s->run.job->stages[stage], i))
            return true;
    return false;
}

static int
make_folder(const struct submission *s, struct qn_error *err)
{
    char *folder;
    int rc;

    if (asprintf(&folder, "%s/.quern/submit", s->run.options->output) < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    rc = qn_atomic_folder(folder, err);
    free(folder);
    return rc;
}

/* What was sent before it went wrong. */
static void
say_half(const struct submission *s)
{
    const char *word = "scancel";

    for (int i = 0; i < s->run.job->nstages; i++)
        if (s->id[i][0]) {
            fprintf(stderr, "%s %s", i && *word == ' ' ? "" : word, s->id[i]);
            word = " ";
        }
    if (*word == ' ')
        fprintf(stderr, "   # takes back what was sent before\n");
}

static int
submit_all(struct submission *s, struct qn_error *err)
{
    int sent = 0, rc = s->dry ? 0 : make_folder(s, err);

    for (int i = 0; i < s->run.job->nstages && !rc; i++)
        if (is_due(s, i)) {
            rc = submit_stage(s, i, err);
            sent += !rc;
        }
    if (rc && !s->dry)
        say_half(s);
    if (!rc && !sent)
        printf("Nothing is left to do in %s.\n", s->run.options->output);
    else if (!rc && !s->dry)
        printf("`quern status %s` says how it stands; the scripts and what "
               "they say are in\n%s/.quern/submit.\n",
               s->run.options->output, s->run.options->output);
    return rc;
}

static int
find_own(struct submission *s, struct qn_error *err)
{
    s->quern = realpath("/proc/self/exe", NULL);
    s->file = realpath(s->job.file, NULL);
    if (!s->quern || !s->file)
        return qn_fail(err, QN_EUSAGE, "%s cannot be found: %s",
                       s->quern ? s->job.file : "this program",
                       strerror(errno));
    return 0;
}

/* How the stages stand, as `run` would find them; nothing is written. */
static int
look(struct submission *s, struct qn_error *err)
{
    size_t n = (size_t)s->run.job->nstages;
    char *journal;
    int rc;

    QN_TRY(qn_memory_make((void **)&s->cost, n, sizeof *s->cost, "the stages",
                          err));
    QN_TRY(
        qn_memory_make((void **)&s->id, n, sizeof *s->id, "the stages", err));
    QN_TRY(qn_submit_size_learn(s->cost, &s->run, err));
    if (asprintf(&journal, "%s/.quern/journal", s->run.options->output) < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    rc = qn_past_load(&s->run.past, journal, NULL, err);
    free(journal);
    return rc ? rc : qn_settle_plan(&s->run, err);
}

static int
submit(struct submission *s)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_cli_loaded l = {0};
    struct qn_error err = {0};
    int rc = qn_cli_load(&l, &s->job, &alone, &err);

    if (!rc)
        rc = find_own(s, &err);
    if (!rc)
        rc = qn_submit_site_load(&s->given, &err);
    if (!rc)
        rc = qn_submit_site_template(&s->template_text, &err);
    if (!rc)
        rc = qn_run_prepare(&s->run, &l.job, &l.options, &alone, &err);
    if (!rc)
        rc = look(s, &err);
    if (!rc)
        rc = submit_all(s, &err);
    if (rc)
        err.code = rc;
    rc = rc ? qn_cli_exit(&err, true) : QN_EXIT_DONE;
    qn_run_clear(&s->run);
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
            s.behind = &argv[i + 1];
            s.nbehind = argc - i - 1;
            argc = i;
        }
    if (!qn_cli_words(&argp, true, &s, argc, argv))
        code = s.job.help ? QN_EXIT_DONE : submit(&s);
    qn_submit_clear(&s.given);
    qn_cli_free(&s.job);
    free(s.cost);
    free(s.id);
    free(s.template_text);
    free(s.file);
    free(s.quern);
    return code;
}
