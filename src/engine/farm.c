/* Handing requests to workers and taking their answers.
 *
 * Knows nothing of items or stages.  Read child.c for what a worker process
 * is, dispatch.c for who asks. */
#include "engine/farm.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "io/channel.h"
#include "model/caution.h"
#include "model/json.h"

int
qn_farm_open(struct qn_farm *f, int n, struct qn_error *err)
{
    *f = (struct qn_farm){.n = n, .most = n, .retries = 1};
    for (int i = 0; i < QN_FARM_SLOTS; i++)
        f->memory[i] = -1;
    QN_TRY(qn_memory_make((void **)&f->worker, (size_t)n, sizeof *f->worker,
                          "workers", err));
    for (int i = 0; i < n; i++) {
        f->worker[i].hand.unit = f->worker[i].ahead.unit = -1;
        f->worker[i].child = (struct qn_child){.sock = -1, .errors = -1};
    }
    return 0;
}

void
qn_farm_early(struct qn_farm *f)
{
    enum { EARLY = 2 };

    for (int i = 0; i < f->n && i < EARLY; i++)
        if (qn_child_open(&f->worker[i].child, NULL))
            return;
}

static void
drop(struct qn_farm_hand *h)
{
    json_decref(h->request);
    *h = (struct qn_farm_hand){.unit = -1};
}

void
qn_farm_close(struct qn_farm *f)
{
    for (int i = 0; i < f->n && f->worker; i++) {
        struct qn_farm_worker *w = &f->worker[i];

        // nor wait for one that was asked for nothing
        if (w->hand.unit >= 0 || !w->programs)
            qn_child_bury(&w->child, NULL, 0);
        drop(&w->hand);
        drop(&w->ahead);
        qn_child_close(&w->child);
    }
    for (size_t i = 0; i < f->nprograms; i++)
        json_decref(f->program[i]);
    json_decref(f->cautions);
    free(f->program);
    free(f->worker);
    *f = (struct qn_farm){0};
}

int
qn_farm_program(struct qn_farm *f, json_t *program, size_t *id,
                struct qn_error *err)
{
    json_t **p = realloc(f->program, (f->nprograms + 1) * sizeof *p);

    if (!p || !program) {
        json_decref(program);
        return qn_fail(err, QN_ENOMEM, "no memory for a stage");
    }
    f->program = p;
    *id = f->nprograms;
    json_object_set_new(program, "op", json_string("stage"));
    json_object_set_new(program, "program", json_integer((json_int_t)*id));
    p[f->nprograms++] = program;
    return 0;
}

bool
qn_farm_free(const struct qn_farm *f)
{
    return f->busy < f->most;
}

/* The first worker that could read ahead. */
static struct qn_farm_worker *
find_room(const struct qn_farm *f)
{
    for (int i = 0; i < f->n; i++) {
        struct qn_farm_worker *w = &f->worker[i];

        if (w->hand.unit >= 0 && w->ahead.unit < 0 && !w->hand.alone)
            return w;
    }
    return NULL;
}

bool
qn_farm_room(const struct qn_farm *f)
{
    return find_room(f) != NULL;
}

/* A worker that never had any has none to give back. */
static int
send_memory(struct qn_farm *f, struct qn_farm_worker *w, int slot,
            struct qn_error *err)
{
    const bool given = f->memory[slot] >= 0;
    json_t *msg;
    int rc;

    if (w->memory[slot] == f->generation[slot] || (!given && !w->memory[slot]))
        return 0;
    msg = json_pack("{s:s,s:i}", "op", "memory", "slot", slot);
    rc = qn_channel_send(w->child.sock, msg, given ? &f->memory[slot] : NULL,
                         given ? 1 : 0, err);
    json_decref(msg);
    w->memory[slot] = given ? f->generation[slot] : 0;
    return rc;
}

void
qn_farm_memory(struct qn_farm *f, int slot, int fd)
{
    f->memory[slot] = fd;
    f->generation[slot]++;
    // who is asked for nothing more would hold it for ever; one that has died
    // is met at its next request
    for (int i = 0; i < f->n && fd < 0; i++) {
        struct qn_farm_worker *w = &f->worker[i];

        if (w->child.pid > 0 && w->hand.unit < 0 && w->memory[slot])
            (void)send_memory(f, w, slot, NULL);
    }
}

/* Send a request with all that must precede it. */
static int
send_request(struct qn_farm *f, struct qn_farm_worker *w,
             const struct qn_farm_hand *h, struct qn_error *err)
{
    if (w->child.pid <= 0) {
        QN_TRY(qn_child_open(&w->child, err));
        w->programs = 0;
        memset(w->memory, 0, sizeof w->memory);
    }
    for (; w->programs < f->nprograms; w->programs++)
        QN_TRY(qn_channel_send(w->child.sock, f->program[w->programs], NULL,
                               0, err));
    for (int i = 0; i < QN_FARM_SLOTS; i++)
        QN_TRY(send_memory(f, w, i, err));
    return qn_channel_send(w->child.sock, h->request, NULL, 0, err);
}

/* Nobody will answer. */
static void
let_go(struct qn_farm *f, struct qn_farm_worker *w)
{
    drop(&w->hand);
    drop(&w->ahead);
    w->sent = false;
    f->busy--;
}

static int
cannot_run(const char *how, struct qn_error *err)
{
    return qn_fail(err, QN_EIO,
                   "quern-worker ends as soon as it is started: %s; does "
                   "`quern-worker` run there, with all its libraries?",
                   how);
}

/* The loader's code for a library that is not there.  No item is to blame. */
static bool
lacks_library(const char *how)
{
    return !strncmp(how, "exit code 127", 13);
}

/* Where it cannot begin nothing is in hand any more: nobody would answer. */
static int
begin(struct qn_farm *f, struct qn_farm_worker *w, struct qn_error *err)
{
    char how[512];
    int rc;

    w->deadline = qn_clock_now() + w->hand.timeout;
    if (!send_request(f, w, &w->hand, NULL))
        return 0;
    // it died between two requests: a fresh one has another chance
    qn_child_bury(&w->child, NULL, 0);
    w->deadline = qn_clock_now() + w->hand.timeout;
    rc = send_request(f, w, &w->hand, err);
    if (rc) {
        qn_child_bury(&w->child, how, sizeof how);
        if (*how)
            cannot_run(how, err);
        let_go(f, w);
    }
    return rc;
}

int
qn_farm_start(struct qn_farm *f, int64_t unit, json_t *request,
              double timeout, struct qn_error *err)
{
    struct qn_farm_hand h = {
        .unit = unit, .request = request, .timeout = timeout};
    struct qn_farm_worker *w = f->worker;

    if (!qn_farm_free(f)) {
        w = find_room(f);
        w->ahead = h;
        // one that died meanwhile is met when its answer is waited for
        w->sent = !send_request(f, w, &w->ahead, NULL);
        return 0;
    }
    while (w->hand.unit >= 0)
        w++;
    w->hand = h;
    f->busy++;
    return begin(f, w, err);
}

/* ---- answers -------------------------------------------------------------- */

/* A worker cannot be asked to forget a request: it goes, and the request with
 * it. */
static void
forget_ahead(struct qn_farm_worker *w)
{
    if (w->sent)
        qn_child_bury(&w->child, NULL, 0);
    w->sent = false;
    drop(&w->ahead);
}

/* Go on with what was ahead.  A request that must be alone has not been sent
 * yet. */
static int
advance(struct qn_farm *f, struct qn_farm_worker *w, struct qn_error *err)
{
    bool sent = w->sent;

    w->hand = w->ahead;
    w->ahead = (struct qn_farm_hand){.unit = -1};
    w->sent = false;
    if (w->hand.unit < 0) {
        f->busy--;
        return 0;
    }
    if (!sent)
        return begin(f, w, err);
    w->deadline = qn_clock_now() + w->hand.timeout;
    return 0;
}

static int
give(struct qn_farm *f, struct qn_farm_worker *w, struct qn_answer *answer,
     json_t *reply, int code, const char *text, struct qn_error *err)
{
    if (f->draining)
        forget_ahead(w);
    *answer = (struct qn_answer){
        .unit = w->hand.unit, .next = w->ahead.unit, .reply = reply};
    if (!reply)
        qn_fail(&answer->why, code, "%s", text);
    drop(&w->hand);
    return advance(f, w, err);
}

/* The worker died, or must die because its time is over. */
static int
bury(struct qn_farm *f, struct qn_farm_worker *w, bool late,
     struct qn_answer *answer, bool *got, struct qn_error *err)
{
    bool company = w->sent;
    char how[512], text[768];

    qn_child_bury(&w->child, how, sizeof how);
    w->sent = false;
    if (lacks_library(how)) {
        let_go(f, w);
        return cannot_run(how, err);
    }
    w->hand.alone = w->ahead.alone = true;
    if (w->hand.deaths++ < f->retries || company) {
        // who has many items in one request can find out which it was
        json_object_set_new(w->hand.request, "deaths",
                            json_integer(w->hand.deaths));
        return begin(f, w, err);
    }
    if (late)
        snprintf(text, sizeof text,
                 "it took longer than its time limit of %.0f s; raise "
                 "`timeout:` of the stage if it needs more",
                 w->hand.timeout);
    else
        snprintf(text, sizeof text, "the worker that processed it died: %s",
                 how);
    *got = true;
    return give(f, w, answer, NULL, late ? QN_ETIMEOUT : QN_ECRASH, text,
                err);
}

/* A read that failed is tried again, after what is ahead: the file system may
 * have come back by then. */
static int
read_again(struct qn_farm *f, struct qn_farm_worker *w,
           struct qn_answer *answer, bool *got, struct qn_error *err)
{
    struct qn_farm_hand h = w->hand;

    h.deaths++;
    *got = w->sent;
    if (!w->sent) {
        w->hand = h;
        return begin(f, w, err);
    }
    *answer = (struct qn_answer){.unit = -1, .next = w->ahead.unit};
    w->hand = w->ahead;
    w->deadline = qn_clock_now() + w->hand.timeout;
    w->ahead = h;
    w->sent = !send_request(f, w, &w->ahead, NULL);
    return 0;
}

/* Libraries that fight for cores: said once a run. */
static void
pass_warning(struct qn_farm *f, const json_t *reply)
{
    const char *text = qn_json_text(reply, "warning");

    for (; text && *text && !f->warned; text += strcspn(text, "\n") + 1)
        qn_message(QN_WARNING, "%.*s", (int)strcspn(text, "\n"), text);
    f->warned = f->warned || text;
}

void
qn_farm_caution(struct qn_farm *f, const json_t *cautions)
{
    if (!json_object_size(cautions))
        return;
    if (!f->cautions)
        f->cautions = json_object();
    qn_caution_merge(f->cautions, cautions);
}

static int
take(struct qn_farm *f, struct qn_farm_worker *w, struct qn_answer *answer,
     bool *got, struct qn_error *err)
{
    int fds[QN_CHANNEL_FDS], nfds = 0, code = 0, rc;
    json_t *reply = NULL, *error;
    const char *text;

    if (qn_channel_receive(w->child.sock, &reply, fds, &nfds, NULL) ||
        !reply) {
        json_decref(reply);
        return bury(f, w, false, answer, got, err);
    }
    pass_warning(f, reply);
    error = json_object_get(reply, "error");
    *got = true;
    if (!error) {
        qn_spent_take(&f->spent, reply);
        qn_farm_caution(f, json_object_get(reply, "cautions"));
        return give(f, w, answer, reply, 0, "", err);
    }
    code = (int)json_integer_value(error);
    text = qn_json_text(reply, "text");
    // of a program, too, that crashed or took too long
    if ((code == QN_EIO || code == QN_ECRASH || code == QN_ETIMEOUT) &&
        w->hand.deaths < f->retries)
        rc = read_again(f, w, answer, got, err);
    else
        rc = give(f, w, answer, NULL, code, text ? text : "", err);
    json_decref(reply);
    return rc;
}

static struct qn_farm_worker *
poll_workers(struct qn_farm *f, int milliseconds)
{
    struct pollfd p[QN_FARM_MOST];
    struct qn_farm_worker *who[QN_FARM_MOST];
    nfds_t n = 0;

    for (int i = 0; i < f->n; i++)
        if (f->worker[i].hand.unit >= 0) {
            p[n] = (struct pollfd){.fd = f->worker[i].child.sock,
                                   .events = POLLIN};
            who[n++] = &f->worker[i];
        }
    if (poll(p, n, milliseconds) <= 0)
        return NULL;
    for (nfds_t i = 0; i < n; i++)
        if (p[i].revents)
            return who[i];
    return NULL;
}

static struct qn_farm_worker *
find_late(struct qn_farm *f)
{
    double now = qn_clock_now();

    for (int i = 0; i < f->n; i++)
        if (f->worker[i].hand.unit >= 0 && now > f->worker[i].deadline)
            return &f->worker[i];
    return NULL;
}

int
qn_farm_wait(struct qn_farm *f, int milliseconds, struct qn_answer *answer,
             bool *got, struct qn_error *err)
{
    struct qn_farm_worker *w;

    *got = false;
    if (!f->busy)
        return 0;
    w = poll_workers(f, milliseconds);
    if (w)
        return take(f, w, answer, got, err);
    w = find_late(f);
    return w ? bury(f, w, true, answer, got, err) : 0;
}

int
qn_farm_ask(struct qn_farm *f, json_t *request, double timeout,
            struct qn_answer *answer, struct qn_error *err)
{
    bool got = false;

    QN_TRY(qn_farm_start(f, 0, request, timeout, err));
    while (!got) {
        QN_TRY(qn_farm_wait(f, f->poll ? 10 : 100, answer, &got, err));
        if (f->poll)
            f->poll(f->whom);
    }
    return 0;
}
