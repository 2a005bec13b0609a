/* quern-worker: the process in which input files are opened.
 *
 * Started by a rank of quern with one end of a socket pair as descriptor 3
 * and the rank's pid as argument.  It knows neither MPI nor the job: it
 * answers one request after the other until the socket closes.  It may crash
 * at any moment without harm. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/channel.h"
#include "io/writer_merge.h"
#include "model/json.h"
#include "worker/worker.h"

extern char **environ;

enum { SOCKET = 3 };

/* The stop signals of a launcher go to the whole process group of the rank;
 * the rank decides what becomes of its workers. */
static void
ignore_stop_signals(void)
{
    static const int stops[] = {SIGTERM, SIGINT,  SIGHUP,
                                SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};

    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
        signal(stops[i], SIG_IGN);
}

/* Die with the rank, even if it died before this line. */
static void
follow_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
}

/* When memory runs out the kernel is to choose a worker, not its rank. */
static void
offer_to_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    // a container may forbid it: then the kernel's own choice stands
    if (fd >= 0) {
        if (write(fd, "500", 3) != 3)
            errno = 0;
        close(fd);
    }
}

enum { KEPT = 8 << 20 };

/* Memory of an item's size is used again for the next item, not given back
 * and met anew; what is larger is given back, for budgets count it once. */
static void
keep_memory_of_items(void)
{
    mallopt(M_MMAP_THRESHOLD, KEPT);
    mallopt(M_TRIM_THRESHOLD, 2 * KEPT);
}

/* HDF5 opens what virtual datasets are made of by itself, with locks, and then
 * refuses to have the same file opened without. */
static void
forbid_locks(void)
{
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
}

/* The heap only shrinks from its end: holes that no array of the next items
 * fits in would add up, item by item. */
static void
give_back_holes(void)
{
    if (mallinfo2().fordblks > (size_t)4 * KEPT)
        malloc_trim(0);
}

static int
answer(struct qn_worker *w, const char *op, json_t *request, json_t *reply,
       struct qn_error *err)
{
    static const struct {
        const char *op;
        int (*run)(struct qn_worker *, const json_t *, json_t *,
                   struct qn_error *);
    } table[] = {
        {"probe", qn_probe_run}, {"list", qn_list_run},
        {"item", qn_item_run},   {"band", qn_band_run},
        {"part", qn_pack_run},   {"region", qn_region_run},
        {"write", qn_result_write}, {"key", qn_result_key},
        {"measure", qn_libraries_measure},
        {"look", qn_merge_look}, {"merge", qn_merge_run},
        {"hash", qn_result_hash},
        {"exec", qn_exec_run},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(op, table[i].op))
            return table[i].run(w, request, reply, err);
    return qn_fail(err, QN_EUNAVAILABLE,
                   "quern-worker does not know the request %s: quern and "
                   "quern-worker must be of one version",
                   op);
}

static int
keep_program(struct qn_worker *w, json_t *request, struct qn_error *err)
{
    size_t id = (size_t)qn_json_integer(request, "program");
    struct qn_program *p = w->program;

    if (id >= w->nprograms) {
        p = realloc(p, (id + 1) * sizeof *p);
        if (!p)
            return qn_fail(err, QN_ENOMEM, "no memory for a stage");
        memset(p + w->nprograms, 0, (id + 1 - w->nprograms) * sizeof *p);
        w->program = p;
        w->nprograms = id + 1;
    }
    qn_program_clear(&p[id]);
    qn_opened_clear(&w->opened);
    QN_TRY(qn_program_make(&p[id], json_incref(request), err));
    p[id].source.kept = &w->inflated;
    return 0;
}

static int
keep_memory(struct qn_worker *w, const json_t *request, const int *fds,
            int nfds, struct qn_error *err)
{
    json_int_t slot = qn_json_integer(request, "slot");
    struct qn_worker_memory *m;

    if (nfds > 1 || slot < 0 || slot >= QN_NSLOTS)
        return qn_fail(err, QN_EUNAVAILABLE, "memory came without a slot");
    m = &w->memory[slot];
    qn_worker_unmap(m);
    m->fd = nfds ? fds[0] : -1; // mapped at its first use
    if (slot == QN_SLOT_OPERANDS)
        qn_operand_shelf(&w->operands, m->fd);
    return 0;
}

static void
fill_reply(json_t *reply, int rc, const struct qn_error *err)
{
    if (!rc) {
        json_object_set_new(reply, "ok", json_true());
        return;
    }
    json_object_clear(reply);
    json_object_set_new(reply, "error", json_integer(rc));
    json_object_set_new(reply, "text", json_stringn_nocheck(
                                           err->text, strlen(err->text)));
}

/* Requests that are one phase: 0 reading, 1 computing, 2 writing. */
static int
phase_of(const char *op)
{
    static const char *const ops[] = {"region", "band", "write"};

    for (int i = 0; i < 3; i++)
        if (!strcmp(op, ops[i]))
            return i;
    return -1;
}

static void
say_seconds(json_t *reply, const char *op, double seconds)
{
    const int phase = phase_of(op);

    if (phase >= 0)
        json_object_set_new(reply, "seconds",
                            json_pack("[f,f,f]", phase == 0 ? seconds : 0.0,
                                      phase == 1 ? seconds : 0.0,
                                      phase == 2 ? seconds : 0.0));
}

/* Requests behind which the next may be about the same file. */
static bool
stays_open(const char *op)
{
    static const char *const ops[] = {"probe", "list", "item", "memory",
                                      "region"};

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(op, ops[i]))
            return true;
    return false;
}

/* Programs and memory are not answered: they precede what uses them. */
static int
handle(struct qn_worker *w, json_t *request, const int *fds, int nfds,
       struct qn_error *err)
{
    const char *op = qn_json_text(request, "op");
    struct qn_error why = {0};
    json_t *reply;
    double t0;
    int rc;

    if (!op || !stays_open(op))
        qn_worker_drop_open(w);
    if (op && !strcmp(op, "stage"))
        return keep_program(w, request, err);
    if (op && !strcmp(op, "memory"))
        return keep_memory(w, request, fds, nfds, err);
    reply = json_object();
    qn_libraries_limit(w);
    t0 = qn_clock_now();
    rc = answer(w, op ? op : "", request, reply, &why);
    say_seconds(reply, op ? op : "", qn_clock_now() - t0);
    fill_reply(reply, rc, &why);
    qn_libraries_warn(w, reply);
    rc = qn_channel_send(w->sock, reply, NULL, 0, err);
    json_decref(reply);
    qn_operand_trim(&w->operands);
    give_back_holes();
    return rc;
}

static int
serve(struct qn_worker *w, struct qn_error *err)
{
    for (;;) {
        struct qn_worker_mail mail;
        int rc;

        QN_TRY(qn_worker_receive(w, &mail, err));
        if (!mail.request)
            return 0;
        rc = handle(w, mail.request, mail.fd, mail.nfds, err);
        json_decref(mail.request);
        if (rc)
            return rc;
    }
}

int
main(int argc, char **argv)
{
    struct qn_worker w = {.sock = SOCKET, .operands.shelf.fd = -1};
    struct qn_error err = {0};
    int rc;

    if (argc == 2 && !strcmp(argv[1], "--version")) {
        printf("quern-worker %s\n", QN_VERSION);
        return 0;
    }
    if (argc != 2 || fcntl(SOCKET, F_GETFD) < 0) {
        fprintf(stderr, "quern-worker is started by quern, not by hand: "
                        "type `quern --help`\n");
        return 2;
    }
    ignore_stop_signals();
    follow_parent((pid_t)atol(argv[1]));
    offer_to_oom_killer();
    keep_memory_of_items();
    w.environment = environ;
    forbid_locks();
    w.operands.kept = &w.inflated;
    w.operands.opened = &w.opened;
    for (int i = 0; i < QN_NSLOTS; i++)
        w.memory[i].fd = -1;
    if ((rc = serve(&w, &err)))
        fprintf(stderr, "%s\n", err.text);
    qn_writer_merge_close(w.merge);
    qn_opened_clear(&w.opened);
    return rc ? 1 : 0;
}
