/* Starting and burying worker processes.
 *
 * Signals of a launcher go to the rank's whole process group, hence a group
 * of its own for each child; the worker itself asks to die with its parent
 * (PR_SET_PDEATHSIG), which posix_spawn cannot ask for it. */
#include "engine/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "base/variables.h"

extern char **environ;

enum { SOCKET = 3 };

/* One thread in every library a worker may load: quern's own threads are what
 * runs in parallel, and who needs more is lent them (base/limit.h). */
static int
make_environment(char ***env, struct qn_error *err)
{
    static const struct qn_variables one = {.openmp = 1, .blas = 1};
    static const char *const more[] = {"LIBC_FATAL_STDERR_=1", NULL};

    return qn_variables_make(env, environ, &one, more, err);
}

/* Path of quern-worker beside this program; "quern-worker" if not there. */
static void
find_worker(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 16);
    char *slash;

    if (n > 0) {
        path[n] = '\0';
        slash = strrchr(path, '/');
        strcpy(slash ? slash + 1 : path, "quern-worker");
        if (!access(path, X_OK))
            return;
    }
    snprintf(path, size, "quern-worker");
}

static int
spawn(struct qn_child *c, int theirs, struct qn_error *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, stops;
    char path[4096 + 16], parent[32];
    char name[] = "quern-worker";
    char *argv[] = {name, parent, NULL};
    char **env;
    int rc;

    QN_TRY(make_environment(&env, err));
    find_worker(path, sizeof path);
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    sigemptyset(&none);
    sigemptyset(&stops);
    sigaddset(&stops, SIGPIPE);
    sigaddset(&stops, SIGXFSZ);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, c->errors, 1);
    posix_spawn_file_actions_adddup2(&files, c->errors, 2);
    posix_spawn_file_actions_adddup2(&files, theirs, SOCKET);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
                                        POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &stops);
    rc = posix_spawnp(&c->pid, path, &files, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    free(env);
    if (!rc)
        return 0;
    c->pid = 0;
    return qn_fail(err, QN_EIO,
                   "%s cannot be started: %s; it must stand beside quern or "
                   "in PATH",
                   path, strerror(rc));
}

int
qn_child_open(struct qn_child *c, struct qn_error *err)
{
    int pair[2];
    int rc;

    *c = (struct qn_child){.sock = -1, .errors = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return qn_system_cannot(err, "open", "a socket for a worker", errno);
    c->sock = pair[0];
    c->errors = memfd_create("quern-worker-stderr", MFD_CLOEXEC);
    if (c->errors < 0)
        rc = qn_system_cannot(err, "open", "a memory file for a worker",
                              errno);
    else
        rc = spawn(c, pair[1], err);
    close(pair[1]);
    if (rc)
        qn_child_close(c);
    return rc;
}

/* The last line it wrote to stderr, without control characters. */
static void
last_words(const struct qn_child *c, char *text, size_t size)
{
    char tail[512];
    off_t end = lseek(c->errors, 0, SEEK_END);
    off_t from = end > (off_t)sizeof tail - 1 ? end - (off_t)sizeof tail + 1
                                              : 0;
    ssize_t n = pread(c->errors, tail, sizeof tail - 1, from);
    char *line = tail;

    text[0] = '\0';
    while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == ' '))
        n--;
    if (n <= 0)
        return;
    tail[n] = '\0';
    if (strrchr(tail, '\n'))
        line = strrchr(tail, '\n') + 1;
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    snprintf(text, size, " (%.200s)", line);
}

void
qn_child_bury(struct qn_child *c, char *reason, size_t size)
{
    char words[256];
    int status = 0;

    if (reason)
        reason[0] = '\0';
    if (c->pid <= 0)
        return;
    // its own children too; harmless if all are gone
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (reason) {
        last_words(c, words, sizeof words);
        if (WIFSIGNALED(status))
            snprintf(reason, size, "SIG%s%s",
                     sigabbrev_np(WTERMSIG(status)), words);
        else
            snprintf(reason, size, "exit code %d%s", WEXITSTATUS(status),
                     words);
    }
    c->pid = 0;
    qn_child_close(c);
}

void
qn_child_close(struct qn_child *c)
{
    if (c->sock >= 0)
        close(c->sock);
    if (c->pid > 0)
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    if (c->errors >= 0)
        close(c->errors);
    *c = (struct qn_child){.sock = -1, .errors = -1};
}
