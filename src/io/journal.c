/* Adding to the journal: lines pile up in memory and leave in one write.
 *
 * Knows how a file is kept whole: where the end is not known to be that of our
 * own last line, the last byte is looked at, and a newline goes in front of
 * ours if somebody left a line unfinished.  What lines look like is
 * journal_line.c's, reading them journal_load.c's.
 */
#include "io/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "io/atomic.h"
#include "io/journal_line.h"

/* ---- opening ------------------------------------------------------------- */

static int
open_file(struct qn_journal *j, struct qn_error *err)
{
    const int how = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC;
    struct stat st;

    j->fd = open(j->path, how, 0666);
    if (j->fd < 0 || qn_system_fault() || fstat(j->fd, &st) < 0)
        return qn_system_cannot(err, "open the journal", j->path, errno);
    j->fresh = st.st_size == 0;
    return 0;
}

int
qn_journal_open(struct qn_journal *j, const char *folder, int rank,
                struct qn_error *err)
{
    return qn_journal_open_as(j, folder, "", rank, err);
}

int
qn_journal_open_as(struct qn_journal *j, const char *folder, const char *tag,
                   int rank, struct qn_error *err)
{
    int rc;

    *j = (struct qn_journal){.fd = -1, .end = -1};
    QN_TRY(qn_atomic_folder(folder, err));
    if (asprintf(&j->path, "%s/%s%s%d.log", folder, tag, *tag ? "." : "",
                 rank) < 0) {
        j->path = NULL;
        return qn_fail(err, QN_ENOMEM, "no memory for a path");
    }
    rc = open_file(j, err);
    if (rc)
        qn_journal_close(j);
    return rc;
}

void
qn_journal_close(struct qn_journal *j)
{
    if (j->path && j->fd >= 0) {
        (void)qn_journal_flush(j, false, NULL);
        close(j->fd);
    }
    qn_text_clear(&j->lines);
    free(j->path);
    *j = (struct qn_journal){.fd = -1};
}

/* ---- adding -------------------------------------------------------------- */

int
qn_journal_add(struct qn_journal *j, const struct qn_record *r,
               struct qn_error *err)
{
    // The newline that stands ready in case the file ends inside a line.
    if (!j->lines.len)
        qn_text_bytes(&j->lines, "\n", 1);
    return qn_journal_line_encode(&j->lines, r, err);
}

/* ---- writing ------------------------------------------------------------- */

/* Does the file end inside a line?  Only somebody else's, or one of ours that
 * could not be cut off. */
static int
look_at_end(const struct qn_journal *j, bool *torn, struct qn_error *err)
{
    struct stat st;
    char last = '\n';

    *torn = false;
    QN_TRY(QN_SYS(err, j->path, fstat(j->fd, &st)));
    if (st.st_size == j->end || st.st_size == 0)
        return 0;
    QN_TRY(QN_SYS(err, j->path, pread(j->fd, &last, 1, st.st_size - 1)));
    *torn = last != '\n';
    return 0;
}

/* Bytes written of n; where fewer, errno says why. */
static size_t
write_all(int fd, const char *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t w = write(fd, p + done, n - done);
        if (w < 0 && errno == EINTR)
            continue;
        if (w == 0) // no progress and no reason: do not try for ever
            errno = EIO;
        if (w <= 0)
            break;
        done += (size_t)w;
    }
    return done;
}

/* Cut our last n bytes off the file again, unless somebody has written behind
 * them.  Where that cannot be, the next flush begins on a fresh line. */
static void
cut_back(const struct qn_journal *j, size_t n)
{
    off_t at = lseek(j->fd, 0, SEEK_CUR);
    struct stat st;

    if (at < (off_t)n || fstat(j->fd, &st) < 0 || st.st_size != at)
        return;
    if (ftruncate(j->fd, at - (off_t)n) < 0)
        return;
}

/* Of n bytes those up to the last newline. */
static size_t
whole_lines(const char *p, size_t n)
{
    const char *newline = memrchr(p, '\n', n);

    return newline ? (size_t)(newline - p) + 1 : 0;
}

/* Forget what is in the file, the first n bytes, but for the newline that the
 * rest is to stand behind. */
static void
keep_from(struct qn_text *lines, size_t n)
{
    if (n <= 1)
        return;
    memmove(lines->s, lines->s + n - 1, lines->len - n + 1);
    lines->len -= n - 1;
}

static int
cannot_write(const struct qn_journal *j, int cause, struct qn_error *err)
{
    return qn_system_cannot(err, "write the journal", j->path, cause);
}

static int
write_lines(struct qn_journal *j, struct qn_error *err)
{
    size_t from, n, done, whole;
    bool torn;

    QN_TRY(look_at_end(j, &torn, err));
    from = torn ? 0 : 1;
    n = j->lines.len - from;
    done = write_all(j->fd, j->lines.s + from, n);
    j->unsynced = j->unsynced || done > 0;
    if (done == n) {
        j->lines.len = 0;
        j->end = lseek(j->fd, 0, SEEK_CUR);
        // After a fault for tests the lines are there, as in real life.
        return qn_system_fault() ? cannot_write(j, errno, err) : 0;
    }
    cannot_write(j, errno, err);
    whole = whole_lines(j->lines.s + from, done);
    if (whole < done)
        cut_back(j, done - whole);
    keep_from(&j->lines, from + whole);
    j->end = -1;
    return QN_EIO;
}

static int
sync_file(struct qn_journal *j, struct qn_error *err)
{
    if (fdatasync(j->fd) < 0 || qn_system_fault())
        return qn_system_cannot(err, "sync the journal", j->path, errno);
    if (j->fresh)
        QN_TRY(qn_atomic_sync(j->path, err));
    j->unsynced = j->fresh = false;
    return 0;
}

int
qn_journal_flush(struct qn_journal *j, bool sync, struct qn_error *err)
{
    if (j->lines.len > 1)
        QN_TRY(write_lines(j, err));
    return sync && j->unsynced ? sync_file(j, err) : 0;
}
