/* Processor time and threads, as /proc and getrusage tell.
 *
 * Of children that have ended getrusage knows; of those that live only /proc
 * does.  Together they never go back. */
#include "engine/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>


static double
seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static void
add_own(struct qn_usage *u, int who)
{
    struct rusage r;

    if (getrusage(who, &r))
        return;
    u->cpu += seconds(r.ru_utime) + seconds(r.ru_stime);
    u->switches += r.ru_nivcsw;
}

/* Times and the number of threads, behind the name in /proc/PID/stat. */
static void
add_times(struct qn_usage *u, long pid, bool times)
{
    unsigned long user, kernel;
    char path[64], line[1024], *rest;
    long threads;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    f = fopen(path, "re");
    if (!f)
        return;
    rest = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    fclose(f);
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu "
                        "%lu %*d %*d %*d %*d %ld",
                        &user, &kernel, &threads) != 3)
        return;
    if (times)
        u->cpu += (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
    if (threads > u->threads)
        u->threads = (int)threads;
}

static void
add_thread_switches(struct qn_usage *u, const char *path)
{
    static const char key[] = "nonvoluntary_ctxt_switches:";
    char line[256];
    FILE *f = fopen(path, "re");

    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, sizeof key - 1))
            u->switches += atoll(line + sizeof key - 1);
    if (f)
        fclose(f);
}

static void
add_switches(struct qn_usage *u, long pid)
{
    char path[400];
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    tasks = opendir(path);
    for (struct dirent *e; tasks && (e = readdir(tasks));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%ld/task/%s/status", pid,
                 e->d_name);
        add_thread_switches(u, path);
    }
    if (tasks)
        closedir(tasks);
}

/* The number of kB behind a key, as bytes. */
static int64_t
size_of(const char *name, long pid, const char *key)
{
    char path[64], line[256];
    long long kb = 0;
    size_t n = strlen(key);
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
    f = fopen(path, "re");
    while (f && !kb && fgets(line, sizeof line, f))
        if (!strncmp(line, key, n))
            kb = atoll(line + n);
    if (f)
        fclose(f);
    return kb * 1024;
}

static void
add_memory(struct qn_usage *u, long pid)
{
    u->pss += size_of("smaps_rollup", pid, "Pss:");
    u->most += size_of("status", pid, "VmHWM:");
}

void
qn_usage_take(struct qn_usage *u, const pid_t *child, size_t n)
{
    *u = (struct qn_usage){0};
    add_own(u, RUSAGE_SELF);
    add_own(u, RUSAGE_CHILDREN);
    add_times(u, (long)getpid(), false);
    add_memory(u, (long)getpid());
    for (size_t i = 0; i < n; i++)
        if (child[i] > 0) {
            add_times(u, (long)child[i], true);
            add_switches(u, (long)child[i]);
            add_memory(u, (long)child[i]);
        }
}

int
qn_usage_sum(struct qn_phase *p, const struct qn_usage *from,
             const struct qn_usage *to, struct qn_comm *comm,
             struct qn_error *err)
{
    struct qn_usage mine = {to->cpu - from->cpu, to->switches - from->switches,
                            to->threads, to->pss, to->most, to->spent,
                            to->room - from->room};
    struct qn_usage *all = NULL;
    int rc;

    qn_spent_add(&mine.spent, &from->spent, -1);
    rc = qn_comm_gather_each(comm, &mine, sizeof mine, (void **)&all, err);
    for (int r = 0; !rc && r < comm->size; r++) {
        p->cpu += all[r].cpu;
        p->switches += all[r].switches;
        p->pss = all[r].pss > p->pss ? all[r].pss : p->pss;
        p->most = all[r].most > p->most ? all[r].most : p->most;
        qn_spent_add(&p->spent, &all[r].spent, 1);
        p->wait += all[r].room - all[r].spent.read - all[r].spent.compute -
                   all[r].spent.write;
        p->threads = all[r].threads > p->threads ? all[r].threads : p->threads;
    }
    free(all);
    return rc;
}
