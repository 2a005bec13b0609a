/* The state of a run for other programs. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/status.h"

const char *
qn_status_json_word(enum qn_status_state state)
{
    static const char *const words[] = {"running", "done", "failed",
                                        "stopped", "watching", "broken",
                                        "waiting", "died"};

    return words[state];
}

static json_t *
number_json(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *
time_json(int64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm;
    char text[32];

    if (!ns || !gmtime_r(&seconds, &tm) ||
        !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return json_null();
    return json_string(text);
}

static json_t *
stage_json(const struct qn_status_stage *st)
{
    json_t *j = json_pack(
        "{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", //
        "name", st->name, "items", (json_int_t)st->items, "done",
        (json_int_t)st->done, "before", (json_int_t)st->before, "failed",
        (json_int_t)st->failed, "not_tried", (json_int_t)st->aside, "left",
        (json_int_t)st->left, "results", (json_int_t)st->results);

    if (st->single)
        json_object_set_new(
            j, "one_file",
            json_pack("{s:s,s:s}", "file", st->single, "state",
                      st->single_state == QN_SINGLE_TODO
                          ? "todo"
                          : qn_single_word(st->single_state)));
    return j;
}

static json_t *
stages_json(const struct qn_status *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < s->nstages; i++)
        json_array_append_new(all, stage_json(&s->stage[i]));
    return all;
}

static json_t *
flights_json(const struct qn_status *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < s->nflights; i++) {
        const struct qn_status_flight *f = &s->flight[i];

        json_array_append_new(
            all, json_pack("{s:s,s:o,s:o,s:s,s:i,s:f}", //
                           "stage", s->stage[f->stage].name, "name",
                           qn_cli_json_text(f->name), "item",
                           qn_cli_json_text(f->item), "host", f->host, "rank",
                           f->rank, "seconds", f->seconds));
    }
    return all;
}

static json_t *
failures_json(const struct qn_status *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < s->nfailures; i++) {
        const struct qn_status_failure *f = &s->failure[i];

        json_array_append_new(
            all, json_pack("{s:s,s:o,s:i,s:o}", //
                           "stage", s->stage[f->stage].name, "item",
                           qn_cli_json_text(f->item), "code", f->code,
                           "reason", qn_cli_json_text(f->reason)));
    }
    return all;
}

static json_t *
rate_json(const struct qn_status *s)
{
    struct qn_status_rate r = qn_status_print_rate(s);

    return json_pack("{s:o,s:o,s:o}", "items_per_second",
                     number_json(r.items), "bytes_per_second",
                     number_json(r.bytes), "seconds_to_go",
                     number_json(r.to_go));
}

/* What each stage spent, as the run recorded it; NULL as null. */
static json_t *
recorded_json(const struct qn_status *s, const char *name)
{
    json_t *j = json_object_get(s->record, name);

    return j ? json_incref(j) : json_null();
}

int
qn_status_json(const struct qn_status *s)
{
    struct qn_status_stage all = qn_status_total(s);
    char run[17];

    snprintf(run, sizeof run, "%016" PRIx64, s->run);
    return qn_cli_json_print(json_pack(
        "{s:s,s:s,s:s,s:o,s:b,s:s,s:s,s:I,s:i,s:i,s:o,s:f,s:o,s:o,s:o,s:o,"
        "s:o,s:b,s:I,s:O?,s:o,s:o}",
        "quern", QN_VERSION, "job", s->job, "state",
        qn_status_json_word(s->state), "stopped_by",
        recorded_json(s, "stopped_by"), "stopping", s->stopping, "run", run,
        "host", s->host, "pid", (json_int_t)s->pid, "ranks", s->ranks, "nodes",
        s->nodes, "started", time_json(s->started_ns), "seconds", s->seconds,
        "total", stage_json(&all), "stages", stages_json(s), "rate",
        rate_json(s), "in_hand", flights_json(s), "failures", failures_json(s),
        "journal", s->journaled, "damaged", (json_int_t)s->damaged, "shards",
        s->shards, "phases", recorded_json(s, "phases"), "ceilings",
        recorded_json(s, "ceilings")));
}
