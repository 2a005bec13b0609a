/* Facts about a plan that are for showing only: what can be made of each
 * result, bytes, shares of a team, advice.
 *
 * A run works without them: it finds out by doing.  Looks at results, and at
 * no input. */
#include "cli/plan_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/cut.h"
#include "engine/exec.h"
#include "engine/program.h"
#include "engine/settle.h"
#include "model/dtype.h"
#include "model/shape.h"

/* ---- what can be made --------------------------------------------------- */

static bool
is_there(const struct qn_run *run, const struct qn_plan_stage *st,
         const struct qn_target *t)
{
    char *path;
    bool there;

    if (st->stage->command.given)
        return qn_exec_is_there(run, st, t);
    path = qn_program_output(run, t);
    there = path && !access(path, F_OK);

    free(path);
    return there;
}

/* Has the task what it needs of other stages? */
static bool
is_fed(const struct qn_plan_view *v, const struct qn_plan_stage *st,
       const struct qn_task *t)
{
    int from = st->stage->input.stage_index;

    if (t->item->source >= 0 &&
        v->state[from][qn_plan_pack_source(&v->run->plan, st, t->item, NULL)] ==
            QN_PLAN_FAILED)
        return false;
    if (st->from_rows && v->run->plan.stage[from].task[t->item->source].code)
        return false;
    for (int i = 0; i < st->nuses; i++) {
        const struct qn_use *u = &t->use[i];
        const struct qn_task *row = qn_plan_pack_use(&v->run->plan, u);

        if (u->stage >= 0 && (v->state[u->stage][u->target] == QN_PLAN_FAILED ||
                              (row && row->code)))
            return false;
    }
    return true;
}

static enum qn_plan_view_state
state_of(const struct qn_plan_view *v, const struct qn_plan_stage *st,
         const struct qn_target *t)
{
    int64_t good = 0, need = 1;

    if (t->state == QN_SKIPPED)
        return QN_PLAN_OUT;
    if (!t->name || t->code)
        return QN_PLAN_FAILED;
    for (int i = 0; i < t->ntasks; i++) {
        const struct qn_task *task = &st->task[t->task[i]];

        if (!task->code && is_fed(v, st, task))
            good += qn_plan_frames(task);
    }
    if (st->stage->combine.given)
        need = qn_plan_required(st, t);
    if (good < need)
        return QN_PLAN_FAILED;
    return is_there(v->run, st, t) ? QN_PLAN_STALE : QN_PLAN_TODO;
}

static int
view_stage(struct qn_plan_view *v, int s, struct qn_error *err)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];

    QN_TRY(qn_memory_make((void **)&v->state[s], (size_t)st->ntargets,
                          sizeof **v->state, "the plan", err));
    for (int i = 0; i < st->ntargets; i++)
        v->state[s][i] = state_of(v, st, &st->target[i]);
    return 0;
}

static void
see_states(struct qn_plan_view *v, int s)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];

    for (int i = 0; i < st->ntargets; i++) {
        enum qn_plan_view_state *state = &v->state[s][i];

        if (*state == QN_PLAN_FAILED)
            continue;
        if (st->target[i].state == QN_FINISHED)
            *state = QN_PLAN_DONE;
        else if (st->target[i].code)
            *state = QN_PLAN_BEFORE;
    }
}

int
qn_plan_view_open(struct qn_plan_view *v, struct qn_run *run,
                  struct qn_error *err)
{
    *v = (struct qn_plan_view){.run = run};
    QN_TRY(qn_memory_make((void **)&v->state, (size_t)run->job->nstages,
                          sizeof *v->state, "the plan", err));
    // each stage stands behind those it uses
    for (int s = 0; s < run->job->nstages; s++)
        QN_TRY(view_stage(v, s, err));
    QN_TRY(qn_settle_past(run, err));
    for (int s = 0; s < run->job->nstages; s++)
        see_states(v, s);
    return 0;
}

void
qn_plan_view_clear(struct qn_plan_view *v)
{
    for (int s = 0; v->state && s < v->run->job->nstages; s++)
        free(v->state[s]);
    free(v->state);
    *v = (struct qn_plan_view){0};
}

/* ---- facts of a stage --------------------------------------------------- */

int64_t
qn_plan_view_items(const struct qn_plan_stage *st)
{
    int64_t n = 0;

    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].state != QN_SKIPPED)
            n += st->task[i].item->frame < 0 ? 1 : st->task[i].item->nframes;
    return n;
}

bool
qn_plan_view_joined(const struct qn_plan_stage *st)
{
    return qn_plan_has_members(st);
}

bool
qn_plan_view_typed(const struct qn_plan_stage *st)
{
    return !st->late && !st->stage->command.given;
}

const struct qn_task *
qn_plan_view_sample(const struct qn_plan_stage *st)
{
    for (int i = 0; i < st->ntasks; i++)
        if (!st->task[i].code)
            return &st->task[i];
    return NULL;
}

static bool
same_type(const struct qn_type *a, const struct qn_type *b)
{
    return a == b || (a->dtype == b->dtype &&
                      qn_shape_equal(&a->shape, &b->shape));
}

bool
qn_plan_view_alike(const struct qn_plan_stage *st, const struct qn_task *t)
{
    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *other = &st->task[i];

        if (!other->code && (!same_type(other->item->type, t->item->type) ||
                             !same_type(other->result, t->result)))
            return false;
    }
    return true;
}

struct qn_type *
qn_plan_view_steps(const struct qn_plan_view *v, int s,
                   const struct qn_task *t)
{
    const struct qn_plan *p = &v->run->plan;
    const struct qn_stage *stage = p->stage[s].stage;
    const int n = stage->nsteps - stage->nproducts;
    struct qn_type *types = n ? calloc((size_t)n, sizeof *types) : NULL;

    // a task that has not failed has types
    if (types && qn_plan_step_types(p, &p->stage[s], t, types, NULL)) {
        free(types);
        return NULL;
    }
    return types;
}

int
qn_plan_view_product(const struct qn_plan_view *v, int s,
                     const struct qn_task *t, int product,
                     const struct qn_step **step,
                     struct qn_reduced_type out[QN_MAX_RESULTS])
{
    const struct qn_plan *p = &v->run->plan;
    const struct qn_stage *stage = p->stage[s].stage;
    const struct qn_plan_product of = qn_plan_product_of(
        stage, stage->nsteps - stage->nproducts + product, t);
    int n = 0;

    *step = of.step;
    // a task that has not failed has types
    if (qn_plan_product_results(p, &p->stage[s], &of, out, &n, NULL))
        return 0;
    return n;
}

static const struct qn_task *
largest_task(const struct qn_plan_stage *st)
{
    const struct qn_task *largest = NULL;

    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *t = &st->task[i];

        if (!t->code && t->item->probed &&
            (!largest || qn_shape_count(&t->item->type->shape) >
                             qn_shape_count(&largest->item->type->shape)))
            largest = t;
    }
    return largest;
}

bool
qn_plan_view_share(const struct qn_plan_view *v, int s,
                   struct qn_plan_view_team *team)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];
    const struct qn_task *t = largest_task(st);
    struct qn_cut_grid g;

    if (st->team < 2 || !t || qn_cut_item(&g, st, t, st->team, NULL))
        return false;
    *team = (struct qn_plan_view_team){
        .idle = st->team - g.cut.nblocks,
        .bytes = st->need.held,
    };
    team->blocks = team->block = team->halo = t->item->type->shape;
    for (int a = 0; a < team->blocks.ndims; a++) {
        struct qn_box first = qn_grid_block(&g.cut, 0);

        // the first block has a tile more where tiles are left over
        team->blocks.n[a] = g.cut.parts[a];
        team->block.n[a] = first.count[a];
        team->halo.n[a] = g.cut.parts[a] > 1 ? g.halo[a] : 0;
    }
    return true;
}

static double
type_bytes(const struct qn_type *t)
{
    return (double)qn_shape_count(&t->shape) * (double)qn_dtype_size(t->dtype);
}

/* A file brings its own size, a run of frames or the result of another stage
 * that of its samples. */
static double
item_bytes(const struct qn_task *t)
{
    const struct qn_item *item = t->item;

    if (item->frame >= 0)
        return (double)item->nframes * type_bytes(item->type);
    if (t->item->source >= 0)
        return t->code ? 0 : type_bytes(item->type);
    return item->bytes > 0 ? (double)item->bytes : 0;
}

/* Of everything that is written for one result. */
static double
target_bytes(const struct qn_plan_view *v, int s, const struct qn_target *t)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];
    const struct qn_task *task = &st->task[t->task[0]];
    int64_t bytes = 0;

    if (!st->stage->nproducts)
        return type_bytes(t->type);
    if (qn_plan_packs(st))
        task = qn_plan_view_sample(st);
    // a task that has not failed has types
    if (qn_plan_pack_bytes(&v->run->plan, st, task, &bytes, NULL))
        return 0;
    if (qn_plan_joins(st))
        return (double)bytes * (double)qn_plan_all_members(st, t);
    return (double)bytes * (qn_plan_packs(st) ? t->ntasks : 1);
}

void
qn_plan_view_bytes(const struct qn_plan_view *v, int s, double *in,
                   double *out)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];

    *in = *out = 0;
    if (!qn_plan_view_typed(st)) {
        for (int i = 0; i < st->ntasks; i++)
            *in += st->task[i].item->bytes > 0 ? (double)st->task[i].item->bytes
                                               : 0;
        return;
    }
    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].state != QN_SKIPPED)
            *in += item_bytes(&st->task[i]);
    for (int i = 0; i < st->ntargets; i++)
        if (v->state[s][i] != QN_PLAN_FAILED && v->state[s][i] != QN_PLAN_OUT)
            *out += target_bytes(v, s, &st->target[i]);
}

/* ---- advice ------------------------------------------------------------- */

enum { MANY_RESULTS = 10000 };

/* Does another stage need results of stage s in files of their own? */
static bool
needs_files(const struct qn_job *job, int s)
{
    for (int t = s + 1; t < job->nstages; t++) {
        const struct qn_stage *stage = &job->stages[t];

        if (stage->input.stage_index == s &&
            (stage->command.given || stage->input.each != QN_EACH_FILE))
            return true;
    }
    return false;
}

bool
qn_plan_view_advice(const struct qn_plan_view *v, int s, char *buf,
                    size_t size)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];
    const struct qn_task *t = qn_plan_view_sample(st);
    char results[32], parts[32];
    int64_t bytes;
    int rows;

    if (qn_plan_has_members(st) || st->ntargets <= MANY_RESULTS || !t ||
        st->stage->output.format != QN_FORMAT_HDF5 || st->team > 1 ||
        needs_files(v->run->job, s) ||
        qn_plan_pack_bytes(&v->run->plan, st, t, &bytes, NULL))
        return false;
    rows = qn_plan_pack_rows(bytes);
    snprintf(buf, size,
             "`output: {layout: packed}` would put these %s results into %s "
             "files",
             qn_text_count(results, sizeof results, st->ntargets),
             qn_text_count(parts, sizeof parts,
                           (st->ntargets + rows - 1) / rows));
    return true;
}
