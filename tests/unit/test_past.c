/* The past of results: how each stands, and which runs died with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/past.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* A line as tests write it: KIND RUN [STAGE/NAME KEY]. */
struct line {
    enum qn_record_kind kind;
    uint64_t run;
    const char *stage, *name, *key;
    int number; /* bytes, mtime or attempt and code: told apart by sign */
};

static void
add(struct qn_past *past, const struct line *l)
{
    struct qn_record r = {.kind = l->kind,
                          .run = l->run,
                          .stage = l->stage ? l->stage : "",
                          .name = l->name ? l->name : "",
                          .item = "",
                          .host = "",
                          .reason = "it is bad",
                          .bytes = l->number,
                          .mtime_ns = l->number + 1,
                          .attempt = l->number + 2,
                          .code = -l->number,
                          .time_ns = l->number + 3};
    struct qn_error err;

    strcpy(r.key, l->key ? l->key : "");
    assert_int_equal(qn_past_add(past, &r, &err), 0);
}

static void
replay(struct qn_past *past, const struct line *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(past, &l[i]);
    qn_past_settle(past);
}

#define REPLAY(past, l) replay(past, l, sizeof(l) / sizeof *(l))
#define RUN_BEGIN(run)                                                         \
    {                                                                          \
        QN_RECORD_RUN_BEGIN, run, NULL, NULL, NULL, 0                          \
    }
#define RUN_END(run)                                                           \
    {                                                                          \
        QN_RECORD_RUN_END, run, NULL, NULL, NULL, 0                            \
    }
#define BEGIN(run, key)                                                        \
    {                                                                          \
        QN_RECORD_BEGIN, run, "s", "x", key, 0                                 \
    }
#define DONE(run, key)                                                         \
    {                                                                          \
        QN_RECORD_DONE, run, "s", "x", key, 10                                 \
    }
#define FAILED(run, key)                                                       \
    {                                                                          \
        QN_RECORD_FAILED, run, "s", "x", key, 7                                \
    }

/* ---- states -------------------------------------------------------------- */

static void
nothing(void **state)
{
    struct qn_past past = {0};

    (void)state;
    assert_null(qn_past_find(&past, "s", "x"));
    qn_past_settle(&past);
    qn_past_clear(&past);
    qn_past_clear(&past);
}

static void
names(void **state)
{
    // One text, parted in different places.
    static const struct line lines[] = {
        {QN_RECORD_DONE, 1, "ab", "c", A, 1},
        {QN_RECORD_DONE, 1, "a", "bc", A, 2},
        {QN_RECORD_DONE, 1, "", "abc", A, 3},
        {QN_RECORD_DONE, 1, "abc", "", A, 4},
    };
    struct qn_past past = {0};

    (void)state;
    REPLAY(&past, lines);
    assert_int_equal(past.nitems, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct qn_past_item *p =
            qn_past_find(&past, lines[i].stage, lines[i].name);
        assert_non_null(p);
        assert_string_equal(p->stage, lines[i].stage);
        assert_string_equal(p->name, lines[i].name);
        assert_int_equal(p->bytes, lines[i].number);
    }
    assert_null(qn_past_find(&past, "ab", "cd"));
    assert_null(qn_past_find(&past, "abc", "abc"));
    qn_past_clear(&past);
}

static void
last_state(void **state)
{
    static const struct line done = DONE(1, A), failed = FAILED(2, B),
                             begin = BEGIN(3, B);
    const struct qn_past_item *p;
    struct qn_past past = {0};

    (void)state;
    add(&past, &done);
    p = qn_past_find(&past, "s", "x");
    assert_int_equal(p->kind, QN_RECORD_DONE);
    assert_true(qn_key_is(&p->key, A));
    assert_true(qn_key_is(&p->done_key, A));
    assert_int_equal(p->bytes, 10);
    assert_int_equal(p->mtime_ns, 11);
    assert_int_equal(p->attempt, 12);
    assert_int_equal(p->time_ns, 13);
    assert_int_equal(p->run, 1);
    assert_int_equal(p->code, 0);
    assert_null(p->reason);

    // The output of the done line is still there.
    add(&past, &failed);
    p = qn_past_find(&past, "s", "x");
    assert_int_equal(p->kind, QN_RECORD_FAILED);
    assert_true(qn_key_is(&p->key, B));
    assert_true(qn_key_is(&p->done_key, A));
    assert_int_equal(p->bytes, 10);
    assert_int_equal(p->mtime_ns, 11);
    assert_int_equal(p->attempt, 9);
    assert_int_equal(p->run, 2);
    assert_int_equal(p->code, -7);
    assert_string_equal(p->reason, "it is bad");

    add(&past, &begin);
    p = qn_past_find(&past, "s", "x");
    assert_int_equal(p->kind, QN_RECORD_BEGIN);
    assert_true(qn_key_is(&p->done_key, A));
    assert_int_equal(p->code, 0);
    assert_null(p->reason);
    assert_int_equal(past.nitems, 1);
    assert_int_equal(past.nruns, 3);
    qn_past_clear(&past);
}

/* ---- runs that died ------------------------------------------------------ */

struct story {
    const char *name;
    int crashes;
    struct line line[12];
    int n;
};

#define STORY(name, crashes, ...)                                              \
    {                                                                          \
        name, crashes, {__VA_ARGS__},                                          \
            sizeof((struct line[]){__VA_ARGS__}) / sizeof(struct line)         \
    }

static const struct story stories[] = {
    STORY("the last run may be alive", 0, RUN_BEGIN(1), BEGIN(1, A)),
    STORY("it died", 1, RUN_BEGIN(1), BEGIN(1, A), RUN_BEGIN(2)),
    STORY("it ended", 0, RUN_BEGIN(1), BEGIN(1, A), RUN_END(1), RUN_BEGIN(2)),
    STORY("its end came late", 0, RUN_BEGIN(1), BEGIN(1, A), RUN_BEGIN(2),
          RUN_END(1)),
    STORY("another ended", 1, RUN_BEGIN(1), BEGIN(1, A), RUN_BEGIN(2),
          RUN_END(2)),
    STORY("done before", 0, RUN_BEGIN(1), BEGIN(1, A), DONE(1, A),
          RUN_BEGIN(2)),
    STORY("failed before", 0, RUN_BEGIN(1), BEGIN(1, A), FAILED(1, A),
          RUN_BEGIN(2)),
    STORY("failed, tried again, died", 1, RUN_BEGIN(1), BEGIN(1, A),
          FAILED(1, A), BEGIN(1, A), RUN_BEGIN(2)),
    STORY("begun twice in a run", 1, RUN_BEGIN(1), BEGIN(1, A), BEGIN(1, A),
          RUN_BEGIN(2)),
    STORY("died twice", 2, RUN_BEGIN(1), BEGIN(1, A), RUN_BEGIN(2), BEGIN(2, A),
          RUN_BEGIN(3)),
    STORY("died twice, in hand again", 2, RUN_BEGIN(1), BEGIN(1, A),
          RUN_BEGIN(2), BEGIN(2, A), RUN_BEGIN(3), BEGIN(3, A)),
    STORY("begun by two at once", 1, RUN_BEGIN(1), RUN_BEGIN(2), BEGIN(1, A),
          BEGIN(2, A), BEGIN(1, A), BEGIN(2, A)),
    STORY("died, then done", 0, RUN_BEGIN(1), BEGIN(1, A), RUN_BEGIN(2),
          BEGIN(2, A), DONE(2, A), RUN_BEGIN(3)),
    STORY("died, done, died", 1, RUN_BEGIN(1), BEGIN(1, A), RUN_BEGIN(2),
          BEGIN(2, A), DONE(2, A), RUN_BEGIN(3), BEGIN(3, A), RUN_BEGIN(4)),
    STORY("died with another key", 1, RUN_BEGIN(1), BEGIN(1, A), RUN_BEGIN(2),
          BEGIN(2, B), RUN_BEGIN(3)),
    STORY("lines of another rank first", 1, BEGIN(1, A), RUN_BEGIN(1),
          RUN_BEGIN(2)),
    STORY("the next run's first", 0, RUN_BEGIN(1), RUN_END(1), BEGIN(2, A),
          RUN_BEGIN(2)),
    STORY("its run-begin is lost", 1, BEGIN(1, A), RUN_BEGIN(2)),
    STORY("all run-begins are lost", 0, BEGIN(1, A), BEGIN(2, A)),
};

static void
crashes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        const struct story *s = &stories[i];
        struct qn_past past = {0};
        replay(&past, s->line, (size_t)s->n);
        int got = qn_past_find(&past, "s", "x")->crashes;
        if (got != s->crashes)
            fail_msg("%s: %d, not %d", s->name, got, s->crashes);
        qn_past_settle(&past);
        assert_int_equal(qn_past_find(&past, "s", "x")->crashes, got);
        qn_past_clear(&past);
    }
}

/* A run that carries on tells that the one before it died. */
static void
settled_again(void **state)
{
    static const struct line before[] = {RUN_BEGIN(1), BEGIN(1, A)};
    static const struct line mine[] = {RUN_BEGIN(2)};
    struct qn_past past = {0};

    (void)state;
    REPLAY(&past, before);
    assert_false(past.run[0].died);
    REPLAY(&past, mine);
    assert_true(past.run[0].began && past.run[0].died);
    assert_false(past.run[1].died);
    assert_int_equal(qn_past_find(&past, "s", "x")->crashes, 1);
    qn_past_clear(&past);
}

/* ---- many ---------------------------------------------------------------- */

static void
many(void **state)
{
    enum { ITEMS = 20000, RUNS = 300 };
    struct qn_past past = {0};
    char name[32];

    (void)state;
    for (int run = 1; run <= RUNS; run++) {
        struct line begin = RUN_BEGIN((uint64_t)run << 40);
        add(&past, &begin);
    }
    for (int i = 0; i < ITEMS; i++) {
        struct line l = {
            QN_RECORD_BEGIN, (uint64_t)(1 + i % RUNS) << 40, "s", name, A, i};
        snprintf(name, sizeof name, "item-%06d", i);
        add(&past, &l);
        l.kind = QN_RECORD_DONE;
        if (i % 2)
            add(&past, &l);
    }
    qn_past_settle(&past);
    assert_int_equal(past.nitems, ITEMS);
    assert_int_equal(past.nruns, RUNS);
    for (int i = 0; i < ITEMS; i++) {
        snprintf(name, sizeof name, "item-%06d", i);
        const struct qn_past_item *p = qn_past_find(&past, "s", name);
        assert_non_null(p);
        assert_int_equal(p->attempt, i + 2);
        assert_int_equal(p->kind, i % 2 ? QN_RECORD_DONE : QN_RECORD_BEGIN);
        assert_int_equal(p->crashes, i % 2 == 0 && i % RUNS < RUNS - 1);
    }
    assert_null(qn_past_find(&past, "s", "item-020000"));
    qn_past_clear(&past);
}

/* ---- from files ---------------------------------------------------------- */

static void
loaded(void **state)
{
    char folder[] = "/tmp/quern-test-XXXXXX", path[64];
    const struct qn_record r = {.kind = QN_RECORD_FAILED,
                                .run = 5,
                                .stage = "s",
                                .name = "x",
                                .key = A,
                                .code = QN_ECRASH,
                                .reason = "line 1\nline 2"};
    struct qn_past past = {0};
    struct qn_journal j;
    struct qn_error err;
    long damaged;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(qn_journal_open(&j, folder, 0, &err), 0);
    assert_int_equal(qn_journal_add(&j, &r, &err), 0);
    assert_int_equal(qn_journal_flush(&j, false, &err), 0);
    assert_int_equal(write(j.fd, "torn\n", 5), 5);
    qn_journal_close(&j);
    assert_int_equal(qn_past_load(&past, folder, &damaged, &err), 0);
    assert_int_equal(damaged, 1);
    const struct qn_past_item *p = qn_past_find(&past, "s", "x");
    assert_non_null(p);
    assert_true(qn_key_is(&p->key, A));
    assert_int_equal(p->code, QN_ECRASH);
    assert_string_equal(p->reason, "line 1\nline 2");
    qn_past_clear(&past);

    snprintf(path, sizeof path, "%s/0.log", folder);
    assert_int_equal(qn_past_load(&past, path, &damaged, &err), QN_EIO);
    assert_int_equal(past.nitems, 0);
    unlink(path);
    rmdir(folder);
}

/* Its frames may have failed: what its last line says. */
static void
lost_frames(void **state)
{
    struct qn_record r = {.run = 1, .stage = "s", .name = "x[0:9]", .item = "",
                          .host = "", .reason = "", .key = A, .items = 9};
    static const struct {
        enum qn_record_kind kind;
        int64_t lost;
    } rows[] = {
        {QN_RECORD_BEGIN, 0}, {QN_RECORD_DONE, 2}, {QN_RECORD_BEGIN, 0},
        {QN_RECORD_DONE, 1},  {QN_RECORD_DONE, 0},
    };
    struct qn_past past = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        r.kind = rows[i].kind;
        r.lost = rows[i].lost;
        assert_int_equal(qn_past_add(&past, &r, NULL), 0);
        assert_int_equal(qn_past_find(&past, "s", "x[0:9]")->lost,
                         rows[i].lost > 0);
    }
    qn_past_clear(&past);
}

int
main(void)
{
    unsetenv("QUERN_FAULT");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing),       cmocka_unit_test(names),
        cmocka_unit_test(last_state),    cmocka_unit_test(crashes),
        cmocka_unit_test(settled_again), cmocka_unit_test(many),
        cmocka_unit_test(loaded),        cmocka_unit_test(lost_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
