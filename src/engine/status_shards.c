/* Loading the records of shards and adding them up.
 *
 * Into how many shards a stage was cut says the one that began last; a record
 * of which newer ones tell everything is left out.  The sum has the form of
 * one run's record, so that status.c goes on with it as with any. */
#include "engine/status_shards.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/folder.h"
#include "engine/shard_lock.h"
#include "model/json.h"

struct shard {
    json_t *record; /* owned */
    int index, count;
    int64_t started;
    const char *state;
};

struct shards {
    struct shard *v; /* owned */
    size_t n, cap;
};

/* ---- loading ------------------------------------------------------------ */

/* Of a shard that "runs" but holds no lock.  Its locks are called by the
 * stages that it makes. */
static bool
is_dead(const struct shard *s, const char *output)
{
    const json_t *stages = json_object_get(s->record, "stages");
    const char *stage = qn_json_word(json_array_get(stages, 0), "name");
    char tag[320];

    if (strcmp(qn_json_word(s->record, "state"), "running") != 0 || !*stage)
        return false;
    snprintf(tag, sizeof tag, "%.255s@%d-%d", stage, s->index, s->count);
    return qn_shard_lock_at(output, tag, NULL) == QN_LOCK_FREE;
}

static int
load_one(json_t **record, const char *path, struct qn_error *err)
{
    json_error_t why;

    json_decref(*record);
    *record = json_load_file(path, 0, &why);
    if (json_is_object(*record))
        return 0;
    return qn_fail(err, access(path, R_OK) ? QN_EIO : QN_EFORMAT,
                   "%s cannot be read (%s); the shard writes it anew when it "
                   "is run again",
                   path, *record ? "it is no object" : why.text);
}

/* Who ended between the two looks has said so by the second. */
static int
load_shard(struct shard *s, const char *output, const char *path,
           struct qn_error *err)
{
    QN_TRY(load_one(&s->record, path, err));
    s->state = qn_json_word(s->record, "state");
    if (is_dead(s, output)) {
        QN_TRY(load_one(&s->record, path, err));
        s->state =
            is_dead(s, output) ? "died" : qn_json_word(s->record, "state");
    }
    s->started = qn_json_integer(s->record, "started_ns");
    return 0;
}

static int
add_shard(struct shards *all, const char *output, const char *folder,
          const char *file, struct qn_error *err)
{
    const char *at = strrchr(file, '@');
    struct shard s = {.index = 0};
    char end[8] = "", *path;
    int rc;

    if (!at || *file == '.' ||
        sscanf(at, "@%d-%d.%5s", &s.index, &s.count, end) != 3 ||
        strcmp(end, "json") != 0 || s.count < 1)
        return 0;
    QN_TRY(qn_memory_grow((void **)&all->v, &all->cap, all->n + 1,
                          sizeof *all->v, err));
    if (asprintf(&path, "%s/%s", folder, file) < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    rc = load_shard(&s, output, path, err);
    free(path);
    if (rc)
        json_decref(s.record);
    else
        all->v[all->n++] = s;
    return rc;
}

/* tag: only that one. */
static int
load_shards(struct shards *all, const char *output, const char *tag,
            struct qn_error *err)
{
    char *folder, file[340];
    struct dirent *d;
    DIR *dir;
    int rc = 0;

    QN_TRY(qn_folder_path(&folder, output, "shards", err));
    dir = opendir(folder);
    snprintf(file, sizeof file, "%.320s.json", tag ? tag : "");
    while (dir && !rc && (d = readdir(dir)))
        if (!tag || !strcmp(d->d_name, file))
            rc = add_shard(all, output, folder, d->d_name, err);
    if (dir)
        closedir(dir);
    free(folder);
    if (!rc && tag && !all->n)
        rc = qn_fail(err, QN_EUSAGE, "%s: no shard %s has begun there", output,
                     tag);
    return rc;
}

/* ---- what counts -------------------------------------------------------- */

static json_t *
stage_of(const json_t *record, const char *name)
{
    json_t *j;
    size_t i;

    json_array_foreach(json_object_get(record, "stages"), i,
                       j) if (!strcmp(qn_json_word(j, "name"), name)) return j;
    return NULL;
}

/* The shard that began last of those that made a stage; or NULL. */
static const struct shard *
last_of(const struct shards *all, const char *stage)
{
    const struct shard *last = NULL;

    for (size_t i = 0; i < all->n; i++)
        if (stage_of(all->v[i].record, stage) &&
            (!last || all->v[i].started > last->started))
            last = &all->v[i];
    return last;
}

static void
drop(struct shards *all, size_t i)
{
    json_decref(all->v[i].record);
    all->v[i] = all->v[--all->n];
}

/* Does another shard tell of all that this one's record does, and newer? */
static bool
is_old(const struct shards *all, const struct shard *s)
{
    json_t *j;
    size_t i;

    json_array_foreach(json_object_get(s->record, "stages"), i, j)
    {
        const char *stage = qn_json_word(j, "name");
        bool newer = last_of(all, stage)->count != s->count;

        // the same shard, once by itself and once with others
        for (size_t k = 0; k < all->n && !newer; k++)
            newer = all->v[k].started > s->started &&
                    all->v[k].index == s->index &&
                    stage_of(all->v[k].record, stage);
        if (!newer)
            return false;
    }
    return true;
}

static void
drop_old(struct shards *all, int64_t whole)
{
    for (size_t i = all->n; i-- > 0;)
        if (all->v[i].started < whole)
            drop(all, i);
    for (size_t i = all->n; i-- > 0;)
        if (is_old(all, &all->v[i]))
            drop(all, i);
}

/* ---- adding up ---------------------------------------------------------- */

static const char *const counts[] = {"before",  "done",    "failed", "upstream",
                                     "blocked", "skipped", NULL};

static void
add_number(json_t *to, const json_t *from, const char *key)
{
    json_object_set_new(
        to, key,
        json_integer(qn_json_integer(to, key) + qn_json_integer(from, key)));
}

/* The stage of one more shard. */
static void
add_stage(json_t *sum, json_t *j, const struct shards *all,
          const struct shard *s)
{
    const char *name = qn_json_word(j, "name");
    json_t *to = stage_of(sum, name);

    if (last_of(all, name)->count != s->count)
        return;
    if (!to) {
        to = json_pack("{s:s}", "name", name);
        json_array_append_new(json_object_get(sum, "stages"), to);
    }
    for (int i = 0; counts[i]; i++)
        add_number(to, j, counts[i]);
    add_number(to, j, "items");
    json_object_set_new(to, "all", json_integer(qn_json_integer(j, "all")));
    json_object_set_new(to, "results",
                        json_integer(qn_json_integer(j, "results")));
    to = json_object_get(sum, "begun");
    json_object_set_new(to, name, json_integer(qn_json_integer(to, name) + 1));
}

static void
add_failures(json_t *sum, const json_t *record)
{
    json_t *j;
    size_t i;

    json_array_foreach(json_object_get(record, "failures"), i, j)
        json_array_append(json_object_get(sum, "failures"), j);
}

static void
count_state(json_t *sum, const char *state, int64_t n)
{
    json_t *shards = json_object_get(sum, "shards");

    json_object_set_new(shards, state,
                        json_integer(qn_json_integer(shards, state) + n));
}

static void
add_record(json_t *sum, const struct shards *all, const struct shard *s)
{
    json_t *j;
    size_t i;

    json_array_foreach(json_object_get(s->record, "stages"), i, j)
        add_stage(sum, j, all, s);
    add_failures(sum, s->record);
    json_array_append(json_object_get(sum, "runs"),
                      json_object_get(s->record, "run"));
    // of several, the last one's
    json_object_set(sum, "stopped_by",
                    json_object_get(s->record, "stopped_by"));
    count_state(sum, s->state, 1);
    if (!strcmp(s->state, "running"))
        add_number(sum, s->record, "ranks");
}

/* What the whole run before them has made and they have not. */
static void
add_whole(json_t *sum, json_t *whole, const struct shards *all)
{
    json_t *stages = json_array(), *j;
    size_t i;

    json_array_foreach(json_object_get(whole, "stages"), i,
                       j) if (!last_of(all, qn_json_word(j, "name")))
        json_array_append(stages, j);
    json_array_extend(stages, json_object_get(sum, "stages"));
    json_object_set_new(sum, "stages", stages);
    json_array_foreach(json_object_get(whole, "failures"), i,
                       j) if (!last_of(all, qn_json_word(j, "stage")))
        json_array_append(json_object_get(sum, "failures"), j);
}

/* Shards that nobody has begun; *open: items are left. */
static void
count_absent(json_t *sum, const struct shards *all, bool one, bool *open)
{
    json_t *j;
    size_t i;

    *open = false;
    json_array_foreach(json_object_get(sum, "stages"), i, j)
    {
        const char *name = qn_json_word(j, "name");
        const struct shard *last = last_of(all, name);
        int64_t rest = qn_json_integer(j, "items");

        if (last && !one) {
            int64_t begun =
                qn_json_integer(json_object_get(sum, "begun"), name);

            if (begun < last->count)
                count_state(sum, "not begun", last->count - begun);
            rest = qn_json_integer(j, "all");
            json_object_set_new(j, "items", json_integer(rest));
        }
        for (int k = 1; counts[k]; k++)
            rest -= qn_json_integer(j, counts[k]);
        *open = *open || rest > 0;
    }
}

/* The first that applies; "done" where all that is there is done. */
static const char *
sum_state(const json_t *sum, bool open)
{
    static const char *const states[] = {
        "running", "broken", "died", "stopped", "waiting", "not begun", NULL};
    const json_t *shards = json_object_get(sum, "shards");

    for (int i = 0; states[i]; i++)
        if (qn_json_integer(shards, states[i]))
            return !strcmp(states[i], "not begun") ? "stopped" : states[i];
    if (open)
        return "stopped";
    return qn_json_integer(shards, "failed") ? "failed" : "done";
}

static void
add_times(json_t *sum, const struct shards *all)
{
    const struct shard *first = &all->v[0], *last = first;
    double end = 0;

    for (size_t i = 0; i < all->n; i++) {
        const struct shard *s = &all->v[i];
        double seconds =
            json_number_value(json_object_get(s->record, "seconds"));

        first = s->started < first->started ? s : first;
        last = s->started > last->started ? s : last;
        if (end < (double)s->started / 1e9 + seconds)
            end = (double)s->started / 1e9 + seconds;
    }
    for (int i = 0; i < 6; i++) {
        static const char *const same[] = {"quern", "job",   "host",
                                           "pid",   "nodes", "run"};

        json_object_set(sum, same[i], json_object_get(last->record, same[i]));
    }
    json_object_set_new(sum, "started_ns", json_integer(first->started));
    json_object_set_new(sum, "seconds",
                        json_real(end - (double)first->started / 1e9));
}

static json_t *
sum_up(const struct shards *all, json_t *whole, bool one)
{
    json_t *sum = json_pack("{s:[],s:[],s:[],s:{},s:{},s:i}", "stages",
                            "failures", "runs", "shards", "begun", "ranks", 0);
    bool open;

    for (size_t i = 0; i < all->n; i++)
        add_record(sum, all, &all->v[i]);
    if (whole && !one)
        add_whole(sum, whole, all);
    count_absent(sum, all, one, &open);
    add_times(sum, all);
    json_object_set_new(sum, "state", json_string(sum_state(sum, open)));
    json_object_del(sum, "begun");
    return sum;
}

static int
by_start(const void *a, const void *b)
{
    const struct shard *x = a, *y = b;

    return (x->started > y->started) - (x->started < y->started);
}

int
qn_status_shards(json_t **record, const char *output, const char *tag,
                 struct qn_error *err)
{
    struct shards all = {0};
    json_t *sum;
    int rc = load_shards(&all, output, tag, err);

    if (!rc && !tag)
        drop_old(&all, qn_json_integer(*record, "started_ns"));
    if (!rc && all.n) {
        qsort(all.v, all.n, sizeof *all.v, by_start);
        sum = sum_up(&all, *record, tag != NULL);
        json_decref(*record);
        *record = sum;
    }
    while (all.n)
        drop(&all, all.n - 1);
    free(all.v);
    return rc;
}
