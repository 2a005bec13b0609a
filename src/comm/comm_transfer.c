/* Messages between two ranks, of any 64-bit length.
 *
 * A message is cut into pieces, all of which are started at once and in order,
 * so that two messages with one tag never interleave.  A failure is kept until
 * no piece is under way any more: only then may the caller free the bytes.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "comm/comm_mpi.h"

struct qn_transfer {
    bool receive;
    int other;           /* the rank at the other end            */
    size_t n;            /* bytes expected                       */
    size_t arrived;      /* bytes received so far                */
    size_t pieces, next; /* started; the first not yet completed */
    int rc;              /* the first failure                    */
    struct qn_error err;
    MPI_Request req[]; /* [pieces] */
};

static int
make(struct qn_transfer **t, size_t n, size_t piece, struct qn_error *err)
{
    size_t pieces = n ? (n - 1) / piece + 1 : 1;
    size_t bytes;
    void *p;

    *t = NULL;
    QN_TRY(qn_memory_mul(&bytes, pieces, sizeof(MPI_Request), "transfer", err));
    QN_TRY(qn_memory_make(&p, 1, sizeof **t + bytes, "transfer", err));
    *t = p;
    (*t)->n = n;
    return 0;
}

/* A failure is remembered until the transfer is done. */
static bool
failed(struct qn_transfer *t, int rc, const struct qn_error *now)
{
    if (rc && !t->rc) {
        t->rc = rc;
        t->err = *now;
    }
    return rc != 0;
}

/* The next piece of out, or else into in. */
static void
start_piece(struct qn_transfer *t, struct qn_comm_mpi *m, int tag,
            const void *out, void *in, int n)
{
    MPI_Request *req = &t->req[t->pieces++];
    struct qn_error now;
    int rc;

    *req = MPI_REQUEST_NULL;
    if (t->receive)
        rc = QN_MPI_VITAL(
            m, &now, MPI_Irecv(in, n, MPI_BYTE, t->other, tag, m->world, req));
    else
        rc = QN_MPI_VITAL(
            m, &now, MPI_Isend(out, n, MPI_BYTE, t->other, tag, m->world, req));
    failed(t, rc, &now);
}

static void
start(struct qn_transfer *t, struct qn_comm_mpi *m, int tag, const char *out,
      char *in)
{
    size_t done = 0;

    do {
        size_t left = t->n - done;
        size_t piece = left < m->piece ? left : m->piece;

        start_piece(t, m, tag, out ? out + done : NULL, in ? in + done : NULL,
                    (int)piece);
        done += piece;
    } while (done < t->n);
}

int
qn_comm_send(struct qn_comm *c, int to, int tag, const void *data, size_t n,
             struct qn_transfer **t, struct qn_error *err)
{
    assert(c->mpi && to >= 0 && to < c->size && tag >= 0 && tag < 32768);
    QN_TRY(make(t, n, c->mpi->piece, err));
    (*t)->other = to;
    start(*t, c->mpi, tag, data, NULL);
    return 0;
}

int
qn_comm_receive(struct qn_comm *c, int from, int tag, void *data, size_t n,
                struct qn_transfer **t, struct qn_error *err)
{
    assert(c->mpi && from >= 0 && from < c->size && tag >= 0 && tag < 32768);
    QN_TRY(make(t, n, c->mpi->piece, err));
    (*t)->other = from;
    (*t)->receive = true;
    start(*t, c->mpi, tag, NULL, data);
    return 0;
}

/* Look at the next piece; false: still under way. */
static bool
complete(struct qn_transfer *t)
{
    MPI_Status status = {0};
    struct qn_error now;
    int done = 1, count = 0;
    int code = MPI_Test(&t->req[t->next], &done, &status);

    if (code == MPI_SUCCESS && !done)
        return false;
    t->next++;
    if (failed(t, code ? qn_comm_mpi_check(code, "MPI_Test", &now) : 0, &now) ||
        !t->receive)
        return true;
    MPI_Get_count(&status, MPI_BYTE, &count);
    t->arrived += count > 0 ? (size_t)count : 0;
    return true;
}

int
qn_comm_test(struct qn_comm *c, struct qn_transfer **t, bool *done,
             struct qn_error *err)
{
    struct qn_transfer *x = *t;
    int rc;

    (void)c;
    *done = true;
    if (!x)
        return 0;
    while (x->next < x->pieces && complete(x))
        ;
    *done = x->next == x->pieces;
    if (!*done)
        return 0;
    rc = x->rc;
    if (rc && err)
        *err = x->err;
    else if (!rc && x->receive && x->arrived != x->n)
        rc = qn_fail(err, QN_EMPI,
                     "a message from rank %d has %zu bytes, not the %zu that "
                     "were expected: are all ranks of one version?",
                     x->other, x->arrived, x->n);
    free(x);
    *t = NULL;
    return rc;
}

int
qn_comm_probe(struct qn_comm *c, int tag, bool *waiting, int *from, size_t *n,
              struct qn_error *err)
{
    MPI_Status status;
    int there = 0, count = 0;
    int code;

    *waiting = false;
    if (!c->mpi)
        return 0;
    code = MPI_Iprobe(MPI_ANY_SOURCE, tag, c->mpi->world, &there, &status);
    if (code == MPI_SUCCESS && !there)
        return 0;
    QN_TRY(qn_comm_mpi_check(code, "MPI_Iprobe", err));
    MPI_Get_count(&status, MPI_BYTE, &count);
    *waiting = true;
    *from = status.MPI_SOURCE;
    *n = (size_t)count;
    return 0;
}
