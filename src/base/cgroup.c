/* Reading /proc/self/cgroup and the files it points to.
 *
 * Inside a container the path in there may be one of the host's, which is not
 * mounted here: then the walk upwards ends at the mount, which is the
 * container's own group.  Which hierarchies are mounted where is taken from
 * convention (/sys/fs/cgroup), not from the mount table. */
#include "base/cgroup.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Two numbers of a one-line file; "max" is infinity. */
static int
read_numbers(const char *folder, const char *name, double v[2])
{
    char path[4096], word[2][32];
    FILE *f;
    int n = 0;

    snprintf(path, sizeof path, "%.3900s/%s", folder, name);
    f = fopen(path, "re");
    if (!f)
        return 0;
    n = fscanf(f, "%31s %31s", word[0], word[1]);
    fclose(f);
    for (int i = 0; i < n; i++)
        v[i] = strcmp(word[i], "max") ? strtod(word[i], NULL) : INFINITY;
    return n;
}

/* Processes of one group share its time: ranks compare this number. */
static uint64_t
number_of(const char *folder)
{
    struct stat st;

    if (stat(folder, &st))
        return 1;
    return ((uint64_t)st.st_dev << 40) ^ (uint64_t)st.st_ino;
}

static void
take_quota(struct qn_cgroup *g, const char *folder, double time, double period)
{
    // v1 says -1 for no limit
    if (!(time > 0) || !(period > 0) || !(time / period < g->quota))
        return;
    g->quota = time / period;
    g->group = number_of(folder);
}

static void
take_memory(struct qn_cgroup *g, double bytes)
{
    // v1 says a number near 2^63 for no limit
    if (bytes > 0 && bytes < 0x1p60 && bytes < g->memory)
        g->memory = bytes;
}

static void
look_into(struct qn_cgroup *g, const char *folder)
{
    double v[2], period[2];

    if (read_numbers(folder, "cpu.max", v) == 2)
        take_quota(g, folder, v[0], v[1]);
    if (read_numbers(folder, "cpu.cfs_quota_us", v) > 0 &&
        read_numbers(folder, "cpu.cfs_period_us", period) > 0)
        take_quota(g, folder, v[0], period[0]);
    if (read_numbers(folder, "memory.max", v) > 0 ||
        read_numbers(folder, "memory.limit_in_bytes", v) > 0)
        take_memory(g, v[0]);
}

/* A group and all above it, up to where the hierarchy is mounted. */
static void
walk_up(struct qn_cgroup *g, const char *mount, const char *path)
{
    char folder[3000];
    size_t end = strlen(mount);

    if ((size_t)snprintf(folder, sizeof folder, "%s%s", mount, path) >=
        sizeof folder)
        return;
    for (;;) {
        char *slash;

        look_into(g, folder);
        slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < end)
            return;
        *slash = '\0';
    }
}

static void
try_mount(struct qn_cgroup *g, const char *root, const char *name,
          const char *path)
{
    char mount[1024];

    snprintf(mount, sizeof mount, "%.900s/sys/fs/cgroup%s%.80s", root,
             *name ? "/" : "", name);
    walk_up(g, mount, path);
}

/* A line "ID:CONTROLLERS:PATH". */
static void
take_line(struct qn_cgroup *g, const char *root, char *line)
{
    char *names = strchr(line, ':');
    char *path = names ? strchr(names + 1, ':') : NULL;

    if (!path)
        return;
    *path++ = '\0';
    names++;
    path[strcspn(path, "\n")] = '\0';
    if (!*names) {
        try_mount(g, root, "", path);
        try_mount(g, root, "unified", path);
        return;
    }
    // "cpu,cpuacct" is mounted by that name, or by each
    try_mount(g, root, names, path);
    for (char *rest = NULL, *name = strtok_r(names, ",", &rest); name;
         name = strtok_r(NULL, ",", &rest))
        try_mount(g, root, name, path);
}

void
qn_cgroup_read(struct qn_cgroup *g, const char *root)
{
    char path[1024], line[2048];
    FILE *f;

    *g = (struct qn_cgroup){.quota = INFINITY, .memory = INFINITY};
    snprintf(path, sizeof path, "%.900s/proc/self/cgroup", root);
    f = fopen(path, "re");
    if (!f)
        return;
    while (fgets(line, sizeof line, f))
        take_line(g, root, line);
    fclose(f);
}
