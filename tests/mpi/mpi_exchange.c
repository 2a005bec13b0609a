/* Teams of ranks, and halos: after an exchange every sample of the grown block
 * is that of its place in the whole grid. */
#include <stdlib.h>
#include <string.h>

#include "comm/exchange.h"
#include "harness.h"

/* ---- teams ----------------------------------------------------------------- */

static void
teams(void **state)
{
    struct qn_comm *c = *state, part;
    struct qn_error err = {0};
    int rc = qn_comm_split(c, c->rank % 2, &part, &err);
    int want = (c->size - c->rank % 2 + 1) / 2;

    mpi_assert(c, rc == 0);
    mpi_assert(c, part.size == want && part.rank == c->rank / 2);
    rc = qn_comm_agree(&part, part.rank ? 0 : qn_fail(&err, QN_EIO, "told"),
                       &err);
    mpi_assert(c, rc == QN_EIO && !strcmp(err.text, "told"));
    rc = qn_comm_barrier(&part, &err);
    qn_comm_release(&part);
    mpi_assert(c, rc == 0);
}

static void
nobody_in_a_team(void **state)
{
    struct qn_comm *c = *state, part;
    int rc = qn_comm_split(c, c->rank ? -1 : 0, &part, NULL);

    mpi_assert(c, rc == 0);
    mpi_assert(c, part.size == (c->rank ? 0 : 1) && !part.mpi);
    qn_comm_release(&part);
}

/* ---- halos ------------------------------------------------------------------ */

struct scene {
    struct qn_shape shape;
    struct qn_exchange_grid grid;
    struct qn_cut cut;
    struct qn_box box, grown;
    unsigned char *memory; // owned
    size_t samples;
};

/* What stands at a place of the grid, in byte k of its sample and round n. */
static unsigned char
value_at(const struct qn_shape *s, const int64_t x[QN_MAX_DIMS], size_t k,
         int n)
{
    int64_t at = 0;

    for (int a = 0; a < s->ndims; a++)
        at = at * s->n[a] + (x[a] % s->n[a] + s->n[a]) % s->n[a];
    return (unsigned char)(at * 31 + at / 253 + (int64_t)k * 7 + n + 1);
}

/* Sample i of the grown block: its place in the grid, and whether it is one of
 * the block's own. */
static bool
place_of(const struct scene *s, size_t i, int64_t x[QN_MAX_DIMS])
{
    bool own = true;

    for (int a = s->shape.ndims - 1; a >= 0; a--) {
        x[a] = s->grown.start[a] + (int64_t)i % s->grown.count[a];
        i /= (size_t)s->grown.count[a];
        own = own && x[a] >= s->box.start[a] &&
              x[a] < s->box.start[a] + s->box.count[a];
    }
    return own;
}

static void
set_scene(struct scene *s, struct qn_comm *c)
{
    qn_grid_cut(&s->cut, &s->shape, c->size, s->grid.radius);
    s->grid.cut = &s->cut;
    s->box = qn_grid_block(&s->cut, c->rank);
    s->grown = qn_grid_grow(&s->shape, &s->box, s->grid.radius,
                            s->grid.periodic);
    s->samples = c->rank < s->cut.nblocks;
    for (int a = 0; a < s->shape.ndims; a++)
        s->samples *= (size_t)s->grown.count[a];
    s->memory = calloc(s->samples + 1, s->grid.sample);
}

static void
fill_own(struct scene *s, int round)
{
    int64_t x[QN_MAX_DIMS];

    for (size_t i = 0; i < s->samples; i++)
        if (place_of(s, i, x))
            for (size_t k = 0; k < s->grid.sample; k++)
                s->memory[i * s->grid.sample + k] =
                    value_at(&s->shape, x, k, round);
}

static bool
is_right(const struct scene *s, int round)
{
    int64_t x[QN_MAX_DIMS];

    for (size_t i = 0; i < s->samples; i++) {
        place_of(s, i, x);
        for (size_t k = 0; k < s->grid.sample; k++)
            if (s->memory[i * s->grid.sample + k] !=
                value_at(&s->shape, x, k, round))
                return false;
    }
    return true;
}

static void
exchange(struct qn_comm *c, struct scene s)
{
    struct qn_exchange *h;
    struct qn_error err = {0};
    int rc;

    set_scene(&s, c);
    mpi_assert(c, s.memory != NULL);
    rc = qn_exchange_open(&h, c, &s.grid, s.memory, &err);
    mpi_assert(c, rc == 0);
    for (int round = 0; round < 3; round++) {
        bool done = false;

        fill_own(&s, round);
        rc = qn_exchange_start(h, &err);
        for (int i = 0; !rc && !done && i < 2; i++)
            rc = qn_exchange_test(h, &done, &err);
        if (!rc)
            rc = qn_exchange_wait(h, &err);
        mpi_assert(c, rc == 0 && is_right(&s, round));
    }
    qn_exchange_close(&h);
    free(s.memory);
}

static const struct {
    struct qn_shape shape;
    size_t sample;
    int64_t radius[QN_MAX_DIMS];
    bool periodic[QN_MAX_DIMS];
} cases[] = {
    {{1, {200000}}, 1, {3}, {false}},
    {{1, {200000}}, 8, {500}, {true}},
    {{2, {600, 1100}}, 4, {1, 1}, {false}},
    {{2, {600, 1100}}, 2, {17, 5}, {false}},
    {{2, {600, 1100}}, 8, {2, 0}, {false}},
    {{2, {600, 1100}}, 2, {9, 40}, {true, true}},
    {{2, {600, 1100}}, 2, {9, 40}, {false, true}},
    {{2, {30, 40}}, 8, {30, 40}, {true, true}}, // one block, its own neighbour
    {{3, {70, 80, 90}}, 4, {2, 3, 4}, {true, false, true}},
    {{4, {2, 40, 50, 66}}, 1, {0, 2, 2, 2}, {false}},
};

static struct scene
scene_of(size_t i)
{
    struct scene s = {.shape = cases[i].shape,
                      .grid.sample = cases[i].sample};

    memcpy(s.grid.radius, cases[i].radius, sizeof s.grid.radius);
    memcpy(s.grid.periodic, cases[i].periodic, sizeof s.grid.periodic);
    return s;
}

static void
halos(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        exchange(*state, scene_of(i));
}

static void
too_wide(void **state)
{
    struct qn_comm *c = *state;
    struct scene s = {.shape = {2, {30, 40}},
                      .grid = {.sample = 8, .radius = {31, 1},
                               .periodic = {true, true}}};
    struct qn_error err = {0};
    struct qn_exchange *h;
    int rc;

    set_scene(&s, c);
    rc = qn_exchange_open(&h, c, &s.grid, s.memory, &err);
    free(s.memory);
    mpi_assert(c, rc == QN_ESHAPE && !h && err.text[0]);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(teams),
        cmocka_unit_test(nobody_in_a_team),
        cmocka_unit_test(halos),
        cmocka_unit_test(too_wide),
    };

    return harness_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
