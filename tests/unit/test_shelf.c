/* The shelf among processes: one makes, others wait, use and may die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/shelf.h"

enum { N = 100000, BYTES = 4 * N };

static const struct qn_type type = {QN_F32, {1, {N}}};

static struct qn_fingerprint
name(int i)
{
    struct qn_fingerprint f = {{(unsigned char)i, 1}};

    return f;
}

static int
open_memory(void)
{
    int fd = memfd_create("shelf", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, QN_SHELF_BOARD), 0);
    return fd;
}

static struct qn_shelf
take(int fd, int64_t limit)
{
    struct qn_shelf s = {.fd = -1, .limit = limit};

    qn_shelf_open(&s, fd);
    assert_int_equal(s.fd, fd);
    return s;
}

static bool
fill(struct qn_shelf *s, struct qn_shelf_place *p, float x)
{
    float *v = malloc(BYTES);
    bool room = qn_shelf_reserve(s, p, &type);

    assert_non_null(v);
    for (int i = 0; i < N; i++)
        v[i] = x + (float)i;
    // in two pieces
    assert_true(!room || (qn_shelf_write(s, p, 0, v, 4000) &&
                          qn_shelf_write(s, p, 4000, v + 1000, BYTES - 4000)));
    free(v);
    return room;
}

static void
put(struct qn_shelf *s, int i)
{
    const struct qn_fingerprint of = name(i);
    struct qn_shelf_place p;

    assert_int_equal(qn_shelf_find(s, &of, true, &p), QN_SHELF_MAKE);
    assert_true(fill(s, &p, (float)i));
    qn_shelf_publish(s, &p);
}

static bool
has(struct qn_shelf *s, int i)
{
    const struct qn_fingerprint of = name(i);
    struct qn_shelf_place p;
    float *v;

    if (qn_shelf_find(s, &of, true, &p) != QN_SHELF_HAVE) {
        qn_shelf_abandon(s, &p);
        return false;
    }
    assert_int_equal(p.bytes, BYTES);
    assert_int_equal(p.type.shape.n[0], N);
    v = qn_shelf_map(s, &p);
    assert_non_null(v);
    for (int k = 0; k < N; k++)
        if (v[k] != (float)i + (float)k)
            fail_msg("sample %d of %d is %g", k, i, (double)v[k]);
    munmap(v, (size_t)p.bytes);
    return true;
}

/* In another process, which ends by SIGKILL if it returns false. */
static void
elsewhere(int fd, int64_t limit, bool (*act)(struct qn_shelf *, int), int i,
          bool dies)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        struct qn_shelf s = take(fd, limit);

        if (!act(&s, i))
            kill(getpid(), SIGKILL);
        _exit(0);
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(!!WIFSIGNALED(status), dies);
    assert_true(dies || WEXITSTATUS(status) == 0);
}

static bool
dies_making(struct qn_shelf *s, int i)
{
    const struct qn_fingerprint of = name(i);
    struct qn_shelf_place p;

    if (qn_shelf_find(s, &of, true, &p) == QN_SHELF_MAKE)
        fill(s, &p, -1);
    return false;
}

static bool
sees_it_busy(struct qn_shelf *s, int i)
{
    const struct qn_fingerprint of = name(i);
    struct qn_shelf_place p;

    return qn_shelf_find(s, &of, false, &p) == QN_SHELF_BUSY;
}

static bool
puts_it(struct qn_shelf *s, int i)
{
    put(s, i);
    return true;
}

static void
none_without_memory(void **state)
{
    const struct qn_fingerprint of = name(1);
    struct qn_shelf s = {.fd = -1};
    struct qn_shelf_place p;

    (void)state;
    qn_shelf_open(&s, -1);
    assert_int_equal(qn_shelf_find(&s, &of, true, &p), QN_SHELF_NONE);
    qn_shelf_leave(&s);
    qn_shelf_close(&s);
}

static void
what_one_makes_others_have(void **state)
{
    int fd = open_memory();
    struct qn_shelf s = take(fd, 10 * BYTES);

    (void)state;
    put(&s, 1);
    assert_true(has(&s, 1));
    elsewhere(fd, 10 * BYTES, has, 1, false);
    elsewhere(fd, 10 * BYTES, puts_it, 2, false);
    assert_true(has(&s, 2));
    qn_shelf_close(&s);
    close(fd);
}

static void
half_filled_is_made_again(void **state)
{
    int fd = open_memory();
    struct qn_shelf s = take(fd, 10 * BYTES);

    (void)state;
    elsewhere(fd, 10 * BYTES, dies_making, 1, true);
    assert_false(has(&s, 1));
    elsewhere(fd, 10 * BYTES, dies_making, 1, true);
    put(&s, 1);
    assert_true(has(&s, 1));
    qn_shelf_close(&s);
    close(fd);
}

static void
one_makes_at_a_time(void **state)
{
    const struct qn_fingerprint of = name(1);
    int fd = open_memory();
    struct qn_shelf s = take(fd, 10 * BYTES);
    struct qn_shelf_place p;
    pid_t pid;
    int status;

    (void)state;
    assert_int_equal(qn_shelf_find(&s, &of, true, &p), QN_SHELF_MAKE);
    elsewhere(fd, 10 * BYTES, sees_it_busy, 1, false);
    // this one waits until it is there
    pid = fork();
    if (!pid) {
        struct qn_shelf other = take(fd, 10 * BYTES);

        _exit(has(&other, 1) ? 0 : 1);
    }
    usleep(20000);
    assert_true(fill(&s, &p, 1));
    qn_shelf_publish(&s, &p);
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
    qn_shelf_close(&s);
    close(fd);
}

static void
oldest_unused_goes(void **state)
{
    const struct qn_fingerprint of = name(5);
    int fd = open_memory();
    struct qn_shelf s = take(fd, 3 * BYTES);
    struct qn_shelf_place p;
    struct stat st;

    (void)state;
    for (int i = 1; i < 4; i++)
        put(&s, i);
    // nothing goes that is used here
    assert_int_equal(qn_shelf_find(&s, &of, true, &p), QN_SHELF_MAKE);
    assert_false(qn_shelf_reserve(&s, &p, &type));
    qn_shelf_abandon(&s, &p);
    qn_shelf_leave(&s);
    assert_true(has(&s, 1));
    // nor elsewhere: 1 is used here, 2 is the oldest of the others
    elsewhere(fd, 3 * BYTES, puts_it, 4, false);
    assert_true(has(&s, 1) && has(&s, 3) && has(&s, 4));
    assert_false(has(&s, 2));
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(512 * st.st_blocks < 4 * BYTES + QN_SHELF_BOARD);
    qn_shelf_close(&s);
    close(fd);
}

static void
what_is_larger_finds_no_room(void **state)
{
    const struct qn_fingerprint of = name(1);
    int fd = open_memory();
    struct qn_shelf s = take(fd, BYTES - 1);
    struct qn_shelf_place p;

    (void)state;
    assert_int_equal(qn_shelf_find(&s, &of, true, &p), QN_SHELF_MAKE);
    assert_false(qn_shelf_reserve(&s, &p, &type));
    qn_shelf_abandon(&s, &p);
    // places do not run out
    s.limit = 2 * BYTES;
    for (int i = 0; i < 256; i++) {
        qn_shelf_leave(&s);
        put(&s, i);
    }
    assert_true(has(&s, 255));
    qn_shelf_close(&s);
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_without_memory),
        cmocka_unit_test(what_one_makes_others_have),
        cmocka_unit_test(half_filled_is_made_again),
        cmocka_unit_test(one_makes_at_a_time),
        cmocka_unit_test(oldest_unused_goes),
        cmocka_unit_test(what_is_larger_finds_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
