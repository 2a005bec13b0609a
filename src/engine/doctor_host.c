/* What a machine, its limits and its file system look like from inside.
 *
 * Each fact is read from where the system keeps it; a fact that cannot be read
 * is null, which is no warning. */
#include "engine/doctor_host.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/text.h"
#include "engine/doctor.h"

static const double MiB = 1024.0 * 1024;

static json_t *
size_json(double bytes)
{
    return isfinite(bytes) ? json_integer((json_int_t)bytes) : json_null();
}

/* ---- the system ----------------------------------------------------------- */

static json_t *
system_json(void)
{
    char line[300], name[256] = "";
    FILE *f = fopen("/etc/os-release", "re");

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "PRETTY_NAME=\"%255[^\"]", name) == 1)
            break;
    if (f)
        fclose(f);
    return *name ? json_string(name) : json_null();
}

static json_t *
container_json(void)
{
    static const char *const variables[][2] = {
        {"APPTAINER_NAME", "apptainer"}, {"SINGULARITY_NAME", "singularity"},
        {"KUBERNETES_SERVICE_HOST", "kubernetes"}};
    const char *own = getenv("container"); // systemd-nspawn, podman, flatpak

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (getenv(variables[i][0]))
            return json_string(variables[i][1]);
    if (!access("/.dockerenv", F_OK))
        return json_string("docker");
    if (!access("/run/.containerenv", F_OK))
        return json_string("podman");
    return own && *own ? json_string(own) : json_null();
}

static double
free_space(const char *path, double *all)
{
    struct statvfs s;

    *all = INFINITY;
    if (statvfs(path, &s))
        return INFINITY;
    *all = (double)s.f_blocks * (double)s.f_frsize;
    return (double)s.f_bavail * (double)s.f_frsize;
}

static json_t *
shm_json(const json_t *container, json_t *warnings)
{
    double all;

    free_space("/dev/shm", &all);
    if (!isfinite(all))
        qn_doctor_warn(warnings,
                       "mount a tmpfs there (docker run --shm-size=1g)",
                       "/dev/shm is not there: ranks of one node cannot talk "
                       "through memory");
    else if (all <= 64 * MiB)
        qn_doctor_warn(warnings,
                       json_is_null(container)
                           ? "mount -o remount,size=1g /dev/shm"
                           : "docker run --shm-size=1g ... (or the like)",
                       "/dev/shm has %.0f MiB: many ranks on this node may "
                       "fail in MPI_Init",
                       all / MiB);
    return size_json(all);
}

static json_t *
limit_json(__rlimit_resource_t resource)
{
    struct rlimit r;

    if (getrlimit(resource, &r) || r.rlim_cur == RLIM_INFINITY)
        return json_null();
    return json_integer((json_int_t)r.rlim_cur);
}

static void
check_limits(const json_t *files, const json_t *space, json_t *warnings)
{
    if (json_is_integer(files) && json_integer_value(files) < 1024)
        qn_doctor_warn(warnings, "ulimit -n 4096",
                       "only %lld files may be open at a time",
                       (long long)json_integer_value(files));
    if (json_is_integer(space))
        qn_doctor_warn(warnings, "ulimit -v unlimited",
                       "the address space is limited to %.0f MiB: mapping "
                       "files and shared memory may fail",
                       (double)json_integer_value(space) / MiB);
}

json_t *
qn_doctor_host_json(const struct qn_cores *c, json_t *warnings)
{
    double page = (double)sysconf(_SC_PAGESIZE);
    json_t *container = container_json(), *files = limit_json(RLIMIT_NOFILE),
           *space = limit_json(RLIMIT_AS);
    struct utsname u = {0};
    struct qn_cgroup g;

    uname(&u);
    qn_cgroup_read(&g, "");
    check_limits(files, space, warnings);
    return json_pack(
        "{s:s,s:o,s:s,s:o,s:s,s:i,s:i,s:i,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
        "host", u.nodename, "system", system_json(), "kernel", u.release, "shm",
        shm_json(container, warnings), "model", c->model, "packages",
        c->packages, "numa", c->numa, "cores", c->cores, "processors",
        c->processors, "container", container, "memory",
        size_json((double)sysconf(_SC_PHYS_PAGES) * page), "available",
        size_json((double)sysconf(_SC_AVPHYS_PAGES) * page), "memory_limit",
        size_json(g.memory), "quota",
        isfinite(g.quota) ? json_real(g.quota) : json_null(), "open_files",
        files, "address_space", space);
}

/* ---- SLURM ----------------------------------------------------------------- */

json_t *
qn_doctor_host_slurm(json_t *warnings)
{
    static const char *const names[] = {
        "SLURM_JOB_ID",        "SLURM_ARRAY_JOB_ID",   "SLURM_ARRAY_TASK_ID",
        "SLURM_JOB_NODELIST",  "SLURM_JOB_NUM_NODES",  "SLURM_NTASKS",
        "SLURM_CPUS_PER_TASK", "SRUN_CPUS_PER_TASK",   "SLURM_CPUS_ON_NODE",
        "SLURM_STEP_ID",       "SLURM_JOB_CPUS_PER_NODE", "SLURM_MEM_PER_NODE",
        "SLURM_MEM_PER_CPU"};
    json_t *j;

    if (!getenv("SLURM_JOB_ID"))
        return json_null();
    j = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]))
            json_object_set_new(j, names[i], json_string(getenv(names[i])));
    if (getenv("SLURM_CPUS_PER_TASK") && !getenv("SRUN_CPUS_PER_TASK") &&
        !getenv("SLURM_STEP_ID"))
        qn_doctor_warn(warnings,
                       "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK",
                       "srun does not take --cpus-per-task over from sbatch: "
                       "its ranks would have one core each");
    return j;
}

/* ---- the output folder -------------------------------------------------------- */

static const char *
file_system(const char *path, bool *network)
{
    static const struct {
        unsigned long type;
        const char *name;
        bool network;
    } known[] = {
        {0xEF53, "ext4", false},       {0x58465342, "xfs", false},
        {0x9123683E, "btrfs", false},  {0x2FC12FC1, "zfs", false},
        {0x01021994, "tmpfs", false},  {0x858458F6, "ramfs", false},
        {0x794C7630, "overlay", false}, {0x6969, "nfs", true},
        {0x0BD00BD0, "lustre", true},  {0x47504653, "gpfs", true},
        {0x19830326, "beegfs", true},  {0x00C36400, "ceph", true},
        {0xFF534D42, "cifs", true},    {0xFE534D42, "smb", true},
        {0x01021997, "9p", true},      {0x65735546, "fuse", true},
        {0x73757245, "coda", true},    {0x20030528, "orangefs", true},
    };
    struct statfs s;

    *network = false;
    if (statfs(path, &s))
        return "unknown";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if ((unsigned long)s.f_type == known[i].type) {
            *network = known[i].network;
            return known[i].name;
        }
    return "unknown";
}

/* Of Lustre: over how many servers a file in this folder is striped.  The
 * attribute is its lov_user_md: the count stands 28 bytes behind its start. */
static json_t *
stripes_json(const char *path)
{
    unsigned char md[4096];
    ssize_t n = getxattr(path, "lustre.lov", md, sizeof md);

    return n >= 30 ? json_integer(md[28] | md[29] << 8) : json_null();
}

/* Can a file be made there, and is a lock to be had on it? */
static const char *
try_lock(const char *folder, bool *writable)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[4096];
    bool works;
    int fd;

    snprintf(path, sizeof path, "%.4000s/.quern-doctor-XXXXXX", folder);
    fd = mkstemp(path);
    *writable = fd >= 0;
    if (fd < 0)
        return "unknown";
    unlink(path);
    works = fcntl(fd, F_SETLK, &lock) == 0;
    close(fd);
    return works ? "work" : "fail";
}

/* The nearest folder that is there. */
static void
climb(char *path)
{
    while (access(path, F_OK) && strrchr(path, '/'))
        *strrchr(path, '/') = '\0';
    if (!*path)
        strcpy(path, "/");
}

json_t *
qn_doctor_host_output(const char *path, json_t *warnings)
{
    char near[4096];
    bool writable, network;
    const char *kind, *locks;
    double all, left;

    snprintf(near, sizeof near, "%s", path);
    climb(near);
    kind = file_system(near, &network);
    locks = try_lock(near, &writable);
    left = free_space(near, &all);
    if (!writable)
        qn_doctor_warn(warnings, "--output with another folder",
                       "%s cannot be written to", near);
    if (!strcmp(locks, "fail"))
        qn_doctor_warn(warnings, "export HDF5_USE_FILE_LOCKING=FALSE",
                       "locks fail on %s (%s): HDF5 may refuse to open files "
                       "there",
                       near, kind);
    if (writable && left < 1024 * MiB)
        qn_doctor_warn(warnings, "--output with another folder",
                       "%s has only %.0f MiB left", near, left / MiB);
    return json_pack("{s:s,s:s,s:b,s:s,s:b,s:o,s:o,s:s,s:b}", "path", path,
                     "nearest", near, "exists", !strcmp(near, path),
                     "file_system", kind, "network", network, "free",
                     size_json(left), "stripes", stripes_json(near), "locks",
                     locks, "writable", writable);
}
