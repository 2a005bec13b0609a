/* The line between a rank and its worker: see channel.h.
 *
 * On the wire a message is four bytes of length (least significant first)
 * and that many bytes of compact JSON.  Descriptors travel with the first
 * byte of the length, so that whoever has that byte has them.  Knows nothing
 * of what messages mean. */
#include "io/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEADER_BYTES 4
#define MESSAGE_MAX ((size_t)64 << 20)

/* Room for the descriptors of one message, aligned as the kernel wants it. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * QN_CHANNEL_FDS)];
};

/* After a failed call: may it be repeated?  A socket that was made
 * non-blocking is waited for. */
static bool
again(int sock, short events)
{
    struct pollfd p = {.fd = sock, .events = events};

    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        return false;
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

static void
put_length(unsigned char head[HEADER_BYTES], size_t n)
{
    for (int i = 0; i < HEADER_BYTES; i++)
        head[i] = (unsigned char)(n >> (8 * i) & 0xff);
}

static size_t
get_length(const unsigned char head[HEADER_BYTES])
{
    size_t n = 0;

    for (int i = 0; i < HEADER_BYTES; i++)
        n |= (size_t)head[i] << (8 * i);
    return n;
}

static void
attach(struct msghdr *m, union control *c, const int *fds, int nfds)
{
    size_t bytes = sizeof(int) * (size_t)nfds;
    struct cmsghdr *h;

    memset(c, 0, sizeof *c);
    m->msg_control = c->bytes;
    m->msg_controllen = CMSG_SPACE(bytes);
    h = CMSG_FIRSTHDR(m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(h), fds, bytes);
}

/* Step over the n bytes that were taken. */
static void
advance(struct msghdr *m, size_t n)
{
    while (m->msg_iovlen > 0 && n >= m->msg_iov->iov_len) {
        n -= m->msg_iov->iov_len;
        m->msg_iov++;
        m->msg_iovlen--;
    }
    if (m->msg_iovlen > 0) {
        m->msg_iov->iov_base = (char *)m->msg_iov->iov_base + n;
        m->msg_iov->iov_len -= n;
    }
}

static int
send_frame(int sock, char *text, size_t n, const int *fds, int nfds,
           struct qn_error *err)
{
    unsigned char head[HEADER_BYTES];
    struct iovec parts[2] = {{head, HEADER_BYTES}, {text, n}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
    union control control;

    put_length(head, n);
    if (nfds > 0)
        attach(&m, &control, fds, nfds);
    while (m.msg_iovlen > 0) {
        ssize_t sent = sendmsg(sock, &m, MSG_NOSIGNAL);
        if (sent < 0) {
            if (again(sock, POLLOUT))
                continue;
            return qn_fail(err, QN_EIO, "sending a message: %s",
                           strerror(errno));
        }
        if (sent > 0) {
            m.msg_control = NULL; // the descriptors went with the first byte
            m.msg_controllen = 0;
        }
        advance(&m, (size_t)sent);
    }
    return 0;
}

int
qn_channel_send(int sock, const json_t *msg, const int *fds, int nfds,
                struct qn_error *err)
{
    char *text;
    size_t n;
    int rc;

    if (nfds < 0 || nfds > QN_CHANNEL_FDS)
        return qn_fail(err, QN_EVALUE,
                       "a message carries at most %d descriptors, not %d",
                       QN_CHANNEL_FDS, nfds);
    if (!(text = json_dumps(msg, JSON_COMPACT)))
        return qn_fail(err, QN_EVALUE,
                       "a message could not be written as JSON");
    n = strlen(text);
    if (n > MESSAGE_MAX)
        rc = qn_fail(err, QN_EVALUE,
                     "a message of %zu bytes is longer than the %zu that fit "
                     "the line between rank and worker",
                     n, MESSAGE_MAX);
    else
        rc = send_frame(sock, text, n, fds, nfds, err);
    free(text);
    return rc;
}

static void
close_all(int *fds, int *nfds)
{
    while (*nfds > 0)
        close(fds[--*nfds]);
}

/* Take over the descriptors that came with m; false if some were lost. */
static bool
detach(struct msghdr *m, int *fds, int *nfds)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (*nfds < QN_CHANNEL_FDS)
                fds[(*nfds)++] = fd;
            else
                close(fd);
        }
    }
    return !(m->msg_flags & MSG_CTRUNC);
}

/* Receive up to n bytes into p, fewer only at the end of the line; *got says
 * how many. */
static int
receive_bytes(int sock, void *p, size_t n, size_t *got, int *fds, int *nfds,
              struct qn_error *err)
{
    *got = 0;
    while (*got < n) {
        union control control;
        struct iovec part = {(char *)p + *got, n - *got};
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
        ssize_t r = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
        if (r < 0 && again(sock, POLLIN))
            continue;
        // A peer that died with bytes unread resets the line: also an end.
        if (r == 0 || (r < 0 && errno == ECONNRESET))
            return 0;
        if (r < 0)
            return qn_fail(err, QN_EIO, "receiving a message: %s",
                           strerror(errno));
        if (!detach(&m, fds, nfds))
            return qn_fail(err, QN_EIO,
                           "descriptors of a message were lost; raise the "
                           "limit of open files (ulimit -n)");
        *got += (size_t)r;
    }
    return 0;
}

static int
broken(struct qn_error *err)
{
    return qn_fail(err, QN_EIO,
                   "the line between rank and worker broke inside a message");
}

static int
receive_body(int sock, json_t **msg, size_t n, int *fds, int *nfds,
             struct qn_error *err)
{
    char *text;
    size_t got;
    int rc;

    if (n > MESSAGE_MAX)
        return qn_fail(err, QN_EIO,
                       "a message announces %zu bytes, more than the %zu "
                       "that are allowed",
                       n, MESSAGE_MAX);
    if (!(text = malloc(n + 1)))
        return qn_fail(err, QN_ENOMEM, "no memory for a message of %zu bytes",
                       n);
    rc = receive_bytes(sock, text, n, &got, fds, nfds, err);
    if (!rc && got < n)
        rc = broken(err);
    if (!rc && !(*msg = json_loadb(text, n, 0, NULL)))
        rc = qn_fail(err, QN_EIO, "a message is not JSON: '%.*s'",
                     (int)(n < 80 ? n : 80), text);
    free(text);
    return rc;
}

int
qn_channel_receive(int sock, json_t **msg, int fds[QN_CHANNEL_FDS], int *nfds,
                   struct qn_error *err)
{
    unsigned char head[HEADER_BYTES];
    size_t got;
    int rc;

    *msg = NULL;
    *nfds = 0;
    rc = receive_bytes(sock, head, HEADER_BYTES, &got, fds, nfds, err);
    if (!rc && got > 0)
        rc = got < HEADER_BYTES
                 ? broken(err)
                 : receive_body(sock, msg, get_length(head), fds, nfds, err);
    if (rc)
        close_all(fds, nfds);
    return rc;
}
