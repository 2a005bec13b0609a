/* Asking SLURM for the end of the job.
 *
 * No variable holds it in all releases, so squeue is asked.  One that is not
 * there, fails, hangs or answers something else is no error: then there is no
 * deadline. */
#include "engine/allocation.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE 3.0 // s
#define MARGIN   60.0

extern char **environ;

double
qn_allocation_parse(const char *answer, double now)
{
    struct tm t = {.tm_isdst = -1};
    const char *rest;
    time_t end;
    double left;

    answer += strspn(answer, " \n");
    rest = strptime(answer, "%Y-%m-%dT%H:%M:%S", &t);
    if (!rest || rest[strspn(rest, " \n")])
        return INFINITY; // "N/A", "Unknown", several lines
    end = mktime(&t);
    if (end == (time_t)-1)
        return INFINITY;
    left = (double)end - now;
    // over, and still running: the limit is not enforced
    if (left <= 0)
        return INFINITY;
    return fmax(left - MARGIN, left / 2);
}

/* The job's name for squeue: of an array task both numbers, since one task has
 * the number of the whole array. */
static bool
name_job(char *name, size_t size)
{
    const char *job = getenv("SLURM_JOB_ID");
    const char *array = getenv("SLURM_ARRAY_JOB_ID");
    const char *task = getenv("SLURM_ARRAY_TASK_ID");

    if (array && task)
        snprintf(name, size, "%s_%s", array, task);
    else if (job)
        snprintf(name, size, "%s", job);
    return job != NULL;
}

/* The environment with times in their standard form; strings are borrowed. */
static char **
make_environment(void)
{
    static const char form[] = "SLURM_TIME_FORMAT=standard";
    size_t n = 0, k = 0;
    char **env;

    while (environ[n])
        n++;
    env = calloc(n + 2, sizeof *env);
    for (size_t i = 0; env && i < n; i++)
        if (strncmp(environ[i], form, sizeof "SLURM_TIME_FORMAT=" - 1) != 0)
            env[k++] = environ[i];
    if (env)
        env[k] = (char *)(uintptr_t)form;
    return env;
}

static pid_t
start(char *job, int out)
{
    char program[] = "squeue", quiet[] = "-h", which[] = "-j", what[] = "-O",
         column[] = "EndTime";
    char *argv[] = {program, quiet, which, job, what, column, NULL};
    char **env = make_environment();
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    pid_t pid = -1;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
    if (!env || posix_spawnp(&pid, program, &files, &attr, argv, env))
        pid = -1;
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    free(env);
    return pid;
}

/* What comes until the end, or until patience is over. */
static void
hear(int in, char *text, size_t size)
{
    double end = qn_clock_now() + PATIENCE;
    size_t n = 0;

    while (n + 1 < size) {
        struct pollfd p = {.fd = in, .events = POLLIN};
        double left = end - qn_clock_now();
        ssize_t got;

        if (left <= 0 || poll(&p, 1, (int)(left * 1000) + 1) <= 0)
            break;
        got = read(in, text + n, size - n - 1);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    text[n] = '\0';
}

double
qn_allocation_left(void)
{
    char job[128], answer[128] = "";
    struct timespec now;
    int pair[2];
    pid_t pid;

    if (!name_job(job, sizeof job) || pipe2(pair, O_CLOEXEC) < 0)
        return INFINITY;
    pid = start(job, pair[1]);
    close(pair[1]);
    if (pid > 0) {
        hear(pair[0], answer, sizeof answer);
        kill(-pid, SIGKILL); // it has answered, or never will
        waitpid(pid, NULL, 0);
    }
    close(pair[0]);
    clock_gettime(CLOCK_REALTIME, &now);
    return qn_allocation_parse(answer, (double)now.tv_sec);
}
