/* Shards: what --shard takes, names of files, journals side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <unistd.h>

#include "engine/shard.h"
#include "engine/status_shards.h"
#include "io/atomic.h"
#include "io/journal.h"

#include "scratch.h"

static void
words(void **state)
{
    static const char *const bad[] = {
        "",    "1",    "/",     "1/",   "/4",   "4/4",          "5/4", "-1/4",
        "1/0", "0/-4", "1/4/2", "0x1/4", "1 /4", "0/99999999999", "a/b", "+0/4",
        "0/0", "1/4 ", "0000000000000000000000/4"};
    static const struct { const char *text; int index, count; } good[] = {
        {"0/1", 0, 1}, {"3/4", 3, 4}, {"9999/10000", 9999, 10000}};
    struct qn_error err;
    int i = -7, n = -7;

    (void)state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_int_equal(qn_shard_parse(&i, &n, bad[k], &err), QN_EUSAGE);
        assert_non_null(strstr(err.text, "shard"));
        assert_int_equal(i, -7);
    }
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        assert_int_equal(qn_shard_parse(&i, &n, good[k].text, &err), 0);
        assert_int_equal(i, good[k].index);
        assert_int_equal(n, good[k].count);
    }
}

static void
tags(void **state)
{
    char buf[QN_SHARD_TAG];
    struct qn_run_options o = {.stage = "flat"};

    (void)state;
    assert_string_equal(qn_shard_tag(buf, sizeof buf, &o), "");
    o.shard = 2, o.shards = 16;
    assert_string_equal(qn_shard_tag(buf, sizeof buf, &o), "flat@2-16");
    o.stage = NULL;
    assert_string_equal(qn_shard_tag(buf, sizeof buf, &o), "@2-16");
}

/* ---- files ------------------------------------------------------------------ */

static int
count_ranks(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    (void)err;
    ((int *)ctx)[r->rank]++;
    return 0;
}

static void
journals(void **state)
{
    static const char *const tag[] = {"", "@0-2", "flat@1-2", "1.2@0-2"};
    static const char *const odd[] = {"j/.0.log", "j/x0.log", "j/@0-2.log",
                                      "j/a.b.log", "j/0.log.tmp"};
    int seen[4] = {0};
    struct qn_error err;

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct qn_record r = {.kind = QN_RECORD_RUN_BEGIN, .rank = i,
                              .time_ns = 100 - i};
        struct qn_journal j;

        assert_int_equal(qn_journal_open_as(&j, "j", tag[i], 3, &err), 0);
        assert_int_equal(qn_journal_add(&j, &r, &err), 0);
        assert_int_equal(qn_journal_flush(&j, false, &err), 0);
        qn_journal_close(&j);
    }
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(qn_atomic_write(odd[i], "x\n", 2, &err), 0);
    assert_int_equal(access("j/flat@1-2.3.log", F_OK), 0);
    assert_int_equal(qn_journal_load("j", count_ranks, seen, NULL, &err), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(seen[i], 1);
}

/* ---- sums ---------------------------------------------------------------------- */

static void
put(const char *tag, const char *text)
{
    char path[100];

    snprintf(path, sizeof path, "out/.quern/shards/%s.json", tag);
    assert_int_equal(qn_atomic_folder("out/.quern/shards", NULL), 0);
    assert_int_equal(qn_atomic_write(path, text, strlen(text), NULL), 0);
}

static json_int_t
number(const json_t *sum, const char *key)
{
    const json_t *stage =
        json_array_get(json_object_get(sum, "stages"), 0);

    return json_integer_value(json_object_get(stage, key));
}

static void
expect(const char *tag, const char *state, json_int_t items, json_int_t done)
{
    json_t *sum = NULL;
    struct qn_error err = {0};

    assert_int_equal(qn_status_shards(&sum, "out", tag, &err), 0);
    assert_string_equal(json_string_value(json_object_get(sum, "state")),
                        state);
    assert_int_equal(number(sum, "items"), items);
    assert_int_equal(number(sum, "done"), done);
    json_decref(sum);
}

static void
sums(void **state)
{
    json_t *sum = NULL;
    struct qn_error err;

    (void)state;
    assert_int_equal(qn_status_shards(&sum, "out", NULL, &err), 0);
    assert_null(sum);
    assert_int_equal(qn_status_shards(&sum, "out", "@0-2", &err), QN_EUSAGE);

    // of an older cut into three: it does not count
    put("@1-3", "{\"state\": \"stopped\", \"started_ns\": 5, \"run\": \"1\","
                "\"stages\": [{\"name\": \"a\", \"items\": 3, \"all\": 9}]}");
    put("@0-2", "{\"state\": \"done\", \"started_ns\": 7, \"run\": \"2\","
                "\"stages\": [{\"name\": \"a\", \"items\": 5, \"done\": 5,"
                "\"all\": 9}]}");
    expect(NULL, "stopped", 9, 5); // one has not begun
    expect("@0-2", "done", 5, 5);
    put("@1-2", "{\"state\": \"running\", \"started_ns\": 8, \"run\": \"3\","
                "\"stages\": [{\"name\": \"a\", \"items\": 4, \"done\": 1,"
                "\"all\": 9}]}");
    expect(NULL, "died", 9, 6); // nobody holds its lock
    put("@1-2", "{\"state\": \"failed\", \"started_ns\": 8, \"run\": \"3\","
                "\"stages\": [{\"name\": \"a\", \"items\": 4, \"done\": 3,"
                "\"failed\": 1, \"all\": 9}]}");
    expect(NULL, "failed", 9, 8);

    // a whole run that began later: they do not count any more
    sum = json_pack("{s:i}", "started_ns", 99);
    assert_int_equal(qn_status_shards(&sum, "out", NULL, &err), 0);
    assert_null(json_object_get(sum, "shards"));
    json_decref(sum);

    put("@1-2", "[1");
    sum = NULL;
    assert_int_equal(qn_status_shards(&sum, "out", NULL, &err), QN_EFORMAT);
    assert_non_null(strstr(err.text, "@1-2.json cannot be read"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(tags),
        cmocka_unit_test_setup_teardown(journals, scratch_enter, scratch_leave),
        cmocka_unit_test_setup_teardown(sums, scratch_enter, scratch_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
