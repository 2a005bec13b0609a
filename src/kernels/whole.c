/* Counting out a statistic.  Knows neither ranks nor threads.
 *
 * A sample's key is its bits, turned so that keys stand in the order of the
 * samples.  The sample of a given rank is found digit by digit of its key:
 * count those that begin like it by their next digit.  A sum is kept in
 * digits of 32 bits over the whole range of float64, and rounded once. */
#include "kernels/whole.h"

#include <math.h>
#include <string.h>

#include "kernels/real.h"
#include "kernels/stats.h"
#include "kernels/walk.h"

enum {
    DIGIT = 11, /* bits: 2048 counters                                     */
    LIMBS = 68, /* of 32 bits: 2098 of float64, and room for 2^63 samples  */
    CHUNK = 1 << 28, /* samples before limbs are carried on                */
    FINITE = 0, HOLES = 1, SUM = 2 /* places in the first round's tally    */
};

#define BASE ((int64_t)1 << 32)

_Static_assert(SUM + LIMBS <= QN_WHOLE_TALLY, "a sum fits");
_Static_assert(1 << DIGIT <= QN_WHOLE_TALLY, "a digit fits");

/* ---- exact sums ------------------------------------------------------------- */

/* Every limb but the last from 0 to BASE - 1. */
static void
carry(int64_t *limb)
{
    for (int i = 0; i < LIMBS - 1; i++) {
        int64_t over = limb[i] / BASE - (limb[i] % BASE < 0);

        limb[i] -= over * BASE;
        limb[i + 1] += over;
    }
}

/* Limb 0 counts units of 2^-1074, the smallest float64. */
static void
add(int64_t *limb, double x)
{
    uint64_t bits, m;
    int e, at, shift;

    memcpy(&bits, &x, sizeof bits);
    e = (int)(bits >> 52 & 0x7ff);
    m = bits & (((uint64_t)1 << 52) - 1);
    if (e)
        m |= (uint64_t)1 << 52;
    else
        e = 1;
    at = (e - 1) / 32;
    shift = (e - 1) % 32;
    if (bits >> 63) {
        limb[at] -= (int64_t)(m << shift & 0xffffffff);
        m >>= 32 - shift;
        limb[at + 1] -= (int64_t)(m & 0xffffffff);
        limb[at + 2] -= (int64_t)(m >> 32);
    } else {
        limb[at] += (int64_t)(m << shift & 0xffffffff);
        m >>= 32 - shift;
        limb[at + 1] += (int64_t)(m & 0xffffffff);
        limb[at + 2] += (int64_t)(m >> 32);
    }
}

/* The first 64 bits of limbs 0 ... top, the last of them set if any behind
 * them is: rounded to 53 bits they give the nearest float64. */
static double
round_once(const int64_t *limb, int top)
{
    uint64_t high = (uint64_t)limb[top] << 32, rest = 0;
    int zeros;

    if (top > 0)
        high |= (uint64_t)limb[top - 1];
    if (top > 1)
        rest = (uint64_t)limb[top - 2];
    zeros = __builtin_clzll(high);
    if (zeros) {
        high = high << zeros | rest >> (32 - zeros);
        rest &= ((uint64_t)1 << (32 - zeros)) - 1;
    }
    for (int i = top - 3; i >= 0; i--)
        rest |= (uint64_t)limb[i];
    return ldexp((double)(high | (rest != 0)), 32 * (top - 1) - zeros - 1074);
}

static double
sum_of(int64_t *limb)
{
    int top = LIMBS - 1;
    double sign = 1;

    carry(limb);
    if (limb[top] < 0) {
        sign = -1;
        for (int i = 0; i < LIMBS; i++)
            limb[i] = -limb[i];
        carry(limb);
    }
    while (top >= 0 && !limb[top])
        top--;
    return top < 0 ? 0 : sign * round_once(limb, top);
}

/* ---- keys -------------------------------------------------------------------- */

static uint64_t
key_of(double x, enum qn_dtype real)
{
    uint64_t bits;
    uint32_t half;
    float f = (float)x;

    if (real == QN_F32) {
        memcpy(&half, &f, sizeof half);
        return half >> 31 ? (uint32_t)~half : half | (uint32_t)1 << 31;
    }
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static double
sample_of(uint64_t key, enum qn_dtype real)
{
    uint32_t half = (uint32_t)key;
    double x;
    float f;

    if (real == QN_F32) {
        half = half >> 31 ? half & ~((uint32_t)1 << 31) : ~half;
        memcpy(&f, &half, sizeof f);
        return (double)f;
    }
    key = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
    memcpy(&x, &key, sizeof x);
    return x;
}

/* ---- rounds ------------------------------------------------------------------ */

void
qn_whole_begin(struct qn_whole *w, const struct qn_statistic *s,
               enum qn_dtype real)
{
    *w = (struct qn_whole){.s = *s, .real = real, .further = -1};
    w->done = s->of == QN_STATISTIC_NONE;
    w->s.finite = w->s.holes = 0;
    w->s.value = NAN;
}

void
qn_whole_settle(struct qn_whole *w)
{
    if (!w->counted && w->s.of == QN_STATISTIC_MEAN)
        carry(w->tally + SUM);
    w->since = 0;
}

static void
take_first(struct qn_whole *w, const void *v, size_t n, int64_t step)
{
    const bool sum = w->s.of == QN_STATISTIC_MEAN;

    for (size_t i = 0; i < n; i++) {
        const double x = qn_real_get(v, w->real, (int64_t)i * step);

        w->tally[HOLES] += isnan(x);
        if (!isfinite(x))
            continue;
        w->tally[FINITE]++;
        if (sum)
            add(w->tally + SUM, x);
        if (sum && ++w->since == CHUNK)
            qn_whole_settle(w);
    }
}

static void
take_digits(struct qn_whole *w, const void *v, size_t n, int64_t step)
{
    const int bits = w->real == QN_F32 ? 32 : 64;
    const int shift = w->left - w->width;
    const uint64_t mask = ((uint64_t)1 << w->width) - 1;

    for (size_t i = 0; i < n; i++) {
        const double x = qn_real_get(v, w->real, (int64_t)i * step);
        uint64_t key;

        if (!isfinite(x))
            continue;
        // -0 becomes 0
        key = key_of(x + 0.0, w->real);
        if (w->left == bits || key >> w->left == w->prefix)
            w->tally[key >> shift & mask]++;
    }
}

void
qn_whole_take(struct qn_whole *w, const void *v, size_t n, int64_t step)
{
    if (w->counted)
        take_digits(w, v, n, step);
    else
        take_first(w, v, n, step);
}

/* Begin to look for the sample of that rank. */
static void
look_for(struct qn_whole *w, int64_t rank)
{
    w->rank = rank;
    w->prefix = 0;
    w->left = w->real == QN_F32 ? 32 : 64;
    w->width = DIGIT;
}

/* All samples have been counted. */
static void
end_first(struct qn_whole *w)
{
    const int64_t n = w->tally[FINITE];

    w->counted = true;
    w->s.finite = n;
    w->s.holes = w->tally[HOLES];
    w->done = n == 0 || (w->s.for_holes && !w->s.holes) ||
              w->s.of == QN_STATISTIC_MEAN;
    if (n && w->s.of == QN_STATISTIC_MEAN)
        w->s.value = sum_of(w->tally + SUM) / (double)n;
    if (w->done)
        return;
    if (w->s.of == QN_STATISTIC_MAX) {
        look_for(w, n - 1);
    } else {
        look_for(w, (n - 1) / 2);
        w->further = n % 2 ? -1 : n / 2;
    }
}

/* A sample is found; `same` are alike, and before it were w->rank of them. */
static void
end_search(struct qn_whole *w, int64_t same)
{
    const double x = sample_of(w->prefix, w->real);

    if (w->further < 0) {
        w->done = true;
        w->s.value = isnan(w->low) ? x : (w->low + x) / 2;
    } else if (w->rank + 1 < same) {
        w->done = true;
        w->s.value = (x + x) / 2;
    } else {
        w->low = x;
        look_for(w, w->further);
        w->further = -1;
    }
}

static void
end_digit(struct qn_whole *w)
{
    int digit = 0;

    while (w->rank >= w->tally[digit])
        w->rank -= w->tally[digit++];
    w->prefix = w->prefix << w->width | (uint64_t)digit;
    w->left -= w->width;
    w->width = w->left < DIGIT ? w->left : DIGIT;
    if (!w->left)
        end_search(w, w->tally[digit]);
}

void
qn_whole_turn(struct qn_whole *w)
{
    if (w->counted) {
        end_digit(w);
    } else {
        w->low = NAN;
        end_first(w);
    }
    memset(w->tally, 0, sizeof w->tally);
}

/* ---- an item in one place ---------------------------------------------------- */

struct qn_box
qn_whole_box(const struct qn_statistic *s, int ndims)
{
    struct qn_box box = {.ndims = ndims};

    for (int a = 0; a < ndims; a++) {
        box.start[a] = s->start[a];
        box.count[a] = s->count[a];
        box.step[a] = s->step[a];
    }
    return box;
}

/* The finite samples of the box, one behind the other; returns how many. */
static size_t
gather(void *dst, const struct qn_array *in, const struct qn_box *box)
{
    const enum qn_dtype real = in->type.dtype;
    const size_t size = real == QN_F32 ? sizeof(float) : sizeof(double);
    struct qn_walk w;
    size_t n = 0;

    for (qn_walk_start(&w, box, &in->type.shape); w.more; qn_walk_next(&w))
        n += qn_stats_gather((char *)dst + n * size,
                             (const char *)in->data + (size_t)w.first * size,
                             real, (size_t)w.n, w.step, QN_STATS_FINITE);
    return n;
}

static int64_t
count_holes(const struct qn_array *in, const struct qn_box *box)
{
    const enum qn_dtype real = in->type.dtype;
    struct qn_walk w;
    int64_t n = 0;

    for (qn_walk_start(&w, box, &in->type.shape); w.more; qn_walk_next(&w))
        for (int64_t i = 0; i < w.n; i++)
            n += isnan(qn_real_get(in->data, real, w.first + i * w.step));
    return n;
}

/* The same number as in rounds, sooner.  dst: memory of the item's size. */
static void
take_at_once(struct qn_statistic *s, void *dst, const struct qn_array *in)
{
    const enum qn_dtype real = in->type.dtype;
    const struct qn_box box = qn_whole_box(s, in->type.shape.ndims);
    struct qn_whole w;
    size_t n;

    qn_whole_begin(&w, s, real);
    s->value = NAN;
    s->holes = s->for_holes ? count_holes(in, &box) : 0;
    if (s->for_holes && !s->holes)
        return;
    n = gather(dst, in, &box);
    s->finite = (int64_t)n;
    if (s->of == QN_STATISTIC_MEDIAN) {
        s->value = qn_stats_median(dst, real, n) + 0.0;
    } else if (s->of == QN_STATISTIC_MAX) {
        s->value = qn_stats_max(dst, real, n) + 0.0;
    } else {
        qn_whole_take(&w, dst, n, 1);
        qn_whole_turn(&w);
        s->value = w.s.value;
    }
}

int
qn_whole_apply(const struct qn_overall *k, const void *params,
               const struct qn_call *call, struct qn_error *err)
{
    const struct qn_array *in = call->in;
    const size_t n = (size_t)qn_shape_count(&in->type.shape);
    struct qn_lane lane = {.real = in->type.dtype, .x = call->out->data,
                           .n = n};
    struct qn_statistic s = {.of = QN_STATISTIC_NONE};

    QN_TRY(k->ask(params, &in->type, &s, err));
    if (s.of != QN_STATISTIC_NONE)
        take_at_once(&s, call->out->data, in);
    QN_TRY(k->check(params, &s, err));
    if (n)
        memcpy(call->out->data, in->data,
               n * (in->type.dtype == QN_F32 ? sizeof(float)
                                             : sizeof(double)));
    k->use(params, s.value, &lane);
    return 0;
}
