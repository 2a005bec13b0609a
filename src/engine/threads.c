/* Bringing together what the ranks know of their cores.
 *
 * Every rank hears of every other's seat, and of foreign ranks that its node's
 * first rank finds bound there; then each works out the same budget and the
 * same troubles.  What follows from seats is decided in model/budget.c; cores
 * are measured by workers. */
#include "engine/threads.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/memory.h"
#include "base/message.h"
#include "comm/launch.h"
#include "engine/cores.h"

#define SECONDS 0.003 /* of a measurement; where it looks bad, once more */
#define SECONDS_AGAIN 0.03

enum { ANCESTORS = 5 };

/* ---- this rank -------------------------------------------------------------- */

static int
find_launcher(void)
{
    struct qn_launch l;

    qn_launch_detect(&l);
    if (!l.variable)
        return QN_LAUNCHER_NONE;
    if (!strncmp(l.variable, "OMPI_", 5))
        return QN_LAUNCHER_MPIRUN;
    return l.step ? QN_LAUNCHER_SRUN : QN_LAUNCHER_OTHER;
}

static pid_t
parent_of(pid_t pid)
{
    char path[64], line[1024], *name;
    long parent = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fgets(line, sizeof line, f)) {
        // behind the name, which may hold anything: state, parent
        name = strrchr(line, ')');
        if (!name || sscanf(name + 1, " %*c %ld", &parent) != 1)
            parent = 0;
    }
    fclose(f);
    return (pid_t)parent;
}

/* The mask that the launcher itself has: what it could have given. */
static struct qn_mask
launcher_mask(const struct qn_cores *c)
{
    pid_t pid = getppid();

    for (int i = 0; i < ANCESTORS && pid > 1; i++, pid = parent_of(pid)) {
        struct qn_mask m;

        if (qn_cores_of(&m, pid) && !qn_mask_same(&m, &c->mask))
            return m;
    }
    return c->mask;
}

static void
sit_down(struct qn_threads_seat *s, const struct qn_comm *comm)
{
    struct qn_cores c;
    struct qn_cgroup g;
    struct qn_mask all;

    qn_cores_read(&c, NULL);
    qn_cgroup_read(&g, "");
    *s = (struct qn_threads_seat){.rank = comm->rank, .pid = getpid()};
    s->seat.node = comm->node;
    s->seat.launcher = find_launcher();
    s->seat.mask = c.mask;
    s->seat.cores = qn_cores_fold(&c, &c.mask);
    all = s->seat.launcher == QN_LAUNCHER_MPIRUN ? launcher_mask(&c)
                                                 : c.online;
    qn_mask_join(&all, &c.mask);
    s->seat.all = qn_cores_fold(&c, &all);
    s->seat.quota = g.quota;
    s->seat.group = g.group;
}

/* ---- ranks of other jobs ------------------------------------------------------ */

/* What a process says of itself, as much of it as fits; -1: it is gone. */
static ssize_t
read_proc(char *text, size_t size, const char *pid, const char *what)
{
    char path[300];
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%.200s/%s", pid, what);
    f = fopen(path, "re");
    if (!f)
        return -1;
    n = fread(text, 1, size - 1, f);
    fclose(f);
    text[n] = '\0';
    return (ssize_t)n;
}

/* Is that process a rank of `quern run`? */
static bool
is_quern_run(const char *pid)
{
    char text[4096];
    ssize_t n;

    if (read_proc(text, sizeof text, pid, "comm") < 0 ||
        strcmp(text, "quern\n"))
        return false;
    n = read_proc(text, sizeof text, pid, "cmdline");
    return n >= 0 && strlen(text) + 1 < (size_t)n &&
           !strcmp(text + strlen(text) + 1, "run");
}

static bool
is_ours(const struct qn_threads *t, int node, long pid)
{
    for (size_t i = 0; i < t->nseats; i++)
        if (t->seat[i].pid == pid && t->seat[i].seat.node == node)
            return true;
    return false;
}

/* The first rank of each node looks for others there. */
static int
find_foreign(struct qn_threads_seat **list, size_t *n,
             const struct qn_threads *t, const struct qn_threads_seat *mine,
             struct qn_error *err)
{
    DIR *proc = opendir("/proc");
    size_t cap = 0;
    struct qn_cores c;
    bool known = false;
    int rc = 0;

    for (struct dirent *e; !rc && proc && (e = readdir(proc));) {
        struct qn_threads_seat s = {.rank = -1, .pid = atol(e->d_name)};

        if (!isdigit((unsigned char)e->d_name[0]) || !is_quern_run(e->d_name) ||
            is_ours(t, mine->seat.node, s.pid) ||
            !qn_cores_of(&s.seat.mask, (pid_t)s.pid))
            continue;
        if (!known)
            qn_cores_read(&c, NULL);
        known = true;
        s.seat.foreign = true;
        s.seat.node = mine->seat.node;
        s.seat.cores = qn_cores_fold(&c, &s.seat.mask);
        s.seat.all = qn_cores_fold(&c, &c.online);
        s.seat.quota = INFINITY;
        rc = qn_memory_grow((void **)list, &cap, *n + 1, sizeof **list, err);
        if (!rc)
            (*list)[(*n)++] = s;
    }
    if (proc)
        closedir(proc);
    return rc;
}

/* ---- all of them ----------------------------------------------------------------- */

/* Everybody's n seats behind those that are there. */
static int
gather(struct qn_threads *t, struct qn_comm *comm,
       const struct qn_threads_seat *mine, size_t n, int rc,
       struct qn_error *err)
{
    size_t *sizes = NULL, more = 0;
    void *all = NULL, *grown;

    if (!rc)
        rc = qn_memory_make((void **)&sizes, (size_t)comm->size, sizeof *sizes,
                            "sizes", err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(comm, mine, n * sizeof *mine, &all, sizes, err);
    for (int r = 0; !rc && r < comm->size; r++)
        more += sizes[r] / sizeof *mine;
    free(sizes);
    if (!rc && more) {
        grown = realloc(t->seat, (t->nseats + more) * sizeof *t->seat);
        if (grown) {
            t->seat = grown;
            memcpy(t->seat + t->nseats, all, more * sizeof *t->seat);
            t->nseats += more;
        } else {
            rc = qn_fail(err, QN_ENOMEM, "no memory for the seats of ranks");
        }
    }
    free(all);
    return qn_comm_agree(comm, rc, err);
}

static int
gather_seats(struct qn_threads *t, struct qn_comm *comm, struct qn_error *err)
{
    struct qn_threads_seat mine, *foreign = NULL;
    size_t nforeign = 0;
    int rc = 0;

    sit_down(&mine, comm);
    QN_TRY(gather(t, comm, &mine, 1, 0, err));
    if (comm->node_rank == 0)
        rc = find_foreign(&foreign, &nforeign, t, &mine, err);
    rc = gather(t, comm, foreign, nforeign, rc, err);
    free(foreign);
    return rc;
}

static int
decide(struct qn_threads *t, size_t rank, struct qn_budget *b,
       struct qn_error *err)
{
    struct qn_seat *seats;

    QN_TRY(qn_memory_make((void **)&seats, t->nseats, sizeof *seats,
                          "the seats of ranks", err));
    for (size_t i = 0; i < t->nseats; i++)
        seats[i] = t->seat[i].seat;
    qn_budget_make(b, &t->ask, seats, t->nseats, rank);
    free(seats);
    return 0;
}

/* Of each kind of trouble the sentence of the lowest rank that has it, which
 * every rank can work out for itself. */
static int
gather_troubles(struct qn_threads *t, struct qn_comm *comm,
                struct qn_error *err)
{
    uint32_t mine = 0, *all = NULL;
    int rc;

    for (int i = 0; i < t->budget.ntroubles; i++)
        mine |= UINT32_C(1) << t->budget.trouble[i].kind;
    rc = qn_comm_gather_each(comm, &mine, sizeof mine, (void **)&all, err);
    for (int k = 0; !rc && k < QN_NTROUBLES; k++) {
        struct qn_budget b;
        int first = -1, ranks = 0;

        for (int r = 0; r < comm->size; r++)
            if (all[r] >> k & 1) {
                first = first < 0 ? r : first;
                ranks++;
            }
        if (!ranks)
            continue;
        rc = decide(t, (size_t)first, &b, err);
        for (int i = 0; !rc && i < b.ntroubles; i++)
            if (b.trouble[i].kind == k) {
                t->trouble[t->ntroubles] = b.trouble[i];
                t->first[t->ntroubles] = first;
                t->ranks[t->ntroubles++] = ranks;
            }
    }
    free(all);
    return qn_comm_agree(comm, rc, err);
}

int
qn_threads_open(struct qn_threads *t, const struct qn_job *job, bool strict,
                struct qn_comm *comm, struct qn_error *err)
{
    int rc;

    *t = (struct qn_threads){.delivered = NAN};
    rc = qn_budget_ask(&t->ask, job->threads, job->concurrency, getenv, err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = gather_seats(t, comm, err);
    if (!rc)
        rc = qn_comm_agree(comm, decide(t, (size_t)comm->rank, &t->budget,
                                        err), err);
    if (!rc)
        rc = gather_troubles(t, comm, err);
    if (t->budget.concurrency > QN_FARM_MOST)
        t->budget.concurrency = QN_FARM_MOST;
    if (!rc && strict && t->ntroubles)
        rc = qn_fail(err, QN_EUSAGE, "%s; use: %s (--strict-threads)",
                     t->trouble[0].text, t->trouble[0].fix);
    return rc;
}

void
qn_threads_say(const struct qn_threads *t, const struct qn_comm *comm)
{
    for (int i = 0; i < t->ntroubles; i++) {
        char where[64] = "";

        if (comm->size > 1)
            snprintf(where, sizeof where, " (on %d of %d ranks, first on %d)",
                     t->ranks[i], comm->size, t->first[i]);
        qn_message(QN_WARNING, "%s%s; use: %s", t->trouble[i].text, where,
                   t->trouble[i].fix);
    }
}

/* ---- measured ---------------------------------------------------------------------- */

/* Does it explain why so many threads do not get as many cores?  Not where they
 * are no more than it leaves: what mends it has been done already. */
static bool
explains(const struct qn_trouble *t, int threads)
{
    return t->kind <= QN_TROUBLE_QUOTA && !(t->leaves && threads <= t->leaves);
}

static const struct qn_trouble *
find_cause(const struct qn_threads *t, int threads)
{
    for (int i = 0; i < t->ntroubles; i++)
        if (explains(&t->trouble[i], threads))
            return &t->trouble[i];
    return NULL;
}

void
qn_threads_poor(struct qn_trouble *say, const struct qn_threads *t,
                int threads, double cores)
{
    const struct qn_trouble *cause = find_cause(t, threads);
    int fewer = (int)(cores + 0.5) > 1 ? (int)(cores + 0.5) : 1, n;
    double load = 0;

    n = snprintf(say->text, sizeof say->text,
                 "%d threads asked, %.2f cores delivered", threads, cores);
    if (cause) {
        snprintf(say->fix, sizeof say->fix, "%s", cause->fix);
        return;
    }
    if (getloadavg(&load, 1) == 1 && load > threads)
        snprintf(say->text + n, sizeof say->text - (size_t)n,
                 ": others compute here too (load %.1f)", load);
    snprintf(say->fix, sizeof say->fix, "--threads %d%s", fewer,
             load > threads ? ", or wait for them" : "");
}

/* The least share of what was asked that any rank got. */
static int
agree_on_least(struct qn_threads *t, struct qn_comm *comm,
               struct qn_error *err)
{
    double mine[2] = {t->measured.threads, qn_measure_cores(&t->measured)};
    double(*all)[2] = NULL, least = INFINITY;
    const int rc =
        qn_comm_gather_each(comm, mine, sizeof mine, (void **)&all, err);

    for (int r = 0; !rc && r < comm->size; r++)
        if (all[r][0] > 1 && all[r][1] / all[r][0] < least) {
            least = all[r][1] / all[r][0];
            t->delivered = all[r][1];
            t->measured_threads = (int)all[r][0];
        }
    free(all);
    return qn_comm_agree(comm, rc, err);
}

int
qn_threads_measure(struct qn_threads *t, struct qn_farm *farm, bool blas,
                   struct qn_comm *comm, struct qn_error *err)
{
    struct qn_measured again = {0};
    int rc = 0;

    t->tried = true;
    if (t->budget.threads > 1)
        rc = qn_measure_run(&t->measured, farm, t->budget.threads, SECONDS,
                            blas, err);
    // a short look may have met somebody else's
    if (!rc && qn_measure_poor(&t->measured)) {
        rc = qn_measure_run(&again, farm, t->budget.threads, SECONDS_AGAIN,
                            blas, err);
        qn_measure_clear(&t->measured);
        t->measured = again;
    }
    QN_TRY(qn_comm_agree(comm, rc, err));
    QN_TRY(agree_on_least(t, comm, err));
    again = (struct qn_measured){.threads = t->measured_threads,
                                 .loop = t->delivered, .gemm = NAN};
    if (qn_measure_poor(&again)) {
        struct qn_trouble say;

        qn_threads_poor(&say, t, t->measured_threads, t->delivered);
        qn_message(QN_WARNING, "%s; use: %s", say.text, say.fix);
    }
    return 0;
}

int
qn_threads_workers(int64_t files)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_job job = {0};
    struct qn_threads t;
    int n = 1;

    if (!qn_threads_open(&t, &job, false, &alone, NULL))
        n = qn_budget_split(&t.budget, files, 1).concurrency;
    qn_threads_clear(&t);
    return n;
}

void
qn_threads_clear(struct qn_threads *t)
{
    free(t->seat);
    qn_measure_clear(&t->measured);
    *t = (struct qn_threads){0};
}
