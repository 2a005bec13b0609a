/* Rows kept from one read to the next: see unpacked.h.
 *
 * A box that ends within rows that are packed together is read in up to three
 * parts: rows that are held, rows up to that place, which go straight where
 * they belong, and all that are packed with the last ones, which are held from
 * then on.  Held are boxes that differ in their rows alone: those of another
 * part of each row replace them. */
#include "io/unpacked.h"

#include <stdlib.h>
#include <string.h>

#include "base/least.h"
#include "model/dtype.h"

/* What goes on being read. */
struct reading {
    struct qn_unpacked *w;
    const struct qn_box *box;
    char *dst;
    qn_unpacked_read *read;
    void *ctx;
    size_t row;       /* bytes of a row                 */
    int64_t at, last; /* the next row, and the last one */
};

/* ---- shapes -------------------------------------------------------------- */

void
qn_unpacked_make(struct qn_unpacked *w, const struct qn_type *type,
               const int64_t *chunk, int64_t most)
{
    *w = (struct qn_unpacked){.type = *type, .together = 1, .most = most};
    if (!type->shape.ndims)
        return;
    w->axis = qn_shape_row_axis(&type->shape);
    w->together = chunk[w->axis];
}

int64_t
qn_unpacked_wish(const struct qn_type *type, const int64_t *chunk)
{
    const int64_t spare = 4 << 20; // for rows that are asked for again
    const int axis = qn_shape_row_axis(&type->shape);
    int64_t row, rows, n;

    if (!type->shape.ndims || chunk[axis] < 2)
        return 0;
    n = type->shape.n[axis];
    row = qn_shape_count(&type->shape) / n * (int64_t)qn_dtype_size(type->dtype);
    rows = qn_least(chunk[axis], n);
    return qn_least(rows * row + qn_most(rows / 4 * row, spare), n * row);
}

/* Do they differ in rows alone? */
static bool
is_alike(const struct qn_unpacked *w, const struct qn_box *box)
{
    for (int a = 0; a < box->ndims; a++)
        if (a != w->axis && (box->start[a] != w->held.start[a] ||
                             box->count[a] != w->held.count[a] ||
                             box->step[a] != w->held.step[a]))
            return false;
    return w->held.ndims == box->ndims;
}

static int64_t
held_end(const struct qn_unpacked *w)
{
    return w->held.start[w->axis] + w->held.count[w->axis];
}

/* ---- what is held -------------------------------------------------------- */

/* n of the held rows, as the box steps over them, to their place. */
static void
put_rows(struct reading *r, int64_t n)
{
    const struct qn_unpacked *w = r->w;
    const int64_t step = r->box->step[w->axis];
    const int64_t from = r->at - w->held.start[w->axis];
    const int64_t to = (r->at - r->box->start[w->axis]) / step;
    const char *src = w->data + (size_t)from * r->row;
    char *dst = r->dst + (size_t)to * r->row;

    if (step == 1)
        memcpy(dst, src, (size_t)n * r->row);
    for (int64_t i = 0; step != 1 && i < n; i++)
        memcpy(dst + (size_t)i * r->row, src + (size_t)(i * step) * r->row,
               r->row);
    r->at += n * step;
}

/* Rows of the box from the next one on that lie before `end`. */
static int64_t
rows_before(const struct reading *r, int64_t end)
{
    const int64_t step = r->box->step[r->w->axis];

    end = qn_least(end, r->last + 1);
    return end > r->at ? (end - r->at + step - 1) / step : 0;
}

static void
take_held(struct reading *r)
{
    const struct qn_unpacked *w = r->w;

    if (is_alike(w, r->box) && r->at >= w->held.start[w->axis] &&
        r->at < held_end(w))
        put_rows(r, rows_before(r, held_end(w)));
}

/* ---- what is read -------------------------------------------------------- */

/* Straight to their place. */
static int
read_rows(struct reading *r, int64_t n, struct qn_error *err)
{
    const int axis = r->w->axis;
    const int64_t step = r->box->step[axis];
    const int64_t to = (r->at - r->box->start[axis]) / step;
    struct qn_box box = *r->box;

    box.start[axis] = r->at;
    box.count[axis] = n;
    r->at += n * step;
    return r->read(r->ctx, &box, r->dst + (size_t)to * r->row, err);
}

/* Room for rows first ... end - 1, those of them that are held moved to its
 * beginning; *from: the first that is not there.  False: no memory. */
static bool
find_room(struct reading *r, int64_t first, int64_t end, int64_t *from)
{
    struct qn_unpacked *w = r->w;
    const size_t bytes = (size_t)(end - first) * r->row;
    const bool goes_on = is_alike(w, r->box) && held_end(w) == *from &&
                         first < *from && first >= w->held.start[w->axis];
    char *p;

    if (goes_on)
        memmove(w->data,
                w->data + (size_t)(first - w->held.start[w->axis]) * r->row,
                (size_t)(*from - first) * r->row);
    else
        *from = first;
    if (bytes > w->room) {
        p = realloc(w->data, bytes);
        if (!p)
            return false;
        w->data = p;
        w->room = bytes;
    }
    return true;
}

/* All that are packed with the row that is next, as far as there is room, to
 * be held; *done is false if there is no room for them. */
static int
fill(struct reading *r, bool *done, struct qn_error *err)
{
    struct qn_unpacked *w = r->w;
    const int axis = w->axis;
    const int64_t most = w->most / (int64_t)r->row;
    int64_t end = (r->last / w->together + 1) * w->together;
    int64_t first = r->at, from = r->at;
    struct qn_box box = *r->box;

    end = qn_least(end, w->type.shape.n[axis]);
    // what was held before stays if it can, at least what this box began with
    if (is_alike(w, r->box) && held_end(w) == r->at) {
        if (end - w->held.start[axis] <= most)
            first = w->held.start[axis];
        else if (r->box->start[axis] >= w->held.start[axis] &&
                 end - r->box->start[axis] <= most)
            first = qn_least(r->box->start[axis], r->at);
    }
    end = qn_least(end, first + most);
    *done = end > r->last && find_room(r, first, end, &from);
    if (!*done)
        return 0;
    box.start[axis] = from;
    box.count[axis] = end - from;
    box.step[axis] = 1;
    w->held.ndims = 0;
    QN_TRY(r->read(r->ctx, &box, w->data + (size_t)(from - first) * r->row,
                   err));
    w->held = box;
    w->held.start[axis] = first;
    w->held.count[axis] = end - first;
    return 0;
}

static int
go(struct reading *r, struct qn_error *err)
{
    struct qn_unpacked *w = r->w;
    const int64_t part = (r->last + 1) % w->together;
    bool done;

    take_held(r);
    if (r->at > r->last)
        return 0;
    // up to the rows that are packed with some that are not asked for, or up
    // to those that are held
    if (part && r->last + 1 < w->type.shape.n[w->axis]) {
        int64_t n = rows_before(r, r->last + 1 - part);

        if (n)
            QN_TRY(read_rows(r, n, err));
        take_held(r);
        if (r->at > r->last)
            return 0;
        QN_TRY(fill(r, &done, err));
        if (done)
            take_held(r);
    }
    return r->at > r->last ? 0 : read_rows(r, rows_before(r, r->last + 1), err);
}

int
qn_unpacked_get(struct qn_unpacked *w, const struct qn_box *box, void *dst,
              qn_unpacked_read *read, void *ctx, struct qn_error *err)
{
    struct reading r = {.w = w, .box = box, .dst = dst, .read = read,
                        .ctx = ctx, .row = qn_dtype_size(w->type.dtype)};

    if (w->together < 2 || !box->ndims)
        return read(ctx, box, dst, err);
    for (int a = w->axis + 1; a < box->ndims; a++)
        r.row *= (size_t)box->count[a];
    r.at = box->start[w->axis];
    r.last = r.at + (box->count[w->axis] - 1) * box->step[w->axis];
    return go(&r, err);
}

void
qn_unpacked_clear(struct qn_unpacked *w)
{
    free(w->data);
    w->data = NULL;
    w->room = 0;
    w->held.ndims = 0;
}
