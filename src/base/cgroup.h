/* Limits of control groups (containers, batch systems) on this process.  Local.
 *
 * Both hierarchies are read: v2's cpu.max, v1's cpu.cfs_quota_us; of all
 * groups from this process's own up to the root the tightest counts. */
#ifndef QN_BASE_CGROUP_H
#define QN_BASE_CGROUP_H

#include <stdint.h>

struct qn_cgroup {
    double quota;   /* cores' worth of time; INFINITY: no limit             */
    uint64_t group; /* names the group that sets it: processes of one group
                       share the time; 0 without a limit                    */
    double memory;  /* bytes; INFINITY: no limit                            */
};

/* root: "" for this machine, else a folder with proc/ and sys/ in it.  What
 * cannot be read is no limit. */
void
qn_cgroup_read(struct qn_cgroup *g, const char *root);

#endif
