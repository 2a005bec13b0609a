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
#include "io/channel.h"

int
qn_farm_open(struct qn_farm *f, int n, struct qn_error *err)
{
    *f = (struct qn_farm){.n = n, .retries = 1};
    for (int i = 0; i < QN_FARM_SLOTS; i++)
        f->memory[i] = -1;
    QN_TRY(qn_memory_make((void **)&f->worker, (size_t)n, sizeof *f->worker,
                          "workers", err));
    for (int i = 0; i < n; i++) {
        f->worker[i].unit = -1;
        f->worker[i].child = (struct qn_child){.sock = -1, .errors = -1};
    }
    return 0;
}

static void
set_idle(struct qn_farm *f, struct qn_farm_worker *w)
{
    json_decref(w->request);
    w->request = NULL;
    w->unit = -1;
    w->attempts = 0;
    f->busy--;
}

void
qn_farm_close(struct qn_farm *f)
{
    for (int i = 0; i < f->n && f->worker; i++) {
        struct qn_farm_worker *w = &f->worker[i];

        if (w->unit >= 0) {
            qn_child_bury(&w->child, NULL, 0);
            set_idle(f, w);
        }
        qn_child_close(&w->child);
    }
    for (size_t i = 0; i < f->nprograms; i++)
        json_decref(f->program[i]);
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

void
qn_farm_memory(struct qn_farm *f, int slot, int fd)
{
    f->memory[slot] = fd;
    f->generation[slot]++;
}

bool
qn_farm_free(const struct qn_farm *f)
{
    return f->busy < f->n;
}

static int
send_memory(struct qn_farm *f, struct qn_farm_worker *w, int slot,
            struct qn_error *err)
{
    json_t *msg;
    int rc;

    if (w->memory[slot] == f->generation[slot] || f->memory[slot] < 0)
        return 0;
    msg = json_pack("{s:s,s:i}", "op", "memory", "slot", slot);
    rc = qn_channel_send(w->child.sock, msg, &f->memory[slot], 1, err);
    json_decref(msg);
    w->memory[slot] = f->generation[slot];
    return rc;
}

/* Send the request with all that must precede it. */
static int
send_request(struct qn_farm *f, struct qn_farm_worker *w,
             struct qn_error *err)
{
    if (w->child.pid <= 0) {
        QN_TRY(qn_child_open(&w->child, err));
        w->programs = 0;
        memset(w->memory, 0, sizeof w->memory);
    }
    w->deadline = qn_clock_now() + w->timeout;
    for (; w->programs < f->nprograms; w->programs++)
        QN_TRY(qn_channel_send(w->child.sock, f->program[w->programs], NULL,
                               0, err));
    for (int i = 0; i < QN_FARM_SLOTS; i++)
        QN_TRY(send_memory(f, w, i, err));
    return qn_channel_send(w->child.sock, w->request, NULL, 0, err);
}

int
qn_farm_start(struct qn_farm *f, int64_t unit, json_t *request,
              double timeout, struct qn_error *err)
{
    struct qn_farm_worker *w = f->worker;

    while (w->unit >= 0)
        w++;
    w->unit = unit;
    w->request = request;
    w->timeout = timeout;
    f->busy++;
    if (!send_request(f, w, err))
        return 0;
    // it died between two requests: a fresh one has another chance
    qn_child_bury(&w->child, NULL, 0);
    return send_request(f, w, err);
}

/* ---- answers -------------------------------------------------------------- */

static void
give(struct qn_farm *f, struct qn_farm_worker *w, struct qn_answer *answer,
     json_t *reply, int code, const char *text)
{
    *answer = (struct qn_answer){.unit = w->unit, .reply = reply};
    if (!reply)
        qn_fail(&answer->why, code, "%s", text);
    set_idle(f, w);
}

static int
try_again(struct qn_farm *f, struct qn_farm_worker *w, bool *again,
          struct qn_error *err)
{
    *again = w->attempts < f->retries;
    if (!*again)
        return 0;
    w->attempts++;
    return send_request(f, w, err);
}

/* The worker died, or must die because its time is over. */
static int
bury(struct qn_farm *f, struct qn_farm_worker *w, bool late,
     struct qn_answer *answer, bool *got, struct qn_error *err)
{
    char how[512], text[768];
    bool again;

    qn_child_bury(&w->child, how, sizeof how);
    QN_TRY(try_again(f, w, &again, err));
    if (again)
        return 0;
    if (late)
        snprintf(text, sizeof text,
                 "it took longer than its time limit of %.0f s; raise "
                 "`timeout:` of the stage if it needs more",
                 w->timeout);
    else
        snprintf(text, sizeof text, "the worker that processed it died: %s",
                 how);
    give(f, w, answer, NULL, late ? QN_ETIMEOUT : QN_ECRASH, text);
    *got = true;
    return 0;
}

static int
take(struct qn_farm *f, struct qn_farm_worker *w, struct qn_answer *answer,
     bool *got, struct qn_error *err)
{
    int fds[QN_CHANNEL_FDS], nfds = 0;
    json_t *reply = NULL, *code;
    bool again = false;

    if (qn_channel_receive(w->child.sock, &reply, fds, &nfds, NULL) ||
        !reply) {
        json_decref(reply);
        return bury(f, w, false, answer, got, err);
    }
    code = json_object_get(reply, "error");
    if (!code) {
        give(f, w, answer, reply, 0, "");
        *got = true;
        return 0;
    }
    if (json_integer_value(code) == QN_EIO)
        QN_TRY(try_again(f, w, &again, err));
    if (!again) {
        const char *text =
            json_string_value(json_object_get(reply, "text"));

        give(f, w, answer, NULL, (int)json_integer_value(code),
             text ? text : "");
        *got = true;
    }
    json_decref(reply);
    return 0;
}

static struct qn_farm_worker *
poll_workers(struct qn_farm *f, int milliseconds)
{
    struct pollfd p[QN_FARM_MOST];
    struct qn_farm_worker *who[QN_FARM_MOST];
    nfds_t n = 0;

    for (int i = 0; i < f->n; i++)
        if (f->worker[i].unit >= 0) {
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
        if (f->worker[i].unit >= 0 && now > f->worker[i].deadline)
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
