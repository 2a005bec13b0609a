/* Merging: what the record says, what the results hold, then the file.
 *
 * A source that turns out to be damaged only when it is copied is taken for
 * broken, and all is written again: what was written knows of it. */
#include "engine/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "engine/merge_parts.h"
#include "engine/threads.h"

/* ---- where it may go ----------------------------------------------------- */

static int
resolve_folder(struct qn_merge *m, struct qn_error *err)
{
    const char *slash = strrchr(m->ask->file, '/');
    char *folder =
        slash ? strndup(m->ask->file, (size_t)(slash - m->ask->file) + 1)
              : strdup(".");
    int rc = 0;

    m->where = folder ? realpath(folder, NULL) : NULL;
    if (!m->where)
        rc = qn_fail(err, QN_EUSAGE, "%s cannot be written: folder %s: %s",
                     m->ask->file, folder ? folder : "?", strerror(errno));
    free(folder);
    return rc;
}

/* Is it where results of the stage belong?  `quern clean` would remove it, or
 * a run would write over it. */
static int
check_place(const struct qn_merge *m, struct qn_error *err)
{
    const char *slash = strrchr(m->ask->file, '/');
    const char *name = slash ? slash + 1 : m->ask->file;
    char *output = realpath(m->list.output, NULL);
    size_t n = output ? strlen(output) : 0, k = strlen(m->list.stage);
    bool inside = output && !strncmp(m->where, output, n) &&
                  (m->where[n] == '/' || !m->where[n]);
    const char *below = inside && m->where[n] ? m->where + n + 1 : "";
    bool taken = inside && !*below && !strncmp(name, m->list.stage, k) &&
                 (!strcmp(name + k, ".h5") || !strcmp(name + k, ".fits"));

    taken = taken || (inside && (!strncmp(below, ".quern", 6) ||
                                 (!strncmp(below, m->list.stage, k) &&
                                  (below[k] == '/' || !below[k]))));
    free(output);
    if (taken)
        return qn_fail(err, QN_EUSAGE,
                       "%s is where results of the run belong; give another "
                       "name or folder",
                       m->ask->file);
    return 0;
}

static int
check_file(struct qn_merge *m, struct qn_error *err)
{
    struct stat st;

    QN_TRY(resolve_folder(m, err));
    if (!stat(m->ask->file, &st) && !S_ISREG(st.st_mode))
        return qn_fail(err, QN_EUSAGE, "%s is there and is no file",
                       m->ask->file);
    return m->ask->items ? 0 : check_place(m, err);
}

/* FITS files and the products of programs are not for us. */
static int
check_format(const struct qn_merge *m, struct qn_error *err)
{
    for (size_t i = 0; i < m->list.n; i++) {
        const char *name = m->list.item[i].name;
        size_t n = name ? strlen(name) : 0;

        if (name && (n < 3 || strcmp(name + n - 3, ".h5") != 0))
            return qn_fail(err, QN_EUSAGE,
                           "%s/%s: merge joins results in HDF5; this one is "
                           "none",
                           m->list.output, name);
    }
    return 0;
}

/* ---- counting ------------------------------------------------------------ */

static void
count(struct qn_merge *m)
{
    struct qn_merge_told *t = m->told;

    t->items = (int64_t)m->list.n;
    t->done = t->failed = t->absent = t->broken = 0;
    for (size_t i = 0; i < m->list.n; i++) {
        t->done += m->list.item[i].state == QN_MERGE_DONE;
        t->failed += m->list.item[i].state == QN_MERGE_FAILED;
        t->absent += m->list.item[i].state == QN_MERGE_ABSENT;
        t->broken += m->list.item[i].state == QN_MERGE_BROKEN;
    }
}

/* The first of the broken, unless they are to be skipped. */
static int
check_broken(const struct qn_merge *m, struct qn_error *err)
{
    char more[64] = "";

    for (size_t i = 0; i < m->list.n && !m->ask->skip_broken; i++) {
        const struct qn_merge_item *item = &m->list.item[i];

        if (item->state != QN_MERGE_BROKEN)
            continue;
        if (m->told->broken > 1)
            snprintf(more, sizeof more, " (and %lld more)",
                     (long long)m->told->broken - 1);
        return qn_fail(err, item->code, "%s/%s: %s%s; --skip-broken %s",
                       m->list.output, item->name, item->reason, more,
                       m->ask->items
                           ? "of `quern merge` makes a file of the others"
                           : "marks such items and goes on");
    }
    return 0;
}

/* Files that are shown, rows of one file that are neighbours once. */
static int64_t
count_sources(const struct qn_merge *m)
{
    const struct qn_merge_list *l = &m->list;
    int64_t sources = 0;

    for (size_t i = 0; i < l->n; i += qn_merge_rows_run(m, i))
        sources += l->item[i].state == QN_MERGE_DONE ||
                   qn_merge_rows_there(m, &l->item[i]);
    return sources;
}

static int
check_virtual(const struct qn_merge *m, struct qn_error *err)
{
    int64_t sources = count_sources(m);

    if (!m->ask->is_virtual || sources <= QN_MERGE_VIRTUAL)
        return 0;
    return qn_fail(err, QN_EUSAGE,
                   "--virtual takes at most %d files%s and %s has %lld: a "
                   "reader has all of them open, and beyond its limit of "
                   "descriptors HDF5 shows fill values without an error; "
                   "leave --virtual out",
                   QN_MERGE_VIRTUAL, m->list.packed ? " or runs of rows" : "",
                   m->list.stage, (long long)sources);
}

/* ---- all of it ----------------------------------------------------------- */

static int
look(struct qn_merge *m, struct qn_error *err)
{
    QN_TRY(qn_farm_open(&m->farm, qn_threads_workers(m->told->done), err));
    // whoever wants another try types the line again
    m->farm.retries = 0;
    QN_TRY(qn_merge_look_at(m, err));
    QN_TRY(qn_merge_rows_expand(m, err));
    QN_TRY(qn_merge_order_settle(m, err));
    return qn_merge_order_sort(m, err);
}

/* A file that cannot be copied is broken with all its rows. */
static int
break_source(struct qn_merge *m, struct qn_merge_item *bad,
             const struct qn_error *why, struct qn_error *err)
{
    struct qn_merge_list *l = &m->list;
    const char *name = bad->name;

    for (size_t i = 0; i < l->n; i++) {
        struct qn_merge_item *item = &l->item[i];

        if (item->name != name)
            continue;
        if (item->state == QN_MERGE_DONE)
            QN_TRY(qn_merge_list_break(l, item, why->code, why->text, err));
        item->nrows = 0;
    }
    return 0;
}

/* What fits is written; one that breaks on the way is left out of the next
 * attempt. */
static int
write_file(struct qn_merge *m, struct qn_error *err)
{
    for (;;) {
        struct qn_merge_item *bad;
        struct qn_error why = {0};
        int rc = qn_merge_look_compare(m, err);

        count(m);
        QN_TRY(check_broken(m, err));
        QN_TRY(rc);
        QN_TRY(check_virtual(m, err));
        rc = qn_merge_write(m, &bad, &why);
        if (!rc)
            return 0;
        if (!bad && m->again)
            continue;
        if (!bad)
            return qn_fail(err, rc, "%s", why.text);
        QN_TRY(break_source(m, bad, &why, err));
    }
}

static int
merge(struct qn_merge *m, struct qn_error *err)
{
    QN_TRY(m->ask->items
               ? m->ask->items(m->ask->ctx, &m->list, err)
               : qn_merge_list_open(&m->list, m->ask->stage, err));
    QN_TRY(check_file(m, err));
    QN_TRY(check_format(m, err));
    QN_TRY(qn_merge_order_open(m, err));
    count(m);
    QN_TRY(check_virtual(m, err));
    QN_TRY(look(m, err));
    return write_file(m, err);
}

int
qn_merge(struct qn_merge_told *told, const struct qn_merge_ask *ask,
         struct qn_error *err)
{
    struct qn_merge m = {.ask = ask, .told = told};
    int rc;

    *told = (struct qn_merge_told){0};
    rc = merge(&m, err);
    qn_farm_close(&m.farm);
    qn_merge_list_close(&m.list);
    json_decref(m.names);
    json_decref(m.sets);
    free(m.field);
    free(m.total);
    free(m.where);
    return rc;
}
