/* The communicator: agreeing, spreading, gathering, messages, sharing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "comm/comm_mpi.h"
#include "comm/share.h"
#include "harness.h"

#define PIECE 1000 // bytes a call, while a test runs with small pieces

/* Byte i of what rank r has to say. */
static unsigned char
byte_of(int r, size_t i)
{
    return (unsigned char)(i * 7 + i / 251 + (size_t)r * 31 + 1);
}

static unsigned char *
make_bytes(int r, size_t n)
{
    unsigned char *p = malloc(n + 1);

    for (size_t i = 0; p && i < n; i++)
        p[i] = byte_of(r, i);
    return p;
}

static bool
is_said_by(const unsigned char *p, int r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != byte_of(r, i))
            return false;
    return true;
}

/* Small limits try what else only gigabytes would. */
static void
set_piece(struct qn_comm *c, size_t piece)
{
    if (c->mpi)
        c->mpi->piece = piece;
}

/* ---- agreeing ------------------------------------------------------------ */

/* Ranks whose bit is set fail, each with its own code and sentence. */
static void
lowest_failure_is_everybodys(void **state)
{
    struct qn_comm *c = *state;
    static const int codes[] = {QN_EIO, QN_EFORMAT, QN_ENOMEM, QN_ECRASH};

    for (unsigned set = 0; set < 1u << c->size; set++) {
        struct qn_error err = {0};
        char want[64];
        int first = 0;
        int rc = 0;

        while (first < c->size && !(set >> first & 1))
            first++;
        if (set >> c->rank & 1)
            rc = qn_fail(&err, codes[c->rank % 4], "rank %d", c->rank);
        rc = qn_comm_agree(c, rc, &err);
        snprintf(want, sizeof want, "rank %d", first);
        if (first == c->size)
            mpi_assert(c, rc == 0 && err.code == 0);
        else
            mpi_assert(c, rc == codes[first % 4] && err.code == rc &&
                              !strcmp(err.text, want));
    }
}

static void
failure_without_sentence_gets_one(void **state)
{
    struct qn_comm *c = *state;
    struct qn_error err = {0};
    int last = c->size - 1;
    int rc;

    harness_need(c, 2);
    // The failing rank has nowhere to keep a sentence.
    rc = qn_comm_agree(c, c->rank == last ? QN_ENOMEM : 0,
                       c->rank == last ? NULL : &err);
    mpi_assert(c, rc == QN_ENOMEM);
    mpi_assert(c, c->rank == last || strstr(err.text, "memory ran out"));
}

static void
agreeing_needs_no_error(void **state)
{
    struct qn_comm *c = *state;
    int rc = qn_comm_agree(c, c->rank ? 0 : QN_EIO, NULL);

    mpi_assert(c, rc == QN_EIO);
    mpi_assert(c, qn_comm_agree(c, 0, NULL) == 0);
}

static void
barrier_waits_for_the_last(void **state)
{
    struct qn_comm *c = *state;
    struct timespec before, after;
    double waited;

    mpi_assert(c, !qn_comm_barrier(c, NULL));
    clock_gettime(CLOCK_MONOTONIC, &before);
    if (c->rank == c->size - 1)
        harness_sleep(50000);
    mpi_assert(c, !qn_comm_barrier(c, NULL));
    clock_gettime(CLOCK_MONOTONIC, &after);
    waited = (double)(after.tv_sec - before.tv_sec) +
             (double)(after.tv_nsec - before.tv_nsec) * 1e-9;
    mpi_assert(c, waited > 0.04);
}

static void
waiting_ranks_sleep(void **state)
{
    struct qn_comm *c = *state;
    struct timespec before, after;
    double used;

    harness_need(c, 2);
    mpi_assert(c, !qn_comm_barrier(c, NULL));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    if (c->rank == 0)
        harness_sleep(400000);
    mpi_assert(c, !qn_comm_barrier(c, NULL));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    used = (double)(after.tv_sec - before.tv_sec) +
           (double)(after.tv_nsec - before.tv_nsec) * 1e-9;
    mpi_assert(c, used < 0.1);
}

static void
nodes_add_up(void **state)
{
    struct qn_comm *c = *state;

    mpi_assert(c, c->rank >= 0 && c->rank < c->size);
    mpi_assert(c, c->node >= 0 && c->node < c->nodes);
    mpi_assert(c, c->node_rank >= 0 && c->node_rank < c->node_size);
    mpi_assert(c, c->nodes <= c->size && c->node_size <= c->size);
    mpi_assert(c, c->nodes > 1 || c->node_size == c->size);
    mpi_assert(c, c->size == 1 || c->mpi);
}

/* ---- collectives of bytes ------------------------------------------------ */

static const size_t lengths[] = {
    0,         1, 7, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 10 * PIECE + 3,
    PIECE * 77};
#define NLENGTHS (sizeof lengths / sizeof *lengths)

static void
try_broadcast(struct qn_comm *c, size_t length, int root)
{
    unsigned char *mine = c->rank == root ? make_bytes(root, length) : NULL;
    void *data = mine;
    size_t n = c->rank == root ? length : 12345;
    int rc = qn_comm_broadcast(c, &data, &n, root, NULL);
    bool good = !rc && n == length && data && is_said_by(data, root, n);

    if (c->rank == root)
        good = good && data == mine;
    else
        good = good && ((char *)data)[n] == '\0';
    free(data);
    mpi_assert(c, good);
}

static void
broadcast_reaches_all(void **state)
{
    struct qn_comm *c = *state;

    for (int small = 0; small < 2; small++) {
        set_piece(c, small ? PIECE : QN_COMM_PIECE);
        for (size_t i = 0; i < NLENGTHS; i++)
            for (int root = 0; root < c->size; root++)
                try_broadcast(c, lengths[i], root);
    }
    set_piece(c, QN_COMM_PIECE);
}

static void
broadcast_of_nothing_at_all(void **state)
{
    struct qn_comm *c = *state;
    void *data = NULL;
    size_t n = 0;
    bool good = !qn_comm_broadcast(c, &data, &n, 0, NULL) && n == 0;

    good = good && (c->rank == 0 || data);
    free(data);
    mpi_assert(c, good);
}

static void
broadcast_too_large_fails_everywhere(void **state)
{
    struct qn_comm *c = *state;
    struct qn_error err = {0};
    char word = 'x';
    void *data = c->rank ? NULL : &word;
    size_t n = c->rank ? 0 : SIZE_MAX;
    int rc;

    harness_need(c, 2);
    rc = qn_comm_broadcast(c, &data, &n, 0, &err);
    mpi_assert(c, rc == QN_ENOMEM && err.text[0]);
    mpi_assert(c, c->rank == 0 ? data == &word : !data && !n);
}

/* What rank r has in round i: sizes differ, and some ranks have nothing. */
static size_t
length_of(int r, size_t i)
{
    return lengths[((size_t)r * 3 + i) % NLENGTHS];
}

static void
try_gather(struct qn_comm *c, size_t i)
{
    size_t sizes[64], at = 0;
    size_t n = length_of(c->rank, i);
    unsigned char *mine = make_bytes(c->rank, n);
    void *all = NULL;
    bool good = !qn_comm_gather(c, n ? mine : NULL, n, &all, sizes, NULL);

    for (int r = 0; good && r < c->size; r++) {
        good = sizes[r] == length_of(r, i) &&
               is_said_by((unsigned char *)all + at, r, sizes[r]);
        at += sizes[r];
    }
    good = good && ((char *)all)[at] == '\0';
    free(mine);
    free(all);
    mpi_assert(c, good);
}

static void
gather_keeps_the_order_of_ranks(void **state)
{
    struct qn_comm *c = *state;

    for (int small = 0; small < 2; small++) {
        set_piece(c, small ? PIECE : QN_COMM_PIECE);
        for (size_t i = 0; i < NLENGTHS; i++)
            try_gather(c, i);
    }
    set_piece(c, QN_COMM_PIECE);
}

static void
gather_too_large_fails_everywhere(void **state)
{
    struct qn_comm *c = *state;
    struct qn_error err = {0};
    size_t sizes[64];
    void *all = &err;
    char word = 'x';
    int rc;

    harness_need(c, 2);
    rc = qn_comm_gather(c, &word, SIZE_MAX / 2, &all, sizes, &err);
    mpi_assert(c, rc == QN_ENOMEM && err.text[0] && !all);
}

/* ---- messages ------------------------------------------------------------ */

static bool
finish(struct qn_comm *c, struct qn_transfer **t, int n)
{
    bool good = true;
    int naps = 0;

    for (int i = 0; i < n;) {
        bool done;

        good = !qn_comm_test(c, &t[i], &done, NULL) && good;
        good = good && (t[i] == NULL) == done;
        i += done;
        if (!done)
            qn_comm_nap(&naps);
    }
    return good;
}

/* Everybody sends every length to everybody, itself too, with one tag: order
 * alone says which is which. */
static void
try_transfers(struct qn_comm *c)
{
    enum { MOST = 64 * NLENGTHS };
    struct qn_transfer *t[2 * MOST] = {0};
    unsigned char *out[NLENGTHS], *in[MOST];
    bool good = true;
    int nt = 0;

    for (size_t i = 0; i < NLENGTHS; i++)
        out[i] = make_bytes(c->rank + (int)i, lengths[i]);
    for (int r = 0; r < c->size; r++)
        for (size_t i = 0; i < NLENGTHS; i++) {
            size_t k = (size_t)r * NLENGTHS + i;

            in[k] = calloc(lengths[i] + 1, 1);
            good = !qn_comm_receive(c, r, 32767, in[k], lengths[i], &t[nt++],
                                    NULL) &&
                   good;
            good = !qn_comm_send(c, r, 32767, out[i], lengths[i], &t[nt++],
                                 NULL) &&
                   good;
        }
    good = finish(c, t, nt) && good;
    for (int r = 0; r < c->size; r++)
        for (size_t i = 0; i < NLENGTHS; i++) {
            size_t k = (size_t)r * NLENGTHS + i;

            good = good && is_said_by(in[k], r + (int)i, lengths[i]);
            free(in[k]);
        }
    for (size_t i = 0; i < NLENGTHS; i++)
        free(out[i]);
    mpi_assert(c, good);
}

static void
messages_arrive_whole_and_in_order(void **state)
{
    struct qn_comm *c = *state;

    harness_need(c, 2);
    try_transfers(c);
    set_piece(c, PIECE);
    try_transfers(c);
    set_piece(c, QN_COMM_PIECE);
}

static void
nothing_under_way_is_done(void **state)
{
    struct qn_comm *c = *state;
    struct qn_transfer *none = NULL;
    bool done = false;

    mpi_assert(c, !qn_comm_test(c, &none, &done, NULL) && done);
}

static void
message_of_another_length_is_refused(void **state)
{
    struct qn_comm *c = *state;
    int next = (c->rank + 1) % c->size;
    int before = (c->rank + c->size - 1) % c->size;
    static const size_t expected[] = {3, 20};

    harness_need(c, 2);
    for (size_t i = 0; i < 2; i++) { // more than is sent, and less
        struct qn_transfer *t[2] = {0};
        char out[10] = "too long", in[20];
        struct qn_error err = {0};
        bool done = false;
        int naps = 0;
        int rc = 0;

        mpi_assert(
            c, !qn_comm_receive(c, before, 5, in, expected[i], &t[0], NULL));
        mpi_assert(c, !qn_comm_send(c, next, 5, out, sizeof out, &t[1], NULL));
        while (!done) {
            rc = qn_comm_test(c, &t[0], &done, &err);
            qn_comm_nap(&naps);
        }
        mpi_assert(c, rc == QN_EMPI && err.text[0] && !t[0]);
        mpi_assert(c, finish(c, &t[1], 1));
    }
}

static void
probe_says_who_and_how_much(void **state)
{
    struct qn_comm *c = *state;
    struct qn_transfer *t = NULL;
    bool waiting = true;
    int from = -1, naps = 0;
    char word[5] = "word";
    size_t n = 0;

    mpi_assert(c, !qn_comm_probe(c, 9, &waiting, &from, &n, NULL) && !waiting);
    harness_need(c, 2);
    mpi_assert(c, c->rank != c->size - 1 ||
                      !qn_comm_send(c, 0, 9, word, sizeof word, &t, NULL));
    for (int i = 0; c->rank == 0 && i < 10000 && !waiting; i++) {
        if (qn_comm_probe(c, 9, &waiting, &from, &n, NULL))
            break;
        qn_comm_nap(&naps);
    }
    mpi_assert(c,
               c->rank || (waiting && from == c->size - 1 && n == sizeof word));
    // Another tag is another matter.
    waiting = false;
    mpi_assert(c, !qn_comm_probe(c, 10, &waiting, &from, &n, NULL) && !waiting);
    if (c->rank == 0)
        qn_comm_receive(c, c->size - 1, 9, word, sizeof word, &t, NULL);
    mpi_assert(c, finish(c, &t, 1));
}

/* ---- sharing ------------------------------------------------------------- */

static void
shared_bytes_are_seen_by_all(void **state)
{
    struct qn_comm *c = *state;

    for (int small = 0; small < 2; small++)
        for (size_t i = 0; i < NLENGTHS; i++) {
            size_t n = lengths[i];
            unsigned char *data = c->rank ? NULL : make_bytes(0, n);
            struct qn_share s = {0};
            bool good;

            set_piece(c, small ? PIECE : QN_COMM_PIECE);
            good = !qn_share_open(&s, c, data, n, NULL);
            if (data)
                memset(data, 0, n); // it was copied
            free(data);
            good = good && s.size == n && is_said_by(s.data, 0, n) &&
                   ((const char *)s.data)[n] == '\0';
            good = good && s.shared == (c->mpi != NULL);
            qn_share_close(&s);
            good = good && !s.data && !s.size;
            qn_share_close(&s);
            mpi_assert(c, good);
        }
    set_piece(c, QN_COMM_PIECE);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowest_failure_is_everybodys),
        cmocka_unit_test(failure_without_sentence_gets_one),
        cmocka_unit_test(agreeing_needs_no_error),
        cmocka_unit_test(barrier_waits_for_the_last),
        cmocka_unit_test(waiting_ranks_sleep),
        cmocka_unit_test(nodes_add_up),
        cmocka_unit_test(broadcast_reaches_all),
        cmocka_unit_test(broadcast_of_nothing_at_all),
        cmocka_unit_test(broadcast_too_large_fails_everywhere),
        cmocka_unit_test(gather_keeps_the_order_of_ranks),
        cmocka_unit_test(gather_too_large_fails_everywhere),
        cmocka_unit_test(messages_arrive_whole_and_in_order),
        cmocka_unit_test(nothing_under_way_is_done),
        cmocka_unit_test(message_of_another_length_is_refused),
        cmocka_unit_test(probe_says_who_and_how_much),
        cmocka_unit_test(shared_bytes_are_seen_by_all),
    };

    return harness_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
