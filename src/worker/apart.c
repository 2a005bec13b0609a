/* An item made by a child of the worker, and handed over in shared memory.
 *
 * It costs a fork, so it is for items of which one is known to kill the
 * process that reads it.  What the child leaves: a head, its cards as JSON,
 * and each product's description with its samples behind it. */
#include "worker/apart.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "io/cards_json.h"
#include "io/writer.h"
#include "model/array.h"

enum { ALIGN = 64, NAME = 256 };

struct head {
    int code;           /* of the item's failure; 0: it is there */
    char text[512];
    size_t nproducts, cards; /* bytes of the cards' JSON         */
};

struct product {
    char name[NAME], within[NAME], units[NAME]; /* "": none */
    int axis;
    struct qn_type type;
};

/* ---- the child ----------------------------------------------------------------- */

struct leaving {
    int fd;
    off_t at;
};

/* Append, aligned for any sample. */
static int
leave(struct leaving *l, const void *data, size_t n, struct qn_error *err)
{
    const char *p = data;

    l->at = (l->at + ALIGN - 1) / ALIGN * ALIGN;
    while (n) {
        ssize_t done = pwrite(l->fd, p, n, l->at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return qn_fail(err, QN_ENOMEM, "no memory to hand it over");
        p += done;
        l->at += done;
        n -= (size_t)done;
    }
    return 0;
}

static int
leave_product(struct leaving *l, const struct qn_product *p,
              struct qn_error *err)
{
    struct product d = {.axis = p->axis, .type = p->data->type};

    snprintf(d.name, sizeof d.name, "%s", p->name);
    snprintf(d.within, sizeof d.within, "%s", p->within ? p->within : "");
    snprintf(d.units, sizeof d.units, "%s", p->units ? p->units : "");
    QN_TRY(leave(l, &d, sizeof d, err));
    return leave(l, p->data->data, qn_array_bytes(p->data), err);
}

static int
leave_all(void *ctx, const struct qn_product *products, size_t n,
          const struct qn_cards *cards, struct qn_error *err)
{
    struct leaving *l = ctx;
    json_t *j = qn_cards_json_make(cards);
    char *text = json_dumps(j, JSON_COMPACT);
    struct head h = {.nproducts = n, .cards = text ? strlen(text) : 0};
    int rc = leave(l, &h, sizeof h, err);

    if (!rc)
        rc = leave(l, text ? text : "", h.cards, err);
    for (size_t i = 0; i < n && !rc; i++)
        rc = leave_product(l, &products[i], err);
    free(text);
    json_decref(j);
    return rc;
}

static void
be_child(struct qn_worker *w, struct qn_item_call *call, double limit,
         struct leaving *l)
{
    struct itimerval t = {.it_value.tv_sec = (time_t)ceil(limit)};
    struct head h = {0};
    struct qn_error why = {0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setitimer(ITIMER_REAL, &t, NULL);
    h.code = qn_item_make(w, call, leave_all, l, &why);
    if (h.code) {
        memcpy(h.text, why.text, sizeof h.text);
        l->at = 0;
        leave(l, &h, sizeof h, NULL);
    }
    // nothing of the worker's is to be flushed or closed twice
    _exit(0);
}

/* ---- the worker ---------------------------------------------------------------- */

struct reading {
    const char *data; /* mapped */
    size_t size, at;
};

/* The next n bytes, or NULL: they are not there. */
static const void *
next(struct reading *r, size_t n)
{
    size_t from = (r->at + ALIGN - 1) / ALIGN * ALIGN;

    if (from > r->size || n > r->size - from)
        return NULL;
    r->at = from + n;
    return r->data + from;
}

static int
torn(struct qn_error *err)
{
    return qn_fail(err, QN_ECRASH,
                   "the process that read it ended before it was whole");
}

static int
read_products(struct reading *r, struct qn_product *product,
              struct qn_array *array, size_t n, struct qn_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct product *d = next(r, sizeof *d);
        const void *data;

        if (!d)
            return torn(err);
        array[i] = qn_array_view(&d->type, NULL);
        data = next(r, qn_array_bytes(&array[i]));
        if (!data)
            return torn(err);
        array[i].data = (void *)(uintptr_t)data;
        product[i] = (struct qn_product){
            .name = d->name,
            .data = &array[i],
            .units = *d->units ? d->units : NULL,
            .within = *d->within ? d->within : NULL,
            .axis = d->axis,
        };
    }
    return 0;
}

static int
read_all(struct reading *r,
         int (*take)(void *, const struct qn_product *, size_t,
                     const struct qn_cards *, struct qn_error *),
         void *ctx, struct qn_error *err)
{
    const struct head *h = next(r, sizeof *h);
    struct qn_product *product = NULL;
    struct qn_array *array = NULL;
    struct qn_cards cards = {0};
    const char *text;
    json_t *j;
    int rc;

    if (!h)
        return torn(err);
    if (h->code)
        return qn_fail(err, h->code, "%s", h->text);
    text = next(r, h->cards);
    if (!text)
        return torn(err);
    j = json_loadb(text, h->cards, 0, NULL);
    rc = qn_cards_json_load(&cards, j, err);
    json_decref(j);
    if (!rc)
        rc = qn_memory_make((void **)&product, h->nproducts, sizeof *product,
                            "products", err);
    if (!rc)
        rc = qn_memory_make((void **)&array, h->nproducts, sizeof *array,
                            "products", err);
    if (!rc)
        rc = read_products(r, product, array, h->nproducts, err);
    if (!rc)
        rc = take(ctx, product, h->nproducts, &cards, err);
    qn_cards_clear(&cards);
    free(product);
    free(array);
    return rc;
}

static int
say_death(int status, double limit, struct qn_error *err)
{
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (sig == SIGALRM)
        return qn_fail(err, QN_ETIMEOUT,
                       "it took longer than its time limit of %.0f s; raise "
                       "`timeout:` of the stage if it needs more",
                       limit);
    if (sig)
        return qn_fail(err, QN_ECRASH,
                       "the process that read it died: killed by SIG%s",
                       sigabbrev_np(sig));
    return qn_fail(err, QN_ECRASH,
                   "the process that read it died: it exited with code %d",
                   WEXITSTATUS(status));
}

static int
wait_for(pid_t child, int *status, struct qn_error *err)
{
    pid_t got;

    do
        got = waitpid(child, status, 0);
    while (got < 0 && errno == EINTR);
    return got == child ? 0
                        : qn_fail(err, QN_ECRASH, "its process is lost");
}

static int
read_shared(int fd,
            int (*take)(void *, const struct qn_product *, size_t,
                        const struct qn_cards *, struct qn_error *),
            void *ctx, struct qn_error *err)
{
    off_t size = lseek(fd, 0, SEEK_END);
    struct reading r = {.size = size > 0 ? (size_t)size : 0};
    void *map;
    int rc;

    if (!r.size)
        return torn(err);
    map = mmap(NULL, r.size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return qn_fail(err, QN_ENOMEM, "no memory to take it over");
    r.data = map;
    rc = read_all(&r, take, ctx, err);
    munmap(map, r.size);
    return rc;
}

int
qn_apart_make(struct qn_worker *w, struct qn_item_call *call, double limit,
              int (*take)(void *, const struct qn_product *, size_t,
                          const struct qn_cards *, struct qn_error *),
              void *ctx, struct qn_error *err)
{
    struct leaving l = {.fd = memfd_create("quern-item", MFD_CLOEXEC)};
    int status = 0, rc;
    pid_t child;

    if (l.fd < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for an item: %s",
                       strerror(errno));
    child = fork();
    if (child == 0)
        be_child(w, call, limit, &l);
    rc = child < 0 ? qn_fail(err, QN_ENOMEM, "no process for an item: %s",
                             strerror(errno))
                   : wait_for(child, &status, err);
    if (!rc && status)
        rc = say_death(status, limit, err);
    if (!rc)
        rc = read_shared(l.fd, take, ctx, err);
    close(l.fd);
    return rc;
}
