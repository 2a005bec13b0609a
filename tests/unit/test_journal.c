/* Adding to the journal: torn, damaged, shared, full. */
#include "journal_run.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- torn and damaged ---------------------------------------------------- */

/* Five lines in memory, and where each begins. */
static void
five_lines(char **data, size_t *len, size_t begin[6])
{
    struct qn_error err;

    write_some(0, 0, 5);
    assert_int_equal(qn_system_slurp(data, len, log_path(0), &err), 0);
    begin[0] = 0;
    for (int i = 0; i < 5; i++)
        begin[i + 1] =
            (size_t)((char *)memchr(*data + begin[i], '\n', *len - begin[i]) -
                     *data) +
            1;
    assert_int_equal(begin[5], *len);
}

/* A kill at any byte: whole lines survive, and adding goes on. */
static void
killed_at_every_byte(void **state)
{
    size_t len, begin[6];
    char *data;

    (void)state;
    five_lines(&data, &len, begin);
    for (size_t n = 0; n <= len; n++) {
        int whole = 0;
        // A line that lacks nothing but its newline is whole.
        while (whole < 5 && begin[whole + 1] - 1 <= n && n)
            whole++;
        bool torn = n > begin[whole];
        put_file(0, data, n);
        assert_holds(whole, 0);
        write_some(0, whole, whole + 2);
        assert_holds(whole + 2, torn);
        write_some(0, whole + 2, whole + 3);
        assert_holds(whole + 3, torn);
    }
    free(data);
}

/* One byte wrong anywhere: that line is lost, or the two that it parted. */
static void
damaged_at_every_byte(void **state)
{
    size_t len, begin[6];
    char *data;

    (void)state;
    five_lines(&data, &len, begin);
    for (size_t n = 0; n < len; n++) {
        static const char bytes[] = {0, '\n', '\t', '0', (char)0xff};
        for (size_t b = 0; b < sizeof bytes; b++) {
            char was = data[n];
            struct qn_error err;
            struct seen s = {0};
            long damaged;
            if (was == bytes[b])
                continue;
            data[n] = bytes[b];
            put_file(0, data, len);
            data[n] = was;
            assert_int_equal(qn_journal_load(folder, see, &s, &damaged, &err),
                             0);
            assert_false(s.misread);
            // Without its newline the last line is a piece, not counted; a
            // newline inside a line makes two of it.
            bool last = n + 1 == len;
            assert_int_equal(s.n, was == '\n' && !last ? 3 : 4);
            assert_in_range(damaged, last ? 0 : 1, last ? 0 : 2);
            free(s.number);
        }
    }
    free(data);
}

static void
pieces(void **state)
{
    static const struct {
        const char *before; /* what stands in front of two good lines */
        size_t n;
        long damaged;
    } rows[] = {
        {"", 0, 0},
        {"\n", 1, 0},
        {"\n\n\n", 3, 0},
        {"\0\0\0\0\0\0\0\0", 8, 1}, // as after a power cut
        {"\0\0\0\0\n\0\0\n", 8, 2},
        {"done\tname=a", 11, 1},
        {"{\"name\": \"a\"}\n", 14, 1},
        {"\xff\xfe\n", 3, 1},
    };

    (void)state;
    write_some(0, 0, 1); // makes the folder
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put_file(0, rows[i].before, rows[i].n);
        write_some(0, 0, 2);
        assert_holds(2, rows[i].damaged);
    }
}

/* Another process leaves a piece behind while our file is open. */
static void
torn_by_another(void **state)
{
    struct qn_journal j;

    (void)state;
    open_journal(&j, 0);
    add(&j, 0);
    flush(&j);
    append(0, "0000", 4);
    add(&j, 1);
    flush(&j);
    add(&j, 2);
    flush(&j);
    assert_holds(3, 1);
    assert_int_equal(truncate(log_path(0), 10), 0);
    assert_int_equal(qn_journal_flush(&j, true, NULL), 0);
    qn_journal_close(&j);
}

/* ---- writing ------------------------------------------------------------- */

static void
nothing_written(void **state)
{
    struct qn_journal j;
    struct qn_record r = {.name = "a"};
    struct qn_error err;
    char *name = malloc(2 << 20);

    (void)state;
    assert_non_null(name);
    open_journal(&j, 7);
    flush(&j);
    assert_int_equal(file_size(7), 0);
    memset(name, 'a', 2 << 20);
    name[(2 << 20) - 1] = '\0';
    r.name = name;
    assert_int_equal(qn_journal_add(&j, &r, &err), QN_EVALUE);
    flush(&j);
    assert_int_equal(file_size(7), 0);
    add(&j, 0);
    assert_int_equal(file_size(7), 0);
    qn_journal_close(&j); // writes what it can
    assert_holds(1, 0);
    free(name);
}

/* What fails to be added leaves the lines before it. */
static void
no_memory(void **state)
{
    struct qn_journal j;
    struct qn_record r = {.name = "lost"};
    struct qn_error err;

    (void)state;
    open_journal(&j, 0);
    for (int n = 0; n < 3; n++) {
        j.lines.failed = true;
        assert_int_equal(qn_journal_add(&j, &r, &err), QN_ENOMEM);
        add(&j, n);
    }
    flush(&j);
    qn_journal_close(&j);
    assert_holds(3, 0);
}

/* Another process reads and writes between every two lines. */
static void
while_writing(void **state)
{
    struct qn_journal a, b;

    (void)state;
    open_journal(&a, 0);
    open_journal(&b, 0);
    for (int n = 0; n < 40; n += 2) {
        add(&a, n);
        assert_int_equal(qn_journal_flush(&a, false, NULL), 0);
        assert_holds(n + 1, 0);
        add(&b, n + 1);
        flush(&b);
        assert_holds(n + 2, 0);
    }
    qn_journal_close(&a);
    qn_journal_close(&b);
}

/* Two processes add to one file as fast as they can, a third reads. */
static void
side_by_side(void **state)
{
    pid_t child[2];
    bool running = true;
    int status;
    size_t before = 0;

    (void)state;
    write_some(0, 0, 1);
    for (int c = 0; c < 2; c++) {
        child[c] = fork();
        assert_true(child[c] >= 0);
        if (child[c] == 0) {
            struct qn_journal j;
            int rc = qn_journal_open(&j, folder, 0, NULL);
            for (int n = 0; n < 2000 && !rc; n++) {
                char name[32];
                struct qn_record r = {
                    .kind = QN_RECORD_DONE, .name = name, .bytes = n};
                snprintf(name, sizeof name, "item\t%d", n);
                rc = qn_journal_add(&j, &r, NULL);
                if (!rc && n % 3 == 0)
                    rc = qn_journal_flush(&j, false, NULL);
            }
            qn_journal_close(&j);
            _exit(rc != 0);
        }
    }
    while (running) {
        struct seen s;
        running = waitpid(child[0], &status, WNOHANG) == 0;
        load(&s, 0);
        assert_true(s.n >= before);
        before = s.n;
        free(s.number);
    }
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(child[1], &status, 0), child[1]);
    assert_int_equal(status, 0);
    struct seen s;
    load(&s, 0);
    assert_int_equal(s.n, 4001);
    free(s.number);
}

/* ---- a full disk --------------------------------------------------------- */

/* No file may be longer than this; < 0: as long as it likes. */
static void
limit_files(int64_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < 0 ? limit.rlim_max : (rlim_t)bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Full at any byte: no piece stays in the file, no line is lost. */
static void
disk_full(void **state)
{
    size_t len, begin[6];
    char *data;

    (void)state;
    five_lines(&data, &len, begin);
    for (size_t room = 0; room < len; room++) {
        struct qn_journal j;
        struct qn_error err;
        int whole = 0;
        while (begin[whole + 1] <= room)
            whole++;
        put_file(0, "", 0);
        open_journal(&j, 0);
        for (int n = 0; n < 5; n++)
            add(&j, n);
        limit_files((int64_t)room);
        int rc = qn_journal_flush(&j, true, &err);
        int again = qn_journal_flush(&j, true, NULL);
        int64_t size = file_size(0);
        limit_files(-1);
        assert_int_equal(rc, QN_EIO);
        assert_non_null(strstr(err.text, "cannot write the journal "));
        assert_int_equal(again, QN_EIO);
        assert_int_equal(size, begin[whole]);
        assert_holds(whole, 0);
        add(&j, 5);
        flush(&j);
        assert_holds(6, 0);
        qn_journal_close(&j);
    }
    free(data);
}

/* Full while somebody else's piece is at the end: ours go on a fresh line. */
static void
disk_full_and_torn(void **state)
{
    struct qn_journal j;

    (void)state;
    write_some(0, 0, 1);
    append(0, "torn", 4);
    int64_t full = file_size(0);
    for (int64_t room = full; room < full + 3; room++) {
        assert_int_equal(truncate(log_path(0), full), 0);
        open_journal(&j, 0);
        add(&j, 1);
        limit_files(room);
        int rc = qn_journal_flush(&j, false, NULL);
        limit_files(-1);
        assert_int_equal(rc, QN_EIO);
        assert_int_equal(file_size(0), room > full ? full + 1 : full);
        flush(&j);
        qn_journal_close(&j);
        assert_holds(2, 1);
    }
}

/* Injected faults: an error is said, the lines are there or come later.  The
 * first test of all, as a process asks for faults only once. */
static void
faults(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        struct qn_journal j;
        int failed = 0, n = 0;
        setenv("QUERN_FAULT", "seed=3,every=4", 1);
        while (qn_journal_open(&j, folder, 0, NULL))
            failed++;
        for (; n < 200; n++) {
            char name[32];
            struct qn_record r = {
                .kind = QN_RECORD_DONE, .time_ns = n, .name = name, .bytes = n};
            snprintf(name, sizeof name, "item\t%d", n);
            if (qn_journal_add(&j, &r, NULL))
                _exit(2);
            failed += qn_journal_flush(&j, n % 2, NULL) == QN_EIO;
        }
        while (j.lines.len)
            failed += qn_journal_flush(&j, true, NULL) != 0;
        qn_journal_close(&j);
        _exit(failed < 20);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_holds(200, 0);
}

int
main(void)
{
    // Faults are the tests' own; those of the caller would spoil the rest.
    unsetenv("QUERN_FAULT");
    const struct CMUnitTest tests[] = {
        CASE(faults),
        CASE(killed_at_every_byte),
        CASE(damaged_at_every_byte),
        CASE(pieces),
        CASE(torn_by_another),
        CASE(nothing_written),
        CASE(no_memory),
        CASE(while_writing),
        CASE(side_by_side),
        CASE(disk_full),
        CASE(disk_full_and_torn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
