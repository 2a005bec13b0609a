/* Combining: members to memory, then bands of pixels over the ranks.
 *
 * First each member is read once and its samples after the steps are kept by
 * the rank that claimed it, in memory or, where that does not suffice, in a
 * scratch file.  One that fails is left out by all ranks before any band
 * starts.  Then every rank gets some pixels of all members, in item order: so
 * neither the ranks nor the bands can show in the result.
 *
 * Members that no step changes are only looked at first, and their bands read
 * the files.  Where a file cannot be read that way, or no longer, all begins
 * anew in the way above, which knows whom to blame.  What becomes of their
 * headers is in stack_header.c, how a result is written in stack_write.c. */
#include "engine/stage.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/message.h"
#include "engine/arena.h"
#include "engine/bands.h"
#include "engine/commit.h"
#include "engine/dispatch.h"
#include "engine/outcome.h"
#include "engine/program.h"
#include "engine/stack_header.h"
#include "engine/stack_write.h"
#include "engine/tally.h"
#include "engine/team_combine.h"
#include "engine/unkept.h"
#include "io/cards_json.h"
#include "model/cards.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"

struct stacking {
    struct qn_run *run;
    int s;
    struct qn_plan_stage *st;
    int *unit;               /* owned: tasks to be read                   */
    int64_t units;
    int64_t *offset;         /* owned: [ntasks] place in the owner's arena */
    int *owner;              /* owned: [ntasks] rank                      */
    struct qn_arena arena;
    bool direct;             /* bands read the files                      */
    int64_t rows;            /* ... so many rows at a time; 0: not known  */
    bool refused;            /* ... which one of them does not allow      */
    struct qn_stack_header *header; /* owned: [ntargets]                   */
    struct qn_outcomes done;
};

/* ---- members ------------------------------------------------------------------- */

/* Bytes that a task's samples take, all its frames. */
static int64_t
task_bytes(const struct stacking *k, const struct qn_task *t)
{
    int64_t frames = t->item->frame < 0 ? 1 : t->item->nframes, bytes;

    // it was computed before, when the plan was made
    if (k->st->stage->nproducts)
        return qn_plan_pack_bytes(&k->run->plan, k->st, t, &bytes, NULL)
                   ? 0
                   : frames * bytes;
    return frames * qn_shape_count(&t->result->shape) *
           (int64_t)qn_dtype_size((enum qn_dtype)k->st->target[t->target].member);
}

static int
request_member(void *ctx, int64_t unit, json_t **request, double *timeout,
               struct qn_error *err)
{
    struct stacking *k = ctx;
    int i = k->unit[unit];
    const struct qn_task *t = &k->st->task[i];
    const struct qn_target *target = &k->st->target[t->target];
    int64_t bytes = task_bytes(k, t);

    if (!k->direct)
        QN_TRY(qn_arena_place(&k->arena, bytes, &k->offset[i], err));
    QN_TRY(qn_program_item(k->run, k->s, t, request, err));
    if (k->direct)
        json_object_set_new(*request, "direct", json_true());
    json_object_set_new(*request, "offset",
                        json_integer((json_int_t)k->offset[i]));
    json_object_set_new(*request, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(*request, "dtype",
                        json_string(qn_dtype_name((enum qn_dtype)target->member)));
    *timeout = qn_stage_timeout(k->st->stage, t);
    return 0;
}

static int
begin_member(void *ctx, int64_t unit, struct qn_error *err)
{
    struct stacking *k = ctx;
    const struct qn_task *t = &k->st->task[k->unit[unit]];
    char name[1200];

    return qn_commit_begin(k->run->commit, k->st->stage->name,
                           qn_item_name(name, sizeof name, t->item), t, err);
}

static int64_t
member_bytes(void *ctx, int64_t unit)
{
    struct stacking *k = ctx;

    return qn_stage_bytes(&k->st->task[k->unit[unit]]);
}

/* Frames that failed by themselves, as text: "INDEX REASON" lines. */
static void
pack_lost(struct qn_text *out, const json_t *lost)
{
    json_t *f;
    size_t i;

    json_array_foreach(lost, i, f) {
        size_t begin = out->len;

        qn_text_add(out, "%lld %s",
                    (long long)json_integer_value(json_array_get(f, 0)),
                    json_string_value(json_array_get(f, 1)));
        // a reason of several lines would be read as several frames
        for (size_t c = begin; !out->failed && c < out->len; c++)
            if (out->s[c] == '\n')
                out->s[c] = ' ';
        qn_text_bytes(out, "\n", 1);
    }
}

static int
finish_member(void *ctx, int64_t unit, const json_t *reply,
              const struct qn_error *why, struct qn_error *err)
{
    struct stacking *k = ctx;
    int i = k->unit[unit];
    const struct qn_task *t = &k->st->task[i];
    struct qn_cards cards = {0};
    struct qn_text lost = {0};
    char name[1200];
    int rc;

    if (!reply) {
        const char *reason =
            qn_program_reason(k->run, t->item->path, why->text);

        qn_outcome_add(&k->done, i, why->code, 0, reason);
        return qn_commit_note(k->run->commit, k->st->stage->name,
                              qn_item_name(name, sizeof name, t->item),
                              t->item, &t->key, why->code, reason, err);
    }
    if (k->direct)
        k->offset[i] = qn_json_integer(reply, "rows");
    pack_lost(&lost, json_object_get(reply, "lost"));
    rc = qn_commit_member(k->run->commit, k->st->stage->name, t,
                          qn_text_get(&lost), err);
    qn_outcome_add(&k->done, i, 0, k->offset[i], qn_text_get(&lost));
    qn_text_clear(&lost);
    QN_TRY(rc);
    QN_TRY(qn_cards_json_load(&cards, json_object_get(reply, "cards"), err));
    qn_stack_header_merge(&k->header[t->target], i, &cards);
    return 0;
}

static int
take_member(void *ctx, int rank, int64_t unit, int code, int64_t value,
            const char *text, struct qn_error *err)
{
    struct stacking *k = ctx;
    struct qn_task *t = &k->st->task[unit];

    if (code)
        qn_run_count_failure(k->run);
    k->owner[unit] = rank;
    k->offset[unit] = value;
    if (k->direct && !code) {
        k->refused = k->refused || !value || (k->rows && k->rows != value);
        k->rows = value;
    }
    if (!k->run->commons.leads)
        return 0;
    if (code)
        return qn_plan_fail_task(k->st, t, QN_FAILED, code, text, err);
    t->state = QN_FINISHED;
    return qn_plan_lose_frames(k->st, t, text, err);
}

/* Do all members of results first ... last - 1 fit in memory? */
static bool
fits_in_memory(const struct stacking *k, int first, int last)
{
    int64_t total = 0, budget = qn_run_memory(k->run, k->s);
    // what reductions of shared frames give is on one rank
    const bool one = k->st->team > 1 && k->st->stage->nproducts;

    for (int g = first; g < last; g++) {
        const struct qn_target *t = &k->st->target[g];

        for (int i = 0; i < t->ntasks; i++)
            if (!k->st->task[t->task[i]].code)
                total += task_bytes(k, &k->st->task[t->task[i]]);
    }
    return total / (one ? 1 : k->run->comm->size) <= budget / 2;
}

/* Results that are worked on together: as many as fit in memory, at least
 * one. */
static int
end_of_batch(const struct stacking *k, int first)
{
    int last = first + 1;

    while (last < k->st->ntargets && fits_in_memory(k, first, last + 1))
        last++;
    return last;
}

static int
list_members(struct stacking *k, int first, int last)
{
    k->units = 0;
    for (int g = first; g < last; g++) {
        const struct qn_target *t = &k->st->target[g];

        if (t->state != QN_TODO)
            continue;
        for (int i = 0; i < t->ntasks; i++)
            if (k->st->task[t->task[i]].state == QN_TODO)
                k->unit[k->units++] = t->task[i];
    }
    return 0;
}

static int
open_arena(struct stacking *k, int first, int last, struct qn_error *err)
{
    if (k->direct)
        return 0;
    return qn_stage_arena(k->run, fits_in_memory(k, first, last), &k->arena,
                          err);
}

static int
read_members(struct stacking *k, int first, int last, struct qn_error *err)
{
    struct qn_work work = {.ctx = k, .request = request_member,
                           .begin = begin_member, .finish = finish_member,
                           .bytes = member_bytes,
                           .most_failed = qn_run_may_fail(k->run),
                           .progress = qn_stage_progress(k->run, k->s)};
    int rc;

    list_members(k, first, last);
    work.total = k->units;
    rc = qn_comm_agree(k->run->comm, open_arena(k, first, last, err), err);
    if (rc)
        return rc;
    if (k->st->team > 1) {
        struct qn_team_members all = {.run = k->run, .s = k->s,
                                      .task = k->unit, .arena = &k->arena,
                                      .offset = k->offset, .work = &work};

        QN_TRY(qn_team_combine_members(&all, err));
    } else {
        qn_farm_memory(&k->run->farm, 0, k->arena.fd);
        QN_TRY(qn_dispatch(&k->run->farm, k->run->comm, &work,
                           &k->run->stopped, err));
    }
    return qn_outcome_share(k->run->comm, &k->done, take_member, k, err);
}

/* ---- one result ---------------------------------------------------------------------- */

static int
weigh_task(const struct qn_task *t, const char *field, double *weight,
           int64_t *n, struct qn_error *err)
{
    struct qn_value v = {0};

    if (!qn_item_find(t->item, field, &v) || v.kind != QN_VALUE_NUMBER)
        return qn_fail(err, QN_EMISSING, "%s: no number %s to weigh with",
                       t->item->path, field);
    for (int64_t i = qn_plan_frames(t); i > 0; i--)
        weight[(*n)++] = v.number;
    return 0;
}

static int
weigh(const struct stacking *k, const struct qn_target *t, double **weight,
      struct qn_error *err)
{
    const char *field = k->st->stage->combine.weights;
    int64_t n = 0;

    *weight = NULL;
    if (!field)
        return 0;
    QN_TRY(qn_memory_make((void **)weight,
                          (size_t)qn_plan_members(k->st, t),
                          sizeof **weight, "weights", err));
    for (int i = 0; i < t->ntasks; i++)
        if (qn_plan_frames(&k->st->task[t->task[i]]))
            QN_TRY(weigh_task(&k->st->task[t->task[i]], field, *weight, &n,
                              err));
    return 0;
}

static int
combine_target(struct stacking *k, struct qn_target *t,
               struct qn_stack_header *h, struct qn_error *err)
{
    struct qn_comm *comm = k->run->comm;
    struct qn_bands b = {
        .run = k->run, .st = k->st, .target = t,
        .memory = qn_run_memory(k->run, k->s), .arena = &k->arena,
        .offset = k->offset, .owner = k->owner,
        .program = k->run->program[k->s], .s = k->s, .direct = k->direct,
        .rows = k->rows,
        .leader = (int)((t - k->st->target) % comm->size),
    };
    int rc = qn_comm_agree(comm, weigh(k, t, &b.weight, err), err);

    if (!rc && k->st->team > 1)
        rc = qn_plan_joins(k->st) ? qn_team_combine_join(&b, k->s, err)
                                  : qn_team_combine_bands(&b, k->s, err);
    else if (!rc)
        rc = qn_plan_joins(k->st) ? qn_bands_join(&b, err)
                                  : qn_bands_run(&b, err);
    if (!rc)
        rc = qn_stack_header_share(h, comm, err);
    if (!rc && !qn_plan_joins(k->st))
        rc = qn_stack_header_count(h, (int)qn_plan_members(k->st, t), err);
    if (!rc && comm->rank == b.leader)
        rc = qn_stack_write(k->run, k->s, t, &h->cards, err);
    rc = qn_comm_agree(comm, rc, err);
    qn_bands_clear(&b);
    free(b.weight);
    return rc;
}

/* A failure that is the result's own, not the run's. */
static bool
is_own(int code)
{
    return code == QN_EVALUE || code == QN_ESHAPE || code == QN_ECRASH ||
           code == QN_ETIMEOUT || code == QN_EMISSING;
}

/* One line in the journal, of rank 0. */
static int
note_failure(struct stacking *k, const struct qn_target *t,
             struct qn_error *err)
{
    // one without a name is told by its member
    if (k->run->comm->rank || !t->name)
        return 0;
    return qn_commit_failed(k->run->commit, k->st->stage->name, t,
                            qn_tally_is_told(k->st, t), err);
}

static int
finish_target(struct stacking *k, struct qn_target *t,
              struct qn_stack_header *h, struct qn_error *err)
{
    bool leads = k->run->commons.leads;
    struct qn_error why = {0};
    int rc = 0;

    if (leads)
        rc = qn_plan_check_members(k->st, t, err);
    QN_TRY(qn_comm_agree(k->run->comm, rc, err));
    if (t->state != QN_TODO)
        return t->code ? note_failure(k, t, err) : 0;
    rc = combine_target(k, t, h, &why);
    if (rc && k->direct)
        return qn_fail(err, rc, "%s", why.text);
    if (is_own(rc)) {
        if (leads)
            QN_TRY(qn_plan_fail_target(k->st, t, QN_FAILED, rc, why.text,
                                       err));
        return note_failure(k, t, err);
    }
    if (rc)
        return qn_fail(err, rc, "%s", why.text);
    if (leads)
        t->state = QN_FINISHED;
    return 0;
}

/* ---- the stage ------------------------------------------------------------------------------ */

static int
make_tables(struct stacking *k, struct qn_error *err)
{
    size_t n = (size_t)k->st->ntasks, m = (size_t)k->st->ntargets;

    QN_TRY(qn_memory_make((void **)&k->unit, n, sizeof *k->unit, "members",
                          err));
    QN_TRY(qn_memory_make((void **)&k->offset, n, sizeof *k->offset,
                          "members", err));
    QN_TRY(qn_memory_make((void **)&k->owner, n, sizeof *k->owner, "members",
                          err));
    QN_TRY(qn_memory_make((void **)&k->header, m, sizeof *k->header,
                          "headers", err));
    for (size_t i = 0; i < m; i++)
        k->header[i].lowest = -1;
    return 0;
}

/* Collective.  Members that were only looked at, of results from `first` on,
 * are to be read after all. */
static int
begin_anew(struct stacking *k, int first, struct qn_error *err)
{
    k->direct = false;
    for (int64_t u = 0; k->run->commons.leads && u < k->units; u++) {
        struct qn_task *t = &k->st->task[k->unit[u]];

        if (t->state == QN_FINISHED && t->target >= first)
            t->state = QN_TODO;
    }
    return qn_comm_agree(k->run->comm, 0, err);
}

/* Members that failed while they were read change the key of their result. */
static int
run_results(struct stacking *k, int first, int last, int *next,
            struct qn_error *err)
{
    int rc;

    k->refused = false;
    k->rows = 0;
    rc = read_members(k, first, last, err);
    *next = first;
    if (!rc && k->direct && !k->refused && k->rows > 1)
        k->refused = !qn_unkept_can(k->run, k->s, first, last, k->rows);
    if (rc || k->refused || k->run->stopped)
        return rc;
    if (k->run->commons.leads)
        rc = qn_plan_keys(&k->run->plan, k->s, err);
    rc = qn_comm_agree(k->run->comm, rc, err);
    for (; *next < last && !rc && !k->run->stopped; *next += !rc)
        rc = finish_target(k, &k->st->target[*next], &k->header[*next], err);
    return rc;
}

static void
let_go(struct stacking *k)
{
    qn_farm_memory(&k->run->farm, 0, -1);
    qn_arena_close(&k->arena);
    qn_outcome_clear(&k->done);
    k->done = (struct qn_outcomes){0};
}

static int
run_batch(struct stacking *k, int first, int last, struct qn_error *err)
{
    struct qn_error why = {0};
    int rc;

    k->direct = qn_unkept_can(k->run, k->s, first, last, 1);
    rc = run_results(k, first, last, &first, k->direct ? &why : err);
    if (k->direct && rc != QN_ESTOPPED && rc != QN_ENOMEM &&
        !k->run->stopped && first < last) {
        let_go(k);
        rc = begin_anew(k, first, err);
        if (!rc)
            rc = run_results(k, first, last, &first, err);
    } else if (k->direct && rc) {
        (void)qn_fail(err, rc, "%s", why.text);
    }
    if (!rc)
        rc = qn_comm_agree(k->run->comm,
                           qn_commit_flush(k->run->commit, true, err), err);
    let_go(k);
    return rc;
}

int
qn_stack_run(struct qn_run *run, int s, struct qn_error *err)
{
    struct stacking k = {.run = run, .s = s, .st = &run->plan.stage[s],
                         .arena.fd = -1};
    int rc = qn_comm_agree(run->comm, make_tables(&k, err), err);

    for (int g = 0; g < k.st->ntargets && !rc && !run->stopped;) {
        int last = end_of_batch(&k, g);

        rc = run_batch(&k, g, last, err);
        g = last;
    }
    for (int g = 0; k.header && g < k.st->ntargets; g++)
        qn_cards_clear(&k.header[g].cards);
    free(k.header);
    free(k.unit);
    free(k.offset);
    free(k.owner);
    return rc;
}
