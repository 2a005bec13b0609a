/* Who talks: the ranks of a run, or a communicator of one that needs no MPI.
 *
 * The only folder that includes mpi.h.  Waiting ranks sleep: every collective
 * here is non-blocking inside, polled with growing naps (20 us to 1 ms).
 * Counts are 64 bits: what exceeds an MPI count travels in pieces.
 *
 * Collective functions end in the same result on every rank.  Only where MPI
 * itself fails in the middle of agreeing can a rank be left alone with
 * QN_EMPI: then every further collective fails at once on that rank, and
 * qn_comm_close leaves without MPI_Finalize, so that the launcher ends the
 * others and none waits for ever.
 */
#ifndef QN_COMM_COMM_H
#define QN_COMM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quern/error.h"

struct qn_comm {
    int rank, size;           /* in the run                               */
    int node, nodes;          /* of this rank; number of nodes            */
    int node_rank, node_size; /* among the ranks of this node             */
    struct qn_comm_mpi *mpi;  /* owned; NULL: one rank, no MPI            */
};

/* Does the environment look as if a launcher started this process, and how
 * many ranks does it promise?  Local; 0: no launcher. */
int
qn_comm_promised(void);

/* Collective over all processes of the launcher.  A communicator of one,
 * without MPI_Init, where there is no launcher or it promises one rank;
 * otherwise MPI_Init.  Refuses N accidental singletons (QN_EMPI, with the
 * launch line that works).  On failure c is closed; c->rank is then the
 * launcher's number of this copy (0 if unknown, or if it is alone with its
 * failure), so that only 0 need speak. */
int
qn_comm_open(struct qn_comm *c, struct qn_error *err);

/* Local.  Did MPI fail in a way of which the others cannot be told?  Such a
 * rank speaks for itself and must not end with 0. */
bool
qn_comm_alone(const struct qn_comm *c);

/* Collective.  MPI_Finalize.  Safe on a zero struct. */
void
qn_comm_close(struct qn_comm *c);

/* Collective over c.  The ranks that give the same color (from 0; negative:
 * none) become a communicator of their own, in the order of c: a team.  node
 * counts stay those of c.  part is zeroed where there is none and on failure,
 * which is agreed over c. */
int
qn_comm_split(
    struct qn_comm *c, int color, struct qn_comm *part, struct qn_error *err);

/* Collective over part.  Undo qn_comm_split.  Safe on a zero struct. */
void
qn_comm_release(struct qn_comm *part);

/* Collective.  Every rank returns the code and sentence of the lowest rank
 * whose rc is not 0, else 0.  err is that rank's sentence, on it too; of files
 * and memory on another host than rank 0's it begins with "host NAME". */
int
qn_comm_agree(struct qn_comm *c, int rc, struct qn_error *err);

/* Collective.  Rank root's n bytes to all; *data is allocated (owned by the
 * caller, a zero byte behind the end) on the others, *n is set.  On failure
 * *data is NULL and *n 0 on the others; root's are as they were. */
int
qn_comm_broadcast(
    struct qn_comm *c, void **data, size_t *n, int root,
    struct qn_error *err);

/* Collective.  Every rank's bytes, one after the other in rank order, on every
 * rank: *all owned by the caller, a zero byte behind the end (NULL on
 * failure); sizes[size] filled. */
int
qn_comm_gather(
    struct qn_comm *c, const void *mine, size_t n,
    void **all, size_t *sizes /* [size], out */, struct qn_error *err);

/* Collective.  The same where every rank has n bytes: *all [size] of them. */
int
qn_comm_gather_each(
    struct qn_comm *c, const void *mine, size_t n, void **all,
    struct qn_error *err);

/* Collective.  v[i] becomes the sum of all ranks' v[i], on every rank; n at
 * most 2^20.  Undefined where a sum does not fit. */
int
qn_comm_sum(struct qn_comm *c, int64_t *v, size_t n, struct qn_error *err);

/* Collective.  Wait for all, asleep. */
int
qn_comm_barrier(struct qn_comm *c, struct qn_error *err);

/* ---- messages between two ranks of several, for bulk data ---------------- */

struct qn_transfer; /* a message on its way; tags 0..32767 */

/* Local.  Start sending or receiving n bytes (any 64-bit count, the same at
 * both ends).  data must stay until the transfer is done.  Messages of one
 * tag between two ranks arrive in the order they were started.  Fails only
 * for want of memory, and then *t is NULL; what MPI has to say comes out of
 * qn_comm_test, when data is free again. */
int
qn_comm_send(
    struct qn_comm *c, int to, int tag, const void *data, size_t n,
    struct qn_transfer **t, struct qn_error *err);
int
qn_comm_receive(
    struct qn_comm *c, int from, int tag, void *data, size_t n,
    struct qn_transfer **t, struct qn_error *err);

/* Local.  *done is true once the transfer is complete, also where it failed;
 * *t is then freed and NULL.  A NULL *t is done.  After a failure test the
 * other transfers too, until they are done. */
int
qn_comm_test(
    struct qn_comm *c, struct qn_transfer **t, bool *done,
    struct qn_error *err);

/* Local.  Is a message with this tag waiting?  *from and *n are filled if
 * so (n of its first piece: at most 1 GiB). */
int
qn_comm_probe(
    struct qn_comm *c, int tag, bool *waiting, int *from, size_t *n,
    struct qn_error *err);

/* Local.  A nap that grows with each call: 20 us ... 1 ms; a signal ends it.
 * *naps starts at 0 and is set back to 0 by the caller when there was
 * something to do. */
void
qn_comm_nap(int *naps);

#endif
