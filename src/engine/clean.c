/* Cleaning an output folder: what is not on its lists is to go.
 *
 * What belongs here is clean_list.c's to know. */
#include "engine/clean.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/folder.h"
#include "engine/lock.h"
#include "engine/snapshot.h"
#include "io/atomic.h"
#include "model/json.h"

/* ---- finding ----------------------------------------------------------- */

/* path is taken over. */
static int
add_entry(struct qn_clean *c, char *path, enum qn_clean_why why,
          int64_t bytes, struct qn_error *err)
{
    int rc = qn_memory_grow((void **)&c->v, &c->cap, c->n + 1, sizeof *c->v,
                            err);

    if (rc) {
        free(path);
        return rc;
    }
    c->v[c->n++] = (struct qn_clean_entry){path, why, bytes};
    c->files += why != QN_CLEAN_FOLDER;
    c->folders += why == QN_CLEAN_FOLDER;
    c->bytes += bytes;
    return 0;
}

struct finding {
    struct qn_clean *c;
    const struct qn_clean_stage *stage; /* NULL: in OUT/.quern  */
    bool scratch;                       /* everything is to go, but */
    const struct qn_clean_names *states; /* what begins so: NULL    */
};

static const char *
name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Does a run go on from this file?  Its name is one of the states', with an
 * ending. */
static bool
is_kept_state(const struct finding *f, const char *name)
{
    char stem[QN_SNAPSHOT_NAME];
    size_t n = strcspn(name, ".");

    if (!f->states || n >= sizeof stem)
        return false;
    memcpy(stem, name, n);
    stem[n] = '\0';
    return qn_clean_list_has(f->states, stem);
}

/* Is a file to go?  path is its own, from the output folder. */
static bool
must_go(const struct finding *f, const char *path, bool regular,
        enum qn_clean_why *why)
{
    const char *name = name_of(path);

    *why = QN_CLEAN_SCRATCH;
    if (f->scratch)
        return !is_kept_state(f, name);
    *why = QN_CLEAN_TEMPORARY;
    if (!regular || qn_atomic_is_temporary(name))
        return regular;
    if (!f->stage || !f->stage->listed || name[0] == '.')
        return false;
    *why = f->stage->gone ? QN_CLEAN_STAGE : QN_CLEAN_ORPHAN;
    return (qn_clean_list_ends(name, ".h5") ||
            qn_clean_list_ends(name, ".fits")) &&
           !qn_clean_list_has(&f->c->list.keep, path);
}

static int
find_in(const struct finding *f, const char *folder, bool *all,
        struct qn_error *err);

/* What becomes of a path; *goes: it is to go, and all that is in it. */
static int
find_at(const struct finding *f, const char *path, bool *goes,
        struct qn_error *err)
{
    enum qn_clean_why why = QN_CLEAN_FOLDER;
    struct stat st;
    int64_t bytes = 0;
    char *full, *copy;
    int rc;

    *goes = false;
    QN_TRY(qn_clean_list_join(&full, f->c->output, path, err));
    rc = lstat(full, &st);
    free(full);
    if (rc) // it went away meanwhile
        return 0;
    if (S_ISDIR(st.st_mode)) {
        // no result lies in a hidden folder; a folder that a program filled
        // is one result
        if (f->scratch || (name_of(path)[0] != '.' &&
                           !qn_clean_list_has(&f->c->list.keep, path)))
            QN_TRY(find_in(f, path, goes, err));
    } else {
        bytes = st.st_size;
        *goes = must_go(f, path, S_ISREG(st.st_mode), &why);
    }
    if (!*goes)
        return 0;
    QN_TRY(qn_memory_copy(&copy, path, err));
    return add_entry(f->c, copy, why, bytes, err);
}

/* *all: nothing stays in the folder. */
static int
find_in(const struct finding *f, const char *folder, bool *all,
        struct qn_error *err)
{
    struct qn_clean_names names = {0};
    int rc = qn_clean_list_folder(&names, f->c->output, folder, err);

    *all = true;
    for (size_t i = 0; i < names.n && !rc; i++) {
        char *path = NULL;
        bool goes = false;

        rc = qn_clean_list_join(&path, folder, names.v[i], err);
        if (!rc)
            rc = find_at(f, path, &goes, err);
        *all = *all && goes;
        free(path);
    }
    qn_clean_list_drop(&names);
    return rc;
}

static bool
is_folder(const struct qn_clean *c, const char *name)
{
    struct stat st;
    char *path;
    bool folder;

    if (qn_clean_list_join(&path, c->output, name, NULL))
        return false;
    folder = !lstat(path, &st) && S_ISDIR(st.st_mode);
    free(path);
    return folder;
}

/* OUT/STAGE/, and OUT/STAGE.h5 of a combination.  A stage may be called
 * `flat.h5`: its folder is then no result of the stage `flat`. */
static int
find_stage(struct qn_clean *c, const struct qn_clean_stage *st,
           struct qn_error *err)
{
    static const char *const suffixes[] = {"", ".fits", ".h5"};
    struct finding f = {.c = c, .stage = st};
    int rc = 0;

    for (int i = 0; i < 3 && !rc; i++) {
        char *path = NULL;
        bool goes;

        if (asprintf(&path, "%s%s", st->name, suffixes[i]) < 0)
            return qn_fail(err, QN_ENOMEM, "no memory for a path");
        if (is_folder(c, path) == (i == 0))
            rc = find_at(&f, path, &goes, err);
        free(path);
    }
    return rc;
}

/* The temporary of a result that lies in the output folder itself. */
static bool
is_stage_temporary(const struct qn_clean *c, const char *name)
{
    for (size_t i = 0; i < c->list.nstages; i++) {
        size_t n = strlen(c->list.stage[i].name);

        if (!strncmp(name + 1, c->list.stage[i].name, n) &&
            (!strncmp(name + 1 + n, ".h5.", 4) ||
             !strncmp(name + 1 + n, ".fits.", 6)))
            return true;
    }
    return false;
}

static int
find_temporaries(struct qn_clean *c, struct qn_error *err)
{
    struct finding f = {.c = c};
    struct qn_clean_names names = {0};
    int rc = qn_clean_list_folder(&names, c->output, "", err);
    bool goes;

    for (size_t i = 0; i < names.n && !rc; i++)
        if (qn_atomic_is_temporary(names.v[i]) &&
            is_stage_temporary(c, names.v[i]))
            rc = find_at(&f, names.v[i], &goes, err);
    qn_clean_list_drop(&names);
    return rc;
}

/* Scratch, but for the states of results that the job still has. */
static int
find_scratch(struct qn_clean *c, struct qn_error *err)
{
    struct qn_clean_names states = {0};
    struct finding f = {.c = c, .scratch = true, .states = &states};
    bool goes;
    int rc = 0;

    for (size_t i = 0; i < c->list.keep.n && !rc; i++) {
        char name[QN_SNAPSHOT_NAME];

        rc = qn_snapshot_name(name, c->list.keep.v[i], err);
        if (!rc)
            rc = qn_clean_list_add(&states, name, err);
    }
    qn_clean_list_sort(&states);
    if (!rc)
        rc = find_at(&f, ".quern/scratch", &goes, err);
    qn_clean_list_drop(&states);
    return rc;
}

/* In OUT/.quern and one folder deeper: there are no more. */
static int
find_own(struct qn_clean *c, struct qn_error *err)
{
    static const char *const folders[] = {"", "/journal", "/outputs",
                                          "/shards"};
    struct finding f = {.c = c};
    bool goes;

    for (int i = 0; i < 4; i++) {
        struct qn_clean_names names = {0};
        char folder[32];
        int rc;

        snprintf(folder, sizeof folder, ".quern%s", folders[i]);
        rc = qn_clean_list_folder(&names, c->output, folder, err);
        for (size_t k = 0; k < names.n && !rc; k++) {
            char *path = NULL;

            if (!qn_atomic_is_temporary(names.v[k]))
                continue;
            rc = qn_clean_list_join(&path, folder, names.v[k], err);
            if (!rc)
                rc = find_at(&f, path, &goes, err);
            free(path);
        }
        qn_clean_list_drop(&names);
        QN_TRY(rc);
    }
    return find_scratch(c, err);
}

static int
find_all(struct qn_clean *c, struct qn_error *err)
{
    QN_TRY(qn_clean_list_open(&c->list, c->output, err));
    for (size_t i = 0; i < c->list.nstages; i++)
        QN_TRY(find_stage(c, &c->list.stage[i], err));
    QN_TRY(find_temporaries(c, err));
    return find_own(c, err);
}

/* ---- all of it --------------------------------------------------------- */

static bool
is_sharded(const char *output)
{
    char *path;
    bool there;

    if (qn_clean_list_join(&path, output, ".quern/shards", NULL))
        return false;
    there = !access(path, F_OK);
    free(path);
    return there;
}

/* *ended: the record says so. */
static int
check_record(const char *output, bool *ended, struct qn_error *err)
{
    const char *state;
    json_t *record;
    char *path;
    int rc = 0;

    QN_TRY(qn_clean_list_join(&path, output, ".quern/run.json", err));
    *ended = false;
    if (access(path, F_OK) && is_sharded(output))
        ; // no whole run was ever here
    else if (access(path, F_OK))
        rc = qn_fail(err, QN_EUSAGE,
                     "%s is no output folder: it has no .quern/run.json; "
                     "nothing is removed",
                     output);
    record = rc ? NULL : json_load_file(path, 0, NULL);
    state = qn_json_text(record, "state");
    *ended = state && strcmp(state, "running") != 0 &&
             strcmp(state, "watching") != 0;
    json_decref(record);
    free(path);
    return rc;
}

int
qn_clean_open(struct qn_clean *c, const char *output, bool dry,
              struct qn_error *err)
{
    bool ended;
    int rc;

    *c = (struct qn_clean){.lock = -1};
    QN_TRY(check_record(output, &ended, err));
    rc = dry ? qn_lock_check(output, ended, err)
             : qn_lock_open(&c->lock, output, ended, err);
    if (!rc)
        rc = qn_memory_copy(&c->output, output, err);
    if (!rc)
        rc = find_all(c, err);
    if (rc)
        qn_clean_close(c);
    return rc;
}

static int
remove_entry(struct qn_clean *c, const struct qn_clean_entry *e,
             struct qn_error *err)
{
    bool folder = e->why == QN_CLEAN_FOLDER;
    char *path;
    int rc = 0;

    QN_TRY(qn_clean_list_join(&path, c->output, e->path, err));
    if ((folder ? rmdir(path) : unlink(path)) && errno != ENOENT)
        rc = qn_fail(err, QN_EIO, "%s cannot be removed: %s", path,
                     strerror(errno));
    free(path);
    c->files += !rc && !folder;
    c->folders += !rc && folder;
    c->bytes += rc ? 0 : e->bytes;
    return rc;
}

/* The list of a stage that is gone has served: what people put there later is
 * not quern's. */
static int
forget_stages(struct qn_clean *c, struct qn_error *err)
{
    for (size_t i = 0; i < c->list.nstages; i++) {
        char *path;
        int rc;

        if (!c->list.stage[i].gone)
            continue;
        QN_TRY(qn_folder_results(&path, c->output, c->list.stage[i].name,
                                 err));
        rc = unlink(path) && errno != ENOENT
                 ? qn_fail(err, QN_EIO, "%s cannot be removed: %s", path,
                           strerror(errno))
                 : 0;
        free(path);
        QN_TRY(rc);
    }
    return 0;
}

int
qn_clean_remove(struct qn_clean *c, struct qn_error *err)
{
    struct qn_error other;
    int rc = 0;

    c->files = c->folders = 0;
    c->bytes = 0;
    for (size_t i = 0; i < c->n; i++) {
        int bad = remove_entry(c, &c->v[i], rc ? &other : err);

        rc = rc ? rc : bad;
    }
    return rc ? rc : forget_stages(c, err);
}

void
qn_clean_close(struct qn_clean *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i].path);
    free(c->v);
    free(c->output);
    qn_clean_list_close(&c->list);
    qn_lock_close(&c->lock);
    *c = (struct qn_clean){.lock = -1};
}
