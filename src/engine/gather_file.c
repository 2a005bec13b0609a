/* Runs of rows to a file: each rank has a share of it that begins at a multiple
 * of 1 MiB, so that no two nodes write one page, and writes it run by run.
 *
 * Knows not what kind of file it is. */
#include "engine/gather_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/least.h"
#include "base/system.h"
#include "engine/gather.h"
#include "model/dtype.h"
#include "model/shape.h"

enum { MIB = 1 << 20, MOST_MIB = 8 /* of a run */ };

/* The first sample at or behind a byte of the file. */
static int64_t
sample_at(const struct qn_gather_file *f, int64_t samples, int64_t byte)
{
    const int64_t size = (int64_t)qn_dtype_size(f->type);
    const int64_t i = byte <= f->at ? 0 : (byte - f->at + size - 1) / size;

    return qn_least(i, samples);
}

/* The byte at which rank i's rows begin. */
static int64_t
share_at(const struct qn_gather_file *f, int64_t bytes, int i, int ranks)
{
    int64_t start, count;

    if (i == 0)
        return f->at;
    if (i == ranks)
        return f->at + bytes;
    qn_shape_part(&start, &count, bytes, ranks, i);
    return (f->at + start) / MIB * MIB;
}

/* Rank i's run in a round: `unit` bytes of its share of the file. */
static struct qn_gather_run
run_of_rank(const struct qn_gather_file *f, int64_t samples, int i, int ranks,
            int64_t unit, int64_t round)
{
    int64_t bytes = samples * (int64_t)qn_dtype_size(f->type);
    int64_t begin = share_at(f, bytes, i, ranks);
    int64_t end = share_at(f, bytes, i + 1, ranks);
    int64_t from = begin / MIB * MIB + round * unit;
    int64_t low = sample_at(f, samples, qn_least(qn_most(from, begin), end));
    int64_t high =
        sample_at(f, samples, qn_least(qn_most(from + unit, begin), end));

    return (struct qn_gather_run){low, high - low};
}

static int
write_run(int fd, const struct qn_gather_file *f, const struct qn_gather_run *run,
          const char *from, struct qn_error *err)
{
    size_t size = qn_dtype_size(f->type), n = (size_t)run->n * size;
    off_t at = (off_t)(f->at + run->first * (int64_t)size);

    while (n > 0) {
        ssize_t done = pwrite(fd, from, n, at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 || qn_system_fault()) {
            qn_system_cannot(err, "write", f->path, errno);
            return QN_EIO;
        }
        from += done;
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

static int
open_file(int *fd, const struct qn_gather_file *f, struct qn_error *err)
{
    *fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return *fd < 0 ? qn_system_cannot(err, "write", f->path, errno) : 0;
}

static int
close_file(int fd, const struct qn_gather_file *f, int rc,
           struct qn_error *err)
{
    errno = 0;
    if (fd < 0)
        return rc;
    if (!rc && f->sync && (fsync(fd) < 0 || qn_system_fault()))
        rc = qn_system_cannot(err, "write", f->path, errno);
    // a network file system may report a full disk no earlier than here
    if (close(fd) < 0 && !rc)
        rc = qn_system_cannot(err, "write", f->path, errno);
    return rc;
}

/* Collective.  Every round, as many as the longest share needs. */
static int
write_rounds(struct qn_gather *g, const struct qn_gather_file *f, int fd,
             int64_t unit, int rc, struct qn_error *err)
{
    const int ranks = g->b->team->size, me = g->b->team->rank;
    const int64_t samples = qn_shape_count(&g->b->grid.shape);
    const int64_t share =
        samples * (int64_t)qn_dtype_size(f->type) / ranks + 2 * MIB;

    for (int64_t r = 0; r <= share / unit; r++) {
        for (int i = 0; !rc && i < ranks; i++)
            g->run[i] = run_of_rank(f, samples, i, ranks, unit, r);
        rc = qn_gather_round(g, rc, err);
        if (!rc)
            rc = write_run(fd, f, &g->run[me], g->mine, err);
    }
    return rc;
}

/* Bytes of a run: what memory allows, of two runs and the messages they come
 * in. */
static int64_t
run_bytes(int64_t memory)
{
    return qn_most(1, qn_least(MOST_MIB, memory / 32 / MIB)) * MIB;
}

int
qn_gather_file_write(struct qn_block *b, const struct qn_gather_file *f,
                struct qn_error *err)
{
    struct qn_gather g = {.b = b, .type = f->type};
    const int64_t unit = run_bytes(f->memory);
    int fd = -1;
    int rc = qn_gather_open(&g, unit / (int64_t)qn_dtype_size(f->type) + 1,
                            err);

    if (!rc)
        rc = open_file(&fd, f, err);
    rc = write_rounds(&g, f, fd, unit, rc, err);
    rc = close_file(fd, f, rc, err);
    qn_gather_close(&g);
    // the folder's fault, not the item's: the run must hear of it
    if (rc == QN_EIO && err)
        err->code = QN_EOUTPUT;
    rc = rc == QN_EIO ? QN_EOUTPUT : rc;
    return qn_comm_agree(b->team, rc, err);
}
