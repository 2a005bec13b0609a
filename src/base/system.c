/* The operating system, as far as everybody needs it: whole files in, bytes
 * out, and the generator that decides which outcomes are made to fail.
 *
 * Faults are for tests.  Which outcome fails depends on the seed, the rank
 * and the number of outcomes before it, never on the clock, so that a run
 * that went wrong can be repeated.  Knows no formats; atomic files are io's.
 */
#include "base/system.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/text.h"

/* ---- faults ------------------------------------------------------------- */

static struct {
    pthread_once_t once;
    uint64_t every;         // 0: no faults
    _Atomic uint64_t state; // of the generator, never 0
} fault = {.once = PTHREAD_ONCE_INIT};

// Spreads neighbouring seeds and ranks apart.  Source: splitmix64, Vigna.
static uint64_t
scatter(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static void
read_fault(void)
{
    const char *text = getenv("QUERN_FAULT");
    const char *rank = getenv("QUERN_FAULT_RANK");
    unsigned long long seed, every;
    int end = 0;

    if (!text || !*text)
        return;
    if (sscanf(text, "seed=%llu,every=%llu%n", &seed, &every, &end) < 2 ||
        text[end]) {
        qn_message(QN_WARNING,
                   "QUERN_FAULT='%s' is not understood, nothing is made to "
                   "fail: write seed=7,every=200",
                   text);
        return;
    }
    uint64_t start = scatter(seed);
    if (rank)
        start = scatter(start ^ strtoull(rank, NULL, 10));
    atomic_store(&fault.state, start ? start : 1);
    fault.every = every;
}

// Source: Marsaglia 2003, xorshift64 (13, 7, 17), times an odd constant.
static uint64_t
draw(void)
{
    uint64_t now = atomic_load(&fault.state), next;

    do {
        next = now ^ (now << 13);
        next ^= next >> 7;
        next ^= next << 17;
    } while (!atomic_compare_exchange_weak(&fault.state, &now, next));
    return (next * 0x2545F4914F6CDD1Du) >> 16;
}

bool
qn_system_fault(void)
{
    pthread_once(&fault.once, read_fault);
    if (!fault.every || draw() % fault.every)
        return false;
    errno = EIO;
    return true;
}

/* ---- failures ----------------------------------------------------------- */

/* The file system that path is, or would be, on: asked by its folder, since
 * path itself may not be there. */
static void
say_room(char *text, size_t size, const char *path)
{
    const char *slash = strrchr(path, '/');
    int n = slash > path ? (int)(slash - path) : 1;
    struct statvfs fs;
    char folder[4096], room[32];

    snprintf(folder, sizeof folder, "%.*s", n, slash ? path : ".");
    if (statvfs(folder, &fs) < 0)
        return;
    qn_text_size(room, sizeof room,
                 (double)fs.f_bavail * (double)fs.f_frsize);
    snprintf(text, size, fs.f_files && !fs.f_favail
                             ? "; %s but not one file is free in %s"
                             : "; %s are free in %s",
             room, folder);
}

static const char *
what_to_do(int cause)
{
    switch (cause) {
    case ENOSPC:
        return "; make room or choose another folder, then run the same "
               "command again";
    case EDQUOT:
        return "; your quota is used up: make room or choose another folder, "
               "then run the same command again";
    case EROFS: return "; choose another folder";
    case EFBIG: return "; raise the limit of file sizes (ulimit -f)";
    case EMFILE:
    case ENFILE: return "; raise the limit of open files (ulimit -n)";
    case ESTALE:
        return "; its file server forgot it: run the same command again";
    default: return "";
    }
}

int
qn_system_cannot(struct qn_error *err, const char *what, const char *path,
                 int cause)
{
    char room[4096 + 80] = "";

    if (cause == ENOSPC)
        say_room(room, sizeof room, path);
    return qn_fail(err, QN_EIO, "cannot %s %s: %s%s%s", what, path,
                   strerror(cause), room, what_to_do(cause));
}

/* ---- whole files -------------------------------------------------------- */

static int
cannot(struct qn_error *err, const char *what, const char *path)
{
    return qn_system_cannot(err, what, path, errno);
}

// Pieces, since one read moves at most 2 GiB, and only the end of the file
// says how long it is: /proc and pipes give no size beforehand.
static int
read_all(char **data, size_t *len, int fd, const char *path,
         struct qn_error *err)
{
    size_t cap = 0, have = 0;
    struct stat st;

    if (fstat(fd, &st) < 0 || qn_system_fault())
        return cannot(err, "read", path);
    size_t guess = st.st_size > 0 ? (size_t)st.st_size : 4096;
    QN_TRY(qn_memory_grow((void **)data, &cap, guess + 2, 1, err));
    for (;;) {
        QN_TRY(qn_memory_grow((void **)data, &cap, have + 2, 1, err));
        ssize_t n = read(fd, *data + have, cap - have - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || qn_system_fault())
            return cannot(err, "read", path);
        if (n == 0)
            break;
        have += (size_t)n;
    }
    (*data)[have] = '\0';
    *len = have;
    return 0;
}

int
qn_system_slurp(char **data, size_t *len, const char *path,
                struct qn_error *err)
{
    *data = NULL;
    *len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot(err, "read", path);
    int rc = read_all(data, len, fd, path, err);
    close(fd);
    if (rc) {
        free(*data);
        *data = NULL;
    }
    return rc;
}

int
qn_system_write(int fd, const void *data, size_t n, const char *path,
                struct qn_error *err)
{
    const char *at = data;

    while (n) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0) // no progress and no reason: do not try for ever
            errno = EIO;
        if (done <= 0)
            return cannot(err, "write", path);
        at += done;
        n -= (size_t)done;
    }
    if (qn_system_fault())
        return cannot(err, "write", path);
    return 0;
}
