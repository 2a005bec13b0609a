/* Names from lists and folders.
 *
 * The lists are those of the run that planned a stage last.  An empty list of
 * a stage that the job still has is not believed: it may come from a disk that
 * could not be read. */
#include "engine/clean_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/system.h"

bool
qn_clean_list_ends(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n > k && !strcmp(s + n - k, end);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int
qn_clean_list_join(char **out, const char *folder, const char *name,
                   struct qn_error *err)
{
    if (asprintf(out, "%s%s%s", folder, *folder ? "/" : "", name) < 0) {
        *out = NULL;
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    }
    return 0;
}

/* ---- lists ------------------------------------------------------------- */

int
qn_clean_list_add(struct qn_clean_names *names, const char *name,
                  struct qn_error *err)
{
    QN_TRY(qn_memory_grow((void **)&names->v, &names->cap, names->n + 1,
                          sizeof *names->v, err));
    QN_TRY(qn_memory_copy(&names->v[names->n], name, err));
    names->n++;
    return 0;
}

void
qn_clean_list_sort(struct qn_clean_names *names)
{
    if (names->n)
        qsort(names->v, names->n, sizeof *names->v, by_text);
}

bool
qn_clean_list_has(const struct qn_clean_names *names, const char *name)
{
    return names->n && bsearch(&name, names->v, names->n, sizeof *names->v,
                               by_text);
}

void
qn_clean_list_drop(struct qn_clean_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->v[i]);
    free(names->v);
    *names = (struct qn_clean_names){0};
}

/* Add the lines of a file. */
static int
load_names(struct qn_clean_names *names, const char *path,
           struct qn_error *err)
{
    char *text = NULL, *rest, *line;
    size_t n;
    int rc = qn_system_slurp(&text, &n, path, err);

    rest = text;
    while (!rc && (line = strsep(&rest, "\n")))
        if (*line)
            rc = qn_clean_list_add(names, line, err);
    free(text);
    return rc;
}

int
qn_clean_list_folder(struct qn_clean_names *names, const char *output,
                     const char *folder, struct qn_error *err)
{
    struct dirent *d;
    struct stat st;
    char *path;
    DIR *dir = NULL;
    int rc = 0;

    QN_TRY(qn_clean_list_join(&path, output, folder, err));
    if (!lstat(path, &st) && S_ISDIR(st.st_mode) && !(dir = opendir(path)))
        rc = qn_fail(err, QN_EIO, "%s: %s", path, strerror(errno));
    while (dir && !rc && (errno = 0, d = readdir(dir)))
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            rc = qn_clean_list_add(names, d->d_name, err);
    if (dir && !rc && errno)
        rc = qn_fail(err, QN_EIO, "%s: %s", path, strerror(errno));
    if (dir)
        closedir(dir);
    free(path);
    qn_clean_list_sort(names);
    return rc;
}

/* ---- stages ------------------------------------------------------------ */

/* Nothing but the name of a stage may become part of a path. */
static bool
is_stage_name(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/');
}

static int
add_stage(struct qn_clean_list *l, const char *name, bool listed, bool gone,
          struct qn_error *err)
{
    struct qn_clean_stage *st;

    QN_TRY(qn_memory_grow((void **)&l->stage, &l->stages_cap, l->nstages + 1,
                          sizeof *l->stage, err));
    st = &l->stage[l->nstages];
    *st = (struct qn_clean_stage){.listed = listed, .gone = gone};
    QN_TRY(qn_memory_copy(&st->name, name, err));
    l->nstages++;
    return 0;
}

/* file: the name of a list, STAGE.txt. */
static int
take_list(struct qn_clean_list *l, const char *folder, const char *file,
          const struct qn_clean_names *job, struct qn_error *err)
{
    size_t before = l->keep.n;
    char *path, *name;
    bool gone;
    int rc;

    QN_TRY(qn_memory_copy(&name, file, err));
    name[strlen(name) - strlen(".txt")] = '\0';
    // without the job's stages none is known to be gone
    gone = job->n && !qn_clean_list_has(job, name);
    rc = qn_clean_list_join(&path, folder, file, err);
    // of a stage that is gone nothing is to be kept
    if (!rc && is_stage_name(name)) {
        if (!gone)
            rc = load_names(&l->keep, path, err);
        if (!rc)
            rc = add_stage(l, name, gone || l->keep.n > before, gone, err);
    }
    free(path);
    free(name);
    return rc;
}

/* A stage of the job that no run has planned yet: nothing is known of its
 * results. */
static int
add_unlisted(struct qn_clean_list *l, const struct qn_clean_names *job,
             const struct qn_clean_names *files, struct qn_error *err)
{
    for (size_t i = 0; i < job->n; i++) {
        char *list;
        bool known;

        if (asprintf(&list, "%s.txt", job->v[i]) < 0)
            return qn_fail(err, QN_ENOMEM, "no memory for a path");
        known = qn_clean_list_has(files, list);
        free(list);
        if (!known && is_stage_name(job->v[i]))
            QN_TRY(add_stage(l, job->v[i], false, false, err));
    }
    return 0;
}

int
qn_clean_list_open(struct qn_clean_list *l, const char *output,
                   struct qn_error *err)
{
    struct qn_clean_names files = {0}, job = {0};
    char *folder = NULL, *stages = NULL;
    int rc = qn_clean_list_join(&folder, output, ".quern/outputs", err);

    if (!rc)
        rc = qn_clean_list_join(&stages, folder, "STAGES", err);
    if (!rc)
        rc = qn_clean_list_folder(&files, output, ".quern/outputs", err);
    if (!rc && qn_clean_list_has(&files, "STAGES"))
        rc = load_names(&job, stages, err);
    qn_clean_list_sort(&job);
    for (size_t i = 0; i < files.n && !rc; i++)
        if (qn_clean_list_ends(files.v[i], ".txt"))
            rc = take_list(l, folder, files.v[i], &job, err);
    if (!rc)
        rc = add_unlisted(l, &job, &files, err);
    qn_clean_list_sort(&l->keep);
    qn_clean_list_drop(&files);
    qn_clean_list_drop(&job);
    free(folder);
    free(stages);
    return rc;
}

void
qn_clean_list_close(struct qn_clean_list *l)
{
    for (size_t i = 0; i < l->nstages; i++)
        free(l->stage[i].name);
    free(l->stage);
    qn_clean_list_drop(&l->keep);
    *l = (struct qn_clean_list){0};
}
