/* How large a stage's job is to be: from the plan, and from what items took in
 * runs before.
 *
 * Fills in what neither a person nor a site has set. */
#include "cli/submit_size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cut_need.h"
#include "engine/folder.h"
#include "io/journal.h"
#include "model/need.h"
#include "model/shape.h"

enum {
    ITEMS_A_TASK = 64,
    TASKS_MOST = 32,
    CPUS = 4,
    MINUTES = 60,
    REQUEUES = 20
};

#define MIB          (1 << 20)
#define GIB          (INT64_C(1) << 30)
#define BYTES_A_TASK (8192.0 * MIB)

/* ---- what was learned --------------------------------------------------- */

struct learning {
    const struct qn_run *run;
    struct qn_submit_cost *cost;
};

static int
take_line(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    struct learning *l = ctx;
    double seconds = r->read_s + r->decode_s + r->compute_s + r->write_s;
    int s;

    (void)err;
    if (r->kind != QN_RECORD_DONE || !(seconds > 0))
        return 0;
    s = qn_job_stage(l->run->job, r->stage);
    if (s < 0)
        return 0;
    l->cost[s].seconds +=
        (seconds - l->cost[s].seconds) / (double)++l->cost[s].items;
    return 0;
}

int
qn_submit_size_learn(struct qn_submit_cost *cost, const struct qn_run *run,
                     struct qn_error *err)
{
    struct learning l = {run, cost};
    char *folder;
    int rc;

    QN_TRY(qn_folder_path(&folder, run->options->output, "journal", err));
    rc = qn_journal_load(folder, take_line, &l, NULL, err);
    free(folder);
    return rc;
}

/* ---- what is to be made ------------------------------------------------- */

int64_t
qn_submit_size_left(const struct qn_run *run, int s)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    int64_t n = 0;

    for (int i = 0; i < st->ntargets; i++)
        n += st->target[i].state == QN_TODO;
    return n;
}

static double
bytes_of(const struct qn_task *t)
{
    double n = t->item->frame < 0 ? 1 : t->item->nframes;

    // in float64, whatever is computed on the way
    return n * 8 * (double)qn_shape_count(&t->item->type->shape);
}

/* The largest of its items in memory, and all that its files hold. */
static void
measure(const struct qn_plan_stage *st, double *largest, double *all)
{
    *largest = *all = 0;
    for (int i = 0; i < st->ntasks; i++) {
        double n = st->task[i].code ? 0 : bytes_of(&st->task[i]);

        *largest = n > *largest ? n : *largest;
        *all +=
            st->task[i].item->bytes > 0 ? (double)st->task[i].item->bytes : n;
    }
}

/* ---- filling in --------------------------------------------------------- */

static int
fill(struct qn_submit_settings *settings, enum qn_submit_setting which,
     double n, const char *unit, struct qn_error *err)
{
    char text[40];

    if (settings->v[which])
        return 0;
    snprintf(text, sizeof text, "%.0f%s", n, unit);
    return qn_submit_set(settings, which, text, "the default", err);
}

static double
number(const struct qn_submit_settings *settings, enum qn_submit_setting which)
{
    return atof(settings->v[which]);
}

static double
tasks_for(const struct qn_run *run, int s, double bytes)
{
    int64_t left = qn_submit_size_left(run, s);
    double n = ceil((double)left / ITEMS_A_TASK);

    n = fmax(n, fmin(ceil(bytes / BYTES_A_TASK), (double)left));
    return fmax(1, fmin(n, TASKS_MOST));
}

/* By the job. */
static int64_t
given_memory(const struct qn_run *run, int s)
{
    int64_t memory = run->job->stages[s].memory;

    return memory ? memory : run->job->memory;
}

int
qn_submit_size_memory(int64_t *bytes,
                      const struct qn_submit_settings *settings,
                      const struct qn_run *run, int s, struct qn_error *err)
{
    const char *mem = settings->v[QN_SUBMIT_MEM];
    int cpus = (int)number(settings, QN_SUBMIT_CPUS);
    double own = (double)qn_need_processes(cpus);
    double share = (double)qn_submit_script_bytes(mem) /
                   ceil(number(settings, QN_SUBMIT_NTASKS) /
                        number(settings, QN_SUBMIT_NODES));
    double left = fmin(0.8 * share, share - own);

    *bytes = given_memory(run, s);
    if (*bytes || !(share > 0))
        return 0;
    if (left < MIB)
        return qn_fail(err, QN_EUSAGE,
                       "--mem %s is too little: a rank with %d workers takes "
                       "%.0f MiB before it reads anything; raise it, or give "
                       "fewer --cpus-per-task",
                       mem, cpus, own / MIB);
    *bytes = (int64_t)left;
    return 0;
}

/* Does stage s fit in so many bytes a rank?  Then its need is known. */
static int
fit(struct qn_run *run, int s, const struct qn_submit_settings *settings,
    int64_t bytes, struct qn_error *err)
{
    const struct qn_need_ask ask = {
        .ranks = (int)number(settings, QN_SUBMIT_NTASKS),
        .team = run->options->team,
        .workers = (int)number(settings, QN_SUBMIT_CPUS),
        .memory = bytes,
        .block = qn_cut_need};

    return qn_plan_team(&run->plan, s, &ask, err);
}

/* Input, result and two steps between them, in each worker that computes and
 * one that reads ahead: where the plan cannot tell. */
static double
guess_need(const struct qn_submit_settings *settings, double largest)
{
    return (number(settings, QN_SUBMIT_CPUS) + 1) * 4 * largest;
}

/* What the stage takes where it is given plenty, in MiB of a node: a combination
 * keeps as many pixels as it may. */
static double
memory_for(struct qn_run *run, int s,
           const struct qn_submit_settings *settings, double largest)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    int cpus = (int)number(settings, QN_SUBMIT_CPUS);
    double ranks = ceil(number(settings, QN_SUBMIT_NTASKS) /
                        number(settings, QN_SUBMIT_NODES));
    double mib = 64.0 * cpus + 192, need = guess_need(settings, largest);
    int64_t plenty = INT64_C(4096) * MIB;

    if (given_memory(run, s)) {
        need = (double)(given_memory(run, s) + qn_need_processes(cpus));
        mib = 0;
    } else if (!st->late && !st->stage->command.given) {
        while (plenty < INT64_C(4096) * GIB &&
               fit(run, s, settings, plenty, NULL))
            plenty *= 2;
        need = (double)st->need.total;
    }
    mib += 1.25 * need / MIB;
    return ceil(mib * ranks / 256) * 256;
}

int
qn_submit_size_check(struct qn_run *run, int s,
                     const struct qn_submit_settings *settings,
                     struct qn_error *err)
{
    int64_t bytes;

    QN_TRY(qn_submit_size_memory(&bytes, settings, run, s, err));
    if (!bytes || run->plan.stage[s].late || !fit(run, s, settings, bytes, err))
        return 0;
    return qn_wrap(err, "--mem %s gives a rank %lld MiB",
                   settings->v[QN_SUBMIT_MEM], (long long)(bytes / MIB));
}

static double
minutes_for(const struct qn_submit_settings *settings,
            const struct qn_submit_cost *cost, int64_t items)
{
    double workers = number(settings, QN_SUBMIT_CPUS) *
                     number(settings, QN_SUBMIT_NTASKS) *
                     number(settings, QN_SUBMIT_ARRAY);

    if (!cost->items)
        return MINUTES;
    return 10 *
           ceil((5 + 2 * cost->seconds * (double)items / workers / 60) / 10);
}

/* No more tasks than items, where these are known. */
static int
narrow(struct qn_submit_settings *settings, const struct qn_plan_stage *st,
       struct qn_error *err)
{
    char text[16];

    if (!settings->v[QN_SUBMIT_ARRAY] || st->late || !st->ntasks ||
        number(settings, QN_SUBMIT_ARRAY) <= st->ntasks)
        return 0;
    snprintf(text, sizeof text, "%d", st->ntasks);
    return qn_submit_set(settings, QN_SUBMIT_ARRAY, text, "the default", err);
}

int
qn_submit_size_fill(struct qn_submit_settings *settings, struct qn_run *run,
                    int s,
                    const struct qn_submit_cost *cost, struct qn_error *err)
{
    bool one = run->job->stages[s].combine.given;
    double largest, all;

    measure(&run->plan.stage[s], &largest, &all);
    if (one) { // as a whole
        free(settings->v[QN_SUBMIT_ARRAY]);
        settings->v[QN_SUBMIT_ARRAY] = NULL;
    } else {
        QN_TRY(narrow(settings, &run->plan.stage[s], err));
    }
    QN_TRY(fill(settings, QN_SUBMIT_ARRAY, one ? 1 : tasks_for(run, s, all), "",
                err));
    QN_TRY(fill(settings, QN_SUBMIT_NODES, 1, "", err));
    QN_TRY(fill(settings, QN_SUBMIT_NTASKS, number(settings, QN_SUBMIT_NODES),
                "", err));
    QN_TRY(fill(settings, QN_SUBMIT_CPUS, CPUS, "", err));
    QN_TRY(fill(settings, QN_SUBMIT_MEM,
                memory_for(run, s, settings, largest), "M", err));
    QN_TRY(fill(settings, QN_SUBMIT_TIME,
                minutes_for(settings, cost, qn_submit_size_left(run, s)), "",
                err));
    QN_TRY(fill(settings, QN_SUBMIT_REQUEUES, REQUEUES, "", err));
    if (settings->v[QN_SUBMIT_LAUNCHER])
        return 0;
    return qn_submit_set(settings, QN_SUBMIT_LAUNCHER, "auto", "the default",
                         err);
}
