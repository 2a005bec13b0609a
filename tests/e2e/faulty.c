/* A world that fails, for tests of the real programs: to be preloaded.
 *
 *     cc -shared -fPIC -o faulty.so faulty.c
 *     LD_PRELOAD=$PWD/faulty.so QUERN_FAULTY="quern-worker pread EIO 3 1 raw/" quern run ...
 *
 * In processes of that program ("*": any) the third call of pread on a path
 * that contains "raw/" fails with EIO, and 1 call in all; 0: that call and all
 * after it.  Instead of an errno: "shrink" cuts the file to half its size
 * before the call, "vanish" renames the folder of that part away, "crash" kills
 * the process, "hang" stays in the call for good.  Of several
 * conditions, separated by ";", each counts by itself.  QUERN_FAULTY_HOST is
 * what gethostname says.  What MPI does itself is left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 8 };

struct condition {
    char program[32], call[32], how[32], part[256];
    long first, times;
    atomic_long seen;
};

static struct condition condition[MOST];
static int nconditions;

__attribute__((constructor)) static void
read_conditions(void)
{
    const char *p = getenv("QUERN_FAULTY");

    while (p && *p && nconditions < MOST) {
        struct condition *c = &condition[nconditions];
        int n = sscanf(p, "%31s %31s %31s %ld %ld %255[^;]", c->program,
                       c->call, c->how, &c->first, &c->times, c->part);

        if (n < 5) {
            fprintf(stderr, "QUERN_FAULTY is not understood: %s\n", p);
            _exit(99);
        }
        nconditions += !strcmp(c->program, "*") ||
                       !strcmp(c->program, program_invocation_short_name);
        p = strchr(p, ';');
        p += p != NULL;
    }
}

static int
number(const char *how)
{
    static const struct {
        const char *name;
        int value;
    } table[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"ESTALE", ESTALE},
                 {"EMFILE", EMFILE}, {"EROFS", EROFS},   {"EACCES", EACCES},
                 {"ENOMEM", ENOMEM}, {"EDQUOT", EDQUOT}, {"ENOLCK", ENOLCK}};

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(how, table[i].name))
            return table[i].value;
    fprintf(stderr, "QUERN_FAULTY: no failure %s\n", how);
    _exit(99);
}

static void
shrink(const char *path)
{
    struct stat st;

    if (!stat(path, &st) && truncate(path, st.st_size / 2) < 0)
        perror(path);
}

static void
vanish(const char *path, const char *part)
{
    const char *at = strstr(path, part);
    char folder[4096], away[4200];

    if (!at)
        return;
    snprintf(folder, sizeof folder, "%.*s",
             (int)(at - path + (long)strcspn(at, "/")), path);
    snprintf(away, sizeof away, "%s.away", folder);
    renameat(AT_FDCWD, folder, AT_FDCWD, away);
}

/* Is this call to fail?  Then errno says how. */
static int
fails(const char *call, const char *path)
{
    for (int i = 0; i < nconditions; i++) {
        struct condition *c = &condition[i];
        long n;

        if (strcmp(c->call, call) || (*c->part && !strstr(path, c->part)))
            continue;
        n = ++c->seen;
        if (n < c->first || (c->times && n >= c->first + c->times))
            continue;
        if (!strcmp(c->how, "shrink")) {
            shrink(path);
        } else if (!strcmp(c->how, "vanish")) {
            vanish(path, c->part);
        } else if (!strcmp(c->how, "crash")) {
            raise(SIGSEGV);
        } else if (!strcmp(c->how, "hang")) {
            for (;;)
                pause();
        } else {
            errno = number(c->how);
            return 1;
        }
    }
    return 0;
}

static int
fails_on(const char *call, int fd)
{
    char link[64], path[4096] = "";
    ssize_t n;

    if (!nconditions)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = '\0';
    return fails(call, path);
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

#define ON_PATH(name, type, params, path, args)                              \
    type name params { return fails(#name, path) ? (type)-1 : REAL(name) args; }
#define ON_FILE(name, type, params, fd, args)                                \
    type name params { return fails_on(#name, fd) ? (type)-1 : REAL(name) args; }

static mode_t
mode_of(int flags, va_list list)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

#define OPEN(name)                                                           \
    int name(const char *path, int flags, ...)                               \
    {                                                                        \
        va_list list;                                                        \
        va_start(list, flags);                                               \
        mode_t mode = mode_of(flags, list);                                  \
        va_end(list);                                                        \
        return fails("open", path) ? -1 : REAL(name)(path, flags, mode);     \
    }
OPEN(open)
OPEN(open64)

int
openat(int folder, const char *path, int flags, ...)
{
    va_list list;

    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return fails("openat", path) ? -1
                                 : REAL(openat)(folder, path, flags, mode);
}

FILE *
fopen(const char *path, const char *mode)
{
    return fails("open", path) ? NULL : REAL(fopen)(path, mode);
}

/* What cfitsio reads with: nothing comes, and errno is set. */
size_t
fread(void *p, size_t size, size_t n, FILE *f)
{
    return fails_on("fread", fileno(f)) ? 0 : REAL(fread)(p, size, n, f);
}

ON_FILE(read, ssize_t, (int fd, void *p, size_t n), fd, (fd, p, n))
ON_FILE(pread, ssize_t, (int fd, void *p, size_t n, off_t at), fd, (fd, p, n, at))
ON_FILE(write, ssize_t, (int fd, const void *p, size_t n), fd, (fd, p, n))
ON_FILE(pwrite, ssize_t, (int fd, const void *p, size_t n, off_t at), fd, (fd, p, n, at))
ON_FILE(fsync, int, (int fd), fd, (fd))
ON_FILE(fdatasync, int, (int fd), fd, (fd))
ON_FILE(ftruncate, int, (int fd, off_t n), fd, (fd, n))
ON_FILE(flock, int, (int fd, int how), fd, (fd, how))
ON_FILE(fstat, int, (int fd, struct stat *st), fd, (fd, st))
ON_PATH(mkdir, int, (const char *path, mode_t mode), path, (path, mode))
ON_PATH(rename, int, (const char *from, const char *to), to, (from, to))
ON_PATH(unlink, int, (const char *path), path, (path))
ON_PATH(stat, int, (const char *path, struct stat *st), path, (path, st))
ON_PATH(memfd_create, int, (const char *name, unsigned flags), name, (name, flags))
ON_PATH(socketpair, int, (int a, int b, int c, int v[2]), "", (a, b, c, v))

/* It is done, and yet reports a failure, as a network file system may. */
int
close(int fd)
{
    int failed = fails_on("close", fd), cause = errno;
    int rc = REAL(close)(fd);

    if (failed)
        errno = cause;
    return failed ? -1 : rc;
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
    return fails_on("posix_fallocate", fd)
               ? errno
               : REAL(posix_fallocate)(fd, at, n);
}

void *
mmap(void *p, size_t n, int protection, int flags, int fd, off_t at)
{
    if (fd >= 0 && fails_on("mmap", fd))
        return MAP_FAILED;
    return REAL(mmap)(p, n, protection, flags, fd, at);
}

int
gethostname(char *name, size_t n)
{
    const char *host = getenv("QUERN_FAULTY_HOST");

    if (!host)
        return REAL(gethostname)(name, n);
    snprintf(name, n, "%s", host);
    return 0;
}
