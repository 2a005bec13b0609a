/* The plan: choosing, grouping, matching, types, names, keys. */
#include "plan_run.h"

#include <stdlib.h>

/* ---- a job and its items ----------------------------------------------------- */

/* "PATH A=1 B=x": one probed 4 x 6 item with these fields. */
static void
add_item(struct qn_items *items, const char *said, enum qn_dtype dtype)
{
    char copy[256], *rest, *word;
    struct qn_item *it;

    strcpy(copy, said);
    word = strtok_r(copy, " ", &rest);
    qn_item_add(items, word, &it, NULL);
    it->bytes = 100;
    qn_item_type(&items->pool, it, dtype,
                 &(struct qn_type){dtype, {2, {4, 6}}}, NULL);
    while ((word = strtok_r(NULL, " ", &rest))) {
        char *equals = strchr(word, '=');

        *equals = '\0';
        qn_item_field(&items->pool, it, word, equals + 1, false, NULL);
    }
}

static void
give(struct fixture *f, int s, const char *const *said, enum qn_dtype dtype)
{
    struct qn_items items = {0}, none = {0};
    struct qn_error err = {0};

    for (; said && *said; said++)
        add_item(&items, *said, dtype);
    if (qn_plan_select(&f->plan, s, said ? &items : NULL, &err) ||
        qn_plan_resolve(&f->plan, s, &none, &err) ||
        qn_plan_keys(&f->plan, s, &err))
        fail_msg("%s", err.text);
}

/* ---- tests --------------------------------------------------------------------- */

static const char night[] =
    "stages:\n"
    "  bias: {input: {files: '*', where: \"KIND == 'bias'\"}, combine: mean}\n"
    "  flat:\n"
    "    input: {files: '*', where: \"KIND == 'flat'\"}\n"
    "    steps: [subtract: {stage: bias}]\n"
    "    combine: {method: median, per: FILTER}\n"
    "  science:\n"
    "    input: {files: '*', where: \"KIND == 'object'\"}\n"
    "    steps: [subtract: {stage: bias}, divide: {stage: flat}, bin: 2]\n"
    "  stack: {input: {stage: science}, combine: {method: mean, per: "
    "FILTER}}\n";

static const char *const frames[] = {
    "b1.fits KIND=bias",           "b2.fits KIND=bias",
    "f1.fits KIND=flat FILTER=V",  "f2.fits KIND=flat FILTER=B",
    "f3.fits KIND=flat FILTER=V",  "s1.fits KIND=object FILTER=V",
    "s2.fits KIND=object FILTER=B", "s3.fits KIND=object FILTER=Z",
    NULL};

static void
open_night(struct fixture *f)
{
    open_job(f, night);
    for (int s = 0; s < 3; s++)
        give(f, s, frames, QN_U16);
    give(f, 3, NULL, QN_U16);
}

static void
chooses_groups_and_matches(void **state)
{
    struct fixture f = {0};
    const struct qn_plan_stage *st;

    (void)state;
    open_night(&f);
    st = &f.plan.stage[0];
    assert_int_equal(st->ntasks, 2);
    assert_int_equal(st->rejected, 6);
    assert_string_equal(st->target[0].name, "bias.h5");
    // straight from integers
    assert_int_equal(st->target[0].type->dtype, QN_F64);

    st = &f.plan.stage[1];
    assert_int_equal(st->ntargets, 2);
    assert_string_equal(st->target[0].name, "flat/V.h5");
    assert_int_equal(st->target[0].ntasks, 2);
    assert_string_equal(st->target[1].name, "flat/B.h5");
    assert_int_equal(st->target[1].type->dtype, QN_F32);

    st = &f.plan.stage[2];
    assert_int_equal(st->task[0].use[1].target, 0);
    assert_int_equal(st->task[1].use[1].target, 1);
    assert_string_equal(st->target[0].name, "science/s1.h5");
    assert_int_equal(st->task[0].result->shape.n[0], 2);
    assert_int_equal(st->task[0].result->shape.n[1], 3);
    // no partner: that item fails, and says what there is
    assert_int_equal(st->task[2].state, QN_FAILED);
    assert_string_equal(st->task[2].reason,
                        "no flat for FILTER 'Z' (there are V, B)");
    assert_int_equal(qn_plan_check(&f.plan, NULL), 0);
    close_job(&f);
}

static void
types_after_each_step(void **state)
{
    static const struct {
        enum qn_dtype dtype;
        int64_t rows, columns;
    } want[] = {{QN_U16, 4, 6}, {QN_F32, 4, 6}, {QN_F32, 2, 3}, {QN_I16, 2, 3}};
    static const char *const one[] = {"a.fits", NULL};
    const struct qn_plan_stage *st;
    struct qn_type out[4];
    struct fixture f = {0};

    (void)state;
    open_job(&f, "stages:\n"
                 "  a:\n"
                 "    input: x\n"
                 "    steps: [median: 3, add: 1, bin: 2, cast: int16]\n"
                 "    products: {s: {reduce: {axis: 0}}}\n");
    give(&f, 0, one, QN_U16);
    st = &f.plan.stage[0];
    assert_int_equal(
        qn_plan_step_types(&f.plan, st, &st->task[0], out, NULL), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(out[i].dtype, want[i].dtype);
        assert_int_equal(out[i].shape.ndims, 2);
        assert_int_equal(out[i].shape.n[0], want[i].rows);
        assert_int_equal(out[i].shape.n[1], want[i].columns);
    }
    assert_memory_equal(&out[3].shape, &st->task[0].result->shape,
                        sizeof out[3].shape);
    close_job(&f);
}

static void
names_needed_at_the_source(void **state)
{
    struct fixture f = {0};
    struct qn_strings names = {0};

    (void)state;
    open_job(&f, night);
    // science itself asks for KIND; its flat and its stack for FILTER
    assert_int_equal(qn_plan_names(&f.job, 2, &names, NULL), 0);
    assert_int_equal(names.n, 2);
    assert_string_equal(names.v[0], "KIND");
    assert_string_equal(names.v[1], "FILTER");
    for (size_t i = 0; i < names.n; i++)
        free(names.v[i]);
    free(names.v);
    close_job(&f);
}

static bool
same_key(const struct qn_target *a, const struct qn_target *b)
{
    assert_false(qn_key_none(a->key));
    return !memcmp(a->key, b->key, sizeof *a->key);
}

/* Change one thing, and see which keys change with it. */
static void
keys_follow_what_decides(void **state)
{
    struct fixture a = {0}, b = {0};
    char *text = strdup(night);
    int s;

    (void)state;
    open_night(&a);
    memcpy(strstr(text, "median"), "mean  ", 6); // of the flats
    open_job(&b, text);
    for (s = 0; s < 3; s++)
        give(&b, s, frames, QN_U16);
    give(&b, 3, NULL, QN_U16);
    assert_true(same_key(&a.plan.stage[0].target[0],
                         &b.plan.stage[0].target[0]));
    for (s = 1; s < 4; s++)
        assert_false(same_key(&a.plan.stage[s].target[0],
                                &b.plan.stage[s].target[0]));
    close_job(&b);

    // the time of one science frame: that frame and its stack, no other
    memset(&b, 0, sizeof b);
    open_night(&b);
    b.plan.stage[2].items.v[5].mtime_ns++;
    for (s = 0; s < 4; s++)
        qn_plan_keys(&b.plan, s, NULL);
    assert_true(same_key(&a.plan.stage[1].target[0],
                         &b.plan.stage[1].target[0]));
    assert_false(same_key(&a.plan.stage[2].target[0],
                            &b.plan.stage[2].target[0]));
    assert_true(same_key(&a.plan.stage[2].target[1],
                         &b.plan.stage[2].target[1]));
    assert_false(same_key(&a.plan.stage[3].target[0],
                            &b.plan.stage[3].target[0]));
    assert_true(same_key(&a.plan.stage[3].target[1],
                         &b.plan.stage[3].target[1]));
    close_job(&a);
    close_job(&b);
    free(text);
}

static void
a_where_that_keeps_nothing(void **state)
{
    static const char *const items[] = {"a.fits KIND=bias",
                                        "b.fits KIND=flat", "c.fits", NULL};
    struct fixture f = {0};
    struct qn_items set = {0};
    struct qn_error err = {0};

    (void)state;
    open_job(&f, "stages:\n  s: {input: {files: '*', where: \"has(KIND) and "
                 "KIND == 'x'\"}}\n");
    for (int i = 0; items[i]; i++)
        add_item(&set, items[i], QN_U16);
    assert_int_equal(qn_plan_select(&f.plan, 0, &set, &err), QN_EMISSING);
    assert_non_null(strstr(err.text, "keeps none of 3 items (KIND is 'bias' "
                                     "1 times, 'flat' 1 times, missing 1 "
                                     "times)"));
    close_job(&f);
}

static void
a_missing_field_fails_its_item(void **state)
{
    static const char *const items[] = {"a.fits KIND=x", "b.fits", NULL};
    struct fixture f = {0};

    (void)state;
    open_job(&f,
             "stages: {s: {input: {files: '*', where: \"KIND == 'x'\"}}}\n");
    give(&f, 0, items, QN_U16);
    assert_int_equal(f.plan.stage[0].ntasks, 2);
    assert_int_equal(f.plan.stage[0].task[0].state, QN_TODO);
    assert_int_equal(f.plan.stage[0].task[1].state, QN_FAILED);
    assert_non_null(strstr(f.plan.stage[0].task[1].reason, "KIND"));
    close_job(&f);
}

static void
collisions(void **state)
{
    static const struct {
        const char *name;
        const char *items[3];
        const char *said; /* NULL: none */
    } table[] = {
        {"{stem}", {"a/x.fits", "b/x.fits"}, "a/x.fits and b/x.fits"},
        {"{stem}", {"x.fits", "x.fits.gz"}, "would both be written"},
        {"{dir}-{stem}", {"a/x.fits", "b/x.fits"}, NULL},
        {"{KIND}/{stem}", {"x.fits KIND=1", "y.fits KIND=1"}, NULL},
        {"k{KIND}", {"x.fits KIND=1", "y.fits KIND=1"}, "s/k1.h5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *const items[] = {table[i].items[0], table[i].items[1],
                                     NULL};
        struct fixture f = {0};
        struct qn_error err = {0};
        char text[256];
        int rc;

        snprintf(text, sizeof text,
                 "stages: {s: {input: '*', output: {name: \"%s\"}}}\n",
                 table[i].name);
        open_job(&f, text);
        give(&f, 0, items, QN_U16);
        rc = qn_plan_check(&f.plan, &err);
        assert_int_equal(rc, table[i].said ? QN_EJOB : 0);
        if (table[i].said && !strstr(err.text, table[i].said))
            fail_msg("%s", err.text);
        close_job(&f);
    }
}

static void
nearest_match(void **state)
{
    static const char *const darks[] = {
        "d1 K=d EXPTIME=10 BIN=1", "d2 K=d EXPTIME=60 BIN=1",
        "d3 K=d EXPTIME=60 BIN=2", "d4 K=d EXPTIME=100 BIN=1", NULL};
    static const char *const objects[] = {
        "o1 K=o EXPTIME=50 BIN=1", "o2 K=o EXPTIME=55 BIN=2",
        "o3 K=o EXPTIME=35 BIN=1", // halfway: the smaller value
        "o4 K=o EXPTIME=500 BIN=1", NULL};
    static const int want[] = {1, 2, 0, -1};
    struct fixture f = {0};

    (void)state;
    open_job(&f, "stages:\n"
                 "  d: {input: 'd*', combine: {method: mean, per: [EXPTIME, "
                 "BIN]}}\n"
                 "  o:\n"
                 "    input: 'o*'\n"
                 "    steps: [subtract: {stage: d, match: [BIN, {nearest: "
                 "EXPTIME, within: 100}]}]\n");
    give(&f, 0, darks, QN_U16);
    give(&f, 1, objects, QN_U16);
    for (int i = 0; i < 4; i++) {
        const struct qn_task *t = &f.plan.stage[1].task[i];

        if (want[i] < 0)
            assert_int_equal(t->state, QN_FAILED);
        else
            assert_int_equal(t->use[0].target, want[i]);
    }
    close_job(&f);
}

static void
precision_by_the_widest(void **state)
{
    static const char *const items[] = {"a.fits", "b.fits", NULL};
    static const struct {
        const char *said;
        enum qn_dtype stored, want;
    } table[] = {
        {"auto", QN_U16, QN_F32},    {"auto", QN_F32, QN_F32},
        {"auto", QN_I32, QN_F64},    {"auto", QN_F64, QN_F64},
        {"float64", QN_U8, QN_F64},  {"float32", QN_F64, QN_F32},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct fixture f = {0};
        char text[128];

        snprintf(text, sizeof text,
                 "precision: %s\nstages: {s: {input: '*', steps: [add: 1]}}\n",
                 table[i].said);
        open_job(&f, text);
        give(&f, 0, items, table[i].stored);
        assert_int_equal(f.plan.stage[0].task[0].result->dtype, table[i].want);
        close_job(&f);
    }
}

static void
members_of_another_shape(void **state)
{
    static const char *const items[] = {"a.fits", "b.fits", "c.fits", NULL};
    struct fixture f = {0};
    struct qn_items set = {0}, none = {0};

    (void)state;
    open_job(&f, "stages: {s: {input: '*', combine: {method: mean, at-least: "
                 "90%}}}\n");
    for (int i = 0; items[i]; i++)
        add_item(&set, items[i], QN_U16);
    qn_item_type(&set.pool, &set.v[1], QN_U16,
                 &(struct qn_type){QN_U16, {2, {5, 6}}}, NULL);
    qn_plan_select(&f.plan, 0, &set, NULL);
    qn_plan_resolve(&f.plan, 0, &none, NULL);
    assert_int_equal(f.plan.stage[0].task[1].state, QN_FAILED);
    assert_non_null(strstr(f.plan.stage[0].task[1].reason, "5 x 6"));
    // two of three are fewer than 90 %
    assert_int_equal(f.plan.stage[0].target[0].state, QN_FAILED);
    close_job(&f);
}

/* What failed before has the type that it had come to, which is nobody's
 * measure: neither its own nor, where it is the first, that of the others. */
static void
members_that_failed_before(void **state)
{
    static const char *const items[] = {"a.fits", "b.fits V=1", "c.fits V=2",
                                        NULL};
    struct fixture f = {0};
    const struct qn_plan_stage *st;

    (void)state;
    open_job(&f, "stages:\n"
                 "  s: {input: '*', steps: [add: {header: V}, bin: 2]}\n"
                 "  t: {input: {stage: s}, combine: {method: mean, at-least: "
                 "2}}\n");
    give(&f, 0, items, QN_U16);
    give(&f, 1, NULL, QN_U16);
    st = &f.plan.stage[1];
    assert_int_equal(f.plan.stage[0].task[0].state, QN_FAILED);
    assert_int_equal(st->task[0].state, QN_UPSTREAM);
    assert_string_equal(st->task[0].reason, "the item it comes from failed");
    assert_int_equal(st->task[1].state, QN_TODO);
    assert_int_equal(st->task[2].state, QN_TODO);
    assert_int_equal(st->target[0].state, QN_TODO);
    assert_int_equal(st->target[0].type->shape.n[0], 2);
    close_job(&f);
}

/* What is said of its frames last counts, also that none failed. */
static void
lost_frames(void **state)
{
    const struct qn_item item = {.frame = 0, .nframes = 9};
    struct qn_plan_stage st = {0};
    struct qn_task t = {.item = &item};

    (void)state;
    assert_int_equal(qn_plan_lose_frames(&st, &t, "2 dark\n7 no light\n", NULL),
                     0);
    assert_int_equal(qn_plan_lost(&t), 2);
    assert_int_equal(t.lost->frame[1], 7);
    assert_string_equal(t.reason, "2 dark\n7 no light\n");
    assert_int_equal(qn_plan_frames(&t), 7);
    assert_int_equal(qn_plan_lose_frames(&st, &t, "8 dark\n", NULL), 0);
    assert_int_equal(qn_plan_frames(&t), 8);
    assert_int_equal(qn_plan_lose_frames(&st, &t, "", NULL), 0);
    assert_int_equal(qn_plan_lost(&t), 0);
    assert_null(t.reason);
    qn_pool_clear(&st.pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_groups_and_matches),
        cmocka_unit_test(types_after_each_step),
        cmocka_unit_test(names_needed_at_the_source),
        cmocka_unit_test(keys_follow_what_decides),
        cmocka_unit_test(a_where_that_keeps_nothing),
        cmocka_unit_test(a_missing_field_fails_its_item),
        cmocka_unit_test(collisions),
        cmocka_unit_test(nearest_match),
        cmocka_unit_test(precision_by_the_widest),
        cmocka_unit_test(members_of_another_shape),
        cmocka_unit_test(members_that_failed_before),
        cmocka_unit_test(lost_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
