/* System calls: whole files, whole writes, and faults that repeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/system.h"

#include "scratch.h"

/* ---- faults: read once a process, so each case is a process ------------- */

#define DRAWS 4000

// Which of DRAWS outcomes fail in a fresh process with this environment.
static int
faults(unsigned char failed[DRAWS], const char *fault, const char *rank)
{
    int pipe_ends[2], status, n = 0;

    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        // The warning about a malformed value is not wanted in the log.
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        setenv("QUERN_FAULT", fault, 1);
        if (rank)
            setenv("QUERN_FAULT_RANK", rank, 1);
        else
            unsetenv("QUERN_FAULT_RANK");
        for (int i = 0; i < DRAWS; i++) {
            errno = 0;
            failed[i] = qn_system_fault();
            if (failed[i] && errno != EIO)
                _exit(1);
        }
        _exit(write(pipe_ends[1], failed, DRAWS) != DRAWS);
    }
    close(pipe_ends[1]);
    for (ssize_t got = 0, k; got < DRAWS; got += k) {
        k = read(pipe_ends[0], failed + got, (size_t)(DRAWS - got));
        assert_true(k > 0);
    }
    close(pipe_ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (int i = 0; i < DRAWS; i++)
        n += failed[i];
    return n;
}

static void
no_faults_unless_asked(void **state)
{
    static const char *const texts[] = {
        "",
        "every=3",
        "seed=7",
        "seed=7,every=",
        "seed=7,every=3x",
        "seed=7 every=3",
        "seed=7,every=0",
        "yes",
    };
    unsigned char failed[DRAWS];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(faults(failed, texts[i], NULL), 0);
}

static void
faults_repeat(void **state)
{
    unsigned char a[DRAWS], b[DRAWS];

    (void)state;
    // 4000 draws at 1/20: 200, give or take six times the deviation of 14.
    assert_in_range(faults(a, "seed=7,every=20", NULL), 120, 280);
    faults(b, "seed=7,every=20", NULL);
    assert_memory_equal(a, b, DRAWS);
    faults(b, "seed=8,every=20", NULL);
    assert_memory_not_equal(a, b, DRAWS);
    faults(b, "seed=7,every=20", "0");
    assert_memory_not_equal(a, b, DRAWS);
    faults(a, "seed=7,every=20", "1");
    assert_memory_not_equal(a, b, DRAWS);
    assert_in_range(faults(a, "seed=0,every=20", "3"), 120, 280);
    assert_int_equal(faults(a, "seed=1,every=1", NULL), DRAWS);
}

/* ---- files -------------------------------------------------------------- */

static char folder[SCRATCH_NAME], path[80];

static int
make_folder(void **state)
{
    (void)state;
    if (scratch_open(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a", folder);
    return 0;
}

static int
drop_folder(void **state)
{
    (void)state;
    return scratch_close(folder);
}

static void
unreadable(void **state)
{
    struct qn_error err;
    size_t len = 1;
    char *data = folder;

    (void)state;
    assert_int_equal(qn_system_slurp(&data, &len, path, &err), QN_EIO);
    assert_null(data);
    assert_int_equal(len, 0);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, strerror(ENOENT)));
    assert_int_equal(qn_system_slurp(&data, &len, folder, &err), QN_EIO);
    assert_non_null(strstr(err.text, strerror(EISDIR)));
    assert_null(data);
}

static void
written_and_read(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 300000};
    static char bytes[300000];
    struct qn_error err;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 31 >> 3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t len;
        char *data;
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(qn_system_write(fd, bytes, sizes[i], path, &err), 0);
        close(fd);
        assert_int_equal(qn_system_slurp(&data, &len, path, &err), 0);
        assert_int_equal(len, sizes[i]);
        assert_memory_equal(data, bytes, len);
        assert_int_equal(data[len], 0);
        free(data);
    }
}

// A file that has no size beforehand.
static void
sizeless(void **state)
{
    struct qn_error err;
    size_t len;
    char *data;

    (void)state;
    assert_int_equal(qn_system_slurp(&data, &len, "/proc/self/status", &err),
                     0);
    assert_true(len > 100);
    assert_int_equal(strlen(data), len);
    free(data);
}

static void
unwritable(void **state)
{
    struct qn_error err;
    int fd = open("/dev/full", O_WRONLY);

    (void)state;
    assert_int_equal(qn_system_write(-1, "a", 1, "b.h5", &err), QN_EIO);
    assert_non_null(strstr(err.text, "cannot write b.h5"));
    if (fd < 0)
        skip(); // no /dev/full here
    assert_int_equal(qn_system_write(fd, "a", 1, "b.h5", &err), QN_EIO);
    assert_non_null(strstr(err.text, strerror(ENOSPC)));
    close(fd);
}

// A pipe takes less than is offered: the rest follows.
static void
short_writes(void **state)
{
    static char bytes[1 << 20];
    int ends[2], status;
    size_t sum = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        _exit(qn_system_write(ends[1], bytes, sizeof bytes, "p", NULL) != 0);
    }
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], bytes, 1000)) > 0; sum += (size_t)n)
        continue;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(sum, sizeof bytes);
}

static void
failed_calls(void **state)
{
    struct qn_error err;

    (void)state;
    assert_int_equal(QN_SYS(&err, "close a.h5", close(-1)), QN_EIO);
    assert_non_null(strstr(err.text, "close a.h5: "));
    assert_non_null(strstr(err.text, strerror(EBADF)));
    assert_int_equal(QN_SYS(&err, "write", write(STDOUT_FILENO, "", 0)), 0);
}

int
main(void)
{
    // Faults are this test's own; those of the caller would spoil the rest.
    unsetenv("QUERN_FAULT");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_faults_unless_asked),
        cmocka_unit_test(faults_repeat),
        cmocka_unit_test(unreadable),
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(sizeless),
        cmocka_unit_test(unwritable),
        cmocka_unit_test(short_writes),
        cmocka_unit_test(failed_calls),
    };

    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
