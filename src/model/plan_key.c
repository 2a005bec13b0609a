/* Fingerprints of tasks and results.
 *
 * What decides the bytes of a result goes in, and nothing else: not ranks,
 * threads, compression, names or releases. */
#include <stdlib.h>
#include <string.h>

#include "model/command.h"
#include "model/dtype.h"
#include "model/key.h"
#include "model/plan.h"

enum { FORMAT_VERSION = 1 }; /* raised when outputs change their layout */

/* Text that is the same for all tasks of a stage. */
static int
stage_text(char **text, const struct qn_plan_stage *st, struct qn_error *err)
{
    const struct qn_stage *stage = st->stage;
    const struct qn_input *in = &stage->input;
    json_t *steps = json_array(), *all;

    for (int i = 0; i < stage->nsteps; i++)
        json_array_append_new(steps, qn_job_step_json(&stage->steps[i]));
    all = json_pack(
        "{s:o,s:s,s:i,s:i,s:s?,s:s?,s:s?,s:s?,s:s?,s:b,s:I,s:s?}", //
        "steps", steps, "precision", qn_dtype_name(st->precision), "dtype",
        stage->output.dtype, "format", stage->output.format, "hdu", in->hdu,
        "missing", in->missing, "raw", in->dtype, "endian", in->endian,
        "frames", in->frames, "undecoded", in->undecoded, "offset",
        (json_int_t)in->offset, "product", in->product);
    if (all && in->generated)
        json_object_set_new(all, "value", json_real(in->value));
    if (all && stage->command.given)
        json_object_set_new(all, "exec", qn_command_json(&stage->command));
    for (size_t i = 0; all && i < stage->output.carry.n; i++)
        json_object_set_new(all, stage->output.carry.v[i], json_true());
    *text = all ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(all);
    if (!*text)
        return qn_fail(err, QN_ENOMEM, "no memory for the keys");
    return 0;
}

/* Another's key goes in as text. */
static void
add_key(struct qn_key *k, const struct qn_fingerprint *f)
{
    char hex[QN_KEY_HEX];

    qn_key_text(k, qn_key_hex(hex, f));
}

/* What is read of it; sizes and times of its companions. */
static void
add_hidden(struct qn_key *k, const struct qn_item *item)
{
    for (const char *p = item->fields; p && *p; p += strlen(p) + 1)
        if (*p == '@')
            qn_key_text(k, p);
}

static void
add_file(struct qn_key *k, const struct qn_item *item)
{
    qn_key_text(k, item->path);
    qn_key_number(k, item->bytes);
    qn_key_number(k, item->mtime_ns);
    qn_key_number(k, item->frame);
    qn_key_number(k, item->nframes);
    add_hidden(k, item);
}

static void
add_use(struct qn_key *k, const struct qn_plan *p,
        const struct qn_plan_stage *st, const struct qn_use *u)
{
    const struct qn_task *row = qn_plan_pack_use(p, u);

    // a row is what its own item gave, whatever else is in the part
    if (row)
        add_key(k, &row->key);
    else if (u->stage >= 0)
        add_key(k, p->stage[u->stage].target[u->target].key);
    else if (u->file >= 0)
        add_file(k, &st->files.v[u->file]);
    else
        qn_key_bytes(k, &u->number, sizeof u->number);
    qn_key_bytes(k, &u->scale, sizeof u->scale);
}

/* Values of header fields that options name: a list may change them without
 * the file changing. */
static void
add_headers(struct qn_key *k, const json_t *params, const struct qn_item *item)
{
    const char *key, *name;
    json_t *child;

    json_object_foreach((json_t *)(uintptr_t)params, key, child) {
        struct qn_value v;
        char text[1024];

        name = json_string_value(json_object_get(child, "header"));
        if (!name || !qn_item_find(item, name, &v))
            continue;
        qn_fields_text(text, sizeof text, &v);
        qn_key_text(k, text);
    }
}

struct filling {
    struct qn_key *k;
    const struct qn_item *item;
};

static void
add_value(void *ctx, const char *name)
{
    const struct filling *f = ctx;
    struct qn_value v;
    char text[64];

    if (!qn_item_find(f->item, name, &v))
        return;
    if (v.kind != QN_VALUE_TEXT)
        qn_fields_text(text, sizeof text, &v);
    qn_key_text(f->k, name);
    qn_key_text(f->k, v.kind == QN_VALUE_TEXT ? v.text : text);
}

/* The values that a command is filled in with: a list may change one without
 * the file changing. */
static void
add_command(struct qn_key *k, const struct qn_plan_stage *st,
            const struct qn_item *item)
{
    struct filling f = {k, item};

    if (!st->stage->command.given)
        return;
    // its braces were checked with the job
    qn_command_names(&st->stage->command, add_value, &f, NULL);
    for (size_t i = 0; i < st->uses.n; i++)
        add_file(k, &st->uses.v[i]);
}

static int
task_key(struct qn_plan *p, int s, struct qn_task *t, const char *text,
         struct qn_error *err)
{
    struct qn_plan_stage *st = &p->stage[s];
    const struct qn_input *in = &st->stage->input;
    struct qn_key k;

    QN_TRY(qn_key_open(&k, err));
    qn_key_number(&k, FORMAT_VERSION);
    qn_key_text(&k, text);
    qn_key_strings(&k, &in->dataset);
    qn_key_strings(&k, &in->slice);
    qn_key_bytes(&k, &in->shape, sizeof in->shape);
    if (st->from_rows)
        add_key(&k, &p->stage[in->stage_index].task[t->item->source].key);
    else if (t->item->source >= 0)
        add_key(&k, p->stage[in->stage_index].target[t->item->source].key);
    else if (in->rows)
        add_hidden(&k, t->item);
    else
        add_file(&k, t->item);
    add_command(&k, st, t->item);
    for (int i = 0; i < st->nuses; i++)
        add_use(&k, p, st, &t->use[i]);
    for (int i = 0; i < st->stage->nsteps; i++)
        add_headers(&k, st->stage->steps[i].params, t->item);
    qn_key_finish(&k, &t->key);
    return 0;
}

static void
add_weight(struct qn_key *k, const struct qn_group *g,
           const struct qn_item *item)
{
    struct qn_value v = {0};

    if (g->weights && qn_item_find(item, g->weights, &v))
        qn_key_bytes(k, &v.number, sizeof v.number);
}

static int
combined_key(struct qn_plan_stage *st, struct qn_target *t, const char *text,
             struct qn_error *err)
{
    const void *key = NULL;
    struct qn_fingerprint f;
    struct qn_key k;

    QN_TRY(qn_key_open(&k, err));
    qn_key_number(&k, FORMAT_VERSION);
    qn_key_text(&k, text);
    for (int i = 0; i < t->ntasks; i++) {
        const struct qn_task *m = &st->task[t->task[i]];

        if (!qn_plan_frames(m))
            continue;
        add_key(&k, &m->key);
        for (int64_t n = 0; n < qn_plan_lost(m); n++)
            qn_key_number(&k, m->lost->frame[n]);
        add_weight(&k, &st->stage->combine, m->item);
    }
    qn_key_finish(&k, &f);
    QN_TRY(qn_pool_intern(&st->pool, &key, &f, sizeof f, err));
    t->key = key;
    return 0;
}

/* Of a part: all its items, also those that fail when they are read, as every
 * one has its row.  One that was never tried is there by its name: when it can
 * be had the part is made anew. */
static int
packed_key(struct qn_plan_stage *st, struct qn_target *t, struct qn_error *err)
{
    const void *key = NULL;
    struct qn_fingerprint f;
    struct qn_key k;

    QN_TRY(qn_key_open(&k, err));
    qn_key_number(&k, FORMAT_VERSION);
    qn_key_text(&k, "packed");
    qn_key_text(&k, st->stage->output.name);
    for (int i = 0; i < t->ntasks; i++) {
        const struct qn_task *m = &st->task[t->task[i]];
        bool tried = !m->code || m->state == QN_FAILED;

        if (tried && !qn_key_none(&m->key))
            add_key(&k, &m->key);
        else
            qn_key_text(&k, m->item->path);
    }
    qn_key_finish(&k, &f);
    QN_TRY(qn_pool_intern(&st->pool, &key, &f, sizeof f, err));
    t->key = key;
    return 0;
}

static int
combine_text(char **text, const struct qn_stage *stage, struct qn_error *err)
{
    json_t *j = qn_job_combine_json(&stage->combine, stage->combine.kernel);

    if (j)
        json_object_set_new(j, "dtype", json_integer(stage->output.dtype));
    *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(j);
    return *text ? 0 : qn_fail(err, QN_ENOMEM, "no memory for the keys");
}

int
qn_plan_keys(struct qn_plan *p, int s, struct qn_error *err)
{
    struct qn_plan_stage *st = &p->stage[s];
    char *text = NULL, *combine = NULL;
    int rc = stage_text(&text, st, err);

    for (int i = 0; i < st->ntasks && !rc; i++)
        if (!st->task[i].code)
            rc = task_key(p, s, &st->task[i], text, err);
    if (!rc && st->stage->combine.given)
        rc = combine_text(&combine, st->stage, err);
    for (int i = 0; i < st->ntargets && !rc; i++) {
        struct qn_target *t = &st->target[i];

        if (combine)
            rc = combined_key(st, t, combine, err);
        else if (qn_plan_joins(st))
            rc = combined_key(st, t, "joined", err);
        else if (qn_plan_packs(st))
            rc = packed_key(st, t, err);
        else
            t->key = &st->task[t->task[0]].key;
    }
    free(text);
    free(combine);
    return rc;
}
