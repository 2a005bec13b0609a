/* One file over the results of a stage: what it is made of, and when.
 *
 * How it is put together is merge.c's. */
#include "engine/single.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/text.h"
#include "engine/commit.h"
#include "engine/merge_list.h"
#include "engine/shard.h"
#include "engine/stop.h"

/* ---- which results ----------------------------------------------------------- */

/* Frames of files go end to end, as they would within one. */
static bool
is_joined(const struct qn_plan_stage *st)
{
    return qn_plan_joins(st);
}

/* Of the results that are there, and of what failed. */
static int
make_key(struct qn_fingerprint *key, const struct qn_plan_stage *st,
         struct qn_error *err)
{
    struct qn_key k;

    QN_TRY(qn_key_open(&k, err));
    qn_key_text(&k, "single");
    qn_key_number(&k, is_joined(st));
    for (int i = 0; i < st->ntargets; i++) {
        const struct qn_target *t = &st->target[i];

        qn_key_text(&k, t->name);
        qn_key_number(&k, t->state == QN_FINISHED);
        if (t->state == QN_FINISHED)
            qn_key_bytes(&k, t->key, sizeof *t->key);
    }
    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].state == QN_FAILED)
            qn_key_text(&k, st->task[i].item->path);
    qn_key_finish(&k, key);
    return 0;
}

const char *
qn_single_word(enum qn_single_state state)
{
    static const char *const words[] = {
        [QN_SINGLE_DONE] = "done",
        [QN_SINGLE_STALE] = "stale",
        [QN_SINGLE_TODO] = "to do",
        [QN_SINGLE_THERE] = "not looked at",
    };

    return words[state];
}

bool
qn_single_stands(const char *output, const char *name, int64_t bytes,
                 int64_t mtime_ns)
{
    struct stat st;
    char *path;
    bool same;

    if (asprintf(&path, "%s/%s", output, name) < 0)
        return false;
    same = !stat(path, &st) && st.st_size == bytes &&
           st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec ==
               mtime_ns;
    free(path);
    return same;
}

static bool
is_there(const struct qn_run *run, const struct qn_past_item *p)
{
    return p && qn_single_stands(run->options->output, p->name, p->bytes,
                                 p->mtime_ns);
}

int
qn_single_look(enum qn_single_state *state, const struct qn_run *run, int s,
               struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    const struct qn_past_item *p;
    struct qn_fingerprint key;
    char name[512];

    snprintf(name, sizeof name, "%s.h5", st->stage->name);
    p = qn_past_find(&run->past, st->stage->name, name);
    QN_TRY(make_key(&key, st, err));
    *state = !is_there(run, p)                   ? QN_SINGLE_TODO
             : qn_key_equal(&p->done_key, &key) ? QN_SINGLE_DONE
                                                 : QN_SINGLE_STALE;
    return 0;
}

json_t *
qn_single_json(const struct qn_run *run, int s)
{
    const struct qn_stage *stage = &run->job->stages[s];
    const struct qn_past_item *p;
    enum qn_single_state state;
    char name[512];

    if (!stage->output.single || run->options->shards ||
        qn_single_look(&state, run, s, NULL))
        return NULL;
    if (state == QN_SINGLE_STALE && s >= run->settled)
        state = QN_SINGLE_THERE;
    snprintf(name, sizeof name, "%s.h5", stage->name);
    p = qn_past_find(&run->past, stage->name, name);
    return json_pack("{s:s,s:s,s:I,s:I}", "file", name, "state",
                     qn_single_word(state), "bytes",
                     (json_int_t)(p ? p->bytes : 0), "mtime_ns",
                     (json_int_t)(p ? p->mtime_ns : 0));
}

/* ---- the list of items --------------------------------------------------------- */

struct listing {
    const struct qn_run *run;
    const struct qn_plan_stage *st;
};

static int
add_failed(struct qn_merge_list *l, struct qn_merge_item *item,
           const char *reason, struct qn_error *err)
{
    item->state = QN_MERGE_FAILED;
    return qn_pool_text(&l->pool, (char **)&item->reason, reason, err);
}

/* Those of a part that was never written. */
static int
add_members(const struct qn_plan_stage *st, const struct qn_target *t,
            struct qn_merge_list *l, struct qn_merge_item *item,
            struct qn_error *err)
{
    for (int i = 0; qn_plan_packs(st) && i < t->ntasks; i++) {
        const struct qn_task *m = &st->task[t->task[i]];

        if (m->state == QN_FAILED)
            QN_TRY(qn_merge_list_failure(l, item, m->item->path, m->reason,
                                         err));
    }
    return 0;
}

static int
add_target(const struct qn_plan_stage *st, const struct qn_target *t,
           struct qn_merge_list *l, struct qn_error *err)
{
    const struct qn_task *first = &st->task[t->task[0]];
    bool own = !qn_plan_has_members(st) &&
               (t->state == QN_FINISHED || t->state == QN_FAILED);
    struct qn_merge_item *item;

    QN_TRY(qn_merge_list_add(l, t->name, own ? first->item->path : NULL, err));
    item = &l->item[l->n - 1];
    if (t->state == QN_FINISHED)
        return qn_merge_list_settle(l, item, err);
    QN_TRY(add_members(st, t, l, item, err));
    if (t->state == QN_FAILED)
        return add_failed(l, item, t->reason, err);
    return 0;
}

static int
list_items(void *ctx, struct qn_merge_list *l, struct qn_error *err)
{
    const struct listing *of = ctx;
    const struct qn_plan_stage *st = of->st;
    size_t listed;

    QN_TRY(qn_memory_copy(&l->output, of->run->options->output, err));
    QN_TRY(qn_memory_copy(&l->stage, st->stage->name, err));
    l->ended = !of->run->stopped;
    for (int i = 0; i < st->ntargets; i++)
        QN_TRY(add_target(st, &st->target[i], l, err));
    listed = l->n;
    for (int i = 0; i < st->ntasks && !st->stage->combine.given; i++) {
        const struct qn_task *t = &st->task[i];

        if (t->target >= 0 || t->state != QN_FAILED)
            continue;
        QN_TRY(qn_merge_list_add(l, NULL, t->item->path, err));
        QN_TRY(add_failed(l, &l->item[l->n - 1], t->reason, err));
    }
    return qn_merge_list_insert(l, listed, err);
}

/* ---- making it ------------------------------------------------------------------- */

static int
merge(struct qn_run *run, int s, const char *name, const char *path,
      struct qn_error *err)
{
    struct listing of = {run, &run->plan.stage[s]};
    struct qn_merge_ask ask = {.stage = run->job->stages[s].name,
                               .file = path,
                               .concat = is_joined(of.st),
                               .items = list_items,
                               .ctx = &of};
    struct qn_merge_told told = {0};
    struct qn_fingerprint key;
    double t0 = qn_clock_now();
    char size[32];

    QN_TRY(qn_merge(&told, &ask, err));
    QN_TRY(make_key(&key, of.st, err));
    QN_TRY(qn_commit_whole(run->commit, ask.stage, name, path, &key,
                           &run->past, err));
    qn_message(QN_NOTE, "%s: %lld items in %s (%s, %.2f s)", ask.stage,
               (long long)told.done, path,
               qn_text_size(size, sizeof size, (double)told.bytes),
               qn_clock_now() - t0);
    return 0;
}

/* Is the fault one of the results, so that the rest of the run may go on? */
static bool
is_soft(int code)
{
    return code == QN_EFORMAT || code == QN_ESHAPE || code == QN_EVALUE ||
           code == QN_ECRASH || code == QN_ETIMEOUT ||
           code == QN_EUNAVAILABLE || code == QN_EUSAGE;
}

static int
make(struct qn_run *run, int s, bool *bad, struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    enum qn_single_state state;
    struct qn_error why = {0};
    char name[512], *path;
    int done = 0, rc;

    for (int i = 0; i < st->ntargets; i++)
        done += st->target[i].state == QN_FINISHED;
    QN_TRY(qn_single_look(&state, run, s, err));
    if (!done || (state == QN_SINGLE_DONE && !run->options->fresh))
        return 0;
    snprintf(name, sizeof name, "%s.h5", st->stage->name);
    if (asprintf(&path, "%s/%s", run->options->output, name) < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    rc = merge(run, s, name, path, &why);
    free(path);
    *bad = rc && is_soft(rc);
    if (*bad)
        qn_message(QN_ERROR, "%s: %s is not made: %s", st->stage->name, name,
                   why.text);
    if (rc == QN_ESTOPPED)
        run->stopped = true;
    return rc && !*bad && rc != QN_ESTOPPED
               ? qn_fail(err, rc, "%s", why.text)
               : 0;
}

int
qn_single_run(struct qn_run *run, int s, struct qn_error *err)
{
    struct {
        bool bad, stopped;
    } told = {false, run->stopped};
    void *data = &told;
    size_t n = sizeof told;
    int rc = 0;

    if (!run->job->stages[s].output.single || run->stopped ||
        run->options->shards > 1 || !qn_shard_makes(run, s))
        return 0;
    if (run->comm->rank == 0) {
        rc = make(run, s, &told.bad, err);
        told.stopped = run->stopped;
    }
    QN_TRY(qn_comm_agree(run->comm, rc, err));
    if (run->comm->size > 1)
        QN_TRY(qn_comm_broadcast(run->comm, &data, &n, 0, err));
    if (run->comm->rank) {
        memcpy(&told, data, sizeof told);
        free(data);
    }
    run->unmerged += told.bad;
    run->stopped = told.stopped;
    return 0;
}
