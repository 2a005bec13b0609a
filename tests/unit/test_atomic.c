/* Files that appear whole or not at all: names, folders, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "io/atomic.h"

#include "scratch.h"

static bool
exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* ---- names -------------------------------------------------------------- */

static void
names(void **state)
{
    static const struct {
        const char *path, *tag, *name;
    } rows[] = {
        {"a.h5", "1", ".a.h5.1.tmp"},
        {"out/flat/a.h5", "r3-17", "out/flat/.a.h5.r3-17.tmp"},
        {"/x/.hidden", "1", "/x/..hidden.1.tmp"},
    };
    char *tmp;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(
            qn_atomic_name(&tmp, rows[i].path, rows[i].tag, NULL), 0);
        assert_string_equal(tmp, rows[i].name);
        assert_true(qn_atomic_is_temporary(strrchr(tmp, '/')
                                               ? strrchr(tmp, '/') + 1
                                               : tmp));
        free(tmp);
    }
}

static void
long_names(void **state)
{
    char path[300], tag[300], *tmp;

    (void)state;
    // 255 bytes, of which the 252nd is inside a character of two.
    memset(path, 0, sizeof path);
    for (int i = 0; i < 254; i += 2)
        memcpy(path + i, "\xC3\xA9", 2);
    assert_int_equal(qn_atomic_name(&tmp, path, "7", NULL), 0);
    assert_true(strlen(tmp) <= NAME_MAX && strlen(tmp) >= NAME_MAX - 1);
    assert_int_equal(strlen(tmp) % 2, 1); // marks and tag: 7 bytes
    assert_true(qn_atomic_is_temporary(tmp));
    free(tmp);

    memset(tag, 't', sizeof tag);
    tag[299] = '\0';
    assert_int_equal(qn_atomic_name(&tmp, "a", tag, NULL), QN_EVALUE);
    assert_null(tmp);
    assert_int_equal(qn_atomic_name(&tmp, "a", "", NULL), QN_EVALUE);
    assert_int_equal(qn_atomic_name(&tmp, "a", "b/c", NULL), QN_EVALUE);
}

static void
temporaries(void **state)
{
    static const struct {
        const char *name;
        bool is;
    } rows[] = {
        {"", false},           {".tmp", false},      {"..tmp", false},
        {"...tmp", false},     {".a.tmp", false},    {".a..tmp", false},
        {"..1.tmp", false},    {"a.h5.1.tmp", false}, {".a.h5.1", false},
        {".a.h5.1.tmpx", false}, {".a.1.tmp", true}, {".a.h5.r1.tmp", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (qn_atomic_is_temporary(rows[i].name) != rows[i].is)
            fail_msg("'%s'", rows[i].name);
}

/* ---- folders ------------------------------------------------------------ */

static void
folders(void **state)
{
    struct qn_error err;

    (void)state;
    close(open("file", O_CREAT | O_WRONLY, 0666));
    assert_int_equal(qn_atomic_folder("file", &err), QN_EIO);
    assert_int_equal(qn_atomic_folder("file/below", &err), QN_EIO);
    assert_non_null(strstr(err.text, "cannot make folder file: "
                                     "Not a directory"));
    assert_int_equal(qn_atomic_folder("", &err), QN_EIO);

    assert_int_equal(qn_atomic_folder("a/b//c/", &err), 0);
    assert_int_equal(qn_atomic_folder("a/b/c", &err), 0);
    assert_true(exists("a/b/c"));
    assert_int_equal(qn_atomic_folder("/", &err), 0);
    assert_int_equal(qn_atomic_folder(".", &err), 0);
}

/* ---- whole files -------------------------------------------------------- */

static void
no_room(void **state)
{
    struct rlimit before, small;
    struct qn_error err;
    char big[4096] = {0}, *old;
    size_t n;

    (void)state;
    assert_int_equal(qn_atomic_folder("n", NULL), 0);
    assert_int_equal(qn_atomic_write("n/kept", "old", 3, NULL), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(qn_atomic_write("n/kept", big, sizeof big, &err), QN_EIO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    // The old content stays, and nothing lies beside it.
    assert_int_equal(qn_system_slurp(&old, &n, "n/kept", NULL), 0);
    assert_string_equal(old, "old");
    free(old);
    assert_int_equal(remove("n/kept"), 0);
    assert_int_equal(rmdir("n"), 0);
}

static void
whole_files(void **state)
{
    struct qn_error err;
    char *text, *tmp;
    size_t n;

    (void)state;
    assert_int_equal(qn_atomic_write("nowhere/x", "a", 1, &err), QN_EIO);
    assert_non_null(strstr(err.text, "No such file or directory"));

    assert_int_equal(qn_atomic_folder("w", NULL), 0);
    assert_int_equal(qn_atomic_write("w/x", "", 0, &err), 0);
    assert_int_equal(qn_atomic_write("w/x", "a\0b", 3, &err), 0);
    assert_int_equal(qn_system_slurp(&text, &n, "w/x", NULL), 0);
    assert_int_equal(n, 3);
    assert_memory_equal(text, "a\0b", 3);
    free(text);
    assert_int_equal(remove("w/x"), 0);
    assert_int_equal(rmdir("w"), 0); // so no temporary is left

    assert_int_equal(qn_atomic_name(&tmp, "y", "1", NULL), 0);
    assert_int_equal(qn_atomic_commit(tmp, "y", true, &err), QN_EIO);
    close(open(tmp, O_CREAT | O_WRONLY, 0666));
    assert_int_equal(qn_atomic_commit(tmp, "y", false, &err), 0);
    assert_true(exists("y"));
    assert_false(exists(tmp));
    free(tmp);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),   cmocka_unit_test(long_names),
        cmocka_unit_test(temporaries), cmocka_unit_test(folders),
        cmocka_unit_test(no_room), cmocka_unit_test(whole_files),
    };

    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
