/* Rows of many files, side by side: each file is opened once for each thread
 * (by one of them: cfitsio need not stand more) and read on, a few rows at a
 * time, into memory that stays in cache.  Knows nothing of how samples are
 * combined. */
#include "worker/direct.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "io/reader.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/shape.h"

/* The rows of one thread, and what it reads them with. */
struct part {
    struct qn_reader **reader; /* owned, [n] */
    const void **at;           /* owned, [n] */
    char *room;                /* owned: [n][rows at a time] */
};

struct direct {
    const struct qn_program *p;
    const json_t *files;
    const struct qn_direct_sink *sink;
    enum qn_dtype dtype;
    size_t n;
    int64_t whole;             /* pixels of a file                        */
    int64_t first, pixels;     /* of the band                             */
    int64_t row;               /* pixels                                  */
    int64_t room;              /* bytes a thread may hold, or a row of all */
    int64_t step;              /* pixels that are held at a time          */
    size_t parts;
    struct part *part;         /* owned */
};

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

bool
qn_direct_suits(const struct qn_program *p, const struct qn_reader *r,
                const char *path, int64_t bytes, const char *dtype)
{
    const struct qn_info *i = qn_reader_info(r);
    const int64_t size = (int64_t)qn_dtype_size(i->type.dtype);

    return i->by_rows && p->nsteps == 0 && p->ndatasets < 2 && dtype &&
           strcmp(i->format, "grid") != 0 &&
           !strcmp(dtype, qn_dtype_name(i->type.dtype)) &&
           qn_shape_count(&i->type.shape) * size == bytes && !is_gzipped(path);
}

static int64_t
row_length(const struct qn_shape *s)
{
    return qn_shape_count(s) / (s->ndims ? s->n[qn_shape_row_axis(s)] : 1);
}

static int
open_member(struct direct *d, struct part *part, size_t i,
            struct qn_error *err)
{
    struct qn_source source = d->p->source;
    const struct qn_type *type;
    int64_t row;

    source.path = json_string_value(json_array_get(d->files, i));
    source.threads = 1;
    source.samples_only = true;
    QN_TRY(qn_reader_open(&part->reader[i], &source, err));
    type = &qn_reader_info(part->reader[i])->type;
    row = row_length(&type->shape);
    if (type->dtype != d->dtype || qn_shape_count(&type->shape) != d->whole ||
        (d->row && row != d->row) || d->first % row || d->pixels % row)
        return qn_fail(err, QN_ESHAPE,
                       "%s: the file changed while it was combined; run again "
                       "when it is complete",
                       source.path);
    d->row = row;
    return 0;
}

static int
open_part(struct direct *d, struct part *part, struct qn_error *err)
{
    const size_t size = qn_dtype_size(d->dtype);

    QN_TRY(qn_memory_make((void **)&part->reader, d->n, sizeof *part->reader,
                          "a band", err));
    QN_TRY(qn_memory_make((void **)&part->at, d->n, sizeof *part->at, "a band",
                          err));
    for (size_t i = 0; i < d->n; i++)
        QN_TRY(open_member(d, part, i, err));
    d->step = d->room / ((int64_t)(d->n * size) * d->row) * d->row;
    if (d->step < d->row)
        d->step = d->row;
    return qn_memory_make((void **)&part->room, d->n, (size_t)d->step * size,
                          "a band", err);
}

static void
close_part(const struct direct *d, struct part *part)
{
    for (size_t i = 0; part->reader && i < d->n; i++)
        qn_reader_close(part->reader[i]);
    free(part->reader);
    free(part->at);
    free(part->room);
}

/* Pixels from ... of all members to the part's memory. */
static int
read_rows(const struct direct *d, struct part *part, int64_t from, int64_t n,
          struct qn_error *err)
{
    const size_t bytes = (size_t)n * qn_dtype_size(d->dtype);

    for (size_t i = 0; i < d->n; i++) {
        const struct qn_shape *s = &qn_reader_info(part->reader[i])->type.shape;
        const int axis = qn_shape_row_axis(s);
        struct qn_box box = qn_shape_box(s);

        if (s->ndims) {
            box.start[axis] = from / d->row;
            box.count[axis] = n / d->row;
        }
        part->at[i] = part->room + i * bytes;
        QN_TRY(qn_reader_read(part->reader[i], &box, part->room + i * bytes,
                              err));
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

int
qn_direct_run(const struct qn_program *p, const json_t *request,
              enum qn_dtype dtype, int threads,
              const struct qn_direct_sink *sink, struct qn_error *err)
{
    struct direct d = {.p = p,
                       .files = json_object_get(request, "files"),
                       .sink = sink,
                       .dtype = dtype,
                       .whole = qn_json_integer(request, "whole"),
                       .first = qn_json_integer(request, "first"),
                       .pixels = qn_json_integer(request, "pixels"),
                       .room = qn_json_integer(request, "room"),
                       .parts = (size_t)threads};
    int rc;

    d.n = json_array_size(d.files);
    QN_TRY(qn_memory_make((void **)&d.part, d.parts, sizeof *d.part, "a band",
                          err));
    rc = 0;
    for (size_t i = 0; i < d.parts && !rc; i++)
        rc = open_part(&d, &d.part[i], err);
    if (!rc)
        rc = qn_parallel_for(threads, d.parts, run_part, &d, err);
    for (size_t i = 0; i < d.parts; i++)
        close_part(&d, &d.part[i]);
    free(d.part);
    return rc;
}
