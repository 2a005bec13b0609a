/* What comes from the rank: one request at work, the next read ahead.
 *
 * Reading ahead leaves the work to the kernel: it brings the bytes into the
 * page cache while this process computes and writes.  So no library that reads
 * files is ever used by two threads, and a hostile file is not touched before
 * its turn. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "worker/worker.h"

#include "model/json.h"

/* Of a long file its beginning: what follows is read ahead as it is read. */
enum { MOST_AHEAD = 256 << 20 };

int
qn_worker_receive(struct qn_worker *w, struct qn_worker_mail *mail,
                  struct qn_error *err)
{
    *mail = w->next;
    w->next = (struct qn_worker_mail){0};
    if (mail->request)
        return 0;
    return qn_channel_receive(w->sock, &mail->request, mail->fd, &mail->nfds,
                              err);
}

static void
ask_kernel(const struct qn_worker *w, const json_t *request)
{
    const char *path = qn_json_text(request, "path");
    // a part of which the row before this one was read
    bool known = path && qn_opened_has(&w->opened, path);
    int fd = path && !known ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
                            : -1;

    if (fd < 0)
        return; // what is wrong with it is said when its turn has come
    posix_fadvise(fd, 0, MOST_AHEAD, POSIX_FADV_WILLNEED);
    close(fd);
}

void
qn_worker_read_ahead(struct qn_worker *w)
{
    struct pollfd p = {.fd = w->sock, .events = POLLIN};

    if (w->packing || w->next.request || poll(&p, 1, 0) <= 0)
        return;
    // a line that broke is met again when the next request is waited for
    if (!qn_channel_receive(w->sock, &w->next.request, w->next.fd,
                            &w->next.nfds, NULL))
        ask_kernel(w, w->next.request);
}
