/* Flat binary files: samples without a header, as the job describes them.
 *
 * What the job says is all there is, so the size of the file must be exactly
 * what it says; a .gz has been inflated before (bytes.c).
 */
#include "io/reader_backend.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/dtype.h"

struct raw {
    const struct qn_bytes *bytes; /* borrowed */
    int64_t offset;               /* bytes    */
    struct qn_type type;
    bool swapped;
};

static const union {
    unsigned char first;
    uint16_t one;
} order = {.one = 1};

// The job's byte order: in the dtype's text, or beside it.
static int
parse_type(struct raw *r, const struct qn_source *s, struct qn_error *err)
{
    bool named, little_here = order.first == 1, little;

    if (!s->dtype || s->shape.ndims == 0)
        return qn_fail(
            err, QN_EJOB,
            "a raw file needs dtype and shape, such as dtype: uint16, shape: "
            "[-1, 512, 512]");
    QN_TRY(qn_dtype_parse(&r->type.dtype, &r->swapped, s->dtype, err));
    if (!s->endian)
        return 0;
    little = strcmp(s->endian, "little") == 0;
    if (!little && strcmp(s->endian, "big") != 0)
        return qn_fail(err, QN_EJOB, "endian: '%s' is neither little nor big",
                       s->endian);
    named = s->dtype[0] == '<' || s->dtype[0] == '>';
    if (named && (s->dtype[0] == '<') != little)
        return qn_fail(err, QN_EJOB,
                       "dtype '%s' and endian: %s contradict each other",
                       s->dtype, s->endian);
    r->swapped = little != little_here;
    return 0;
}

// Bytes of a frame: all axes but the first.
static int
frame_bytes(int64_t *bytes, const struct raw *r, const struct qn_shape *shape,
            struct qn_error *err)
{
    struct qn_shape frame = *shape;

    frame.n[0] = 1;
    QN_TRY(qn_reader_plausible(&frame, err));
    *bytes = qn_shape_count(&frame) * (int64_t)qn_dtype_size(r->type.dtype);
    return 0;
}

static int
refuse_size(const struct raw *r, const struct qn_shape *shape, int64_t frame,
            struct qn_error *err)
{
    char have[32], want[32], text[256];
    const char *type = qn_dtype_name(r->type.dtype);

    qn_text_count(have, sizeof have, r->bytes->size);
    if (shape->n[0] == -1)
        return qn_fail(
            err, QN_EFORMAT,
            "%s bytes less the offset of %lld are no whole number of frames of "
            "%s bytes; check shape, dtype (%s) and offset",
            have, (long long)r->offset, qn_text_count(want, sizeof want, frame),
            type);
    return qn_fail(
        err, QN_EFORMAT,
        "has %s bytes, but an offset of %lld and %s of %s make %s; check "
        "shape, dtype and offset",
        have, (long long)r->offset, qn_shape_text(text, sizeof text, shape),
        type,
        qn_text_count(want, sizeof want, r->offset + frame * shape->n[0]));
}

static int
fit_shape(struct raw *r, const struct qn_shape *shape, struct qn_error *err)
{
    int64_t frame, rest = r->bytes->size - r->offset, want;

    for (int a = 0; a < shape->ndims; a++)
        if (shape->n[a] < 1 && !(a == 0 && shape->n[a] == -1))
            return qn_fail(
                err, QN_EJOB,
                "shape: axis %d is %lld; only the first may be -1, the others "
                "are at least 1",
                a, (long long)shape->n[a]);
    if (r->offset < 0)
        return qn_fail(err, QN_EJOB, "offset: must be at least 0");
    QN_TRY(frame_bytes(&frame, r, shape, err));
    r->type.shape = *shape;
    if (shape->n[0] == -1) {
        if (rest < frame || rest % frame)
            return refuse_size(r, shape, frame, err);
        r->type.shape.n[0] = rest / frame;
    }
    QN_TRY(qn_reader_plausible(&r->type.shape, err));
    if (__builtin_mul_overflow(frame, r->type.shape.n[0], &want) ||
        want != rest)
        return refuse_size(r, shape, frame, err);
    return 0;
}

static int
raw_open(void **state, struct qn_held *held, const struct qn_source *source,
         const struct qn_bytes *bytes, struct qn_error *err)
{
    struct raw *r = NULL;
    int rc;

    *state = NULL;
    QN_TRY(qn_memory_make((void **)&r, 1, sizeof *r, "a reader", err));
    r->bytes = bytes;
    r->offset = source->offset;
    rc = parse_type(r, source, err);
    if (!rc)
        rc = fit_shape(r, &source->shape, err);
    if (rc) {
        free(r);
        return rc;
    }
    held->where = "raw";
    held->shape = r->type.shape;
    held->decode = qn_decode_plain(r->type.dtype);
    held->by_rows = true;
    *state = r;
    return 0;
}

static int
raw_read(void *state, const struct qn_box *box, void *dst, struct qn_error *err)
{
    const struct raw *r = state;
    size_t n = 1;

    QN_TRY(qn_bytes_box(r->bytes, r->offset, &r->type.shape,
                        qn_dtype_size(r->type.dtype), box, dst, err));
    for (int a = 0; a < box->ndims; a++)
        n *= (size_t)box->count[a];
    if (r->swapped)
        qn_dtype_swap(dst, n, r->type.dtype);
    return 0;
}

const struct qn_backend qn_raw_backend = {
    .name = "raw",
    .open = raw_open,
    .read = raw_read,
    .close = free,
};
