/* Ranking in the samples' own type, and clipping by estimates with a bound.
 *
 * With d = x - pivot, n rows, f of them added up in float32, and u = 2^-24:
 * each d is off by a factor of at most 1 + u, its square by 1 + 3u, the sum of
 * squares q by 1 + (f + 3)u, the sum of d by f u sqrt(n q).  So
 * q - (sum d)^2 / n, the sum of squares about the mean, is off by less than
 * (4f + 16) u q.  What the two passes of the definition lose in float64 is
 * added to that.
 */
#include "kernels/sieve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/network.h"
#include "model/dtype.h"

#define LANES QN_SIEVE_LANES

/* The most rows: ranked samples of any type stay in the second level of
 * cache; and how many are added up in float32. */
enum { MOST = 4096, FEW = 32 };

/* Types, with that of the sum of x - pivot, and how x - pivot is taken: it is
 * exact, or rounded once. */
#define SMALL(x, p) ((int32_t)(x) - (int32_t)(p))
#define LARGE(x, p) ((float)((double)(x) - (double)(p)))
#define REAL(x, p) ((x) - (p))
#define SIEVE_TYPES(X)                                                         \
    X(QN_I8, i8, int8_t, int32_t, SMALL)                                       \
    X(QN_U8, u8, uint8_t, int32_t, SMALL)                                      \
    X(QN_I16, i16, int16_t, int32_t, SMALL)                                    \
    X(QN_U16, u16, uint16_t, int32_t, SMALL)                                   \
    X(QN_I32, i32, int32_t, float, LARGE)                                      \
    X(QN_U32, u32, uint32_t, float, LARGE)                                     \
    X(QN_F32, f32, float, float, REAL)                                         \
    X(QN_F64, f64, double, float, LARGE)

static bool
is_small(enum qn_dtype t)
{
    return t == QN_I8 || t == QN_U8 || t == QN_I16 || t == QN_U16;
}

size_t
qn_sieve_bytes(size_t n)
{
    return n > MOST ? 0 : n * LANES * sizeof(double);
}

bool
qn_sieve_suits(const struct qn_combine *c, const struct qn_members *m)
{
    if (m->n == 0 || m->n > MOST || m->weight || m->dtype == QN_I64 ||
        m->dtype == QN_U64)
        return false;
    if (c->reject != QN_REJECT_SIGMA_CLIP)
        return c->method == QN_MEDIAN;
    return c->center == QN_CENTER_MEDIAN && c->deviation == QN_DEVIATION_STD &&
           (c->method == QN_MEAN || c->method == QN_MEDIAN);
}

int
qn_sieve_make(struct qn_sieve *s, const struct qn_combine *c,
              const struct qn_members *m, struct qn_error *err)
{
    *s = (struct qn_sieve){.c = c, .m = m};
    return qn_memory_make(&s->ranked, m->n, LANES * qn_dtype_size(m->dtype),
                          "ranked samples", err);
}

void
qn_sieve_clear(struct qn_sieve *s)
{
    free(s->ranked);
    *s = (struct qn_sieve){0};
}

/* ---- for one type ------------------------------------------------------- */

/* load: NaN becomes +inf, and kept counts the others. */
#define LOAD(code, name, type, sum, minus)                                     \
    static void load_##name(type *to, const struct qn_members *m,              \
                            size_t first, size_t width)                        \
    {                                                                          \
        for (size_t i = 0; i < m->n; i++, to += LANES)                         \
            if (width == LANES)                                                \
                memcpy(to, (const type *)m->v[i] + first,                      \
                       LANES * sizeof(type));                                  \
            else                                                               \
                memcpy(to, (const type *)m->v[i] + first,                      \
                       width * sizeof(type));                                  \
    }
SIEVE_TYPES(LOAD)
#undef LOAD

#define RANK_NAN(name, type)                                                   \
    QN_CLONES_WIDE static void count_##name(type *v, size_t n, double *kept)   \
    {                                                                          \
        int32_t count[LANES] = {0};                                            \
                                                                               \
        for (size_t i = 0; i < n; i++, v += LANES)                             \
            for (int l = 0; l < LANES; l++) {                                  \
                count[l] += v[l] == v[l];                                      \
                v[l] = v[l] == v[l] ? v[l] : (type)INFINITY;                   \
            }                                                                  \
        for (int l = 0; l < LANES; l++)                                        \
            kept[l] = (double)count[l];                                        \
    }
RANK_NAN(f32, float)
RANK_NAN(f64, double)
#undef RANK_NAN

#define RANK(code, name, type, sum, minus)                                     \
    QN_CLONES_WIDE static void rank_##name(type *v, size_t n)                  \
    QN_NETWORK(type, LANES, v, n)
SIEVE_TYPES(RANK)
#undef RANK

/* Sums of x - pivot and its square, over all rows: over a few in float32,
 * over those in float64. */
#define ADD(code, name, type, sum, minus)                                      \
    QN_CLONES_WIDE static void add_##name(const type *v, size_t n,             \
                                          const double *pivot, double *about,  \
                                          double *squares)                     \
    {                                                                          \
        type p[LANES];                                                         \
        double as[LANES] = {0}, qs[LANES] = {0};                               \
                                                                               \
        for (int l = 0; l < LANES; l++)                                        \
            p[l] = (type)pivot[l];                                             \
        for (size_t i = 0; i < n;) {                                           \
            const size_t end = n - i < FEW ? n : i + FEW;                      \
            sum a[LANES] = {0};                                                \
            float q[LANES] = {0};                                              \
                                                                               \
            for (; i < end; i++, v += LANES)                                   \
                for (int l = 0; l < LANES; l++) {                              \
                    const sum d = minus(v[l], p[l]);                           \
                                                                               \
                    a[l] += d;                                                 \
                    q[l] += (float)d * (float)d;                               \
                }                                                              \
            for (int l = 0; l < LANES; l++)                                    \
                as[l] += (double)a[l];                                         \
            for (int l = 0; l < LANES; l++)                                    \
                qs[l] += (double)q[l];                                         \
        }                                                                      \
        memcpy(about, as, sizeof as);                                          \
        memcpy(squares, qs, sizeof qs);                                        \
    }
SIEVE_TYPES(ADD)
#undef ADD

/* Sums of the samples in low ... high, in item order. */
#define ADD_KEPT(code, name, type, sum_type, minus)                            \
    QN_CLONES_WIDE static void add_kept_##name(                                \
        const struct qn_members *m, size_t first, const double *low,           \
        const double *high, double *out)                                       \
    {                                                                          \
        double a[LANES], b[LANES], sum[LANES] = {0};                           \
                                                                               \
        memcpy(a, low, sizeof a);                                              \
        memcpy(b, high, sizeof b);                                             \
        for (size_t i = 0; i < m->n; i++) {                                    \
            const type *v = (const type *)m->v[i] + first;                     \
            double x[LANES];                                                   \
                                                                               \
            for (int l = 0; l < LANES; l++)                                    \
                x[l] = (double)v[l];                                           \
            for (int l = 0; l < LANES; l++) {                                  \
                const bool keep = (x[l] >= a[l]) & (x[l] <= b[l]);             \
                                                                               \
                sum[l] += keep ? x[l] : 0.0;                                   \
            }                                                                  \
        }                                                                      \
        memcpy(out, sum, sizeof sum);                                          \
    }
SIEVE_TYPES(ADD_KEPT)
#undef ADD_KEPT

#define GET(code, name, type, sum, minus)                                      \
    case code: return (double)((const type *)s->ranked)[at];

static double
get(const struct qn_sieve *s, size_t row, size_t l)
{
    const size_t at = row * LANES + l;

    switch (s->m->dtype) {
        SIEVE_TYPES(GET)
    default: return NAN;
    }
}
#undef GET

#define PUT(code, name, type, sum, minus)                                      \
    case code: ((type *)s->ranked)[at] = (type)x; break;

static void
put(struct qn_sieve *s, size_t row, size_t l, double x)
{
    const size_t at = row * LANES + l;

    switch (s->m->dtype) {
        SIEVE_TYPES(PUT)
    default: break;
    }
}
#undef PUT

static void
fetch_row(const struct qn_sieve *s, size_t row, double out[LANES])
{
    // to float64: cannot fail
    (void)qn_dtype_convert(out, QN_F64,
                           (const char *)s->ranked +
                               row * LANES * qn_dtype_size(s->m->dtype),
                           s->m->dtype, LANES, NULL);
}

#define LOAD_RANK(code, name, type, sum, minus)                                \
    case code:                                                                 \
        load_##name(s->ranked, s->m, first, width);                            \
        if (code == QN_F32)                                                    \
            count_f32(s->ranked, s->m->n, s->kept);                            \
        else if (code == QN_F64)                                               \
            count_f64(s->ranked, s->m->n, s->kept);                            \
        rank_##name(s->ranked, s->m->n);                                       \
        break;

static void
load_and_rank(struct qn_sieve *s, size_t first, size_t width)
{
    for (int l = 0; l < LANES; l++)
        s->kept[l] = (double)s->m->n;
    switch (s->m->dtype) {
        SIEVE_TYPES(LOAD_RANK)
    default: break;
    }
}
#undef LOAD_RANK

#define CASE(code, name, type, sum, minus)                                     \
    case code:                                                                 \
        add_##name(s->ranked, s->m->n, s->pivot, s->about, s->squares);        \
        break;

static void
add(struct qn_sieve *s)
{
    switch (s->m->dtype) {
        SIEVE_TYPES(CASE)
    default: break;
    }
}
#undef CASE

/* ---- what is kept ------------------------------------------------------- */

/* Bring a lane's extremes and its median up to date. */
static void
look(struct qn_sieve *s, size_t l)
{
    const size_t n = (size_t)s->kept[l], mid = s->first[l] + n / 2;

    if (n == 0) {
        s->center[l] = NAN;
        s->lowest[l] = s->highest[l] = 0;
        return;
    }
    s->lowest[l] = get(s, s->first[l], l);
    s->highest[l] = get(s, s->first[l] + n - 1, l);
    s->center[l] = get(s, mid, l);
    if (n % 2 == 0)
        s->center[l] = (get(s, mid - 1, l) + s->center[l]) / 2;
}

/* Where every sample counts: all lanes in step. */
static void
look_at_all(struct qn_sieve *s)
{
    const size_t n = s->m->n;
    double below[LANES];

    fetch_row(s, 0, s->lowest);
    fetch_row(s, n - 1, s->highest);
    fetch_row(s, n / 2, s->pivot);
    memcpy(s->center, s->pivot, sizeof s->center);
    if (n % 2)
        return;
    fetch_row(s, n / 2 - 1, below);
    for (int l = 0; l < LANES; l++)
        s->center[l] = (below[l] + s->pivot[l]) / 2;
}

/* Take rows from ... to - 1 out of the sums. */
static void
blank(struct qn_sieve *s, size_t l, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        put(s, i, l, s->pivot[l]);
}

static void
load(struct qn_sieve *s, size_t first, size_t width)
{
    const size_t n = s->m->n;
    bool whole = true;

    memset(s->doubtful, 0, sizeof s->doubtful);
    memset(s->first, 0, sizeof s->first);
    load_and_rank(s, first, width);
    for (int l = 0; l < LANES; l++)
        whole = whole && s->kept[l] == (double)n;
    if (whole) {
        look_at_all(s);
        return;
    }
    for (size_t l = 0; l < LANES; l++) {
        const size_t kept = (size_t)s->kept[l];

        look(s, l);
        s->pivot[l] = kept ? get(s, kept / 2, l) : 0;
        blank(s, l, kept, n);
    }
}

/* ---- clipping ----------------------------------------------------------- */

/* Samples beyond out are rejected, those not beyond in are kept; between is
 * doubt. */
struct limits {
    double low_out[LANES], low_in[LANES], high_in[LANES], high_out[LANES];
    bool known[LANES]; /* else all is doubt        */
    bool idle[LANES];  /* nothing can be rejected  */
};

/* One thing a loop, so that each is vectorised. */
QN_CLONES_WIDE static void
find_limits(const struct qn_sieve *s, const struct qn_combine *c,
            struct limits *t)
{
    const double rows = (double)s->m->n, loss = (4 * FEW + 16) * 0x1p-24;
    const double ddof = (double)c->ddof;
    double dev[LANES], doubt[LANES], large[LANES];

    for (int l = 0; l < LANES; l++) {
        const double a = fabs(s->lowest[l]), b = fabs(s->highest[l]);

        large[l] = a > b ? a : b;
    }
    for (int l = 0; l < LANES; l++) {
        const double kept = s->kept[l], q = s->squares[l];
        const double mean_off = rows * 0x1p-52 * large[l];
        const double about_mean = q - s->about[l] * s->about[l] / kept;
        const double off = q * loss + kept * (mean_off * mean_off);

        dev[l] = sqrt(about_mean / (kept - ddof));
        doubt[l] = off / about_mean;
        // no overflow, no underflow that matters, and not all of it lost
        t->known[l] = (q > 1e-20) & (q < 1e30) & (about_mean > 2 * off) &
                      (large[l] < 1e300);
        t->idle[l] = (kept <= ddof) | ((s->lowest[l] == s->highest[l]) &
                                       (large[l] < 1e300));
    }
    for (int l = 0; l < LANES; l++) {
        const double off = c->low * dev[l], center = s->center[l];
        const double more = off * doubt[l] + 0x1p-48 * (fabs(center) + off);
        const double in = center - off + more;

        t->low_out[l] = center - off - more;
        t->low_in[l] = in < center ? in : center; // which is never rejected
    }
    for (int l = 0; l < LANES; l++) {
        const double off = c->high * dev[l], center = s->center[l];
        const double more = off * doubt[l] + 0x1p-48 * (fabs(center) + off);
        const double in = center + off - more;

        t->high_out[l] = center + off + more;
        t->high_in[l] = in > center ? in : center;
    }
}

/* inf * dev: nothing is rejected there. */
static void
lift_limits(const struct qn_combine *c, struct limits *t)
{
    for (int l = 0; l < LANES && isinf(c->low); l++)
        t->low_out[l] = t->low_in[l] = -INFINITY;
    for (int l = 0; l < LANES && isinf(c->high); l++)
        t->high_out[l] = t->high_in[l] = INFINITY;
}

/* Does a lane need more than to be left as it is? */
static unsigned
find_busy(const struct qn_sieve *s, const struct limits *t, bool busy[LANES])
{
    unsigned any = 0;

    for (int l = 0; l < LANES; l++) {
        const bool quiet = t->known[l] & (s->lowest[l] >= t->low_in[l]) &
                           (s->highest[l] <= t->high_in[l]);

        busy[l] = !quiet & !t->idle[l] & !s->doubtful[l];
        any |= busy[l];
    }
    return any;
}

/* Bring a lane's ends up to the limits.  The center is between them, so that
 * something stays. */
static void
close_in(struct qn_sieve *s, const struct limits *t, size_t l)
{
    size_t from = s->first[l], to = from + (size_t)s->kept[l];

    while (get(s, from, l) < t->low_out[l])
        from++;
    while (get(s, to - 1, l) > t->high_out[l])
        to--;
    s->doubtful[l] = !t->known[l] || get(s, from, l) < t->low_in[l] ||
                     get(s, to - 1, l) > t->high_in[l];
    blank(s, l, s->first[l], from);
    blank(s, l, to, s->first[l] + (size_t)s->kept[l]);
    s->first[l] = from;
    s->kept[l] = (double)(to - from);
    look(s, l);
}

static void
clip(struct qn_sieve *s)
{
    const struct qn_combine *c = s->c;
    struct limits t;
    bool busy[LANES];

    add(s);
    for (int64_t i = 0; c->iterations == 0 || i < c->iterations; i++) {
        find_limits(s, c, &t);
        lift_limits(c, &t);
        if (!find_busy(s, &t, busy))
            return;
        for (size_t l = 0; l < LANES; l++) {
            if (busy[l] && t.known[l])
                close_in(s, &t, l);
            else if (busy[l])
                s->doubtful[l] = true;
        }
        add(s);
    }
}

static void
drop(struct qn_sieve *s)
{
    const struct qn_combine *c = s->c;

    for (size_t l = 0; l < LANES; l++) {
        s->first[l] = (size_t)c->low;
        s->kept[l] -= c->low + c->high;
        if (s->kept[l] < 0)
            s->kept[l] = 0;
        look(s, l);
    }
}

/* ---- results ------------------------------------------------------------ */

#define CASE(code, name, type, sum, minus)                                     \
    case code:                                                                 \
        add_kept_##name(s->m, first, s->lowest, s->highest, s->value);         \
        break;

/* The sums of what is kept; those of small integers are exact in any order. */
static void
sum_kept(struct qn_sieve *s, size_t first, size_t width)
{
    if (is_small(s->m->dtype)) {
        for (int l = 0; l < LANES; l++)
            s->value[l] = s->about[l] + s->kept[l] * s->pivot[l];
        return;
    }
    if (width < LANES) {
        memset(s->doubtful, 1, sizeof s->doubtful);
        return;
    }
    switch (s->m->dtype) {
        SIEVE_TYPES(CASE)
    default: break;
    }
}
#undef CASE

void
qn_sieve_take(struct qn_sieve *s, size_t first, size_t width)
{
    load(s, first, width);
    if (s->c->reject == QN_REJECT_SIGMA_CLIP)
        clip(s);
    else if (s->c->reject == QN_REJECT_MIN_MAX)
        drop(s);
    if (s->c->method == QN_MEDIAN) {
        memcpy(s->value, s->center, sizeof s->value);
        return;
    }
    sum_kept(s, first, width);
    for (int l = 0; l < LANES; l++)
        s->value[l] = s->kept[l] > 0 ? s->value[l] / s->kept[l] : NAN;
}
