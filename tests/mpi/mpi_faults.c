/* With failures injected into MPI's calls: nobody hangs, all return the same,
 * what succeeds is right, and the communicator stays usable.
 *
 *     QUERN_FAULT=seed=7,every=100 mpirun -n 4 mpi_faults
 */
#include <stdlib.h>
#include <string.h>

#include "comm/claims.h"
#include "comm/comm_mpi.h"
#include "comm/share.h"
#include "harness.h"

#define ROUNDS 200

/* The same number on all ranks?  By MPI itself: no failure is injected. */
static bool
is_same(const struct qn_comm *c, int n)
{
    int both[2] = {n, -n}, most[2] = {n, -n};

    if (c->mpi)
        MPI_Allreduce(both, most, 2, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    return most[0] == -most[1];
}

/* Failures are injected at all, else nothing was tried. */
static bool
is_seen(const struct qn_comm *c, int failures)
{
    int all = failures;

    if (c->mpi)
        MPI_Allreduce(&failures, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    return all > 0 || c->size == 1;
}

static bool
is_told(int rc, const struct qn_error *err)
{
    return rc == 0 || (err->code == rc && err->text[0]);
}

static void
agreeing(void **state)
{
    struct qn_comm *c = *state;
    int failures = 0;

    for (int i = 0; i < 10 * ROUNDS; i++) {
        struct qn_error err = {0};
        int rc = qn_comm_agree(c, 0, &err);

        mpi_assert(c, is_same(c, rc) && is_told(rc, &err));
        failures += rc != 0;
    }
    mpi_assert(c, is_seen(c, failures));
}

static void
broadcasting(void **state)
{
    struct qn_comm *c = *state;
    char word[] = "some words for all";
    int failures = 0;

    for (int i = 0; i < ROUNDS; i++) {
        int root = i % c->size;
        void *data = c->rank == root ? word : NULL;
        size_t n = sizeof word;
        struct qn_error err = {0};
        int rc = qn_comm_broadcast(c, &data, &n, root, &err);
        bool good = rc ? c->rank == root || !data
                       : n == sizeof word && !memcmp(data, word, n);

        if (c->rank != root)
            free(data);
        mpi_assert(c, is_same(c, rc) && is_told(rc, &err) && good);
        failures += rc != 0;
    }
    mpi_assert(c, is_seen(c, failures));
}

static void
gathering(void **state)
{
    struct qn_comm *c = *state;
    int failures = 0;

    if (c->mpi)
        c->mpi->piece = 5;
    for (int i = 0; i < ROUNDS; i++) {
        size_t sizes[64];
        int *all = NULL;
        struct qn_error err = {0};
        int rc = qn_comm_gather(c, &c->rank, sizeof c->rank, (void **)&all,
                                sizes, &err);
        bool good = rc ? !all : all != NULL;

        for (int r = 0; !rc && r < c->size; r++)
            good = good && sizes[r] == sizeof *all && all[r] == r;
        free(all);
        mpi_assert(c, is_same(c, rc) && is_told(rc, &err) && good);
        failures += rc != 0;
    }
    mpi_assert(c, is_seen(c, failures));
    if (c->mpi)
        c->mpi->piece = QN_COMM_PIECE;
}

static void
sharing(void **state)
{
    struct qn_comm *c = *state;
    const char word[] = "a list for all";
    int private = 0;

    for (int i = 0; i < ROUNDS; i++) {
        struct qn_share s;
        struct qn_error err = {0};
        int rc = qn_share_open(&s, c, word, sizeof word, &err);
        bool good =
            rc ? !s.data && !s.size
               : s.size == sizeof word && !memcmp(s.data, word, sizeof word);

        private += !rc && !s.shared;
        qn_share_close(&s);
        mpi_assert(c, is_same(c, rc) && is_told(rc, &err) && good);
    }
    mpi_assert(c, is_seen(c, private)); // a copy each, where it must be
}

/* Test until it is done, come what may; the first failure. */
static int
finish(struct qn_comm *c, struct qn_transfer **t, struct qn_error *err)
{
    bool done = false;
    int naps = 0, rc = 0;

    while (!done) {
        int now = qn_comm_test(c, t, &done, rc ? NULL : err);

        rc = rc ? rc : now;
        qn_comm_nap(&naps);
    }
    return rc;
}

static void
sending(void **state)
{
    struct qn_comm *c = *state;
    int to = (c->rank + 1) % c->size;
    int from = (c->rank + c->size - 1) % c->size;
    int failures = 0;

    harness_need(c, 2);
    c->mpi->piece = 10;
    for (int i = 0; i < ROUNDS; i++) {
        struct qn_transfer *t[2] = {0};
        int out[9] = {[8] = c->rank}, in[9] = {0};
        struct qn_error err[2] = {0};
        int rc[2];

        qn_comm_receive(c, from, 1, in, sizeof in, &t[0], NULL);
        qn_comm_send(c, to, 1, out, sizeof out, &t[1], NULL);
        rc[0] = finish(c, &t[0], &err[0]);
        rc[1] = finish(c, &t[1], &err[1]);
        mpi_assert(c, is_told(rc[0], &err[0]) && is_told(rc[1], &err[1]));
        mpi_assert(c, rc[0] || in[8] == from);
        failures += rc[0] || rc[1];
    }
    mpi_assert(c, is_seen(c, failures));
    c->mpi->piece = QN_COMM_PIECE;
}

#define UNITS 60

/* Take what there is; the first failure. */
static int
take_all(struct qn_claims *q, int takes[UNITS])
{
    int naps = 0, rc = 0;

    while (!qn_claims_finished(q)) {
        int64_t unit;
        bool got = false;
        int now = qn_claims_serve(q, NULL);

        rc = rc ? rc : now;
        now = qn_claims_take(q, &unit, &got, NULL);
        rc = rc ? rc : now;
        if (got)
            takes[unit]++;
        else
            qn_comm_nap(&naps);
    }
    return rc;
}

static void
claiming(void **state)
{
    struct qn_comm *c = *state;
    int failures = 0;

    for (int i = 0; i < ROUNDS; i++) {
        int takes[UNITS] = {0}, all[UNITS] = {0};
        struct qn_error err = {0};
        struct qn_claims *q;
        bool stopped = false, good = true;
        int rc = qn_claims_open(&q, c, UNITS, 1 + c->rank, &err);
        int mine = 0;

        mpi_assert(c, is_same(c, rc) && (rc != 0) == !q);
        failures += rc != 0;
        if (rc)
            continue;
        mine = take_all(q, takes);
        rc = qn_claims_close(q, &stopped, &err);
        memcpy(all, takes, sizeof all);
        if (c->mpi)
            MPI_Allreduce(takes, all, UNITS, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        for (int u = 0; u < UNITS; u++)
            good = good && (all[u] == 1 || (rc && all[u] == 0));
        mpi_assert(c, is_same(c, rc) && is_told(rc, &err));
        mpi_assert(c, good && is_same(c, stopped) && stopped == (rc != 0));
        mpi_assert(c, rc || !mine); // what serve said, close says to all
        failures += rc != 0;
    }
    mpi_assert(c, is_seen(c, failures));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreeing),  cmocka_unit_test(broadcasting),
        cmocka_unit_test(gathering), cmocka_unit_test(sharing),
        cmocka_unit_test(sending),   cmocka_unit_test(claiming),
    };

    setenv("QUERN_FAULT", "seed=3,every=300", 0);
    return harness_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
