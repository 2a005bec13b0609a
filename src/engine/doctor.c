/* Gathering what each rank knows, and what is wrong with all of it.
 *
 * Each rank writes down its own facts; rank 0 puts them together.  Facts of a
 * machine come from doctor_host.c, cores and budgets from threads.c. */
#include "engine/doctor.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "comm/about.h"
#include "engine/cores.h"
#include "engine/ceiling.h"
#include "engine/doctor_host.h"
#include "engine/inputs.h"
#include "model/json.h"

#define SECONDS 0.03 /* of a measurement */

enum {
    PICTURE = 256, /* cores that are drawn                                  */
    LOOKED_AT = 500, /* inputs that each host looks for                     */
    NAMED = 3      /* of those that are missing                             */
};

void
qn_doctor_warn(json_t *warnings, const char *fix, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_array_append_new(warnings,
                          json_pack("{s:s,s:s}", "text", text, "fix", fix));
}

/* ---- one rank ------------------------------------------------------------- */

struct own {
    const struct qn_doctor_ask *ask;
    struct qn_comm *comm;
    struct qn_cores cores;
    struct qn_threads threads;
    struct qn_farm farm;
    json_t *warnings; /* owned */
};

/* A letter a core: '#' this rank's alone, 'x' shared with another, '.' not
 * its own; a bracket a package. */
static void
draw(char *out, const struct own *o, const struct qn_threads_seat *mine)
{
    struct qn_mask cores = qn_cores_fold(&o->cores, &o->cores.online);
    int package = -1;

    for (int c = 0; c < QN_MASK_MOST; c++) {
        int users = 0;

        if (!qn_mask_has(&cores, c))
            continue;
        if (o->cores.package[c] != package) {
            out += sprintf(out, package < 0 ? "[" : "][");
            package = o->cores.package[c];
        }
        for (size_t i = 0; i < o->threads.nseats; i++)
            users += qn_budget_sits(&o->threads.seat[i].seat,
                                    mine->seat.node, c);
        *out++ = !qn_mask_has(&mine->seat.cores, c) ? '.'
                 : users > 1                        ? 'x'
                                                    : '#';
    }
    strcpy(out, "]");
}

static json_t *
number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* How many threads are to show what they get. */
static int
threads_to_try(const struct qn_threads *t)
{
    int n = t->ask.threads > t->budget.threads ? t->ask.threads
                                               : t->budget.threads;

    return n < 64 * t->budget.threads ? n : 64 * t->budget.threads;
}

static void
try_worker(struct own *o)
{
    struct qn_threads *t = &o->threads;
    struct qn_error err = {0};

    if (qn_measure_run(&t->measured, &o->farm, threads_to_try(t), SECONDS,
                       true, &err)) {
        qn_doctor_warn(o->warnings, "install quern and quern-worker together",
                       "%s", err.text);
    } else if (!t->measured.threads) {
        qn_doctor_warn(o->warnings, "quern-worker --version must be quern's",
                       "a worker does not answer");
    }
}

/* Does this host see what the job reads? */
static json_t *
look_for_inputs(struct own *o)
{
    const struct qn_run *run = o->ask->run;
    json_int_t seen = 0, missing = 0;
    json_t *names = json_array();

    for (int s = 0; run && s < run->job->nstages; s++) {
        const struct qn_plan_stage *st = &run->plan.stage[s];
        int step = st->ntasks / LOOKED_AT + 1;

        if (!st->wanted || st->stage->input.stage || st->stage->input.rows)
            continue;
        for (int i = 0; i < st->ntasks; i += step) {
            char *path = qn_inputs_path(run, st->task[i].item->path);
            bool there = path && !access(path, R_OK);

            seen += there;
            missing += !there;
            if (!there && json_array_size(names) < NAMED)
                json_array_append_new(names, json_string(path ? path : ""));
            free(path);
        }
    }
    if (missing)
        qn_doctor_warn(o->warnings,
                       "keep them on a file system that all hosts mount, or "
                       "give --data",
                       "%lld of %lld inputs cannot be read here, %s first",
                       (long long)missing, (long long)(seen + missing),
                       json_string_value(json_array_get(names, 0)));
    return json_pack("{s:I,s:I,s:o}", "seen", seen, "missing", missing,
                     "first_missing", names);
}

static json_t *
rank_json(struct own *o)
{
    struct qn_threads *t = &o->threads;
    const struct qn_threads_seat *mine = &t->seat[o->comm->rank];
    struct qn_split many = qn_budget_split(&t->budget, -1, 1);
    char mask[256], host[256] = "", picture[PICTURE * 3 + 8] = "";
    json_t *j;

    gethostname(host, sizeof host - 1);
    if (qn_mask_count(&o->cores.online) <= PICTURE)
        draw(picture, o, mine);
    try_worker(o);
    j = json_pack("{s:i,s:i,s:s,s:i,s:s,s:s,s:i,s:i,s:i,s:i,s:o,s:o,s:o,s:i}",
                  "rank", o->comm->rank, "node", o->comm->node, "host", host,
                  "pid", (int)getpid(), "processors",
                  qn_mask_text(mask, sizeof mask, &mine->seat.mask), "picture",
                  picture, "cores", qn_mask_count(&mine->seat.cores), "asked",
                  t->ask.threads, "threads", t->budget.threads, "workers",
                  many.concurrency, "loop", number(t->measured.loop), "gemm",
                  number(t->measured.gemm), "gflops",
                  number(t->measured.gflops), "measured_threads",
                  t->measured.threads);
    if (t->measured.libraries)
        json_object_set(j, "libraries", t->measured.libraries);
    if (t->measured.hdf5)
        json_object_set(j, "hdf5", t->measured.hdf5);
    if (o->comm->node_rank == 0)
        json_object_set_new(j, "facts",
                            qn_doctor_host_json(&o->cores, o->warnings));
    if (o->comm->node_rank == 0 && o->ask->run)
        json_object_set_new(j, "inputs", look_for_inputs(o));
    json_object_set(j, "warnings", o->warnings);
    return j;
}

/* ---- all of them ------------------------------------------------------------- */

/* A warning that several ranks have is said once, with how many have it. */
static void
merge_warnings(json_t *all, json_t *own, const char *host)
{
    json_t *w, *have;
    size_t i, k;

    json_array_foreach(own, i, w)
    {
        bool known = false;

        json_array_foreach(all, k, have)
        {
            const char *text = qn_json_text(have, "text");

            if (strcmp(text, qn_json_text(w, "text")))
                continue;
            known = true;
            json_object_set_new(
                have, "ranks",
                json_integer(qn_json_integer(have, "ranks") + 1));
        }
        if (known)
            continue;
        json_object_set_new(w, "host", json_string(host));
        json_object_set_new(w, "ranks", json_integer(1));
        json_array_append(all, w);
    }
}

/* What ranks must have in common, or their results differ in the last bit. */
static void
compare_cores(const json_t *ranks, json_t *warnings)
{
    const char *first = NULL;
    json_t *r, *l;
    size_t i, k;

    json_array_foreach(ranks, i, r)
        json_array_foreach(json_object_get(r, "libraries"), k, l)
    {
        const char *core = qn_json_text(l, "core");

        if (!core || !*core)
            continue;
        if (first && strcmp(first, core)) {
            qn_doctor_warn(warnings, "export OPENBLAS_CORETYPE=Haswell",
                           "OpenBLAS takes its %s kernels on one host and its "
                           "%s kernels on another: results differ in the last "
                           "bits",
                           first, core);
            return;
        }
        first = core;
    }
}

static void
check_runtimes(const json_t *rank, json_t *warnings)
{
    const char *first = NULL;
    json_t *l;
    size_t i;

    json_array_foreach(json_object_get(rank, "libraries"), i, l)
    {
        const char *name = qn_json_text(l, "name");

        if (strcmp(qn_json_text(l, "kind"), "OpenMP"))
            continue;
        if (first)
            qn_doctor_warn(warnings, "a pthreads build of BLAS "
                                     "(libopenblas0-pthread)",
                           "a worker holds two OpenMP runtimes, %s and %s",
                           first, name);
        first = name;
    }
}

/* The rank that gets least of what it asked for speaks for all. */
static void
check_delivered(const struct own *o, const json_t *ranks, json_t *warnings)
{
    struct qn_measured worst = {0};
    int poor = 0;
    json_t *r;
    size_t i;

    json_array_foreach(ranks, i, r)
    {
        const json_t *gemm = json_object_get(r, "gemm");
        struct qn_measured m = {
            .threads = (int)qn_json_integer(r, "measured_threads"),
            .loop = json_number_value(json_object_get(r, "loop")),
            .gemm = json_is_number(gemm) ? json_number_value(gemm) : NAN,
        };

        if (!qn_measure_poor(&m))
            continue;
        if (!poor++ || qn_measure_cores(&m) < qn_measure_cores(&worst))
            worst = m;
    }
    if (poor) {
        struct qn_trouble say;

        qn_threads_poor(&say, &o->threads, worst.threads,
                        qn_measure_cores(&worst));
        qn_doctor_warn(warnings, say.fix, "%s (%d of %d rank%s)", say.text,
                       poor, o->comm->size, o->comm->size == 1 ? "" : "s");
    }
}

static void
check_ranks(struct own *o, json_t *ranks, json_t *warnings)
{
    const struct qn_threads *t = &o->threads;

    for (int i = 0; i < t->ntroubles; i++)
        qn_doctor_warn(warnings, t->trouble[i].fix, "%s (on %d of %d rank%s)",
                       t->trouble[i].text, t->ranks[i], o->comm->size,
                       o->comm->size == 1 ? "" : "s");
    if (o->comm->node_size > o->cores.cores)
        qn_doctor_warn(warnings, "one rank a core at most: mpirun -n N ...",
                       "%d ranks on a node of %d core%s", o->comm->node_size,
                       o->cores.cores, o->cores.cores == 1 ? "" : "s");
    if (t->ask.threads && !strcmp(t->ask.by, "OMP_NUM_THREADS") &&
        t->ask.threads < t->budget.share)
        qn_doctor_warn(warnings, "export QUERN_THREADS=auto",
                       "OMP_NUM_THREADS asks for %d thread%s, but %d cores "
                       "fall to the rank",
                       t->ask.threads, t->ask.threads == 1 ? "" : "s",
                       t->budget.share);
    check_delivered(o, ranks, warnings);
    compare_cores(ranks, warnings);
    check_runtimes(json_array_get(ranks, 0), warnings);
    if (getenv("QUERN_FAULT"))
        qn_doctor_warn(warnings, "unset QUERN_FAULT",
                       "QUERN_FAULT makes system calls fail, for tests");
}

static json_t *
job_json(const struct qn_run *run, json_t *warnings)
{
    json_int_t items = 0, bad = 0;
    const char *why = NULL, *path = "";

    for (int s = 0; s < run->job->nstages; s++) {
        const struct qn_plan_stage *st = &run->plan.stage[s];

        for (int i = 0; st->wanted && i < st->ntasks; i++) {
            const struct qn_task *t = &st->task[i];

            items++;
            if (t->state != QN_FAILED)
                continue;
            path = bad++ ? path : t->item->path;
            why = why ? why : t->reason;
        }
    }
    if (bad)
        qn_doctor_warn(warnings, "quern plan JOB, which lists them",
                       "%lld of %lld items of the job cannot be done; %s: %s",
                       (long long)bad, (long long)items, path,
                       why ? why : "");
    return json_pack("{s:s,s:i,s:I,s:I}", "name", run->job->name, "stages",
                     run->job->nstages, "items", items, "failing", bad);
}

/* Rank 0: everybody's facts into one object. */
static json_t *
put_together(struct own *o, const char *texts, const size_t *sizes)
{
    json_t *ranks = json_array(), *hosts = json_array(), *all;
    json_t *warnings = json_array();

    for (int r = 0; r < o->comm->size; texts += sizes[r++]) {
        json_t *rank = json_loadb(texts, sizes[r], 0, NULL), *facts;

        if (!rank)
            continue;
        facts = json_object_get(rank, "facts");
        if (facts && json_object_get(rank, "inputs"))
            json_object_set(facts, "inputs", json_object_get(rank, "inputs"));
        if (facts)
            json_array_append(hosts, facts);
        merge_warnings(warnings, json_object_get(rank, "warnings"),
                       qn_json_text(rank, "host"));
        json_object_del(rank, "facts");
        json_object_del(rank, "inputs");
        json_object_del(rank, "warnings");
        json_array_append_new(ranks, rank);
    }
    check_ranks(o, ranks, warnings);
    all = json_pack("{s:s,s:o,s:o,s:o,s:o}", "quern", QN_VERSION, "mpi",
                    qn_about_mpi(o->comm), "slurm",
                    qn_doctor_host_slurm(warnings), "hosts", hosts, "ranks",
                    ranks);
    if (o->ask->output)
        json_object_set_new(all, "output",
                            qn_doctor_host_output(o->ask->output, warnings));
    if (o->ask->output)
        json_object_set_new(all, "ceilings",
                            qn_ceiling_measure(o->ask->output,
                                               o->threads.budget.threads,
                                               true));
    if (o->ask->run)
        json_object_set_new(all, "job", job_json(o->ask->run, warnings));
    json_object_set_new(all, "warnings", warnings);
    return all;
}

static int
gather(json_t **facts, struct own *o, struct qn_error *err)
{
    json_t *mine = rank_json(o);
    char *text = json_dumps(mine, JSON_COMPACT);
    size_t *sizes = NULL;
    void *all = NULL;
    int rc = qn_memory_make((void **)&sizes, (size_t)o->comm->size,
                            sizeof *sizes, "sizes", err);

    if (!rc && !text)
        rc = qn_fail(err, QN_ENOMEM, "no memory for facts");
    rc = qn_comm_agree(o->comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(o->comm, text, strlen(text), &all, sizes, err);
    if (!rc && o->comm->rank == 0)
        *facts = put_together(o, all, sizes);
    json_decref(mine);
    free(text);
    free(sizes);
    free(all);
    return rc;
}

int
qn_doctor_make(json_t **facts, const struct qn_doctor_ask *ask,
               struct qn_comm *comm, struct qn_error *err)
{
    struct own o = {.ask = ask, .comm = comm, .warnings = json_array()};
    int rc;

    *facts = NULL;
    qn_cores_read(&o.cores, NULL);
    rc = qn_threads_open(&o.threads, ask->job, false, comm, err);
    if (!rc)
        rc = qn_comm_agree(comm, qn_farm_open(&o.farm, 1, err), err);
    if (!rc)
        rc = gather(facts, &o, err);
    qn_farm_close(&o.farm);
    qn_threads_clear(&o.threads);
    json_decref(o.warnings);
    return rc;
}
