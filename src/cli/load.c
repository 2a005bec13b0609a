/* How a command begins and ends: its ranks, its job, the folders of data and
 * output, its exit code.
 *
 * The job is read by one rank and parsed by all.  Paths are absolute behind
 * this, so that workers and messages agree on them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/system.h"
#include "cli/cli.h"
#include "kernels/catalog.h"

static int
read_everywhere(char **text, size_t *n, const char *file,
                struct qn_comm *comm, struct qn_error *err)
{
    int rc = 0;

    if (comm->rank == 0 && qn_system_slurp(text, n, file, err))
        rc = qn_fail(err, QN_EUSAGE,
                     "job file %s cannot be read: %s; is the name right?",
                     file, strerror(errno));
    rc = qn_comm_agree(comm, rc, err);
    if (!rc && comm->size > 1)
        rc = qn_comm_broadcast(comm, (void **)text, n, 0, err);
    return rc;
}

static int
parse(struct qn_job *job, const struct qn_cli_job *o, const char *text,
      size_t n, struct qn_error *err)
{
    struct qn_text problems = {0};
    int rc = qn_job_parse(job, o->file, text, n,
                          (const char *const *)o->sets.v, o->sets.n,
                          qn_catalog(), &problems, err);

    if (rc && o->speak)
        fputs(qn_text_get(&problems), stderr);
    qn_text_clear(&problems);
    return rc;
}

/* Drop "/./" and what may stand at the end. */
static void
tidy(char *path)
{
    char *p;

    while ((p = strstr(path, "/./")))
        memmove(p, p + 2, strlen(p + 2) + 1);
    p = path + strlen(path);
    if (p - path > 2 && !strcmp(p - 2, "/."))
        p[-2] = '\0';
    else if (p - path > 1 && p[-1] == '/')
        p[-1] = '\0';
}

/* An absolute path, so that workers and messages agree on it.  base is ".",
 * a relative or an absolute folder. */
static int
absolute(char **out, const char *base, const char *path, struct qn_error *err)
{
    char cwd[4096] = "";
    int n;

    if (path[0] == '/')
        n = asprintf(out, "%s", path);
    else if (base[0] == '/')
        n = asprintf(out, "%s/%s", base, path);
    else if (getcwd(cwd, sizeof cwd))
        n = asprintf(out, "%s/%s/%s", cwd, base, path);
    else
        return qn_fail(err, QN_EIO, "the current folder has no name: %s",
                       strerror(errno));
    if (n < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    tidy(*out);
    return 0;
}

static int
decide_folders(struct qn_cli_loaded *l, const struct qn_cli_job *o,
               struct qn_error *err)
{
    char *home, name[512];
    int rc;

    QN_TRY(qn_memory_copy(&home, o->file, err));
    if (strrchr(home, '/'))
        *strrchr(home, '/') = '\0';
    else
        strcpy(home, ".");
    rc = absolute(&l->data, o->data ? "." : home, o->data ? o->data : ".",
                  err);
    snprintf(name, sizeof name, "%s.out", l->job.name);
    if (!rc && o->output)
        rc = absolute(&l->output, ".", o->output, err);
    else if (!rc)
        rc = absolute(&l->output, home, l->job.output ? l->job.output : name,
                      err);
    free(home);
    return rc;
}

/* What a shell expanded is meant from the current folder. */
static int
complete_arguments(const struct qn_job *job, struct qn_strings *arguments,
                   struct qn_error *err)
{
    bool wanted = false;

    for (int s = 0; s < job->nstages; s++)
        wanted = wanted || job->stages[s].input.arguments;
    if (arguments->n && !wanted)
        return qn_fail(err, QN_EUSAGE,
                       "files were named behind the job, but no stage of it "
                       "reads them: it needs `input: arguments`");
    for (size_t i = 0; i < arguments->n; i++) {
        char *path;

        QN_TRY(absolute(&path, ".", arguments->v[i], err));
        free(arguments->v[i]);
        arguments->v[i] = path;
    }
    return 0;
}

int
qn_cli_load(struct qn_cli_loaded *l, struct qn_cli_job *o,
            struct qn_comm *comm, struct qn_error *err)
{
    char *text = NULL;
    size_t n = 0;
    int rc = read_everywhere(&text, &n, o->file, comm, err);

    if (!rc)
        rc = parse(&l->job, o, text, n, err);
    free(text);
    if (!rc)
        rc = decide_folders(l, o, err);
    if (!rc)
        rc = complete_arguments(&l->job, &o->arguments, err);
    l->options = (struct qn_run_options){
        .data = l->data,
        .output = l->output,
        .stage = o->stage,
        .fresh = o->fresh,
        .only = o->only,
        .limit = o->limit,
        .strict_threads = o->strict_threads,
        .team = o->team,
        .keep_steps = o->keep_steps,
        .no_overlap = o->no_overlap,
        .retry_failed = o->retry_failed,
        .until = INFINITY,
        .max_failures = o->max_failures,
        .sync = o->sync,
        .verify_content = o->verify_content,
        .settle = o->settle > 0 ? o->settle : 0,
        .growing = o->watch,
        .ranks = (int)o->ranks,
        .shard = o->shard,
        .shards = o->shards,
        .arguments = &o->arguments,
    };
    return qn_comm_agree(comm, rc, err);
}

void
qn_cli_unload(struct qn_cli_loaded *l)
{
    qn_job_clear(&l->job);
    free(l->data);
    free(l->output);
    *l = (struct qn_cli_loaded){0};
}

int
qn_cli_exit(const struct qn_error *err, bool speak)
{
    if (speak && err->text[0])
        qn_message(QN_ERROR, "%s", err->text);
    switch (err->code) {
    case QN_EUSAGE:
    case QN_EJOB:
    case QN_EUNAVAILABLE:
    case QN_EMISSING: return QN_EXIT_USAGE;
    case QN_ESTOPPED: return QN_EXIT_STOPPED;
    default: return QN_EXIT_RUN;
    }
}

int
qn_cli_join(struct qn_comm *comm, bool *speak)
{
    struct qn_error err = {0};
    int rc = qn_comm_open(comm, &err);

    *speak = comm->rank == 0;
    if (rc)
        return qn_cli_exit(&err, *speak);
    qn_message_mute(!*speak);
    return QN_EXIT_DONE;
}
