/* FITS images.
 *
 * cfitsio finds the HDU, reads headers and undoes tile compression; the data
 * unit of an uncompressed image is read directly, because it is one run of
 * bytes.  Either way samples come as stored; BZERO, BSCALE and BLANK become a
 * struct qn_decode, except the offsets of 2^(bits-1), which FITS uses to write
 * the other signedness: these are one flipped bit.  HDUs: fits_hdu.c;
 * cards: fits_header.c.
 */
#include "io/fits_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/dtype.h"

/* ---- what it holds ------------------------------------------------------ */

static int
set_shape(struct qn_fits *s, const struct qn_fits_extent *e,
          struct qn_error *err)
{
    int rc;

    if (e->naxis > QN_MAX_DIMS)
        return qn_fail(err, QN_EFORMAT, "%s has %d axes; %d are the most",
                       s->where, e->naxis, QN_MAX_DIMS);
    if (e->naxis == 0)
        return qn_fail(err, QN_EFORMAT, "%s has no axes and so no image",
                       s->where);
    s->shape.ndims = e->naxis;
    for (int a = 0; a < e->naxis; a++)
        s->shape.n[a] = e->n[e->naxis - 1 - a];
    if ((rc = qn_reader_plausible(&s->shape, err)))
        qn_wrap(err, "%s", s->where);
    return rc;
}

static int
set_raw_type(struct qn_fits *s, int bitpix, struct qn_error *err)
{
    switch (bitpix) {
    case 8: s->raw = QN_U8; return 0;
    case 16: s->raw = QN_I16; return 0;
    case 32: s->raw = QN_I32; return 0;
    case 64: s->raw = QN_I64; return 0;
    case -32: s->raw = QN_F32; return 0;
    case -64: s->raw = QN_F64; return 0;
    default:
        return qn_fail(err, QN_EFORMAT,
                       "%s has BITPIX %d, which FITS does not know", s->where,
                       bitpix);
    }
}

// A number of the header; absent: *x stays.
static int
read_number(struct qn_fits *s, const char *name, double *x,
            struct qn_error *err)
{
    int status = 0;
    double v;

    fits_read_key(s->f, TDOUBLE, name, &v, NULL, &status);
    if (status == 0)
        *x = v;
    else if (status != KEY_NO_EXIST && status != VALUE_UNDEFINED)
        return qn_fits_hdu_fail(status, name, err);
    fits_clear_errmsg();
    return 0;
}

// The offset that FITS uses to store the other signedness.
static bool
is_flip(enum qn_dtype raw, double zero)
{
    switch (raw) {
    case QN_U8: return zero == -128;
    case QN_I16: return zero == 32768;
    case QN_I32: return zero == 2147483648.0;
    case QN_I64: return zero == 9223372036854775808.0;
    default: return false;
    }
}

static enum qn_dtype
flipped(enum qn_dtype raw)
{
    switch (raw) {
    case QN_U8: return QN_I8;
    case QN_I16: return QN_U16;
    case QN_I32: return QN_U32;
    default: return QN_U64;
    }
}

// BLANK is compared with the samples as stored, or as stored and flipped.
static void
set_blank(struct qn_fits *s)
{
    LONGLONG blank;
    uint64_t bits;
    int status = 0;

    fits_read_key(s->f, TLONGLONG, "BLANK", &blank, NULL, &status);
    if (status && s->packed) {
        status = 0;
        fits_read_key(s->f, TLONGLONG, "ZBLANK", &blank, NULL, &status);
    }
    fits_clear_errmsg();
    if (status)
        return;
    if (!s->flip) {
        qn_decode_missing(&s->decode, QN_I64, &blank);
    } else if (s->raw == QN_U8) {
        blank = (LONGLONG)((uint64_t)blank - 128);
        qn_decode_missing(&s->decode, QN_I64, &blank);
    } else {
        bits =
            (uint64_t)blank + ((uint64_t)1 << (8 * qn_dtype_size(s->raw) - 1));
        qn_decode_missing(&s->decode, QN_U64, &bits);
    }
}

static int
set_decode(struct qn_fits *s, bool undecoded, struct qn_error *err)
{
    double scale = 1, zero = 0;

    s->decode = qn_decode_plain(s->raw);
    if (undecoded)
        return 0;
    QN_TRY(read_number(s, "BSCALE", &scale, err));
    QN_TRY(read_number(s, "BZERO", &zero, err));
    s->flip = scale == 1 && is_flip(s->raw, zero);
    if (s->flip)
        s->decode = qn_decode_plain(flipped(s->raw));
    else
        qn_decode_scale(&s->decode, scale, zero);
    if (!qn_dtype_is_real(s->raw))
        set_blank(s);
    return 0;
}

int
qn_fits_describe(struct qn_fits *s, const struct qn_fits_extent *e,
                 bool undecoded, struct qn_error *err)
{
    int status = 0;

    s->packed = fits_is_compressed_image(s->f, &status);
    QN_TRY(set_shape(s, e, err));
    QN_TRY(set_raw_type(s, e->bitpix, err));
    return set_decode(s, undecoded, err);
}

// Is the file long enough?  Only padding may be missing at its end.
static int
check_size(struct qn_fits *s, struct qn_error *err)
{
    LONGLONG head, end, row = 0, rows = 0, heap = 0;
    int status = 0;

    if (fits_get_hduaddrll(s->f, &head, &s->data, &end, &status))
        return qn_fits_hdu_fail(status, s->where, err);
    if (!s->packed)
        return qn_bytes_holds(s->bytes, s->data, &s->shape,
                              qn_dtype_size(s->raw), err);
    fits_read_key(s->f, TLONGLONG, "NAXIS1", &row, NULL, &status);
    fits_read_key(s->f, TLONGLONG, "NAXIS2", &rows, NULL, &status);
    fits_read_key(s->f, TLONGLONG, "PCOUNT", &heap, NULL, &status);
    if (status || __builtin_mul_overflow(row, rows, &end) ||
        __builtin_add_overflow(end, heap, &end) ||
        __builtin_add_overflow(end, s->data, &end))
        return qn_fail(err, QN_EFORMAT,
                       "%s: the header of its tiles is damaged", s->where);
    return qn_bytes_need(s->bytes, end, err);
}

/* ---- opening ------------------------------------------------------------ */

// With its buffers, which are larger than many an image.
static void
close_cfitsio(struct qn_fits *s)
{
    int status = 0;

    if (s->f)
        fits_close_file(s->f, &status);
    s->f = NULL;
    fits_clear_errmsg();
}

void
qn_fits_close(struct qn_fits *s)
{
    close_cfitsio(s);
    qn_cards_clear(&s->cards);
    free(s->path);
    *s = (struct qn_fits){0};
}

static void
fits_close_state(void *state)
{
    if (state)
        qn_fits_close(state);
    free(state);
}

// No name may mean anything to cfitsio but a file: "~x", "http:", "a[1]".
int
qn_fits_open(struct qn_fits *s, struct qn_error *err)
{
    struct qn_text path = {0};
    int status = 0;

    if (s->bytes->data) {
        s->mem = s->bytes->data;
        s->mem_size = (size_t)s->bytes->size;
        fits_open_memfile(&s->f, "memory", READONLY, &s->mem, &s->mem_size, 0,
                          NULL, &status);
    } else {
        qn_text_add(&path, "%s%s", s->bytes->path[0] == '/' ? "" : "./",
                    s->bytes->path);
        QN_TRY(qn_text_check(&path, err));
        s->path = path.s;
        if (path.len >= FLEN_FILENAME)
            return qn_fail(err, QN_EIO,
                           "its path is longer than the %d bytes cfitsio "
                           "takes; run in a folder nearer to it",
                           FLEN_FILENAME - 1);
        fits_open_diskfile(&s->f, s->path, READONLY, &status);
    }
    if (status)
        return qn_fits_hdu_fail(status, "its first header cannot be read", err);
    return 0;
}

static void
name_hdu(struct qn_fits *s)
{
    char name[FLEN_VALUE];

    qn_fits_hdu_name(name, s->f);
    snprintf(s->where, sizeof s->where, "HDU %d%s%s", s->hdu,
             name[0] ? " " : "", name);
}

static int
open_image(struct qn_fits *s, const struct qn_source *source,
           struct qn_error *err)
{
    struct qn_fits_extent e;

    QN_TRY(qn_fits_open(s, err));
    QN_TRY(qn_fits_hdu_find(s, &e, source->hdu, err));
    name_hdu(s);
    QN_TRY(qn_fits_describe(s, &e, source->undecoded, err));
    QN_TRY(check_size(s, err));
    QN_TRY(qn_fits_header_load(s, err));
    if (source->samples_only && !s->packed)
        close_cfitsio(s);
    return 0;
}

static int
fits_open_state(void **state, struct qn_held *held,
                const struct qn_source *source, const struct qn_bytes *bytes,
                struct qn_error *err)
{
    struct qn_fits *s = NULL;
    int rc;

    *state = NULL;
    QN_TRY(qn_memory_make((void **)&s, 1, sizeof *s, "a reader", err));
    s->bytes = bytes;
    rc = open_image(s, source, err);
    if (rc) {
        fits_close_state(s);
        return rc;
    }
    *held = (struct qn_held){.where = s->where,
                             .shape = s->shape,
                             .decode = s->decode,
                             .cards = &s->cards,
                             .by_rows = !s->packed};
    *state = s;
    return 0;
}

/* ---- samples ------------------------------------------------------------ */

// Samples turned at a time; a constant, for the vectoriser.
#define BLOCK 64

#define TURN_LOOP(T, EXPR)                                                     \
    do {                                                                       \
        for (; n >= BLOCK; n -= BLOCK, p += BLOCK)                             \
            for (size_t k = 0; k < BLOCK; k++)                                 \
                p[k] = (T)((EXPR) ^ top);                                      \
        for (size_t k = 0; k < n; k++)                                         \
            p[k] = (T)((EXPR) ^ top);                                          \
    } while (0)

// Samples are big-endian: turned, and their highest bit flipped, in one pass.
#define TURN(T, SWAP)                                                          \
    do {                                                                       \
        T *p = data;                                                           \
        T top = (T)(flip ? (T)1 << (8 * sizeof(T) - 1) : 0);                   \
                                                                               \
        if (turn)                                                              \
            TURN_LOOP(T, SWAP(p[k]));                                          \
        else                                                                   \
            TURN_LOOP(T, p[k]);                                                \
    } while (0)

#define SAME(x) (x)

static void
turn_samples(void *data, size_t n, size_t size, bool turn, bool flip)
{
    if (!turn && !flip)
        return;
    switch (size) {
    case 1: TURN(uint8_t, SAME); break;
    case 2: TURN(uint16_t, __builtin_bswap16); break;
    case 4: TURN(uint32_t, __builtin_bswap32); break;
    default: TURN(uint64_t, __builtin_bswap64); break;
    }
}

static int
read_packed(struct qn_fits *s, const struct qn_box *box, void *dst,
            struct qn_error *err)
{
    long first[QN_MAX_DIMS], last[QN_MAX_DIMS], step[QN_MAX_DIMS];
    int type, status = 0, any = 0, z = box->ndims - 1;
    float gap = NAN;
    double wide_gap = NAN;
    void *null = NULL; // integers: BLANK is for qn_decode

    switch (s->raw) {
    case QN_U8: type = TBYTE; break;
    case QN_I16: type = TSHORT; break;
    case QN_I32: type = TINT; break;
    case QN_I64: type = TLONGLONG; break;
    case QN_F32: type = TFLOAT, null = &gap; break;
    default: type = TDOUBLE, null = &wide_gap; break;
    }
    for (int a = 0; a < box->ndims; a++) {
        first[z - a] = (long)box->start[a] + 1;
        step[z - a] = (long)box->step[a];
        last[z - a] = first[z - a] + (long)(box->count[a] - 1) * step[z - a];
    }
    // As stored, the decoding is ours; each change of HDU forgets it.
    fits_set_bscale(s->f, 1, 0, &status);
    if (fits_read_subset(s->f, type, first, last, step, null, dst, &any,
                         &status))
        return qn_fits_hdu_fail(status, "its tiles cannot be read", err);
    return 0;
}

static int
fits_read(void *state, const struct qn_box *box, void *dst,
          struct qn_error *err)
{
    struct qn_fits *s = state;
    size_t n = 1, size = qn_dtype_size(s->raw);
    bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

    for (int a = 0; a < box->ndims; a++)
        n *= (size_t)box->count[a];
    if (s->packed)
        QN_TRY(read_packed(s, box, dst, err));
    else
        QN_TRY(qn_bytes_box(s->bytes, s->data, &s->shape, size, box, dst, err));
    turn_samples(dst, n, size, little && !s->packed, s->flip);
    return 0;
}

const struct qn_backend qn_fits_backend = {
    .name = "fits",
    .hdus = true,
    .open = fits_open_state,
    .list = qn_fits_list,
    .field = qn_fits_header_field,
    .read = fits_read,
    .close = fits_close_state,
};
