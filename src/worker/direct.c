/* Rows of many members, side by side: each file is opened once for each thread
 * (by one of them: cfitsio need not stand more) and read on, a few rows at a
 * time, into memory that stays in cache where rows are short.  Knows nothing of
 * how samples are combined. */
#include "worker/direct.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/least.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "io/reader.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"

/* Part of a file: all of it, or a frame. */
struct member {
    size_t file;
    int64_t frame; /* -1: all */
};

/* The rows of one thread, and what it reads them with. */
struct part {
    struct qn_reader **reader; /* owned, [files]                  */
    const void **at;           /* owned, [n]                      */
    char *room;                /* owned: [n][pixels at a time]    */
};

struct direct {
    const struct qn_program *p;
    const json_t *paths;
    const struct qn_direct_sink *sink;
    enum qn_dtype dtype;
    struct member *member;     /* owned, [n] */
    size_t n, files;
    int64_t whole;             /* pixels of a member                      */
    int64_t first, pixels;     /* of the band                             */
    int64_t row;               /* pixels                                  */
    int64_t rows;              /* that are unpacked together              */
    int64_t room;              /* bytes, see direct.h                     */
    int64_t step;              /* pixels that are held at a time          */
    size_t parts;
    struct part *part;         /* owned */
};

/* ---- can it be ---------------------------------------------------------- */

/* What has to be unpacked as a whole would be kept as a whole. */
static bool
is_gzipped(const char *path)
{
    unsigned char magic[2] = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool got = fd >= 0 && read(fd, magic, 2) == 2;

    if (fd >= 0)
        close(fd);
    return !got || (magic[0] == 0x1f && magic[1] == 0x8b);
}

/* The axis of the file along which the rows of a member lie. */
static int
row_axis(const struct qn_shape *s, bool framed)
{
    struct qn_shape frame = *s;

    if (!framed)
        return qn_shape_row_axis(s);
    frame.ndims--;
    memmove(frame.n, frame.n + 1, (size_t)frame.ndims * sizeof *frame.n);
    return 1 + qn_shape_row_axis(&frame);
}

static int64_t
pixels_of(const struct qn_shape *s, bool framed)
{
    return framed ? qn_shape_count(s) / s->n[0] : qn_shape_count(s);
}

int64_t
qn_direct_rows(const struct qn_program *p, const struct qn_reader *r,
               const json_t *request)
{
    const struct qn_info *i = qn_reader_info(r);
    const struct qn_shape *s = &i->type.shape;
    const char *dtype = qn_json_text(request, "dtype");
    const int64_t frame = qn_json_integer(request, "frame");
    const int64_t nframes = qn_json_integer(request, "nframes");
    const bool framed = nframes > 0;

    if (p->nsteps || p->ndatasets > 1 || !dtype || !strcmp(i->format, "grid") ||
        strcmp(dtype, qn_dtype_name(i->type.dtype)) || s->ndims < 1 + framed ||
        (framed && frame + nframes > s->n[0]))
        return 0;
    if (pixels_of(s, framed) * (framed ? nframes : 1) *
            (int64_t)qn_dtype_size(i->type.dtype) !=
        qn_json_integer(request, "bytes"))
        return 0;
    if (is_gzipped(qn_json_text(request, "path")))
        return 0;
    if (i->by_rows)
        return 1;
    if (i->chunk.ndims != s->ndims || (framed && i->chunk.n[0] != 1))
        return 0;
    // more than one: the library need not stand several threads
    return qn_most(i->chunk.n[row_axis(s, framed)], 2);
}

/* ---- opening ------------------------------------------------------------ */

static int
list_members(struct direct *d, const json_t *list, struct qn_error *err)
{
    d->n = json_array_size(list);
    QN_TRY(qn_memory_make((void **)&d->member, d->n, sizeof *d->member,
                          "a band", err));
    for (size_t i = 0; i < d->n; i++) {
        const json_t *pair = json_array_get(list, i);
        struct member *m = &d->member[i];

        m->file = (size_t)json_integer_value(json_array_get(pair, 0));
        m->frame = json_integer_value(json_array_get(pair, 1));
        if (m->file >= d->files)
            return qn_fail(err, QN_EUNAVAILABLE, "an unknown file was named");
    }
    return 0;
}

static int
open_file(const struct direct *d, struct part *part, size_t i, int threads,
          struct qn_error *err)
{
    struct qn_source source = d->p->source;

    source.path = json_string_value(json_array_get(d->paths, i));
    source.threads = threads;
    source.samples_only = true;
    return qn_reader_open(&part->reader[i], &source, err);
}

/* Is it still what it was when it was looked at? */
static int
check_member(struct direct *d, const struct part *part, const struct member *m,
             struct qn_error *err)
{
    const struct qn_type *type = &qn_reader_info(part->reader[m->file])->type;
    const struct qn_shape *s = &type->shape;
    const bool framed = m->frame >= 0;
    int64_t row = 0;

    if (type->dtype == d->dtype && s->ndims >= 1 + framed &&
        (!framed || m->frame < s->n[0]) && pixels_of(s, framed) == d->whole)
        row = d->whole / s->n[row_axis(s, framed)];
    if (!row || (d->row && row != d->row) || d->first % row || d->pixels % row)
        return qn_fail(err, QN_ESHAPE,
                       "%s: the file changed while it was combined; run again "
                       "when it is complete",
                       json_string_value(json_array_get(d->paths, m->file)));
    d->row = row;
    return 0;
}

static int
open_part(struct direct *d, struct part *part, int threads,
          struct qn_error *err)
{
    const size_t size = qn_dtype_size(d->dtype);
    int64_t unit;

    QN_TRY(qn_memory_make((void **)&part->reader, d->files,
                          sizeof *part->reader, "a band", err));
    QN_TRY(qn_memory_make((void **)&part->at, d->n, sizeof *part->at, "a band",
                          err));
    for (size_t i = 0; i < d->files; i++)
        QN_TRY(open_file(d, part, i, threads, err));
    for (size_t i = 0; i < d->n; i++)
        QN_TRY(check_member(d, part, &d->member[i], err));
    unit = d->row * d->rows;
    d->step = d->room / ((int64_t)(d->n * size) * unit) * unit;
    if (d->step < unit)
        d->step = unit;
    if (d->step > d->pixels)
        d->step = d->pixels;
    return qn_memory_make((void **)&part->room, d->n, (size_t)d->step * size,
                          "a band", err);
}

static void
close_part(const struct direct *d, struct part *part)
{
    for (size_t i = 0; part->reader && i < d->files; i++)
        qn_reader_close(part->reader[i]);
    free(part->reader);
    free(part->at);
    free(part->room);
}

/* ---- reading ------------------------------------------------------------ */

/* Pixels from ... of all members to the part's memory. */
static int
read_rows(const struct direct *d, struct part *part, int64_t from, int64_t n,
          struct qn_error *err)
{
    const size_t bytes = (size_t)n * qn_dtype_size(d->dtype);

    for (size_t i = 0; i < d->n; i++) {
        const struct member *m = &d->member[i];
        struct qn_reader *r = part->reader[m->file];
        const struct qn_shape *s = &qn_reader_info(r)->type.shape;
        const int axis = row_axis(s, m->frame >= 0);
        struct qn_box box = qn_shape_box(s);

        if (m->frame >= 0) {
            box.start[0] = m->frame;
            box.count[0] = 1;
        }
        box.start[axis] = from / d->row;
        box.count[axis] = n / d->row;
        part->at[i] = part->room + i * bytes;
        QN_TRY(qn_reader_read(r, &box, part->room + i * bytes, err));
    }
    return 0;
}

/* A share of the band's rows. */
static int
run_part(void *ctx, size_t which, int thread, struct qn_error *err)
{
    const struct direct *d = ctx;
    struct part *part = &d->part[which];
    const int64_t rows = d->pixels / d->row, parts = (int64_t)d->parts;
    const int64_t from = rows * (int64_t)which / parts * d->row;
    const int64_t to = rows * (int64_t)(which + 1) / parts * d->row;

    for (int64_t at = from; at < to; at += d->step) {
        const int64_t n = to - at < d->step ? to - at : d->step;

        QN_TRY(read_rows(d, part, d->first + at, n, err));
        QN_TRY(d->sink->combine(d->sink->ctx, part->at, (size_t)at, (size_t)n,
                                thread, err));
    }
    return 0;
}

/* Rows by themselves on all threads; where they are unpacked together, by
 * libraries that need not stand more than one thread, the unpacking is. */
static int
run_parts(struct direct *d, int threads, struct qn_error *err)
{
    const int each = d->rows > 1 ? threads : 1;
    int rc = 0;

    d->parts = (size_t)(threads / each);
    QN_TRY(qn_memory_make((void **)&d->part, d->parts, sizeof *d->part,
                          "a band", err));
    for (size_t i = 0; i < d->parts && !rc; i++)
        rc = open_part(d, &d->part[i], each, err);
    if (!rc)
        rc = qn_parallel_for(threads, d->parts, run_part, d, err);
    for (size_t i = 0; i < d->parts; i++)
        close_part(d, &d->part[i]);
    free(d->part);
    return rc;
}

int
qn_direct_run(const struct qn_program *p, const json_t *request,
              enum qn_dtype dtype, int threads,
              const struct qn_direct_sink *sink, struct qn_error *err)
{
    struct direct d = {.p = p,
                       .paths = json_object_get(request, "files"),
                       .sink = sink,
                       .dtype = dtype,
                       .whole = qn_json_integer(request, "whole"),
                       .first = qn_json_integer(request, "first"),
                       .pixels = qn_json_integer(request, "pixels"),
                       .rows = qn_json_integer(request, "rows"),
                       .room = qn_json_integer(request, "room")};
    int rc;

    d.files = json_array_size(d.paths);
    rc = list_members(&d, json_object_get(request, "frames"), err);
    if (!rc)
        rc = run_parts(&d, threads, err);
    free(d.member);
    return rc;
}
