/* Guided self-scheduling by messages to rank 0.
 *
 * A rank has one request under way at most.  Every request is answered; the
 * last message of a rank, its leave, is not.  So no message is left when all
 * have taken their leave, and the next claims may use the same communicator.
 * What the units are and how long they take is not known here.
 */
#include "comm/claims.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "comm/comm_mpi.h"

#define CHUNK_SECONDS 0.05 // of work are asked for at a time
#define ASK_SECONDS   1.0  // longest silence of a rank that has work
#define MOST_WANTED   1e9
#define TAGS          32768 // MPI promises at least these

enum kind { ASK, LEAVE };

struct request {
    int64_t kind, want, stop;
    struct qn_claims_count count;
};

struct answer {
    int64_t first, count, left, stop;
};

/* Units at hand: first ... first+count-1. */
struct run {
    int64_t first, count;
};

/* Rank 0: the last answer to a rank, its sending, and what that rank told. */
struct slot {
    struct qn_claims_count count;
    struct answer answer;
    MPI_Request sending;
};

struct qn_claims {
    struct qn_comm *comm; // borrowed
    int64_t total;
    int lanes, tag;
    bool stop;
    struct qn_claims_count count; // of this rank
    int rc; // first failure of MPI here
    struct qn_error err;

    // rank 0: who gets what
    int64_t next;
    int leaves;
    struct request heard;
    MPI_Request hearing;
    struct slot *slot; // [size], owned

    // the others: what was given
    struct run now, then; // at hand; asked for ahead
    int64_t left;         // not given to anybody, when last heard
    int64_t want, taken;  // asked for last; taken since fed
    double fed, asked;    // since when is measured, when anything was asked
    bool waiting;         // for an answer
    bool told;            // rank 0 knows of the stop
    struct request said;
    struct answer given;
    MPI_Request saying, giving;
};

/* ---- failures ------------------------------------------------------------ */

/* Keep the first failure and go on: the others count on our messages. */
static void
note(struct qn_claims *q, int rc, const struct qn_error *now)
{
    if (!rc)
        return;
    q->stop = true;
    if (!q->rc) {
        q->rc = rc;
        q->err = *now;
    }
}

static int
report(const struct qn_claims *q, struct qn_error *err)
{
    if (q->rc && err)
        *err = q->err;
    return q->rc;
}

static bool
is_broken(const struct qn_claims *q)
{
    return q->comm->mpi && q->comm->mpi->broken;
}

/* ---- messages ------------------------------------------------------------ */

static void
send_words(struct qn_claims *q, int to, const void *words, size_t n,
           MPI_Request *req)
{
    struct qn_comm_mpi *m = q->comm->mpi;
    struct qn_error now;

    *req = MPI_REQUEST_NULL;
    note(q,
         QN_MPI_VITAL(
             m, &now,
             MPI_Isend(words, (int)n, MPI_BYTE, to, q->tag, m->claims, req)),
         &now);
}

static void
receive_words(struct qn_claims *q, int from, void *words, size_t n,
              MPI_Request *req)
{
    struct qn_comm_mpi *m = q->comm->mpi;
    struct qn_error now;

    *req = MPI_REQUEST_NULL;
    note(q,
         QN_MPI_VITAL(
             m, &now,
             MPI_Irecv(words, (int)n, MPI_BYTE, from, q->tag, m->claims, req)),
         &now);
}

/* Has it come? */
static bool
is_done(struct qn_claims *q, MPI_Request *req, int *from)
{
    struct qn_comm_mpi *m = q->comm->mpi;
    struct qn_error now;
    MPI_Status status;
    int done = 0;
    int code = MPI_Test(req, &done, &status);

    if (code != MPI_SUCCESS)
        note(q, qn_comm_mpi_vital(m, code, "MPI_Test", &now), &now);
    *from = done ? status.MPI_SOURCE : -1;
    return code == MPI_SUCCESS && done;
}

/* A message whose receiver is known to be there: goes without delay. */
static void
finish(struct qn_claims *q, MPI_Request *req)
{
    struct qn_error now;
    int rc = qn_comm_mpi_wait(q->comm->mpi, req, 0, &now);

    note(q, rc, &now);
}

/* ---- rank 0 -------------------------------------------------------------- */

static void
listen(struct qn_claims *q)
{
    receive_words(q, MPI_ANY_SOURCE, &q->heard, sizeof q->heard, &q->hearing);
}

static int64_t
chunk(const struct qn_claims *q, int64_t want)
{
    int64_t left = q->total - q->next;
    int64_t most = left / (2 * (int64_t)q->comm->size);

    if (q->stop || !left || want < 1)
        return 0;
    if (most < 1)
        return 1;
    return want < most ? want : most;
}

static void
answer(struct qn_claims *q, int to)
{
    struct slot *s = &q->slot[to];
    int64_t count = chunk(q, q->heard.want);

    // The last answer has arrived, else there were no new request.
    finish(q, &s->sending);
    s->answer =
        (struct answer){q->next, count, q->total - q->next - count, q->stop};
    q->next += count;
    send_words(q, to, &s->answer, sizeof s->answer, &s->sending);
}

static void
hear(struct qn_claims *q, int from)
{
    q->stop = q->stop || q->heard.stop;
    q->slot[from].count = q->heard.count;
    if (q->heard.kind == LEAVE)
        q->leaves++;
    else
        answer(q, from);
    if (q->leaves < q->comm->size - 1)
        listen(q);
}

/* All requests that wait; false if there was none. */
static bool
serve_others(struct qn_claims *q)
{
    bool some = false;
    int from;

    // Bounded: somebody else may ask while one is answered.
    for (int n = 0; n < q->comm->size; n++) {
        if (q->leaves == q->comm->size - 1 || is_broken(q) ||
            !is_done(q, &q->hearing, &from))
            break;
        hear(q, from);
        some = true;
    }
    return some;
}

/* ---- the others ---------------------------------------------------------- */

static int64_t
at_hand(const struct qn_claims *q)
{
    return q->now.count + q->then.count;
}

static void
drop(struct qn_claims *q)
{
    q->now.count = 0;
    q->then.count = 0;
}

static void
say(struct qn_claims *q, enum kind kind, int64_t want)
{
    finish(q, &q->saying);
    q->said = (struct request){kind, want, q->stop, q->count};
    q->told = q->stop;
    if (kind == ASK) {
        receive_words(q, 0, &q->given, sizeof q->given, &q->giving);
        q->waiting = true;
    }
    send_words(q, 0, &q->said, sizeof q->said, &q->saying);
}

/* Take up the answer, if it is there. */
static void
take_up(struct qn_claims *q)
{
    struct run r;
    int from;

    if (!q->waiting || !is_done(q, &q->giving, &from))
        return;
    q->waiting = false;
    q->left = q->given.left;
    if (q->given.stop)
        q->stop = q->told = true;
    r = (struct run){q->given.first, q->given.count};
    if (q->stop)
        drop(q);
    else if (r.count && q->now.count)
        q->then = r;
    else if (r.count)
        q->now = r;
}

/* How many units this rank finishes in the time a chunk is to last, as far as
 * that shows.  Each lane may hold two that are only begun or waiting: taking
 * them took no time, and says nothing. */
static void
measure(struct qn_claims *q, double now)
{
    int64_t done = q->taken - 2 * (int64_t)q->lanes;
    double pace;

    if (q->want && done < 1)
        return;
    pace = q->want ? (double)done / (now > q->fed ? now - q->fed : 1e-9) : 0;
    pace *= CHUNK_SECONDS;
    pace = pace < MOST_WANTED ? pace : MOST_WANTED;
    q->want = pace < q->lanes ? q->lanes : (int64_t)pace;
    q->taken = 0;
    q->fed = now;
}

/* With how many units at hand the next chunk is asked for.  Near the end with
 * none: what waits here could be done elsewhere. */
static int64_t
ahead(const struct qn_claims *q)
{
    if (!qn_claims_plenty(q))
        return 0;
    return q->want / 4 > q->lanes ? q->want / 4 : q->lanes;
}

/* Ask for units when few are at hand; or only how things are, to hear of a
 * stop or to tell of one. */
static void
ask(struct qn_claims *q)
{
    double now = qn_clock_now();
    bool hungry =
        !q->stop && q->left && !q->then.count && at_hand(q) <= ahead(q);
    bool untold = (q->stop && !q->told) ||
                  q->count.failed != q->said.count.failed;

    if (q->waiting || (q->stop && q->told))
        return;
    if (hungry) {
        measure(q, now);
    } else if (!untold && now - q->asked < ASK_SECONDS) {
        return;
    }
    q->asked = now;
    say(q, ASK, hungry ? q->want : 0);
}

/* ---- both ---------------------------------------------------------------- */

static bool
is_single(const struct qn_claims *q)
{
    return !q->comm->mpi || q->comm->size == 1;
}

int
qn_claims_open(struct qn_claims **q, struct qn_comm *comm, int64_t total,
               int lanes, struct qn_error *err)
{
    struct qn_claims *x;
    void *p = NULL, *slots = NULL;
    int rc;

    *q = NULL;
    rc = qn_memory_make(&p, 1, sizeof *x, "claims", err);
    if (!rc && comm->rank == 0)
        rc = qn_memory_make(&slots, (size_t)comm->size, sizeof *x->slot,
                            "claims", err);
    if ((rc = qn_comm_agree(comm, rc, err))) {
        free(slots);
        free(p);
        return rc;
    }
    *q = x = p;
    *x = (struct qn_claims){.comm = comm,
                            .total = total,
                            .left = total,
                            .lanes = lanes > 1 ? lanes : 1,
                            .slot = slots,
                            .hearing = MPI_REQUEST_NULL,
                            .saying = MPI_REQUEST_NULL,
                            .giving = MPI_REQUEST_NULL};
    if (is_single(x))
        return 0;
    x->tag = comm->mpi->phases++ % TAGS;
    for (int r = 0; slots && r < comm->size; r++)
        x->slot[r].sending = MPI_REQUEST_NULL;
    if (comm->rank == 0)
        listen(x);
    return 0; // a failure of listen's comes out of serve
}

int
qn_claims_serve(struct qn_claims *q, struct qn_error *err)
{
    if (is_single(q) || is_broken(q))
        return report(q, err);
    if (q->comm->rank == 0) {
        serve_others(q);
    } else {
        take_up(q);
        ask(q);
    }
    return report(q, err);
}

int
qn_claims_take(struct qn_claims *q, int64_t *index, bool *got,
               struct qn_error *err)
{
    *got = false;
    if (q->stop)
        return report(q, err);
    if (q->comm->rank == 0) {
        *got = q->next < q->total;
        if (*got)
            *index = q->next++;
        return report(q, err);
    }
    if (!q->now.count) {
        q->now = q->then;
        q->then.count = 0;
    }
    if (!q->now.count)
        return qn_claims_serve(q, err);
    *got = true;
    *index = q->now.first++;
    q->now.count--;
    q->taken++;
    return report(q, err);
}

void
qn_claims_tell(struct qn_claims *q, const struct qn_claims_count *mine)
{
    q->count = *mine;
}

struct qn_claims_count
qn_claims_sum(const struct qn_claims *q)
{
    struct qn_claims_count all = q->count;

    for (int r = 1; q->slot && r < q->comm->size; r++) {
        all.done += q->slot[r].count.done;
        all.failed += q->slot[r].count.failed;
        all.bytes += q->slot[r].count.bytes;
    }
    return all;
}

bool
qn_claims_alone(const struct qn_claims *q)
{
    return is_single(q) || is_broken(q) || q->leaves == q->comm->size - 1;
}

int
qn_claims_stop(struct qn_claims *q, struct qn_error *err)
{
    q->stop = true;
    drop(q);
    return qn_claims_serve(q, err);
}

bool
qn_claims_finished(const struct qn_claims *q)
{
    if (q->stop || is_broken(q))
        return true;
    if (q->comm->rank == 0)
        return q->next >= q->total;
    return !q->left && !at_hand(q);
}

bool
qn_claims_plenty(const struct qn_claims *q)
{
    int64_t left = q->comm->rank ? q->left : q->total - q->next;

    return left >= 2 * (int64_t)q->comm->size * q->lanes;
}

bool
qn_claims_stopped(const struct qn_claims *q)
{
    return q->stop;
}

/* Rank 0 hears everybody out. */
static void
hear_all(struct qn_claims *q)
{
    int naps = 0;

    while (q->leaves < q->comm->size - 1 && !is_broken(q))
        if (serve_others(q))
            naps = 0;
        else
            qn_comm_nap(&naps);
    for (int r = 1; r < q->comm->size && !is_broken(q); r++)
        finish(q, &q->slot[r].sending);
}

/* The others wait for what they have asked, and go. */
static void
take_leave(struct qn_claims *q)
{
    int naps = 0;

    while (q->waiting && !is_broken(q)) {
        take_up(q);
        if (q->waiting)
            qn_comm_nap(&naps);
    }
    if (!is_broken(q))
        say(q, LEAVE, 0);
    if (!is_broken(q))
        finish(q, &q->saying);
}

int
qn_claims_close(struct qn_claims *q, bool *stopped, struct qn_error *err)
{
    struct qn_error mine;
    void *word;
    size_t n = 1;
    char stop;
    int rc;

    if (!q)
        return 0;
    q->stop = q->stop || !qn_claims_finished(q);
    if (!is_single(q) && q->comm->rank == 0)
        hear_all(q);
    else if (!is_single(q))
        take_leave(q);
    mine = q->err;
    rc = qn_comm_agree(q->comm, q->rc, &mine);
    stop = q->stop;
    word = &stop;
    if (!rc) { // rank 0 has heard of every stop
        rc = qn_comm_broadcast(q->comm, &word, &n, 0, &mine);
        stop = rc || *(char *)word;
        if (!rc && q->comm->mpi && q->comm->rank)
            free(word);
    }
    if (rc && err)
        *err = mine;
    if (stopped)
        *stopped = rc || stop;
    free(q->slot);
    free(q);
    return rc;
}
