/* A line of the journal: what is written is read, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libdeflate.h>
#include <cmocka.h>

#include "io/journal_line.h"

static const struct qn_record full = {
    .kind = QN_RECORD_DONE,
    .run = 0xc0ffee,
    .time_ns = 1700000000123456789,
    .stage = "science",
    .name = "science/a.h5",
    .item = "raw/a.fits",
    .key = "0123456789abcdef0123456789abcdef",
    .bytes = 8388608,
    .mtime_ns = 1700000000100000000,
    .input_bytes = 8640000,
    .read_s = 0.012,
    .decode_s = 3,
    .compute_s = 1e-6,
    .write_s = 12345.678901,
    .attempt = 2,
    .rank = 3,
    .pid = 4711,
    .host = "n07",
    .code = QN_ECRASH,
    .reason = "a.fits: its worker died",
};

/* Decode a copy that is as large as it may be used, for the sanitizers. */
static enum qn_journal_line
decode(struct qn_record *r, char **copy, const char *line, size_t n)
{
    *copy = malloc(n + 1);
    assert_non_null(*copy);
    memcpy(*copy, line, n);
    return qn_journal_line_decode(r, *copy, n);
}

/* Put the right checksum in front of a body. */
static enum qn_journal_line
decode_body(struct qn_record *r, char **copy, const char *body, size_t n)
{
    char *line = malloc(n + 10);
    enum qn_journal_line answer;

    assert_non_null(line);
    sprintf(line, "%08x\t", libdeflate_crc32(0, body, n));
    memcpy(line + 9, body, n);
    answer = decode(r, copy, line, n + 9);
    free(line);
    return answer;
}

static const char *
text_or_empty(const char *s)
{
    return s ? s : "";
}

static void
assert_same(const struct qn_record *a, const struct qn_record *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(a->run == b->run && a->time_ns == b->time_ns);
    assert_string_equal(a->stage, text_or_empty(b->stage));
    assert_string_equal(a->name, text_or_empty(b->name));
    assert_string_equal(a->item, text_or_empty(b->item));
    assert_string_equal(a->key, b->key);
    assert_true(a->bytes == b->bytes && a->mtime_ns == b->mtime_ns);
    assert_true(a->input_bytes == b->input_bytes);
    assert_true(a->items == b->items && a->lost == b->lost);
    assert_true(a->read_s == b->read_s && a->decode_s == b->decode_s);
    assert_true(a->compute_s == b->compute_s && a->write_s == b->write_s);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->rank, b->rank);
    assert_true(a->pid == b->pid);
    assert_string_equal(a->host, text_or_empty(b->host));
    assert_int_equal(a->code, b->code);
    assert_string_equal(a->reason, text_or_empty(b->reason));
}

static void
round_trip(const struct qn_record *r)
{
    struct qn_text t = {0};
    struct qn_record back;
    struct qn_error err;
    char *copy;

    assert_int_equal(qn_journal_line_encode(&t, r, &err), 0);
    assert_int_equal(t.s[t.len - 1], '\n');
    assert_ptr_equal(memchr(t.s, '\n', t.len), t.s + t.len - 1);
    assert_int_equal(decode(&back, &copy, t.s, t.len - 1), QN_LINE_RECORD);
    assert_same(&back, r);
    free(copy);
    qn_text_clear(&t);
}

/* ---- reading: the bad first ---------------------------------------------- */

static void
bad_lines(void **state)
{
    static const char *const lines[] = {
        "a",
        "done",
        "00000000",
        "00000000\t",
        "00000000\tdone",
        "0000000\tdone",
        "0000000g\tdone",
        "2144DF1C\t\n",
        "\tdone\tt=0.000000000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct qn_record r;
        char *copy;
        assert_int_equal(decode(&r, &copy, lines[i], strlen(lines[i])),
                         QN_LINE_DAMAGED);
        free(copy);
    }
}

#define K16 "0123456789abcdef"

static void
bodies(void **state)
{
    static const struct {
        const char *body;
        enum qn_journal_line answer;
    } rows[] = {
        {"done\trank", QN_LINE_DAMAGED},
        {"done\t\trank=1", QN_LINE_DAMAGED},
        {"done\trank=", QN_LINE_DAMAGED},
        {"done\trank=-", QN_LINE_DAMAGED},
        {"done\trank=+1", QN_LINE_DAMAGED},
        {"done\trank=1 ", QN_LINE_DAMAGED},
        {"done\trank=1.0", QN_LINE_DAMAGED},
        {"done\trank=2147483648", QN_LINE_DAMAGED},
        {"done\tbytes=9223372036854775808", QN_LINE_DAMAGED},
        {"done\tbytes=-9223372036854775809", QN_LINE_DAMAGED},
        {"done\tbytes=99999999999999999999", QN_LINE_DAMAGED},
        {"done\tt=", QN_LINE_DAMAGED},
        {"done\tt=1", QN_LINE_DAMAGED},
        {"done\tt=.123456789", QN_LINE_DAMAGED},
        {"done\tt=-.123456789", QN_LINE_DAMAGED},
        {"done\tt=1.12345678", QN_LINE_DAMAGED},
        {"done\tt=1.1234567890", QN_LINE_DAMAGED},
        {"done\tt=1,123456789", QN_LINE_DAMAGED},
        {"done\tt=1.12345.789", QN_LINE_DAMAGED},
        {"done\tt=9223372036.854775808", QN_LINE_DAMAGED},
        {"done\tread=-1.000000", QN_LINE_DAMAGED},
        {"done\tread=nan", QN_LINE_DAMAGED},
        {"done\trun=c0ffee", QN_LINE_DAMAGED},
        {"done\trun=0123456789ABCDEF", QN_LINE_DAMAGED},
        {"done\tkey=" K16 K16 "0", QN_LINE_DAMAGED},
        {"done\tkey=0123456G", QN_LINE_DAMAGED},
        {"done\twhy=\\", QN_LINE_DAMAGED},
        {"done\twhy=\\a", QN_LINE_DAMAGED},
        {"done\twhy=\\x", QN_LINE_DAMAGED},
        {"done\twhy=\\x1", QN_LINE_DAMAGED},
        {"done\twhy=\\x1G", QN_LINE_DAMAGED},
        {"done\twhy=\\x00", QN_LINE_DAMAGED},
        {"d", QN_LINE_NOTHING},
        {"Done", QN_LINE_NOTHING},
        {"snapshot\tsweep=12", QN_LINE_NOTHING},
        {"snapshot\tno field", QN_LINE_NOTHING},
        {"done", QN_LINE_RECORD},
        {"done\t", QN_LINE_RECORD},
        {"done\trank=1\t", QN_LINE_RECORD},
        {"done\tstage=", QN_LINE_RECORD},
        {"done\tnodes=none\trank=1", QN_LINE_RECORD},
        {"done\trank=1\tstage=a\trank=2", QN_LINE_RECORD},
        {"done\trank=-2147483648", QN_LINE_RECORD},
        {"done\tbytes=-9223372036854775808", QN_LINE_RECORD},
        {"done\tt=-9223372036.854775808", QN_LINE_RECORD},
        {"done\tkey=" K16 K16, QN_LINE_RECORD},
        {"done\twhy=\\x7f\\\\", QN_LINE_RECORD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_record r;
        char *copy;
        if (decode_body(&r, &copy, rows[i].body, strlen(rows[i].body)) !=
            rows[i].answer)
            fail_msg("body %zu: %s", i, rows[i].body);
        free(copy);
    }
}

static void
empty_line(void **state)
{
    struct qn_record r;
    char *copy;

    (void)state;
    assert_int_equal(decode(&r, &copy, "", 0), QN_LINE_NOTHING);
    assert_string_equal(r.reason, "");
    free(copy);
}

/* Every byte replaced, every byte left out, every length: damaged. */
static void
any_damage(void **state)
{
    struct qn_text t = {0};
    struct qn_record r;
    char *copy;
    size_t n;

    (void)state;
    assert_int_equal(qn_journal_line_encode(&t, &full, NULL), 0);
    n = t.len - 1;
    for (size_t i = 1; i < n; i++) {
        assert_int_equal(decode(&r, &copy, t.s, i), QN_LINE_DAMAGED);
        free(copy);
        assert_int_equal(decode(&r, &copy, t.s + i, n - i), QN_LINE_DAMAGED);
        free(copy);
    }
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            t.s[i] = (char)(t.s[i] ^ 1 << bit);
            assert_int_equal(decode(&r, &copy, t.s, n), QN_LINE_DAMAGED);
            free(copy);
            t.s[i] = (char)(t.s[i] ^ 1 << bit);
        }
    qn_text_clear(&t);
}

/* ---- writing and reading ------------------------------------------------- */

/* The form is a promise: files of years ago are still read.  The checksum is
 * that of any CRC-32, Python's zlib.crc32 say. */
static void
form(void **state)
{
    static const char line[] =
        "df40585b\tdone\trun=0000000000c0ffee\tt=1700000000.123456789\t"
        "stage=science\tname=science/a.h5\titem=raw/a.fits\t"
        "key=0123456789abcdef0123456789abcdef\tbytes=8388608\t"
        "mtime=1700000000.100000000\tinput=8640000\tread=0.012000\t"
        "decode=3.000000\tcompute=0.000001\twrite=12345.678901\ttry=2\t"
        "rank=3\thost=n07\tpid=4711\tcode=-8\twhy=a.fits: its worker died\n";
    static const struct qn_record none = {.kind = QN_RECORD_RUN_END};
    struct qn_text t = {0};

    (void)state;
    assert_int_equal(qn_journal_line_encode(&t, &full, NULL), 0);
    assert_string_equal(t.s + 8, line + 8);
    assert_string_equal(t.s, line);
    t.len = 0;
    assert_int_equal(qn_journal_line_encode(&t, &none, NULL), 0);
    assert_string_equal(t.s + 8, "\trun-end\tt=0.000000000\trank=0\n");
    qn_text_clear(&t);
}

static void
round_trips(void **state)
{
    static char bytes[256];
    struct qn_record r = full;

    (void)state;
    round_trip(&full);
    for (int k = 0; k < QN_NRECORDS; k++) {
        struct qn_record empty = {.kind = (enum qn_record_kind)k};
        round_trip(&empty);
    }
    for (int i = 1; i < 256; i++)
        bytes[i - 1] = (char)i;
    r.stage = r.name = r.item = r.host = r.reason = bytes;
    round_trip(&r);
    r.stage = "a=b";
    r.name = "\\";
    r.item = "\\n\t";
    r.host = " ";
    r.reason = "\n";
    round_trip(&r);
    r.run = UINT64_MAX;
    r.time_ns = r.bytes = r.input_bytes = INT64_MAX;
    r.items = INT64_MAX;
    r.lost = 3;
    r.mtime_ns = r.pid = INT64_MIN;
    r.attempt = INT_MAX;
    r.rank = r.code = INT_MIN;
    round_trip(&r);
    for (int64_t v = -3; v < 4; v++) {
        r.time_ns = v * 333333333;
        r.mtime_ns = v;
        round_trip(&r);
    }
}

/* Durations are kept to the microsecond, and are durations. */
static void
durations(void **state)
{
    static const struct {
        double in, out;
    } rows[] = {
        {NAN, 0},         {-1, 0},       {4e-7, 0},           {6e-7, 1e-6},
        {INFINITY, 9e12}, {1e300, 9e12}, {1.0 / 3, 0.333333}, {0.1, 0.1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct qn_record r = {.compute_s = rows[i].in}, back;
        struct qn_text t = {0};
        char *copy;
        assert_int_equal(qn_journal_line_encode(&t, &r, NULL), 0);
        assert_int_equal(decode(&back, &copy, t.s, t.len - 1), QN_LINE_RECORD);
        assert_true(back.compute_s == rows[i].out);
        free(copy);
        qn_text_clear(&t);
    }
}

static void
reason_cut(void **state)
{
    static char reason[5000];
    struct qn_record r = {.reason = reason}, back;

    (void)state;
    // Three bytes a character, from each of three offsets.
    for (size_t i = 0; i < 3; i++) {
        struct qn_text t = {0};
        char *copy;
        memset(reason, 'a', i);
        for (size_t at = i; at + 3 < sizeof reason; at += 3)
            memcpy(reason + at, "\xe2\x82\xac", 3);
        assert_int_equal(qn_journal_line_encode(&t, &r, NULL), 0);
        assert_int_equal(decode(&back, &copy, t.s, t.len - 1), QN_LINE_RECORD);
        size_t n = strlen(back.reason);
        assert_true(n <= 4096 && n > 4090);
        assert_int_equal((n - 3 - i) % 3, 0);
        assert_string_equal(back.reason + n - 3, "...");
        assert_memory_equal(back.reason, reason, n - 3);
        free(copy);
        qn_text_clear(&t);
    }
    memset(reason, '\x80', 4096); // no text at all
    reason[4096] = '\0';
    round_trip(&r);
    reason[4096] = '\x80';
    struct qn_text t = {0};
    assert_int_equal(qn_journal_line_encode(&t, &r, NULL), 0);
    qn_text_clear(&t);
}

static void
too_long(void **state)
{
    size_t n = QN_JOURNAL_LINE_MOST;
    char *name = malloc(n + 1);
    struct qn_record r = {.name = name};
    struct qn_text t = {0};
    struct qn_error err;
    size_t before;

    (void)state;
    assert_non_null(name);
    memset(name, 'a', n);
    name[n] = '\0';
    assert_int_equal(qn_journal_line_encode(&t, &full, &err), 0);
    before = t.len;
    assert_int_equal(qn_journal_line_encode(&t, &r, &err), QN_EVALUE);
    assert_non_null(strstr(err.text, "shorter"));
    assert_int_equal(t.len, before);
    assert_int_equal(strlen(t.s), before);
    // As long as a line may be.
    name[n - strlen("00000000\trun-begin\tt=0.000000000\tname=\trank=0\n")] = 0;
    assert_int_equal(qn_journal_line_encode(&t, &r, &err), 0);
    assert_int_equal(t.len, before + QN_JOURNAL_LINE_MOST);
    qn_text_clear(&t);
    round_trip(&r);
    free(name);
}

static void
kinds(void **state)
{
    (void)state;
    assert_string_equal(qn_journal_word(QN_RECORD_RUN_BEGIN), "run-begin");
    assert_string_equal(qn_journal_word(QN_RECORD_DONE), "done");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_lines),  cmocka_unit_test(bodies),
        cmocka_unit_test(empty_line), cmocka_unit_test(any_damage),
        cmocka_unit_test(form),       cmocka_unit_test(round_trips),
        cmocka_unit_test(durations),  cmocka_unit_test(reason_cut),
        cmocka_unit_test(too_long),   cmocka_unit_test(kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
