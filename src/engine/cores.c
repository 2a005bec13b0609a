/* The machine by hwloc.  Caches, devices and hwloc's plugins are left out:
 * discovering and loading them is what takes long. */
#include "engine/cores.h"

#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
take_bitmap(struct qn_mask *m, hwloc_const_bitmap_t set)
{
    int i;

    *m = (struct qn_mask){0};
    if (!set || hwloc_bitmap_weight(set) < 0)
        return; // none, or without end
    hwloc_bitmap_foreach_begin(i, set) qn_mask_add(m, i);
    hwloc_bitmap_foreach_end();
}

/* Every processor is a core of the only package. */
static void
take_plain(struct qn_cores *c)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set))
        CPU_SET(0, &set); // more processors than a cpu_set_t holds
    for (int i = 0; i < QN_MASK_MOST; i++) {
        c->core[i] = (short)i;
        if (CPU_ISSET((size_t)i, &set))
            qn_mask_add(&c->mask, i);
    }
    c->online = c->mask;
    c->packages = c->numa = 1;
    c->cores = c->processors = qn_mask_count(&c->mask);
}

static void
take_core(struct qn_cores *c, hwloc_obj_t core, int package)
{
    int first = hwloc_bitmap_first(core->cpuset), i;

    if (first < 0 || first >= QN_MASK_MOST)
        return;
    hwloc_bitmap_foreach_begin(i, core->cpuset) if (i < QN_MASK_MOST)
    {
        c->core[i] = (short)first;
        c->package[i] = (short)package;
    }
    hwloc_bitmap_foreach_end();
}

static void
take_cores(struct qn_cores *c, hwloc_topology_t t)
{
    // where the system hides its cores, processors are what there is
    hwloc_obj_type_t type = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE) > 0
                                ? HWLOC_OBJ_CORE
                                : HWLOC_OBJ_PU;
    hwloc_obj_t core = NULL;

    c->cores = hwloc_get_nbobjs_by_type(t, type);
    while ((core = hwloc_get_next_obj_by_type(t, type, core))) {
        hwloc_obj_t package =
            hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_PACKAGE, core);

        take_core(c, core, package ? (int)package->logical_index : 0);
    }
}

static void
take_model(struct qn_cores *c, hwloc_topology_t t)
{
    hwloc_obj_t package = hwloc_get_obj_by_type(t, HWLOC_OBJ_PACKAGE, 0);
    const char *name =
        package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;

    snprintf(c->model, sizeof c->model, "%s", name ? name : "");
}

static bool
load(hwloc_topology_t t, const char *synthetic)
{
    static const hwloc_obj_type_t wanted[] = {HWLOC_OBJ_PACKAGE,
                                              HWLOC_OBJ_CORE};

    if (synthetic && hwloc_topology_set_synthetic(t, synthetic))
        return false;
    // it moves this process to each processor in turn, to ask that one
    hwloc_topology_set_components(
        t, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
    hwloc_topology_set_all_types_filter(t, HWLOC_TYPE_FILTER_KEEP_NONE);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        hwloc_topology_set_type_filter(t, wanted[i],
                                       HWLOC_TYPE_FILTER_KEEP_ALL);
    return hwloc_topology_load(t) == 0;
}

static void
take_all(struct qn_cores *c, hwloc_topology_t t, bool here)
{
    hwloc_bitmap_t set = hwloc_bitmap_alloc();

    take_bitmap(&c->online, hwloc_topology_get_topology_cpuset(t));
    if (!here)
        c->mask = c->online;
    else if (set && !hwloc_get_cpubind(t, set, HWLOC_CPUBIND_PROCESS))
        take_bitmap(&c->mask, set);
    hwloc_bitmap_free(set);
    c->processors = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);
    c->packages = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PACKAGE);
    c->numa = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE);
    take_cores(c, t);
    take_model(c, t);
}

/* hwloc loads all its plugins when the first topology is made: those for
 * graphics bring X11 and OpenCL along, which is longer than all the rest.
 * Who comes after us finds them where they are. */
static int
init_without_plugins(hwloc_topology_t *t)
{
    static const char name[] = "HWLOC_PLUGINS_PATH";
    const bool said = getenv(name) != NULL;
    int rc;

    setenv(name, "/nonexistent", 0);
    rc = hwloc_topology_init(t);
    if (!said)
        unsetenv(name);
    return rc;
}

void
qn_cores_read(struct qn_cores *c, const char *synthetic)
{
    hwloc_topology_t t;

    *c = (struct qn_cores){0};
    take_plain(c);
    if (init_without_plugins(&t))
        return;
    if (load(t, synthetic))
        take_all(c, t, !synthetic);
    hwloc_topology_destroy(t);
}

struct qn_mask
qn_cores_fold(const struct qn_cores *c, const struct qn_mask *mask)
{
    struct qn_mask cores = {0};

    for (int i = 0; i < QN_MASK_MOST; i++)
        if (qn_mask_has(mask, i))
            qn_mask_add(&cores, c->core[i]);
    return cores;
}

bool
qn_cores_of(struct qn_mask *mask, pid_t pid)
{
    static const char key[] = "Cpus_allowed_list:";
    char path[64], line[4096];
    bool found = false;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    f = fopen(path, "re");
    if (!f)
        return false;
    while (!found && fgets(line, sizeof line, f))
        found = !strncmp(line, key, sizeof key - 1);
    fclose(f);
    if (!found)
        return false;
    return qn_mask_parse(mask, line + sizeof key - 1 +
                                   strspn(line + sizeof key - 1, " \t"));
}
