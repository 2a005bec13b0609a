/* One copy a node, in memory without a name.
 *
 * The ranks that lead their nodes receive the bytes from rank 0 into a memfd;
 * the others open it through /proc.  Not a window of MPI's: where its folder
 * is too small (64 MB in many containers) Open MPI's call never returns, and
 * a killed run leaves files.  What the bytes mean is not known here.
 */
#include "comm/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "comm/comm_mpi.h"
#include "comm/share_file.h"

/* Map all of fd; the descriptor remains the caller's. */
static int
map(struct qn_share *s, int fd, int protection, struct qn_error *err)
{
    void *p = mmap(NULL, s->size + 1, protection, MAP_SHARED, fd, 0);

    QN_TRY(QN_SYS(err, QN_SHARE_WHERE, p == MAP_FAILED ? -1 : 0));
    s->data = p;
    s->shared = true;
    return 0;
}

/* The leader's part.  *fd is the caller's to close, -1 if there is none. */
static int
make(struct qn_share *s, int *fd, struct qn_share_place *place,
     struct qn_error *err)
{
    QN_TRY(qn_share_file_make(fd, place, err));
    // Reserved now: later a lack of memory would be a signal, not an error.
    errno = posix_fallocate(*fd, 0, (off_t)(s->size + 1));
    QN_TRY(QN_SYS(err, QN_SHARE_WHERE, errno ? -1 : 0));
    return map(s, *fd, PROT_READ | PROT_WRITE, err);
}

/* The others' part. */
static int
find(struct qn_share *s, const struct qn_share_place *place,
     struct qn_error *err)
{
    int fd, rc;

    QN_TRY(qn_share_file_open(&fd, place, false, err));
    rc = map(s, fd, PROT_READ, err);
    close(fd);
    return rc;
}

/* Collective.  The bytes into the memory of every node. */
static int
fill(struct qn_share *s, struct qn_comm *c, const void *data,
     struct qn_error *err)
{
    char *to = c->node_rank ? NULL : (char *)(uintptr_t)s->data;
    int rc = 0;

    if (c->rank == 0 && s->size)
        memcpy(to, data, s->size);
    if (to)
        rc = qn_comm_mpi_spread(c->mpi, c->mpi->leaders, to, s->size, 0, err);
    if (to)
        mprotect(to, s->size + 1, PROT_READ);
    return qn_comm_agree(c, rc, err);
}

/* Collective.  All of a node look at the leader's memory. */
static int
join(struct qn_share *s, struct qn_comm *c, struct qn_share_place *place,
     struct qn_error *err)
{
    int rc =
        qn_comm_mpi_spread(c->mpi, c->mpi->node, place, sizeof *place, 0, err);

    if (!rc && c->node_rank)
        rc = find(s, place, err);
    return qn_comm_agree(c, rc, err);
}

/* Collective.  Without shared memory nothing has failed yet: s->shared is
 * then false on every rank. */
static int
open_shared(struct qn_share *s, struct qn_comm *c, const void *data,
            struct qn_error *err)
{
    struct qn_error why = {0};
    struct qn_share_place place = {0};
    size_t n = s->size;
    int fd = -1;
    int rc = 0;
    int missing = c->node_rank ? 0 : make(s, &fd, &place, &why);

    missing = qn_comm_agree(c, missing, &why);
    if (!missing)
        rc = fill(s, c, data, err);
    if (!missing && !rc)
        missing = join(s, c, &place, &why);
    if (fd >= 0)
        close(fd);
    if (missing) {
        qn_share_close(s);
        s->size = n;
    }
    return rc;
}

/* Collective.  A copy for every rank. */
static int
open_private(struct qn_share *s, struct qn_comm *c, const void *data,
             struct qn_error *err)
{
    void *copy = NULL;
    int rc = 0;

    if (c->rank == 0) {
        rc = qn_memory_make(&copy, s->size + 1, 1, "shared bytes", err);
        if (!rc && s->size)
            memcpy(copy, data, s->size);
    }
    rc = qn_comm_agree(c, rc, err);
    if (!rc)
        rc = qn_comm_broadcast(c, &copy, &s->size, 0, err);
    s->data = copy;
    return rc;
}

int
qn_share_open(struct qn_share *s, struct qn_comm *comm, const void *data,
              size_t n, struct qn_error *err)
{
    int rc = 0;

    *s = (struct qn_share){.size = comm->rank ? 0 : n};
    if (comm->mpi)
        rc = qn_comm_mpi_spread(comm->mpi, comm->mpi->world, &s->size,
                                sizeof s->size, 0, err);
    if (!rc && s->size >= PTRDIFF_MAX)
        rc = qn_fail(err, QN_ENOMEM, "no room for %zu bytes", s->size);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc && comm->mpi)
        rc = open_shared(s, comm, data, err);
    if (!rc && !s->shared)
        rc = open_private(s, comm, data, err);
    if (rc)
        qn_share_close(s);
    return rc;
}

/* The same file for all of a node; -1 where one of them cannot have it. */
static int
spread_file(int *fd, struct qn_comm *c, int64_t size, struct qn_error *err)
{
    struct qn_share_place place = {0};
    int mine = -1, rc, missing = 0;

    if (!c->node_rank) {
        missing = qn_share_file_make(&mine, &place, NULL);
        missing = missing ? missing : ftruncate(mine, (off_t)size);
    }
    rc = c->mpi ? qn_comm_mpi_spread(c->mpi, c->mpi->node, &place,
                                     sizeof place, 0, err)
                : 0;
    if (!rc && c->node_rank)
        missing = qn_share_file_open(&mine, &place, true, NULL);
    // held until all have it
    rc = qn_comm_agree(c, rc, err);
    if (!rc)
        missing = qn_comm_agree(c, missing ? QN_EUNAVAILABLE : 0, NULL);
    if ((rc || missing) && mine >= 0) {
        close(mine);
        mine = -1;
    }
    *fd = mine;
    return rc;
}

int
qn_share_memory(int *fd, bool *shared, struct qn_comm *comm, int64_t size,
                struct qn_error *err)
{
    struct qn_share_place place;

    QN_TRY(spread_file(fd, comm, size, err));
    *shared = *fd >= 0;
    if (*shared || qn_share_file_make(fd, &place, NULL))
        return 0;
    if (ftruncate(*fd, (off_t)size) < 0) {
        close(*fd);
        *fd = -1;
    }
    return 0;
}

void
qn_share_close(struct qn_share *s)
{
    void *p = (void *)(uintptr_t)s->data;

    if (p && s->shared)
        munmap(p, s->size + 1);
    else
        free(p);
    memset(s, 0, sizeof *s);
}
