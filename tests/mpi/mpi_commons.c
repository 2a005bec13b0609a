/* Commons: what one rank of a node writes, with pointers, all of it read. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "comm/commons.h"

/* A list whose links and words lie in the commons. */
struct link {
    const struct link *next;
    const char *word;
    int number;
};

/* Longer than the first steps of the memory behind it. */
enum { LENGTH = 60000 };

static int
make_list(struct qn_pool *pool, const struct link **first,
          struct qn_error *err)
{
    for (int i = 0; i < LENGTH; i++) {
        struct link *l;
        char *word;

        QN_TRY(qn_pool_make(pool, (void **)&l, 1, sizeof *l, err));
        QN_TRY(qn_pool_text(pool, &word, i % 2 ? "odd" : "even", err));
        *l = (struct link){*first, word, i};
        *first = l;
    }
    return 0;
}

static bool
is_list(const struct link *l, int length)
{
    for (; l; l = l->next)
        if (l->number != --length ||
            strcmp(l->word, length % 2 ? "odd" : "even") != 0)
            return false;
    return length == 0;
}

static void
pointers_hold_on_all_ranks(void **state)
{
    struct qn_comm *c = *state;
    struct qn_commons g;
    struct qn_pool pool = {0};
    const struct link *first = NULL;
    int rc = qn_commons_open(&g, c, NULL);

    mpi_assert(c, !rc);
    // these ranks are all of one node
    mpi_assert(c, g.shared == (c->size > 1));
    mpi_assert(c, g.leads == (c->rank == 0));
    mpi_assert(c, (qn_commons_source(&g) != NULL) == (g.shared && g.leads));
    pool.source = qn_commons_source(&g);
    for (int round = 1; round < 3; round++) {
        struct qn_error err = {0};

        if (g.leads)
            first = NULL;
        if (g.leads)
            rc = make_list(&pool, &first, &err);
        rc = qn_commons_tell(&g, c, &first, sizeof first, rc, &err);
        mpi_assert(c, !rc && is_list(first, LENGTH));
    }
    qn_pool_clear(&pool);
    qn_commons_close(&g);
    qn_commons_close(&g);
    mpi_assert(c, !g.base);
}

/* A failure of one rank is everybody's, and nothing is told then. */
static void
failures_are_told(void **state)
{
    struct qn_comm *c = *state;
    struct qn_error err = {0};
    struct qn_commons g;
    int word = c->rank, rc;

    rc = qn_commons_open(&g, c, NULL);
    mpi_assert(c, !rc);
    if (c->rank == c->size - 1)
        rc = qn_fail(&err, QN_EVALUE, "the last one fails");
    rc = qn_commons_tell(&g, c, &word, sizeof word, rc, &err);
    mpi_assert(c, rc == QN_EVALUE && word == c->rank &&
                      !strcmp(err.text, "the last one fails"));
    rc = qn_commons_tell(&g, c, &word, sizeof word, 0, &err);
    mpi_assert(c, !rc && word == 0);
    qn_commons_close(&g);
}

/* More than the machine has is refused, not found out by a signal. */
static void
too_much_is_refused(void **state)
{
    struct qn_comm *c = *state;
    struct qn_commons g;
    struct qn_error err = {0};
    struct qn_pool pool = {0};
    void *out = NULL;
    int rc = qn_commons_open(&g, c, NULL);

    mpi_assert(c, !rc);
    pool.source = qn_commons_source(&g);
    if (pool.source)
        rc = qn_pool_make(&pool, &out, 3, g.size, &err);
    mpi_assert(c, pool.source ? rc == QN_ENOMEM && !out : !rc);
    qn_commons_close(&g);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_hold_on_all_ranks),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(too_much_is_refused),
    };

    return harness_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
