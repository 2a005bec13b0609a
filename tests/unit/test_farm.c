/* Workers that die, hang and meet failing reads: what is tried again, what has
 * failed.  The worker is this program under another name. */
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/farm.h"
#include "io/channel.h"

/* ---- the worker ---------------------------------------------------------- */

/* A file with one byte more each time. */
static int
count_tries(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    struct stat st = {0};

    if (fd < 0 || write(fd, "x", 1) != 1 || fstat(fd, &st))
        _exit(9);
    close(fd);
    return (int)st.st_size;
}

static json_t *
obey(const json_t *request)
{
    const char *what = json_string_value(json_object_get(request, "do"));
    const char *file = json_string_value(json_object_get(request, "file"));
    int tries = file ? count_tries(file) : 0;

    if (!strcmp(what, "crash") || (!strcmp(what, "crash once") && tries < 2))
        raise(SIGKILL);
    if (!strcmp(what, "no library"))
        _exit(127);
    if (!strcmp(what, "hang"))
        pause();
    if (!strcmp(what, "slow"))
        usleep(100 * 1000);
    if (!strcmp(what, "EIO") || (!strcmp(what, "EIO once") && tries < 2))
        return json_pack("{s:i,s:s}", "error", QN_EIO, "text", "read failed");
    return json_pack("{s:b,s:i}", "ok", 1, "pid", (int)getpid());
}

static int
be_worker(void)
{
    for (;;) {
        int fds[QN_CHANNEL_FDS], nfds;
        json_t *request, *reply;

        if (qn_channel_receive(3, &request, fds, &nfds, NULL) || !request)
            return 0;
        reply = obey(request);
        qn_channel_send(3, reply, NULL, 0, NULL);
        json_decref(reply);
        json_decref(request);
    }
}

/* ---- the rank ------------------------------------------------------------ */

enum { MOST = 8 };

struct scene {
    char folder[64];
    struct qn_farm farm;
    int code[MOST]; /* -1: no answer yet; 0: done; else why not */
    char text[MOST][1024];
    int begun[MOST]; /* order in which they were begun, from 1 */
    int nbegun;
};

static int
open_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    char self[PATH_MAX] = "", link[128];

    assert_non_null(s);
    strcpy(s->folder, "/tmp/quern-farm-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    snprintf(link, sizeof link, "%s/quern-worker", s->folder);
    assert_int_equal(symlink(self, link), 0);
    assert_int_equal(setenv("PATH", s->folder, 1), 0);
    for (int i = 0; i < MOST; i++)
        s->code[i] = -1;
    *state = s;
    return 0;
}

static int
close_scene(void **state)
{
    struct scene *s = *state;
    char path[128];

    qn_farm_close(&s->farm);
    for (int i = 0; i < MOST; i++) {
        snprintf(path, sizeof path, "%s/%d", s->folder, i);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/quern-worker", s->folder);
    unlink(path);
    rmdir(s->folder);
    free(s);
    return 0;
}

static void
start(struct scene *s, int unit, const char *what, double timeout)
{
    char file[128];
    bool free_one = qn_farm_free(&s->farm);

    snprintf(file, sizeof file, "%s/%d", s->folder, unit);
    assert_true(free_one || qn_farm_room(&s->farm));
    if (free_one)
        s->begun[unit] = ++s->nbegun;
    assert_int_equal(
        qn_farm_start(&s->farm, unit,
                      json_pack("{s:s,s:s}", "do", what, "file", file),
                      timeout, NULL),
        0);
}

static void
take_one(struct scene *s)
{
    struct qn_answer a;
    bool got = false;

    while (!got)
        assert_int_equal(qn_farm_wait(&s->farm, 50, &a, &got, NULL), 0);
    if (a.next >= 0)
        s->begun[a.next] = ++s->nbegun;
    if (a.unit >= 0) {
        assert_int_equal(s->code[a.unit], -1); // one answer each
        s->code[a.unit] = a.reply ? 0 : a.why.code;
        snprintf(s->text[a.unit], sizeof s->text[0], "%s", a.why.text);
    }
    json_decref(a.reply);
}

static void
take_all(struct scene *s)
{
    while (s->farm.busy)
        take_one(s);
}

static int
tries(const struct scene *s, int unit)
{
    char file[128];
    struct stat st;

    snprintf(file, sizeof file, "%s/%d", s->folder, unit);
    return stat(file, &st) ? 0 : (int)st.st_size;
}

/* ---- one worker, two requests -------------------------------------------- */

struct pair {
    const char *first, *second;
    int retries;
    int code[2];
    int tries[2];
};

static const struct pair pairs[] = {
    {"ok", "ok", 1, {0, 0}, {1, 1}},
    // it may have died of either: both are tried again, one after the other
    {"crash", "ok", 0, {QN_ECRASH, 0}, {2, 1}},
    {"crash once", "ok", 0, {0, 0}, {2, 1}},
    {"crash", "ok", 1, {QN_ECRASH, 0}, {2, 1}},
    {"crash", "ok", 2, {QN_ECRASH, 0}, {3, 1}},
    {"crash", "crash", 0, {QN_ECRASH, QN_ECRASH}, {2, 1}},
    {"ok", "crash", 0, {0, QN_ECRASH}, {1, 1}},
    {"ok", "crash once", 1, {0, 0}, {1, 2}},
    {"hang", "ok", 0, {QN_ETIMEOUT, 0}, {2, 1}},
    {"EIO", "ok", 0, {QN_EIO, 0}, {1, 1}},
    {"EIO", "ok", 2, {QN_EIO, 0}, {3, 1}},
    {"EIO once", "ok", 1, {0, 0}, {2, 1}},
    {"EIO once", "crash", 1, {0, QN_ECRASH}, {2, 2}},
};

static void
two_in_hand(void **state)
{
    struct scene *s = *state;

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const struct pair *p = &pairs[i];

        assert_int_equal(qn_farm_open(&s->farm, 1, NULL), 0);
        s->farm.retries = p->retries;
        start(s, 0, p->first, 0.2);
        start(s, 1, p->second, 0.2);
        assert_false(qn_farm_room(&s->farm));
        take_all(s);
        for (int k = 0; k < 2; k++) {
            char file[128];

            if (s->code[k] != p->code[k] || tries(s, k) != p->tries[k])
                fail_msg("%s, %s, retries %d: %d ended with %d after %d tries",
                         p->first, p->second, p->retries, k, s->code[k],
                         tries(s, k));
            s->code[k] = -1;
            snprintf(file, sizeof file, "%s/%d", s->folder, k);
            unlink(file);
        }
        qn_farm_close(&s->farm);
    }
}

static void
reasons(void **state)
{
    struct scene *s = *state;

    assert_int_equal(qn_farm_open(&s->farm, 2, NULL), 0);
    s->farm.retries = 0;
    start(s, 0, "crash", INFINITY);
    start(s, 1, "hang", 0.05);
    take_all(s);
    assert_non_null(strstr(s->text[0], "SIGKILL"));
    assert_non_null(strstr(s->text[1], "time limit"));
}

/* A host where workers cannot run would fail every item it gets. */
static void
not_the_item(void **state)
{
    struct scene *s = *state;
    struct qn_error err = {0};
    struct qn_answer a;
    bool got = false;
    int rc = 0;

    assert_int_equal(qn_farm_open(&s->farm, 1, NULL), 0);
    start(s, 0, "no library", INFINITY);
    start(s, 1, "ok", INFINITY);
    while (!rc && !got)
        rc = qn_farm_wait(&s->farm, 50, &a, &got, &err);
    assert_int_equal(rc, QN_EIO);
    assert_false(got);
    assert_non_null(strstr(err.text, "quern-worker ends"));
    assert_int_equal(s->farm.busy, 0);
}

/* The journal is to name what is at work, not what waits. */
static void
order_of_beginning(void **state)
{
    struct scene *s = *state;

    assert_int_equal(qn_farm_open(&s->farm, 1, NULL), 0);
    start(s, 0, "EIO once", INFINITY);
    start(s, 1, "ok", INFINITY);
    assert_int_equal(s->begun[1], 0);
    take_one(s); // the first waits behind the second now
    assert_int_equal(s->code[0], -1);
    assert_int_equal(s->begun[1], 2);
    take_all(s);
    assert_int_equal(s->code[0], 0);
    assert_int_equal(s->code[1], 0);
}

static void
alone_means_alone(void **state)
{
    struct scene *s = *state;

    assert_int_equal(qn_farm_open(&s->farm, 1, NULL), 0);
    s->farm.retries = 5;
    start(s, 0, "crash once", INFINITY);
    start(s, 1, "ok", INFINITY);
    while (tries(s, 0) < 2) { // until it has been given out again
        struct qn_answer a;
        bool got;

        assert_int_equal(qn_farm_wait(&s->farm, 1, &a, &got, NULL), 0);
        assert_false(got && tries(s, 0) < 2);
        if (got) {
            s->code[a.unit] = 0;
            json_decref(a.reply);
        }
    }
    if (s->code[0] < 0)
        assert_false(qn_farm_room(&s->farm));
    take_all(s);
    assert_int_equal(tries(s, 1), 1);
}

/* Asked to stop: what has not been begun is not. */
static void
draining(void **state)
{
    struct scene *s = *state;

    assert_int_equal(qn_farm_open(&s->farm, 1, NULL), 0);
    start(s, 0, "slow", INFINITY);
    start(s, 1, "slow", INFINITY);
    s->farm.draining = true;
    take_one(s);
    assert_int_equal(s->code[0], 0);
    assert_int_equal(s->code[1], -1);
    assert_int_equal(s->farm.busy, 0);
    s->farm.draining = false;
    start(s, 2, "ok", INFINITY);
    take_all(s);
    assert_int_equal(s->code[2], 0);
}

int
main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_in_hand, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(reasons, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(not_the_item, open_scene, close_scene),
        cmocka_unit_test_setup_teardown(order_of_beginning, open_scene,
                                        close_scene),
        cmocka_unit_test_setup_teardown(alone_means_alone, open_scene,
                                        close_scene),
        cmocka_unit_test_setup_teardown(draining, open_scene, close_scene),
    };

    (void)argc;
    if (!strcmp(name ? name + 1 : argv[0], "quern-worker"))
        return be_worker();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
