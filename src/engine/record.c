/* Writing the run record: a small JSON file, replaced as a whole.
 *
 * It tells what the journal cannot: the machine, the threads, the time of each
 * phase, and how the run ended.  engine/status.c reads it. */
#include "engine/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/ceiling.h"
#include "engine/shard.h"
#include "engine/single.h"
#include "engine/tally.h"
#include "io/atomic.h"

/* name: of the result that there is not because of it; NULL: it has none, or
 * it is a member of a result that there may be all the same.  Borrowed; NULL:
 * it cannot be said. */
static json_t *
add_failure(json_t *list, const struct qn_plan_stage *st, const char *path,
            const char *name, int code, const char *reason)
{
    json_t *f = json_pack("{s:s,s:s,s:i,s:s}", "stage", st->stage->name,
                          "item", path, "code", code, "reason",
                          reason ? reason : "");

    if (f && name)
        json_object_set_new(f, "name", json_string(name));
    if (f && !name && st->stage->combine.given)
        json_object_set_new(f, "member", json_true());
    // a name that is no UTF-8 cannot stand in JSON
    if (f)
        json_array_append_new(list, f);
    return f;
}

static const char *
own_name(const struct qn_plan_stage *st, const struct qn_task *t)
{
    return st->stage->combine.given || t->target < 0
               ? NULL
               : st->target[t->target].name;
}

/* Frames that failed by themselves: members of a result. */
static void
add_lost(json_t *list, const struct qn_plan_stage *st, const struct qn_task *t)
{
    const char *p = t->reason;
    char name[1200];

    for (int64_t i = 0; i < qn_plan_lost(t); i++, p = strchr(p, '\n') + 1) {
        const char *why = strchr(p, ' ') + 1;
        char *reason = strndup(why, strcspn(why, "\n"));
        json_t *f = add_failure(list, st,
                                qn_item_frame_name(name, sizeof name, t->item,
                                                   t->lost->frame[i]),
                                NULL, QN_EVALUE, reason);

        if (f)
            json_object_set_new(f, "member", json_true());
        free(reason);
    }
}

static int64_t
count_all(const struct qn_plan_stage *st)
{
    int64_t n = 0;

    for (int i = 0; i < st->ntasks; i++)
        n += st->task[i].item->frame < 0 ? 1 : st->task[i].item->nframes;
    return n;
}

static void
add_failures(json_t *list, const struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *t = &st->task[i];

        if (t->state == QN_FAILED)
            add_failure(list, st, t->item->path, own_name(st, t), t->code,
                        t->reason);
        else
            add_lost(list, st, t);
    }
    for (int i = 0; i < st->ntargets; i++) {
        const struct qn_target *t = &st->target[i];

        if (st->stage->combine.given && t->state == QN_FAILED)
            add_failure(list, st, t->name, t->name, t->code, t->reason);
        else if (qn_plan_joins(st) && qn_tally_failed_itself(st, t))
            add_failure(list, st, t->name, NULL, t->code, t->reason);
    }
}

/* What a stage's ranks told each other; NULL: nothing. */
static json_t *
halos_json(const struct qn_halos *h)
{
    json_t *hidden;

    if (!h->bytes)
        return NULL;
    hidden = h->alone > 0 ? json_real(1 - h->waited / h->alone) : json_null();
    return json_pack("{s:I,s:f,s:f,s:f,s:o}", "bytes", (json_int_t)h->bytes,
                     "waited_seconds", h->waited, "alone_seconds", h->alone,
                     "computed_seconds", h->computed, "hidden", hidden);
}

/* Items: a frame of a file is one.  Of a shard: its own, and how many there are
 * in all. */
static json_t *
stage_json(const struct qn_run *run, const struct qn_plan_stage *st,
           json_t *failures)
{
    const int s = (int)(st - run->plan.stage);
    json_t *halos = halos_json(&run->halos[s]);
    json_t *single = qn_single_json(run, s);
    struct qn_tally n = {0};
    json_t *j;

    qn_tally_stage(&n, run, s);
    add_failures(failures, st);
    j = json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i}", //
                  "name", st->stage->name, "items", (json_int_t)n.total,
                  "before", (json_int_t)st->before, "done", (json_int_t)n.done,
                  "failed", (json_int_t)n.failed, "upstream",
                  (json_int_t)n.upstream, "blocked", (json_int_t)n.blocked,
                  "skipped", (json_int_t)n.skipped, "results", st->ntargets);
    if (run->options->shards)
        json_object_set_new(j, "all", json_integer(count_all(st)));
    if (halos)
        json_object_set_new(j, "halos", halos);
    if (single)
        json_object_set_new(j, "single", single);
    return j;
}

/* Bytes of a rank with its workers: what was there at the end of the stage,
 * the most there can have been, and what the plan said. */
static json_t *
memory_json(const struct qn_run *run, const struct qn_phase *p)
{
    json_t *j = json_pack("{s:I,s:I}", "pss", (json_int_t)p->pss, "most",
                          (json_int_t)p->most);
    const struct qn_need *n =
        p->stage < 0 ? NULL : &run->plan.stage[p->stage].need;

    if (!j || !n)
        return j;
    json_object_set_new(j, "need", json_integer(n->total));
    json_object_set_new(j, "budget", json_integer(n->memory));
    json_object_set_new(j, "processes",
                        json_integer(qn_need_processes(p->split.concurrency)));
    return j;
}

static json_t *
phases_json(const struct qn_run *run)
{
    json_t *list = json_array();
    json_t *ceilings = qn_ceiling_phases(run->ceilings);

    for (int i = 0; i < run->nphases; i++) {
        const struct qn_phase *p = &run->phase[i];

        json_array_append_new(
            list, json_pack("{s:s,s:f,s:f,s:f,s:i,s:I,s:i,s:i,s:o,s:o}", "phase",
                            p->name, "seconds", p->wall, "cpu_seconds", p->cpu,
                            "cores", p->wall > 0 ? p->cpu / p->wall : 0.0,
                            "most_threads", p->threads, "involuntary_switches",
                            (json_int_t)p->switches, "workers",
                            p->split.concurrency, "threads",
                            p->split.threads, "memory", memory_json(run, p),
                            "spent", qn_spent_json(&p->spent, p->wait,
                                                   ceilings)));
    }
    json_decref(ceilings);
    return list;
}

/* What rank 0 was given, and the least that any rank was measured to get. */
static json_t *
threads_json(const struct qn_threads *t)
{
    json_t *warnings = json_array();

    for (int i = 0; i < t->ntroubles; i++)
        json_array_append_new(warnings,
                              json_pack("{s:s,s:s,s:i}", "text",
                                        t->trouble[i].text, "fix",
                                        t->trouble[i].fix, "ranks",
                                        t->ranks[i]));
    return json_pack("{s:o,s:o,s:i,s:o,s:o}", "asked",
                     t->ask.threads ? json_integer(t->ask.threads)
                                    : json_null(),
                     "by", t->ask.threads ? json_string(t->ask.by)
                                          : json_null(),
                     "a rank", t->budget.threads, "delivered",
                     isfinite(t->delivered)
                         ? json_pack("{s:i,s:f}", "threads",
                                     t->measured_threads, "cores",
                                     t->delivered)
                         : json_null(),
                     "warnings", warnings);
}

static double
seconds_since(int64_t started_ns)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)(now.tv_sec * INT64_C(1000000000) + now.tv_nsec -
                    started_ns) /
           1e9;
}

/* NULL without memory. */
static json_t *
run_json(const struct qn_run *run, const char *state)
{
    json_t *stages = json_array(), *failures = json_array(), *all;
    char host[256] = "", id[17];

    gethostname(host, sizeof host - 1);
    snprintf(id, sizeof id, "%016llx", (unsigned long long)run->id);
    for (int s = 0; s < run->job->nstages; s++)
        if (qn_shard_makes(run, s))
            json_array_append_new(
                stages, stage_json(run, &run->plan.stage[s], failures));
    all = json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:i,s:i,s:i,s:i,s:f,s:o,s:o,"
                    "s:o,s:o}",
                    "quern", QN_VERSION, "job", run->job->name, "run", id,
                    "started_ns", (json_int_t)run->started_ns, "state",
                    state, "host", host, "pid", (int)getpid(), "ranks",
                    run->comm->size, "nodes", run->comm->nodes,
                    "workers a rank", run->farm.n, "seconds",
                    seconds_since(run->started_ns), "threads",
                    threads_json(&run->threads), "phases", phases_json(run),
                    "stages", stages, "failures", failures);
    if (all && run->options->shards)
        json_object_update_new(all, json_pack("{s:i,s:i}", "shard",
                                              run->options->shard, "shards",
                                              run->options->shards));
    if (all && run->stopped_by)
        json_object_set_new(all, "stopped_by", json_string(run->stopped_by));
    if (all && run->warnings)
        json_object_set(all, "warnings", run->warnings);
    if (all && run->ceilings)
        json_object_set(all, "ceilings", run->ceilings);
    if (all && run->resumed)
        json_object_set(all, "resumed", run->resumed);
    return all;
}

int
qn_record_write(const struct qn_run *run, const char *state,
                struct qn_error *err)
{
    json_t *all = run_json(run, state);
    char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL, *path = NULL;
    char tag[QN_SHARD_TAG];
    int rc;

    json_decref(all);
    qn_shard_tag(tag, sizeof tag, run->options);
    if (!text || asprintf(&path, "%s/.quern/%s%s.json", run->options->output,
                          *tag ? "shards/" : "run", tag) < 0)
        rc = qn_fail(err, QN_ENOMEM, "no memory for the run record");
    else
        rc = qn_atomic_replace(path, text, strlen(text),
                               run->options->sync != QN_SYNC_OFF, err);
    free(text);
    free(path);
    return rc;
}
