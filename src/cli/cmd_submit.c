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
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/message.h"
#include "cli/cli.h"
#include "cli/submit_size.h"
#include "engine/folder.h"
#include "engine/settle.h"
#include "engine/single.h"
#include "io/atomic.h"

/* Options without a letter of their own. */
enum { SETTING = 0x200, DRY_RUN = 0x300, STRICT, MERGE };

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
    struct qn_submit_settings given;
    char **behind;            /* borrowed: words for sbatch */
    int nbehind;
    bool dry, strict, retry, merge;
    const char *allowed;
    int rc;

    struct qn_run run;
    struct qn_submit_cost *cost; /* owned, [nstages] */
    char (*id)[24];              /* owned, [nstages]; "": not sent */
    char (*merged)[24];          /* owned, likewise: of what merges them */
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
    case MERGE: s->merge = true; break;
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

/* "--dependency=afterany:12:13"; empty: nothing that was sent.  A merge waits
 * for the stage itself. */
static void
make_dependency(struct qn_text *out, const struct submission *s, int stage,
                bool merging)
{
    const struct qn_stage *it = &s->run.job->stages[stage];

    if (merging && s->id[stage][0])
        qn_text_add(out, "--dependency=%s:%s",
                    s->strict ? "afterok" : "afterany", s->id[stage]);
    if (merging)
        return;
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
send_script(struct submission *s, int stage, bool merging, const char *path,
            struct qn_error *err)
{
    char *id = merging ? s->merged[stage] : s->id[stage];
    char sbatch[] = "sbatch", parsable[] = "--parsable",
         invalid[] = "--kill-on-invalid-dep=yes";
    struct qn_text dependency = {0};
    char **words;
    size_t n = 0;
    int rc;

    QN_TRY(qn_memory_make((void **)&words, (size_t)s->nbehind + 6, sizeof *words,
                          "a command line", err));
    make_dependency(&dependency, s, stage, merging);
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
        snprintf(id, sizeof *s->id, "<%.20s>",
                 s->run.job->stages[stage].name);
        for (size_t i = 0; i < n; i++)
            printf("%s%s", i ? " " : "# ", words[i]);
        printf("\n\n");
        rc = 0;
    } else {
        rc = qn_submit_send(id, sizeof *s->id, words, err);
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

static void
say_merge(const struct submission *s, int stage)
{
    const struct qn_stage *it = &s->run.job->stages[stage];

    printf("%s, one file: job %s", it->name, s->merged[stage]);
    if (s->id[stage][0])
        printf(", after %s", s->id[stage]);
    printf("\n");
}

/* What a job that merges runs: the stage again, of which nothing but the merge
 * is left, or `quern merge`. */
static int
make_merge_words(struct qn_strings *words, const struct submission *s,
                 int stage, struct qn_submit_settings *settings,
                 struct qn_error *err)
{
    static const enum qn_submit_setting ones[] = {
        QN_SUBMIT_ARRAY, QN_SUBMIT_NODES, QN_SUBMIT_NTASKS};
    const char *name = s->run.job->stages[stage].name;
    char *from = NULL, *to = NULL;
    int rc = 0;

    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) {
        free(settings->v[ones[i]]);
        QN_TRY(qn_memory_copy(&settings->v[ones[i]], "1", err));
    }
    if (s->run.job->stages[stage].output.single)
        return make_words(words, s, stage, settings, err);
    if (asprintf(&from, "%s/%s", s->run.options->output, name) < 0)
        from = NULL;
    if (asprintf(&to, "%s/%s-merged.h5", s->run.options->output, name) < 0)
        to = NULL;
    rc = from && to ? keep(words, from, NULL, err)
                    : qn_fail(err, QN_ENOMEM, "no memory for a path");
    if (!rc)
        rc = keep(words, "-o", to, err);
    free(from);
    free(to);
    return rc;
}

/* The name of a stage's job, and its script. */
static int
name_job(struct qn_submit_script *script, char name[300], char **path,
         bool merging, struct qn_error *err)
{
    snprintf(name, 300, "%.250s%s", script->stage, merging ? "-merge" : "");
    if (asprintf(path, "%s/.quern/submit/%s.sbatch", script->output, name) < 0) {
        *path = NULL;
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    }
    script->name = name;
    script->path = *path;
    return 0;
}

/* The job of a stage, or (merging) the one behind it. */
static int
submit_stage(struct submission *s, int stage, bool merging, int *shards,
             struct qn_error *err)
{
    const char *name = s->run.job->stages[stage].name;
    const char *output = s->run.options->output;
    bool alone = merging && !s->run.job->stages[stage].output.single;
    char own[300];
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
        rc = merging ? make_merge_words(&words, s, stage, &settings, err)
                     : make_words(&words, s, stage, &settings, err);
    if (!rc)
        rc = name_job(&script, own, &path, merging, err);
    *shards = script.shards = rc ? 1 : atoi(settings.v[QN_SUBMIT_ARRAY]);
    if (!rc)
        rc = qn_submit_script_make(
            &text, alone ? qn_submit_merge_template : s->template_text, &script,
            err);
    if (!rc && s->dry)
        fputs(text.s, stdout);
    else if (!rc)
        rc = write_script(path, &text, err);
    if (!rc)
        rc = send_script(s, stage, merging, path, err);
    if (!rc && !s->dry && merging)
        say_merge(s, stage);
    else if (!rc && !s->dry)
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

/* A file that is there and younger than all that the journal tells of the
 * stage need not be made again. */
static bool
is_merged(const struct submission *s, int stage)
{
    const char *name = s->run.job->stages[stage].name;
    const struct qn_past *past = &s->run.past;
    int64_t last = 0, made = 0;
    struct stat st;
    char *path;

    if (asprintf(&path, "%s/%s-merged.h5", s->run.options->output, name) < 0)
        return false;
    if (!stat(path, &st))
        made = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    free(path);
    for (size_t i = 0; i < past->nitems; i++)
        if (!strcmp(past->item[i].stage, name) && past->item[i].time_ns > last)
            last = past->item[i].time_ns;
    return made > last;
}

static bool
is_read(const struct qn_job *job, int stage)
{
    bool read = false;

    for (int i = 0; i < job->nstages; i++)
        read = read || uses_directly(&job->stages[i], stage);
    return read;
}

/* Is a job to merge what the stage makes?  A single task does that itself. */
static bool
is_merge_due(const struct submission *s, int stage, int shards)
{
    const struct qn_stage *it = &s->run.job->stages[stage];
    enum qn_single_state state;

    if (!s->run.plan.stage[stage].wanted)
        return false;
    if (it->output.single)
        return s->id[stage][0] ? shards > 1
                               : !qn_single_look(&state, &s->run, stage, NULL) &&
                                     state != QN_SINGLE_DONE;
    if (!s->merge || it->combine.given || it->command.given ||
        it->output.format != QN_FORMAT_HDF5 || is_read(s->run.job, stage))
        return false;
    return s->id[stage][0] || !is_merged(s, stage);
}

static int
make_folder(const struct submission *s, struct qn_error *err)
{
    char *folder;
    int rc;

    QN_TRY(qn_folder_path(&folder, s->run.options->output, "submit", err));
    rc = qn_atomic_folder(folder, err);
    free(folder);
    return rc;
}

/* What was sent before it went wrong. */
static void
say_half(const struct submission *s)
{
    const char *word = "scancel";

    for (int i = 0; i < s->run.job->nstages; i++) {
        const char *ids[] = {s->id[i], s->merged[i]};

        for (size_t k = 0; k < 2; k++)
            if (*ids[k]) {
                fprintf(stderr, "%s %s", *word == ' ' ? "" : word, ids[k]);
                word = " ";
            }
    }
    if (*word == ' ')
        fprintf(stderr, "   # takes back what was sent before\n");
}

static int
submit_all(struct submission *s, struct qn_error *err)
{
    int sent = 0, rc = s->dry ? 0 : make_folder(s, err);

    for (int i = 0; i < s->run.job->nstages && !rc; i++) {
        int shards = 1, one;

        if (is_due(s, i)) {
            rc = submit_stage(s, i, false, &shards, err);
            sent += !rc;
        }
        if (!rc && is_merge_due(s, i, shards)) {
            rc = submit_stage(s, i, true, &one, err);
            sent += !rc;
        }
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

    QN_TRY(qn_memory_make((void **)&s->cost, n, sizeof *s->cost, "the stages",
                          err));
    QN_TRY(
        qn_memory_make((void **)&s->id, n, sizeof *s->id, "the stages", err));
    QN_TRY(qn_memory_make((void **)&s->merged, n, sizeof *s->merged,
                          "the stages", err));
    QN_TRY(qn_submit_size_learn(s->cost, &s->run, err));
    return qn_settle_past(&s->run, err);
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
    free(s.merged);
    free(s.template_text);
    free(s.file);
    free(s.quern);
    return code;
}
