/* The file driver of HDF5 outputs: see writer_sink.h.
 *
 * The least that HDF5 asks of a driver: positioned reads and writes on one
 * descriptor.  Knows nothing of what is written. */
#include "io/writer_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/system.h"

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/* One opening by the library, which may open twice on the way to one file. */
struct opening {
    H5FD_t driver; /* the library's part: must come first */
    struct qn_writer_sink *sink; /* borrowed              */
    haddr_t allocated;
};

static struct opening *
opening_of(const H5FD_t *f)
{
    return (struct opening *)f;
}

static void
remember(struct qn_writer_sink *s)
{
    if (!s->cause)
        s->cause = errno ? errno : EIO;
}

/* ---- what the library calls ---------------------------------------------- */

static H5FD_t *
open_driver(const char *name, unsigned flags, hid_t access, haddr_t max)
{
    struct qn_writer_sink *const *sink = H5Pget_driver_info(access);
    struct opening *o = calloc(1, sizeof *o);

    (void)name;
    (void)flags;
    (void)max;
    if (!o || !sink) {
        free(o);
        return NULL;
    }
    o->sink = *sink;
    return &o->driver;
}

static herr_t
close_driver(H5FD_t *f)
{
    free(opening_of(f));
    return 0;
}

static herr_t
query(const H5FD_t *f, unsigned long *flags)
{
    (void)f;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA |
             H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t
get_allocated(const H5FD_t *f, H5FD_mem_t type)
{
    (void)type;
    return opening_of(f)->allocated;
}

static herr_t
set_allocated(H5FD_t *f, H5FD_mem_t type, haddr_t end)
{
    (void)type;
    opening_of(f)->allocated = end;
    return 0;
}

static haddr_t
get_end(const H5FD_t *f, H5FD_mem_t type)
{
    (void)type;
    return opening_of(f)->sink->end;
}

/* What lies behind the end reads as zeros, as the library expects. */
static herr_t
read_bytes(H5FD_t *f, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t n,
           void *to)
{
    struct qn_writer_sink *s = opening_of(f)->sink;

    (void)type;
    (void)transfer;
    while (n > 0) {
        ssize_t got = pread(s->fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            remember(s);
        if (got <= 0) {
            memset(to, 0, n);
            return 0;
        }
        to = (char *)to + got;
        at += (haddr_t)got;
        n -= (size_t)got;
    }
    return 0;
}

/* Bytes of which only the place counts: somebody else writes them. */
static bool
is_hollow(const struct qn_writer_sink *s, const void *from, size_t n)
{
    uintptr_t begin = (uintptr_t)s->hollow, at = (uintptr_t)from;

    return s->hollow && at >= begin && at - begin <= s->nhollow &&
           n <= s->nhollow - (at - begin);
}

static herr_t
write_bytes(H5FD_t *f, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t n,
            const void *from)
{
    struct qn_writer_sink *s = opening_of(f)->sink;

    (void)type;
    (void)transfer;
    if (!is_hollow(s, from, n))
        qn_writer_sink_put(s, at, from, n);
    else if (at + n > s->end)
        s->end = at + n;
    return 0;
}

static herr_t
truncate_file(H5FD_t *f, hid_t transfer, hbool_t closing)
{
    struct opening *o = opening_of(f);

    (void)transfer;
    (void)closing;
    if (o->allocated == o->sink->end || o->sink->cause)
        return 0;
    if (ftruncate(o->sink->fd, (off_t)o->allocated) < 0)
        remember(o->sink);
    o->sink->end = o->allocated;
    return 0;
}

static const H5FD_class_t driver = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)333,
#endif
    .name = "quern",
    .maxaddr = ((haddr_t)1 << 63) - 1,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(struct qn_writer_sink *),
    .open = open_driver,
    .close = close_driver,
    .query = query,
    .get_eoa = get_allocated,
    .set_eoa = set_allocated,
    .get_eof = get_end,
    .read = read_bytes,
    .write = write_bytes,
    .truncate = truncate_file,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

/* ---- what we call -------------------------------------------------------- */

int
qn_writer_sink_open(struct qn_writer_sink *s, const char *path,
                    struct qn_error *err)
{
    const int how = O_RDWR | O_CREAT | O_CLOEXEC;
    struct stat st;

    *s = (struct qn_writer_sink){.path = path, .fd = -1};
    s->fd = open(path, how | O_EXCL, 0666);
    if (s->fd < 0 && errno == EEXIST) {
        // left by a killed run, whose worker may have it open still
        if (!lstat(path, &st) && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)))
            unlink(path);
        s->fd = open(path, how | O_TRUNC, 0666);
    }
    if (s->fd < 0)
        return qn_system_cannot(err, "write", path, errno);
    return 0;
}

void
qn_writer_sink_take(struct qn_writer_sink *s, const char *path, int fd)
{
    *s = (struct qn_writer_sink){.path = path, .fd = fd};
}

void
qn_writer_sink_put(struct qn_writer_sink *s, haddr_t at, const void *data,
                   size_t n)
{
    if (at + n > s->end)
        s->end = at + n;
    while (n > 0 && !s->cause) {
        ssize_t done = pwrite(s->fd, data, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            remember(s);
            break;
        }
        data = (const char *)data + done;
        at += (haddr_t)done;
        n -= (size_t)done;
    }
}

herr_t
qn_writer_sink_access(hid_t access, struct qn_writer_sink *s)
{
    // HDF5 1.10 looks into the driver of a file that is closed after it has let
    // go of it: we do so no earlier than when the file is closed
    if (s->driver <= 0)
        s->driver = H5FDregister(&driver);
    return s->driver < 0 ? -1 : H5Pset_driver(access, s->driver, &s);
}

int
qn_writer_sink_close(struct qn_writer_sink *s, bool sync,
                     struct qn_error *err)
{
    if (s->driver > 0)
        H5FDunregister(s->driver);
    s->driver = 0;
    errno = 0;
    if (!s->cause && sync && (fsync(s->fd) < 0 || qn_system_fault()))
        remember(s);
    // A network file system may report a full disk no earlier than here.
    if (close(s->fd) < 0)
        remember(s);
    s->fd = -1;
    if (!s->cause)
        return 0;
    return qn_system_cannot(err, "write", s->path, s->cause);
}
