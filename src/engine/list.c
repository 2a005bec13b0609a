/* Finding files and having workers look at them, without a job.
 *
 * Every file is probed as a stage would do it.  Where that does not tell (there
 * are several datasets, say), and for a lone file, a second look lists all that
 * is in it. */
#include "engine/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/dispatch.h"
#include "engine/look.h"
#include "engine/run.h"
#include "engine/threads.h"
#include "io/discover.h"
#include "io/source.h"
#include "model/dtype.h"
#include "model/json.h"

struct looking {
    struct qn_list *list;
    const struct qn_list_ask *ask;
    struct qn_farm farm;
    size_t program;
    json_t *names; /* owned */
    bool tree;     /* the second look */
};

/* ---- finding ------------------------------------------------------------ */

static int
add_found(struct qn_list *l, const struct qn_found *f, struct qn_error *err)
{
    struct qn_item *item;

    QN_TRY(qn_item_add(&l->items, f->path, &item, err));
    item->bytes = f->bytes;
    item->mtime_ns = f->mtime_ns;
    QN_TRY(qn_item_fields(&l->items.pool, item, f->fields, err));
    if (f->bytes < 0)
        return qn_item_fail(&l->items.pool, item, QN_EMISSING,
                            "there is no such file", err);
    return 0;
}

static int
find_files(struct qn_list *l, const struct qn_list_ask *ask,
           struct qn_error *err)
{
    struct qn_finds found = {0};
    int rc = qn_discover(&found, ".",
                         (const char *const *)ask->patterns->v,
                         ask->patterns->n, NULL, 0, err);

    for (size_t i = 0; !rc && i < found.n; i++)
        rc = add_found(l, &found.v[i], err);
    qn_discover_clear(&found);
    if (!rc)
        rc = qn_memory_make((void **)&l->file, l->items.n, sizeof *l->file,
                            "the list", err);
    return rc;
}

/* ---- looking ------------------------------------------------------------ */

/* Is it worth while to list what is in the file?  A lone one's tree is shown;
 * of others it may tell that nothing is wrong with them.  Not where the reader
 * died of it. */
static bool
wants_tree(const struct looking *l, const struct qn_item *item)
{
    if (item->code == QN_ECRASH || item->code == QN_ETIMEOUT)
        return false;
    if (l->ask->tree && l->list->items.n == 1)
        return item->bytes >= 0;
    return item->code == QN_EFORMAT || item->code == QN_ESHAPE ||
           item->code == QN_EVALUE;
}

static int
request_look(void *ctx, int64_t unit, json_t **request, double *timeout,
             struct qn_error *err)
{
    struct looking *l = ctx;
    struct qn_item *item = &l->list->items.v[unit];

    if (l->tree ? !wants_tree(l, item) : item->code != 0)
        return 0;
    *request = json_pack("{s:s,s:I,s:s,s:O}", "op", l->tree ? "list" : "probe",
                         "program", (json_int_t)l->program, "path", item->path,
                         "names", l->names);
    *timeout = 30 + (item->bytes > 0 ? (double)item->bytes / 10e6 : 0);
    if (!*request)
        return qn_item_fail(&l->list->items.pool, item, QN_EUSAGE,
                            "the file's name is no UTF-8; rename it", err);
    return 0;
}

static int
load_probe(struct qn_pool *pool, struct qn_item *item,
           struct qn_list_file *file, const json_t *reply,
           struct qn_error *err)
{
    json_t *fields = json_object_get(reply, "fields"), *f;
    size_t i;

    QN_TRY(qn_look_type(pool, item, reply, err));
    json_array_foreach(fields, i, f)
        QN_TRY(qn_item_field(pool, item,
                             json_string_value(json_array_get(f, 0)),
                             json_string_value(json_array_get(f, 1)),
                             json_is_true(json_array_get(f, 2)), err));
    return qn_memory_copy(&file->format, qn_json_text(reply, "format"), err);
}

/* Entries of a tree that could be read as samples. */
static size_t
count_candidates(const json_t *tree)
{
    size_t n = 0, i;
    json_t *e;

    json_array_foreach(json_object_get(tree, "entries"), i, e) {
        const char *dtype = qn_json_text(e, "dtype");
        enum qn_dtype t;

        n += dtype && !qn_dtype_parse(&t, NULL, dtype, NULL) &&
             json_array_size(json_object_get(e, "shape")) > 0;
    }
    return n;
}

/* Of a FITS file the first image is read, of others the only array. */
static bool
is_unclear(const struct qn_list_ask *ask, const struct qn_list_file *file)
{
    size_t n = count_candidates(file->tree);

    if (ask->dataset || ask->hdu)
        return false;
    return file->format && !strcmp(file->format, "fits") ? n == 0 : n != 1;
}

static int
load_tree(const struct qn_list_ask *ask, const struct qn_item *item,
          struct qn_list_file *file, const json_t *reply,
          struct qn_error *err)
{
    const char *format = qn_json_text(reply, "format");

    file->tree = json_deep_copy(reply);
    if (!file->format)
        QN_TRY(qn_memory_copy(&file->format, format, err));
    file->unclear = item->code == QN_EFORMAT && is_unclear(ask, file);
    return 0;
}

/* A sentence without the path in front: who prints it names the file. */
static const char *
reason_of(const struct qn_item *item, const struct qn_error *why)
{
    size_t n = strlen(item->path);

    if (why->code == QN_ETIMEOUT)
        return "its reader did not come to an end";
    if (!strncmp(why->text, item->path, n) && !strncmp(why->text + n, ": ", 2))
        return why->text + n + 2;
    return why->text;
}

static int
finish_look(void *ctx, int64_t unit, const json_t *reply,
            const struct qn_error *why, struct qn_error *err)
{
    struct looking *l = ctx;
    struct qn_item *item = &l->list->items.v[unit];
    struct qn_list_file *file = &l->list->file[unit];

    if (reply)
        return l->tree ? load_tree(l->ask, item, file, reply, err)
                       : load_probe(&l->list->items.pool, item, file, reply,
                                    err);
    // what the first look found stands, unless the second one is deadly
    if (l->tree && why->code != QN_ECRASH && why->code != QN_ETIMEOUT)
        return 0;
    item->code = 0;
    return qn_item_fail(&l->list->items.pool, item, why->code,
                        reason_of(item, why), err);
}

static int
look(struct looking *l, bool tree, struct qn_error *err)
{
    struct qn_comm alone = {.size = 1, .nodes = 1, .node_size = 1};
    struct qn_work work = {.total = (int64_t)l->list->items.n, .ctx = l,
                           .request = request_look, .finish = finish_look};

    l->tree = tree;
    return qn_dispatch(&l->farm, &alone, &work, NULL, err);
}

/* What a stage would say of such an input. */
static json_t *
program_json(const struct qn_list_ask *ask)
{
    char *dataset[] = {ask->dataset};
    struct qn_input in = {.hdu = ask->hdu,
                          .dataset = {dataset, ask->dataset != NULL}};

    return json_pack("{s:o,s:[],s:s}", "source", qn_source_json(&in), "steps",
                     "precision", "float64");
}

static int
look_at_all(struct qn_list *list, const struct qn_list_ask *ask,
            struct qn_error *err)
{
    struct looking l = {
        .list = list, .ask = ask, .names = qn_json_strings(ask->names)};
    int rc = qn_farm_open(&l.farm, qn_threads_workers((int64_t)list->items.n),
                          err);

    // whoever wants another try types the line again
    l.farm.retries = 0;
    if (!rc)
        rc = qn_farm_program(&l.farm, program_json(ask), &l.program, err);
    if (!rc)
        rc = look(&l, false, err);
    if (!rc)
        rc = look(&l, true, err);
    qn_farm_close(&l.farm);
    json_decref(l.names);
    return rc;
}

int
qn_list_open(struct qn_list *l, const struct qn_list_ask *ask,
             struct qn_error *err)
{
    *l = (struct qn_list){0};
    QN_TRY(find_files(l, ask, err));
    return look_at_all(l, ask, err);
}

void
qn_list_clear(struct qn_list *l)
{
    for (size_t i = 0; l->file && i < l->items.n; i++) {
        free(l->file[i].format);
        json_decref(l->file[i].tree);
    }
    free(l->file);
    qn_item_clear(&l->items);
    *l = (struct qn_list){0};
}
