/* Memory that the ranks of a node see at one address.
 *
 * What is large and the same for all ranks, a plan of a million items, is
 * made by one rank of each node, the one that leads, in memory that the
 * others read: pointers in it lead to the same things on all of them.  Where
 * a node has but one rank, or gives no such memory, every rank leads, and
 * takes its own from malloc.
 *
 *     qn_commons_open(&g, comm, err);                       collective
 *     struct qn_pool pool = {.source = qn_commons_source(&g)};
 *     if (g.leads)
 *         rc = ... take from the pool, write ...
 *     rc = qn_commons_tell(&g, comm, &head, sizeof head, rc, err);  collective
 *     ... head leads into the memory, on every rank ...
 *     qn_commons_close(&g);
 *
 * A rank that does not lead must not write there: it is read only for it. */
#ifndef QN_COMM_COMMONS_H
#define QN_COMM_COMMONS_H

#include "base/pool.h"
#include "comm/comm.h"

struct qn_commons {
    struct qn_pool_source source; /* internal: see qn_commons_source       */
    bool leads;  /* this rank writes                                       */
    bool shared; /* the ranks of a node have one memory, on all nodes; else
                    every rank leads                                       */
    char *base;   /* owned: the mapping; NULL if not shared                */
    size_t size;  /* of addresses                                          */
    size_t used, backed; /* bytes: taken, and of memory behind             */
    int fd;       /* owned, on the rank that leads; -1                     */
};

/* Collective.  Fails only where MPI does: without memory to share every rank
 * leads. */
int
qn_commons_open(struct qn_commons *g, struct qn_comm *comm, struct qn_error *err);

/* Local.  Where pools of this rank take their blocks; NULL: malloc.  The
 * struct must not move meanwhile. */
struct qn_pool_source *
qn_commons_source(struct qn_commons *g);

/* Collective.  Agree on rc, then n bytes of the rank that leads each node to
 * the others of it.  What it wrote before is seen after. */
int
qn_commons_tell(
    struct qn_commons *g, struct qn_comm *comm, void *data, size_t n, int rc,
    struct qn_error *err);

/* Local, once nothing leads into it any more.  Safe on a zero struct. */
void
qn_commons_close(struct qn_commons *g);

#endif
