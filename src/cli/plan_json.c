/* A plan as JSON: the same facts as plan_print.c, for other programs.
 *
 * Names of keys are a promise to scripts: keys may come, none may change. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/plan_view.h"
#include "engine/single.h"
#include "model/dtype.h"
#include "model/json.h"

static json_t *
step_names_json(const struct qn_stage *stage)
{
    json_t *names = json_array();

    for (int i = 0; i < stage->nsteps - stage->nproducts; i++)
        json_array_append_new(names,
                              json_string(stage->steps[i].kernel->name));
    return names;
}

/* {"sum": {"kernel": "reduce", "data": {"shape", "dtype"}, ...}, ...} */
static json_t *
products_json(const struct qn_plan_view *v, int s)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];
    const struct qn_task *t = qn_plan_view_sample(st);
    struct qn_reduced_type out[QN_MAX_RESULTS];
    json_t *all = json_object();

    for (int i = 0; t && i < st->stage->nproducts; i++) {
        const struct qn_step *step;
        const int n = qn_plan_view_product(v, s, t, i, &step, out);
        json_t *one = json_pack("{s:s}", "kernel", step->kernel->name);

        for (int k = 0; k < n; k++)
            json_object_set_new(one, out[k].name,
                                qn_cli_json_type(&out[k].type));
        json_object_set_new(all, step->product, one);
    }
    return all;
}

/* [{"kernel": "bin", "shape", "dtype"}, ...]: what comes out of each step */
static json_t *
step_types_json(const struct qn_plan_view *v, int s, const struct qn_task *t)
{
    const struct qn_stage *stage = v->run->plan.stage[s].stage;
    struct qn_type *types = qn_plan_view_steps(v, s, t);
    json_t *all = json_array();

    for (int i = 0; types && i < stage->nsteps - stage->nproducts; i++) {
        json_t *one = qn_cli_json_type(&types[i]);

        json_object_set_new(one, "kernel",
                            json_string(stage->steps[i].kernel->name));
        json_array_append_new(all, one);
    }
    free(types);
    return all;
}

static json_t *
types_json(const struct qn_plan_view *v, int s)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];
    const struct qn_task *t = qn_plan_view_sample(st);
    json_t *types = json_object();

    if (!t)
        return types;
    if (!qn_plan_view_typed(st))
        return types;
    json_object_set_new(types, "item", qn_cli_json_type(t->item->type));
    json_object_set_new(types, "alike",
                        json_boolean(qn_plan_view_alike(st, t)));
    json_object_set_new(types, "steps", step_types_json(v, s, t));
    json_object_set_new(types, "after_steps", qn_cli_json_type(t->result));
    if (t->target >= 0)
        json_object_set_new(types, "result",
                            qn_cli_json_type(st->target[t->target].type));
    return types;
}

static json_t *
bytes_json(const struct qn_plan_view *v, int s)
{
    double in, out;

    qn_plan_view_bytes(v, s, &in, &out);
    return json_pack("{s:I,s:I}", "in", (json_int_t)in, "out",
                     (json_int_t)out);
}

/* {"ranks": 1} where items are not shared. */
static json_t *
team_json(const struct qn_plan_view *v, int s)
{
    const int ranks = v->run->plan.stage[s].team;
    struct qn_plan_view_team t;

    if (!qn_plan_view_share(v, s, &t))
        return json_pack("{s:i}", "ranks", ranks);
    return json_pack("{s:i,s:o,s:o,s:o,s:i,s:I}", "ranks", ranks, "blocks",
                     qn_json_shape(&t.blocks), "block", qn_json_shape(&t.block),
                     "halo", qn_json_shape(&t.halo), "idle", t.idle,
                     "rank_bytes", (json_int_t)t.bytes);
}

static json_t *
target_json(const struct qn_plan_stage *st, const struct qn_target *t,
            enum qn_plan_view_state state)
{
    static const char *const states[] = {
        "done", "stale", "todo", "failed", "failed-before"};
    json_t *name = t->name ? qn_cli_json_text(t->name) : json_null();
    json_t *j = json_pack("{s:o,s:s,s:I}", "name", name, "state",
                          states[state], "members",
                          (json_int_t)qn_plan_all_members(st, t));

    if (st->stage->combine.given)
        json_object_set_new(j, "at_least",
                            json_integer(qn_plan_required(st, t)));
    if (state != QN_PLAN_FAILED && qn_plan_view_typed(st))
        json_object_set_new(j, "type", qn_cli_json_type(t->type));
    return j;
}

static json_t *
targets_json(const struct qn_plan_view *v, int s)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];
    json_t *all = json_array();

    for (int i = 0; i < st->ntargets; i++)
        if (v->state[s][i] != QN_PLAN_OUT)
            json_array_append_new(
                all, target_json(st, &st->target[i], v->state[s][i]));
    return all;
}

static void
add_problem(json_t *all, const char *what, const char *name, int code,
            const char *reason)
{
    json_array_append_new(all, json_pack("{s:o,s:i,s:o}", what,
                                         qn_cli_json_text(name), "code", code,
                                         "reason", qn_cli_json_text(reason)));
}

static json_t *
problems_json(const struct qn_plan_stage *st)
{
    json_t *all = json_array();
    char name[1200];

    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].code && st->task[i].state != QN_SKIPPED)
            add_problem(all, "item",
                        qn_item_name(name, sizeof name, st->task[i].item),
                        st->task[i].code, st->task[i].reason);
    for (int i = 0; qn_plan_view_joined(st) && i < st->ntargets; i++)
        if (st->target[i].code)
            add_problem(all, "target", st->target[i].name,
                        st->target[i].code, st->target[i].reason);
    return all;
}

/* ---- items -------------------------------------------------------------- */

static json_t *
fields_json(const struct qn_strings *names, const struct qn_item *item)
{
    json_t *fields = json_object();

    for (size_t i = 0; i < names->n; i++) {
        struct qn_value v;

        if (qn_item_find(item, names->v[i], &v))
            json_object_set_new(fields, names->v[i], qn_cli_json_value(&v));
    }
    return fields;
}

static json_t *
use_json(const struct qn_run *run, const struct qn_plan_stage *st,
         const struct qn_operand *op, const struct qn_use *u)
{
    json_t *j = json_object();

    if (u->stage >= 0) {
        const struct qn_plan_stage *from = &run->plan.stage[u->stage];

        json_object_set_new(j, "stage", json_string(from->stage->name));
        json_object_set_new(j, "target",
                            qn_cli_json_text(from->target[u->target].name));
        if (u->row >= 0)
            json_object_set_new(j, "row", json_integer(u->row));
    } else if (u->file >= 0) {
        json_object_set_new(j, "file",
                            qn_cli_json_text(st->files.v[u->file].path));
    } else if (op->kind == QN_OPERAND_DATASET) {
        json_object_set_new(j, "dataset", qn_cli_json_text(op->text));
    } else {
        json_object_set_new(j, "number", json_real(u->number));
        return j;
    }
    if (isfinite(u->scale))
        json_object_set_new(j, "scale", json_real(u->scale));
    return j;
}

/* A task's partners, in the order of the steps; none where it failed. */
static json_t *
uses_json(const struct qn_run *run, const struct qn_plan_stage *st,
          const struct qn_task *t)
{
    json_t *uses = json_array();
    int u = 0;

    for (int i = 0; !t->code && i < st->stage->nsteps; i++) {
        const struct qn_step *step = &st->stage->steps[i];

        for (int k = 0; k < step->noperands; k++) {
            const struct qn_operand *op = &step->operand[k];
            json_t *j = use_json(run, st, op, &t->use[u++]);

            json_object_set_new(j, "step", json_string(step->kernel->name));
            if (op->name)
                json_object_set_new(j, "as", json_string(op->name));
            json_array_append_new(uses, j);
        }
    }
    return uses;
}

static json_t *
item_json(const struct qn_run *run, const struct qn_plan_stage *st,
          const struct qn_strings *names, const struct qn_task *t)
{
    const char *target =
        t->target >= 0 ? st->target[t->target].name : NULL;
    json_t *name = target ? qn_cli_json_text(target) : json_null();
    json_t *j = json_pack("{s:o,s:o,s:o,s:o}", "path",
                          qn_cli_json_text(t->item->path), "target", name,
                          "fields", fields_json(names, t->item), "operands",
                          uses_json(run, st, t));

    if (t->item->frame >= 0) {
        json_object_set_new(j, "frame", json_integer(t->item->frame));
        json_object_set_new(j, "frames", json_integer(t->item->nframes));
    }
    return j;
}

static json_t *
items_json(const struct qn_run *run, int s)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    struct qn_strings names = {0};
    json_t *all = json_array();

    // without memory for the names the fields are left out
    if (qn_plan_names(run->job, s, &names, NULL))
        qn_cli_drop(&names);
    for (int i = 0; i < st->ntasks; i++)
        if (st->task[i].state != QN_SKIPPED)
            json_array_append_new(all,
                                  item_json(run, st, &names, &st->task[i]));
    qn_cli_drop(&names);
    return all;
}

/* ---- the plan ----------------------------------------------------------- */

/* Bytes a rank: what may be filled, what will be at most. */
static json_t *
memory_json(const struct qn_plan_stage *st)
{
    const struct qn_need *n = &st->need;

    if (st->late || st->stage->command.given)
        return json_null();
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:b}", "need",
                     (json_int_t)n->total, "budget", (json_int_t)n->memory,
                     "item", (json_int_t)n->item, "processes",
                     (json_int_t)qn_need_processes(n->workers), "peak",
                     (json_int_t)(n->total + qn_need_processes(n->workers)),
                     "workers",
                     n->workers, "workers_left_out", n->fewer, "slabs",
                     n->slabs);
}

/* The file over all results. */
static json_t *
single_json(const struct qn_run *run, int s)
{
    enum qn_single_state state;
    char name[512];

    if (qn_single_look(&state, run, s, NULL))
        return NULL;
    snprintf(name, sizeof name, "%s.h5", run->job->stages[s].name);
    return json_pack("{s:s,s:s}", "file", name, "state",
                     state == QN_SINGLE_TODO ? "todo" : qn_single_word(state));
}

static json_t *
stage_json(const struct qn_plan_view *v, int s, bool items)
{
    const struct qn_plan_stage *st = &v->run->plan.stage[s];
    json_t *j = json_pack(
        "{s:s,s:I,s:I,s:s,s:o,s:o,s:o,s:o,s:o}", //
        "name", st->stage->name, "items",
        (json_int_t)qn_plan_view_items(st), "rejected",
        (json_int_t)st->rejected, "precision", qn_dtype_name(st->precision),
        "steps", step_names_json(st->stage), "types", types_json(v, s), "bytes",
        bytes_json(v, s), "targets", targets_json(v, s), "problems",
        problems_json(st));
    char advice[160];

    if (j)
        json_object_set_new(j, "memory", memory_json(st));
    if (j && st->stage->output.single)
        json_object_set_new(j, "one_file", single_json(v->run, s));
    if (j && qn_plan_view_advice(v, s, advice, sizeof advice))
        json_object_set_new(j, "advice", json_string(advice));
    if (j && st->stage->nproducts)
        json_object_set_new(j, "products", products_json(v, s));
    if (j)
        json_object_set_new(j, "team", team_json(v, s));
    if (j && items)
        json_object_set_new(j, "item_list", items_json(v->run, s));
    return j;
}

int
qn_plan_json(const struct qn_plan_view *v, bool items)
{
    const struct qn_run *run = v->run;
    json_t *stages = json_array();

    for (int s = 0; s < run->job->nstages; s++)
        if (run->plan.stage[s].wanted)
            json_array_append_new(stages, stage_json(v, s, items));
    return qn_cli_json_print(json_pack(
        "{s:s,s:s,s:o,s:o,s:i,s:i,s:o}", "quern", QN_VERSION, "job",
        run->job->name, "data", qn_cli_json_text(run->options->data),
        "output", qn_cli_json_text(run->options->output), "workers",
        run->farm.n, "threads", run->threads.budget.threads, "stages",
        stages));
}
