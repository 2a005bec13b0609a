/* Control groups, as files in a scratch folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cgroup.h"

#include "scratch.h"

static char root[SCRATCH_NAME];

/* Write a file, and the folders above it. */
static void
put(const char *name, const char *text)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(path, 0700);
            *p = '/';
        }
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const struct {
    const char *what;
    const char *file[8]; /* name, text ... */
    double quota, memory;
} rows[] = {
    {"nothing can be read", {NULL}, INFINITY, INFINITY},
    {"v2, no limit",
     {"proc/self/cgroup", "0::/a\n", "sys/fs/cgroup/a/cpu.max",
      "max 100000\n"},
     INFINITY, INFINITY},
    {"v2, a container's",
     {"proc/self/cgroup", "0::/\n", "sys/fs/cgroup/cpu.max",
      "150000 100000\n", "sys/fs/cgroup/memory.max", "1048576\n"},
     1.5, 1048576},
    {"v2, the tightest of parents",
     {"proc/self/cgroup", "0::/a/b/c\n", "sys/fs/cgroup/a/cpu.max",
      "200000 100000\n", "sys/fs/cgroup/a/b/cpu.max", "300000 100000\n",
      "sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n"},
     2, INFINITY},
    {"v2, the host's path",
     {"proc/self/cgroup", "0::/docker/0123\n", "sys/fs/cgroup/cpu.max",
      "50000 100000\n"},
     0.5, INFINITY},
    {"v1, two controllers in one",
     {"proc/self/cgroup", "4:cpu,cpuacct:/job\n1:name=systemd:/\n",
      "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "400000\n",
      "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"},
     4, INFINITY},
    {"v1, mounted by one name, no limit above",
     {"proc/self/cgroup", "4:cpu,cpuacct:/job\n",
      "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n",
      "sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n"},
     INFINITY, INFINITY},
    {"v1, memory without a limit",
     {"proc/self/cgroup", "4:memory:/\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
     INFINITY, INFINITY},
    {"nonsense",
     {"proc/self/cgroup", "x\n::\n0::/a\n", "sys/fs/cgroup/a/cpu.max",
      "lots of it\n"},
     INFINITY, INFINITY},
    {"no period",
     {"proc/self/cgroup", "0::/a\n", "sys/fs/cgroup/a/cpu.max", "100000 0\n"},
     INFINITY, INFINITY},
};

static void
quotas(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_cgroup g;

        assert_int_equal(scratch_open(root), 0);
        for (int k = 0; k < 8 && rows[i].file[k]; k += 2)
            put(rows[i].file[k], rows[i].file[k + 1]);
        qn_cgroup_read(&g, root);
        assert_int_equal(scratch_close(root), 0);
        if (g.quota < rows[i].quota || g.quota > rows[i].quota)
            print_message("%s: %g\n", rows[i].what, g.quota);
        assert_true(g.quota >= rows[i].quota && g.quota <= rows[i].quota);
        assert_true(g.memory >= rows[i].memory && g.memory <= rows[i].memory);
        assert_int_equal(g.group != 0, isfinite(g.quota));
    }
}

/* Of this machine nothing is known but that it does not fall over. */
static void
this_machine(void **state)
{
    struct qn_cgroup g;

    (void)state;
    qn_cgroup_read(&g, "");
    assert_true(g.quota > 0);
    assert_true(g.memory > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas),
        cmocka_unit_test(this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
