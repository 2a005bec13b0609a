/* The bytes of an input file, and boxes of arrays in them.
 *
 * Knows nothing of formats, byte orders or what a sample means; fits.c, npy.c
 * and raw.c say where an array begins.
 */
#include "io/bytes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "base/text.h"
#include "io/gzip.h"

// Samples that lie this close together are read by one call, with the gaps.
#define SPAN_MOST (1 << 20)

struct walk {
    const struct qn_bytes *bytes;
    const struct qn_box *box;
    int64_t stride[QN_MAX_DIMS]; /* bytes between samples along an axis   */
    size_t size;                 /* bytes of a sample                     */
    unsigned char *dst;          /* borrowed: where the next sample goes  */
    unsigned char *scratch;      /* owned: [SPAN_MOST], made when needed  */
};

/* ---- opening ------------------------------------------------------------ */

static bool
is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void
qn_bytes_drop(struct qn_bytes_kept *kept)
{
    if (kept->users)
        return;
    free(kept->data);
    *kept = (struct qn_bytes_kept){0};
}

/* Borrow what is kept of this file. */
static bool
find_kept(struct qn_bytes *b, struct qn_bytes_kept *kept, const struct stat *st)
{
    if (!kept || !kept->data || !is_same(&kept->of, st)) {
        if (kept)
            qn_bytes_drop(kept);
        return false;
    }
    b->data = kept->data;
    b->size = kept->size;
    b->kept = kept;
    kept->users++;
    return true;
}

static int
inflate(struct qn_bytes *b, struct qn_error *err)
{
    char *packed = NULL;
    size_t len = 0, n = 0;
    int rc;

    QN_TRY(qn_system_slurp(&packed, &len, b->path, err));
    rc = qn_gzip_inflate(&b->data, &n, (unsigned char *)packed, len, err);
    free(packed);
    b->size = (int64_t)n;
    return rc;
}

/* Leave it to the next one, if nobody has another file's in use. */
static void
keep(struct qn_bytes *b, struct qn_bytes_kept *kept, const struct stat *st)
{
    if (!kept || kept->data)
        return;
    *kept = (struct qn_bytes_kept){b->data, b->size, *st, 1};
    b->kept = kept;
}

static int
look(struct qn_bytes *b, struct qn_bytes_kept *kept, struct qn_error *err)
{
    unsigned char magic[3];
    struct stat st;

    QN_TRY(QN_SYS(err, "cannot look at it", fstat(b->fd, &st)));
    if (S_ISDIR(st.st_mode))
        return qn_fail(err, QN_EIO, "is a folder, not a file");
    if (!S_ISREG(st.st_mode))
        return qn_fail(err, QN_EIO, "is not a regular file");
    b->size = st.st_size;
    if (!find_kept(b, kept, &st)) {
        if (b->size < (int64_t)sizeof magic)
            return 0;
        QN_TRY(qn_bytes_read(b, 0, sizeof magic, magic, err));
        if (!qn_gzip_is(magic, sizeof magic))
            return 0;
        QN_TRY(inflate(b, err));
        keep(b, kept, &st);
    }
    b->inflated = b->size + st.st_size;
    return 0;
}

int
qn_bytes_open(struct qn_bytes *b, const char *path, struct qn_bytes_kept *kept,
              struct qn_error *err)
{
    int rc;

    *b = (struct qn_bytes){.path = path, .fd = -1};
    // O_NONBLOCK: a pipe named as an input must not hang the worker.
    b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    rc = QN_SYS(err, "cannot open it", b->fd);
    if (!rc)
        rc = look(b, kept, err);
    if (rc)
        qn_bytes_close(b);
    return rc;
}

void
qn_bytes_close(struct qn_bytes *b)
{
    if (b->path && b->fd >= 0)
        close(b->fd);
    if (b->kept)
        b->kept->users--;
    else
        free(b->data);
    *b = (struct qn_bytes){.fd = -1};
}

/* ---- sizes -------------------------------------------------------------- */

int
qn_bytes_need(const struct qn_bytes *b, int64_t need, struct qn_error *err)
{
    char want[32], have[32];

    if (b->size >= need)
        return 0;
    return qn_fail(
        err, QN_EFORMAT,
        "truncated: %s bytes are needed but it has %s; copy the file again",
        qn_text_count(want, sizeof want, need),
        qn_text_count(have, sizeof have, b->size));
}

int
qn_bytes_holds(const struct qn_bytes *b, int64_t offset,
               const struct qn_shape *shape, size_t size, struct qn_error *err)
{
    int64_t n, need;

    QN_TRY(qn_shape_size(&n, shape, err));
    if (__builtin_mul_overflow(n, (int64_t)size, &need) ||
        __builtin_add_overflow(need, offset, &need))
        return qn_fail(err, QN_EFORMAT, "its array is impossibly large");
    return qn_bytes_need(b, need, err);
}

/* ---- reading ------------------------------------------------------------ */

int
qn_bytes_read(const struct qn_bytes *b, int64_t offset, size_t n, void *dst,
              struct qn_error *err)
{
    unsigned char *p = dst;
    ssize_t got;

    if (offset < 0 || (uint64_t)offset + n > (uint64_t)b->size)
        return qn_fail(err, QN_EIO,
                       "ends at byte %lld, before what was to be read",
                       (long long)b->size);
    if (b->data) {
        memcpy(dst, b->data + offset, n);
        return 0;
    }
    while (n) {
        got = pread(b->fd, p, n, offset);
        if (got < 0 && errno == EINTR)
            continue;
        QN_TRY(QN_SYS(err, "cannot read it", got));
        if (got == 0)
            return qn_fail(err, QN_EIO, "became shorter while it was read");
        p += got;
        offset += got;
        n -= (size_t)got;
    }
    return 0;
}

// Bytes from the first to the end of the last sample of axes axis and up.
static int64_t
span(const struct walk *w, int axis)
{
    int64_t bytes = (int64_t)w->size;

    for (int a = axis; a < w->box->ndims; a++)
        bytes += (w->box->count[a] - 1) * w->box->step[a] * w->stride[a];
    return bytes;
}

// Bytes of the samples themselves.
static int64_t
weight(const struct walk *w, int axis)
{
    int64_t bytes = (int64_t)w->size;

    for (int a = axis; a < w->box->ndims; a++)
        bytes *= w->box->count[a];
    return bytes;
}

// Copies the samples of axes axis and up out of memory that begins at src.
static void
gather(struct walk *w, int axis, const unsigned char *src)
{
    int64_t bytes = weight(w, axis);

    if (span(w, axis) == bytes) {
        memcpy(w->dst, src, (size_t)bytes);
        w->dst += bytes;
        return;
    }
    for (int64_t i = 0; i < w->box->count[axis]; i++)
        gather(w, axis + 1, src + i * w->box->step[axis] * w->stride[axis]);
}

static int
take(struct walk *w, int axis, int64_t offset, struct qn_error *err)
{
    size_t all = (size_t)span(w, axis), own = (size_t)weight(w, axis);

    if (all == own) {
        QN_TRY(qn_bytes_read(w->bytes, offset, own, w->dst, err));
        w->dst += own;
        return 0;
    }
    if (!w->scratch)
        w->scratch = malloc(SPAN_MOST);
    if (!w->scratch)
        return qn_fail(err, QN_ENOMEM, "no memory to read it");
    QN_TRY(qn_bytes_read(w->bytes, offset, all, w->scratch, err));
    gather(w, axis, w->scratch);
    return 0;
}

static int
fetch(struct walk *w, int axis, int64_t offset, struct qn_error *err)
{
    int64_t all = span(w, axis);

    if (all <= SPAN_MOST || all == weight(w, axis))
        return take(w, axis, offset, err);
    for (int64_t i = 0; i < w->box->count[axis]; i++)
        QN_TRY(fetch(w, axis + 1,
                     offset + i * w->box->step[axis] * w->stride[axis], err));
    return 0;
}

int
qn_bytes_box(const struct qn_bytes *b, int64_t offset,
             const struct qn_shape *shape, size_t size,
             const struct qn_box *box, void *dst, struct qn_error *err)
{
    struct walk w = {.bytes = b, .box = box, .size = size, .dst = dst};
    int64_t stride = (int64_t)size;
    int rc = 0;

    for (int a = shape->ndims - 1; a >= 0; a--) {
        w.stride[a] = stride;
        stride *= shape->n[a];
        offset += box->start[a] * w.stride[a];
    }
    if (weight(&w, 0) == 0)
        return 0;
    if (b->data && offset + span(&w, 0) <= b->size)
        gather(&w, 0, b->data + offset);
    else
        rc = fetch(&w, 0, offset, err);
    free(w.scratch);
    return rc;
}
