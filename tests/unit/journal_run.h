/* A journal in a folder of its own for each test, and records that say in all
 * their fields which one they are. */
#ifndef QN_TEST_JOURNAL_RUN_H
#define QN_TEST_JOURNAL_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/system.h"
#include "io/journal.h"

#include "scratch.h"

/* ---- a folder for each test ---------------------------------------------- */

static char root[SCRATCH_NAME], folder[96];

static inline int
make_folder(void **state)
{
    (void)state;
    if (scratch_open(root))
        return -1;
    // Made by the journal itself.
    snprintf(folder, sizeof folder, "%s/.quern/journal", root);
    return 0;
}

static inline int
drop_folder(void **state)
{
    (void)state;
    return scratch_close(root);
}

static inline const char *
log_path(int rank)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%d.log", folder, rank);
    return path;
}

static inline void
put_file(int rank, const void *data, size_t n)
{
    int fd = open(log_path(rank), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(qn_system_write(fd, data, n, "log", NULL), 0);
    close(fd);
}

static inline void
append(int rank, const void *data, size_t n)
{
    int fd = open(log_path(rank), O_WRONLY | O_APPEND);

    assert_true(fd >= 0);
    assert_int_equal(qn_system_write(fd, data, n, "log", NULL), 0);
    close(fd);
}

static inline int64_t
file_size(int rank)
{
    struct stat st;

    assert_int_equal(stat(log_path(rank), &st), 0);
    return st.st_size;
}

/* ---- writing and reading numbered records -------------------------------- */

static inline void
open_journal(struct qn_journal *j, int rank)
{
    struct qn_error err;

    assert_int_equal(qn_journal_open(j, folder, rank, &err), 0);
}

/* Record number n says so in all its texts. */
static inline void
add(struct qn_journal *j, int n)
{
    char name[32];
    struct qn_record r = {
        .kind = QN_RECORD_DONE, .time_ns = n, .name = name, .bytes = n};
    struct qn_error err;

    snprintf(name, sizeof name, "item\t%d", n);
    assert_int_equal(qn_journal_add(j, &r, &err), 0);
}

static inline void
flush(struct qn_journal *j)
{
    struct qn_error err;

    assert_int_equal(qn_journal_flush(j, true, &err), 0);
}

/* Write records from first up to but not last into a rank's file. */
static inline void
write_some(int rank, int first, int last)
{
    struct qn_journal j;

    open_journal(&j, rank);
    for (int n = first; n < last; n++)
        add(&j, n);
    flush(&j);
    qn_journal_close(&j);
}

struct seen {
    int64_t *number; /* owned */
    size_t n, cap;
    bool misread;
};

static inline int
see(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    struct seen *s = ctx;
    char name[32];

    (void)err;
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->number = realloc(s->number, s->cap * sizeof *s->number);
        assert_non_null(s->number);
    }
    s->number[s->n++] = r->bytes;
    snprintf(name, sizeof name, "item\t%lld", (long long)r->bytes);
    s->misread = s->misread || r->kind != QN_RECORD_DONE ||
                 strcmp(r->name, name) != 0 || *r->reason;
    return 0;
}

static inline void
load(struct seen *s, long damaged)
{
    struct qn_error err = {0};
    long count = -1;

    *s = (struct seen){0};
    if (qn_journal_load(folder, see, s, &count, &err))
        fail_msg("%s", err.text);
    assert_false(s->misread);
    assert_int_equal(count, damaged);
}

/* The journal holds records 0 to n - 1 in this order. */
static inline void
assert_holds(int n, long damaged)
{
    struct seen s;

    load(&s, damaged);
    assert_int_equal(s.n, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(s.number[i], i);
    free(s.number);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)

#endif
