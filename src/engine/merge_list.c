/* What the record of a run says of one stage's items.
 *
 * The list of results gives their order, the journal what became of each, the
 * run's record the items that failed before they had a result's name. */
#include "engine/merge_list.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "engine/clean_list.h"
#include "engine/folder.h"
#include "engine/status_shards.h"
#include "io/journal.h"

/* ---- folder and stage ---------------------------------------------------- */

static bool
is_output(const char *folder)
{
    char *path;
    bool yes;

    if (qn_folder_path(&path, folder, "outputs", NULL))
        return false;
    yes = !access(path, F_OK);
    free(path);
    return yes;
}

/* "bias, flat, science" */
static void
name_stages(const char *output, char *names, size_t size)
{
    struct qn_clean_list all = {0};
    size_t n = 0;

    snprintf(names, size, "none");
    if (!qn_clean_list_open(&all, output, NULL))
        for (size_t i = 0; i < all.nstages && n < size; i++)
            if (!all.stage[i].gone)
                n += (size_t)snprintf(names + n, size - n, "%s%s",
                                      n ? ", " : "", all.stage[i].name);
    qn_clean_list_close(&all);
}

/* DIR/STAGE, or STAGE inside DIR. */
static int
split_folder(struct qn_merge_list *l, const char *folder, struct qn_error *err)
{
    size_t n = strlen(folder);
    char names[512], *slash;

    while (n > 1 && folder[n - 1] == '/')
        n--;
    if (!(l->stage = strndup(folder, n)))
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    if (is_output(l->stage)) {
        name_stages(l->stage, names, sizeof names);
        return qn_fail(err, QN_EUSAGE,
                       "which stage of %s? It has: %s; write %s/STAGE",
                       l->stage, names, l->stage);
    }
    slash = strrchr(l->stage, '/');
    if (!slash)
        return qn_memory_copy(&l->output, ".", err);
    l->output = slash == l->stage
                    ? strdup("/")
                    : strndup(l->stage, (size_t)(slash - l->stage));
    memmove(l->stage, slash + 1, strlen(slash + 1) + 1);
    return l->output ? 0 : qn_fail(err, QN_ENOMEM, "no memory for a path");
}

/* ---- results ------------------------------------------------------------- */

int
qn_merge_list_add(struct qn_merge_list *l, const char *name, const char *path,
                  struct qn_error *err)
{
    struct qn_merge_item *item;

    QN_TRY(qn_memory_grow((void **)&l->item, &l->cap, l->n + 1, sizeof *l->item,
                          err));
    item = &l->item[l->n];
    *item = (struct qn_merge_item){.state = QN_MERGE_ABSENT, .bytes = -1};
    QN_TRY(qn_pool_text(&l->pool, (char **)&item->name, name, err));
    item->path = item->name;
    if (path)
        QN_TRY(qn_pool_text(&l->pool, (char **)&item->path, path, err));
    l->n++;
    return 0;
}

static int
load_results(struct qn_merge_list *l, struct qn_error *err)
{
    char *path = NULL, *text = NULL, *rest, *line, names[512];
    size_t n;
    int rc = 0;

    QN_TRY(qn_folder_results(&path, l->output, l->stage, err));
    if (!is_output(l->output))
        rc = qn_fail(err, QN_EUSAGE,
                     "%s is no output folder: it has no .quern/outputs; "
                     "write DIR/STAGE",
                     l->output);
    else if (access(path, F_OK)) {
        name_stages(l->output, names, sizeof names);
        rc = qn_fail(err, QN_EUSAGE,
                     "%s has no stage %s that was run; it has: %s", l->output,
                     l->stage, names);
    } else {
        rc = qn_system_slurp(&text, &n, path, err);
    }
    rest = text;
    snprintf(names, sizeof names, "%s.h5", l->stage);
    while (!rc && (line = strsep(&rest, "\n")))
        // of many results that is the file over all of them
        if (*line && (strcmp(line, names) != 0 || (!l->n && !(rest && *rest))))
            rc = qn_merge_list_add(l, line, NULL, err);
    free(text);
    free(path);
    return rc;
}

/* ---- the journal --------------------------------------------------------- */

struct named {
    const char *name;
    size_t i;
};

struct telling {
    struct qn_merge_list *l;
    const struct named *named; /* [l->n], by name */
};

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name,
                  ((const struct named *)b)->name);
}

static int
take_line(void *ctx, const struct qn_record *r, struct qn_error *err)
{
    struct telling *t = ctx;
    struct named key = {.name = r->name};
    const struct named *found;
    struct qn_merge_item *item;

    if (strcmp(r->stage, t->l->stage) != 0 || !*r->name ||
        t->l->n == 0 ||
        !(found = bsearch(&key, t->named, t->l->n, sizeof key, by_name)))
        return 0;
    item = &t->l->item[found->i];
    item->kind = (uint8_t)r->kind;
    item->told = true;
    if (*r->item && item->path == item->name)
        QN_TRY(qn_pool_text(&t->l->pool, (char **)&item->path, r->item, err));
    if (r->kind == QN_RECORD_DONE) {
        item->journaled = true;
        item->bytes = r->bytes;
        item->mtime_ns = r->mtime_ns;
    }
    return r->kind == QN_RECORD_FAILED
               ? qn_pool_text(&t->l->pool, (char **)&item->reason, r->reason,
                              err)
               : 0;
}

static int
load_journal(struct qn_merge_list *l, const struct named *index,
             struct qn_error *err)
{
    struct telling t = {.l = l, .named = index};
    char *folder;
    int rc;

    QN_TRY(qn_folder_path(&folder, l->output, "journal", err));
    rc = qn_journal_load(folder, take_line, &t, NULL, err);
    free(folder);
    return rc;
}

/* ---- how each stands ----------------------------------------------------- */

int
qn_merge_list_break(struct qn_merge_list *l, struct qn_merge_item *item,
                    int code, const char *reason, struct qn_error *err)
{
    item->state = QN_MERGE_BROKEN;
    item->code = (int16_t)code;
    return qn_pool_text(&l->pool, (char **)&item->reason, reason, err);
}

/* Without a line of the journal the file speaks for itself. */
int
qn_merge_list_settle(struct qn_merge_list *l, struct qn_merge_item *item,
                     struct qn_error *err)
{
    struct stat st;
    char *path;
    int64_t mtime;
    bool there;

    if (item->kind == QN_RECORD_FAILED && item->told) {
        item->state = QN_MERGE_FAILED;
        return 0;
    }
    item->reason = NULL;
    if (item->told && item->kind != QN_RECORD_DONE)
        return 0; // in a worker's hands, or was when the run was killed
    QN_TRY(qn_clean_list_join(&path, l->output, item->name, err));
    there = !stat(path, &st);
    free(path);
    if (!there && !item->journaled)
        return 0;
    if (!there)
        return qn_merge_list_break(
            l, item, QN_EFORMAT,
            "it is not there any more; the next run makes it again", err);
    mtime = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
    if (item->journaled &&
        (item->bytes != st.st_size || item->mtime_ns != mtime))
        return qn_merge_list_break(
            l, item, QN_EFORMAT,
            "it was changed after the run wrote it, or copied without its "
            "time (`cp -a` keeps it); the next run makes it again",
            err);
    item->bytes = st.st_size;
    item->mtime_ns = mtime;
    item->state = QN_MERGE_DONE;
    return 0;
}

/* ---- items that never had a name ----------------------------------------- */

static int
by_path(const void *a, const void *b)
{
    const struct qn_merge_item *x = a, *y = b;

    return strcmp(x->path, y->path);
}

/* Of a part there may be many, in the order of its items. */
int
qn_merge_list_failure(struct qn_merge_list *l, struct qn_merge_item *item,
                      const char *path, const char *reason,
                      struct qn_error *err)
{
    struct qn_merge_failure **end = &item->failures, *f;

    while (*end)
        end = &(*end)->next;
    QN_TRY(qn_pool_make(&l->pool, (void **)&f, 1, sizeof *f, err));
    QN_TRY(qn_pool_text(&l->pool, (char **)&f->path, path, err));
    QN_TRY(qn_pool_text(&l->pool, (char **)&f->reason, reason, err));
    f->next = NULL;
    *end = f;
    return 0;
}

/* One of the list that has no line in the journal: it failed before it was in
 * a worker's hands. */
static bool
take_named(struct qn_merge_list *l, const json_t *failure,
           const struct named *index, size_t listed)
{
    struct named key = {
        .name = json_string_value(json_object_get(failure, "name"))};
    const struct named *found =
        key.name && listed ? bsearch(&key, index, listed, sizeof key, by_name)
                           : NULL;
    struct qn_merge_item *item = found ? &l->item[found->i] : NULL;

    if (item &&
        qn_merge_list_failure(
            l, item, json_string_value(json_object_get(failure, "item")),
            json_string_value(json_object_get(failure, "reason")), NULL))
        return true;
    if (item && item->state == QN_MERGE_ABSENT && !item->told) {
        item->state = QN_MERGE_FAILED;
        qn_pool_text(&l->pool, (char **)&item->path,
                     json_string_value(json_object_get(failure, "item")), NULL);
        qn_pool_text(&l->pool, (char **)&item->reason,
                     json_string_value(json_object_get(failure, "reason")),
                     NULL);
    }
    return found;
}

static int
take_failures(struct qn_merge_list *l, const json_t *failures,
              const struct named *index, struct qn_error *err)
{
    const size_t listed = l->n;
    const json_t *f;
    size_t i;

    json_array_foreach(failures, i, f)
    {
        const char *stage = json_string_value(json_object_get(f, "stage"));
        const char *path = json_string_value(json_object_get(f, "item"));

        if (!path || !stage || strcmp(stage, l->stage) != 0 ||
            json_is_true(json_object_get(f, "member")) ||
            take_named(l, f, index, listed))
            continue;
        QN_TRY(qn_merge_list_add(l, NULL, path, err));
        l->item[l->n - 1].state = QN_MERGE_FAILED;
        QN_TRY(qn_pool_text(&l->pool, (char **)&l->item[l->n - 1].reason,
                            json_string_value(json_object_get(f, "reason")),
                            err));
    }
    return 0;
}

static int
load_failures(struct qn_merge_list *l, const struct named *index,
              struct qn_error *err)
{
    const char *state;
    json_t *record;
    char *file;
    int rc;

    QN_TRY(qn_folder_path(&file, l->output, "run.json", err));
    record = json_load_file(file, 0, NULL);
    free(file);
    // where shards ran each has a record of its own
    rc = qn_status_shards(&record, l->output, NULL, err);
    state = json_string_value(json_object_get(record, "state"));
    l->ended = state && (!strcmp(state, "done") || !strcmp(state, "failed"));
    if (!rc)
        rc = take_failures(l, json_object_get(record, "failures"), index, err);
    json_decref(record);
    return rc;
}

/* Put those behind `listed` to where their paths belong; the others keep their
 * order. */
int
qn_merge_list_insert(struct qn_merge_list *l, size_t listed,
                     struct qn_error *err)
{
    size_t extra = l->n - listed, a = 0, b = listed, n = 0;
    struct qn_merge_item *all;

    if (!extra)
        return 0;
    qsort(l->item + listed, extra, sizeof *l->item, by_path);
    QN_TRY(qn_memory_make((void **)&all, l->n, sizeof *all, "the items", err));
    while (a < listed || b < l->n) {
        bool late = b < l->n && (a == listed ||
                                 strcmp(l->item[b].path, l->item[a].path) < 0);

        all[n++] = late ? l->item[b++] : l->item[a++];
    }
    free(l->item);
    l->item = all;
    l->cap = l->n;
    return 0;
}

/* ---- all of it ----------------------------------------------------------- */

static int
index_names(struct named **index, const struct qn_merge_list *l,
            struct qn_error *err)
{
    QN_TRY(
        qn_memory_make((void **)index, l->n, sizeof **index, "the items", err));
    for (size_t i = 0; i < l->n; i++)
        (*index)[i] = (struct named){l->item[i].name, i};
    if (l->n)
        qsort(*index, l->n, sizeof **index, by_name);
    return 0;
}

static int
load_all(struct qn_merge_list *l, const char *folder, struct qn_error *err)
{
    struct named *index = NULL;
    size_t listed;
    int rc;

    QN_TRY(split_folder(l, folder, err));
    QN_TRY(load_results(l, err));
    listed = l->n;
    QN_TRY(index_names(&index, l, err));
    rc = load_journal(l, index, err);
    for (size_t i = 0; i < listed && !rc; i++)
        rc = qn_merge_list_settle(l, &l->item[i], err);
    if (!rc)
        rc = load_failures(l, index, err);
    if (!rc)
        rc = qn_merge_list_insert(l, listed, err);
    free(index);
    return rc;
}

int
qn_merge_list_open(struct qn_merge_list *l, const char *folder,
                   struct qn_error *err)
{
    int rc;

    *l = (struct qn_merge_list){0};
    rc = load_all(l, folder, err);
    if (rc)
        qn_merge_list_close(l);
    return rc;
}

void
qn_merge_list_close(struct qn_merge_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        json_decref(l->item[i].items);
        json_decref(l->item[i].cells);
    }
    qn_pool_clear(&l->pool);
    free(l->item);
    free(l->output);
    free(l->stage);
    *l = (struct qn_merge_list){0};
}
