/* The record read back, and the journal's lines of the same run added.
 *
 * What is on the record is never counted again: a stage has as many items done
 * as the record says, or as the lines say, whichever is more, since the record
 * is written after the lines.  Failures are told apart by their names. */
#include "engine/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/folder.h"
#include "engine/lock.h"
#include "engine/status_shards.h"
#include "model/json.h"

#define NANO 1000000000.0

/* What past.h does not keep of an item. */
struct qn_status_note {
    char *item, *host; /* owned */
    int rank;
    int hands;         /* workers that have it now: frames share a name */
};

static int64_t
wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- the record -------------------------------------------------------- */

static int
load_record(struct qn_status *s, const char *output, const char *tag,
            struct qn_error *err)
{
    json_error_t why;
    char *path;
    bool there;
    int rc = 0;

    QN_TRY(qn_folder_path(&path, output, "run.json", err));
    there = !access(path, F_OK) || (errno != ENOENT && errno != ENOTDIR);
    if (there && !(s->record = json_load_file(path, 0, &why)))
        rc = qn_fail(err, access(path, R_OK) ? QN_EIO : QN_EFORMAT,
                     "%s cannot be read (%s); the next run writes it anew",
                     path, why.text);
    free(path);
    if (!rc)
        rc = qn_status_shards(&s->record, output, tag, err);
    if (!rc && !s->record)
        rc = qn_fail(err, QN_EUSAGE,
                     "%s is no output folder: it has no .quern/run.json; "
                     "give the folder that `quern run` named last",
                     output);
    return rc;
}

static int
read_state(struct qn_status *s, const char *output, struct qn_error *err)
{
    static const char *const words[] = {"running", "done", "failed",
                                        "stopped", "watching", "broken",
                                        "waiting", "died"};
    const int n = sizeof words / sizeof *words;
    const char *word = qn_json_word(s->record, "state");
    int i = 0;

    while (i < n && strcmp(word, words[i]) != 0)
        i++;
    if (i == n)
        return qn_fail(err, QN_EFORMAT,
                       "%s/.quern/run.json: the state of the run is '%.40s', "
                       "which this version does not know",
                       output, word);
    s->state = (enum qn_status_state)i;
    return 0;
}

/* A free lock means that it died, unless it ended between two looks: then
 * the record says so by now. */
static int
find_state(struct qn_status *s, const char *output, struct qn_error *err)
{
    QN_TRY(read_state(s, output, err));
    // of shards that was looked at already
    s->shards = json_object_get(s->record, "shards");
    s->shards = json_is_object(s->shards) ? s->shards : NULL;
    if (s->shards ||
        (s->state != QN_STATUS_RUNNING && s->state != QN_STATUS_WATCHING) ||
        qn_lock_look(output, NULL) != QN_LOCK_FREE)
        return 0;
    json_decref(s->record);
    s->record = NULL;
    QN_TRY(load_record(s, output, NULL, err));
    QN_TRY(read_state(s, output, err));
    if (s->state == QN_STATUS_RUNNING || s->state == QN_STATUS_WATCHING)
        s->state = QN_STATUS_DIED;
    return 0;
}

static enum qn_single_state
single_state(const char *word)
{
    int i = 0;

    while (i < QN_SINGLE_THERE &&
           strcmp(word, qn_single_word((enum qn_single_state)i)) != 0)
        i++;
    return (enum qn_single_state)i;
}

static void
read_stage(struct qn_status_stage *st, const json_t *j)
{
    const json_t *single = json_object_get(j, "single");

    *st = (struct qn_status_stage){
        .name = qn_json_word(j, "name"),
        .items = qn_json_integer(j, "items"),
        .done = qn_json_integer(j, "done"),
        .before = qn_json_integer(j, "before"),
        .failed = qn_json_integer(j, "failed"),
        .aside = qn_json_integer(j, "upstream") +
                 qn_json_integer(j, "blocked") + qn_json_integer(j, "skipped"),
        .results = qn_json_integer(j, "results"),
        .single = qn_json_text(single, "file"),
        .single_state = single_state(qn_json_word(single, "state")),
        .single_bytes = qn_json_integer(single, "bytes"),
        .single_ns = qn_json_integer(single, "mtime_ns"),
    };
}

/* Stages are few; the last one found is mostly the next. */
static int
stage_of(const struct qn_status *s, const char *name, int last)
{
    if (last >= 0 && !strcmp(s->stage[last].name, name))
        return last;
    for (size_t i = 0; i < s->nstages; i++)
        if (!strcmp(s->stage[i].name, name))
            return (int)i;
    return -1;
}

static int
by_id(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int
read_failures(struct qn_status *s, struct qn_error *err)
{
    const json_t *all = json_object_get(s->record, "failures"), *j;
    int stage = -1;
    size_t i;

    QN_TRY(qn_memory_make((void **)&s->failure, json_array_size(all),
                          sizeof *s->failure, "the failures", err));
    json_array_foreach(all, i, j) {
        stage = stage_of(s, qn_json_word(j, "stage"), stage);
        if (stage < 0)
            continue;
        s->failure[s->nfailures++] = (struct qn_status_failure){
            .stage = stage,
            .item = qn_json_word(j, "item"),
            .code = (int)qn_json_integer(j, "code"),
            .reason = qn_json_word(j, "reason"),
        };
    }
    return 0;
}

/* The ids of which the journal's lines count. */
static int
read_runs(struct qn_status *s, struct qn_error *err)
{
    const json_t *all = json_object_get(s->record, "runs"), *j;
    size_t i;

    QN_TRY(qn_memory_make((void **)&s->runs, json_array_size(all) + 1,
                          sizeof *s->runs, "the runs", err));
    json_array_foreach(all, i, j)
    {
        const char *id = json_string_value(j);

        s->runs[s->nruns++] = id ? strtoull(id, NULL, 16) : 0;
    }
    if (!s->nruns)
        s->runs[s->nruns++] = s->run;
    qsort(s->runs, s->nruns, sizeof *s->runs, by_id);
    return 0;
}

static int
read_record(struct qn_status *s, const char *output, struct qn_error *err)
{
    const json_t *r, *stages;

    QN_TRY(find_state(s, output, err));
    r = s->record;
    stages = json_object_get(r, "stages");
    s->job = qn_json_word(r, "job");
    s->host = qn_json_word(r, "host");
    s->run = strtoull(qn_json_word(r, "run"), NULL, 16);
    QN_TRY(read_runs(s, err));
    s->pid = (long)qn_json_integer(r, "pid");
    s->ranks = (int)qn_json_integer(r, "ranks");
    s->nodes = (int)qn_json_integer(r, "nodes");
    s->started_ns = qn_json_integer(r, "started_ns");
    s->seconds = json_number_value(json_object_get(r, "seconds"));
    QN_TRY(qn_memory_make((void **)&s->stage, json_array_size(stages),
                          sizeof *s->stage, "the stages", err));
    for (; s->nstages < json_array_size(stages); s->nstages++)
        read_stage(&s->stage[s->nstages], json_array_get(stages, s->nstages));
    return read_failures(s, err);
}

/* ---- the journal ------------------------------------------------------- */

struct reading {
    struct qn_status *s;
    int64_t *done; /* owned, [nstages]: lines of items done in this run */
    int stage;     /* of the last line */
};

static int
note_line(struct qn_status *s, const struct qn_record *r,
          struct qn_error *err)
{
    size_t i, before = s->past.nitems;
    struct qn_status_note *n;

    QN_TRY(qn_memory_grow((void **)&s->note, &s->notes_cap, before + 1,
                          sizeof *s->note, err));
    s->note[before] = (struct qn_status_note){.hands = 0};
    QN_TRY(qn_past_add(&s->past, r, err));
    i = (size_t)(qn_past_find(&s->past, r->stage, r->name) - s->past.item);
    n = &s->note[i];
    if (!n->item)
        QN_TRY(qn_memory_copy(&n->item, r->item, err));
    if (r->kind != QN_RECORD_BEGIN) {
        n->hands -= n->hands > 0;
        return 0;
    }
    n->hands++;
    n->rank = r->rank;
    free(n->host);
    return qn_memory_copy(&n->host, r->host, err);
}

/* Was it done before in these runs?  Members of a combination are looked at,
 * and read once more where their bands cannot be had from the files. */
static bool
is_counted(const struct qn_status *s, const struct qn_record *r)
{
    const struct qn_past_item *p = qn_past_find(&s->past, r->stage, r->name);

    return p && !qn_key_none(&p->done_key);
}

/* Lines without an item are of combined results, which are not counted, or of
 * packed ones, which say how many; those of runs of frames do too, and each
 * frame that failed has its own. */
static int
take_line(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    struct reading *g = ctx;
    struct qn_status *s = g->s;

    if (!bsearch(&r->run, s->runs, s->nruns, sizeof *s->runs, by_id))
        return 0;
    s->journaled = true;
    if (r->time_ns > s->last_ns)
        s->last_ns = r->time_ns;
    if (!*r->name)
        return 0;
    g->stage = stage_of(s, r->stage, g->stage);
    if (g->stage < 0)
        return 0;
    if ((*r->item || r->items) && r->kind != QN_RECORD_BEGIN &&
        !is_counted(s, r)) {
        int64_t items = r->items ? r->items - r->lost : 1;

        s->items += items;
        s->bytes += r->input_bytes > 0 ? r->input_bytes : 0;
        g->done[g->stage] += r->kind == QN_RECORD_DONE ? items : 0;
    }
    return note_line(s, r, err);
}

static void
count_lines(struct reading *g)
{
    for (size_t i = 0; i < g->s->nstages; i++) {
        struct qn_status_stage *st = &g->s->stage[i];

        if (st->done < st->before + g->done[i])
            st->done = st->before + g->done[i];
    }
}

static int
load_journal(struct qn_status *s, const char *output, struct qn_error *err)
{
    struct reading g = {.s = s, .stage = -1};
    char *folder;
    int rc;

    if (!s->run)
        return 0;
    QN_TRY(qn_folder_path(&folder, output, "journal", err));
    rc = qn_memory_make((void **)&g.done, s->nstages, sizeof *g.done,
                        "the stages", err);
    if (!rc)
        rc = qn_journal_load(folder, take_line, &g, &s->damaged, err);
    if (!rc)
        count_lines(&g);
    free(g.done);
    free(folder);
    return rc;
}

/* ---- failures since the record ----------------------------------------- */

static int
by_item(const void *a, const void *b)
{
    const struct qn_status_failure *x = a, *y = b;
    int c = x->stage != y->stage ? x->stage - y->stage
                                 : strcmp(x->item, y->item);

    return c ? c : x->late - y->late;
}

static bool
is_known(const struct qn_status_failure *last,
         const struct qn_status_failure *f)
{
    return f->late && last->stage == f->stage &&
           !strcmp(last->item, f->item);
}

static int
add_late_failures(struct qn_status *s, struct qn_error *err)
{
    size_t cap = s->nfailures, kept = 0;
    int stage = -1;

    for (size_t i = 0; i < s->past.nitems; i++) {
        const struct qn_past_item *p = &s->past.item[i];

        if (p->kind != QN_RECORD_FAILED || p->lost)
            continue; // not, or its members are named
        QN_TRY(qn_memory_grow((void **)&s->failure, &cap, s->nfailures + 1,
                              sizeof *s->failure, err));
        stage = stage_of(s, p->stage, stage);
        s->failure[s->nfailures++] = (struct qn_status_failure){
            .stage = stage,
            .item = *s->note[i].item ? s->note[i].item : p->name,
            .code = p->code,
            .reason = p->reason ? p->reason : "",
            .late = true,
        };
    }
    if (s->nfailures)
        qsort(s->failure, s->nfailures, sizeof *s->failure, by_item);
    for (size_t i = 0; i < s->nfailures; i++)
        if (!kept || !is_known(&s->failure[kept - 1], &s->failure[i]))
            s->failure[kept++] = s->failure[i];
    s->nfailures = kept;
    return 0;
}

static int
count_failures(struct qn_status *s, struct qn_error *err)
{
    int64_t *n;

    QN_TRY(qn_memory_make((void **)&n, s->nstages, sizeof *n, "the stages",
                          err));
    for (size_t i = 0; i < s->nfailures; i++)
        n[s->failure[i].stage]++;
    for (size_t i = 0; i < s->nstages; i++)
        if (s->stage[i].failed < n[i])
            s->stage[i].failed = n[i];
    free(n);
    return 0;
}

/* ---- in hand ----------------------------------------------------------- */

static int
by_time(const void *a, const void *b)
{
    const struct qn_status_flight *x = a, *y = b;

    if (x->seconds != y->seconds)
        return x->seconds < y->seconds ? 1 : -1;
    return strcmp(x->name, y->name);
}

static int
find_flights(struct qn_status *s, int64_t now, struct qn_error *err)
{
    size_t cap = 0;
    int stage = -1;

    for (size_t i = 0; i < s->past.nitems; i++) {
        const struct qn_past_item *p = &s->past.item[i];
        const struct qn_status_note *n = &s->note[i];
        double seconds = (double)(now - p->time_ns) / NANO;

        if (!n->hands)
            continue;
        QN_TRY(qn_memory_grow((void **)&s->flight, &cap, s->nflights + 1,
                              sizeof *s->flight, err));
        stage = stage_of(s, p->stage, stage);
        s->flight[s->nflights++] = (struct qn_status_flight){
            .stage = stage,
            .name = p->name,
            .item = n->item,
            .host = n->host ? n->host : "",
            .rank = n->rank,
            // clocks of machines differ
            .seconds = seconds > 0 ? seconds : 0,
        };
    }
    if (s->nflights)
        qsort(s->flight, s->nflights, sizeof *s->flight, by_time);
    return 0;
}

/* ---- all of it --------------------------------------------------------- */

/* A run that came to its end left nothing but what could not be tried. */
static void
settle_stages(struct qn_status *s)
{
    bool ended = s->state == QN_STATUS_DONE ||
                 s->state == QN_STATUS_FAILED ||
                 s->state == QN_STATUS_WATCHING;

    for (size_t i = 0; i < s->nstages; i++) {
        struct qn_status_stage *st = &s->stage[i];
        int64_t rest = st->items - st->done - st->failed;

        // a combined result that fails is counted, but is no item
        if (rest < 0)
            rest = 0;
        if (ended || st->aside > rest)
            st->aside = rest;
        st->left = rest - st->aside;
    }
}

/* The record is as old as its last stage. */
static int
go_on(struct qn_status *s, struct qn_error *err)
{
    int64_t now = s->state == QN_STATUS_RUNNING ? wall_ns() : s->last_ns;
    double seconds = (double)(now - s->started_ns) / NANO;

    if (s->started_ns && seconds > s->seconds)
        s->seconds = seconds;
    QN_TRY(add_late_failures(s, err));
    QN_TRY(count_failures(s, err));
    return find_flights(s, now, err);
}

/* The file may have come, gone or been touched since the record. */
static void
look_at_singles(struct qn_status *s, const char *output)
{
    for (size_t i = 0; i < s->nstages; i++) {
        struct qn_status_stage *st = &s->stage[i];
        const struct qn_past_item *p;

        if (!st->single)
            continue;
        // a run makes it last, of all that it has done
        p = qn_past_find(&s->past, st->name, st->single);
        if (p && qn_single_stands(output, st->single, p->bytes, p->mtime_ns))
            st->single_state = QN_SINGLE_DONE;
        else if (!qn_single_stands(output, st->single, st->single_bytes,
                                   st->single_ns))
            st->single_state = QN_SINGLE_TODO;
    }
}

static bool
has_stop(const char *output)
{
    char *path;
    bool there;

    if (qn_folder_path(&path, output, "stop", NULL))
        return false;
    there = !access(path, F_OK);
    free(path);
    return there;
}

int
qn_status_load(struct qn_status *s, const char *output, const char *tag,
               struct qn_error *err)
{
    int rc;

    *s = (struct qn_status){.bytes = 0};
    rc = load_record(s, output, tag, err);
    if (!rc)
        rc = read_record(s, output, err);
    if (!rc)
        rc = load_journal(s, output, err);
    if (!rc &&
        (s->state == QN_STATUS_RUNNING || s->state == QN_STATUS_DIED))
        rc = go_on(s, err);
    if (rc) {
        qn_status_clear(s);
        return rc;
    }
    settle_stages(s);
    look_at_singles(s, output);
    s->stopping = (s->state == QN_STATUS_RUNNING ||
                   s->state == QN_STATUS_WATCHING) &&
                  has_stop(output);
    if (!s->journaled) {
        struct qn_status_stage all = qn_status_total(s);

        s->items = all.done + all.failed - all.before;
        s->bytes = -1;
    }
    return 0;
}

struct qn_status_stage
qn_status_total(const struct qn_status *s)
{
    struct qn_status_stage all = {.name = "all"};

    for (size_t i = 0; i < s->nstages; i++) {
        const struct qn_status_stage *st = &s->stage[i];

        all.items += st->items;
        all.done += st->done;
        all.before += st->before;
        all.failed += st->failed;
        all.aside += st->aside;
        all.left += st->left;
        all.results += st->results;
    }
    return all;
}

void
qn_status_clear(struct qn_status *s)
{
    for (size_t i = 0; i < s->past.nitems && i < s->notes_cap; i++) {
        free(s->note[i].item);
        free(s->note[i].host);
    }
    free(s->note);
    free(s->runs);
    free(s->stage);
    free(s->failure);
    free(s->flight);
    qn_past_clear(&s->past);
    json_decref(s->record);
    *s = (struct qn_status){0};
}
