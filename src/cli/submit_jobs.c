/* Which stages `quern submit` sends, and all of them in order.
 *
 * What a job is made of is submit_job.c's. */
#include "cli/submit_jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "engine/folder.h"
#include "engine/settle.h"
#include "engine/single.h"
#include "io/atomic.h"
#include "model/command.h"

/* ---- how the stages stand ------------------------------------------------ */

int
qn_submit_jobs_look(struct qn_submit_jobs *s, struct qn_error *err)
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

void
qn_submit_jobs_clear(struct qn_submit_jobs *s)
{
    qn_submit_clear(&s->given);
    free(s->cost);
    free(s->id);
    free(s->merged);
    free(s->template_text);
    free(s->file);
    free(s->quern);
}

/* ---- what is due --------------------------------------------------------- */

/* A stage is sent if it, or one that it uses, is not all done. */
static bool
is_due(const struct qn_submit_jobs *s, int stage)
{
    if (!s->run.plan.stage[stage].wanted)
        return false;
    if (qn_submit_size_left(&s->run, stage))
        return true;
    for (int i = 0; i < stage; i++)
        if (s->id[i][0] && qn_job_reads(s->run.job, stage, i))
            return true;
    return false;
}

/* A file that is there and younger than all that the journal tells of the
 * stage need not be made again. */
static bool
is_merged(const struct qn_submit_jobs *s, int stage)
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
        read = read || qn_job_reads(job, i, stage);
    return read;
}

/* Is a job to merge what the stage makes?  A single task does that itself. */
static bool
is_merge_due(const struct qn_submit_jobs *s, int stage, int shards)
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
make_folder(const struct qn_submit_jobs *s, struct qn_error *err)
{
    char *folder;
    int rc;

    QN_TRY(qn_folder_path(&folder, s->run.options->output, "submit", err));
    rc = qn_atomic_folder(folder, err);
    free(folder);
    return rc;
}

/* What was sent before it went wrong: half a job does nobody any good, and
 * would be sent twice when the cause is mended. */
static void
take_back(struct qn_submit_jobs *s)
{
    size_t n = 0, nstages = (size_t)s->run.job->nstages;
    char scancel[] = "scancel", **words;

    if (qn_memory_make((void **)&words, 2 * nstages + 2, sizeof *words,
                       "a command line", NULL))
        return;
    words[n++] = scancel;
    for (size_t i = 0; i < nstages; i++) {
        if (*s->id[i])
            words[n++] = s->id[i];
        if (*s->merged[i])
            words[n++] = s->merged[i];
    }
    if (n > 1) {
        fputs(qn_submit_cancel(words) ? "quern: taken back what was sent:"
                                      : "quern: take back what was sent:",
              stderr);
        for (size_t i = 0; i < n; i++)
            fprintf(stderr, " %s", words[i]);
        fputs("\n", stderr);
    }
    free(words);
}

/* Items that no job will make. */
static int64_t
count_failed(const struct qn_run *run)
{
    int64_t n = 0;

    for (int s = 0; s < run->job->nstages; s++)
        for (int i = 0; i < run->plan.stage[s].ntasks; i++)
            n += run->plan.stage[s].wanted && run->plan.stage[s].task[i].code;
    return n;
}

static void
say_nothing(const struct qn_submit_jobs *s)
{
    int64_t failed = count_failed(&s->run);

    printf("Nothing is left to do in %s", s->run.options->output);
    if (failed)
        printf(", but %lld %s failed; `quern plan` says why: mend what it "
               "names, or use --retry-failed",
               (long long)failed, failed == 1 ? "item has" : "items have");
    printf(".\n");
}

/* The folder as a shell would have to be given it. */
static void
say_where(const char *output)
{
    struct qn_text word = {0};

    qn_command_quote(&word, output);
    printf("`quern status %s` says how it stands; the scripts and what they "
           "say are in\n%s/.quern/submit.\n",
           qn_text_get(&word), output);
    qn_text_clear(&word);
}

int
qn_submit_jobs_send(struct qn_submit_jobs *s, struct qn_error *err)
{
    int sent = 0, rc = s->dry ? 0 : make_folder(s, err);

    for (int i = 0; i < s->run.job->nstages && !rc; i++) {
        int shards = 1, one;

        if (is_due(s, i)) {
            rc = qn_submit_job(s, i, false, &shards, err);
            sent += !rc;
        }
        if (!rc && is_merge_due(s, i, shards)) {
            rc = qn_submit_job(s, i, true, &one, err);
            sent += !rc;
        }
    }
    if (rc && !s->dry)
        take_back(s);
    if (!rc && !sent)
        say_nothing(s);
    else if (!rc && !s->dry)
        say_where(s->run.options->output);
    return rc;
}
