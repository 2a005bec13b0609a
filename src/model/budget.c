/* The arithmetic of threads: from what was asked and what all seats have to a
 * rank's budget, and what is wrong with it.
 *
 * Each kind of trouble has a check of its own.  Knows no machine, no MPI, no
 * clock. */
#include "model/budget.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is asked ------------------------------------------------------- */

/* The first number of a list, "4,2": the outermost level. */
static int
leading_number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    return end == text || (*end && *end != ',') || n < 1 || n > 1000000
               ? 0
               : (int)n;
}

int
qn_budget_ask(struct qn_ask *ask, int threads, int concurrency,
              char *(*get)(const char *name), struct qn_error *err)
{
    static const char *const names[] = {"QUERN_THREADS", "SLURM_CPUS_PER_TASK",
                                        "OMP_NUM_THREADS"};

    *ask = (struct qn_ask){.threads = threads,
                           .by = "--threads or `threads`",
                           .concurrency = concurrency};
    for (int i = 0; i < 3 && !ask->threads; i++) {
        const char *text = get(names[i]);

        if (!text || !*text)
            continue;
        ask->threads = leading_number(text);
        ask->by = names[i];
        if (i > 0 || ask->threads)
            continue;
        if (!strcmp(text, "auto"))
            return 0;
        return qn_fail(err, QN_EUSAGE,
                       "QUERN_THREADS is '%.40s'; it must be a number of "
                       "threads a rank, at least 1, or auto",
                       text);
    }
    return 0;
}

/* ---- what there is ------------------------------------------------------- */

struct around {
    const struct qn_seat *seat;
    size_t n, me;
    double share;   // cores that fall to this rank, those shared in part
    double granted; // the same within the quota
    int ranks;      // of the run, on this node
    int twins, before; // of them with the same mask; before this one
    int sharing;    // ranks that one core of this rank's serves, at most
    bool foreign;   // one of them is of another job
    int core;       // that core
};

static bool
is_bound(const struct qn_seat *s)
{
    return !qn_mask_same(&s->cores, &s->all);
}

bool
qn_budget_sits(const struct qn_seat *s, int node, int c)
{
    return s->node == node && qn_mask_has(&s->cores, c) &&
           (!s->foreign || is_bound(s));
}

static void
look_at_core(struct around *a, int c)
{
    int users = 0;
    bool foreign = false;

    for (size_t i = 0; i < a->n; i++)
        if (qn_budget_sits(&a->seat[i], a->seat[a->me].node, c)) {
            users++;
            foreign = foreign || a->seat[i].foreign;
        }
    a->share += 1.0 / users;
    if (users > a->sharing) {
        a->sharing = users;
        a->core = c;
        a->foreign = foreign;
    }
}

static void
look_around(struct around *a)
{
    const struct qn_seat *mine = &a->seat[a->me];
    int group = 0;

    for (int c = 0; c < QN_MASK_MOST; c++)
        if (qn_mask_has(&mine->cores, c))
            look_at_core(a, c);
    for (size_t i = 0; i < a->n; i++) {
        const struct qn_seat *s = &a->seat[i];

        if (s->node != mine->node || s->foreign)
            continue;
        a->ranks++;
        group += s->group == mine->group;
        if (qn_mask_same(&s->mask, &mine->mask)) {
            a->twins++;
            a->before += i < a->me;
        }
    }
    a->granted = a->share;
    if (mine->quota / group < a->granted)
        a->granted = mine->quota / group;
}

/* Of cores that do not divide evenly among ranks of one mask, the first ranks
 * get one more. */
static int
whole_share(const struct around *a)
{
    double s = a->granted + 1e-9;
    int n = (int)(floor(s * (a->before + 1)) - floor(s * a->before));

    return n < 1 ? 1 : n;
}

/* ---- what is wrong ----------------------------------------------------------- */

static struct qn_trouble *
add_trouble(struct qn_budget *b, int kind)
{
    struct qn_trouble *t = &b->trouble[b->ntroubles++];

    *t = (struct qn_trouble){.kind = kind};
    return t;
}

static const char *
plural(int n)
{
    return n == 1 ? "" : "s";
}

/* What gives each rank so many cores. */
static void
say_wider(char *fix, size_t size, const struct qn_seat *s, int cores)
{
    switch (s->launcher) {
    case QN_LAUNCHER_MPIRUN:
        snprintf(fix, size, "mpirun --map-by slot:PE=%d --bind-to core ...",
                 cores);
        break;
    case QN_LAUNCHER_SRUN:
        snprintf(fix, size,
                 "srun --cpus-per-task=%d ... (srun does not take it over "
                 "from sbatch)",
                 cores);
        break;
    case QN_LAUNCHER_OTHER:
        snprintf(fix, size, "have the launcher bind each rank to %d core%s",
                 cores, plural(cores));
        break;
    default:
        snprintf(fix, size,
                 "start quern without taskset and outside of a smaller "
                 "cpuset, or ask for fewer with --threads");
    }
}

static void
say_fewer(struct qn_trouble *t, int threads)
{
    snprintf(t->fix, sizeof t->fix, "--threads %d", threads);
    t->leaves = threads;
}

static void
check_mask(struct qn_budget *b, const struct around *a,
           const struct qn_ask *ask)
{
    const struct qn_seat *mine = &a->seat[a->me];
    int have = qn_mask_count(&mine->mask), all = qn_mask_count(&mine->all);
    struct qn_trouble *t;
    char text[64];

    if (ask->threads <= have)
        return;
    t = add_trouble(b, QN_TROUBLE_MASK);
    snprintf(t->text, sizeof t->text,
             "%d threads asked (%s), but the rank may run on %d processor%s "
             "(%s)",
             ask->threads, ask->by, have, plural(have),
             qn_mask_text(text, sizeof text, &mine->mask));
    if (is_bound(mine) && (int64_t)ask->threads * a->ranks <= all)
        say_wider(t->fix, sizeof t->fix, mine, ask->threads);
    else if (is_bound(mine) && all / a->ranks > have)
        say_wider(t->fix, sizeof t->fix, mine, all / a->ranks);
    else
        say_fewer(t, have);
}

static void
check_sharing(struct qn_budget *b, const struct around *a)
{
    const struct qn_seat *mine = &a->seat[a->me];
    int all = qn_mask_count(&mine->all);
    struct qn_trouble *t;

    if (a->sharing < 2 || !is_bound(mine))
        return;
    t = add_trouble(b, a->foreign ? QN_TROUBLE_FOREIGN : QN_TROUBLE_SHARED);
    snprintf(t->text, sizeof t->text, "%d ranks%s are bound to core %d",
             a->sharing, a->foreign ? ", not all of this job," : "", a->core);
    if (mine->launcher == QN_LAUNCHER_SRUN)
        snprintf(t->fix, sizeof t->fix,
                 "srun --exact --cpus-per-task=%d ...", b->share);
    else if (mine->launcher != QN_LAUNCHER_MPIRUN)
        snprintf(t->fix, sizeof t->fix, "bind each rank to cores of its own");
    else if (a->foreign || all < a->ranks)
        snprintf(t->fix, sizeof t->fix, "mpirun --bind-to none ...");
    else
        say_wider(t->fix, sizeof t->fix, mine, all / a->ranks);
}

static void
check_quota(struct qn_budget *b, const struct around *a,
            const struct qn_ask *ask)
{
    const struct qn_seat *mine = &a->seat[a->me];
    int have = qn_mask_count(&mine->cores);
    struct qn_trouble *t;

    if (!(mine->quota < have) ||
        (ask->threads && ask->threads <= a->granted))
        return;
    t = add_trouble(b, QN_TROUBLE_QUOTA);
    snprintf(t->text, sizeof t->text,
             "the control group gives %.3g core%s' worth of time, the mask %d "
             "cores; %d thread%s a rank %s used",
             mine->quota, mine->quota <= 1 ? "" : "s", have, b->share,
             plural(b->share), b->share == 1 ? "is" : "are");
    t->leaves = b->share;
    snprintf(t->fix, sizeof t->fix,
             "give the container --cpus=%d, or --cpuset-cpus with as many "
             "cores as its limit",
             have);
}

/* Ranks that a launcher bound leave cores that it could have given. */
static void
check_idle(struct qn_budget *b, const struct around *a,
           const struct qn_ask *ask)
{
    const struct qn_seat *mine = &a->seat[a->me];
    struct qn_mask used = {0};
    int all = qn_mask_count(&mine->all), idle;
    struct qn_trouble *t;

    for (size_t i = 0; i < a->n; i++)
        if (a->seat[i].node == mine->node && !a->seat[i].foreign)
            qn_mask_join(&used, &a->seat[i].cores);
    idle = all - qn_mask_count(&used);
    if (mine->launcher != QN_LAUNCHER_MPIRUN || ask->threads ||
        idle < a->ranks || a->sharing > 1)
        return;
    t = add_trouble(b, QN_TROUBLE_IDLE);
    snprintf(t->text, sizeof t->text,
             "mpirun bound %d rank%s so that %d of %d cores lie idle",
             a->ranks, plural(a->ranks), idle, all);
    say_wider(t->fix, sizeof t->fix, mine, all / a->ranks);
}

/* Ranks that are not bound may all run anywhere: it is the sum that counts. */
static void
check_sum(struct qn_budget *b, const struct around *a,
          const struct qn_ask *ask)
{
    const struct qn_seat *mine = &a->seat[a->me];
    int have = qn_mask_count(&mine->mask);
    struct qn_trouble *t;

    if (a->twins < 2 || is_bound(mine) || ask->threads > have ||
        (int64_t)ask->threads * a->twins <= have)
        return;
    t = add_trouble(b, QN_TROUBLE_CROWDED);
    snprintf(t->text, sizeof t->text,
             "%d ranks x %d threads asked (%s) on %d processors", a->twins,
             ask->threads, ask->by, have);
    say_fewer(t, have > a->twins ? have / a->twins : 1);
}

static void
check_workers(struct qn_budget *b, const struct qn_ask *ask)
{
    struct qn_trouble *t;

    if (ask->concurrency <= b->threads)
        return;
    t = add_trouble(b, QN_TROUBLE_WORKERS);
    snprintf(t->text, sizeof t->text,
             "concurrency is %d, but the rank has %d thread%s: %d worker%s "
             "will run",
             ask->concurrency, b->threads, plural(b->threads), b->threads,
             plural(b->threads));
    snprintf(t->fix, sizeof t->fix, "leave `concurrency` out");
}

/* ---- the budget ------------------------------------------------------------------ */

void
qn_budget_make(struct qn_budget *b, const struct qn_ask *ask,
               const struct qn_seat *seat, size_t n, size_t me)
{
    struct around a = {.seat = seat, .n = n, .me = me};
    int have = qn_mask_count(&seat[me].mask), most;

    *b = (struct qn_budget){.asked = ask->threads,
                            .fixed = ask->concurrency > 0};
    look_around(&a);
    b->share = whole_share(&a);
    // asked for by name: hardware threads count too
    most = have > b->share ? have / (a.twins ? a.twins : 1) : b->share;
    if (seat[me].quota < qn_mask_count(&seat[me].cores) || most < b->share ||
        a.sharing > a.twins)
        most = b->share;
    b->threads = !ask->threads ? b->share
                 : ask->threads < most ? ask->threads
                                       : most;
    check_mask(b, &a, ask);
    check_sharing(b, &a);
    check_quota(b, &a, ask);
    check_idle(b, &a, ask);
    check_sum(b, &a, ask);
    check_workers(b, ask);
    b->concurrency = b->threads;
    if (ask->concurrency && ask->concurrency < b->threads)
        b->concurrency = ask->concurrency;
}

struct qn_split
qn_budget_split(const struct qn_budget *b, int64_t items, int ranks)
{
    int64_t each = items < 0 ? b->concurrency : (items + ranks - 1) / ranks;
    struct qn_split s = {.concurrency = b->concurrency};

    if (!b->fixed && each < s.concurrency)
        s.concurrency = each < 1 ? 1 : (int)each;
    s.threads = b->threads / s.concurrency;
    return s;
}
