/* From patterns to items with known shapes and header values.
 *
 * Rank 0 finds the files and sends the list; looking at headers is work like
 * any other: dispatched, done by workers, gathered.  Files whose type the job
 * says and whose header nobody asks for are not opened at all. */
#include "engine/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/message.h"
#include "engine/content.h"
#include "engine/headers.h"
#include "engine/look.h"
#include "engine/reach.h"
#include "engine/rows.h"
#include "engine/sizes.h"
#include "engine/tell.h"
#include "engine/young.h"
#include "io/discover.h"
#include "io/source.h"
#include "model/dtype.h"
#include "model/shape.h"

char *
qn_inputs_path(const struct qn_run *run, const char *path)
{
    char *full = NULL;

    if (path[0] == '/')
        return strdup(path);
    if (asprintf(&full, "%s/%s", run->options->data, path) < 0)
        return NULL;
    return full;
}

/* ---- finding --------------------------------------------------------------- */

static int
add_found(struct qn_items *items, const struct qn_found *f,
          struct qn_error *err)
{
    struct qn_pool *pool = &items->pool;
    struct qn_item *item;

    QN_TRY(qn_item_add(items, f->path, &item, err));
    item->bytes = f->bytes;
    item->mtime_ns = f->mtime_ns;
    QN_TRY(qn_item_fields(pool, item, f->fields, err));
    if (f->bytes < 0 && f->bytes != QN_FOUND_LATER)
        return qn_item_fail(pool, item, QN_EMISSING, "there is no such file",
                            err);
    return 0;
}

/* A companion file: its path becomes a field, its size and time another one
 * that only the key looks at. */
static int
add_companion(const struct qn_run *run, struct qn_pool *pool,
              struct qn_item *item, const char *name, const char *pattern,
              struct qn_error *err)
{
    struct qn_lookup fields = qn_item_lookup(item);
    char hidden[256], facts[64], reason[1200];
    char *path = NULL, *full;
    struct stat st;
    int rc = qn_fields_fill(&path, pattern, &fields, false, err);

    if (rc)
        return rc;
    full = qn_inputs_path(run, path);
    if (!full || stat(full, &st)) {
        snprintf(reason, sizeof reason, "its companion %s, %s, is not there",
                 name, path);
        rc = qn_item_fail(pool, item, QN_EMISSING, reason, err);
    } else {
        snprintf(hidden, sizeof hidden, "@%s", name);
        snprintf(facts, sizeof facts, "%lld:%lld.%09ld",
                 (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                 st.st_mtim.tv_nsec);
        rc = qn_item_field(pool, item, name, path, true, err);
        if (!rc)
            rc = qn_item_field(pool, item, hidden, facts, true, err);
    }
    free(full);
    free(path);
    return rc;
}

static int
add_companions(const struct qn_run *run, const struct qn_input *in,
               struct qn_items *items, struct qn_error *err)
{
    const char *name;
    json_t *pattern;

    if (!in->with)
        return 0;
    for (size_t i = 0; i < items->n; i++)
        json_object_foreach(in->with, name, pattern)
            if (!items->v[i].code)
                QN_TRY(add_companion(run, &items->pool, &items->v[i], name,
                                     json_string_value(pattern), err));
    return 0;
}

/* The one item of a stage without files. */
static int
add_grid(const struct qn_input *in, struct qn_items *items,
         struct qn_error *err)
{
    const struct qn_type type = {QN_F64, in->shape};
    struct qn_item *item;

    QN_TRY(qn_item_add(items, "grid", &item, err));
    item->bytes = qn_shape_count(&in->shape) * (int64_t)sizeof(double);
    return qn_item_type(&items->pool, item, QN_F64, &type, err);
}

static int
find_files(struct qn_run *run, const struct qn_input *in,
           struct qn_items *items, struct qn_error *err)
{
    const struct qn_strings *files = &in->files;
    struct qn_finds found = {0};
    struct qn_error why = {0};
    int rc;

    if (in->generated)
        return add_grid(in, items, err);
    if (in->rows)
        return qn_rows_load(run, in, items, err);
    if (in->arguments) {
        files = run->options->arguments;
        if (!files->n)
            return qn_fail(err, QN_EUSAGE,
                           "it reads the files named behind the job: `quern "
                           "run JOB FILE...`");
    }
    // alone, it is cheapest to look at a file where its folder is read
    rc = (run->comm->size > 1 ? qn_discover_names : qn_discover)(
        &found, run->options->data, (const char *const *)files->v, files->n,
        (const char *const *)in->exclude.v, in->exclude.n, &why);
    if (rc == QN_EMISSING && run->options->growing) {
        // the first ones may come any moment
        qn_message(QN_NOTE, "%s yet", why.text);
        rc = 0;
    } else if (rc) {
        rc = qn_fail(err, rc, "%s", why.text);
    }
    if (!rc)
        rc = qn_item_reserve(items, found.n, err);
    for (size_t i = 0; !rc && i < found.n; i++)
        rc = add_found(items, &found.v[i], err);
    qn_discover_clear(&found);
    return rc;
}

/* ---- sizes and times ------------------------------------------------------- */

struct sizing {
    const struct qn_run *run;
    struct qn_items *items;
};

static char *
size_path(void *ctx, size_t i)
{
    const struct sizing *z = ctx;
    const struct qn_item *item = &z->items->v[i];

    return item->bytes == QN_FOUND_LATER ? qn_inputs_path(z->run, item->path)
                                         : NULL;
}

static void
take_size(void *ctx, size_t i, const struct qn_size *size)
{
    const struct sizing *z = ctx;

    z->items->v[i].bytes = size->bytes;
    z->items->v[i].mtime_ns = size->mtime_ns;
}

/* Collective.  Of rank 0's items for which they are still to come. */
static int
share_sizes(const struct qn_run *run, struct qn_items *items,
            struct qn_error *err)
{
    struct sizing z = {run, items};
    const struct qn_sizes_ask ask = {.n = items->n, .path = size_path,
                                     .take = take_size, .ctx = &z};

    return qn_sizes_share(&ask, run->comm, err);
}

/* On rank 0.  Whatever is gone since its folder was read was never there. */
static int
settle_sizes(struct qn_items *items, bool keep_gone, struct qn_error *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < items->n; i++) {
        struct qn_item *item = &items->v[i];

        if (item->bytes == QN_SIZE_GONE && !keep_gone)
            continue;
        if (item->bytes < 0) {
            item->bytes = -1;
            QN_TRY(qn_item_fail(&items->pool, item, QN_EMISSING,
                                "there is no such file", err));
        }
        items->v[kept++] = *item;
    }
    items->n = kept;
    return 0;
}

int
qn_inputs_look(struct qn_run *run, const struct qn_strings *names,
               struct qn_items *files, struct qn_error *err)
{
    int rc = 0;

    if (!files->n)
        return 0;
    QN_TRY(qn_reach_inputs(run, files, err));
    for (size_t i = 0; run->comm->rank == 0 && i < files->n; i++)
        files->v[i].bytes = QN_FOUND_LATER;
    rc = share_sizes(run, files, err);
    if (!rc && run->comm->rank == 0)
        rc = settle_sizes(files, true, err);
    rc = qn_content_check(run, files, rc, err);
    // the others take rank 0's word for sizes and times
    if (run->comm->node || !run->commons.shared)
        if (run->comm->rank)
            files->n = 0;
    rc = qn_tell_all(run, files, rc, err);
    if (!rc)
        rc = qn_look_run(run, -1, false, names, files, err);
    return rc;
}

/* ---- types that need no look ----------------------------------------------------- */

/* Raw files of a fixed shape: the job says it all, if the size agrees. */
static int
take_type_from_job(const struct qn_input *in, struct qn_items *items,
                   struct qn_error *err)
{
    struct qn_type type = {.shape = in->shape};
    int64_t bytes;

    QN_TRY(qn_dtype_parse(&type.dtype, NULL, in->dtype, err));
    bytes = qn_shape_bytes(&type) + in->offset;
    for (size_t i = 0; i < items->n; i++) {
        struct qn_item *item = &items->v[i];

        // otherwise a worker says what is wrong with it
        if (item->bytes == bytes)
            QN_TRY(qn_item_type(&items->pool, item, type.dtype, &type, err));
    }
    return 0;
}

static bool
job_says_type(const struct qn_input *in, const struct qn_strings *names)
{
    if (!in->format || strcmp(in->format, "raw") || in->slice.n ||
        in->frames || in->missing)
        return false;
    if (names->n || !in->dtype || !in->shape.ndims)
        return false;
    return in->shape.n[0] >= 0;
}

/* Programs open their files themselves; nobody looks where no header is asked
 * for, and a row is no file. */
static bool
no_look(const struct qn_input *in, const struct qn_strings *names)
{
    return in->rows || (in->unread && !names->n);
}

/* ---- sets shared by stages ------------------------------------------------------- */

static bool
same_strings(const struct qn_strings *a, const struct qn_strings *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]))
            return false;
    return true;
}

/* Do two inputs read the same files in the same way? */
static bool
same_inputs(const struct qn_input *a, const struct qn_input *b)
{
    json_t *x, *y;
    bool same;

    if (a->stage || b->stage || a->rows || b->rows ||
        a->unread != b->unread ||
        (a->each == QN_EACH_HDU) != (b->each == QN_EACH_HDU) ||
        a->arguments != b->arguments ||
        !same_strings(&a->files, &b->files) ||
        !same_strings(&a->exclude, &b->exclude))
        return false;
    if ((a->with || b->with) && !json_equal(a->with, b->with))
        return false;
    x = qn_source_json(a);
    y = qn_source_json(b);
    same = json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return same;
}

/* The first stage whose items are those of stage s; s itself if none. */
static int
first_alike(const struct qn_run *run, int s)
{
    const struct qn_stage *stages = run->job->stages;

    for (int i = 0; i < s; i++)
        if (run->plan.stage[i].wanted &&
            same_inputs(&stages[i].input, &stages[s].input))
            return i;
    return s;
}

/* Names that any stage with these files wants and that captures and lists do
 * not bring already. */
static int
names_to_read(const struct qn_run *run, int s, const struct qn_items *items,
              struct qn_strings *names, struct qn_error *err)
{
    size_t kept = 0;
    int rc = 0;

    for (int t = s; t < run->job->nstages && !rc; t++)
        if (t == s || same_inputs(&run->job->stages[s].input,
                                  &run->job->stages[t].input))
            rc = qn_plan_names(run->job, t, names, err);
    for (size_t i = 0; i < names->n; i++) {
        struct qn_value v;

        if (items->n && qn_item_find(&items->v[0], names->v[i], &v))
            free(names->v[i]);
        else
            names->v[kept++] = names->v[i];
    }
    names->n = kept;
    return rc;
}

static void
clear_names(struct qn_strings *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    free(names->v);
}

/* One item for each image of a file. */
static int
expand_file(struct qn_items *out, const struct qn_item *from,
            struct qn_error *err)
{
    struct qn_item *item;
    struct qn_value v;

    if (from->code || !qn_item_find(from, QN_LOOK_IMAGES, &v) || !*v.text) {
        QN_TRY(qn_item_copy(out, from, &item, err));
        return qn_item_fail(&out->pool, item, QN_EFORMAT, "it holds no image",
                            err);
    }
    for (const char *p = v.text; *p; p += strcspn(p, ",")) {
        char number[16], part[24];

        p += *p == ',';
        snprintf(number, sizeof number, "%.*s", (int)strcspn(p, ","), p);
        snprintf(part, sizeof part, "|%s", number);
        QN_TRY(qn_item_copy(out, from, &item, err));
        QN_TRY(qn_item_field(&out->pool, item, "hdu", number, false, err));
        QN_TRY(qn_item_field(&out->pool, item, QN_PLAN_PART, part, true,
                             err));
    }
    return 0;
}

static int
expand_images(struct qn_items *items, struct qn_error *err)
{
    struct qn_items images = {.pool.source = items->pool.source};
    int rc = 0;

    for (size_t i = 0; i < items->n && !rc; i++)
        rc = expand_file(&images, &items->v[i], err);
    qn_item_clear(items);
    *items = images;
    return rc;
}

static int
look_at(struct qn_run *run, int s, const struct qn_strings *names,
        struct qn_items *items, struct qn_error *err)
{
    const struct qn_input *in = &run->job->stages[s].input;
    int rc = 0;

    if (no_look(in, names))
        return 0;
    if (run->commons.leads && job_says_type(in, names))
        rc = take_type_from_job(in, items, err);
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc && in->each == QN_EACH_HDU) {
        rc = qn_look_run(run, s, true, names, items, err);
        if (!rc && run->commons.leads)
            rc = expand_images(items, err);
        rc = qn_tell_items(run, items, rc, err);
    }
    return rc ? rc : qn_look_run(run, s, false, names, items, err);
}

/* On rank 0: what else the files bring, and which of them count. */
static int
complete(struct qn_run *run, int s, struct qn_items *items,
         struct qn_error *err)
{
    int rc = settle_sizes(items, false, err);

    if (!rc)
        rc = add_companions(run, &run->job->stages[s].input, items, err);
    if (!rc)
        rc = qn_young_drop(run, items, err);
    return rc ? qn_wrap(err, "stage %s", run->job->stages[s].name) : 0;
}

/* On rank 0: the names to ask the files for, and what is remembered of them
 * (which brings those very names, so it comes last). */
static int
recall(struct qn_run *run, int s, struct qn_items *items,
       struct qn_strings *names, struct qn_error *err)
{
    const struct qn_input *in = &run->job->stages[s].input;

    QN_TRY(names_to_read(run, s, items, names, err));
    if (job_says_type(in, names) || in->each == QN_EACH_HDU ||
        in->generated || no_look(in, names))
        return 0;
    return qn_headers_recall(run, s, names, items, err);
}

static int
split_names(struct qn_strings *names, const char *text, struct qn_error *err)
{
    for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
        char **v = realloc(names->v, (names->n + 1) * sizeof *v);

        if (!v)
            return qn_fail(err, QN_ENOMEM, "no memory for the field names");
        names->v = v;
        v[names->n] = strndup(p, strcspn(p, "\n"));
        if (!v[names->n])
            return qn_fail(err, QN_ENOMEM, "no memory for the field names");
        names->n++;
    }
    return 0;
}

/* Rank 0's names to all. */
static int
broadcast_names(struct qn_comm *comm, struct qn_strings *names,
                struct qn_error *err)
{
    struct qn_text text = {0};
    void *data;
    size_t n;
    int rc;

    if (comm->size == 1)
        return 0;
    for (size_t i = 0; i < names->n; i++)
        qn_text_add(&text, "%s\n", names->v[i]);
    qn_text_bytes(&text, "", 1);
    data = text.s;
    n = text.len;
    rc = qn_comm_broadcast(comm, &data, &n, 0, err);
    if (!rc && comm->rank)
        rc = split_names(names, data, err);
    if (comm->rank)
        free(data);
    qn_text_clear(&text);
    return qn_comm_agree(comm, rc, err);
}

int
qn_inputs_gather(struct qn_run *run, int s, struct qn_items *items,
                 struct qn_error *err)
{
    const struct qn_input *in = &run->job->stages[s].input;
    struct qn_strings names = {0};
    int alike = first_alike(run, s), rc = 0;

    if (alike < s) {
        // they stay with the stage that had them first
        *items = qn_item_borrow(&run->gathered[alike]);
        items->pool.source = qn_commons_source(&run->commons);
        items->told = true;
        return 0;
    }
    if (run->comm->rank == 0)
        rc = find_files(run, in, items, err);
    if (rc)
        qn_wrap(err, "stage %s", run->job->stages[s].name);
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc && !in->rows && !in->generated)
        rc = qn_reach_inputs(run, items, err);
    if (!rc)
        rc = share_sizes(run, items, err);
    if (!rc && run->comm->rank == 0)
        rc = complete(run, s, items, err);
    rc = qn_content_check(run, items, rc, err);
    if (!rc && run->comm->rank == 0)
        rc = recall(run, s, items, &names, err);
    rc = qn_tell_all(run, items, rc, err);
    if (!rc)
        rc = qn_young_agree(run, err);
    if (!rc)
        rc = broadcast_names(run->comm, &names, err);
    if (!rc)
        rc = look_at(run, s, &names, items, err);
    clear_names(&names);
    run->gathered[s] = qn_item_borrow(items);
    return rc;
}
