/* A window that slides along a row, and knows its median: Huang's histogram,
 * over ranks instead of grey values.
 *
 * Source: Huang, Yang, Tang: A fast two-dimensional median filtering
 * algorithm, IEEE ASSP 27, 13 (1979). */
#include "kernels/window.h"

#include <math.h>
#include <string.h>

#include "model/dtype.h"

enum { STEP = 64, PARTS = 3, NARROW = 1 << 16 };

struct pair {
    uint64_t key;
    uint64_t at;
};

static size_t
rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static bool
is_narrow(enum qn_dtype dtype)
{
    return qn_dtype_size(dtype) <= 2;
}

/* ---- keys --------------------------------------------------------------- */

#define TOP(bits) ((uint64_t)1 << ((bits) - 1))

/* Bits that order as unsigned numbers as the samples do. */
static uint64_t
key_of(enum qn_dtype dtype, const void *samples, size_t i)
{
    uint32_t narrow;
    uint64_t wide;

    switch (dtype) {
    case QN_I8: return (uint64_t)(((const int8_t *)samples)[i] + 128);
    case QN_U8: return ((const uint8_t *)samples)[i];
    case QN_I16: return (uint64_t)(((const int16_t *)samples)[i] + 32768);
    case QN_U16: return ((const uint16_t *)samples)[i];
    case QN_I32:
        return (uint64_t)((int64_t)((const int32_t *)samples)[i] +
                          ((int64_t)1 << 31));
    case QN_U32: return ((const uint32_t *)samples)[i];
    case QN_I64: return (uint64_t)((const int64_t *)samples)[i] ^ TOP(64);
    case QN_U64: return ((const uint64_t *)samples)[i];
    case QN_F32:
        memcpy(&narrow, (const float *)samples + i, sizeof narrow);
        return narrow & TOP(32) ? (uint32_t)~narrow : narrow | TOP(32);
    default:
        memcpy(&wide, (const double *)samples + i, sizeof wide);
        return wide & TOP(64) ? ~wide : wide | TOP(64);
    }
}

/* The sample of a key, of a real type. */
static double
real_of(enum qn_dtype dtype, uint64_t key)
{
    uint64_t wide = key & TOP(64) ? key & ~TOP(64) : ~key;
    uint32_t narrow =
        (uint32_t)(key & TOP(32) ? key & ~TOP(32) : ~key & 0xffffffffu);
    double x;
    float f;

    if (dtype == QN_F32) {
        memcpy(&f, &narrow, sizeof f);
        return (double)f;
    }
    memcpy(&x, &wide, sizeof x);
    return x;
}

static void
put_whole(enum qn_dtype dtype, void *to, int64_t i, uint64_t key)
{
    switch (dtype) {
    case QN_I8: ((int8_t *)to)[i] = (int8_t)((int)key - 128); break;
    case QN_U8: ((uint8_t *)to)[i] = (uint8_t)key; break;
    case QN_I16: ((int16_t *)to)[i] = (int16_t)((int)key - 32768); break;
    case QN_U16: ((uint16_t *)to)[i] = (uint16_t)key; break;
    case QN_I32:
        ((int32_t *)to)[i] = (int32_t)((int64_t)key - ((int64_t)1 << 31));
        break;
    case QN_U32: ((uint32_t *)to)[i] = (uint32_t)key; break;
    case QN_I64:
        // without a conversion that would be the compiler's choice
        key ^= TOP(64);
        memcpy((int64_t *)to + i, &key, sizeof key);
        break;
    default: ((uint64_t *)to)[i] = key;
    }
}

/* ---- ranks -------------------------------------------------------------- */

/* Sort by key, eight bits a round from the lowest; rounds in which all
 * are equal left out.  Returns which of the two has them. */
static struct pair *
sort_pairs(struct pair *v, struct pair *spare, size_t n)
{
    for (int shift = 0; shift < 64; shift += 8) {
        size_t first[256] = {0}, sum = 0;
        struct pair *t = v;

        for (size_t i = 0; i < n; i++)
            first[v[i].key >> shift & 255]++;
        if (n == 0 || first[v[0].key >> shift & 255] == n)
            continue;
        for (int d = 0; d < 256; d++) {
            const size_t many = first[d];

            first[d] = sum;
            sum += many;
        }
        for (size_t i = 0; i < n; i++)
            spare[first[v[i].key >> shift & 255]++] = v[i];
        v = spare;
        spare = t;
    }
    return v;
}

static void
rank_all(struct qn_window *w, const void *samples, size_t n,
         struct pair *pairs)
{
    const bool real = qn_dtype_is_real(w->dtype);
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        const uint64_t key = key_of(w->dtype, samples, i);

        w->rank[i] = -1;
        if (real && isnan(real_of(w->dtype, key)))
            continue;
        pairs[kept++] = (struct pair){key, i};
    }
    pairs = sort_pairs(pairs, pairs + n, kept);
    w->nranks = 0;
    for (size_t i = 0; i < kept; i++) {
        if (w->nranks == 0 || pairs[i].key != w->key[w->nranks - 1])
            w->key[w->nranks++] = pairs[i].key;
        w->rank[pairs[i].at] = (int32_t)(w->nranks - 1);
    }
}

static size_t
parts(size_t nranks, int level)
{
    return nranks / (level == 0 ? 1 : level == 1 ? STEP : STEP * STEP) + 1;
}

size_t
qn_window_bytes(size_t samples, enum qn_dtype dtype)
{
    const size_t nranks = is_narrow(dtype) ? NARROW : samples;
    size_t bytes = rounded(samples * sizeof(int32_t));

    for (int level = 0; level < PARTS; level++)
        bytes += rounded(parts(nranks, level) * sizeof(uint32_t));
    if (!is_narrow(dtype))
        bytes += rounded(samples * sizeof(uint64_t)) +
                 2 * samples * sizeof(struct pair);
    return bytes;
}

void
qn_window_make(struct qn_window *w, enum qn_dtype dtype, const void *samples,
               const struct qn_frame *f, size_t nsamples, void *memory)
{
    const bool narrow = is_narrow(dtype);
    char *at = memory;

    *w = (struct qn_window){.dtype = dtype, .frame = f, .nranks = NARROW};
    w->rank = memory;
    at += rounded(nsamples * sizeof(int32_t));
    for (int level = 0; level < PARTS; level++) {
        const size_t n = parts(narrow ? NARROW : nsamples, level);

        w->count[level] = (uint32_t *)(void *)at;
        memset(at, 0, n * sizeof(uint32_t));
        at += rounded(n * sizeof(uint32_t));
    }
    if (narrow) {
        for (size_t i = 0; i < nsamples; i++)
            w->rank[i] = (int32_t)key_of(dtype, samples, i);
        return;
    }
    w->key = (uint64_t *)(void *)at;
    at += rounded(nsamples * sizeof(uint64_t));
    rank_all(w, samples, nsamples, (struct pair *)(void *)at);
}

/* ---- sliding ------------------------------------------------------------ */

static inline void
count(struct qn_window *w, int32_t rank, uint32_t by)
{
    if (rank < 0)
        return;
    w->count[0][rank] += by;
    w->count[1][rank / STEP] += by;
    w->count[2][rank / (STEP * STEP)] += by;
    w->n += by;
}

/* Samples of the window's slice across the row, around the frame's sample at;
 * by is 1 or, to take them away, -1 in 32 bits. */
static void
count_slice(struct qn_window *w, int a, int64_t at, uint32_t by)
{
    const struct qn_frame *f = w->frame;

    if (a == f->ndims - 1) {
        count(w, w->rank[at], by);
        return;
    }
    for (int64_t i = -f->radius[a]; i <= f->radius[a]; i++)
        count_slice(w, a + 1, at + i * f->stride[a], by);
}

/* The rank of the window's k-th sample, from 0. */
static size_t
find(const struct qn_window *w, uint32_t k)
{
    size_t at = 0;

    for (int level = PARTS - 1; level >= 0; level--) {
        at *= STEP;
        while (k >= w->count[level][at])
            k -= w->count[level][at++];
    }
    return at;
}

static void
put_median(const struct qn_window *w, void *to, int64_t i)
{
    const bool real = qn_dtype_is_real(w->dtype);
    double x = NAN;

    if (!real) {
        const size_t rank = find(w, w->n / 2);

        put_whole(w->dtype, to, i, w->key ? w->key[rank] : rank);
        return;
    }
    if (w->n)
        x = real_of(w->dtype, w->key[find(w, w->n / 2)]);
    if (w->n && w->n % 2 == 0)
        x = (real_of(w->dtype, w->key[find(w, w->n / 2 - 1)]) + x) / 2;
    if (w->dtype == QN_F32)
        ((float *)to)[i] = (float)x;
    else
        ((double *)to)[i] = x;
}

void
qn_window_row(struct qn_window *w, int64_t from, int64_t n, void *to)
{
    const int64_t radius = w->frame->radius[w->frame->ndims - 1];

    for (int64_t i = -radius; i < radius; i++)
        count_slice(w, 0, from + i, 1);
    for (int64_t i = 0; i < n; i++) {
        count_slice(w, 0, from + i + radius, 1);
        put_median(w, to, i);
        count_slice(w, 0, from + i - radius, (uint32_t)-1);
    }
    for (int64_t i = n - radius; i < n + radius; i++)
        count_slice(w, 0, from + i, (uint32_t)-1);
}
