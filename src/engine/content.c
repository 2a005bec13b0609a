/* Remembering the contents of inputs.
 *
 * The memory is a file of records "HASH SALT BYTES TIME CHANGE INODE SINCE
 * PATH", each with a NUL behind it, by path.  One that cannot be read back is
 * forgotten: the files are then taken as they stand. */
#include "engine/content.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/system.h"
#include "engine/dispatch.h"
#include "engine/folder.h"
#include "engine/inputs.h"
#include "engine/outcome.h"
#include "engine/program.h"
#include "io/atomic.h"
#include "io/hash.h"
#include "model/json.h"

#define NANO INT64_C(1000000000)

/* What rank 0 knows of a file. */
struct qn_content {
    char *path;          /* owned                                         */
    char hash[QN_HASH_HEX];
    char salt[QN_HASH_HEX]; /* in the key; "-": none                      */
    int64_t bytes, time, change; /* as last seen; ns since 1970           */
    uint64_t inode;
    int64_t since;       /* the time that counts                          */
};

/* ---- the memory ------------------------------------------------------------- */

static int
by_path(const void *a, const void *b)
{
    return strcmp(((const struct qn_content *)a)->path,
                  ((const struct qn_content *)b)->path);
}

/* Room for one more, zeroed. */
static int
add(struct qn_run *run, const char *path, struct qn_content **c,
    struct qn_error *err)
{
    QN_TRY(qn_memory_grow((void **)&run->content, &run->contents_cap,
                          run->ncontents + 1, sizeof **c, err));
    *c = &run->content[run->ncontents];
    **c = (struct qn_content){.salt = "-"};
    QN_TRY(qn_memory_copy(&(*c)->path, path, err));
    run->ncontents++;
    return 0;
}

static int
take_record(struct qn_run *run, const char *text)
{
    struct qn_content r = {.path = NULL}, *c;
    int at = 0;

    if (sscanf(text,
               "%32s %32s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNu64
               " %" SCNd64 "%n",
               r.hash, r.salt, &r.bytes, &r.time, &r.change, &r.inode,
               &r.since, &at) != 7 ||
        text[at] != ' ')
        return QN_EFORMAT;
    QN_TRY(add(run, text + at + 1, &c, NULL));
    r.path = c->path;
    *c = r;
    return 0;
}

static void
load(struct qn_run *run)
{
    char *path = NULL, *data = NULL;
    size_t n = 0;

    if (!run->contents_loaded &&
        !qn_folder_path(&path, run->options->output, "contents", NULL) &&
        !qn_system_slurp(&data, &n, path, NULL))
        // what is torn ends without its NUL
        for (const char *p = data; memchr(p, 0, (size_t)(data + n - p));
             p += strlen(p) + 1)
            if (take_record(run, p))
                break;
    run->contents_loaded = true;
    if (run->ncontents)
        qsort(run->content, run->ncontents, sizeof *run->content, by_path);
    free(data);
    free(path);
}

int
qn_content_save(struct qn_run *run, struct qn_error *err)
{
    struct qn_text all = {0};
    char *path;
    int rc;

    if (!run->contents_changed)
        return 0;
    QN_TRY(qn_folder_path(&path, run->options->output, "contents", err));
    for (size_t i = 0; i < run->ncontents; i++) {
        const struct qn_content *c = &run->content[i];

        if (!c->hash[0])
            continue;
        qn_text_add(&all,
                    "%s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRIu64
                    " %" PRId64 " %s",
                    c->hash, c->salt, c->bytes, c->time, c->change, c->inode,
                    c->since, c->path);
        qn_text_bytes(&all, "", 1);
    }
    rc = qn_text_check(&all, err);
    if (!rc)
        rc = qn_atomic_replace(path, qn_text_get(&all), all.len,
                               run->options->sync != QN_SYNC_OFF, err);
    qn_text_clear(&all);
    free(path);
    return rc;
}

void
qn_content_clear(struct qn_run *run)
{
    for (size_t i = 0; i < run->ncontents; i++)
        free(run->content[i].path);
    free(run->content);
    run->content = NULL;
    run->ncontents = run->contents_cap = 0;
}

/* ---- what must be read --------------------------------------------------------- */

struct checking {
    struct qn_run *run;
    struct qn_items *items; /* rank 0's */
    struct qn_items files;  /* owned: to be read; the same on all ranks       */
    size_t *which;          /* owned, on rank 0: index in items of each       */
    struct stat *now;       /* owned, on rank 0: of each                      */
    size_t n;
    struct qn_outcomes done;
};

static struct qn_content *
find(const struct qn_run *run, size_t n, const char *path)
{
    struct qn_content key = {.path = (char *)(uintptr_t)path};

    return n ? bsearch(&key, run->content, n, sizeof key, by_path) : NULL;
}

static int64_t
ns_of(const struct timespec *t)
{
    return t->tv_sec * NANO + t->tv_nsec;
}

static bool
is_as_before(const struct qn_content *c, const struct stat *now)
{
    return c->hash[0] && c->bytes == now->st_size &&
           c->time == ns_of(&now->st_mtim) &&
           c->change == ns_of(&now->st_ctim) && c->inode == now->st_ino;
}

/* On rank 0. */
static int
list_files(struct checking *k, struct qn_error *err)
{
    struct qn_run *run = k->run;

    load(run);
    QN_TRY(qn_memory_make((void **)&k->which, k->items->n, sizeof *k->which,
                          "the inputs", err));
    QN_TRY(qn_memory_make((void **)&k->now, k->items->n, sizeof *k->now,
                          "the inputs", err));
    for (size_t i = 0; i < k->items->n; i++) {
        const struct qn_item *item = &k->items->v[i];
        const struct qn_content *c =
            find(run, run->ncontents, item->path);
        char *path;
        struct stat *now = &k->now[k->n];
        struct qn_item *one;
        int gone;

        if (item->code)
            continue;
        path = qn_inputs_path(run, item->path);
        gone = !path || stat(path, now);
        free(path);
        if (gone || (c && is_as_before(c, now)))
            continue; // one that is gone fails later, with a reason
        QN_TRY(qn_item_add(&k->files, item->path, &one, err));
        one->bytes = now->st_size;
        k->which[k->n++] = i;
    }
    return 0;
}

/* Rank 0's list to all. */
static int
spread(struct checking *k, int rc, struct qn_error *err)
{
    struct qn_comm *comm = k->run->comm;
    struct qn_text packed = {0};
    void *data;
    size_t n;

    if (!rc && !comm->rank)
        rc = qn_item_pack(&packed, &k->files, 0, k->files.n, err);
    rc = qn_comm_agree(comm, rc, err);
    data = packed.s;
    n = packed.len;
    if (!rc && comm->size > 1) {
        rc = qn_comm_broadcast(comm, &data, &n, 0, err);
        if (!rc && comm->rank)
            rc = qn_item_unpack(&k->files, data, n, err);
        if (comm->rank)
            free(data);
        rc = qn_comm_agree(comm, rc, err);
    }
    qn_text_clear(&packed);
    return rc;
}

static int
request_hash(void *ctx, int64_t unit, json_t **request, double *timeout,
             struct qn_error *err)
{
    struct checking *k = ctx;
    const struct qn_item *item = &k->files.v[unit];
    char *path = qn_inputs_path(k->run, item->path);

    *timeout = 300 + (double)item->bytes / 10e6;
    *request = json_pack("{s:s,s:s}", "op", "hash", "path", path ? path : "");
    free(path);
    if (*request)
        return 0;
    return qn_fail(err, QN_EFORMAT,
                   "%s: the file's name is no UTF-8; rename it", item->path);
}

static int
finish_hash(void *ctx, int64_t unit, const json_t *reply,
            const struct qn_error *why, struct qn_error *err)
{
    struct checking *k = ctx;
    const char *text = qn_json_text(reply, "hash");

    (void)err;
    if (!reply)
        text = qn_program_reason(k->run, k->files.v[unit].path, why->text);
    qn_outcome_add(&k->done, unit, reply ? 0 : why->code, 0, text);
    return 0;
}

/* Contents that are new: are they those of before under another time? */
static void
learn(struct qn_content *c, const struct stat *now, const char *hash)
{
    int64_t time = ns_of(&now->st_mtim);

    if (!c->hash[0]) {
        c->since = time;
    } else if (strcmp(c->hash, hash) != 0) {
        bool hidden = c->bytes == now->st_size && c->since == time;

        snprintf(c->salt, sizeof c->salt, "%s", hidden ? hash : "-");
        c->since = time;
    }
    snprintf(c->hash, sizeof c->hash, "%s", hash);
    c->bytes = now->st_size;
    c->time = time;
    c->change = ns_of(&now->st_ctim);
    c->inode = now->st_ino;
}

static int
take_hash(void *ctx, int rank, int64_t unit, int code, int64_t value,
          const char *text, struct qn_error *err)
{
    struct checking *k = ctx;
    struct qn_run *run = k->run;
    struct qn_item *item;
    struct qn_content *c;

    (void)rank, (void)value;
    if (run->comm->rank)
        return 0;
    item = &k->items->v[k->which[unit]];
    if (code)
        return qn_item_fail(&k->items->pool, item, code, text, err);
    // those that this check adds stand behind the others, unsorted
    c = find(run, run->contents_known, item->path);
    if (!c)
        QN_TRY(add(run, item->path, &c, err));
    learn(c, &k->now[unit], text);
    run->contents_changed = true;
    return 0;
}

/* On rank 0: the times that count. */
static int
apply(struct checking *k, struct qn_error *err)
{
    struct qn_run *run = k->run;

    if (run->ncontents)
        qsort(run->content, run->ncontents, sizeof *run->content, by_path);
    for (size_t i = 0; i < k->items->n; i++) {
        struct qn_item *item = &k->items->v[i];
        const struct qn_content *c =
            find(run, run->ncontents, item->path);

        if (item->code || !c)
            continue;
        item->mtime_ns = c->since;
        if (strcmp(c->salt, "-") != 0)
            QN_TRY(qn_item_field(&k->items->pool, item, QN_CONTENT_FIELD,
                                 c->salt, true, err));
    }
    return 0;
}

static int
read_files(struct checking *k, struct qn_error *err)
{
    struct qn_run *run = k->run;
    struct qn_work work = {.total = (int64_t)k->files.n, .ctx = k,
                           .request = request_hash, .finish = finish_hash,
                           .progress = run->options->progress};
    bool stopped = false;

    if (!work.total)
        return 0;
    if (work.progress)
        qn_progress_begin(work.progress, "reading the inputs", 0, work.total,
                          qn_clock_now());
    run->contents_known = run->ncontents;
    QN_TRY(qn_dispatch(&run->farm, run->comm, &work, &stopped, err));
    QN_TRY(qn_outcome_share(run->comm, &k->done, take_hash, k, err));
    if (stopped)
        return qn_fail(err, QN_ESTOPPED, "stopped while reading the inputs");
    return 0;
}

int
qn_content_check(struct qn_run *run, struct qn_items *items, int rc,
                 struct qn_error *err)
{
    struct checking k = {.run = run, .items = items};

    if (!run->options->verify_content)
        return rc;
    if (!rc && !run->comm->rank)
        rc = list_files(&k, err);
    rc = spread(&k, rc, err);
    if (!rc)
        rc = qn_comm_agree(run->comm, read_files(&k, err), err);
    if (!rc && !run->comm->rank)
        rc = apply(&k, err);
    qn_item_clear(&k.files);
    qn_outcome_clear(&k.done);
    free(k.which);
    free(k.now);
    return rc;
}
