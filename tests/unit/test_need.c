/* What a rank holds: items, workers, members, blocks, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/catalog.h"
#include "model/dtype.h"
#include "model/plan.h"
#include "model/shape.h"

#define MIB ((int64_t)1 << 20)

/* A job of one stage, and n items of 1024 x 1024 uint16: 2 MiB as stored,
 * 4 MiB as float32. */
struct fixture {
    struct qn_job job;
    struct qn_plan plan;
};

static void
open_job(struct fixture *f, const char *rest, int n)
{
    struct qn_items items = {0}, none = {0};
    struct qn_text problems = {0};
    struct qn_error err = {0};
    char text[512];

    snprintf(text, sizeof text, "stages: {s: {input: 'x*', %s}}\n", rest);
    if (qn_job_parse(&f->job, "t.yaml", text, strlen(text), NULL, 0,
                     qn_catalog(), &problems, &err))
        fail_msg("%s%s", qn_text_get(&problems), err.text);
    assert_int_equal(qn_plan_open(&f->plan, &f->job, NULL), 0);
    f->plan.stage[0].wanted = true;
    for (int i = 0; i < n; i++) {
        struct qn_item *it;
        char name[16];

        snprintf(name, sizeof name, "x%d", i);
        qn_item_add(&items, name, &it, NULL);
        it->bytes = 2 * MIB;
        qn_item_type(&items.pool, it, QN_U16,
                     &(struct qn_type){QN_U16, {2, {1024, 1024}}}, NULL);
    }
    if (qn_plan_select(&f->plan, 0, &items, &err) ||
        qn_plan_resolve(&f->plan, 0, &none, &err))
        fail_msg("%s", err.text);
}

static void
close_job(struct fixture *f)
{
    qn_plan_clear(&f->plan);
    qn_job_clear(&f->job);
}

/* Two grids beside the block, all of one size. */
static void
cut(struct qn_need_block *b, const struct qn_plan_stage *st,
    const struct qn_task *t, int team)
{
    const int64_t real = (int64_t)qn_dtype_size(st->precision);

    b->last = qn_shape_count(&t->item->type->shape) * real / team;
    b->first = b->last;
    b->bytes = 3 * b->last;
    b->part = 1.0 / team;
}

static int
plan(struct fixture *f, int ranks, int workers, int64_t memory,
     struct qn_error *err)
{
    const struct qn_need_ask ask = {
        .ranks = ranks, .workers = workers, .memory = memory, .block = cut};

    return qn_plan_team(&f->plan, 0, &ask, err);
}

/* ---- tests -------------------------------------------------------------------- */

static void
refused(void **state)
{
    static const struct {
        const char *rest;
        double memory; // MiB
        const char *says;
    } t[] = {
        // rows on their way to the file take more than that in any team
        {"steps: [{add: 1}]", 1,
         "stage s: x0 needs 1.5 MB of memory, and a rank may fill 1.0 MB; "
         "raise `memory:`"},
        {"steps: [{gaussian: {sigma: 1, edge: constant}}]", 2,
         "x0 needs 2.6 MB of memory"},
        // the other end of the grid has a part in a sample
        {"steps: [{heat: {alpha: 0.1, steps: 1, boundary: periodic}}]", 11,
         "x0 needs 12.0 MB of memory, and a rank may fill 11.0 MB; raise "
         "`memory:`, or use more ranks with `team: all`"},
        {"steps: [{fill: {method: median}}]", 2,
         "needs 2.5 MB of memory, and a rank may fill 2.0 MB; raise "
         "`memory:`"},
        {"combine: {method: median}", 11,
         "what it combines needs 20.0 MB of memory"},
        // what medians keep grows with what they are given
        {"products: {m: {reduce: {axis: 0, method: median}}, "
         "n: {reduce: {axis: 0, method: median}}, s: {reduce: {axis: 0}}}", 1,
         "of memory, and a rank may fill 1.0 MB; raise `memory:`"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct fixture f = {0};
        struct qn_error err = {0};
        double said;

        open_job(&f, t[i].rest, 4);
        assert_int_equal(plan(&f, 1, 1, (int64_t)(t[i].memory * MIB), &err),
                         QN_EJOB);
        if (!strstr(err.text, t[i].says) ||
            (strstr(t[i].says, "; raise") &&
             strcmp(strstr(err.text, t[i].says), t[i].says) != 0))
            fail_msg("'%s' is not in '%s'", t[i].says, err.text);
        // with what it says it runs, on several ranks too
        if (sscanf(strstr(err.text, "needs "), "needs %lf MB", &said) != 1)
            fail_msg("no figure: %s", err.text);
        for (int ranks = 1; ranks < 4; ranks++)
            if (plan(&f, ranks, 1, (int64_t)(said * MIB), &err))
                fail_msg("%g MB was not enough: %s", said, err.text);
        close_job(&f);
    }
}

/* What reading holds beside an item must be there; rows that are unpacked but
 * not yet asked for have what is left. */
static void
unpacked(void **state)
{
    static const struct {
        const char *text;
        double memory, item, window; // MiB
        int workers;
    } t[] = {
        {"0 0", 16, 6, 0, 2},
        {"1048576 0", 16, 7, 0, 2},
        {"0 1048576", 16, 7, 1, 2},
        {"0 104857600", 16, 8, 2, 2}, // nothing gives way to it
        {"0 104857600", 12, 6, 0, 2},
        {"1048576 104857600", 15, 7.5, 0.5, 2},
        {"0 1048576000", 1024, 262, 256, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct fixture f = {0};
        struct qn_error err = {0};
        const struct qn_need *n;

        open_job(&f, "steps: [{add: 1}]", 4);
        for (size_t k = 0; k < f.plan.stage[0].items.n; k++)
            qn_item_field(&f.plan.stage[0].pool, &f.plan.stage[0].items.v[k],
                          QN_PLAN_UNPACKS, t[i].text, true, NULL);
        if (plan(&f, 1, 2, (int64_t)(t[i].memory * MIB), &err))
            fail_msg("%s", err.text);
        n = &f.plan.stage[0].need;
        assert_int_equal(n->workers, t[i].workers);
        assert_int_equal(n->window, (int64_t)(t[i].window * MIB));
        assert_int_equal(n->item, (int64_t)(t[i].item * MIB));
        close_job(&f);
    }
}

static void
counted(void **state)
{
    static const struct {
        const char *rest;
        int workers;
        int64_t memory; // MiB
        double total;   // MiB
        int fit;
        bool slabs;
    } t[] = {
        {"steps: [{add: 1}]", 1, 100, 6, 1, false},
        {"steps: [{add: 1}]", 1, 4, 1.5, 1, true},
        {"steps: [{add: 1}]", 4, 100, 24, 4, false},
        {"steps: [{add: 1}]", 4, 14, 6, 4, true},
        {"steps: [{add: 1}], output: {format: fits}", 1, 4, 1.5, 1, true},
        {"steps: [{bin: 2}]", 1, 4, 1.75, 1, true},
        {"steps: [{crop: ['0:512', ':']}]", 1, 2, 1, 1, true},
        {"steps: [{normalize: {by: mean}}]", 1, 4, 2.5, 1, true},
        {"steps: [{add: 1}], output: {dtype: float64}", 1, 100, 12, 1, false},
        {"steps: [{gaussian: 1}]", 4, 100, 48, 4, false},
        {"steps: [{gaussian: 1}]", 9, 1000, 48, 4, false},
        // 256 rows and 4 on either side, as read and made real; 256 made
        {"steps: [{gaussian: 1}]", 1, 3, 2.546875, 1, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct fixture f = {0};
        struct qn_error err = {0};
        const struct qn_need *n;

        open_job(&f, t[i].rest, 4);
        n = &f.plan.stage[0].need;
        if (plan(&f, 1, t[i].workers, t[i].memory * MIB, &err))
            fail_msg("row %zu: %s", i, err.text);
        if (n->total != (int64_t)(t[i].total * (double)MIB) ||
            n->workers != t[i].fit || n->slabs != t[i].slabs)
            fail_msg("row %zu: %lld bytes, %d workers, slabs %d", i,
                     (long long)n->total, n->workers, n->slabs);
        close_job(&f);
    }
}

/* Whatever the budget: what is not refused keeps to it. */
static void
kept(void **state)
{
    static const char *const rest[] = {
        "steps: [{add: 1}]",
        "steps: [{add: 1}, {gaussian: 1}]",
        "products: {sum: {reduce: sum}, median: {reduce: {axis: 0, method: "
        "median}}}",
        "combine: {method: median}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        struct fixture f = {0};
        bool fitted = false;

        open_job(&f, rest[i], 6);
        for (int64_t m = 1; m <= 128; m++)
            for (int ranks = 1; ranks <= 4; ranks++) {
                const struct qn_need *n = &f.plan.stage[0].need;

                if (plan(&f, ranks, 3, m * MIB, NULL))
                    continue;
                fitted = true;
                assert_true(n->total <= m * MIB);
                assert_in_range(n->workers, 1, 3);
            }
        assert_true(fitted);
        close_job(&f);
    }
}

static void
shared(void **state)
{
    struct fixture f = {0};
    struct qn_error err = {0};
    const struct qn_plan_stage *st;

    (void)state;
    open_job(&f, "steps: [{gaussian: 1}]", 1);
    st = &f.plan.stage[0];
    // 12 MiB do not fit in one rank; in four do a block of 1 MiB, what of it is
    // sent, and two runs of rows
    assert_int_equal(plan(&f, 4, 1, 4 * MIB, &err), 0);
    assert_int_equal(st->team, 4);
    assert_true(st->need.total == 4 * MIB);
    // what a rank gathers goes to the disk then, with more to memory
    assert_true(st->need.gathered < 4 * MIB);
    assert_int_equal(plan(&f, 4, 1, 8 * MIB, &err), 0);
    assert_int_equal(st->team, 2);
    assert_true(st->need.total == 6 * MIB);
    assert_true(st->need.gathered == 2 * MIB);
    close_job(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(unpacked),
        cmocka_unit_test(counted),
        cmocka_unit_test(kept),
        cmocka_unit_test(shared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
