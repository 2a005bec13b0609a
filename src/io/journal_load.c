/* Reading the journal: the files of a folder, merged by wall time.
 *
 * A file is read in pieces and opened for each, so that descriptors do not
 * grow with ranks, nor memory with lines; and read, not mapped, because a
 * writer whose disk is full cuts its file shorter, and a mapping would then
 * kill the reader.  What was there when reading began is read.
 */
#include "io/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"
#include "io/journal_line.h"

// All pieces together, and what one may be.
#define PIECES_ALL  ((size_t)64 << 20)
#define PIECE_LEAST ((size_t)8 << 10)
#define PIECE_MOST  ((size_t)1 << 20)

struct source {
    char *path;     /* owned                                               */
    int64_t number; /* of the rank: breaks ties                            */
    int64_t next;   /* offset in the file of the byte behind the piece     */
    int64_t size;   /* bytes to be read in all                             */
    char *piece;    /* owned: [cap + 1]                                    */
    size_t cap, begin, end; /* what is in it and not yet taken             */
    bool skipping; /* inside a line that is too long                      */
    int64_t time;  /* of head, or the latest time before it               */
    struct qn_record head; /* the line that is next                        */
};

struct load {
    struct source *source; /* owned, [n] by number                         */
    size_t n, cap;
    struct source **heap; /* owned: those with a head, the earliest first */
    size_t nheap;
    size_t piece; /* bytes of a piece                             */
    long damaged;
};

/* ---- the files ----------------------------------------------------------- */

/* "12.log", "science@0-4.12.log": 12; else -1. */
static int64_t
log_number(const char *name)
{
    size_t n = strlen(name), digits = 0;
    const char *end = n > 4 ? name + n - 4 : name;

    while (end - digits > name && strchr("0123456789", end[-1 - (int)digits]))
        digits++;
    if (!digits || digits > 18 || strcmp(end, ".log") != 0 || name[0] == '.' ||
        (end - digits > name && end[-1 - (int)digits] != '.'))
        return -1;
    return strtoll(end - digits, NULL, 10);
}

static int
add_source(struct load *l, const char *folder, const char *name,
           struct qn_error *err)
{
    int64_t number = log_number(name);
    struct source s = {.number = number, .time = INT64_MIN};
    struct stat st;

    if (number < 0)
        return 0;
    QN_TRY(qn_memory_grow((void **)&l->source, &l->cap, l->n + 1,
                          sizeof *l->source, err));
    if (asprintf(&s.path, "%s/%s", folder, name) < 0)
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    // What went away meanwhile, and what is no file, has no lines.
    if (stat(s.path, &st) < 0) {
        int rc = errno == ENOENT ? 0
                                 : qn_system_cannot(err, "look at the journal",
                                                    s.path, errno);

        free(s.path);
        return rc;
    }
    if (!S_ISREG(st.st_mode)) {
        free(s.path);
        return 0;
    }
    s.size = st.st_size;
    l->source[l->n++] = s;
    return 0;
}

static int
by_number(const void *a, const void *b)
{
    const struct source *x = a, *y = b;

    return x->number != y->number ? (x->number > y->number ? 1 : -1)
                                  : strcmp(x->path, y->path);
}

static int
find_sources(struct load *l, const char *folder, struct qn_error *err)
{
    DIR *dir = opendir(folder);
    struct dirent *d;
    int rc = 0;

    if (!dir && errno == ENOENT)
        return 0;
    if (!dir)
        return qn_fail(err, QN_EIO, "%s: cannot read the journal: %s", folder,
                       strerror(errno));
    while (!rc && (errno = 0, d = readdir(dir)))
        rc = add_source(l, folder, d->d_name, err);
    if (!rc && errno)
        rc = qn_fail(err, QN_EIO, "%s: cannot read the journal: %s", folder,
                     strerror(errno));
    closedir(dir);
    if (l->n)
        qsort(l->source, l->n, sizeof *l->source, by_number);
    return rc;
}

/* ---- one file ------------------------------------------------------------ */

/* Room behind what is left in the piece, which moves to its front. */
static int
make_room(struct source *s, struct load *l, struct qn_error *err)
{
    size_t left = s->end - s->begin, want = s->cap;
    char *fresh;

    if (left >= QN_JOURNAL_LINE_MOST) {
        // Nobody writes such a line: pass over it to the next newline.
        l->damaged += !s->skipping;
        s->skipping = true;
        left = 0;
    }
    if (left && s->begin)
        memmove(s->piece, s->piece + s->begin, left);
    s->begin = 0;
    s->end = left;
    if (!want)
        want = (uint64_t)s->size < l->piece ? (size_t)s->size : l->piece;
    else if (left == want)
        want *= 2;
    if (want == s->cap)
        return 0;
    if (!(fresh = realloc(s->piece, want + 1)))
        return qn_fail(err, QN_ENOMEM, "no memory to read the journal");
    s->piece = fresh;
    s->cap = want;
    return 0;
}

/* Up to n bytes from an offset; *got is 0 at the end, wherever that is now. */
static int
read_piece(const char *path, int64_t at, char *p, size_t n, ssize_t *got,
           struct qn_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

    *got = 0;
    if (fd < 0 && errno == ENOENT)
        return 0;
    rc = QN_SYS(err, path, fd);
    if (!rc) {
        do
            *got = pread(fd, p, n, at);
        while (*got < 0 && errno == EINTR);
        rc = QN_SYS(err, path, *got);
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Read more behind what is left. */
static int
read_on(struct source *s, struct load *l, struct qn_error *err)
{
    ssize_t got;
    size_t n;

    QN_TRY(make_room(s, l, err));
    n = s->cap - s->end;
    if ((int64_t)n > s->size - s->next)
        n = (size_t)(s->size - s->next);
    QN_TRY(read_piece(s->path, s->next, s->piece + s->end, n, &got, err));
    s->end += (size_t)got;
    s->next += got;
    if (!got) // it has become shorter, or is gone
        s->size = s->next;
    return 0;
}

/* The next line: *line is NULL at the end.  *whole: it has its newline. */
static int
next_line(struct source *s, struct load *l, char **line, size_t *n, bool *whole,
          struct qn_error *err)
{
    char *newline;

    for (;;) {
        size_t left = s->end - s->begin;
        newline = left ? memchr(s->piece + s->begin, '\n', left) : NULL;
        if (newline || s->next >= s->size)
            break;
        QN_TRY(read_on(s, l, err));
    }
    *whole = newline;
    *line = s->begin < s->end ? s->piece + s->begin : NULL;
    *n = newline ? (size_t)(newline - *line) : s->end - s->begin;
    s->begin = newline ? s->begin + *n + 1 : s->end;
    return 0;
}

/* Read the next record into s->head, or *more = false at the end. */
static int
next_record(struct source *s, struct load *l, bool *more, struct qn_error *err)
{
    char *line;
    size_t n;
    bool whole;

    for (;;) {
        QN_TRY(next_line(s, l, &line, &n, &whole, err));
        *more = line;
        if (!line)
            return 0;
        if (s->skipping) { // the end of a line that was counted
            s->skipping = false;
            continue;
        }
        switch (qn_journal_line_decode(&s->head, line, n)) {
        case QN_LINE_RECORD:
            if (s->head.time_ns > s->time)
                s->time = s->head.time_ns;
            return 0;
        case QN_LINE_NOTHING: break;
        case QN_LINE_DAMAGED: l->damaged += whole; break;
        }
    }
}

/* ---- merging ------------------------------------------------------------- */

static bool
earlier(const struct source *a, const struct source *b)
{
    return a->time < b->time || (a->time == b->time && a->number < b->number);
}

/* Let the source at i sink to where it belongs. */
static void
sink(struct load *l, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < l->nheap; i = child) {
        struct source *s = l->heap[i];
        if (child + 1 < l->nheap && earlier(l->heap[child + 1], l->heap[child]))
            child++;
        if (!earlier(l->heap[child], s))
            return;
        l->heap[i] = l->heap[child];
        l->heap[child] = s;
    }
}

static int
make_heap(struct load *l, struct qn_error *err)
{
    bool more;

    QN_TRY(qn_memory_make((void **)&l->heap, l->n, sizeof(struct source *),
                          "the journal", err));
    l->piece = PIECES_ALL / (l->n ? l->n : 1);
    l->piece = l->piece < PIECE_LEAST  ? PIECE_LEAST
               : l->piece > PIECE_MOST ? PIECE_MOST
                                       : l->piece;
    for (size_t i = 0; i < l->n; i++) {
        QN_TRY(next_record(&l->source[i], l, &more, err));
        if (more)
            l->heap[l->nheap++] = &l->source[i];
    }
    for (size_t i = l->nheap / 2; i-- > 0;)
        sink(l, i);
    return 0;
}

/* Put the line behind the first one in its place. */
static int
advance(struct load *l, struct qn_error *err)
{
    bool more;

    QN_TRY(next_record(l->heap[0], l, &more, err));
    if (!more) {
        free(l->heap[0]->piece);
        l->heap[0]->piece = NULL;
        l->heap[0] = l->heap[--l->nheap];
    }
    sink(l, 0);
    return 0;
}

int
qn_journal_load(const char *folder,
                int (*each)(void *ctx, const struct qn_record *r,
                            struct qn_error *err),
                void *ctx, long *damaged, struct qn_error *err)
{
    struct load l = {0};
    int rc = find_sources(&l, folder, err);

    if (!rc)
        rc = make_heap(&l, err);
    while (!rc && l.nheap) {
        rc = each(ctx, &l.heap[0]->head, err);
        if (!rc)
            rc = advance(&l, err);
    }
    if (damaged)
        *damaged = l.damaged;
    for (size_t i = 0; i < l.n; i++) {
        free(l.source[i].path);
        free(l.source[i].piece);
    }
    free(l.source);
    free(l.heap);
    return rc;
}
