/* The front end of the readers: which format, which part, which type.
 *
 * Knows no format: it opens what a back-end finds, takes one row of it where
 * that is asked for, applies `frames` and `slice`, and puts the path in front
 * of what went wrong.  Read parts.h and reader_backend.h next.
 */
#include "io/reader_backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/system.h"
#include "io/frames.h"
#include "io/parts.h"
#include "io/slice.h"
#include "model/array.h"
#include "model/dtype.h"

#define MOST_SAMPLES ((int64_t)1 << 40)

struct qn_reader {
    char *path; /* owned */
    struct qn_bytes bytes;
    const struct qn_backend *backend;
    struct qn_parts parts;
    int64_t row;             /* the only one that is read; -1: all   */
    bool chosen;             /* by frames                            */
    struct qn_frames frames; /* which; empty where all are           */
    struct qn_box part;      /* of these: what slice leaves          */
    bool moved;              /* by slice, which cards have followed  */
    struct qn_cards cards;   /* then: what is true of the part       */
    struct qn_info info;
};

static const struct qn_cards no_cards;

/* What became of looking into a file, errno having been 0 before.  Libraries
 * take what the system did not let them read for a damaged file or for
 * something that is not there: then the system's word counts, lest a good file
 * be called bad, or read without its scale. */
static int
hear_system(int rc, struct qn_error *err)
{
    int cause = errno;
    bool failed = cause == EIO || cause == ESTALE;
    bool refused = cause == EMFILE || cause == ENFILE || cause == ETIMEDOUT;

    if (rc == QN_EIO || rc == QN_ENOMEM)
        return rc;
    if (rc && cause == ENOMEM)
        return qn_fail(err, QN_ENOMEM, "no memory to read it");
    if (failed || (rc && refused))
        return qn_system_cannot(err, "read", "it", cause);
    return rc;
}

static int
fail_in(struct qn_error *err, int rc, const char *path)
{
    if (err)
        qn_reader_text_clean(err->text);
    qn_wrap(err, "%s", path);
    return rc;
}

/* ---- opening ------------------------------------------------------------ */

static void
drop_axis(struct qn_shape *shape)
{
    shape->ndims--;
    memmove(shape->n, shape->n + 1,
            (size_t)shape->ndims * sizeof *shape->n);
}

static void
fill_info(struct qn_reader *r)
{
    struct qn_info *i = &r->info;
    const int64_t *chunk = r->parts.held.chunk;
    struct qn_shape held = r->parts.held.shape;

    i->format = r->backend->name;
    i->where = r->parts.where;
    i->stored = r->parts.held.decode.stored;
    i->type.dtype = qn_parts_type(&r->parts);
    i->by_rows = r->parts.held.by_rows;
    i->window = r->parts.held.window;
    i->unpacks = r->parts.held.unpacks + r->bytes.inflated;
    i->type.shape.ndims = r->part.ndims;
    for (int a = 0; a < r->part.ndims; a++)
        i->type.shape.n[a] = r->part.count[a];
    // only where neither frames nor slice nor a join moves what is read
    if (chunk && r->row >= 0) {
        drop_axis(&held);
        chunk = *chunk == 1 ? chunk + 1 : NULL;
    }
    if (chunk && r->parts.n == 1 && qn_shape_equal(&held, &i->type.shape)) {
        i->chunk.ndims = r->part.ndims;
        memcpy(i->chunk.n, chunk,
               (size_t)r->part.ndims * sizeof *i->chunk.n);
    }
}

static int
load_column(void *ctx, const char *name, int64_t n, struct qn_column *c,
            struct qn_error *err)
{
    const struct qn_reader *r = ctx;

    return qn_column_load(c, r->backend, &r->parts.source, &r->bytes, name, n,
                          err);
}

static int
choose_frames(struct qn_reader *r, struct qn_shape *shape, const char *text,
              struct qn_error *err)
{
    if (shape->ndims == 0)
        return qn_fail(err, QN_ESHAPE,
                       "frames: %s is a single number and has no frames",
                       r->parts.where);
    QN_TRY(qn_frames_make(&r->frames, text, shape->n[0], load_column, r, err));
    r->chosen = true;
    shape->n[0] = r->frames.n;
    return 0;
}

/* The header speaks of all pixels: make it speak of those that slice leaves.
 * Of every step-th sample only one is kept: the stretch that it stands for is
 * centred on it. */
static int
follow_slice(struct qn_reader *r, const struct qn_shape *whole,
             struct qn_error *err)
{
    double offset[QN_MAX_DIMS], factor[QN_MAX_DIMS];
    const struct qn_box *part = &r->part;

    for (int a = 0; a < part->ndims; a++) {
        r->moved = r->moved || part->count[a] != whole->n[a];
        factor[a] = (double)part->step[a];
        offset[a] = (double)part->start[a] - (factor[a] - 1) / 2;
    }
    r->moved = r->moved && r->parts.held.cards;
    if (!r->moved)
        return 0;
    QN_TRY(qn_cards_copy(&r->cards, r->parts.held.cards, err));
    return qn_cards_remap(&r->cards, part->ndims, offset, factor, err);
}

static int
turn(struct qn_reader *r, int64_t row, struct qn_error *err)
{
    const struct qn_parts *p = &r->parts;

    if (p->n != 1 || p->shape.ndims == 0 || row >= p->shape.n[0])
        return qn_fail(err, QN_ESHAPE,
                       "%s has no row %lld; the file changed since it was "
                       "looked at: run again",
                       p->where, (long long)row);
    r->row = row;
    return r->backend->row ? r->backend->row(p->first, row, err) : 0;
}

/* A name that means nothing in this format would be passed over, and some other
 * array read.  Where both are given, each kind of file goes by its own. */
static int
check_names(const struct qn_backend *b, const struct qn_source *s,
            struct qn_error *err)
{
    const char *dataset = s->ndatasets ? s->datasets[0] : s->dataset;

    if (dataset && !b->match && !(s->hdu && b->hdus))
        return qn_fail(err, QN_EJOB,
                       "dataset '%.80s' is asked for, and %s files hold none; "
                       "%s",
                       dataset, b->name,
                       b->hdus ? "name the HDU instead (hdu: SCI)"
                               : "leave it out");
    if (s->hdu && !b->hdus && !(dataset && b->match))
        return qn_fail(err, QN_EJOB,
                       "HDU '%.80s' is asked for, and %s files hold none; %s",
                       s->hdu, b->name,
                       b->match ? "name the dataset instead" : "leave it out");
    return 0;
}

static int
open_all(struct qn_reader *r, const struct qn_source *source,
         struct qn_error *err)
{
    struct qn_source mine = *source, *s = &mine;
    struct qn_shape shape;

    mine.path = r->path; // the caller's need not last

    if (s->format && !strcmp(s->format, "grid")) {
        r->backend = &qn_grid_backend;
    } else {
        QN_TRY(qn_bytes_open(&r->bytes, r->path, s->kept, err));
        QN_TRY(qn_reader_pick(&r->backend, s, &r->bytes, err));
    }
    QN_TRY(check_names(r->backend, s, err));
    QN_TRY(qn_parts_open(&r->parts, r->backend, s, &r->bytes, err));
    shape = r->parts.shape;
    if (s->one_row) {
        QN_TRY(turn(r, s->row, err));
        drop_axis(&shape);
    }
    if (s->frames)
        QN_TRY(choose_frames(r, &shape, s->frames, err));
    QN_TRY(qn_slice_make(&r->part, &shape, s->nslice, s->slice, err));
    QN_TRY(follow_slice(r, &shape, err));
    fill_info(r);
    return 0;
}

int
qn_reader_open(struct qn_reader **r, const struct qn_source *source,
               struct qn_error *err)
{
    struct qn_reader *made = NULL;
    int rc;

    *r = NULL;
    QN_TRY(qn_memory_make((void **)&made, 1, sizeof *made, "a reader", err));
    made->bytes.fd = -1;
    made->row = -1;
    errno = 0;
    rc = qn_memory_copy(&made->path, source->path, err);
    if (!rc)
        rc = hear_system(open_all(made, source, err), err);
    if (rc) {
        fail_in(err, rc, source->path);
        qn_reader_close(made);
        return rc;
    }
    *r = made;
    return 0;
}

int
qn_reader_turn(struct qn_reader *r, int64_t row, struct qn_error *err)
{
    int rc;

    errno = 0;
    rc = hear_system(turn(r, row, err), err);
    return rc ? fail_in(err, rc, r->path) : 0;
}

void
qn_reader_close(struct qn_reader *r)
{
    if (!r)
        return;
    qn_frames_clear(&r->frames);
    qn_cards_clear(&r->cards);
    qn_parts_close(&r->parts);
    qn_bytes_close(&r->bytes);
    free(r->path);
    free(r);
}

/* ---- using -------------------------------------------------------------- */

const struct qn_info *
qn_reader_info(const struct qn_reader *r)
{
    return &r->info;
}

const struct qn_cards *
qn_reader_cards(const struct qn_reader *r)
{
    if (r->moved)
        return &r->cards;
    return r->parts.held.cards ? r->parts.held.cards : &no_cards;
}

int
qn_reader_field(struct qn_reader *r, const char *name, char *value, size_t size,
                bool *is_text, struct qn_error *err)
{
    int rc;

    *is_text = false;
    errno = 0;
    if (r->backend->field)
        rc = r->backend->field(r->parts.first, name, value, size, is_text,
                               err);
    else
        rc = qn_fail(err, QN_EMISSING,
                     "no field %s: %s files have no header fields", name,
                     r->backend->name);
    rc = hear_system(rc, err);
    if (rc)
        return fail_in(err, rc, r->path);
    qn_reader_text_clean(value);
    return 0;
}

// A box of what is read: of the row, where it is one.
static int
read_parts(struct qn_reader *r, const struct qn_box *box, void *to,
           struct qn_error *err)
{
    struct qn_box all = {.ndims = box->ndims + 1, .start = {r->row},
                         .count = {1}, .step = {1}};
    const size_t n = (size_t)box->ndims * sizeof *all.start;

    if (r->row < 0)
        return qn_parts_read(&r->parts, box, to, err);
    memcpy(all.start + 1, box->start, n);
    memcpy(all.count + 1, box->count, n);
    memcpy(all.step + 1, box->step, n);
    return qn_parts_read(&r->parts, &all, to, err);
}

// A box counted in chosen frames, run by run.
static int
read_chosen(struct qn_reader *r, const struct qn_box *box, char *to,
            struct qn_error *err)
{
    size_t frame = qn_dtype_size(r->info.type.dtype);
    struct qn_box run = *box;
    int64_t n;

    for (int a = 1; a < box->ndims; a++)
        frame *= (size_t)box->count[a];
    for (int64_t i = 0; i < box->count[0]; i += n) {
        n = qn_frames_run(&r->frames, box->start[0] + i * box->step[0],
                          box->step[0], box->count[0] - i, &run.start[0],
                          &run.step[0]);
        run.count[0] = n;
        QN_TRY(read_parts(r, &run, to, err));
        to += (size_t)n * frame;
    }
    return 0;
}

int
qn_reader_read(struct qn_reader *r, const struct qn_box *box, void *dst,
               struct qn_error *err)
{
    struct qn_box part;
    int rc = qn_slice_within(&part, &r->part, box, err);

    errno = 0;
    if (!rc)
        rc = r->chosen ? read_chosen(r, &part, dst, err)
                       : read_parts(r, &part, dst, err);
    rc = hear_system(rc, err);
    return rc ? fail_in(err, rc, r->path) : 0;
}

/* ---- what back-ends share ----------------------------------------------- */

int
qn_reader_plausible(const struct qn_shape *shape, struct qn_error *err)
{
    char text[256];
    int64_t n = 1;

    qn_shape_text(text, sizeof text, shape);
    for (int a = 0; a < shape->ndims; a++)
        if (shape->n[a] < 1)
            return qn_fail(err, QN_EFORMAT, "its array (%s) holds no samples",
                           text);
    for (int a = 0; a < shape->ndims; a++)
        if (__builtin_mul_overflow(n, shape->n[a], &n) || n > MOST_SAMPLES)
            return qn_fail(
                err, QN_EFORMAT,
                "its array (%s) is impossibly large; the header is damaged",
                text);
    return 0;
}

void
qn_reader_number(char *value, size_t size, enum qn_dtype type, const void *v)
{
    bool narrow = type == QN_F32;
    uint64_t u;
    int64_t i;
    double x;

    if (type == QN_U64) {
        memcpy(&u, v, sizeof u);
        snprintf(value, size, "%llu", (unsigned long long)u);
    } else if (!qn_dtype_is_real(type)) {
        qn_dtype_convert(&i, QN_I64, v, type, 1, NULL);
        snprintf(value, size, "%lld", (long long)i);
    } else {
        qn_dtype_convert(&x, QN_F64, v, type, 1, NULL);
        for (int digits = narrow ? 6 : 15; digits <= 17; digits++) {
            snprintf(value, size, "%.*g", digits, x);
            if (narrow ? strtof(value, NULL) == (float)x
                       : strtod(value, NULL) == x)
                break;
        }
    }
}

int
qn_reader_whole(struct qn_array *a, struct qn_reader *r, struct qn_error *err)
{
    struct qn_box box;

    QN_TRY(qn_array_make(a, &qn_reader_info(r)->type, err));
    box = qn_shape_box(&a->type.shape);
    return qn_reader_read(r, &box, a->data, err);
}

int
qn_reader_all(struct qn_array *a, const struct qn_source *source,
              struct qn_error *err)
{
    struct qn_reader *r = NULL;
    int rc = qn_reader_open(&r, source, err);

    if (!rc)
        rc = qn_reader_whole(a, r, err);
    qn_reader_close(r);
    return rc;
}
