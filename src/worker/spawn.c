/* Starting a program by vfork, which costs the same for a large worker, and
 * watching over it.
 *
 * posix_spawn cannot ask for PR_SET_PDEATHSIG, nor note the group before the
 * program is there; so the few calls between vfork and exec stand here. */
#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

/* Shared with the watchdog. */
struct watched {
    volatile pid_t group; /* of the program; 0: none */
};

struct qn_spawner {
    struct watched *watched; /* mapped */
    int alive;               /* the watchdog sees it close */
};

/* ---- the watchdog ------------------------------------------------------------- */

/* A process that outlives the worker by a moment. */
static void
watch(struct watched *w, int alive)
{
    char byte;
    pid_t group;

    prctl(PR_SET_PDEATHSIG, 0);
    setpgid(0, 0); // who kills the worker's group is not to meet it
    // nothing else of the worker is to stay open through it
    if (alive != 3)
        dup2(alive, 3);
    closefrom(4);
    while (read(3, &byte, 1) < 0 && errno == EINTR)
        ;
    group = w->group;
    if (group > 0)
        kill(-group, SIGKILL);
    _exit(0);
}

int
qn_spawn_open(struct qn_spawner **out, struct qn_error *err)
{
    struct qn_spawner *s;
    int ends[2];
    pid_t pid;

    QN_TRY(qn_memory_make((void **)&s, 1, sizeof *s, "a program", err));
    s->watched = mmap(NULL, sizeof *s->watched, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->watched == MAP_FAILED || pipe2(ends, O_CLOEXEC) < 0) {
        free(s);
        return qn_fail(err, QN_EIO, "a program cannot be watched: %s",
                       strerror(errno));
    }
    s->alive = ends[1];
    pid = fork();
    if (!pid)
        watch(s->watched, ends[0]);
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        free(s);
        return qn_fail(err, QN_EIO, "a program cannot be watched: %s",
                       strerror(errno));
    }
    *out = s;
    return 0;
}

/* ---- the program ----------------------------------------------------------------- */

static void
reset_signals(void)
{
    static const int ignored[] = {SIGTERM, SIGINT,  SIGHUP,
                                  SIGUSR1, SIGUSR2, SIGPIPE};
    sigset_t none;

    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, which borrows the worker's memory: no more than must be. */
static void
become(const struct qn_spawn *what, struct watched *w, volatile int *refused)
{
    setpgid(0, 0);
    w->group = getpid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    reset_signals();
    if (dup2(what->out, 1) >= 0 && dup2(what->err, 2) >= 0 &&
        chdir(what->folder) >= 0) {
        closefrom(3);
        execvpe(what->argv[0], what->argv, what->env);
    }
    *refused = errno;
    _exit(127);
}

static pid_t
start(const struct qn_spawn *what, struct watched *w, volatile int *refused)
{
    pid_t pid = vfork();

    if (!pid)
        become(what, w, refused);
    return pid;
}

/* Wait until it has ended, but at most until the clock says end; it stays to
 * be reaped.  A kernel before 5.3 cannot be asked to wake us. */
static bool
wait_until(pid_t pid, double end)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool ended = false;

    for (;;) {
        double left = end - qn_clock_now();
        siginfo_t info = {0};

        if (fd >= 0)
            poll(&p, 1, left > 1e6 ? 1000000000 : (int)ceil(left * 1e3));
        else
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        ended = !waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
                info.si_pid == pid;
        if (ended || qn_clock_now() >= end)
            break;
    }
    if (fd >= 0)
        close(fd);
    return ended;
}

static void
wait_for_end(pid_t pid)
{
    siginfo_t info;

    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR)
        ;
}

int
qn_spawn_run(struct qn_spawner *s, const struct qn_spawn *what,
             struct qn_spawn_end *end, struct qn_error *err)
{
    volatile int refused = 0;
    double limit = qn_clock_now() + what->timeout;
    pid_t pid = start(what, s->watched, &refused);

    *end = (struct qn_spawn_end){0};
    if (pid < 0)
        return qn_fail(err, QN_EIO, "no process for a program: %s",
                       strerror(errno));
    if (what->timeout > 0 && !wait_until(pid, limit)) {
        end->late = true;
        kill(-pid, SIGKILL);
    }
    wait_for_end(pid);
    // what it left running; its number is not given anew before it is reaped
    kill(-pid, SIGKILL);
    s->watched->group = 0;
    while (waitpid(pid, &end->status, 0) < 0 && errno == EINTR)
        ;
    end->refused = refused;
    return 0;
}
