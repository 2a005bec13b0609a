/* Shared memory with a growing end. */
#include "engine/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/system.h"

int
qn_arena_open(struct qn_arena *a, const char *scratch, struct qn_error *err)
{
    *a = (struct qn_arena){.fd = -1, .disk = scratch != NULL};
    if (!scratch)
        a->fd = memfd_create("quern-arena", MFD_CLOEXEC);
    else
        a->fd = open(scratch, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (a->fd < 0)
        return qn_system_cannot(err, "open a file for scratch in",
                                scratch ? scratch : "memory", errno);
    return 0;
}

/* Space on a disk is taken now, so that a full one is a sentence and not a
 * signal in the middle of a write.  Memory is taken when it is touched. */
static int
grow(struct qn_arena *a, int64_t size, struct qn_error *err)
{
    int rc = 0;

    if (a->disk)
        rc = posix_fallocate(a->fd, a->size, size - a->size);
    else if (ftruncate(a->fd, size) < 0)
        rc = errno;
    // the limit is one of all files, these in memory included
    if (rc == EFBIG)
        return qn_system_cannot(err, "make", "scratch space", rc);
    if (rc)
        return qn_fail(err, rc == ENOMEM ? QN_ENOMEM : QN_EIO,
                       "%lld bytes of scratch space: %s; free some space or "
                       "lower what is kept at a time with `memory:`",
                       (long long)size, strerror(rc));
    a->size = size;
    return 0;
}

int
qn_arena_place(struct qn_arena *a, int64_t bytes, int64_t *offset,
               struct qn_error *err)
{
    int64_t at = a->used, end = at + bytes;

    if (end > a->size)
        QN_TRY(grow(a, a->disk || end > 2 * a->size ? end : 2 * a->size,
                    err));
    a->used = (end + 63) & ~(int64_t)63;
    *offset = at;
    return 0;
}

int
qn_arena_at(struct qn_arena *a, int64_t offset, int64_t bytes, void **p,
            struct qn_error *err)
{
    if (offset + bytes > a->mapped) {
        void *m;

        if (a->data)
            munmap(a->data, (size_t)a->mapped);
        a->data = NULL;
        m = mmap(NULL, (size_t)a->size, PROT_READ | PROT_WRITE, MAP_SHARED,
                 a->fd, 0);
        if (m == MAP_FAILED)
            return qn_fail(err, QN_ENOMEM, "%lld bytes cannot be mapped: %s",
                           (long long)a->size, strerror(errno));
        a->data = m;
        a->mapped = a->size;
    }
    *p = a->data + offset;
    return 0;
}

void
qn_arena_close(struct qn_arena *a)
{
    if (a->data)
        munmap(a->data, (size_t)a->mapped);
    if (a->fd >= 0)
        close(a->fd);
    *a = (struct qn_arena){.fd = -1};
}
