/* Walking folders: see walk.h.
 *
 * In each folder a set of the pattern's segments is open, as in a machine for
 * regular expressions: "**" keeps itself open and opens what follows.  So one
 * look at a folder serves all ways in which the pattern could match. */
#include "io/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "io/atomic.h"

/* Bit i: segment i may match the next name. */
typedef uint64_t open_set;

_Static_assert(QN_PATTERN_SEGMENTS == 64, "a set has a bit for each segment");

/* A folder that is being read, linked to those above it. */
struct level {
    const struct level *above;
    dev_t device;
    ino_t inode;
};

struct walking {
    const struct qn_walk *w;
    struct qn_text path; /* from root to here, without a slash at the end */
    struct qn_error *err;
};

/* The names that may follow, and whether the name itself is a match. */
struct step {
    open_set next;
    bool match;
};

static int
walk_folder(struct walking *k, int fd, open_set open,
            const struct level *above);

static const struct qn_segment *
segment(const struct walking *k, int i)
{
    return &k->w->pattern->segment[i];
}

/* i, and what follows for nothing where i is "**". */
static open_set
opened(const struct walking *k, int i)
{
    open_set set = (open_set)1 << i;

    if (segment(k, i)->kind == QN_SEGMENT_ANY && i + 1 < k->w->pattern->n)
        set |= opened(k, i + 1);
    return set;
}

static struct step
take_step(const struct walking *k, open_set open, const char *name)
{
    struct step s = {0, false};
    int n = k->w->pattern->n;

    for (int i = 0; i < n; i++) {
        if (!(open >> i & 1))
            continue;
        if (segment(k, i)->kind == QN_SEGMENT_ANY) {
            if (*name == '.')
                continue;
            s.next |= (open_set)1 << i;
            s.match |= i + 1 == n;
        } else if (qn_pattern_fits(k->w->pattern, i, name)) {
            if (i + 1 == n)
                s.match = true;
            else
                s.next |= opened(k, i + 1);
        }
    }
    // "**" that stays open keeps open what may follow it at once.
    for (int i = 0; i + 1 < n; i++)
        if (s.next >> i & 1 && segment(k, i)->kind == QN_SEGMENT_ANY)
            s.next |= opened(k, i + 1);
    return s;
}

/* ---- names -------------------------------------------------------------- */

static size_t
push(struct walking *k, const char *name)
{
    size_t before = k->path.len;

    if (before > 0)
        qn_text_bytes(&k->path, "/", 1);
    qn_text_bytes(&k->path, name, strlen(name));
    return before;
}

static void
pop(struct walking *k, size_t before)
{
    k->path.len = before;
    if (k->path.s)
        k->path.s[before] = '\0';
}

static int
cannot(const struct walking *k, const char *what)
{
    return qn_fail(k->err, QN_EIO, "cannot %s folder %s/%s: %s", what,
                   k->w->root, qn_text_get(&k->path), strerror(errno));
}

static bool
is_above(const struct stat *st, const struct level *l)
{
    for (; l; l = l->above)
        if (l->device == st->st_dev && l->inode == st->st_ino)
            return true;
    return false;
}

/* Is a "**" among them, which could go round for ever?  Nothing else can. */
static bool
is_endless(const struct walking *k, open_set open)
{
    for (int i = 0; i < k->w->pattern->n; i++)
        if (open >> i & 1 && segment(k, i)->kind == QN_SEGMENT_ANY)
            return true;
    return false;
}

static bool
is_link(int fd, const char *name, unsigned char type)
{
    struct stat st;

    if (type != DT_UNKNOWN)
        return type == DT_LNK;
    return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISLNK(st.st_mode);
}

/* Enter the folder name of fd, unless it is guarded and one that is above.
 * What is no folder, or gone, holds nothing. */
static int
enter(struct walking *k, int fd, const char *name, open_set next, bool guarded,
      const struct level *above)
{
    struct level here = {.above = above};
    struct stat st;
    int rc = 0, sub;

    if (k->w->skip && k->w->skip(k->w->ctx, qn_text_get(&k->path)))
        return 0;
    sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (sub < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                   ? 0
                   : cannot(k, "open");
    if (fstat(sub, &st) < 0)
        rc = cannot(k, "look at");
    else if (!guarded || !is_above(&st, above)) {
        here.device = st.st_dev;
        here.inode = st.st_ino;
        return walk_folder(k, sub, next, &here);
    }
    close(sub);
    return rc;
}

/* A name that matches: give it on if it is a file. */
static int
give(struct walking *k, int fd, const char *name, unsigned char type)
{
    struct stat st = {.st_size = QN_WALK_LATER};
    bool known;

    if (k->w->later && type == DT_REG)
        return qn_atomic_is_temporary(name)
                   ? 0
                   : k->w->each(k->w->ctx, qn_text_get(&k->path), &st,
                                k->err);
    known = fstatat(fd, name, &st, 0) == 0;

    if (qn_atomic_is_temporary(name) || (known && !S_ISREG(st.st_mode)))
        return 0;
    // Gone since the folder was read: it was never there.  A link that leads
    // nowhere is there, and so is what cannot be looked at.
    if (!known && errno == ENOENT &&
        fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return k->w->each(k->w->ctx, qn_text_get(&k->path), known ? &st : NULL,
                      k->err);
}

static int
visit(struct walking *k, int fd, const char *name, unsigned char type,
      open_set open, const struct level *above)
{
    struct step s = take_step(k, open, name);
    bool maybe_folder = type == DT_DIR || type == DT_LNK || type == DT_UNKNOWN;
    size_t before;
    int rc = 0;

    if (!s.match && !(s.next && maybe_folder))
        return 0;
    before = push(k, name);
    rc = qn_text_check(&k->path, k->err);
    if (!rc && s.match && type != DT_DIR)
        rc = give(k, fd, name, type);
    if (!rc && s.next && maybe_folder)
        rc = enter(k, fd, name, s.next,
                   is_endless(k, open & s.next) && is_link(fd, name, type),
                   above);
    pop(k, before);
    return rc;
}

/* ---- folders ------------------------------------------------------------ */

static int
read_folder(struct walking *k, DIR *dir, open_set open,
            const struct level *here)
{
    struct dirent *e;
    int rc = 0;

    for (errno = 0; !rc && (e = readdir(dir)); errno = 0) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        rc = visit(k, dirfd(dir), e->d_name, e->d_type, open, here);
    }
    if (!rc && errno)
        rc = cannot(k, "read");
    return rc;
}

/* The only open segment, if it is a plain name; else NULL. */
static const char *
only_name(const struct walking *k, open_set open)
{
    int i = __builtin_ctzll(open);

    if (open != (open_set)1 << i || segment(k, i)->kind != QN_SEGMENT_LITERAL)
        return NULL;
    return segment(k, i)->text;
}

/* Takes fd over. */
static int
walk_folder(struct walking *k, int fd, open_set open, const struct level *here)
{
    const char *name = only_name(k, open);
    DIR *dir;
    int rc;

    if (name) {
        rc = visit(k, fd, name, DT_UNKNOWN, open, here);
        close(fd);
        return rc;
    }
    if (!(dir = fdopendir(fd))) {
        rc = cannot(k, "read");
        close(fd);
        return rc;
    }
    rc = read_folder(k, dir, open, here);
    closedir(dir);
    return rc;
}

int
qn_walk_files(const struct qn_walk *w, struct qn_error *err)
{
    struct walking k = {.w = w, .err = err};
    struct level here = {0};
    struct stat st;
    int rc, fd;

    if (w->pattern->n == 0)
        return 0;
    fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : cannot(&k, "open");
    if (fstat(fd, &st) < 0) {
        rc = cannot(&k, "look at");
        close(fd);
        return rc;
    }
    here.device = st.st_dev;
    here.inode = st.st_ino;
    rc = walk_folder(&k, fd, opened(&k, 0), &here);
    qn_text_clear(&k.path);
    return rc;
}
