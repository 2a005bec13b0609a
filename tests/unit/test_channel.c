/* The line between a rank and its worker: bad ends first, then messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/channel.h"

struct line {
    int a, b;
};

static struct line
make_line(void)
{
    int s[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
    return (struct line){s[0], s[1]};
}

static void
close_line(struct line *l)
{
    close(l->a);
    close(l->b);
}

static int
open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* ---- bad input ---------------------------------------------------------- */

static void
closed(void **state)
{
    struct line l = make_line();
    struct qn_error err;
    json_t *msg = json_object();
    int fds[QN_CHANNEL_FDS], nfds = 7;

    (void)state;
    close(l.b);
    // Neither a signal nor a wait.
    assert_int_equal(qn_channel_send(l.a, msg, NULL, 0, &err), QN_EIO);
    json_decref(msg);
    assert_int_equal(qn_channel_receive(l.a, &msg, fds, &nfds, &err), 0);
    assert_null(msg);
    assert_int_equal(nfds, 0);
    close(l.a);
}

/* What arrives before the line closes, and what the sentence must hold. */
static const struct {
    const char *bytes;
    size_t n;
    const char *says;
} broken[] = {
    {"\x05", 1, "broke inside"},
    {"\x05\0\0\0", 4, "broke inside"},
    {"\x05\0\0\0{\"a\"", 8, "broke inside"},
    {"\x05\0\0\0{\"a\":", 9, "not JSON"},
    {"\x00\0\0\0", 4, "not JSON"},
    {"\x01\0\0\x04{}", 6, "announces 67108865 bytes"},
    {"\xff\xff\xff\xff", 4, "announces 4294967295 bytes"},
};

static void
broken_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct line l = make_line();
        struct qn_error err;
        json_t *msg;
        int fds[QN_CHANNEL_FDS], nfds;

        assert_int_equal(write(l.a, broken[i].bytes, broken[i].n),
                         (ssize_t)broken[i].n);
        close(l.a);
        assert_int_equal(qn_channel_receive(l.b, &msg, fds, &nfds, &err),
                         QN_EIO);
        assert_non_null(strstr(err.text, broken[i].says));
        assert_null(msg);
        close(l.b);
    }
}

/* The descriptors of a message that fails are closed. */
static void
broken_with_descriptors(void **state)
{
    struct line l = make_line();
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {"\x09\0\0\0{", 5};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    int before = open_descriptors(), fds[QN_CHANNEL_FDS], nfds;
    json_t *msg;

    (void)state;
    *h = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(h), &l.a, sizeof(int));
    assert_int_equal(sendmsg(l.a, &m, 0), 5);
    // The line stays open as long as a descriptor in flight holds its end.
    shutdown(l.a, SHUT_WR);
    assert_int_equal(qn_channel_receive(l.b, &msg, fds, &nfds, NULL), QN_EIO);
    assert_int_equal(nfds, 0);
    assert_int_equal(open_descriptors(), before);
    close_line(&l);
}

static void
too_much(void **state)
{
    struct line l = make_line();
    struct qn_error err;
    size_t n = ((size_t)64 << 20) + 1;
    char *text = malloc(n + 1);
    int fds[QN_CHANNEL_FDS + 1] = {0};
    json_t *msg;

    (void)state;
    memset(text, 'x', n);
    text[n] = '\0';
    msg = json_pack("[s]", text);
    assert_int_equal(qn_channel_send(l.a, msg, NULL, 0, &err), QN_EVALUE);
    assert_non_null(strstr(err.text, "67108869 bytes"));
    assert_int_equal(
        qn_channel_send(l.a, msg, fds, QN_CHANNEL_FDS + 1, &err), QN_EVALUE);
    json_decref(msg);
    free(text);
    close_line(&l);
}

/* ---- messages ----------------------------------------------------------- */

static void
small_messages(void **state)
{
    struct line l = make_line();
    int fds[QN_CHANNEL_FDS], nfds;
    json_t *msg;

    (void)state;
    for (int i = 0; i < 100; i++) {
        msg = json_pack("{s:i,s:s}", "i", i, "name", "caf\xC3\xA9");
        assert_int_equal(qn_channel_send(l.a, msg, NULL, 0, NULL), 0);
        json_decref(msg);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(qn_channel_receive(l.b, &msg, fds, &nfds, NULL), 0);
        assert_int_equal(json_integer_value(json_object_get(msg, "i")), i);
        assert_string_equal(json_string_value(json_object_get(msg, "name")),
                            "caf\xC3\xA9");
        json_decref(msg);
    }
    close_line(&l);
}

/* Descriptors come with their own message, not with the one before. */
static void
descriptors(void **state)
{
    struct line l = make_line();
    int before = open_descriptors(), p[QN_CHANNEL_FDS], fds[QN_CHANNEL_FDS];
    int nfds;
    json_t *msg = json_pack("{s:i}", "n", 1);
    char c = 0;

    (void)state;
    assert_int_equal(pipe(p), 0);
    for (int i = 2; i < QN_CHANNEL_FDS; i++)
        p[i] = p[1];
    assert_int_equal(qn_channel_send(l.a, msg, NULL, 0, NULL), 0);
    assert_int_equal(qn_channel_send(l.a, msg, p, QN_CHANNEL_FDS, NULL), 0);
    json_decref(msg);
    assert_int_equal(qn_channel_receive(l.b, &msg, fds, &nfds, NULL), 0);
    assert_int_equal(nfds, 0);
    json_decref(msg);
    assert_int_equal(qn_channel_receive(l.b, &msg, fds, &nfds, NULL), 0);
    assert_int_equal(nfds, QN_CHANNEL_FDS);
    json_decref(msg);
    for (int i = 0; i < nfds; i++)
        assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(fds[7], "x", 1), 1);
    assert_int_equal(read(p[0], &c, 1), 1);
    assert_int_equal(c, 'x');
    for (int i = 0; i < nfds; i++)
        close(fds[i]);
    close(p[0]);
    close(p[1]);
    assert_int_equal(open_descriptors(), before);
    close_line(&l);
}

struct sender {
    int sock, fd, rc;
    json_t *msg;
};

static void *
send_one(void *arg)
{
    struct sender *s = arg;

    s->rc = qn_channel_send(s->sock, s->msg, &s->fd, 1, NULL);
    return NULL;
}

/* Longer than the socket's buffer, from an end that does not block. */
static void
long_message(void **state)
{
    struct line l = make_line();
    size_t n = (size_t)5 << 20;
    char *text = malloc(n + 1);
    struct sender s = {.sock = l.a, .fd = l.a};
    int fds[QN_CHANNEL_FDS], nfds;
    pthread_t thread;
    json_t *msg;

    (void)state;
    memset(text, 'y', n);
    text[n] = '\0';
    s.msg = json_pack("[s]", text);
    assert_int_equal(fcntl(l.a, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(pthread_create(&thread, NULL, send_one, &s), 0);
    assert_int_equal(qn_channel_receive(l.b, &msg, fds, &nfds, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(s.rc, 0);
    assert_true(json_equal(msg, s.msg));
    assert_int_equal(nfds, 1);
    close(fds[0]);
    json_decref(msg);
    json_decref(s.msg);
    free(text);
    close_line(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed),
        cmocka_unit_test(broken_messages),
        cmocka_unit_test(broken_with_descriptors),
        cmocka_unit_test(too_much),
        cmocka_unit_test(small_messages),
        cmocka_unit_test(descriptors),
        cmocka_unit_test(long_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
