/* One dataset or several as one array: see parts.h.
 *
 * Every dataset is decoded by its own attributes; shapes behind the leading
 * axis and types must be equal.  Which names a pattern stands for is the
 * back-end's to say.
 */
#include "io/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/dtype.h"

/* ---- names -------------------------------------------------------------- */

static int
add_name(struct qn_parts *p, const char *name, struct qn_error *err)
{
    if (p->backend->match && strpbrk(name, "*?["))
        return p->backend->match(&p->names, &p->source, name, p->bytes, err);
    return qn_names_add(&p->names, name, err);
}

static int
find_names(struct qn_parts *p, struct qn_error *err)
{
    const struct qn_source *s = &p->source;

    if (s->ndatasets == 0 && s->dataset)
        QN_TRY(add_name(p, s->dataset, err));
    for (int i = 0; i < s->ndatasets; i++)
        QN_TRY(add_name(p, s->datasets[i], err));
    return qn_names_once(&p->names, err);
}

/* ---- one after the other ------------------------------------------------ */

static int
open_one(struct qn_parts *p, size_t i, void **state, struct qn_held *held,
         struct qn_error *err)
{
    struct qn_source s = p->source;

    s.dataset = p->names.n ? p->names.v[i] : NULL;
    memset(held, 0, sizeof *held);
    QN_TRY(p->backend->open(state, held, &s, p->bytes, err));
    return s.missing ? qn_decode_text(&held->decode, s.missing, err) : 0;
}

static int
refuse(const struct qn_parts *p, const struct qn_held *held,
       struct qn_error *err)
{
    char first[256], other[256];

    return qn_fail(
        err, QN_ESHAPE,
        "%s (%s, %s) and %s (%s, %s) cannot be joined: all but the leading "
        "axis and the type must be equal; name fewer datasets",
        p->held.where, qn_shape_text(first, sizeof first, &p->held.shape),
        qn_dtype_name(p->held.decode.stored), held->where,
        qn_shape_text(other, sizeof other, &held->shape),
        qn_dtype_name(held->decode.stored));
}

static int
check_fit(const struct qn_parts *p, const struct qn_held *held,
          struct qn_error *err)
{
    struct qn_shape shape = held->shape;

    if (shape.ndims == 0)
        return qn_fail(err, QN_ESHAPE,
                       "%s is a single number and cannot be joined with "
                       "others; name fewer datasets",
                       held->where);
    shape.n[0] = p->held.shape.n[0];
    if (!qn_shape_equal(&shape, &p->held.shape) ||
        held->decode.stored != p->held.decode.stored ||
        qn_decode_type(&held->decode) != qn_decode_type(&p->held.decode))
        return refuse(p, held, err);
    return 0;
}

static int
note_part(struct qn_parts *p, size_t i, const struct qn_held *held,
          struct qn_error *err)
{
    struct qn_part *part = &p->part[i];

    if (p->n > 1)
        QN_TRY(check_fit(p, held, err));
    part->decode = held->decode;
    part->count = held->shape.ndims ? held->shape.n[0] : 1;
    part->start = i ? part[-1].start + part[-1].count : 0;
    return 0;
}

static int
describe_all(struct qn_parts *p, struct qn_error *err)
{
    const struct qn_part *last = &p->part[p->n - 1];
    struct qn_text where = {0};

    p->shape = p->held.shape;
    if (p->n > 1) {
        p->shape.n[0] = last->start + last->count;
        QN_TRY(qn_reader_plausible(&p->shape, err));
    }
    qn_text_add(&where, "%s", p->held.where);
    if (p->n > 1)
        qn_text_add(&where, " and %zu more", p->n - 1);
    p->where = where.s;
    return qn_text_check(&where, err);
}

static int
open_all(struct qn_parts *p, struct qn_error *err)
{
    QN_TRY(find_names(p, err));
    p->n = p->names.n ? p->names.n : 1;
    QN_TRY(qn_memory_make((void **)&p->part, p->n, sizeof *p->part,
                          "the datasets", err));
    QN_TRY(open_one(p, 0, &p->first, &p->held, err));
    QN_TRY(note_part(p, 0, &p->held, err));
    for (size_t i = 1; i < p->n; i++) {
        struct qn_held held;
        void *state = NULL;
        int rc = open_one(p, i, &state, &held, err);

        if (!rc)
            rc = note_part(p, i, &held, err);
        if (state)
            p->backend->close(state);
        if (rc) {
            qn_wrap(err, "%s", p->names.v[i]);
            return rc;
        }
    }
    return describe_all(p, err);
}

int
qn_parts_open(struct qn_parts *p, const struct qn_backend *backend,
              const struct qn_source *source, const struct qn_bytes *bytes,
              struct qn_error *err)
{
    int rc;

    *p = (struct qn_parts){
        .backend = backend, .bytes = bytes, .source = *source};
    rc = open_all(p, err);
    if (rc)
        qn_parts_close(p);
    return rc;
}

void
qn_parts_close(struct qn_parts *p)
{
    if (p->other)
        p->backend->close(p->other);
    if (p->first)
        p->backend->close(p->first);
    qn_names_clear(&p->names);
    free(p->part);
    free(p->where);
    *p = (struct qn_parts){0};
}

/* ---- samples ------------------------------------------------------------ */

enum qn_dtype
qn_parts_type(const struct qn_parts *p)
{
    return qn_decode_type(&p->part[0].decode);
}

// The state that reads part i; the one before it is closed.
static int
turn_to(struct qn_parts *p, size_t i, void **state, struct qn_error *err)
{
    struct qn_held held;
    int rc;

    *state = i ? p->other : p->first;
    if (i == 0 || (p->other && p->current == i))
        return 0;
    if (p->other)
        p->backend->close(p->other);
    p->other = NULL;
    QN_TRY(open_one(p, i, &p->other, &held, err));
    p->current = i;
    *state = p->other;
    rc = check_fit(p, &held, err);
    if (!rc && held.shape.n[0] != p->part[i].count)
        rc = qn_fail(err, QN_EFORMAT,
                     "%s changed its length while it was read", held.where);
    return rc;
}

static size_t
count_samples(const struct qn_box *box)
{
    size_t n = 1;

    for (int a = 0; a < box->ndims; a++)
        n *= (size_t)box->count[a];
    return n;
}

static int
read_one(struct qn_parts *p, size_t i, const struct qn_box *box, void *dst,
         struct qn_error *err)
{
    const struct qn_decode *d = &p->part[i].decode;
    size_t n = count_samples(box);
    void *state;

    QN_TRY(turn_to(p, i, &state, err));
    QN_TRY(p->backend->read(state, box, qn_decode_place(d, dst, n), err));
    qn_decode_apply(d, dst, n);
    return 0;
}

// What of box lies in a part, counted within it; its count may be 0.
static struct qn_box
cut(const struct qn_box *box, const struct qn_part *part)
{
    int64_t step = box->step[0], first = 0, end, last;
    struct qn_box out = *box;

    last = box->start[0] + (box->count[0] - 1) * step;
    if (part->start > box->start[0])
        first = (part->start - box->start[0] + step - 1) / step;
    end = part->start + part->count;
    end = last < end ? box->count[0]
                     : (end - box->start[0] + step - 1) / step;
    out.start[0] = box->start[0] + first * step - part->start;
    out.count[0] = end > first ? end - first : 0;
    return out;
}

// The part that holds a place along the joined axis.
static size_t
part_of(const struct qn_parts *p, int64_t place)
{
    size_t low = 0, high = p->n;

    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;

        if (p->part[mid].start <= place)
            low = mid;
        else
            high = mid;
    }
    return low;
}

static int
read_joined(struct qn_parts *p, const struct qn_box *box, char *to,
            struct qn_error *err)
{
    size_t size = qn_dtype_size(qn_parts_type(p));
    int64_t last = box->start[0] + (box->count[0] - 1) * box->step[0];

    for (size_t i = part_of(p, box->start[0]);
         i < p->n && p->part[i].start <= last; i++) {
        struct qn_box part = cut(box, &p->part[i]);
        int rc;

        if (part.count[0] == 0)
            continue;
        if ((rc = read_one(p, i, &part, to, err))) {
            qn_wrap(err, "%s", p->names.v[i]);
            return rc;
        }
        to += count_samples(&part) * size;
    }
    return 0;
}

int
qn_parts_read(struct qn_parts *p, const struct qn_box *box, void *dst,
              struct qn_error *err)
{
    int rc;

    if (count_samples(box) == 0)
        return 0;
    if (p->n > 1)
        return read_joined(p, box, dst, err);
    if ((rc = read_one(p, 0, box, dst, err)))
        qn_wrap(err, "%s", p->held.where);
    return rc;
}
