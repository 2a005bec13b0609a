/* Packed results in the plan: the cut into parts, odd items, keys, memory. */
#include "plan_run.h"

#include <stdio.h>
#include <stdlib.h>

/* n items of ny x 8 of uint16. */
static void
add_items(struct fixture *f, int n, int64_t ny)
{
    for (int i = 0; i < n; i++) {
        const struct qn_type type = {QN_U16, {2, {ny, 8}}};
        struct qn_item *it;
        char path[64];

        snprintf(path, sizeof path, "d/f%05zu.raw", f->items.n);
        assert_int_equal(qn_item_add(&f->items, path, &it, NULL), 0);
        it->bytes = 100;
        it->mtime_ns = 1 + (int64_t)f->items.n;
        qn_item_type(&f->items.pool, it, QN_U16, &type, NULL);
    }
}

static int
plan(struct fixture *f, struct qn_error *err)
{
    struct qn_items none = {0};

    QN_TRY(qn_plan_select(&f->plan, 0, &f->items, err));
    QN_TRY(qn_plan_resolve(&f->plan, 0, &none, err));
    return qn_plan_keys(&f->plan, 0, err);
}

static const char doubled[] =
    "stages: {s: {input: '*', steps: [multiply: 2], output: {layout: "
    "packed}}}\n";

/* ---- jobs that cannot be meant --------------------------------------------- */

static void
jobs_that_are_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } table[] = {
        {"stages: {s: {input: '*', combine: mean, output: {layout: packed}}}",
         "a combination makes one result of many items anyway"},
        {"stages: {s: {input: {files: '*', each: frame}, output: {layout: "
         "packed}}}",
         "the frames of a file come back as one output anyway"},
        {"stages: {s: {input: '*', output: {layout: packed, format: fits}}}",
         "a FITS file holds one result"},
        {"stages: {s: {input: '*', team: 2, output: {layout: packed}}}",
         "small items are not shared by several ranks"},
        {"stages: {s: {input: '*', output: {layout: packed}}, t: {input: "
         "{stage: s, slice: ['0:2']}, combine: mean}}",
         "'slice' does not go with 'stage'"},
        {"stages: {s: {input: '*', output: {layout: packed}}, t: {input: "
         "{stage: s, each: frame}, combine: mean}}",
         "a stage cannot read them with `each`"},
        {"stages: {s: {input: '*', output: {layout: packed}}, t: {input: "
         "{stage: s}, steps: [exec: {command: 'cp {input} {output}'}]}}",
         "a stage cannot give them to a program"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct qn_job job = {0};
        struct qn_text problems = {0};
        struct qn_error err = {0};

        assert_int_equal(qn_job_parse(&job, "t.yaml", table[i].text,
                                      strlen(table[i].text), NULL, 0,
                                      qn_catalog(), &problems, &err),
                         QN_EJOB);
        if (!strstr(qn_text_get(&problems), table[i].says))
            fail_msg("%s", qn_text_get(&problems));
        qn_text_clear(&problems);
        qn_job_clear(&job);
    }
}

/* ---- the cut ---------------------------------------------------------------- */

static void
rows_by_bytes(void **state)
{
    static const struct {
        int64_t bytes;
        int rows;
    } table[] = {{0, 1024},        {1, 1024},     {4096, 1024}, {4097, 1023},
                 {1 << 18, 16},    {(1 << 18) - 100, 16}, {200000, 20},
                 {1 << 30, 16},    {INT64_MAX, 16}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(qn_plan_pack_rows(table[i].bytes), table[i].rows);
}

static void
consecutive_items_share_a_part(void **state)
{
    // 8 * 1000 float32 make 32,000 bytes: 131 rows
    struct fixture f;
    struct qn_error err = {0};
    const struct qn_plan_stage *st;

    (void)state;
    open_job(&f, doubled);
    add_items(&f, 300, 1000);
    assert_int_equal(plan(&f, &err), 0);
    st = &f.plan.stage[0];
    assert_int_equal(st->ntargets, 3);
    assert_string_equal(st->target[0].name, "s/part-000000.h5");
    assert_string_equal(st->target[2].name, "s/part-000002.h5");
    assert_int_equal(st->target[1].ntasks, 131);
    assert_int_equal(st->target[2].ntasks, 38);
    assert_int_equal(st->target[2].type->shape.ndims, 3);
    assert_int_equal(st->target[2].type->shape.n[0], 38);
    assert_int_equal(st->target[2].type->dtype, QN_F32);
    for (int i = 0; i < st->ntasks; i++) {
        assert_int_equal(st->task[i].target, i / 131);
        assert_int_equal(st->target[i / 131].task[i % 131], i);
    }
    close_job(&f);
}

static void
no_items_no_parts(void **state)
{
    struct fixture f;

    (void)state;
    open_job(&f, doubled);
    f.plan.growing = true;
    assert_int_equal(plan(&f, NULL), 0);
    assert_int_equal(f.plan.stage[0].ntargets, 0);
    close_job(&f);
}

/* ---- items unlike the others ------------------------------------------------- */

static void
an_odd_item_fails(void **state)
{
    struct fixture f;
    const struct qn_plan_stage *st;

    (void)state;
    open_job(&f, doubled);
    add_items(&f, 2, 4);
    add_items(&f, 1, 5);
    assert_int_equal(plan(&f, NULL), 0);
    st = &f.plan.stage[0];
    assert_int_equal(st->target[0].state, QN_TODO);
    assert_int_equal(st->target[0].ntasks, 3);
    assert_int_equal(st->task[2].code, QN_ESHAPE);
    assert_non_null(strstr(st->task[2].reason, "5 x 8 float32"));
    assert_non_null(strstr(st->task[2].reason, "f00000.raw, the first, is 4"));
    close_job(&f);
}

static void
an_odd_first_item_is_refused(void **state)
{
    struct fixture f;
    struct qn_error err = {0};

    (void)state;
    open_job(&f, doubled);
    add_items(&f, 1, 4);
    add_items(&f, 2, 5);
    assert_int_equal(plan(&f, &err), QN_EJOB);
    assert_non_null(strstr(err.text, "d/f00000.raw gives 4 x 8 float32"));
    assert_non_null(strstr(err.text, "d/f00001.raw gives 5 x 8"));
    close_job(&f);
}

static void
a_part_without_good_items_fails(void **state)
{
    struct fixture f;
    struct qn_plan_stage *st;

    (void)state;
    open_job(&f, doubled);
    add_items(&f, 3, 4);
    for (int i = 0; i < 3; i++)
        qn_item_fail(&f.items.pool, &f.items.v[i], QN_EFORMAT, "bad", NULL);
    assert_int_equal(plan(&f, NULL), 0);
    st = &f.plan.stage[0];
    assert_int_equal(st->ntargets, 1);
    assert_int_equal(st->target[0].code, QN_EFORMAT);
    close_job(&f);
}

/* ---- rows as items ------------------------------------------------------------ */

static void
rows_are_items_of_a_combination(void **state)
{
    static const char text[] =
        "stages: {s: {input: '*', steps: [multiply: 2], output: {layout: "
        "packed}}, t: {input: {stage: s}, combine: mean}}";
    struct fixture f;
    struct qn_plan_stage *st;
    struct qn_fingerprint last;
    int row;

    (void)state;
    open_job(&f, text);
    add_items(&f, 300, 1000);
    assert_int_equal(plan(&f, NULL), 0);
    st = &f.plan.stage[1];
    assert_int_equal(qn_plan_select(&f.plan, 1, NULL, NULL), 0);
    assert_int_equal(st->ntasks, 300);
    assert_string_equal(st->task[200].item->path,
                        f.plan.stage[0].task[200].item->path);
    assert_int_equal(st->task[200].item->type->shape.ndims, 2);
    assert_int_equal(st->task[200].item->type->shape.n[0],
                     f.plan.stage[0].task[200].result->shape.n[0]);
    assert_int_equal(
        qn_plan_pack_source(&f.plan, st, st->task[200].item, &row), 1);
    assert_int_equal(row, 200 - 131);
    assert_int_equal(
        qn_plan_pack_source(&f.plan, &f.plan.stage[0],
                            f.plan.stage[0].task[7].item, &row), -1);
    assert_int_equal(row, -1);

    // its key is that of its own item
    qn_plan_keys(&f.plan, 1, NULL);
    last = st->task[299].key;
    f.plan.stage[0].items.v[298].mtime_ns++;
    qn_plan_keys(&f.plan, 0, NULL);
    qn_plan_keys(&f.plan, 1, NULL);
    assert_true(qn_key_equal(&last, &st->task[299].key));
    close_job(&f);
}

/* Find the partners of stage 1, whose items are files. */
static int
plan_second(struct fixture *f, struct qn_error *err)
{
    struct qn_items none = {0};
    struct qn_items items = qn_item_borrow(&f->plan.stage[0].items);

    QN_TRY(qn_plan_select(&f->plan, 1, &items, err));
    QN_TRY(qn_plan_resolve(&f->plan, 1, &none, err));
    return qn_plan_keys(&f->plan, 1, err);
}

static void
rows_are_operands(void **state)
{
    static const char text[] =
        "stages: {s: {input: '*', steps: [multiply: 2], output: {layout: "
        "packed}}, t: {input: '*', steps: [add: {stage: s}]}}";
    struct fixture f;
    const struct qn_plan_stage *st, *from;
    struct qn_fingerprint same, other;
    const struct qn_use *u;
    char label[64];

    (void)state;
    open_job(&f, text);
    add_items(&f, 300, 1000);
    assert_int_equal(plan(&f, NULL), 0);
    assert_int_equal(plan_second(&f, NULL), 0);
    from = &f.plan.stage[0];
    st = &f.plan.stage[1];
    assert_int_equal(st->ntargets, 300);
    u = st->task[200].use;
    assert_int_equal(u->stage, 0);
    assert_int_equal(u->target, 1);
    assert_int_equal(u->row, 200 - 131);
    assert_ptr_equal(qn_plan_pack_use(&f.plan, u), &from->task[200]);
    assert_string_equal(qn_plan_pack_label(label, sizeof label, "part.h5",
                                           u->row), "part.h5[69:70]");
    assert_string_equal(qn_plan_pack_label(label, sizeof label, "a.h5", -1),
                        "a.h5");
    // its shape is that of a row
    assert_int_equal(st->task[200].code, 0);
    assert_int_equal(st->task[200].result->shape.ndims, 2);

    // its key follows its own row alone
    same = st->task[199].key;
    other = st->task[200].key;
    qn_plan_fail_task(&f.plan.stage[0], &f.plan.stage[0].task[201], QN_BLOCKED,
                      QN_EMISSING, "no", NULL);
    f.plan.stage[0].task[200].key.b[0]++;
    qn_plan_keys(&f.plan, 1, NULL);
    assert_true(qn_key_equal(&same, &st->task[199].key));
    assert_false(qn_key_equal(&other, &st->task[200].key));
    close_job(&f);
}

static void
rows_are_matched(void **state)
{
    static const char text[] =
        "stages: {s: {input: '*', output: {layout: packed}}, t: {input: '*', "
        "steps: [add: {stage: s, match: [kind, {nearest: n}]}]}}";
    struct fixture f;
    struct qn_error err = {0};
    struct qn_items mine = {0};
    struct qn_items none = {0};
    const struct qn_plan_stage *st;
    struct qn_item *it;

    (void)state;
    open_job(&f, text);
    add_items(&f, 40, 10000);
    for (int i = 0; i < 40; i++) {
        char n[8];

        snprintf(n, sizeof n, "%d", 10 * i);
        qn_item_field(&f.items.pool, &f.items.v[i], "n", n, false, NULL);
        qn_item_field(&f.items.pool, &f.items.v[i], "kind",
                      i % 2 ? "odd" : "even", true, NULL);
    }
    assert_int_equal(plan(&f, NULL), 0);
    for (int i = 0; i < 2; i++) {
        const struct qn_type type = {QN_U16, {2, {10000, 8}}};

        qn_item_add(&mine, i ? "x" : "y", &it, NULL);
        qn_item_type(&mine.pool, it, QN_U16, &type, NULL);
        qn_item_field(&mine.pool, it, "n", "204", false, NULL);
        qn_item_field(&mine.pool, it, "kind", i ? "odd" : "none", true, NULL);
    }
    if (qn_plan_select(&f.plan, 1, &mine, &err) ||
        qn_plan_resolve(&f.plan, 1, &none, &err))
        fail_msg("%s", err.text);
    st = &f.plan.stage[1];
    assert_non_null(strstr(st->task[0].reason,
                           "no s for kind 'none' (there are even, odd)"));
    assert_ptr_equal(qn_plan_pack_use(&f.plan, st->task[1].use),
                     &f.plan.stage[0].task[21]);
    close_job(&f);
}

/* ---- keys -------------------------------------------------------------------- */

static void
keys_of_parts(void **state)
{
    struct fixture f;
    struct qn_plan_stage *st;
    struct qn_fingerprint first, second;

    (void)state;
    open_job(&f, doubled);
    add_items(&f, 200, 1000);
    assert_int_equal(plan(&f, NULL), 0);
    st = &f.plan.stage[0];
    assert_int_equal(st->ntargets, 2);
    first = *st->target[0].key;
    second = *st->target[1].key;
    assert_false(qn_key_none(&first));
    assert_false(qn_key_equal(&first, &second));

    // one that failed when it was read has a row all the same
    qn_plan_fail_task(st, &st->task[3], QN_FAILED, QN_EFORMAT, "bad", NULL);
    qn_plan_keys(&f.plan, 0, NULL);
    assert_true(qn_key_equal(&first, st->target[0].key));

    // one that was not tried may be had another time
    qn_plan_fail_task(st, &st->task[4], QN_BLOCKED, QN_EMISSING, "no", NULL);
    qn_plan_keys(&f.plan, 0, NULL);
    assert_false(qn_key_equal(&first, st->target[0].key));
    assert_true(qn_key_equal(&second, st->target[1].key));

    // another time of one file: its part
    st->items.v[150].mtime_ns++;
    qn_plan_keys(&f.plan, 0, NULL);
    assert_false(qn_key_equal(&second, st->target[1].key));
    close_job(&f);
}

/* ---- names and memory -------------------------------------------------------- */

static void
names_of_rows(void **state)
{
    struct fixture f;
    char *name;

    (void)state;
    open_job(&f, "stages: {s: {input: '*', output: {layout: packed, name: "
                 "'{dir}-{stem}'}}}\n");
    add_items(&f, 1, 4);
    assert_int_equal(plan(&f, NULL), 0);
    assert_int_equal(qn_plan_pack_name(&name, &f.plan.stage[0],
                                       f.plan.stage[0].task[0].item, NULL),
                     0);
    assert_string_equal(name, "d-f00000");
    free(name);
    close_job(&f);
}

static void
a_part_must_fit(void **state)
{
    struct qn_need_ask ask = {.ranks = 1, .workers = 1};
    struct fixture f;
    struct qn_error err = {0};

    (void)state;
    open_job(&f, doubled);
    add_items(&f, 20, 1 << 15); // 1 MiB each, 16 to a part
    assert_int_equal(plan(&f, NULL), 0);
    // an item, its copies and the part of 16
    ask.memory = (int64_t)40 << 20;
    assert_int_equal(qn_plan_team(&f.plan, 0, &ask, NULL), 0);
    assert_int_equal(f.plan.stage[0].team, 1);
    ask.memory = (int64_t)16 << 20;
    assert_int_equal(qn_plan_team(&f.plan, 0, &ask, &err), QN_EJOB);
    assert_non_null(strstr(err.text, "a part of packed results needs"));
    close_job(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_that_are_refused),
        cmocka_unit_test(rows_by_bytes),
        cmocka_unit_test(consecutive_items_share_a_part),
        cmocka_unit_test(no_items_no_parts),
        cmocka_unit_test(an_odd_item_fails),
        cmocka_unit_test(an_odd_first_item_is_refused),
        cmocka_unit_test(a_part_without_good_items_fails),
        cmocka_unit_test(rows_are_items_of_a_combination),
        cmocka_unit_test(rows_are_operands),
        cmocka_unit_test(rows_are_matched),
        cmocka_unit_test(keys_of_parts),
        cmocka_unit_test(names_of_rows),
        cmocka_unit_test(a_part_must_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
