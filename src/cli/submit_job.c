/* One job of `quern submit`: what it runs, what it waits for, its script, and
 * sending it.
 *
 * Which stages have a job is submit_jobs.c's. */
#include "cli/submit_jobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "io/atomic.h"

/* ---- what it runs -------------------------------------------------------- */

static int
keep(struct qn_strings *words, const char *a, const char *b,
     struct qn_error *err)
{
    if (qn_cli_keep(words, a) || (b && qn_cli_keep(words, b)))
        return qn_fail(err, QN_ENOMEM, "no memory for a command line");
    return 0;
}

/* Where the job says it, that holds. */
static int
keep_memory(struct qn_strings *words, const struct qn_submit_settings *settings,
            const struct qn_run *run, int stage, struct qn_error *err)
{
    char size[40];
    int64_t bytes;

    QN_TRY(qn_submit_size_memory(&bytes, settings, run, stage, err));
    if (run->job->memory || !bytes)
        return 0;
    snprintf(size, sizeof size, "%lldMiB", (long long)(bytes >> 20));
    return keep(words, "--memory", size, err);
}

static int
make_words(struct qn_strings *words, const struct qn_submit_jobs *s, int stage,
           const struct qn_submit_settings *settings, struct qn_error *err)
{
    const struct qn_run *run = &s->run;

    QN_TRY(keep(words, s->file, NULL, err));
    QN_TRY(keep(words, "--data", run->options->data, err));
    QN_TRY(keep(words, "--output", run->options->output, err));
    QN_TRY(keep(words, "--stage", run->job->stages[stage].name, err));
    QN_TRY(keep_memory(words, settings, run, stage, err));
    for (size_t i = 0; i < s->sets->n; i++)
        QN_TRY(keep(words, "--set", s->sets->v[i], err));
    if (s->allowed)
        QN_TRY(keep(words, "--allow-failures", s->allowed, err));
    return s->retry ? keep(words, "--retry-failed", NULL, err) : 0;
}

/* What a job that merges runs: the stage again, of which nothing but the merge
 * is left, or `quern merge`. */
static int
make_merge_words(struct qn_strings *words, const struct qn_submit_jobs *s,
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

/* ---- what it waits for --------------------------------------------------- */

static bool
needs_all(const struct qn_submit_jobs *s, const struct qn_stage *stage)
{
    const struct qn_group *c = &stage->combine;

    if (s->allowed)
        return false;
    return s->strict || (c->given && c->at_least_fraction && c->at_least >= 1);
}

/* "--dependency=afterany:12:13"; empty: nothing that was sent.  A merge waits
 * for the stage itself. */
static void
make_dependency(struct qn_text *out, const struct qn_submit_jobs *s, int stage,
                bool merging)
{
    const struct qn_stage *it = &s->run.job->stages[stage];

    if (merging && s->id[stage][0])
        qn_text_add(out, "--dependency=%s:%s",
                    s->strict ? "afterok" : "afterany", s->id[stage]);
    if (merging)
        return;
    for (int i = 0; i < stage; i++)
        if (s->id[i][0] && qn_job_reads(s->run.job, stage, i))
            qn_text_add(out, "%s:%s",
                        out->len           ? ""
                        : needs_all(s, it) ? "--dependency=afterok"
                                           : "--dependency=afterany",
                        s->id[i]);
}

/* ---- the job ------------------------------------------------------------- */

static int
write_script(const char *path, const struct qn_text *text, struct qn_error *err)
{
    QN_TRY(qn_atomic_write(path, text->s, text->len, err));
    if (chmod(path, 0755))
        return qn_fail(err, QN_EIO, "%s: %s", path, strerror(errno));
    return 0;
}

static int
send_script(struct qn_submit_jobs *s, int stage, bool merging, const char *path,
            struct qn_error *err)
{
    char *id = merging ? s->merged[stage] : s->id[stage];
    char sbatch[] = "sbatch", parsable[] = "--parsable",
         invalid[] = "--kill-on-invalid-dep=yes";
    struct qn_text dependency = {0};
    char **words, **waits = NULL;
    size_t n = 0;
    int rc;

    QN_TRY(qn_memory_make((void **)&words, (size_t)s->nbehind + 6, sizeof *words,
                          "a command line", err));
    make_dependency(&dependency, s, stage, merging);
    words[n++] = sbatch;
    words[n++] = parsable;
    if (dependency.len) {
        waits = &words[n++];
        words[n++] = invalid;
    }
    n += qn_submit_behind_add(&words[n], s->behind, s->nbehind, &dependency);
    words[n++] = (char *)(uintptr_t)path;
    rc = qn_text_check(&dependency, err);
    if (waits)
        *waits = dependency.s;
    if (!rc && s->dry) {
        snprintf(id, sizeof *s->id, "<%.20s>",
                 s->run.job->stages[stage].name);
        for (size_t i = 0; i < n; i++)
            printf("%s%s", i ? " " : "# ", words[i]);
        printf("\n\n");
    } else if (!rc) {
        rc = qn_submit_send(id, sizeof *s->id, words, err);
    }
    qn_text_clear(&dependency);
    free(words);
    return rc;
}

static void
say_sent(const struct qn_submit_jobs *s, int stage, int shards)
{
    const char *word = ", after";

    printf("%s: job %s", s->run.job->stages[stage].name, s->id[stage]);
    if (shards > 1)
        printf(", an array of %d", shards);
    for (int i = 0; i < stage; i++)
        if (s->id[i][0] && qn_job_reads(s->run.job, stage, i)) {
            printf("%s %s", word, s->id[i]);
            word = " and";
        }
    printf("\n");
}

static void
say_merge(const struct qn_submit_jobs *s, int stage)
{
    const struct qn_stage *it = &s->run.job->stages[stage];

    printf("%s, one file: job %s", it->name, s->merged[stage]);
    if (s->id[stage][0])
        printf(", after %s", s->id[stage]);
    printf("\n");
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

int
qn_submit_job(struct qn_submit_jobs *s, int stage, bool merging, int *shards,
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
    if (!rc && !alone)
        rc = qn_submit_size_check(&s->run, stage, &settings, err);
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
    if (rc)
        qn_wrap(err, "%s", name);
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
