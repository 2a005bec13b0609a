/* Packed results: part by part, each of many small items in one file.
 *
 * A part is claimed, made by one worker, committed and journaled as one; its
 * items that fail have a row each that says so, and a line each in front of
 * the part's.  Where a worker dies over a part, the next one does its items
 * in processes of their own (worker/pack.c).  A part that is being made has
 * no line in the journal: what died with it is simply made anew. */
#include "engine/stage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/commit.h"
#include "engine/program.h"
#include "engine/units.h"

static const struct qn_plan_stage *
stage_of(const struct qn_units *k)
{
    return &k->run->plan.stage[k->s];
}

static const struct qn_target *
part_of(const struct qn_units *k, int64_t unit)
{
    return &stage_of(k)->target[k->order[unit]];
}

static const struct qn_task *
member(const struct qn_units *k, const struct qn_target *t, int row)
{
    return &stage_of(k)->task[t->task[row]];
}

/* The first that has partners; a part that is made has one. */
static const struct qn_task *
first_good(const struct qn_units *k, const struct qn_target *t)
{
    int i = 0;

    while (i + 1 < t->ntasks && member(k, t, i)->code)
        i++;
    return member(k, t, i);
}

/* ---- asking for a part ------------------------------------------------------- */

static int
rows_json(const struct qn_units *k, const struct qn_target *t, json_t **rows,
          struct qn_error *err)
{
    const struct qn_use *first = first_good(k, t)->use;
    int rc = 0;

    *rows = json_array();
    for (int i = 0; i < t->ntasks && !rc; i++) {
        json_t *row;

        rc = qn_program_row(k->run, k->s, member(k, t, i), first, &row, err);
        if (!rc)
            json_array_append_new(*rows, row);
    }
    if (rc)
        json_decref(*rows);
    return rc;
}

/* Seconds that any item may take, and all of them one after the other. */
static void
limits(const struct qn_units *k, const struct qn_target *t, double *each,
       double *all)
{
    *each = *all = 0;
    for (int i = 0; i < t->ntasks; i++) {
        double s = qn_stage_timeout(stage_of(k)->stage, member(k, t, i));

        *each = fmax(*each, s);
        *all += s;
    }
}

static int
request_part(void *ctx, int64_t unit, json_t **request, double *timeout,
             struct qn_error *err)
{
    struct qn_units *k = ctx;
    const struct qn_target *t = part_of(k, unit);
    char hex[QN_KEY_HEX], *tmp;
    double each;
    json_t *rows;
    int rc;

    QN_TRY(qn_stage_temporary(k->run, t, &tmp, err));
    rc = rows_json(k, t, &rows, err);
    if (!rc) {
        limits(k, t, &each, timeout);
        *request = json_pack(
            "{s:s,s:I,s:s,s:s,s:s,s:i,s:f,s:o,s:o}", "op", "part", "program",
            (json_int_t)k->run->program[k->s], "key",
            qn_key_hex(hex, t->key), "out_path", tmp, "folder",
            qn_program_folder(k->run, k->s), "retries",
            stage_of(k)->stage->retries, "limit",
            isfinite(each) ? each : 0.0, "uses",
            qn_program_uses(k->run, k->s, first_good(k, t)), "rows", rows);
        if (!*request)
            rc = qn_fail(err, QN_ENOMEM, "no memory for a request");
    }
    free(tmp);
    return rc;
}

/* ---- what became of it ------------------------------------------------------- */

/* In the outcomes, tasks are numbered behind the results. */
static int
note_failure(struct qn_units *k, const struct qn_target *t, int row, int code,
             const char *text, struct qn_error *err)
{
    const struct qn_plan_stage *st = stage_of(k);
    const struct qn_task *task = member(k, t, row);
    const char *reason = qn_program_reason(k->run, task->item->path, text);
    char name[1200];

    qn_outcome_add(&k->done, st->ntargets + t->task[row], code, 0, reason);
    return qn_commit_note(k->run->commit, st->stage->name,
                          qn_item_name(name, sizeof name, task->item),
                          task->item, &task->key, code, reason, err);
}

/* Rows that failed in the worker: [[row, code, text], ...] */
static int
note_failures(struct qn_units *k, const struct qn_target *t,
              const json_t *failed, struct qn_error *err)
{
    json_t *f;
    size_t i;

    json_array_foreach(failed, i, f)
        QN_TRY(note_failure(
            k, t, (int)json_integer_value(json_array_get(f, 0)),
            (int)json_integer_value(json_array_get(f, 1)),
            json_string_value(json_array_get(f, 2)), err));
    return 0;
}

static int
fail_part(struct qn_units *k, const struct qn_target *t, char *tmp,
          const struct qn_error *why, struct qn_error *err)
{
    unlink(tmp);
    free(tmp);
    // a disk that is full now would fail every part that is left
    if (why->code == QN_EOUTPUT)
        return qn_fail(err, why->code, "%s", why->text);
    for (int i = 0; i < t->ntasks; i++)
        if (member(k, t, i)->state == QN_TODO)
            QN_TRY(note_failure(k, t, i, why->code, why->text, err));
    return 0;
}

static int64_t
count_items(void *ctx, int64_t unit, const json_t *reply, int64_t *failed)
{
    const struct qn_units *k = ctx;
    const struct qn_target *t = part_of(k, unit);
    int64_t n = 0;

    for (int i = 0; i < t->ntasks; i++)
        n += member(k, t, i)->state == QN_TODO;
    *failed = (int64_t)json_array_size(json_object_get(reply, "failed"));
    return n;
}

static int64_t
part_bytes(void *ctx, int64_t unit)
{
    const struct qn_units *k = ctx;
    const struct qn_target *t = part_of(k, unit);
    int64_t n = 0;

    for (int i = 0; i < t->ntasks; i++)
        n += qn_stage_bytes(member(k, t, i));
    return n;
}

static int
finish_part(void *ctx, int64_t unit, const json_t *reply,
            const struct qn_error *why, struct qn_error *err)
{
    struct qn_units *k = ctx;
    struct qn_commit *commit = k->run->commit;
    const struct qn_target *t = part_of(k, unit);
    int64_t failed, n = count_items(k, unit, reply, &failed);
    char *tmp;

    QN_TRY(qn_stage_temporary(k->run, t, &tmp, err));
    if (!reply)
        return fail_part(k, t, tmp, why, err);
    QN_TRY(note_failures(k, t, json_object_get(reply, "failed"), err));
    // nothing is written where all rows failed
    if (failed == n) {
        free(tmp);
        return 0;
    }
    qn_outcome_add(&k->done, k->order[unit], 0, 0, NULL);
    QN_TRY(qn_commit_add(commit, k->run, stage_of(k)->stage->name, t, NULL,
                         tmp, reply, err));
    qn_commit_count(commit, n - failed, part_bytes(k, unit));
    return qn_commit_flush(commit, false, err);
}

/* The failures of a part's items come before the part. */
static int
take_outcome(void *ctx, int rank, int64_t unit, int code, int64_t value,
             const char *text, struct qn_error *err)
{
    const struct qn_stage_done *d = ctx;
    struct qn_plan_stage *st = &d->run->plan.stage[d->s];
    struct qn_target *t;

    (void)rank, (void)value;
    if (code)
        qn_run_count_failure(d->run);
    if (!d->run->commons.leads)
        return 0;
    if (unit >= st->ntargets)
        return qn_plan_fail_task(st, &st->task[unit - st->ntargets],
                                 QN_FAILED, code, text, err);
    t = &st->target[unit];
    t->state = QN_FINISHED;
    for (int i = 0; i < t->ntasks; i++)
        if (st->task[t->task[i]].state == QN_TODO)
            st->task[t->task[i]].state = QN_FINISHED;
    return 0;
}

/* ---- the stage --------------------------------------------------------------- */

/* Parts of which no item is left have failed with them. */
static int
fail_empty(struct qn_run *run, int s, struct qn_error *err)
{
    struct qn_plan_stage *st = &run->plan.stage[s];

    for (int i = 0; i < st->ntargets; i++)
        QN_TRY(qn_plan_check_members(st, &st->target[i], err));
    return 0;
}

static int
make_order(struct qn_units *k, struct qn_error *err)
{
    struct qn_plan_stage *st = &k->run->plan.stage[k->s];

    QN_TRY(fail_empty(k->run, k->s, err));
    QN_TRY(qn_pool_make(&st->pool, (void **)&k->order, (size_t)st->ntargets,
                        sizeof *k->order, err));
    for (int i = 0; i < st->ntargets; i++)
        if (st->target[i].state == QN_TODO)
            k->order[k->n++] = i;
    return 0;
}

int
qn_pack_run(struct qn_run *run, int s, struct qn_error *err)
{
    static const struct qn_units_way way = {.work = {.request = request_part,
                                                     .finish = finish_part,
                                                     .items = count_items,
                                                     .bytes = part_bytes},
                                            .order = make_order,
                                            .take = take_outcome};
    int rc;

    // a part is begun once more to find out which item it was
    if (run->farm.retries < 1)
        run->farm.retries = 1;
    rc = qn_units_run(run, s, &way, err);
    if (!rc && run->commons.leads)
        rc = fail_empty(run, s, err);
    return qn_comm_agree(run->comm, rc, err);
}
