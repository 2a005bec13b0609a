/* Moving samples between the ranks that combine: pixels of members from who
 * holds them to who combines them, and what comes out to the leader.
 *
 * Transfers are only started here one by one, and waited for together. */
#include "engine/bands_parts.h"

#include <string.h>

#include "base/clock.h"

struct qn_bands_share
qn_bands_move_share(const struct qn_bands_round *r, int64_t round, int rank)
{
    int64_t start = (round * r->b->run->comm->size + rank) * r->most;
    int64_t left = r->pixels - start;

    if (left <= 0)
        return (struct qn_bands_share){r->pixels, 0};
    return (struct qn_bands_share){start, left < r->most ? left : r->most};
}

int
qn_bands_move_wait(struct qn_bands_round *r, struct qn_error *err)
{
    struct qn_comm *comm = r->b->run->comm;
    const double t0 = qn_clock_now();
    int naps = 0, rc = 0;

    for (size_t i = 0; i < r->nmoving;) {
        bool done = false;
        int bad = qn_comm_test(comm, &r->moving[i], &done, rc ? NULL : err);

        rc = rc ? rc : bad;
        if (done || bad) {
            i++;
            naps = 0;
        } else {
            qn_comm_nap(&naps);
        }
    }
    if (r->nmoving)
        r->b->run->farm.spent.exchange += qn_clock_now() - t0;
    r->nmoving = 0;
    return rc;
}

int
qn_bands_move_in(struct qn_bands_round *r, int from, int tag, void *p, size_t n,
                 struct qn_error *err)
{
    struct qn_run *run = r->b->run;

    run->farm.spent.moved += (int64_t)n;
    return qn_comm_receive(run->comm, from, tag, p, n, &r->moving[r->nmoving++],
                           err);
}

int
qn_bands_move_out(struct qn_bands_round *r, int to, int tag, const void *p,
                  size_t n, struct qn_error *err)
{
    return qn_comm_send(r->b->run->comm, to, tag, p, n,
                        &r->moving[r->nmoving++], err);
}

/* My pixels of member m, from wherever they are. */
static int
fetch(struct qn_bands_round *r, int64_t m, struct qn_error *err)
{
    const struct qn_bands *b = r->b;
    int owner = b->owner[r->task[m]];
    size_t n = (size_t)r->mine.count * r->in;
    char *to = r->got + m * r->most * (int64_t)r->in;

    if (!n)
        return 0;
    if (owner != b->run->comm->rank)
        return qn_bands_move_in(r, owner, QN_BANDS_MEMBER, to, n, err);
    memcpy(to, r->held + r->place[m] + r->mine.start * (int64_t)r->in, n);
    return 0;
}

/* Everybody else's pixels of member m, if it is mine. */
static int
serve(struct qn_bands_round *r, int64_t round, int64_t m, struct qn_error *err)
{
    const struct qn_bands *b = r->b;
    struct qn_comm *comm = b->run->comm;

    if (b->owner[r->task[m]] != comm->rank)
        return 0;
    for (int to = 0; to < comm->size; to++) {
        struct qn_bands_share s = qn_bands_move_share(r, round, to);
        size_t n = (size_t)s.count * r->in;

        if (to == comm->rank || !n)
            continue;
        QN_TRY(qn_bands_move_out(
            r, to, QN_BANDS_MEMBER,
            r->held + r->place[m] + s.start * (int64_t)r->in, n, err));
    }
    return 0;
}

int
qn_bands_move_members(struct qn_bands_round *r, int64_t round,
                      struct qn_error *err)
{
    int rc = 0;

    for (int64_t m = 0; m < r->members && !rc; m++) {
        rc = fetch(r, m, err);
        if (!rc)
            rc = serve(r, round, m, err);
    }
    if (rc) {
        qn_bands_move_wait(r, NULL);
        return rc;
    }
    return qn_bands_move_wait(r, err);
}

/* A share of one part of the result, data or counts, to the leader. */
static int
deliver_part(struct qn_bands_round *r, int64_t round, int64_t whole,
             int64_t own, size_t size, struct qn_error *err)
{
    struct qn_comm *comm = r->b->run->comm;
    int leader = r->b->leader;

    for (int from = 0; from < comm->size; from++) {
        struct qn_bands_share s = qn_bands_move_share(r, round, from);
        size_t n = (size_t)s.count * size;

        if (!n || from == leader)
            continue;
        if (comm->rank == leader)
            QN_TRY(qn_bands_move_in(r, from, QN_BANDS_RESULT,
                                    r->made + whole + s.start * (int64_t)size,
                                    n, err));
        else if (from == comm->rank)
            QN_TRY(qn_bands_move_out(r, leader, QN_BANDS_RESULT, r->made + own,
                                     n, err));
    }
    return 0;
}

int
qn_bands_move_result(struct qn_bands_round *r, int64_t round,
                     struct qn_error *err)
{
    struct qn_bands_layout l = qn_bands_layout(r->b->target);
    int rc = deliver_part(r, round, l.data, r->data_at, r->out, err), late;

    if (!rc)
        rc = deliver_part(r, round, l.count, r->count_at, sizeof(int32_t), err);
    late = qn_bands_move_wait(r, rc ? NULL : err);
    return rc ? rc : late;
}
