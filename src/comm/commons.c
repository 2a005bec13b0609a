/* One memory at one address: see commons.h.
 *
 * Address spaces are large and mostly empty: the ranks of a node try the same
 * few places until one is free in all of them.  The file behind grows as its
 * memory is taken, so addresses alone are reserved.  What is kept there is
 * not known here. */
#include "comm/commons.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/system.h"
#include "comm/comm_mpi.h"
#include "comm/share_file.h"

/* Places far from where programs, libraries and stacks are: for 47 bits of
 * addresses, then for 42 and 39. */
static const uintptr_t places[] = {
    UINT64_C(0x200000000000), UINT64_C(0x300000000000),
    UINT64_C(0x100000000000), UINT64_C(0x010000000000),
    UINT64_C(0x002000000000),
};

enum { PLACES = sizeof places / sizeof *places };

/* Memory is put behind the addresses in steps, at least this. */
enum { STEP = 1 << 20 };

/* Addresses: as many bytes as the machine has memory, for more cannot be
 * taken, and at most 64 GiB. */
static size_t
commons_size(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE),
           bytes = (size_t)sysconf(_SC_PHYS_PAGES) * page,
           most = (size_t)64 << 30;

    return bytes < most ? bytes : most;
}

/* What the ranks of a node must know of it. */
struct offer {
    struct qn_share_place place;
    size_t size;
};

/* ---- taking ------------------------------------------------------------- */

/* Reserved now: later a lack of memory would be a signal, not an error. */
static int
back(struct qn_commons *g, size_t need, struct qn_error *err)
{
    size_t step = g->backed / 16;

    step = (step / STEP + 1) * STEP;
    while (g->backed + step < need)
        step += STEP;
    if (g->backed + step > g->size)
        return qn_fail(err, QN_ENOMEM,
                       "no memory for a plan of more than %zu bytes; split "
                       "the job",
                       g->size);
    errno = posix_fallocate(g->fd, (off_t)g->backed, (off_t)step);
    QN_TRY(QN_SYS(err, QN_SHARE_WHERE, errno ? -1 : 0));
    g->backed += step;
    return 0;
}

static int
take(struct qn_pool_source *source, void **p, size_t n, struct qn_error *err)
{
    struct qn_commons *g = (struct qn_commons *)source; // its first member

    *p = NULL;
    if (n > g->size)
        n = g->size; // too much: back() says so
    n = (n + 15) / 16 * 16;
    if (g->used + n > g->backed)
        QN_TRY(back(g, g->used + n, err));
    *p = g->base + g->used;
    g->used += n;
    return 0;
}

struct qn_pool_source *
qn_commons_source(struct qn_commons *g)
{
    return g->shared && g->leads ? &g->source : NULL;
}

/* ---- opening ------------------------------------------------------------ */

/* Is the file to be had at that place? */
static int
map_at(struct qn_commons *g, uintptr_t place, struct qn_error *err)
{
    int protection = g->leads ? PROT_READ | PROT_WRITE : PROT_READ;
    void *want = (void *)place;
    void *p = mmap(want, g->size, protection,
                   MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, g->fd, 0);

    QN_TRY(QN_SYS(err, QN_SHARE_WHERE, p == MAP_FAILED ? -1 : 0));
    if (p != want) { // an old kernel takes it for a hint
        munmap(p, g->size);
        return qn_fail(err, QN_EIO, "%s: has no common address",
                       QN_SHARE_WHERE);
    }
    g->base = p;
    return 0;
}

static void
unmap(struct qn_commons *g)
{
    if (g->base)
        munmap(g->base, g->size);
    g->base = NULL;
}

/* Collective.  All of a node have the file open, or *missing is why not. */
static int
find_file(struct qn_commons *g, struct qn_comm *c, int *missing,
          struct qn_error *err)
{
    struct offer offer = {.size = commons_size()};
    struct qn_error why = {0};
    int rc;

    *missing = 0;
    if (g->leads)
        *missing = qn_share_file_make(&g->fd, &offer.place, &why);
    rc = qn_comm_mpi_spread(c->mpi, c->mpi->node, &offer, sizeof offer, 0,
                            err);
    rc = qn_comm_agree(c, rc, err);
    if (!rc && !g->leads)
        *missing = qn_share_file_open(&g->fd, &offer.place, false, &why);
    g->size = offer.size;
    return rc;
}

/* Collective.  g->shared: all ranks see it at one address. */
static int
open_shared(struct qn_commons *g, struct qn_comm *c, struct qn_error *err)
{
    int missing;

    QN_TRY(find_file(g, c, &missing, err));
    missing = qn_comm_agree(c, missing, NULL);
    for (int i = 0; i < PLACES && !missing && !g->shared; i++) {
        g->shared = !qn_comm_agree(c, map_at(g, places[i], NULL), NULL);
        if (!g->shared)
            unmap(g);
    }
    if (g->fd >= 0 && !(g->shared && g->leads)) {
        close(g->fd);
        g->fd = -1;
    }
    return 0;
}

int
qn_commons_open(struct qn_commons *g, struct qn_comm *comm,
               struct qn_error *err)
{
    int rc = 0;

    *g = (struct qn_commons){.source.more = take, .fd = -1,
                            .leads = comm->node_rank == 0};
    if (comm->nodes < comm->size)
        rc = open_shared(g, comm, err);
    if (!g->shared)
        g->leads = true;
    return rc;
}

int
qn_commons_tell(struct qn_commons *g, struct qn_comm *comm, void *data,
               size_t n, int rc, struct qn_error *err)
{
    rc = qn_comm_agree(comm, rc, err);
    if (rc || !g->shared)
        return rc;
    rc = qn_comm_mpi_spread(comm->mpi, comm->mpi->node, data, n, 0, err);
    return qn_comm_agree(comm, rc, err);
}

void
qn_commons_close(struct qn_commons *g)
{
    unmap(g);
    if (g->fd > 0)
        close(g->fd);
    *g = (struct qn_commons){.fd = -1};
}
