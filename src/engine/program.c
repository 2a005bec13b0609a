/* Putting into messages what a worker has to know.
 *
 * The other side is worker/program.c and worker/item.c. */
#include "engine/program.h"

#include <stdlib.h>
#include <string.h>

#include "engine/inputs.h"
#include "io/source.h"
#include "model/dtype.h"
#include "model/json.h"

/* Where a product of a stage lies in its results: *dataset, written to path, or
 * *hdu; both come as NULL.  In FITS its first product is the primary image. */
static void
find_product(const char **dataset, const char **hdu, char path[512],
             const struct qn_stage *from, const char *product)
{
    const char *first = from->nproducts
                            ? from->steps[from->nsteps - from->nproducts].product
                            : "data";

    if (from->output.format == QN_FORMAT_FITS) {
        *hdu = strcmp(product, first) ? product : "0";
        return;
    }
    snprintf(path, 512, "/entry/%s/data", product);
    *dataset = path;
}

/* The written result of an upstream stage is read as what it is. */
static json_t *
source_of(const struct qn_run *run, int s)
{
    const struct qn_input *in = s < 0 ? NULL : &run->job->stages[s].input;
    const char *dataset = NULL, *hdu = NULL;
    struct qn_input plain = {0};
    char path[512];
    json_t *j;

    if (in && !in->stage)
        return qn_source_json(in);
    j = qn_source_json(&plain);
    if (in && in->product)
        find_product(&dataset, &hdu, path, &run->job->stages[in->stage_index],
                     in->product);
    if (dataset)
        json_object_set_new(j, "dataset", json_pack("[s]", dataset));
    if (hdu)
        json_object_set_new(j, "hdu", json_string(hdu));
    return j;
}

json_t *
qn_program_look(const struct qn_run *run, int s)
{
    return json_pack("{s:o,s:[],s:s}", "source", source_of(run, s), "steps",
                     "precision", "float64");
}

static json_t *
steps_json(const struct qn_stage *stage)
{
    json_t *steps = json_array();

    for (int i = 0; i < stage->nsteps; i++) {
        const struct qn_step *step = &stage->steps[i];
        json_t *names = json_array();

        for (int k = 0; k < step->noperands; k++)
            json_array_append_new(names, step->operand[k].name
                                             ? json_string(
                                                   step->operand[k].name)
                                             : json_null());
        json_array_append_new(
            steps, json_pack("{s:s,s:O,s:o,s:s*}", "kernel",
                             step->kernel->name, "params", step->params,
                             "operands", names, "product", step->product));
    }
    return steps;
}

/* What provenance says of the steps. */
static char *
canonical_text(const struct qn_stage *stage)
{
    json_t *all = json_object(), *steps = json_array();
    char *text;

    for (int i = 0; i < stage->nsteps; i++)
        json_array_append_new(steps, qn_job_step_json(&stage->steps[i]));
    json_object_set_new(all, "steps", steps);
    if (stage->combine.given)
        json_object_set_new(
            all, "combine",
            qn_job_combine_json(&stage->combine, stage->combine.kernel));
    text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(all);
    return text;
}

json_t *
qn_program_stage(const struct qn_run *run, int s)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    const struct qn_stage *stage = st->stage;
    const int workers = run->split.concurrency;
    char *canonical = canonical_text(stage);
    json_t *p = json_pack(
        "{s:o,s:o,s:s,s:s?,s:b,s:i,s:s,s:s,s:s}", //
        "source", source_of(run, s), "steps", steps_json(stage), "precision",
        qn_dtype_name(st->precision), "dtype",
        stage->output.dtype < 0
            ? NULL
            : qn_dtype_name((enum qn_dtype)stage->output.dtype),
        "fits", stage->output.format == QN_FORMAT_FITS, "compress",
        stage->output.compress, "job", run->job->text, "stage", stage->name,
        "canonical", canonical ? canonical : "");

    free(canonical);
    if (p && stage->combine.given)
        json_object_set(p, "combine", stage->combine.params);
    if (!p)
        return NULL;
    json_object_set_new(p, "threads", json_integer(run->split.threads));
    json_object_set_new(p, "memory",
                        json_integer(qn_need_share(&st->need, workers)));
    json_object_set_new(p, "window", json_integer(st->need.window));
    json_object_set_new(p, "operands",
                        json_integer(qn_need_operands(&st->need, workers)));
    json_object_set_new(p, "shelf", json_integer(run->masters.bytes));
    json_object_set_new(p, "carry", qn_json_strings(&stage->output.carry));
    json_object_set_new(p, "joined", json_boolean(qn_plan_joins(st)));
    json_object_set_new(p, "nosync",
                        json_boolean(run->options->sync == QN_SYNC_OFF));
    json_object_set_new(p, "keep_steps",
                        json_boolean(run->options->keep_steps));
    return p;
}

char *
qn_program_output(const struct qn_run *run, const struct qn_target *t)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", run->options->output, t->name) < 0)
        return NULL;
    return path;
}

const char *
qn_program_reason(const struct qn_run *run, const char *path,
                  const char *text)
{
    char *full = qn_inputs_path(run, path);
    size_t n = full ? strlen(full) : 0;

    if (n && !strncmp(text, full, n) && !strncmp(text + n, ": ", 2))
        text += n + 2;
    free(full);
    return text;
}

/* ---- one item --------------------------------------------------------------- */

static json_t *
value_json(const struct qn_value *v)
{
    if (v->kind == QN_VALUE_NUMBER)
        return json_real(v->number);
    if (v->kind == QN_VALUE_BOOL)
        return json_boolean(v->number != 0);
    return json_string(v->text);
}

/* The fields that options of the steps name. */
static json_t *
fields_json(const struct qn_stage *stage, const struct qn_item *item)
{
    json_t *fields = json_object(), *option;
    const char *key;

    for (int i = 0; i < stage->nsteps; i++)
        json_object_foreach(stage->steps[i].params, key, option) {
            const char *name = qn_json_text(option, "header");
            struct qn_value v;

            if (name && qn_item_find(item, name, &v))
                json_object_set_new(fields, name, value_json(&v));
        }
    return fields;
}

static void
set_text(json_t *object, const char *key, const char *s)
{
    if (s)
        json_object_set_new(object, key, json_string(s));
}

static void
set_path(json_t *object, char *path)
{
    json_object_set_new(object, "path", json_string(path ? path : ""));
    free(path);
}

static void
set_row(json_t *object, int row)
{
    if (row >= 0)
        json_object_set_new(object, "row", json_integer(row));
}

/* row: the item's own, of packed results; -1. */
static json_t *
use_json(const struct qn_run *run, const struct qn_plan_stage *st,
         const struct qn_operand *op, const struct qn_use *u, int row)
{
    json_t *j;

    if (op->kind == QN_OPERAND_NUMBER || op->kind == QN_OPERAND_HEADER)
        return json_pack("{s:f}", "number", u->number);
    j = json_pack("{s:f}", "scale", u->scale);
    set_text(j, "hdu", op->hdu);
    set_text(j, "reduce", op->reduce);
    if (op->kind == QN_OPERAND_DATASET) {
        set_text(j, "dataset", op->text);
        set_row(j, row);
        return j;
    }
    set_text(j, "dataset", op->dataset);
    if (u->stage >= 0) {
        const struct qn_target *t =
            &run->plan.stage[u->stage].target[u->target];
        char hex[QN_KEY_HEX];

        if (op->product) {
            const char *dataset = NULL, *hdu = NULL;
            char path[512];

            find_product(&dataset, &hdu, path, run->plan.stage[u->stage].stage,
                         op->product);
            set_text(j, "dataset", dataset);
            set_text(j, "hdu", hdu);
        }
        set_path(j, qn_program_output(run, t));
        set_text(j, "time", qn_key_hex(hex, t->key));
        set_row(j, u->row);
    } else {
        const struct qn_item *f = &st->files.v[u->file];

        set_path(j, qn_inputs_path(run, f->path));
        json_object_set_new(j, "time", json_integer(f->mtime_ns));
    }
    return j;
}

static json_t *
uses_json(const struct qn_run *run, const struct qn_plan_stage *st,
          const struct qn_task *t)
{
    json_t *uses = json_array();
    int u = 0, row;

    qn_plan_pack_source(&run->plan, st, t->item, &row);
    for (int i = 0; i < st->stage->nsteps; i++)
        for (int k = 0; k < st->stage->steps[i].noperands; k++)
            json_array_append_new(
                uses, use_json(run, st, &st->stage->steps[i].operand[k],
                               &t->use[u++], row));
    return uses;
}

/* The result that an item is, or has a row of (*row; -1: all of it); NULL: it
 * is a file. */
static const struct qn_target *
result_of(const struct qn_run *run, int s, const struct qn_task *t, int *row)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    int target = qn_plan_pack_source(&run->plan, st, t->item, row);

    return target < 0 ? NULL
                      : &run->plan.stage[st->stage->input.stage_index]
                             .target[target];
}

int64_t
qn_program_frame(const struct qn_run *run, int s, const struct qn_task *t)
{
    int row;

    qn_plan_pack_source(&run->plan, &run->plan.stage[s], t->item, &row);
    return row < 0 ? t->item->frame : row;
}

char *
qn_program_input(const struct qn_run *run, int s, const struct qn_task *t)
{
    const struct qn_target *from = result_of(run, s, t, NULL);

    if (from)
        return qn_program_output(run, from);
    return qn_inputs_path(run, t->item->path);
}

void
qn_program_path(json_t *request, const struct qn_run *run, int s,
                const struct qn_task *t)
{
    set_path(request, qn_program_input(run, s, t));
}

int
qn_program_item(const struct qn_run *run, int s, const struct qn_task *t,
                json_t **request, struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    char *path = qn_program_input(run, s, t), hex[QN_KEY_HEX];
    struct qn_value hdu;
    int row;

    qn_plan_pack_source(&run->plan, st, t->item, &row);
    *request = json_pack("{s:s,s:I,s:s,s:s,s:o,s:o}", //
                         "op", "item", "program",
                         (json_int_t)run->program[s], "path",
                         path ? path : "", "key", qn_key_hex(hex, &t->key),
                         "fields",
                         fields_json(st->stage, t->item), "uses",
                         uses_json(run, st, t));
    free(path);
    if (*request && qn_item_find(t->item, "hdu", &hdu) &&
        st->stage->input.each == QN_EACH_HDU) {
        char number[32];

        qn_fields_text(number, sizeof number, &hdu);
        set_text(*request, "hdu", number);
    }
    if (*request)
        set_row(*request, row);
    if (*request && t->item->frame >= 0) {
        json_object_set_new(*request, "frame", json_integer(t->item->frame));
        json_object_set_new(*request, "nframes",
                            json_integer(t->item->nframes));
    }
    if (*request && st->need.slabs &&
        qn_need_slabs(&run->plan, st, t,
                      qn_need_share(&st->need, run->split.concurrency),
                      run->options->keep_steps))
        json_object_set_new(*request, "slabs", json_true());
    if (*request)
        return 0;
    return qn_fail(err, QN_EFORMAT,
                   "%s: its name or a header value is no UTF-8",
                   t->item->path);
}

/* ---- many items in one request --------------------------------------------------- */

const char *
qn_program_folder(const struct qn_run *run, int s)
{
    return run->job->stages[s].input.stage ? run->options->output
                                           : run->options->data;
}

json_t *
qn_program_uses(const struct qn_run *run, int s, const struct qn_task *t)
{
    return uses_json(run, &run->plan.stage[s], t);
}

/* Do items use datasets of their own files? */
static bool
uses_own(const struct qn_stage *stage)
{
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            if (stage->steps[i].operand[k].kind == QN_OPERAND_DATASET)
                return true;
    return false;
}

/* Of packed results: which file it is, and which row. */
static void
set_source(json_t *extras, const struct qn_run *run, int s,
           const struct qn_task *t)
{
    int row;
    const struct qn_target *from = result_of(run, s, t, &row);

    if (!from || row < 0)
        return;
    set_text(extras, "path", from->name);
    set_row(extras, row);
}

/* What is not the same for all items of the part; NULL where all is. */
static int
row_extras(const struct qn_run *run, int s, const struct qn_task *t,
           const struct qn_use *first, json_t **extras, struct qn_error *err)
{
    const struct qn_plan_stage *st = &run->plan.stage[s];
    json_t *fields = fields_json(st->stage, t->item);
    char *name = NULL, number[32];
    struct qn_value hdu;
    struct qn_error why;

    *extras = json_object();
    if (json_object_size(fields))
        json_object_set(*extras, "fields", fields);
    json_decref(fields);
    // one whose name cannot be made has failed for that
    if (qn_plan_pack_name(&name, st, t->item, &why) == QN_ENOMEM)
        return qn_fail(err, QN_ENOMEM, "no memory for a name");
    set_text(*extras, "name", name);
    free(name);
    if (t->code) {
        set_text(*extras, "failed", t->reason ? t->reason : "failed");
        return 0;
    }
    set_source(*extras, run, s, t);
    if (st->nuses &&
        (t->use != first || (st->from_rows && uses_own(st->stage))))
        json_object_set_new(*extras, "uses", uses_json(run, st, t));
    if (st->stage->input.each == QN_EACH_HDU &&
        qn_item_find(t->item, "hdu", &hdu)) {
        qn_fields_text(number, sizeof number, &hdu);
        set_text(*extras, "hdu", number);
    }
    return 0;
}

int
qn_program_row(const struct qn_run *run, int s, const struct qn_task *t,
               const struct qn_use *first, json_t **row, struct qn_error *err)
{
    int place;
    const struct qn_target *from = result_of(run, s, t, &place);
    char label[2048];
    json_t *extras;

    QN_TRY(row_extras(run, s, t, first, &extras, err));
    *row = json_pack("[s,I,I]",
                     from ? qn_plan_pack_label(label, sizeof label,
                                               from->name, place)
                          : t->item->path,
                     (json_int_t)t->item->bytes,
                     (json_int_t)t->item->mtime_ns);
    if (*row && json_object_size(extras))
        json_array_append(*row, extras);
    json_decref(extras);
    if (*row)
        return 0;
    return qn_fail(err, QN_EFORMAT,
                   "%s: its name or a header value is no UTF-8",
                   t->item->path);
}

json_t *
qn_program_used(const struct qn_run *run, int s, const struct qn_task *t)
{
    int row;
    const struct qn_target *from = result_of(run, s, t, &row);
    char path[2048];
    const char *name =
        from ? qn_plan_pack_label(path, sizeof path, from->name, row)
             : qn_item_name(path, sizeof path, t->item);

    return json_pack("[s,I,I,s]", name, (json_int_t)t->item->bytes,
                     (json_int_t)t->item->mtime_ns,
                     t->state == QN_SKIPPED ? "left out"
                     : t->code || t->lost   ? t->reason
                                            : "used");
}
