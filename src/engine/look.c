/* Looking into files: work like any other, dispatched, done by workers, its
 * outcomes shared by all ranks. */
#include "engine/look.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/dispatch.h"
#include "engine/headers.h"
#include "engine/inputs.h"
#include "engine/outcome.h"
#include "engine/program.h"
#include "model/dtype.h"
#include "model/json.h"

struct looking {
    struct qn_run *run;
    size_t program;
    int stage;                 /* whose items they are; -1: operands        */
    bool list;                 /* the images of each file, not the file     */
    double timeout;            /* s, and 1 s for every 10 MB                */
    json_t *names;             /* owned */
    struct qn_items *items;
    struct qn_items seen;      /* owned: what this rank's workers saw      */
    struct qn_outcomes which;  /* owned: the index of each                 */
};

/* An operand file may name the part that is read. */
static void
add_part(json_t *request, const struct qn_item *item)
{
    struct qn_value v;
    const char *bar;

    if (!qn_item_find(item, QN_PLAN_PART, &v))
        return;
    bar = strchr(v.text, '|');
    if (bar > v.text)
        json_object_set_new(request, "dataset",
                            json_stringn(v.text, (size_t)(bar - v.text)));
    if (bar[1])
        json_object_set_new(request, "hdu", json_string(bar + 1));
}

static int
request_look(void *ctx, int64_t unit, json_t **request, double *timeout,
             struct qn_error *err)
{
    struct looking *l = ctx;
    const struct qn_item *item = &l->items->v[unit];
    char *path;

    if (item->probed || item->code)
        return 0;
    path = qn_inputs_path(l->run, item->path);
    *request = json_pack("{s:s,s:I,s:s,s:O}", "op",
                         l->list ? "list" : "probe", "program",
                         (json_int_t)l->program, "path", path ? path : "",
                         "names", l->names);
    free(path);
    *timeout = l->timeout + (item->bytes > 0 ? (double)item->bytes / 1e7 : 0);
    if (!*request)
        return qn_fail(err, QN_EFORMAT,
                       "%s: the file's name is no UTF-8; rename it",
                       item->path);
    add_part(*request, item);
    return 0;
}

int
qn_look_type(struct qn_pool *pool, struct qn_item *item, const json_t *reply,
             struct qn_error *err)
{
    struct qn_type type = {0};
    enum qn_dtype as;
    json_t *shape = json_object_get(reply, "shape");
    const char *stored = qn_json_text(reply, "stored");
    const char *dtype = qn_json_text(reply, "dtype");

    QN_TRY(qn_dtype_parse(&as, NULL, stored ? stored : "", err));
    QN_TRY(qn_dtype_parse(&type.dtype, NULL, dtype ? dtype : "", err));
    for (size_t i = 0; i < json_array_size(shape) && i < QN_MAX_DIMS; i++)
        type.shape.n[type.shape.ndims++] =
            json_integer_value(json_array_get(shape, i));
    return qn_item_type(pool, item, as, &type, err);
}

static int
load_fields(struct qn_pool *pool, struct qn_item *item, const json_t *fields,
            struct qn_error *err)
{
    json_t *f;
    size_t i;

    json_array_foreach(fields, i, f)
        QN_TRY(qn_item_field(pool, item,
                             json_string_value(json_array_get(f, 0)),
                             json_string_value(json_array_get(f, 1)),
                             json_is_true(json_array_get(f, 2)), err));
    return 0;
}

/* The numbers of the HDUs that hold images, as the hidden field QN_LOOK_IMAGES. */
static int
load_images(struct qn_pool *pool, struct qn_item *item, const json_t *reply,
            struct qn_error *err)
{
    const json_t *entries = json_object_get(reply, "entries");
    const char *format = qn_json_text(reply, "format");
    struct qn_text numbers = {0};
    char reason[128];
    json_t *e;
    size_t i;
    int rc;

    if (format && strcmp(format, "fits")) {
        snprintf(reason, sizeof reason,
                 "the job says each: hdu, for the images of FITS files, and "
                 "this is a %.20s file; leave it out",
                 format);
        return qn_item_fail(pool, item, QN_EFORMAT, reason, err);
    }
    json_array_foreach(entries, i, e) {
        const char *kind = qn_json_text(e, "kind");

        if (kind && !strcmp(kind, "image") && json_object_get(e, "hdu"))
            qn_text_add(&numbers, "%s%lld", numbers.len ? "," : "",
                        (long long)qn_json_integer(e, "hdu"));
    }
    rc = qn_text_check(&numbers, err);
    if (!rc)
        rc = qn_item_field(pool, item, QN_LOOK_IMAGES, qn_text_get(&numbers),
                           true, err);
    qn_text_clear(&numbers);
    return rc;
}

/* What reading it takes beside its samples, as a hidden field. */
static int
load_unpacking(struct qn_pool *pool, struct qn_item *item, const json_t *reply,
               struct qn_error *err)
{
    const int64_t window = qn_json_integer(reply, "window");
    const int64_t unpacks = qn_json_integer(reply, "unpacks");
    char text[48];

    if (!window && !unpacks)
        return 0;
    snprintf(text, sizeof text, "%lld %lld", (long long)unpacks,
             (long long)window);
    return qn_item_field(pool, item, QN_PLAN_UNPACKS, text, true, err);
}

static int
finish_look(void *ctx, int64_t unit, const json_t *reply,
            const struct qn_error *why, struct qn_error *err)
{
    struct looking *l = ctx;
    struct qn_pool *pool = &l->seen.pool;
    struct qn_item *item;

    QN_TRY(qn_item_add(&l->seen, "-", &item, err));
    qn_outcome_add(&l->which, unit, 0, 0, NULL);
    if (!reply)
        return qn_item_fail(
            pool, item, why->code,
            qn_program_reason(l->run, l->items->v[unit].path, why->text), err);
    if (l->list)
        return load_images(pool, item, reply, err);
    QN_TRY(qn_look_type(pool, item, reply, err));
    QN_TRY(load_unpacking(pool, item, reply, err));
    return load_fields(pool, item, json_object_get(reply, "fields"), err);
}

/* ---- sharing what was seen ---------------------------------------------------- */

struct merging {
    struct qn_run *run;
    int stage;             /* whose headers are remembered; -1: none */
    struct qn_items *items;
    struct qn_items all; /* owned: in the order of the outcomes */
    size_t next;
};

static int
merge_one(void *ctx, int rank, int64_t unit, int code, int64_t value,
          const char *text, struct qn_error *err)
{
    struct merging *m = ctx;
    struct qn_item *item = &m->items->v[unit];
    struct qn_pool *pool = &m->items->pool;
    const struct qn_item *seen;

    (void)rank, (void)code, (void)value, (void)text;
    if (!m->run->commons.leads)
        return 0;
    seen = &m->all.v[m->next++];
    if (seen->probed)
        QN_TRY(qn_item_type(pool, item, (enum qn_dtype)seen->stored,
                            seen->type, err));
    if (seen->code)
        QN_TRY(qn_item_fail(pool, item, seen->code, seen->reason, err));
    if (m->stage >= 0)
        QN_TRY(qn_headers_learn(m->run, m->stage, item, seen, err));
    return qn_item_append(pool, item, seen, err);
}

static int
share_seen(struct looking *l, struct qn_error *err)
{
    struct qn_comm *comm = l->run->comm;
    struct merging m = {.run = l->run, .stage = l->stage,
                        .items = l->items};
    struct qn_text packed = {0};
    size_t *sizes = NULL, n = 0;
    void *all = NULL;
    int rc = qn_item_pack(&packed, &l->seen, 0, l->seen.n, err);

    if (!rc)
        rc = qn_memory_make((void **)&sizes, (size_t)comm->size,
                            sizeof *sizes, "the items", err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(comm, packed.s, packed.len, &all, sizes, err);
    for (int r = 0; !rc && r < comm->size; r++)
        n += sizes[r];
    if (!rc && l->run->commons.leads)
        rc = qn_item_unpack(&m.all, all, n, err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_outcome_share(comm, &l->which, merge_one, &m, err);
    qn_text_clear(&packed);
    qn_item_clear(&m.all);
    free(all);
    free(sizes);
    return rc;
}

/* A look takes milliseconds; what takes half a minute hangs. */
static double
look_timeout(double timeout)
{
    return timeout < 30 ? timeout : 30; // NaN, the default, gives 30
}

int
qn_look_run(struct qn_run *run, int stage, bool list,
            const struct qn_strings *names, struct qn_items *items,
            struct qn_error *err)
{
    struct looking l = {.run = run,
                        .stage = list ? -1 : stage,
                        .list = list,
                        .items = items,
                        .program = stage < 0 ? run->look : run->program[stage],
                        .timeout = look_timeout(
                            stage < 0 ? NAN : run->job->stages[stage].timeout),
                        .names = qn_json_strings(names)};
    struct qn_work work = {.total = (int64_t)items->n, .ctx = &l,
                           .request = request_look, .finish = finish_look,
                           .progress = run->options->progress};
    bool stopped = false;
    int rc;

    if (work.progress)
        qn_progress_begin(work.progress, "looking into the inputs", 0,
                          work.total, qn_clock_now());
    rc = qn_dispatch(&run->farm, run->comm, &work, &stopped, err);

    if (!rc)
        rc = share_seen(&l, err);
    if (!rc && stopped)
        rc = qn_fail(err, QN_ESTOPPED, "stopped while looking at the inputs");
    json_decref(l.names);
    qn_item_clear(&l.seen);
    qn_outcome_clear(&l.which);
    return rc;
}
