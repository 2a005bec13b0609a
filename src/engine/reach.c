/* Rank 0 names a file, and the first rank of each other host looks for it.
 *
 * By name and content: numbers of files and devices may differ from host to
 * host.  Paths are each rank's own, for hosts may reach a folder in different
 * ways.  What the files are for is not known here. */
#include "engine/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/commit.h"
#include "engine/inputs.h"

/* Network file systems may show what is new a moment later. */
#define PATIENCE 1.0 /* s */

enum { SAMPLES = 16 }; /* files that rank 0 looks at, to choose one */

/* What is looked for; an empty name: nothing. */
struct sign {
    char host[128]; /* of rank 0                                   */
    char name[4096];
    int64_t at;     /* where in the file                           */
    int64_t n;      /* bytes of text that stand there; 0: any file */
    char text[128];
};

/* Why the file is not what it should be, or NULL. */
static const char *
look(const struct sign *s, const char *path)
{
    char text[sizeof s->text];
    const char *why = NULL;
    struct stat st;
    int fd;

    if (!s->n)
        return stat(path, &st) ? strerror(errno) : NULL;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return strerror(errno);
    if (pread(fd, text, (size_t)s->n, s->at) != s->n ||
        memcmp(text, s->text, (size_t)s->n))
        why = "another file is there";
    close(fd);
    return why;
}

static const char *
look_patiently(const struct sign *s, const char *path)
{
    const double until = qn_clock_now() + PATIENCE;
    const struct timespec nap = {.tv_nsec = 50000000};
    const char *why;

    while ((why = look(s, path)) && qn_clock_now() < until)
        nanosleep(&nap, NULL);
    return why;
}

/* Collective.  Rank 0's sign to all. */
static int
show(struct sign *s, struct qn_comm *comm, struct qn_error *err)
{
    void *data = s;
    size_t n = sizeof *s;

    if (!comm->rank)
        gethostname(s->host, sizeof s->host - 1);
    QN_TRY(qn_comm_broadcast(comm, &data, &n, 0, err));
    if (comm->rank) {
        memcpy(s, data, sizeof *s);
        free(data);
    }
    return 0;
}

/* ---- the output folder ---------------------------------------------------- */

/* On rank 0: the end of its journal, which names this run. */
static int
sign_output(struct sign *s, const struct qn_run *run, struct qn_error *err)
{
    const struct qn_journal *j = &run->commit->journal;
    struct stat st;
    ssize_t n;

    // other hosts see what has left this one
    if (fsync(j->fd) < 0 || fstat(j->fd, &st) < 0)
        return qn_fail(err, QN_EIO, "%s: %s", j->path, strerror(errno));
    s->at = st.st_size > (off_t)sizeof s->text
                ? st.st_size - (off_t)sizeof s->text
                : 0;
    n = pread(j->fd, s->text, sizeof s->text, s->at);
    if (n < 1)
        return qn_fail(err, QN_EIO, "%s: cannot be read again", j->path);
    s->n = n;
    snprintf(s->name, sizeof s->name, "%s",
             j->path + strlen(run->options->output));
    return 0;
}

int
qn_reach_output(const struct qn_run *run, struct qn_error *err)
{
    struct qn_comm *comm = run->comm;
    struct sign s = {.at = 0};
    char path[8192], host[128] = "";
    int rc = 0;

    if (comm->nodes < 2)
        return 0;
    if (!comm->rank)
        rc = sign_output(&s, run, err);
    QN_TRY(qn_comm_agree(comm, rc, err));
    QN_TRY(show(&s, comm, err));
    snprintf(path, sizeof path, "%s%s", run->options->output, s.name);
    if (comm->rank && !comm->node_rank && look_patiently(&s, path)) {
        gethostname(host, sizeof host - 1);
        rc = qn_fail(err, QN_EIO,
                     "host %s does not see what rank 0 on %s has written to "
                     "%s: --output must be a folder that all hosts share",
                     host, s.host, run->options->output);
    }
    return qn_comm_agree(comm, rc, err);
}

/* ---- inputs ----------------------------------------------------------------- */

/* On rank 0: of some files the oldest, for a new one may not yet be seen
 * everywhere. */
static void
sign_input(struct sign *s, const struct qn_run *run,
           const struct qn_items *items)
{
    struct timespec oldest = {0};

    for (size_t k = 0; k < SAMPLES && k < items->n; k++) {
        size_t step = items->n < SAMPLES ? 1 : items->n / SAMPLES;
        const char *name = items->v[k * step].path;
        char *path = qn_inputs_path(run, name);
        struct stat st;

        if (path && strlen(name) < sizeof s->name && !stat(path, &st) &&
            (!*s->name || st.st_mtim.tv_sec < oldest.tv_sec)) {
            strcpy(s->name, name);
            oldest = st.st_mtim;
        }
        free(path);
    }
}

/* This rank's part; on rank 0 with the file that it named itself. */
static int
see_input(const struct sign *s, const struct qn_run *run, struct qn_error *err)
{
    char host[128] = "", *path = qn_inputs_path(run, s->name);
    const char *why;

    if (!path)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    why = run->comm->rank ? look_patiently(s, path) : look(s, path);
    if (why) {
        gethostname(host, sizeof host - 1);
        qn_fail(err, QN_EIO,
                "host %s does not see %s, which is there on %s (%s): mount it "
                "there too, or leave that host out",
                host, path, s->host, why);
    }
    free(path);
    return why ? QN_EIO : 0;
}

int
qn_reach_inputs(const struct qn_run *run, const struct qn_items *items,
                struct qn_error *err)
{
    struct qn_comm *comm = run->comm;
    struct sign s = {.at = 0};
    int rc = 0, gone = 0;

    if (comm->nodes < 2)
        return 0;
    if (!comm->rank)
        sign_input(&s, run, items);
    QN_TRY(show(&s, comm, err));
    if (comm->rank && !comm->node_rank && *s.name)
        rc = see_input(&s, run, err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        return 0;
    // what somebody has moved away meanwhile is no host's fault
    if (!comm->rank)
        gone = see_input(&s, run, NULL);
    return qn_comm_agree(comm, gone, NULL) ? 0 : rc;
}
