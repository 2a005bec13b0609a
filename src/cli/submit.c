/* Settings by name, checked where they are set; and running sbatch.
 *
 * Where settings come from is submit_site.c's and cmd_submit.c's to know. */
#include "cli/submit.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

extern char **environ;

const char *const qn_submit_keys[] = {
#define KEY(name, key, known) key,
    QN_SUBMIT_SETTINGS(KEY)
#undef KEY
        NULL};

/* ---- settings ----------------------------------------------------------- */

static bool
is_count(const char *value, bool zero)
{
    return *value && strlen(value) < 7 && !value[strspn(value, "0123456789")] &&
           (zero || atoi(value) > 0);
}

static const char *
wrong(enum qn_submit_setting which, const char *value)
{
    static const char *const launchers[] = {"auto", "srun", "mpirun", "none"};

    switch (which) {
    case QN_SUBMIT_ARRAY:
    case QN_SUBMIT_NODES:
    case QN_SUBMIT_NTASKS:
    case QN_SUBMIT_CPUS:
        return is_count(value, false) ? NULL : "a number, at least 1";
    case QN_SUBMIT_REQUEUES: return is_count(value, true) ? NULL : "a number";
    case QN_SUBMIT_TIME:
        return qn_submit_script_seconds(value) > 0
                   ? NULL
                   : "minutes, or a time such as 1:30:00 or 2-12";
    case QN_SUBMIT_MEM:
        return qn_submit_script_bytes(value) >= 0 ? NULL : "a size such as 4G";
    case QN_SUBMIT_LAUNCHER:
        for (int i = 0; i < 4; i++)
            if (!strcmp(value, launchers[i]))
                return NULL;
        return "auto, srun, mpirun or none";
    case QN_SUBMIT_SETUP: return NULL;
    case QN_SUBMIT_PARTITION:
    case QN_SUBMIT_ACCOUNT:
    case QN_SUBMIT_QOS:
    case QN_NSUBMIT: break;
    }
    return *value && !value[strcspn(value, " \t\n\r\"'\\#")] ? NULL : "a word";
}

int
qn_submit_set(struct qn_submit_settings *s, enum qn_submit_setting which,
              const char *value, const char *from, struct qn_error *err)
{
    const char *needs = wrong(which, value);

    if (needs)
        return qn_fail(err, QN_EUSAGE, "%s needs %s, not '%.60s'", from, needs,
                       value);
    free(s->v[which]);
    return qn_memory_copy(&s->v[which], value, err);
}

int
qn_submit_fill(struct qn_submit_settings *s,
               const struct qn_submit_settings *other, struct qn_error *err)
{
    for (int i = 0; i < QN_NSUBMIT; i++)
        if (!s->v[i])
            QN_TRY(qn_memory_copy(&s->v[i], other->v[i], err));
    return 0;
}

void
qn_submit_clear(struct qn_submit_settings *s)
{
    for (int i = 0; i < QN_NSUBMIT; i++)
        free(s->v[i]);
    *s = (struct qn_submit_settings){.v = {NULL}};
}

/* ---- sbatch, scancel ----------------------------------------------------- */

static void
read_all(int fd, char *buf, size_t size)
{
    size_t n = 0;
    ssize_t got;

    while (n + 1 < size && ((got = read(fd, buf + n, size - 1 - n)) > 0 ||
                            (got < 0 && errno == EINTR)))
        n += got > 0 ? (size_t)got : 0;
    buf[n] = '\0';
}

/* Start it with stdout in the pipe; what it has to complain of stays on our
 * stderr. */
static int
start(pid_t *pid, int out, char *const words[], struct qn_error *err)
{
    posix_spawn_file_actions_t actions;
    int cause;

    if (posix_spawn_file_actions_init(&actions))
        return qn_fail(err, QN_ENOMEM, "no memory to start %s", words[0]);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    cause = posix_spawnp(pid, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (cause)
        return qn_fail(err, QN_EUSAGE,
                       "%s cannot be started: %s; is this a login node of "
                       "a SLURM cluster?  --dry-run prints the scripts",
                       words[0], strerror(cause));
    return 0;
}

static int
end(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

int
qn_submit_send(char *id, size_t size, char *const words[], struct qn_error *err)
{
    int ends[2], status = 0, rc;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return qn_fail(err, QN_EIO, "no pipe: %s", strerror(errno));
    rc = start(&pid, ends[1], words, err);
    close(ends[1]);
    if (!rc) {
        read_all(ends[0], id, size);
        status = end(pid);
    }
    close(ends[0]);
    if (rc)
        return rc;
    id[strspn(id, "0123456789")] = '\0'; // "12;cluster"
    if (status || !*id)
        return qn_fail(err, QN_EIO,
                       "sbatch did not take the job; correct what it says "
                       "above: --partition, --account, --time, --mem and the "
                       "like, or what stands behind --");
    return 0;
}

bool
qn_submit_cancel(char *const words[])
{
    pid_t pid;

    return !start(&pid, STDERR_FILENO, words, NULL) && !end(pid);
}
