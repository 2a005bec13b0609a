/* Failing calls: see wrap.h.  What a call fails with is what it would fail with
 * in a bad world: ENOMEM, ENOSPC, EMFILE, EIO. */
#include "wrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* name, errno */
#define KINDS(X)                                                             \
    X(malloc, ENOMEM) X(calloc, ENOMEM) X(realloc, ENOMEM)                   \
    X(strdup, ENOMEM) X(strndup, ENOMEM) X(aligned_alloc, ENOMEM)            \
    X(asprintf, ENOMEM) X(vasprintf, ENOMEM) X(open, EMFILE)                 \
    X(openat, EMFILE) X(fopen, EMFILE) X(fdopendir, ENOMEM)                  \
    X(readdir, EIO) X(read, EIO) X(pread, ESTALE) X(write, ENOSPC)           \
    X(pwrite, ENOSPC) X(fsync, EIO) X(fdatasync, EIO) X(ftruncate, ENOSPC)   \
    X(posix_fallocate, ENOSPC) X(rename, EACCES) X(mkdir, EROFS)             \
    X(close, EDQUOT) X(fstat, ESTALE) X(stat, EIO) X(lstat, EIO)             \
    X(fstatat, EIO) X(mmap, ENOMEM) X(memfd_create, EMFILE)                  \
    X(socketpair, EMFILE) X(sendmsg, EPIPE) X(recvmsg, ECONNABORTED)         \
    X(realpath, EACCES) X(getcwd, ENOENT)

#define KIND(name, cause) KIND_##name,
enum kind { KINDS(KIND) NKINDS };
#undef KIND

#define KIND(name, cause) {#name, cause},
static const struct {
    const char *name;
    int cause;
} kind[NKINDS] = {KINDS(KIND)};
#undef KIND

static struct {
    bool on;         // calls are counted
    int kind, first; // that call of that kind fails
    int seen;
    bool failed;
    uint64_t note;
} wrap;

static bool
fails(int which)
{
    if (!wrap.on || wrap.kind != which || ++wrap.seen != wrap.first)
        return false;
    wrap.failed = true;
    errno = kind[which].cause;
    return true;
}

#define WRAP(type, bad, name, params, args)                                  \
    type __real_##name params;                                               \
    type __wrap_##name params;                                               \
    type __wrap_##name params                                                \
    {                                                                        \
        return fails(KIND_##name) ? (bad) : __real_##name args;              \
    }

WRAP(void *, NULL, malloc, (size_t n), (n))
WRAP(void *, NULL, calloc, (size_t n, size_t m), (n, m))
WRAP(void *, NULL, realloc, (void *p, size_t n), (p, n))
WRAP(char *, NULL, strdup, (const char *s), (s))
WRAP(char *, NULL, strndup, (const char *s, size_t n), (s, n))
WRAP(void *, NULL, aligned_alloc, (size_t a, size_t n), (a, n))
WRAP(int, -1, vasprintf, (char **p, const char *f, va_list v), (p, f, v))
WRAP(FILE *, NULL, fopen, (const char *path, const char *how), (path, how))
WRAP(DIR *, NULL, fdopendir, (int fd), (fd))
WRAP(struct dirent *, NULL, readdir, (DIR *d), (d))
WRAP(ssize_t, -1, read, (int fd, void *p, size_t n), (fd, p, n))
WRAP(ssize_t, -1, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(ssize_t, -1, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(ssize_t, -1, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(int, -1, fsync, (int fd), (fd))
WRAP(int, -1, fdatasync, (int fd), (fd))
WRAP(int, -1, ftruncate, (int fd, off_t n), (fd, n))
WRAP(int, errno, posix_fallocate, (int fd, off_t at, off_t n), (fd, at, n))
WRAP(int, -1, rename, (const char *a, const char *b), (a, b))
WRAP(int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(int, -1, fstat, (int fd, struct stat *st), (fd, st))
WRAP(int, -1, stat, (const char *path, struct stat *st), (path, st))
WRAP(int, -1, lstat, (const char *path, struct stat *st), (path, st))
WRAP(int, -1, fstatat, (int fd, const char *path, struct stat *st, int how), (fd, path, st, how))
WRAP(void *, MAP_FAILED, mmap, (void *p, size_t n, int how, int flags, int fd, off_t at),
     (p, n, how, flags, fd, at))
WRAP(int, -1, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAP(int, -1, socketpair, (int a, int b, int c, int v[2]), (a, b, c, v))
WRAP(ssize_t, -1, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(ssize_t, -1, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
WRAP(char *, NULL, realpath, (const char *path, char *to), (path, to))
WRAP(char *, NULL, getcwd, (char *p, size_t n), (p, n))

int __real_close(int fd);
int __wrap_close(int fd);

/* It is closed all the same. */
int
__wrap_close(int fd)
{
    int rc = __real_close(fd);

    return fails(KIND_close) ? -1 : rc;
}

int __wrap_asprintf(char **p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int
__wrap_asprintf(char **p, const char *format, ...)
{
    va_list list;
    int n;

    if (fails(KIND_asprintf))
        return -1;
    va_start(list, format);
    n = __real_vasprintf(p, format, list);
    va_end(list);
    return n;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, mode_t mode);

int
__wrap_open(const char *path, int flags, mode_t mode)
{
    return fails(KIND_open) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, mode_t mode);

int
__wrap_openat(int folder, const char *path, int flags, mode_t mode)
{
    return fails(KIND_openat) ? -1 : __real_openat(folder, path, flags, mode);
}

/* ---- what a scenario left ------------------------------------------------ */

static uint64_t
mix(uint64_t h, const void *data, size_t n)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001B3u;
    return h;
}

void
wrap_note(const void *data, size_t n)
{
    wrap.note = mix(wrap.note, data, n);
}

static uint64_t digest;
static bool tidy;

/* The sum of all, so that the order of names does not count. */
static int
add_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    const char *name = path + ftw->base;
    size_t n = strlen(name);
    uint64_t h = mix(1469598103934665603u, path, strlen(path));
    char bytes[4096];
    FILE *f;

    (void)st;
    if (name[0] == '.' && n > 4 && !strcmp(name + n - 4, ".tmp"))
        tidy = false;
    if (type == FTW_F && (f = fopen(path, "rb"))) {
        while ((n = fread(bytes, 1, sizeof bytes, f)))
            h = mix(h, bytes, n);
        fclose(f);
    }
    digest += h;
    return 0;
}

static uint64_t
look_around(void)
{
    digest = wrap.note;
    tidy = true;
    nftw(".", add_file, 16, FTW_PHYS);
    return digest;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    return ftw->level ? remove(path) : 0;
}

static int
count_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* ---- running -------------------------------------------------------------- */

static int
run_once(const struct scenario *s, struct qn_error *err)
{
    int rc;

    wrap.note = 0;
    wrap.seen = 0;
    wrap.failed = false;
    *err = (struct qn_error){0};
    wrap.on = true;
    rc = s->run(err);
    wrap.on = false;
    return rc;
}

static void
start_afresh(const struct scenario *s)
{
    nftw(".", remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (s->prepare)
        s->prepare();
}

/* The n-th call of a kind; false: there is none. */
static bool
disturb(const struct scenario *s, int which, int n, uint64_t whole)
{
    struct qn_error err;
    int before = count_descriptors(), rc;

    start_afresh(s);
    wrap.kind = which;
    wrap.first = n;
    rc = run_once(s, &err);
    if (!wrap.failed)
        return false;
#define CHECK(good, ...)                                                     \
    if (!(good))                                                             \
    fail_msg("%s: %s number %d: " __VA_ARGS__)
    CHECK(!rc || (err.code == rc && err.text[0]), "code %d but '%s' (%d)",
          s->name, kind[which].name, n, rc, err.text, err.code);
    CHECK(count_descriptors() == before, "%d descriptors are left", s->name,
          kind[which].name, n, count_descriptors() - before);
    CHECK(rc || look_around() == whole, "it says 0 but the bytes differ",
          s->name, kind[which].name, n);
    look_around();
    // where memory is short a name may be short too: then the next one tidies
    CHECK(tidy || kind[which].cause == ENOMEM, "a temporary is left", s->name,
          kind[which].name, n);
    wrap.first = 0;
    rc = run_once(s, &err);
    CHECK(!rc, "the next fails: %s", s->name, kind[which].name, n, err.text);
    CHECK(look_around() == whole, "the next gives other bytes", s->name,
          kind[which].name, n);
    return true;
}

static void
disturb_all(void **state)
{
    const struct scenario *s = *state;
    struct qn_error err;
    uint64_t whole;
    int total = 0;

    start_afresh(s);
    wrap.first = 0;
    if (run_once(s, &err))
        fail_msg("%s: %s", s->name, err.text);
    whole = look_around();
    assert_true(tidy);
    for (int which = 0; which < NKINDS; which++)
        for (int n = 1; disturb(s, which, n, whole); n++)
            total++;
    print_message("%s: %d calls\n", s->name, total);
    assert_true(total > 0);
}

int
wrap_main(const struct scenario *rows, size_t n)
{
    struct CMUnitTest *tests = calloc(n, sizeof *tests);
    char folder[] = "/tmp/quern-fault-XXXXXX";
    int rc;

    if (!tests || !mkdtemp(folder) || chdir(folder) < 0)
        return 1;
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = disturb_all,
                                       .initial_state = (void *)(uintptr_t)&rows[i]};
    rc = _cmocka_run_group_tests("faults", tests, n, NULL, NULL);
    free(tests);
    nftw(".", remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (chdir("/") < 0 || rmdir(folder) < 0)
        return 1;
    return rc;
}
