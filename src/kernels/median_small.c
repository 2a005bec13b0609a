/* Medians of small windows: Batcher's network, without the comparisons that
 * the median does not need, over many samples of a row in step.
 *
 * Windows with NaN are done once more, each by itself; which way a sample
 * takes depends on its window alone. */
#include "kernels/median_small.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/clones.h"
#include "kernels/stats.h"
#include "model/dtype.h"

enum { LANES = 64 };

/* All offsets of the window, in row-major order. */
static void
make_offsets(struct qn_median_small *m, const struct qn_frame *f)
{
    m->n = 1;
    for (int a = 0; a < f->ndims; a++)
        m->n *= (int)(2 * f->radius[a] + 1);
    for (int i = 0; i < m->n; i++) {
        int64_t left = i;

        m->offset[i] = 0;
        for (int a = f->ndims - 1; a >= 0; a--) {
            const int64_t length = 2 * f->radius[a] + 1;

            m->offset[i] += (left % length - f->radius[a]) * f->stride[a];
            left /= length;
        }
    }
}

static void
add_pair(struct qn_median_small *m, int a, int b)
{
    m->pair[m->npairs].a = (unsigned char)a;
    m->pair[m->npairs++].b = (unsigned char)b;
}

/* Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2,
 * algorithm M). */
static void
make_network(struct qn_median_small *m)
{
    int top = 1;

    m->npairs = 0;
    while (2 * top < m->n)
        top *= 2;
    for (int p = top; p > 0 && m->n > 1; p /= 2) {
        int q = top, r = 0, d = p;

        for (;;) {
            for (int i = 0; i + d < m->n; i++)
                if ((i & p) == r)
                    add_pair(m, i, i + d);
            if (q == p)
                break;
            d = q - p;
            q /= 2;
            r = p;
        }
    }
}

/* From the end: a comparison stays where one of its results is used. */
static void
prune(struct qn_median_small *m)
{
    bool used[QN_MEDIAN_SMALL] = {false};
    int kept = m->npairs;

    used[m->n / 2] = true;
    for (int i = m->npairs - 1; i >= 0; i--) {
        const int a = m->pair[i].a, b = m->pair[i].b;

        if (!used[a] && !used[b])
            continue;
        m->pair[--kept] = m->pair[i];
        m->pair[kept].low = used[a];
        m->pair[kept].high = used[b];
        used[a] = used[b] = true;
    }
    m->npairs -= kept;
    memmove(m->pair, m->pair + kept, (size_t)m->npairs * sizeof m->pair[0]);
}

void
qn_median_small_make(struct qn_median_small *m, enum qn_dtype dtype,
                     const void *frame, const struct qn_frame *f)
{
    m->dtype = dtype;
    m->frame = frame;
    make_offsets(m, f);
    make_network(m);
    prune(m);
}

/* ---- for one type ------------------------------------------------------- */

/* Two conditions, so that the compiler sees a minimum and a maximum. */
#define EXCHANGE(T, LOW, HIGH)                                               \
    for (int l = 0; l < LANES; l++) {                                        \
        const T x = a[l], y = b[l];                                          \
        if (LOW)                                                             \
            a[l] = x < y ? x : y;                                            \
        if (HIGH)                                                            \
            b[l] = x > y ? x : y;                                            \
    }

#define MEDIAN(name, T)                                                      \
    QN_CLONES static void sort_##name(const struct qn_median_small *m,       \
                                      T (*v)[LANES])                         \
    {                                                                        \
        for (int i = 0; i < m->npairs; i++) {                                \
            T *restrict a = v[m->pair[i].a];                                 \
            T *restrict b = v[m->pair[i].b];                                 \
                                                                             \
            if (m->pair[i].low && m->pair[i].high)                           \
                EXCHANGE(T, 1, 1)                                            \
            else if (m->pair[i].low)                                         \
                EXCHANGE(T, 1, 0)                                            \
            else                                                             \
                EXCHANGE(T, 0, 1)                                            \
        }                                                                    \
    }                                                                        \
    static void row_##name(const struct qn_median_small *m, int64_t from,    \
                           int64_t n, T *to)                                 \
    {                                                                        \
        const T *x = (const T *)m->frame + from;                             \
        T v[QN_MEDIAN_SMALL][LANES] = {{0}};                                 \
                                                                             \
        for (int64_t at = 0; at < n; at += LANES) {                          \
            const size_t lanes = (size_t)(n - at < LANES ? n - at : LANES);  \
                                                                             \
            for (int i = 0; i < m->n; i++)                                   \
                memcpy(v[i], x + at + m->offset[i], lanes * sizeof(T));      \
            sort_##name(m, v);                                               \
            memcpy(to + at, v[m->n / 2], lanes * sizeof(T));                 \
        }                                                                    \
    }

MEDIAN(i8, int8_t)
MEDIAN(u8, uint8_t)
MEDIAN(i16, int16_t)
MEDIAN(u16, uint16_t)
MEDIAN(i32, int32_t)
MEDIAN(u32, uint32_t)
MEDIAN(i64, int64_t)
MEDIAN(u64, uint64_t)
MEDIAN(f32, float)
MEDIAN(f64, double)

/* The windows that hold NaN, each by itself. */
#define MEND(name, T, REAL)                                                  \
    static void mend_##name(const struct qn_median_small *m, int64_t from,   \
                            int64_t n, T *to)                                \
    {                                                                        \
        const T *x = (const T *)m->frame + from;                             \
                                                                             \
        for (int64_t i = 0; i < n; i++) {                                    \
            T v[QN_MEDIAN_SMALL];                                            \
            size_t kept = 0;                                                 \
                                                                             \
            for (int k = 0; k < m->n; k++) {                                 \
                const T sample = x[i + m->offset[k]];                        \
                                                                             \
                v[kept] = sample;                                            \
                kept += sample == sample;                                    \
            }                                                                \
            if (kept < (size_t)m->n)                                         \
                to[i] = (T)qn_stats_median(v, REAL, kept);                   \
        }                                                                    \
    }                                                                        \
    QN_CLONES static bool has_nan_##name(const struct qn_median_small *m,    \
                                         int64_t from, int64_t n)            \
    {                                                                        \
        const T *x = (const T *)m->frame + from;                             \
        int nans = 0;                                                        \
                                                                             \
        for (int k = 0; k < m->n; k++)                                       \
            for (int64_t i = 0; i < n; i++)                                  \
                nans |= x[i + m->offset[k]] != x[i + m->offset[k]];          \
        return nans;                                                         \
    }

MEND(f32, float, QN_F32)
MEND(f64, double, QN_F64)

void
qn_median_small_row(const struct qn_median_small *m, int64_t from, int64_t n,
                    void *to)
{
    switch (m->dtype) {
    case QN_I8: row_i8(m, from, n, to); break;
    case QN_U8: row_u8(m, from, n, to); break;
    case QN_I16: row_i16(m, from, n, to); break;
    case QN_U16: row_u16(m, from, n, to); break;
    case QN_I32: row_i32(m, from, n, to); break;
    case QN_U32: row_u32(m, from, n, to); break;
    case QN_I64: row_i64(m, from, n, to); break;
    case QN_U64: row_u64(m, from, n, to); break;
    case QN_F32:
        row_f32(m, from, n, to);
        if (has_nan_f32(m, from, n))
            mend_f32(m, from, n, to);
        break;
    default:
        row_f64(m, from, n, to);
        if (has_nan_f64(m, from, n))
            mend_f64(m, from, n, to);
    }
}
