/* Reading the journal: which files, in which order, within which memory. */
#include "journal_run.h"

#include <sys/resource.h>

/* ---- what cannot be ------------------------------------------------------ */

static void
no_folder(void **state)
{
    struct qn_journal j;
    struct qn_error err;
    long damaged = -1;

    (void)state;
    assert_int_equal(qn_journal_load(folder, see, NULL, &damaged, &err), 0);
    assert_int_equal(damaged, 0);
    assert_int_equal(qn_journal_load("/dev/null", see, NULL, NULL, &err),
                     QN_EIO);
    assert_non_null(strstr(err.text, "/dev/null"));
    assert_int_equal(qn_journal_open(&j, "/dev/null/a", 0, &err), QN_EIO);
    qn_journal_close(&j);
    j = (struct qn_journal){0};
    qn_journal_close(&j);
    qn_journal_close(&j);
}

static void
no_file(void **state)
{
    struct qn_journal j;
    struct qn_error err;

    (void)state;
    write_some(0, 0, 1);
    assert_int_equal(mkdir(log_path(1), 0700), 0);
    assert_int_equal(qn_journal_open(&j, folder, 1, &err), QN_EIO);
    assert_non_null(strstr(err.text, "1.log"));
    assert_int_equal(mkfifo(log_path(2), 0600), 0);
    assert_holds(1, 0);
}

static void
foreign_names(void **state)
{
    static const char *const names[] = {
        "log",    ".log",  "a.log", "1.log.tmp",
        "-1.log", "1.LOG", "1",     "1234567890123456789.log",
    };
    char path[256];

    (void)state;
    write_some(0, 0, 2);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        assert_true(fd >= 0);
        assert_int_equal(qn_system_write(fd, "x\n", 2, path, NULL), 0);
        close(fd);
    }
    assert_holds(2, 0);
    // ".log" is hidden from drop_folder.
    snprintf(path, sizeof path, "%s/.log", folder);
    unlink(path);
}

static int
stop_at_third(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    int *n = ctx;

    (void)r;
    return ++*n == 3 ? qn_fail(err, QN_ESTOPPED, "enough") : 0;
}

static void
reading_stopped(void **state)
{
    struct qn_error err;
    int n = 0;

    (void)state;
    write_some(0, 0, 5);
    write_some(1, 5, 10);
    assert_int_equal(qn_journal_load(folder, stop_at_third, &n, NULL, &err),
                     QN_ESTOPPED);
    assert_int_equal(n, 3);
    assert_string_equal(err.text, "enough");
}

/* A line that nobody writes, and that would take all memory. */
static void
endless_line(void **state)
{
    static char block[700000];
    struct seen s;

    (void)state;
    write_some(0, 0, 2);
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 6; i++)
        append(0, block, sizeof block);
    assert_true(file_size(0) > 4000000);
    load(&s, 1); // not at the end only: too long is too long
    assert_int_equal(s.n, 2);
    free(s.number);
    write_some(0, 2, 4);
    assert_holds(4, 1);
    // Just shorter than that, and then as long as a line may be, damaged.
    append(0, block, 700000);
    append(0, block, 348575);
    write_some(0, 4, 5);
    assert_holds(5, 2);
    append(0, block, 700000);
    append(0, block, 348576);
    write_some(0, 5, 6);
    assert_holds(6, 3);
}

/* ---- merging ------------------------------------------------------------- */

static void
write_times(int rank, const int64_t *time, const int64_t *number, int n)
{
    struct qn_journal j;

    open_journal(&j, rank);
    for (int i = 0; i < n; i++) {
        char name[32];
        struct qn_record r = {.kind = QN_RECORD_DONE,
                              .time_ns = time[i],
                              .name = name,
                              .bytes = number[i]};
        snprintf(name, sizeof name, "item\t%lld", (long long)number[i]);
        assert_int_equal(qn_journal_add(&j, &r, NULL), 0);
    }
    flush(&j);
    qn_journal_close(&j);
}

static void
merge_order(void **state)
{
    (void)state;
    // Rank 10 behind rank 9 at equal times; rank 2's clock steps back.
    write_times(10, (int64_t[]){1, 5}, (int64_t[]){2, 7}, 2);
    write_times(9, (int64_t[]){1, 5, 5}, (int64_t[]){1, 5, 6}, 3);
    write_times(2, (int64_t[]){2, 1, 6}, (int64_t[]){3, 4, 8}, 3);
    write_times(0, (int64_t[]){-7, 7}, (int64_t[]){0, 9}, 2);
    put_file(3, "", 0);
    assert_holds(10, 0);
}

/* Many files, more than may be open at a time. */
static void
many_ranks(void **state)
{
    enum { RANKS = 300, LINES = 4 };
    struct rlimit was, few;

    (void)state;
    for (int rank = 0; rank < RANKS; rank++) {
        struct qn_journal j;
        open_journal(&j, rank);
        for (int i = 0; i < LINES; i++)
            add(&j, i * RANKS + (rank * 7 + i) % RANKS);
        assert_int_equal(qn_journal_flush(&j, false, NULL), 0);
        qn_journal_close(&j);
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    few = was;
    few.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_holds(RANKS * LINES, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

static int
see_length(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    size_t n = strlen(r->name);

    (void)err;
    assert_true(n == strspn(r->name, "a"));
    *(size_t *)ctx += n;
    return 0;
}

/* With many files pieces are small, and a line may be longer than one. */
static void
long_line_of_many(void **state)
{
    static const size_t lengths[] = {10, 900000, 10, 700000, 1, 0};
    static char name[900001];
    size_t sum = 0, read = 0;
    struct qn_journal j;
    struct qn_error err;
    long damaged;

    (void)state;
    open_journal(&j, 50);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct qn_record r = {.name = name};
        memset(name, 'a', lengths[i]);
        name[lengths[i]] = '\0';
        sum += lengths[i];
        assert_int_equal(qn_journal_add(&j, &r, &err), 0);
    }
    flush(&j);
    qn_journal_close(&j);
    for (int rank = 100; rank < 600; rank++)
        put_file(rank, "\n", 1);
    assert_int_equal(qn_journal_load(folder, see_length, &read, &damaged, &err),
                     0);
    assert_int_equal(damaged, 0);
    assert_int_equal(read, sum);
}

static void
many_lines(void **state)
{
    enum { LINES = 100000, FILES = 3 };
    struct qn_journal j[FILES];

    (void)state;
    for (int f = 0; f < FILES; f++)
        open_journal(&j[f], f);
    for (int n = 0; n < LINES; n++) {
        add(&j[n * 7 % FILES], n);
        if (n % 64 == 0)
            assert_int_equal(qn_journal_flush(&j[n * 7 % FILES], false, NULL),
                             0);
    }
    for (int f = 0; f < FILES; f++) {
        flush(&j[f]);
        qn_journal_close(&j[f]);
    }
    assert_holds(LINES, 0);
}

/* ---- what vanishes meanwhile --------------------------------------------- */

static int
cut_files(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    (void)r;
    (void)err;
    if (*(int *)ctx == 0) {
        // Rank 0's is cut inside its second piece, rank 1's goes.
        assert_int_equal(truncate(log_path(0), (1 << 20) + 100), 0);
        assert_int_equal(unlink(log_path(1)), 0);
    }
    ++*(int *)ctx;
    return 0;
}

/* A file that is cut or removed while it is read ends there. */
static void
cut_while_reading(void **state)
{
    struct qn_error err;
    long damaged = -1;
    int n = 0;

    (void)state;
    write_some(0, 0, 40000);
    write_some(1, 0, 40000);
    assert_true(file_size(0) > 2 << 20);
    assert_int_equal(qn_journal_load(folder, cut_files, &n, &damaged, &err), 0);
    assert_in_range(n, 20000, 60000);
    assert_int_equal(damaged, 0);
}

int
main(void)
{
    // Faults are the tests' own; those of the caller would spoil the rest.
    unsetenv("QUERN_FAULT");
    const struct CMUnitTest tests[] = {
        CASE(no_folder),         CASE(no_file),           CASE(foreign_names),
        CASE(reading_stopped),   CASE(endless_line),      CASE(merge_order),
        CASE(many_ranks),        CASE(long_line_of_many), CASE(many_lines),
        CASE(cut_while_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
