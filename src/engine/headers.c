/* The memory of headers: one file for each way of reading.
 *
 * What cannot be read back is forgotten without a word: it is looked at
 * again. */
#include "engine/headers.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/system.h"
#include "engine/content.h"
#include "io/atomic.h"
#include "io/source.h"
#include "model/key.h"

enum { FORMAT_VERSION = 2 };

/* The file's name: what is read, how, and which fields. */
static int
name_file(struct qn_headers *h, const struct qn_input *in,
          const struct qn_strings *names, struct qn_error *err)
{
    json_t *source = qn_source_json(in);
    char *text = json_dumps(source, JSON_COMPACT | JSON_SORT_KEYS);
    struct qn_key k;
    struct qn_fingerprint print;
    char hex[QN_KEY_HEX];
    int rc = qn_key_open(&k, err);

    json_decref(source);
    if (!rc) {
        qn_key_number(&k, FORMAT_VERSION);
        qn_key_text(&k, text);
        for (size_t i = 0; i < in->files.n; i++)
            qn_key_text(&k, in->files.v[i]);
        qn_key_number(&k, (int64_t)names->n);
        for (size_t i = 0; i < names->n; i++)
            qn_key_text(&k, names->v[i]);
        qn_key_finish(&k, &print);
        snprintf(h->file, sizeof h->file, "%s", qn_key_hex(hex, &print));
    }
    free(text);
    return rc;
}

static char *
path_of(const struct qn_run *run, const char *file)
{
    char *path = NULL;

    if (asprintf(&path, "%s/.quern/headers/%s", run->options->output, file) <
        0)
        return NULL;
    return path;
}

static int
by_path(const void *a, const void *b)
{
    return strcmp(((const struct qn_item *)a)->path,
                  ((const struct qn_item *)b)->path);
}

static void
load(struct qn_run *run, struct qn_headers *h)
{
    char *path = path_of(run, h->file), *data = NULL;
    size_t n = 0;

    if (path && !qn_system_slurp(&data, &n, path, NULL) &&
        qn_item_unpack(&h->known, data, n, NULL))
        qn_item_clear(&h->known);
    if (h->known.n)
        qsort(h->known.v, h->known.n, sizeof *h->known.v, by_path);
    free(data);
    free(path);
}

static int
give(struct qn_pool *pool, struct qn_item *item, const struct qn_item *known,
     struct qn_error *err)
{
    if (known->code)
        return qn_item_fail(pool, item, known->code, known->reason, err);
    QN_TRY(qn_item_type(pool, item, (enum qn_dtype)known->stored, known->type,
                        err));
    return qn_item_append(pool, item, known, err);
}

/* Keep in known only what is still true of items (both by path). */
static int
merge(struct qn_headers *h, struct qn_items *items, bool retry,
      struct qn_error *err)
{
    size_t k = 0, kept = 0;

    for (size_t i = 0; i < items->n; i++) {
        struct qn_item *item = &items->v[i], *known;
        struct qn_value hidden;
        int c = 1;

        while (k < h->known.n &&
               (c = strcmp(h->known.v[k].path, item->path)) < 0)
            k++;
        if (k == h->known.n || c)
            continue;
        known = &h->known.v[k++];
        // contents that changed behind size and time: the header may have too
        if (item->code || known->bytes != item->bytes ||
            known->mtime_ns != item->mtime_ns || (known->code && retry) ||
            qn_item_find(item, QN_CONTENT_FIELD, &hidden))
            continue;
        QN_TRY(give(&items->pool, item, known, err));
        h->known.v[kept++] = *known;
    }
    h->changed = kept != h->known.n;
    h->known.n = kept;
    return 0;
}

int
qn_headers_recall(struct qn_run *run, int s, const struct qn_strings *names,
                  struct qn_items *items, struct qn_error *err)
{
    struct qn_headers *h = &run->headers[s];

    if (run->comm->rank)
        return 0;
    QN_TRY(name_file(h, &run->job->stages[s].input, names, err));
    if (!run->options->fresh)
        load(run, h);
    return merge(h, items, run->options->retry_failed, err);
}

int
qn_headers_learn(struct qn_run *run, int s, const struct qn_item *item,
                 const struct qn_item *seen, struct qn_error *err)
{
    struct qn_headers *h = &run->headers[s];
    struct qn_item as = *seen, *known;

    // what the system failed to do may go well next time
    if (run->comm->rank || !h->file[0] || seen->code == QN_EIO ||
        seen->code == QN_ENOMEM)
        return 0;
    as.path = item->path;
    as.bytes = item->bytes;
    as.mtime_ns = item->mtime_ns;
    QN_TRY(qn_item_copy(&h->known, &as, &known, err));
    h->changed = true;
    return 0;
}

static int
save(struct qn_run *run, const struct qn_headers *h, struct qn_error *err)
{
    char *path = path_of(run, h->file);
    struct qn_text packed = {0};
    int rc = qn_item_pack(&packed, &h->known, 0, h->known.n, err);

    if (!rc && !path)
        rc = qn_fail(err, QN_ENOMEM, "no memory for a path");
    // other shards may be writing the very same
    if (!rc && run->options->shards)
        rc = qn_atomic_write(path, qn_text_get(&packed), packed.len, err);
    else if (!rc)
        rc = qn_atomic_replace(path, qn_text_get(&packed), packed.len,
                               run->options->sync != QN_SYNC_OFF, err);
    qn_text_clear(&packed);
    free(path);
    return rc;
}

int
qn_headers_save(struct qn_run *run, struct qn_error *err)
{
    char *folder = path_of(run, "");
    int rc = folder ? qn_atomic_folder(folder, err)
                    : qn_fail(err, QN_ENOMEM, "no memory for a path");

    for (int s = 0; s < run->job->nstages && !rc; s++)
        if (run->headers[s].file[0] && run->headers[s].changed)
            rc = save(run, &run->headers[s], err);
    free(folder);
    return rc;
}

void
qn_headers_clear(struct qn_run *run)
{
    for (int s = 0; run->headers && s < run->job->nstages; s++)
        qn_item_clear(&run->headers[s].known);
    free(run->headers);
    run->headers = NULL;
}
