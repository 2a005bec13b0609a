/* Halo exchange: every block of a cut gets what it needs of its neighbours.
 *
 * Memory holds the block grown by the radius (qn_grid_grow), row-major; the
 * rank has filled its own block.  An exchange fills the rest, corners
 * included, along periodic axes from around the edge.  Beyond an edge that is
 * not periodic there is nothing: what is there is the kernel's matter.
 *
 *     qn_exchange_open(&h, comm, &what, memory);    collective
 *     qn_exchange_start(h);                         messages leave
 *     ... work on samples that need no halo, now and then qn_exchange_test ...
 *     qn_exchange_wait(h);                          halos are there
 *     qn_exchange_close(&h);                        collective
 *
 * Messages and their descriptions are made once: an exchange allocates
 * nothing.  The block's own samples may not change between start and wait.
 */
#ifndef QN_COMM_EXCHANGE_H
#define QN_COMM_EXCHANGE_H

#include "comm/comm.h"
#include "model/grid.h"

struct qn_exchange;

struct qn_exchange_grid {
    const struct qn_cut *cut;    /* borrowed; block i is that of rank i      */
    size_t sample;               /* bytes                                    */
    int64_t radius[QN_MAX_DIMS]; /* samples on each side, as given to the cut;
                                    at most the grid's length where periodic */
    bool periodic[QN_MAX_DIMS];
};

/* Collective.  memory is borrowed: the grown block of this rank; not looked at
 * on ranks without a block.  Agreed: *h is NULL on all or on none. */
int
qn_exchange_open(
    struct qn_exchange **h, struct qn_comm *comm, const struct qn_exchange_grid *grid,
    void *memory, struct qn_error *err);

/* Local.  Begin an exchange. */
int
qn_exchange_start(struct qn_exchange *h, struct qn_error *err);

/* Local.  Drive the exchange on; *done: all halos are there. */
int
qn_exchange_test(struct qn_exchange *h, bool *done, struct qn_error *err);

/* Local.  Wait for the halos, asleep. */
int
qn_exchange_wait(struct qn_exchange *h, struct qn_error *err);

/* Local.  Seconds spent in qn_exchange_wait so far, and bytes received. */
double
qn_exchange_waited(const struct qn_exchange *h);
int64_t
qn_exchange_bytes(const struct qn_exchange *h);

/* Collective, with no exchange under way.  Safe on NULL. */
void
qn_exchange_close(struct qn_exchange **h);

#endif
