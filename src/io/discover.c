/* Finding input files: see discover.h.
 *
 * Puts together what others know: pattern.h what matches, walk.h what is on
 * disk, list.h what a list says.  Its own part are the paths: relative to the
 * base where they lie below it, each once, in byte order. */
#include "io/discover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/atomic.h"
#include "io/list.h"
#include "io/pattern.h"
#include "io/walk.h"

struct finder {
    struct qn_finds *out;
    char *base;                 /* owned: absolute                         */
    struct qn_pattern *exclude; /* owned                                   */
    size_t nexclude;
    size_t excluded;            /* files left out on account of it         */
    struct qn_text path;        /* the path in hand, absolute              */
    bool later;                 /* plain files are not looked at           */
    /* of the pattern in hand */
    const char *root;
    const struct qn_pattern *pattern;
};

/* ---- paths -------------------------------------------------------------- */

/* Append path's segments to the absolute path in t; ".." takes one away. */
static void
append_path(struct qn_text *t, const char *path)
{
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n == 2 && !memcmp(path, "..", 2)) {
            const char *slash = t->len ? strrchr(t->s, '/') : NULL;
            t->len = slash ? (size_t)(slash - t->s) : 0;
            if (t->s)
                t->s[t->len] = '\0';
        } else if (n > 0 && !(n == 1 && *path == '.')) {
            qn_text_bytes(t, "/", 1);
            qn_text_bytes(t, path, n);
        }
        path += n + (path[n] == '/');
    }
}

/* path in t: absolute, without ".", ".." and double slashes; "" is the root
 * of the file system. */
static void
set_path(struct qn_text *t, const char *base, const char *path)
{
    t->len = 0;
    if (t->s)
        t->s[0] = '\0';
    if (*path != '/')
        append_path(t, base);
    append_path(t, path);
}

static int
make_base(char **base, const char *folder, struct qn_error *err)
{
    struct qn_text t = {0};
    char *here = *folder == '/' ? NULL : getcwd(NULL, 0);

    *base = NULL;
    if (*folder != '/' && !here)
        return qn_fail(err, QN_EIO, "the current folder is gone: %s",
                       strerror(errno));
    set_path(&t, here ? here : "/", folder);
    free(here);
    if (qn_text_check(&t, err)) {
        qn_text_clear(&t);
        return QN_ENOMEM;
    }
    return t.s ? (*base = t.s, 0) : qn_memory_copy(base, "", err);
}

/* The part of an absolute path below base, or all of it. */
static const char *
below(const char *path, const char *base)
{
    size_t n = strlen(base);

    return !strncmp(path, base, n) && path[n] == '/' ? path + n + 1 : path;
}

static const char *
last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* ---- what is left out --------------------------------------------------- */

static int
make_excludes(struct finder *f, const char *const *exclude, size_t n,
              struct qn_error *err)
{
    QN_TRY(qn_memory_make((void **)&f->exclude, n, sizeof *f->exclude,
                          "the excluded patterns", err));
    for (; f->nexclude < n; f->nexclude++) {
        const char *text = exclude[f->nexclude];
        struct qn_pattern *p = &f->exclude[f->nexclude];
        QN_TRY(qn_pattern_parse(p, below(text, f->base), err));
        if (p->up) {
            qn_pattern_clear(p);
            return qn_fail(err, QN_EJOB,
                           "exclude '%s' leads out of %s: write its full path",
                           text, *f->base ? f->base : "/");
        }
    }
    return 0;
}

/* Does p match the path, or (if it is a single segment) its last name? */
static bool
names(const struct qn_pattern *p, const char *path)
{
    bool absolute = *path == '/';

    return (p->absolute == absolute &&
            qn_pattern_match(p, path + absolute, true, NULL)) ||
           (p->n == 1 && qn_pattern_match(p, last_name(path), true, NULL));
}

static bool
is_excluded(const struct finder *f, const char *path)
{
    for (size_t i = 0; i < f->nexclude; i++)
        if (names(&f->exclude[i], path))
            return true;
    return false;
}

/* A pattern that ends in "**" and matches one name in a folder matches all
 * that is below: then it need not be entered. */
static bool
skip_folder(void *ctx, const char *folder)
{
    struct finder *f = ctx;
    const char *path;

    if (f->nexclude == 0)
        return false;
    set_path(&f->path, f->root, folder);
    append_path(&f->path, "x");
    path = below(qn_text_get(&f->path), f->base);
    for (size_t i = 0; i < f->nexclude; i++) {
        const struct qn_pattern *p = &f->exclude[i];
        if (p->n > 1 && p->segment[p->n - 1].kind == QN_SEGMENT_ANY &&
            names(p, path)) {
            f->excluded++;
            return true;
        }
    }
    return false;
}

/* ---- what is kept ------------------------------------------------------- */

/* Keep the file whose absolute path is in f->path. */
static int
keep(struct finder *f, const struct stat *st, const char *fields,
     struct qn_error *err)
{
    struct qn_finds *out = f->out;
    struct qn_found found = {.bytes = -1};
    const char *path;

    QN_TRY(qn_text_check(&f->path, err));
    path = below(qn_text_get(&f->path), f->base);
    if (is_excluded(f, path)) {
        f->excluded++;
        return 0;
    }
    QN_TRY(qn_memory_grow((void **)&out->v, &out->cap, out->n + 1,
                          sizeof *out->v, err));
    if (st) {
        found.bytes = st->st_size;
        found.mtime_ns =
            (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    }
    QN_TRY(qn_memory_copy(&found.path, path, err));
    if (*fields && qn_memory_copy(&found.fields, fields, err)) {
        free(found.path);
        return QN_ENOMEM;
    }
    out->v[out->n++] = found;
    return 0;
}

static int
keep_match(void *ctx, const char *path, const struct stat *st,
           struct qn_error *err)
{
    struct finder *f = ctx;
    struct qn_text fields = {0};
    int rc;

    if (f->pattern->captures)
        qn_pattern_match(f->pattern, path, false, &fields);
    // What was found has no "." and "..", and root has none either.
    f->path.len = 0;
    qn_text_bytes(&f->path, f->root, strlen(f->root));
    qn_text_bytes(&f->path, "/", 1);
    qn_text_bytes(&f->path, path, strlen(path));
    rc = qn_text_check(&fields, err);
    if (!rc)
        rc = keep(f, st, qn_text_get(&fields), err);
    qn_text_clear(&fields);
    return rc;
}

static int
keep_listed(void *ctx, const char *path, const char *fields,
            struct qn_error *err)
{
    struct finder *f = ctx;
    struct stat st;
    bool known;

    set_path(&f->path, f->base, path);
    QN_TRY(qn_text_check(&f->path, err));
    if (qn_atomic_is_temporary(last_name(qn_text_get(&f->path))))
        return 0;
    known = stat(qn_text_get(&f->path), &st) == 0 && S_ISREG(st.st_mode);
    return keep(f, known ? &st : NULL, fields, err);
}

/* ---- one pattern -------------------------------------------------------- */

static int
walk(struct finder *f, const char *root, const struct qn_pattern *p,
     struct qn_error *err)
{
    struct qn_walk w = {
        .pattern = p,
        .root = *root ? root : "/",
        .each = keep_match,
        .skip = skip_folder,
        .later = f->later,
        .ctx = f,
    };

    f->root = root;
    f->pattern = p;
    return qn_walk_files(&w, err);
}

static int
find_in_folder(struct finder *f, const char *folder, struct qn_error *err)
{
    struct qn_pattern all = {0};
    int rc = qn_pattern_parse(&all, "*", err);

    if (!rc)
        rc = walk(f, folder, &all, err);
    qn_pattern_clear(&all);
    return rc;
}

static int
find_pattern(struct finder *f, const char *text, struct qn_error *err)
{
    struct qn_pattern p = {0};
    struct qn_text root = {0};
    int rc = qn_pattern_parse(&p, text, err);

    if (!rc && !p.absolute)
        append_path(&root, f->base);
    for (int i = 0; i < p.up && !p.absolute; i++)
        append_path(&root, "..");
    if (!rc)
        rc = qn_text_check(&root, err);
    if (!rc)
        rc = walk(f, qn_text_get(&root), &p, err);
    qn_text_clear(&root);
    qn_pattern_clear(&p);
    return rc;
}

/* Something that exists under exactly this name, whatever characters are in
 * it; *there is false if nothing does. */
static int
find_name(struct finder *f, const char *text, bool *there,
          struct qn_error *err)
{
    struct stat st;
    char *folder;
    int rc;

    set_path(&f->path, f->base, text);
    QN_TRY(qn_text_check(&f->path, err));
    folder = f->path.len ? f->path.s : NULL;
    *there = stat(folder ? folder : "/", &st) == 0 &&
             (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode));
    if (!*there)
        return 0;
    if (S_ISREG(st.st_mode))
        return keep_listed(f, text, "", err);
    // The walk uses f->path itself.
    QN_TRY(qn_memory_copy(&folder, qn_text_get(&f->path), err));
    rc = find_in_folder(f, folder, err);
    free(folder);
    return rc;
}

/* ---- nothing found ------------------------------------------------------ */

/* Leaves in t the first folder of the pattern's literal front that is not
 * there; false if all are. */
static bool
lacks_folder(struct qn_text *t, const char *base, const struct qn_pattern *p)
{
    struct stat st;

    set_path(t, base, p->absolute ? "/" : "");
    for (int i = 0; i < p->up; i++)
        append_path(t, "..");
    for (int i = 0; i + 1 < p->n; i++) {
        if (t->len && (stat(t->s, &st) < 0 || !S_ISDIR(st.st_mode)))
            return true;
        if (p->segment[i].kind != QN_SEGMENT_LITERAL)
            return false;
        append_path(t, p->segment[i].text);
    }
    return t->len && (stat(t->s, &st) < 0 || !S_ISDIR(st.st_mode));
}

static int
nothing(struct finder *f, const char *text, struct qn_error *err)
{
    struct qn_pattern p = {0};
    int rc;

    QN_TRY(qn_pattern_parse(&p, text, err));
    if (f->excluded > 0)
        rc = qn_fail(err, QN_EMISSING,
                     "no file matches '%s' that 'exclude' does not leave out",
                     text);
    else if (lacks_folder(&f->path, f->base, &p))
        rc = qn_fail(err, QN_EMISSING,
                     "no file matches '%s': there is no folder %s", text,
                     qn_text_get(&f->path));
    else
        rc = qn_fail(err, QN_EMISSING, "no file matches '%s' in %s", text,
                     *f->base ? f->base : "/");
    qn_pattern_clear(&p);
    return rc;
}

static int
find_list(struct finder *f, const char *name, struct qn_error *err)
{
    struct qn_text path = {0};
    int rc;

    if (!strcmp(name, "-"))
        return qn_list_read("-", "standard input", keep_listed, f, err);
    set_path(&path, f->base, name);
    rc = qn_text_check(&path, err);
    if (!rc)
        rc = qn_list_read(qn_text_get(&path), name, keep_listed, f, err);
    qn_text_clear(&path);
    return rc;
}

static int
find(struct finder *f, const char *text, struct qn_error *err)
{
    size_t before = f->out->n;
    bool there = true;

    f->excluded = 0;
    if (*text == '@')
        QN_TRY(find_list(f, text + 1, err));
    else
        QN_TRY(find_name(f, text, &there, err));
    if (!there)
        QN_TRY(find_pattern(f, text, err));
    if (f->out->n > before)
        return 0;
    if (*text == '@' && !f->excluded)
        return qn_fail(err, QN_EMISSING, "the list '%s' names no file", text);
    return nothing(f, text, err);
}

/* ---- order -------------------------------------------------------------- */

/* Equal paths stay in the order in which they were found. */
static int
compare(const void *a, const void *b)
{
    const struct qn_found *const *x = a, *const *y = b;
    int order = strcmp((*x)->path, (*y)->path);

    return order ? order : (*x > *y) - (*x < *y);
}

static void
clear_one(struct qn_found *f)
{
    free(f->path);
    free(f->fields);
}

/* Sort by path and keep the first of each. */
static int
put_in_order(struct qn_finds *finds, struct qn_error *err)
{
    struct qn_found **sorted, *v;
    size_t n = 0;
    int rc;

    QN_TRY(qn_memory_make((void **)&sorted, finds->n, sizeof *sorted,
                          "a list of files", err));
    rc = qn_memory_make((void **)&v, finds->n, sizeof *v, "a list of files",
                        err);
    if (!rc) {
        for (size_t i = 0; i < finds->n; i++)
            sorted[i] = &finds->v[i];
        qsort(sorted, finds->n, sizeof *sorted, compare);
        for (size_t i = 0; i < finds->n; i++) {
            if (n > 0 && !strcmp(v[n - 1].path, sorted[i]->path))
                clear_one(sorted[i]);
            else
                v[n++] = *sorted[i];
        }
        free(finds->v);
        finds->cap = finds->n;
        finds->v = v;
        finds->n = n;
    }
    free(sorted);
    return rc;
}

/* What is asked for. */
struct wanted {
    const char *const *patterns, *const *exclude;
    size_t npatterns, nexclude;
};

static int
discover(struct finder f, const char *base, const struct wanted *w,
         struct qn_error *err)
{
    struct qn_finds *out = f.out;
    int rc;

    _Static_assert((int)QN_WALK_LATER == QN_FOUND_LATER, "one is the other");
    *out = (struct qn_finds){0};
    rc = make_base(&f.base, base, err);
    if (!rc)
        rc = make_excludes(&f, w->exclude, w->nexclude, err);
    for (size_t i = 0; i < w->npatterns && !rc; i++)
        rc = find(&f, w->patterns[i], err);
    if (!rc && out->n > 0)
        rc = put_in_order(out, err);
    if (rc)
        qn_discover_clear(out);
    for (size_t i = 0; i < f.nexclude; i++)
        qn_pattern_clear(&f.exclude[i]);
    free(f.exclude);
    free(f.base);
    qn_text_clear(&f.path);
    return rc;
}

int
qn_discover(struct qn_finds *out, const char *base,
            const char *const *patterns, size_t npatterns,
            const char *const *exclude, size_t nexclude, struct qn_error *err)
{
    const struct wanted w = {patterns, exclude, npatterns, nexclude};

    return discover((struct finder){.out = out}, base, &w, err);
}

int
qn_discover_names(struct qn_finds *out, const char *base,
                  const char *const *patterns, size_t npatterns,
                  const char *const *exclude, size_t nexclude,
                  struct qn_error *err)
{
    const struct wanted w = {patterns, exclude, npatterns, nexclude};

    return discover((struct finder){.out = out, .later = true}, base, &w, err);
}

bool
qn_discover_match(const char *pattern, const char *path)
{
    struct qn_pattern p;
    bool yes;

    if (qn_pattern_parse(&p, pattern, NULL))
        return false;
    yes = names(&p, path);
    qn_pattern_clear(&p);
    return yes;
}

void
qn_discover_clear(struct qn_finds *f)
{
    for (size_t i = 0; i < f->n; i++)
        clear_one(&f->v[i]);
    free(f->v);
    *f = (struct qn_finds){0};
}
