/* Tiles cover a grid once, blocks are made of whole tiles, neighbours know
 * each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/grid.h"

static struct qn_shape
shape_of(int ndims, int64_t a, int64_t b, int64_t c, int64_t d)
{
    struct qn_shape s = {ndims, {a, b, c, d}};

    return s;
}

static const struct {
    struct qn_shape shape;
    int64_t edge[QN_MAX_DIMS];
} lattices[] = {
    {{1, {5}}, {5}},
    {{1, {1000000}}, {32768}},
    {{2, {4096, 4096}}, {128, 256}},
    {{2, {100, 100}}, {100, 100}},
    {{2, {10000, 3}}, {8192, 3}},
    {{2, {3, 10000}}, {3, 8192}},
    {{3, {512, 512, 512}}, {32, 32, 32}},
    {{3, {1000, 256, 256}}, {32, 32, 32}},
    {{4, {9, 64, 64, 64}}, {1, 32, 32, 32}},
};

static void
edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lattices / sizeof *lattices; i++) {
        struct qn_lattice l;

        qn_grid_lattice(&l, &lattices[i].shape);
        for (int a = 0; a < l.shape.ndims; a++)
            assert_int_equal(l.edge[a], lattices[i].edge[a]);
    }
}

/* How often each sample of a small grid is covered. */
static void
cover(unsigned char *seen, const struct qn_shape *s, const struct qn_box *b)
{
    int64_t n = qn_shape_count(s);

    for (int64_t at = 0; at < n; at++) {
        int64_t rest = at;
        bool in = true;

        for (int a = s->ndims - 1; a >= 0; a--) {
            int64_t x = rest % s->n[a];

            in = in && x >= b->start[a] && x < b->start[a] + b->count[a];
            rest /= s->n[a];
        }
        seen[at] = (unsigned char)(seen[at] + in);
    }
}

static void
assert_covered_once(unsigned char *seen, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(seen[i], 1);
    memset(seen, 0, (size_t)n);
}

static const struct qn_shape small[] = {
    {1, {1}},
    {1, {70000}},
    {2, {300, 600}},
    {2, {1, 70000}},
    {2, {129, 257}},
    {3, {40, 70, 33}},
    {4, {2, 33, 34, 35}},
};

static void
each_sample_once(void **state)
{
    static const int64_t radius[QN_MAX_DIMS] = {2, 2, 2, 2};
    static const int ranks[] = {1, 2, 3, 5, 7, 16};

    (void)state;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        int64_t n = qn_shape_count(&small[i]);
        unsigned char *seen = calloc((size_t)n, 1);
        struct qn_cut c;

        assert_non_null(seen);
        for (size_t r = 0; r < sizeof ranks / sizeof *ranks; r++) {
            qn_grid_cut(&c, &small[i], ranks[r], radius);
            assert_in_range(c.nblocks, 1, ranks[r]);
            for (int k = 0; k < c.nblocks; k++) {
                struct qn_box b = qn_grid_block(&c, k);

                for (int a = 0; a < b.ndims; a++)
                    assert_int_equal(b.start[a] % c.lattice.edge[a], 0);
                cover(seen, &small[i], &b);
            }
            assert_covered_once(seen, n);
        }
        for (int64_t t = 0; t < c.lattice.ntiles; t++) {
            struct qn_box b = qn_grid_tile(&c.lattice, t);

            cover(seen, &small[i], &b);
        }
        assert_covered_once(seen, n);
        free(seen);
    }
}

static const struct {
    struct qn_shape shape;
    int ranks;
    int64_t radius;
    int parts[3];
} cuts[] = {
    {{2, {4096, 4096}}, 1, 1, {1, 1}},
    {{2, {4096, 4096}}, 2, 1, {2, 1}},
    {{2, {4096, 4096}}, 4, 0, {4, 1}},  // no halo: long rows
    {{2, {4096, 4096}}, 4, 64, {2, 2}}, // a wide one: squares
    {{2, {4096, 4096}}, 16, 16, {4, 4}},
    {{2, {100, 100}}, 8, 1, {1, 1}},    // one tile: seven idle
    {{1, {100000}}, 4, 1, {4}},
    {{1, {100000}}, 4, 2000, {2}},      // the last tile is thinner
    {{1, {100000}}, 4, 40000, {1}},
    {{3, {256, 256, 256}}, 8, 8, {2, 2, 2}},
};

static void
shapes_of_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        int64_t radius[QN_MAX_DIMS];
        struct qn_cut c;

        for (int a = 0; a < QN_MAX_DIMS; a++)
            radius[a] = cuts[i].radius;
        qn_grid_cut(&c, &cuts[i].shape, cuts[i].ranks, radius);
        for (int a = 0; a < c.lattice.shape.ndims; a++)
            if (c.parts[a] != cuts[i].parts[a])
                fail_msg("case %zu: %d parts along axis %d, not %d", i,
                         c.parts[a], a, cuts[i].parts[a]);
    }
}

/* No block that is cut is thinner than the halo, whatever the shape. */
static void
thick_enough(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 200000; n += 3331)
        for (int64_t r = 0; r < 40; r += 13)
            for (int ranks = 1; ranks < 40; ranks += 6) {
                struct qn_shape s = shape_of(2, n, 700, 0, 0);
                int64_t radius[QN_MAX_DIMS] = {r, r};
                struct qn_cut c;

                qn_grid_cut(&c, &s, ranks, radius);
                for (int k = 0; k < c.nblocks; k++) {
                    struct qn_box b = qn_grid_block(&c, k);

                    for (int a = 0; a < 2; a++)
                        assert_true(c.parts[a] == 1 || b.count[a] >= r);
                }
            }
}

static void
nobody(void **state)
{
    struct qn_shape s = shape_of(2, 100, 100, 0, 0);
    static const int64_t radius[QN_MAX_DIMS] = {0};
    struct qn_cut c;
    struct qn_box b;

    (void)state;
    qn_grid_cut(&c, &s, 3, radius);
    b = qn_grid_block(&c, 2);
    assert_int_equal(b.ndims, 2);
    assert_int_equal(b.count[0] * b.count[1], 0);
}

/* What is at +step of a block has the block at -step. */
static void
neighbours(void **state)
{
    struct qn_shape s = shape_of(3, 128, 96, 64, 0);
    static const int64_t radius[QN_MAX_DIMS] = {1, 1, 1};
    static const bool open[QN_MAX_DIMS] = {false};
    static const bool closed[QN_MAX_DIMS] = {true, true, true};
    struct qn_cut c;

    (void)state;
    qn_grid_cut(&c, &s, 24, radius);
    assert_int_equal(c.nblocks, 24);
    for (int i = 0; i < c.nblocks; i++)
        for (int d = 0; d < 27; d++) {
            int to[QN_MAX_DIMS] = {d / 9 - 1, d / 3 % 3 - 1, d % 3 - 1};
            int back[QN_MAX_DIMS] = {-to[0], -to[1], -to[2]};
            int k = qn_grid_neighbour(&c, i, to, open);
            int p = qn_grid_neighbour(&c, i, to, closed);

            assert_true(k < 0 || k == p);
            assert_in_range(p, 0, 23);
            assert_int_equal(qn_grid_neighbour(&c, p, back, closed), i);
            if (k >= 0)
                for (int a = 0; a < 3; a++) {
                    struct qn_box x = qn_grid_block(&c, i);
                    struct qn_box y = qn_grid_block(&c, k);

                    assert_true(to[a] < 1 ||
                                y.start[a] == x.start[a] + x.count[a]);
                }
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges),
        cmocka_unit_test(each_sample_once),
        cmocka_unit_test(shapes_of_blocks),
        cmocka_unit_test(thick_enough),
        cmocka_unit_test(nobody),
        cmocka_unit_test(neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
