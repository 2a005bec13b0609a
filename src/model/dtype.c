/* Sample types: names, sizes, conversions.
 *
 * A conversion is one function for each pair of types, made by macros so that
 * the compiler sees plain typed loops.  They run over blocks of a fixed
 * length, which is what it takes to be vectorised at -O2; a block that holds
 * a value that does not fit is looked through again for the first one.
 * Knows nothing of arrays and shapes.
 */
#include "model/dtype.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define ROW(code, name, bytes, type) {name, bytes},
static const struct {
    const char *name;
    size_t bytes;
} dtypes[QN_NDTYPES] = {QN_DTYPES(ROW)};
#undef ROW

#define NAME(code, name, bytes, type) name,
static const char *const names[] = {QN_DTYPES(NAME) NULL};
#undef NAME

size_t
qn_dtype_size(enum qn_dtype t)
{
    return dtypes[t].bytes;
}

const char *
qn_dtype_name(enum qn_dtype t)
{
    return dtypes[t].name;
}

bool
qn_dtype_is_real(enum qn_dtype t)
{
    return t == QN_F32 || t == QN_F64;
}

enum qn_dtype
qn_dtype_precision(enum qn_dtype t)
{
    if (t == QN_F64 || (t != QN_F32 && dtypes[t].bytes > 2))
        return QN_F64;
    return QN_F32;
}

/* ---- names -------------------------------------------------------------- */

// "i2", "u8", "f4", and "b1", which is a byte that is 0 or 1.
static bool
parse_short(enum qn_dtype *t, const char *s)
{
    if (!s[0] || !s[1] || s[2])
        return false;
    if (strcmp(s, "b1") == 0) {
        *t = QN_U8;
        return true;
    }
    for (int i = 0; i < QN_NDTYPES; i++)
        if (s[0] == dtypes[i].name[0] && s[1] == '0' + (int)dtypes[i].bytes) {
            *t = (enum qn_dtype)i;
            return true;
        }
    return false;
}

static bool
parse_name(enum qn_dtype *t, const char *s)
{
    for (int i = 0; i < QN_NDTYPES; i++)
        if (strcmp(s, dtypes[i].name) == 0) {
            *t = (enum qn_dtype)i;
            return true;
        }
    return parse_short(t, s);
}

static int
unknown_name(const char *s, struct qn_error *err)
{
    const char *near = qn_text_nearest(s, names);

    if (near)
        return qn_fail(err, QN_EVALUE,
                       "unknown sample type '%s'; did you mean '%s'?", s, near);
    return qn_fail(err, QN_EVALUE,
                   "unknown sample type '%s': write int8, uint8, int16, "
                   "uint16, int32, uint32, int64, uint64, float32 or float64",
                   s);
}

int
qn_dtype_parse(enum qn_dtype *t, bool *swapped, const char *s,
               struct qn_error *err)
{
    const uint16_t probe = 1;
    bool little = *(const unsigned char *)&probe == 1;
    const char *word = s;
    bool other = false;

    if (*s && strchr("<>=|", *s)) {
        other = *s == (little ? '>' : '<');
        word++;
    }
    if (!parse_name(t, word))
        return unknown_name(s, err);
    other = other && dtypes[*t].bytes > 1;
    if (other && !swapped)
        return qn_fail(err, QN_EVALUE,
                       "sample type '%s' names a byte order, which cannot be "
                       "chosen here: write '%s'",
                       s, dtypes[*t].name);
    if (swapped)
        *swapped = other;
    return 0;
}

/* ---- conversions -------------------------------------------------------- */

// Samples converted at a time; a constant, for the vectoriser.
#define BLOCK 64

/* Convert n samples; the index of the first that does not fit, or n. */
typedef size_t converter(void *restrict dst, const void *restrict src,
                         size_t n);

/* x to the nearest integer, ties to even, in operations that every machine
 * has as vectors: adding 2^52 leaves no room for a fraction.  Beyond 2^52
 * there is none. */
static inline double
half_even(double x)
{
    double a = fabs(x);
    double r = (a + 0x1p52) - 0x1p52;

    return copysign(a < 0x1p52 ? r : a, x);
}

// Each defines d, a sample of type D, from s of type S, and adds to bad.
#define AS_REAL(D, S, low, high) D d = (D)s;

// The comparison with 1 tells the signs apart without comparing an unsigned
// number with 0.
#define AS_INTEGER(D, S, low, high)                                            \
    D d = (D)s;                                                                \
    bad |= (unsigned)((S)d != s) | (unsigned)((d < 1) != (s < 1));

// high is one more than the largest: exact, where the largest may not be.
#define AS_ROUNDED(D, S, low, high)                                            \
    double r = half_even((double)s);                                           \
    bool fits = r >= (low) && r < (high);                                      \
    D d = (D)(fits ? r : 0.0);                                                 \
    bad |= (unsigned)!fits;

#define CONVERTER(dname, D, sname, S, AS, low, high)                           \
    static size_t sname##_to_##dname(void *restrict dst,                       \
                                     const void *restrict src, size_t n)       \
    {                                                                          \
        const S *restrict from = src;                                          \
        D *restrict to = dst;                                                  \
        size_t i = 0;                                                          \
        for (; n - i >= BLOCK; i += BLOCK) {                                   \
            unsigned bad = 0;                                                  \
            for (size_t k = 0; k < BLOCK; k++) {                               \
                S s = from[i + k];                                             \
                AS(D, S, low, high)                                            \
                to[i + k] = d;                                                 \
            }                                                                  \
            if (bad)                                                           \
                break;                                                         \
        }                                                                      \
        for (; i < n; i++) {                                                   \
            unsigned bad = 0;                                                  \
            S s = from[i];                                                     \
            AS(D, S, low, high)                                                \
            to[i] = d;                                                         \
            if (bad)                                                           \
                return i;                                                      \
        }                                                                      \
        return n;                                                              \
    }

#define FROM_INTEGERS(dname, D, AS, low, high)                                 \
    CONVERTER(dname, D, i8, int8_t, AS, low, high)                             \
    CONVERTER(dname, D, u8, uint8_t, AS, low, high)                            \
    CONVERTER(dname, D, i16, int16_t, AS, low, high)                           \
    CONVERTER(dname, D, u16, uint16_t, AS, low, high)                          \
    CONVERTER(dname, D, i32, int32_t, AS, low, high)                           \
    CONVERTER(dname, D, u32, uint32_t, AS, low, high)                          \
    CONVERTER(dname, D, i64, int64_t, AS, low, high)                           \
    CONVERTER(dname, D, u64, uint64_t, AS, low, high)

#define FROM_REALS(dname, D, AS, low, high)                                    \
    CONVERTER(dname, D, f32, float, AS, low, high)                             \
    CONVERTER(dname, D, f64, double, AS, low, high)

#define TO_INTEGER(dname, D, low, high)                                        \
    FROM_INTEGERS(dname, D, AS_INTEGER, low, high)                             \
    FROM_REALS(dname, D, AS_ROUNDED, low, high)

#define TO_REAL(dname, D)                                                      \
    FROM_INTEGERS(dname, D, AS_REAL, 0, 0)                                     \
    FROM_REALS(dname, D, AS_REAL, 0, 0)

TO_INTEGER(i8, int8_t, -0x1p7, 0x1p7)
TO_INTEGER(u8, uint8_t, 0.0, 0x1p8)
TO_INTEGER(i16, int16_t, -0x1p15, 0x1p15)
TO_INTEGER(u16, uint16_t, 0.0, 0x1p16)
TO_INTEGER(i32, int32_t, -0x1p31, 0x1p31)
TO_INTEGER(u32, uint32_t, 0.0, 0x1p32)
TO_INTEGER(i64, int64_t, -0x1p63, 0x1p63)
TO_INTEGER(u64, uint64_t, 0.0, 0x1p64)
TO_REAL(f32, float)
TO_REAL(f64, double)

#define INTO(d)                                                                \
    {                                                                          \
        i8_to_##d, u8_to_##d, i16_to_##d, u16_to_##d, i32_to_##d, u32_to_##d,  \
            i64_to_##d, u64_to_##d, f32_to_##d, f64_to_##d                     \
    }

// [destination][source], in the order of QN_DTYPES
static converter *const converters[QN_NDTYPES][QN_NDTYPES] = {
    INTO(i8),  INTO(u8),  INTO(i16), INTO(u16), INTO(i32),
    INTO(u32), INTO(i64), INTO(u64), INTO(f32), INTO(f64)};

// Largest and smallest as text: they do not share a C type.
static const char *const ranges[QN_NDTYPES] = {
    [QN_I8] = "-128 to 127",
    [QN_U8] = "0 to 255",
    [QN_I16] = "-32768 to 32767",
    [QN_U16] = "0 to 65535",
    [QN_I32] = "-2147483648 to 2147483647",
    [QN_U32] = "0 to 4294967295",
    [QN_I64] = "-9223372036854775808 to 9223372036854775807",
    [QN_U64] = "0 to 18446744073709551615",
};

// The sample at p as text; true if it is NaN.
static bool
sample_text(char *buf, size_t size, const void *p, enum qn_dtype t)
{
    double x;
    int64_t i;
    uint64_t u;

    if (qn_dtype_is_real(t)) {
        converters[QN_F64][t](&x, p, 1);
        qn_text_number(buf, size, x);
        return isnan(x);
    }
    if (t == QN_U64) {
        memcpy(&u, p, sizeof u);
        snprintf(buf, size, "%llu", (unsigned long long)u);
    } else {
        converters[QN_I64][t](&i, p, 1);
        snprintf(buf, size, "%lld", (long long)i);
    }
    return false;
}

static int
does_not_fit(enum qn_dtype dst_type, const char *src, enum qn_dtype src_type,
             size_t i, struct qn_error *err)
{
    const char *name = dtypes[dst_type].name;
    char value[32];

    if (sample_text(value, sizeof value, src + i * dtypes[src_type].bytes,
                    src_type))
        return qn_fail(err, QN_EVALUE,
                       "a sample is NaN, which %s cannot hold: use `fill` "
                       "first, or a real type",
                       name);
    return qn_fail(err, QN_EVALUE,
                   "a sample is %s, outside the range of %s (%s): use `clip` "
                   "first, or a wider type",
                   value, name, ranges[dst_type]);
}

int
qn_dtype_convert(void *dst, enum qn_dtype dst_type, const void *src,
                 enum qn_dtype src_type, size_t n, struct qn_error *err)
{
    if (!n)
        return 0;
    if (dst_type == src_type) {
        if (dst != src)
            memmove(dst, src, n * dtypes[src_type].bytes);
        return 0;
    }
    size_t done = converters[dst_type][src_type](dst, src, n);
    if (done < n)
        return does_not_fit(dst_type, src, src_type, done, err);
    return 0;
}

/* ---- byte order --------------------------------------------------------- */

#define SWAPPER(bits)                                                          \
    static void swap##bits(uint##bits##_t *v, size_t n)                        \
    {                                                                          \
        size_t i = 0;                                                          \
        for (; n - i >= BLOCK; i += BLOCK)                                     \
            for (size_t k = 0; k < BLOCK; k++)                                 \
                v[i + k] = __builtin_bswap##bits(v[i + k]);                    \
        for (; i < n; i++)                                                     \
            v[i] = __builtin_bswap##bits(v[i]);                                \
    }

SWAPPER(16)
SWAPPER(32)
SWAPPER(64)

void
qn_dtype_swap(void *data, size_t n, enum qn_dtype t)
{
    switch (dtypes[t].bytes) {
    case 2: swap16(data, n); break;
    case 4: swap32(data, n); break;
    case 8: swap64(data, n); break;
    default: break;
    }
}
