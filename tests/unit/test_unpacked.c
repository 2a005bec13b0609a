/* Rows kept beside those that were asked for: never wrong, never more than
 * allowed, and read once where there is room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/unpacked.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

enum { N0 = 37, N1 = 5, N2 = 7, SAMPLES = N0 * N1 * N2 };

/* An array in which sample i is i, packed in so many rows; how often the rows
 * of each pack were unpacked. */
struct packs {
    int64_t together;
    int unpacked[N0];
    bool broken;
};

static int
unpack(void *ctx, const struct qn_box *box, void *dst, struct qn_error *err)
{
    struct packs *p = ctx;
    const int64_t first = box->start[0];
    const int64_t last = first + (box->count[0] - 1) * box->step[0];
    int16_t *v = dst;

    if (p->broken)
        return qn_fail(err, QN_EFORMAT, "damaged");
    assert_true(first >= 0 && last < N0);
    for (int64_t i = first / p->together; i <= last / p->together; i++)
        p->unpacked[i]++;
    for (int64_t i = 0; i < box->count[0]; i++)
        for (int64_t j = 0; j < box->count[1]; j++)
            for (int64_t k = 0; k < box->count[2]; k++)
                *v++ = (int16_t)(((box->start[0] + i * box->step[0]) * N1 +
                                  box->start[1] + j * box->step[1]) * N2 +
                                 box->start[2] + k * box->step[2]);
    return 0;
}

static struct qn_unpacked
make(int64_t together, int64_t most)
{
    const struct qn_type type = {QN_I16, {3, {N0, N1, N2}}};
    const int64_t chunk[QN_MAX_DIMS] = {together, 2, 3};
    struct qn_unpacked w;

    qn_unpacked_make(&w, &type, chunk, most);
    return w;
}

static struct qn_box
rows(int64_t first, int64_t n, int64_t step)
{
    return (struct qn_box){.ndims = 3, .start = {first, 0, 0},
                           .count = {n, N1, N2}, .step = {step, 1, 1}};
}

/* The box is right whatever is held. */
static void
get(struct qn_unpacked *w, struct packs *p, const struct qn_box *box)
{
    int16_t got[SAMPLES], want[SAMPLES];
    struct packs other = {.together = p->together};
    const size_t n = (size_t)(box->count[0] * box->count[1] * box->count[2]);

    assert_int_equal(qn_unpacked_get(w, box, got, unpack, p, NULL), 0);
    unpack(&other, box, want, NULL);
    assert_memory_equal(got, want, n * sizeof *got);
    assert_true((int64_t)w->room <= w->most);
}

static void
expect_once(const struct packs *p, int times)
{
    for (int64_t i = 0; i * p->together < N0; i++)
        assert_true(p->unpacked[i] <= times && p->unpacked[i] > 0);
}

/* ---- what is unpacked how often ------------------------------------------ */

static void
frame_by_frame(void **state)
{
    (void)state;
    for (int64_t together = 2; together <= 40; together++) {
        struct packs p = {.together = together};
        struct qn_unpacked w = make(together, 1 << 20);

        for (int i = 0; i < N0; i++) {
            const struct qn_box box = rows(i, 1, 1);

            get(&w, &p, &box);
        }
        expect_once(&p, 1);
        qn_unpacked_clear(&w);
    }
}

static void
slabs_with_neighbours(void **state)
{
    const struct {
        int64_t together, slab, reach, most;
        int times;
    } cases[] = {
        {8, 3, 1, 1 << 20, 1},
        {8, 3, 2, 15 * N1 * N2 * 2, 1}, // a pack and what is asked for at a time
        {8, 3, 2, 8 * N1 * N2 * 2, 2},  // a pack alone
        {5, 10, 0, 1 << 20, 1},
        {5, 7, 3, 1 << 20, 2}, // the first ends where a pack does
        {40, 4, 3, 1 << 20, 1},
    };

    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct packs p = {.together = cases[c].together};
        struct qn_unpacked w = make(cases[c].together, cases[c].most);

        for (int64_t i = 0; i < N0; i += cases[c].slab) {
            int64_t from = i - cases[c].reach;
            int64_t to = i + cases[c].slab + cases[c].reach;
            struct qn_box box;

            from = from < 0 ? 0 : from;
            to = to > N0 ? N0 : to;
            box = rows(from, to - from, 1);
            get(&w, &p, &box);
        }
        expect_once(&p, cases[c].times);
        qn_unpacked_clear(&w);
    }
}

/* What may be held as a whole is, for the next pass. */
static void
pass_after_pass(void **state)
{
    struct packs p = {.together = 8};
    struct qn_unpacked w = make(8, 1 << 20);

    (void)state;
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < N0; i += 3) {
            const struct qn_box box = rows(i, N0 - i < 3 ? N0 - i : 3, 1);

            get(&w, &p, &box);
        }
    expect_once(&p, 1);
    qn_unpacked_clear(&w);
}

/* What ends where packs end goes straight to its place. */
static void
nothing_in_vain(void **state)
{
    struct packs p = {.together = 8};
    struct qn_unpacked w = make(8, 1 << 20);
    const struct qn_box box[] = {rows(0, 16, 1), rows(16, 21, 1)};

    (void)state;
    for (size_t i = 0; i < COUNT(box); i++)
        get(&w, &p, &box[i]);
    assert_null(w.data);
    expect_once(&p, 1);
    qn_unpacked_clear(&w);
}

static void
wishes(void **state)
{
    const struct qn_type type = {QN_I16, {4, {1, 4000, 512, 512}}};
    const int64_t frame = 512 * 512 * 2;

    (void)state;
    assert_int_equal(qn_unpacked_wish(&type, (int64_t[]){1, 1, 64, 64}), 0);
    assert_int_equal(qn_unpacked_wish(&type, (int64_t[]){1, 16, 64, 64}),
                     16 * frame + (4 << 20));
    assert_int_equal(qn_unpacked_wish(&type, (int64_t[]){1, 400, 64, 64}),
                     500 * frame);
    assert_int_equal(qn_unpacked_wish(&type, (int64_t[]){1, 9000, 64, 64}),
                     4000 * frame);
}

/* ---- any boxes at all ---------------------------------------------------- */

static uint32_t
next(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static void
any_boxes(void **state)
{
    const int64_t n[] = {N0, N1, N2};
    uint32_t seed = 7;

    (void)state;
    for (int c = 0; c < 300; c++) {
        struct packs p = {.together = 1 + next(&seed, 45)};
        struct qn_unpacked w = make(p.together, next(&seed, SAMPLES * 3));

        for (int i = 0; i < 20; i++) {
            struct qn_box box = {.ndims = 3};

            for (int a = 0; a < 3; a++) {
                // rows in disorder, other axes mostly whole
                if (a && next(&seed, 4)) {
                    box.count[a] = n[a];
                    box.step[a] = 1;
                    continue;
                }
                box.start[a] = next(&seed, (uint32_t)n[a]);
                box.step[a] = 1 + next(&seed, 3);
                box.count[a] = 1 + next(&seed, (uint32_t)((n[a] - 1 -
                                                           box.start[a]) /
                                                              box.step[a] +
                                                          1));
            }
            get(&w, &p, &box);
        }
        qn_unpacked_clear(&w);
    }
}

static void
after_a_failure(void **state)
{
    struct packs p = {.together = 8};
    struct qn_unpacked w = make(8, 1 << 20);
    struct qn_box box = rows(0, 3, 1);
    int16_t v[SAMPLES];

    (void)state;
    get(&w, &p, &box);
    box = rows(6, 4, 1);
    p.broken = true;
    assert_int_equal(qn_unpacked_get(&w, &box, v, unpack, &p, NULL),
                     QN_EFORMAT);
    p.broken = false;
    get(&w, &p, &box);
    box = rows(9, 2, 1);
    get(&w, &p, &box);
    qn_unpacked_clear(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_by_frame),
        cmocka_unit_test(slabs_with_neighbours),
        cmocka_unit_test(pass_after_pass),
        cmocka_unit_test(nothing_in_vain),
        cmocka_unit_test(wishes),
        cmocka_unit_test(any_boxes),
        cmocka_unit_test(after_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
