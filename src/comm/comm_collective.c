/* What all ranks do together: agree, broadcast, gather, barrier.
 *
 * Each ends in qn_comm_agree, so that all ranks return the same.  Between two
 * agreements a rank makes all its calls, whatever failed, so that ranks stay
 * matched.  Does not know who the ranks are or what the bytes mean.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "comm/comm_mpi.h"

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "sizes travel as uint64");

/* What a code means, for a failure that came without a sentence. */
static const char *
meaning(int code)
{
#define MEANING(name, number, sentence)                                        \
    case name: return sentence;
    switch (code) {
        QN_ERRORS(MEANING)
    }
#undef MEANING
    return "it failed";
}

/* Finish a call without which nothing can be agreed.  No failure is injected
 * here: nobody could be told of it. */
static int
finish(struct qn_comm_mpi *m, int code, MPI_Request *req, const char *call,
       struct qn_error *err)
{
    if (code == MPI_SUCCESS)
        return qn_comm_mpi_wait(m, req, 0, err);
    return qn_comm_mpi_vital(m, code, call, err);
}

/* The lowest rank that failed, or size. */
static int
find_first(struct qn_comm *c, bool failed, int *first, struct qn_error *err)
{
    MPI_Request req = MPI_REQUEST_NULL;
    int mine = failed ? c->rank : c->size;
    int code =
        MPI_Iallreduce(&mine, first, 1, MPI_INT, MPI_MIN, c->mpi->world, &req);

    return finish(c->mpi, code, &req, "MPI_Iallreduce", err);
}

/* The error of rank first to all. */
static int
spread_error(struct qn_comm *c, struct qn_error *told, int first,
             struct qn_error *err)
{
    MPI_Request req = MPI_REQUEST_NULL;
    int code = MPI_Ibcast(told, (int)sizeof *told, MPI_BYTE, first,
                          c->mpi->world, &req);

    return finish(c->mpi, code, &req, "MPI_Ibcast", err);
}

/* What has failed on a host other than rank 0's may be right on that one. */
static void
name_host(const struct qn_comm *c, struct qn_error *told)
{
    char host[128] = "";

    if (c->nodes < 2 || c->node == 0 ||
        (told->code != QN_EIO && told->code != QN_ENOMEM) ||
        !strncmp(told->text, "host ", 5))
        return;
    gethostname(host, sizeof host - 1);
    qn_wrap(told, "host %s", host);
}

int
qn_comm_agree(struct qn_comm *c, int rc, struct qn_error *err)
{
    struct qn_error told = {0};
    int first;

    if (!c->mpi)
        return rc;
    if (c->mpi->broken)
        return rc ? rc : qn_comm_mpi_broken(c->mpi, err);
    // An injected failure comes before, so that it can be agreed on.
    if (!rc)
        rc = qn_comm_mpi_check(MPI_SUCCESS, "MPI_Iallreduce", &told);
    else if (err && err->code)
        told = *err;
    else
        qn_fail(&told, rc, "rank %d: %s", c->rank, meaning(rc));
    told.code = rc;
    name_host(c, &told);
    QN_TRY(find_first(c, rc != 0, &first, err));
    if (first == c->size)
        return 0;
    QN_TRY(spread_error(c, &told, first, err));
    if (err)
        *err = told;
    return told.code;
}

int
qn_comm_barrier(struct qn_comm *c, struct qn_error *err)
{
    // No rank knows the result before every rank has come.
    return qn_comm_agree(c, 0, err);
}

int
qn_comm_sum(struct qn_comm *c, int64_t *v, size_t n, struct qn_error *err)
{
    MPI_Request req = MPI_REQUEST_NULL;
    int rc;

    if (!c->mpi)
        return 0;
    rc = QN_MPI_VITAL(c->mpi, err,
                      MPI_Iallreduce(MPI_IN_PLACE, v, (int)n, MPI_INT64_T,
                                     MPI_SUM, c->mpi->world, &req));
    rc = qn_comm_mpi_wait(c->mpi, &req, rc, err);
    return qn_comm_agree(c, rc, err);
}

/* One more byte than asked for, zero: texts can be used as they are. */
static int
make_room(void **p, size_t n, const char *what, struct qn_error *err)
{
    if (n == SIZE_MAX)
        return qn_fail(err, QN_ENOMEM, "%s: no room for %zu bytes", what, n);
    return qn_memory_make(p, n + 1, 1, what, err);
}

int
qn_comm_broadcast(struct qn_comm *c, void **data, size_t *n, int root,
                  struct qn_error *err)
{
    struct qn_comm_mpi *m = c->mpi;
    void *room = NULL;
    int rc;

    if (!m)
        return 0;
    if (c->rank != root)
        *n = 0;
    rc = qn_comm_mpi_spread(m, m->world, n, sizeof *n, root, err);
    if (!rc && c->rank != root)
        rc = make_room(&room, *n, "broadcast", err);
    rc = qn_comm_agree(c, rc, err);
    if (!rc) {
        rc = qn_comm_mpi_spread(m, m->world, c->rank == root ? *data : room, *n,
                                root, err);
        rc = qn_comm_agree(c, rc, err);
    }
    if (rc) {
        free(room);
        room = NULL;
    }
    if (c->rank != root) {
        *data = room;
        *n = rc ? 0 : *n;
    }
    return rc;
}

/* ---- gather -------------------------------------------------------------- */

/* Sizes of all, and their sum: 0 where that is more than there can be. */
static int
gather_sizes(struct qn_comm *c, size_t n, size_t *sizes, size_t *total,
             struct qn_error *err)
{
    MPI_Request req = MPI_REQUEST_NULL;
    int rc;

    rc = QN_MPI_VITAL(c->mpi, err,
                      MPI_Iallgather(&n, 1, MPI_UINT64_T, sizes, 1,
                                     MPI_UINT64_T, c->mpi->world, &req));
    rc = qn_comm_mpi_wait(c->mpi, &req, rc, err);
    *total = 0;
    for (int r = 0; !rc && r < c->size; r++)
        if (__builtin_add_overflow(*total, sizes[r], total))
            rc = qn_fail(err, QN_ENOMEM,
                         "gather: the ranks' bytes together "
                         "are more than memory can have");
    return rc;
}

/* All in one call: the sum is at most a piece. */
static int
gather_small(struct qn_comm *c, const void *mine, const size_t *sizes,
             int *counts /* [2 * size], scratch */, char *all,
             struct qn_error *err)
{
    MPI_Request req = MPI_REQUEST_NULL;
    int *starts = counts + c->size;
    int start = 0;
    int rc;

    for (int r = 0; r < c->size; r++) {
        counts[r] = (int)sizes[r];
        starts[r] = start;
        start += counts[r];
    }
    rc = QN_MPI_VITAL(c->mpi, err,
                      MPI_Iallgatherv(mine, counts[c->rank], MPI_BYTE, all,
                                      counts, starts, MPI_BYTE, c->mpi->world,
                                      &req));
    return qn_comm_mpi_wait(c->mpi, &req, rc, err);
}

/* Rank after rank, in pieces. */
static int
gather_large(struct qn_comm *c, const void *mine, const size_t *sizes,
             char *all, struct qn_error *err)
{
    int rc = 0;

    for (int r = 0; r < c->size; r++) {
        int now;

        if (r == c->rank && sizes[r])
            memcpy(all, mine, sizes[r]);
        now = qn_comm_mpi_spread(c->mpi, c->mpi->world, all, sizes[r], r,
                                 rc ? NULL : err);
        rc = rc ? rc : now;
        all += sizes[r];
    }
    return rc;
}

/* A communicator of one: a copy. */
static int
gather_alone(const void *mine, size_t n, void **all, size_t *sizes,
             struct qn_error *err)
{
    QN_TRY(make_room(all, n, "gather", err));
    if (n)
        memcpy(*all, mine, n);
    sizes[0] = n;
    return 0;
}

int
qn_comm_gather(struct qn_comm *c, const void *mine, size_t n, void **all,
               size_t *sizes, struct qn_error *err)
{
    void *counts = NULL;
    size_t total;
    int rc;

    *all = NULL;
    if (!c->mpi)
        return gather_alone(mine, n, all, sizes, err);
    memset(sizes, 0, (size_t)c->size * sizeof *sizes);
    rc = gather_sizes(c, n, sizes, &total, err);
    if (!rc)
        rc = make_room(all, total, "gather", err);
    if (!rc)
        rc = qn_memory_make(&counts, (size_t)c->size, 2 * sizeof(int), "gather",
                            err);
    if ((rc = qn_comm_agree(c, rc, err)))
        goto out;
    rc = total <= c->mpi->piece
             ? gather_small(c, mine, sizes, counts, *all, err)
             : gather_large(c, mine, sizes, *all, err);
    rc = qn_comm_agree(c, rc, err);
out:
    free(counts);
    if (rc) {
        free(*all);
        *all = NULL;
    }
    return rc;
}

int
qn_comm_gather_each(struct qn_comm *c, const void *mine, size_t n, void **all,
                    struct qn_error *err)
{
    size_t *sizes = NULL;
    int rc = qn_memory_make((void **)&sizes, (size_t)c->size, sizeof *sizes,
                            "sizes", err);

    *all = NULL;
    rc = qn_comm_agree(c, rc, err);
    if (!rc)
        rc = qn_comm_gather(c, mine, n, all, sizes, err);
    free(sizes);
    return rc;
}
