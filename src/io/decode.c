/* From stored samples to values.
 *
 * Samples grow when they are decoded (int16 to float32), so they are read into
 * the end of the memory they will fill, and decoded from the front, block by
 * block: no second copy of an image is ever held.  Knows no format.
 */
#include "io/decode.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/dtype.h"

#define BLOCK 512 // samples decoded at a time

struct qn_decode
qn_decode_plain(enum qn_dtype stored)
{
    return (struct qn_decode){.stored = stored, .scale = 1};
}

void
qn_decode_scale(struct qn_decode *d, double scale, double offset)
{
    d->scaled = scale != 1 || offset != 0;
    d->scale = scale;
    d->offset = offset;
}

/* ---- missing values ----------------------------------------------------- */

// To an integer only what it holds exactly: -999.9 is not -1000.
static bool
convert_exactly(void *to, enum qn_dtype to_type, const void *from,
                enum qn_dtype from_type)
{
    double there, back;

    if (qn_dtype_convert(to, to_type, from, from_type, 1, NULL))
        return false;
    if (qn_dtype_is_real(to_type) || !qn_dtype_is_real(from_type))
        return true;
    return !qn_dtype_convert(&there, QN_F64, from, from_type, 1, NULL) &&
           !qn_dtype_convert(&back, QN_F64, to, to_type, 1, NULL) &&
           there == back;
}

static enum qn_dtype
signed_twin(enum qn_dtype t)
{
    switch (t) {
    case QN_U8: return QN_I8;
    case QN_U16: return QN_I16;
    case QN_U32: return QN_I32;
    case QN_U64: return QN_I64;
    default: return t;
    }
}

static enum qn_dtype
unsigned_twin(enum qn_dtype t)
{
    switch (t) {
    case QN_I8: return QN_U8;
    case QN_I16: return QN_U16;
    case QN_I32: return QN_U32;
    case QN_I64: return QN_U64;
    default: return t;
    }
}

void
qn_decode_missing(struct qn_decode *d, enum qn_dtype type, const void *value)
{
    unsigned char *to = d->missing[d->nmissing];

    d->masked = true;
    if (d->nmissing == QN_MAX_MISSING)
        return;
    if (convert_exactly(to, d->stored, value, type) ||
        (d->twin && convert_exactly(to, signed_twin(d->stored), value, type)))
        d->nmissing++;
}

// Integers beyond 2^53 must not pass through a double.
static bool
parse_number(enum qn_dtype *type, unsigned char v[8], const char *text)
{
    char *end;
    long long i;
    unsigned long long u;
    double x;

    errno = 0;
    i = strtoll(text, &end, 10);
    if (!errno && end != text && !*end) {
        *type = QN_I64;
        memcpy(v, &i, 8);
        return true;
    }
    errno = 0;
    u = strtoull(text, &end, 10);
    if (!errno && end != text && !*end && text[0] != '-') {
        *type = QN_U64;
        memcpy(v, &u, 8);
        return true;
    }
    x = strtod(text, &end);
    *type = QN_F64;
    memcpy(v, &x, 8);
    return end != text && !*end && !isspace((unsigned char)text[0]);
}

int
qn_decode_text(struct qn_decode *d, const char *text, struct qn_error *err)
{
    enum qn_dtype type;
    unsigned char v[8];

    if (strcmp(text, "non-finite") == 0) {
        d->nonfinite = true;
        return 0;
    }
    if (!parse_number(&type, v, text))
        return qn_fail(err, QN_EJOB,
                       "missing: '%s' is neither a number nor non-finite",
                       text);
    // What the job asks for takes precedence over a full table.
    if (d->nmissing == QN_MAX_MISSING)
        d->nmissing--;
    qn_decode_missing(d, type, v);
    return 0;
}

/* ---- CF ----------------------------------------------------------------- */

static bool
cf_number(double *x, qn_decode_lookup *lookup, void *ctx, const char *name)
{
    struct qn_attribute a = {0};

    return lookup(ctx, name, &a) && a.n > 0 &&
           !qn_dtype_convert(x, QN_F64, a.v, a.type, 1, NULL);
}

void
qn_decode_cf(struct qn_decode *d, qn_decode_lookup *lookup, void *ctx)
{
    static const char *const names[] = {"_FillValue", "missing_value"};
    struct qn_attribute a = {0};
    double scale = 1, offset = 0;

    if (lookup(ctx, "_Unsigned", &a) && strcasecmp(a.text, "true") == 0 &&
        unsigned_twin(d->stored) != d->stored) {
        d->stored = unsigned_twin(d->stored);
        d->twin = true;
    }
    cf_number(&scale, lookup, ctx, "scale_factor");
    cf_number(&offset, lookup, ctx, "add_offset");
    qn_decode_scale(d, scale, offset);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        a = (struct qn_attribute){0};
        if (!lookup(ctx, names[k], &a))
            continue;
        for (int i = 0; i < a.n; i++)
            qn_decode_missing(d, a.type, a.v + i * (int)qn_dtype_size(a.type));
    }
}

/* ---- samples ------------------------------------------------------------ */

enum qn_dtype
qn_decode_type(const struct qn_decode *d)
{
    if (d->scaled || d->masked)
        return qn_dtype_precision(d->stored);
    return d->stored;
}

void *
qn_decode_place(const struct qn_decode *d, void *data, size_t n)
{
    size_t more = qn_dtype_size(qn_decode_type(d)) - qn_dtype_size(d->stored);

    return (char *)data + n * more;
}

// One block: raw samples of type T at p, n of them, become R at out.
#define DECODE(T, R)                                                           \
    do {                                                                       \
        T raw[BLOCK], gap;                                                     \
        R value[BLOCK];                                                        \
                                                                               \
        memcpy(raw, p, n * sizeof(T));                                         \
        if (d->scaled)                                                         \
            for (size_t i = 0; i < n; i++)                                     \
                value[i] = (R)((double)raw[i] * d->scale + d->offset);         \
        else                                                                   \
            for (size_t i = 0; i < n; i++)                                     \
                value[i] = (R)raw[i];                                          \
        for (int k = 0; k < d->nmissing; k++) {                                \
            memcpy(&gap, d->missing[k], sizeof gap);                           \
            for (size_t i = 0; i < n; i++)                                     \
                if (raw[i] == gap)                                             \
                    value[i] = (R)NAN;                                         \
        }                                                                      \
        memcpy(out, value, n * sizeof(R));                                     \
    } while (0)

static void
decode_block(const struct qn_decode *d, void *out, const void *p, size_t n)
{
    switch (d->stored) {
    case QN_I8: DECODE(int8_t, float); break;
    case QN_U8: DECODE(uint8_t, float); break;
    case QN_I16: DECODE(int16_t, float); break;
    case QN_U16: DECODE(uint16_t, float); break;
    case QN_I32: DECODE(int32_t, double); break;
    case QN_U32: DECODE(uint32_t, double); break;
    case QN_I64: DECODE(int64_t, double); break;
    case QN_U64: DECODE(uint64_t, double); break;
    case QN_F32: DECODE(float, float); break;
    default: DECODE(double, double); break;
    }
}

static void
drop_infinities(void *data, enum qn_dtype t, size_t n)
{
    float *f = data;
    double *x = data;

    if (t == QN_F32)
        for (size_t i = 0; i < n; i++)
            f[i] = isfinite(f[i]) ? f[i] : (float)NAN;
    else if (t == QN_F64)
        for (size_t i = 0; i < n; i++)
            x[i] = isfinite(x[i]) ? x[i] : NAN;
}

void
qn_decode_apply(const struct qn_decode *d, void *data, size_t n)
{
    size_t from = qn_dtype_size(d->stored);
    size_t to = qn_dtype_size(qn_decode_type(d)), k;
    const char *p = qn_decode_place(d, data, n);
    char *out = data;

    if (d->nonfinite)
        drop_infinities(qn_decode_place(d, data, n), d->stored, n);
    if (!d->scaled && !d->masked)
        return;
    for (size_t i = 0; i < n; i += k) {
        k = n - i < BLOCK ? n - i : BLOCK;
        decode_block(d, out + i * to, p + i * from, k);
    }
}
