/* combine: against a literal reading of its definition, sample by sample; by
 * hand where numbers are extreme; and real frames against astropy. */
#include "kernel_run.h"

#include "fits_small.h"
#include "kernels/combine.h"
#include "reference.h"

/* The params of options (JSON), presets filled in; rc of prepare. */
static int
make_combine(struct qn_combine *c, const char *options, struct qn_error *err)
{
    const struct run r = {.kernel = &qn_kernel_combine, .options = options};
    json_t *object = options_of(&r);
    int rc;

    *c = (struct qn_combine){0};
    rc = qn_params_fill(c, &qn_kernel_combine, object, NULL, err);
    json_decref(object);
    return rc ? rc : qn_kernel_combine.prepare(c, err);
}

/* ---- options ------------------------------------------------------------- */

static void
refuses_options(void **state)
{
    static const char *const rows[] = {
        "{\"sigma\": 3}",
        "{\"low\": 1}",
        "{\"reject\": \"min-max\", \"sigma\": 3}",
        "{\"reject\": \"min-max\", \"low\": 0.5}",
        "{\"reject\": \"min-max\", \"high\": -1}",
        "{\"reject\": \"min-max\", \"high\": \"inf\"}",
        "{\"reject\": \"sigma-clip\", \"sigma\": -1}",
        "{\"reject\": \"sigma-clip\", \"low\": 3}",
        "{\"reject\": \"sigma-clip\", \"high\": 3}",
        "{\"iterations\": -1}",
        "{\"ddof\": -1}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct qn_error err = {0, ""};
        struct qn_combine c;

        assert_int_equal(make_combine(&c, rows[i], &err), QN_EJOB);
        assert_non_null(strstr(err.text, "combine"));
    }
}

static void
fills_options_in(void **state)
{
    static const struct {
        const char *options;
        double low, high;
    } rows[] = {
        {"{\"reject\": \"sigma-clip\"}", 3, 3},
        {"{\"reject\": \"sigma-clip\", \"sigma\": 2}", 2, 2},
        {"{\"reject\": \"sigma-clip\", \"sigma\": 2, \"low\": 4}", 4, 2},
        {"{\"reject\": \"sigma-clip\", \"low\": \"inf\", \"high\": 1}",
         INFINITY, 1},
        {"{\"reject\": \"min-max\"}", 1, 1},
        {"{\"reject\": \"min-max\", \"high\": 2}", 0, 2},
        {"{\"reject\": \"min-max\", \"low\": 3, \"high\": 0}", 3, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct qn_combine c;

        assert_int_equal(make_combine(&c, rows[i].options, NULL), 0);
        assert_true(c.low == rows[i].low && c.high == rows[i].high);
        assert_int_equal(c.center, QN_CENTER_MEDIAN);
        assert_int_equal(c.deviation, QN_DEVIATION_STD);
        assert_int_equal(c.iterations, 5);
    }
}

static void
types(void **state)
{
    static const struct {
        enum qn_method method;
        enum qn_dtype in, out;
    } rows[] = {
        {QN_SUM, QN_I8, QN_I64},    {QN_SUM, QN_U16, QN_U64},
        {QN_SUM, QN_I64, QN_I64},   {QN_SUM, QN_U64, QN_U64},
        {QN_SUM, QN_F32, QN_F32},   {QN_MIN, QN_U8, QN_U8},
        {QN_MAX, QN_I32, QN_I32},   {QN_MAX, QN_F64, QN_F64},
        {QN_MEAN, QN_I16, QN_F64},  {QN_MEDIAN, QN_U64, QN_F64},
        {QN_STD, QN_U8, QN_F64},    {QN_STD, QN_F32, QN_F32},
        {QN_MEAN, QN_F64, QN_F64},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct qn_combine c = {.method = (int)rows[i].method};

        assert_int_equal(qn_combine_dtype(&c, rows[i].in), rows[i].out);
    }
}

/* ---- the definition, read literally ------------------------------------- */

enum { MOST = 5000 };

/* One pixel; samples that were NaN or rejected have keep false. */
struct pixel {
    size_t n;
    double x[MOST];
    bool keep[MOST];
};

static int
by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double
median_of(const double *v, size_t n)
{
    static double sorted[MOST];

    if (n == 0)
        return NAN;
    memcpy(sorted, v, n * sizeof *v);
    qsort(sorted, n, sizeof *sorted, by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static size_t
kept_of(const struct pixel *p, double *v)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        if (p->keep[i])
            v[n++] = p->x[i];
    return n;
}

static double
sum_of(const double *v, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += v[i];
    return n ? sum : NAN;
}

static double
mean_of(const double *v, size_t n)
{
    return sum_of(v, n) / (double)n;
}

static double
std_of(const double *v, size_t n, int64_t ddof)
{
    const double mean = mean_of(v, n);
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (v[i] - mean) * (v[i] - mean);
    return (int64_t)n > ddof ? sqrt(sum / (double)((int64_t)n - ddof)) : NAN;
}

static double
mad_of(const double *v, size_t n)
{
    static double away[MOST];
    const double m = median_of(v, n);

    if (!isfinite(m))
        return NAN;
    for (size_t i = 0; i < n; i++)
        away[i] = fabs(v[i] - m);
    return 1.482602218505602 * median_of(away, n);
}

static void
clip_pixel(struct pixel *p, const struct qn_combine *c)
{
    static double v[MOST];

    for (int64_t pass = 0; c->iterations == 0 || pass < c->iterations; pass++) {
        const size_t n = kept_of(p, v);
        const double center = c->center == QN_CENTER_MEAN ? mean_of(v, n)
                                                          : median_of(v, n);
        const double dev = c->deviation == QN_DEVIATION_STD
                               ? std_of(v, n, c->ddof)
                               : mad_of(v, n);
        bool changed = false;

        for (size_t i = 0; i < p->n; i++)
            if (p->keep[i] && (p->x[i] < center - c->low * dev ||
                               p->x[i] > center + c->high * dev)) {
                p->keep[i] = false;
                changed = true;
            }
        if (!changed)
            return;
    }
}

/* Again and again the smallest of those left, the first of equal ones; then
 * the largest, the last of equal ones. */
static void
drop_pixel(struct pixel *p, const struct qn_combine *c)
{
    size_t at, left = 0;

    for (size_t i = 0; i < p->n; i++)
        left += p->keep[i];
    if ((double)left <= c->low + c->high) {
        memset(p->keep, 0, sizeof p->keep);
        return;
    }
    for (int k = 0; k < (int)c->low; k++) {
        at = SIZE_MAX;
        for (size_t i = 0; i < p->n; i++)
            if (p->keep[i] && (at == SIZE_MAX || p->x[i] < p->x[at]))
                at = i;
        p->keep[at] = false;
    }
    for (int k = 0; k < (int)c->high; k++) {
        at = SIZE_MAX;
        for (size_t i = 0; i < p->n; i++)
            if (p->keep[i] && (at == SIZE_MAX || p->x[i] >= p->x[at]))
                at = i;
        p->keep[at] = false;
    }
}

static double
weighted_mean(const struct pixel *p, const double *weight)
{
    double sum = 0, weights = 0;

    for (size_t i = 0; i < p->n; i++)
        if (p->keep[i]) {
            sum += weight[i] * p->x[i];
            weights += weight[i];
        }
    return weights > 0 ? sum / weights : NAN;
}

static double
combine_pixel(struct pixel *p, const struct qn_combine *c,
              const double *weight, int32_t *count)
{
    static double v[MOST];
    size_t n;

    for (size_t i = 0; i < p->n; i++)
        p->keep[i] = !isnan(p->x[i]);
    if (c->reject == QN_REJECT_SIGMA_CLIP)
        clip_pixel(p, c);
    else if (c->reject == QN_REJECT_MIN_MAX)
        drop_pixel(p, c);
    n = kept_of(p, v);
    *count = (int32_t)n;
    if (weight)
        return weighted_mean(p, weight);
    switch ((enum qn_method)c->method) {
    case QN_MEAN: return mean_of(v, n);
    case QN_MEDIAN: return median_of(v, n);
    case QN_SUM: return sum_of(v, n);
    case QN_STD: return std_of(v, n, c->ddof);
    default: break;
    }
    if (n == 0)
        return NAN;
    qsort(v, n, sizeof *v, by_value);
    return c->method == QN_MIN ? v[0] : v[n - 1];
}

/* ---- bands -------------------------------------------------------------- */

/* Members of npixels samples each, of any type. */
struct band {
    size_t n, npixels;
    enum qn_dtype dtype;
    void *v[MOST]; /* owned */
};

/* What the samples are like; behind KINDS what is hard to estimate. */
enum kind { TIES, REALS, HOLES, EXTREMES, KINDS, EQUAL = KINDS, FAR, TINY,
            HUGE_ONES, FEW_OUTLIERS, ALL_KINDS };

static double
draw(unsigned *seed, enum kind kind)
{
    double x = 0;

    *seed = *seed * 1664525u + 1013904223u;
    for (unsigned u = *seed >> 8, k = 0; k < 6; k++, u >>= 4)
        x += (double)(u & 15);
    if (kind == TIES)
        return floor(x / 8);
    if (kind == EQUAL)
        return *seed % 97 == 0 ? 6 : 7.1;
    if (kind == FAR)
        return 1e9 + x / 64;
    if (kind == TINY)
        return x * 1e-24;
    if (kind == HUGE_ONES)
        return *seed % 7 == 0 ? 3e38 : x;
    if (kind == FEW_OUTLIERS)
        return *seed % 61 == 0 ? x + 5000 : floor(1000 + x);
    if (*seed % 29 == 0)
        x += 60;
    if (kind == REALS)
        return x + (double)(*seed >> 20) / 4096;
    if (kind == EXTREMES && *seed % 13 == 0)
        return *seed % 2 ? INFINITY : -INFINITY;
    return *seed % 5 == 0 ? NAN : x;
}

static struct band *
make_band(size_t n, size_t npixels, enum qn_dtype dtype, enum kind kind)
{
    struct band *b = calloc(1, sizeof *b);
    double *x = calloc(npixels, sizeof *x);
    unsigned seed = (unsigned)(n * 31 + npixels);

    b->n = n;
    b->npixels = npixels;
    b->dtype = dtype;
    for (size_t i = 0; i < n; i++) {
        b->v[i] = calloc(npixels, qn_dtype_size(dtype));
        for (size_t k = 0; k < npixels; k++)
            x[k] = draw(&seed, kind);
        assert_int_equal(
            qn_dtype_convert(b->v[i], dtype, x, QN_F64, npixels, NULL), 0);
    }
    free(x);
    return b;
}

static void
free_band(struct band *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->v[i]);
    free(b);
}

static void
fetch_pixel(struct pixel *p, const struct band *b, size_t at)
{
    p->n = b->n;
    for (size_t i = 0; i < b->n; i++)
        (void)qn_dtype_convert(
            &p->x[i], QN_F64,
            (const char *)b->v[i] + at * qn_dtype_size(b->dtype), b->dtype, 1,
            NULL);
}

/* What the definition gives; true if every pixel has something left. */
static bool
expect_band(const struct qn_combine *c, const struct band *b,
            const double *weight, double *want, int32_t *kept)
{
    static struct pixel p;
    bool all = true;

    for (size_t k = 0; k < b->npixels; k++) {
        fetch_pixel(&p, b, k);
        want[k] = combine_pixel(&p, c, weight, &kept[k]);
        if (qn_combine_dtype(c, b->dtype) == QN_F32)
            want[k] = (double)(float)want[k];
        all = all && kept[k] > 0;
    }
    return all;
}

static void
compare_band(const struct qn_combine *c, const struct band *b,
             const void *out, const int32_t *count, const double *wants,
             const int32_t *kepts)
{
    const enum qn_dtype type = qn_combine_dtype(c, b->dtype);

    for (size_t k = 0; k < b->npixels; k++) {
        const double want = wants[k];
        const int32_t kept = kepts[k];
        double got;

        (void)qn_dtype_convert(&got, QN_F64,
                               (const char *)out + k * qn_dtype_size(type),
                               type, 1, NULL);
        if (!same(got, want) || count[k] != kept)
            print_error("n %zu, pixel %zu of %zu %s, method %d reject %d "
                        "center %d deviation %d: %.17g (%d), not %.17g (%d)\n",
                        b->n, k, b->npixels, qn_dtype_name(b->dtype),
                        c->method, c->reject, c->center, c->deviation, got,
                        count[k], want, kept);
        assert_true(same(got, want));
        assert_int_equal(count[k], kept);
    }
}

static void
check_band(const struct qn_combine *c, const struct band *b,
           const double *weight)
{
    double *out = calloc(b->npixels, sizeof *out);
    double *want = calloc(b->npixels, sizeof *want);
    int32_t *count = calloc(b->npixels, sizeof *count);
    int32_t *kept = calloc(b->npixels, sizeof *kept);
    const bool all = expect_band(c, b, weight, want, kept);
    const bool real = qn_dtype_is_real(qn_combine_dtype(c, b->dtype));
    const int rc =
        qn_combine_band(c, b->dtype, (const void *const *)b->v, weight, b->n,
                        b->npixels, out, count, NULL);

    assert_int_equal(rc, real || all ? 0 : QN_EVALUE);
    if (!rc)
        compare_band(c, b, out, count, want, kept);
    free(kept);
    free(count);
    free(want);
    free(out);
}

/* All methods after one way of rejecting. */
static void
check_methods(struct qn_combine c, const struct band *b, const double *weight)
{
    for (c.method = QN_MEAN; c.method <= (int)QN_STD; c.method++)
        check_band(&c, b, NULL);
    c.method = QN_MEAN;
    check_band(&c, b, weight);
}

static const struct qn_combine ways[] = {
    {.reject = QN_REJECT_NONE},
    {.reject = QN_REJECT_NONE, .ddof = 1},
    {.reject = QN_REJECT_MIN_MAX, .low = 1, .high = 1},
    {.reject = QN_REJECT_MIN_MAX, .low = 0, .high = 3},
    {.reject = QN_REJECT_MIN_MAX, .low = 2, .high = 0, .ddof = 2},
    {.reject = QN_REJECT_SIGMA_CLIP, .low = 2, .high = 2, .iterations = 1},
    {.reject = QN_REJECT_SIGMA_CLIP, .low = 1.5, .high = 1, .iterations = 5},
    {.reject = QN_REJECT_SIGMA_CLIP, .low = 1, .high = 2, .ddof = 1},
    {.reject = QN_REJECT_SIGMA_CLIP, .low = INFINITY, .high = 1.5},
    {.reject = QN_REJECT_SIGMA_CLIP, .low = 2, .high = 2, .iterations = 3,
     .center = QN_CENTER_MEAN},
    {.reject = QN_REJECT_SIGMA_CLIP, .low = 1.5, .high = 1.5,
     .deviation = QN_DEVIATION_MAD},
    {.reject = QN_REJECT_SIGMA_CLIP, .low = 2, .high = 1, .iterations = 2,
     .center = QN_CENTER_MEAN, .deviation = QN_DEVIATION_MAD},
};

static void
reals(void **state)
{
    static const size_t members[] = {1, 2, 3, 4, 7, 16, 33};
    static const size_t pixels[] = {1, 16, 19, 530};
    double weight[MOST];

    (void)state;
    for (size_t i = 0; i < MOST; i++)
        weight[i] = (double)(i % 4) / 3;
    for (size_t m = 0; m < COUNT(members); m++)
        for (int kind = 0; kind < KINDS; kind++) {
            const enum qn_dtype dtype = (m + (size_t)kind) % 2 ? QN_F32
                                                               : QN_F64;
            struct band *b = make_band(members[m], pixels[(m + 1) % 4], dtype,
                                       (enum kind)kind);

            for (size_t w = 0; w < COUNT(ways); w++)
                check_methods(ways[w], b, weight);
            free_band(b);
        }
}

static void
integers(void **state)
{
    double weight[MOST];

    (void)state;
    for (size_t i = 0; i < MOST; i++)
        weight[i] = 1 + (double)i;
    for (int t = 0; t < QN_F32; t++) {
        struct band *b = make_band(9, 37, (enum qn_dtype)t, TIES);

        for (size_t w = 0; w < COUNT(ways); w++)
            check_methods(ways[w], b, weight);
        free_band(b);
    }
}

/* Numbers of members, on both sides of how many are added up in float32 at a
 * time, and pixels, of how many are worked on at a time. */
static void
many_members(void **state)
{
    static const size_t members[] = {1, 5, 8, 31, 32, 33, 64, 65, 129, 300};
    static const size_t pixels[] = {1, 31, 32, 33, 70};
    static const struct qn_combine ways_of[] = {
        {.reject = QN_REJECT_SIGMA_CLIP, .low = 3, .high = 3, .iterations = 5},
        {.reject = QN_REJECT_SIGMA_CLIP, .low = 3, .high = 2, .ddof = 1},
        {.reject = QN_REJECT_SIGMA_CLIP, .low = 0, .high = 1, .iterations = 1},
        {.reject = QN_REJECT_SIGMA_CLIP, .low = 0.5, .high = INFINITY},
        {.reject = QN_REJECT_SIGMA_CLIP, .low = 1, .high = 1, .ddof = 31},
        {.reject = QN_REJECT_MIN_MAX, .low = 3, .high = 4},
        {.reject = QN_REJECT_NONE},
    };
    static const enum qn_dtype types_of[] = {QN_U16, QN_F32, QN_F64, QN_I32,
                                             QN_I16, QN_F32, QN_U32, QN_F64};
    int round = 0;

    (void)state;
    for (size_t m = 0; m < COUNT(members); m++)
        for (int kind = 0; kind < (int)ALL_KINDS; kind++, round++) {
            const bool integers_do = kind == TIES || kind == FEW_OUTLIERS;
            const enum qn_dtype dtype =
                integers_do ? types_of[(m + (size_t)kind) % COUNT(types_of)]
                            : (round % 2 ? QN_F32 : QN_F64);
            struct band *b = make_band(members[m], pixels[round % 5], dtype,
                                       (enum kind)kind);

            for (size_t w = 0; w < COUNT(ways_of); w++) {
                struct qn_combine c = ways_of[w];

                check_band(&c, b, NULL);
                c.method = QN_MEDIAN;
                check_band(&c, b, NULL);
            }
            free_band(b);
        }
}

/* A sample exactly at the threshold stays; one step beyond it goes: float32
 * cannot tell. */
static void
on_the_threshold(void **state)
{
    static const double x[] = {0, -2, 0, 0, 2, 0, 0, 0}; // dev is 1
    static const enum qn_dtype types_of[] = {QN_I8,  QN_I16, QN_I32, QN_I64,
                                             QN_F32, QN_F64};
    const struct {
        double low, high, want;
        int32_t kept;
    } rows[] = {
        {2, 2, 0, 8},
        {nextafter(2, 0), 2, 2. / 7, 7},
        {2, nextafter(2, 0), -2. / 7, 7},
        {nextafter(2, 3), nextafter(2, 3), 0, 8},
        {nextafter(2, 0), nextafter(2, 0), 0, 6},
    };

    (void)state;
    for (size_t t = 0; t < COUNT(types_of); t++) {
        char samples[8][8];
        const void *v[8];

        for (int i = 0; i < 8; i++) {
            assert_int_equal(qn_dtype_convert(samples[i], types_of[t], &x[i],
                                              QN_F64, 1, NULL), 0);
            v[i] = samples[i];
        }
        for (size_t r = 0; r < COUNT(rows); r++) {
            const struct qn_combine c = {.reject = QN_REJECT_SIGMA_CLIP,
                                         .low = rows[r].low,
                                         .high = rows[r].high,
                                         .iterations = 1};
            double out = 0;
            float narrow;
            int32_t count;

            assert_int_equal(qn_combine_band(&c, types_of[t], v, NULL, 8, 1,
                                             &out, &count, NULL), 0);
            if (types_of[t] == QN_F32) {
                memcpy(&narrow, &out, sizeof narrow);
                assert_true(narrow == (float)rows[r].want);
            } else {
                assert_true(out == rows[r].want);
            }
            assert_int_equal(count, rows[r].kept);
        }
    }
}

/* Two samples within a rounding of the thresholds: only the exact deviation
 * tells on which side. */
static void
near_the_threshold(void **state)
{
    enum { N = 8, PIXELS = 200 };
    static const double x[N] = {0, -2, 0, 0, 2, 0, 0, 0};
    struct band *b = make_band(N, PIXELS, QN_F64, REALS);
    struct qn_combine c = {.reject = QN_REJECT_SIGMA_CLIP, .low = 2,
                           .high = 2, .iterations = 1};

    (void)state;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < PIXELS; k++)
            ((double *)b->v[i])[k] = x[i] * (k + 1) / 7 + k % 3;
    check_band(&c, b, NULL);
    c.method = QN_MEDIAN;
    check_band(&c, b, NULL);
    free_band(b);
}

/* More members than the sorting network takes. */
static void
very_many_members(void **state)
{
    struct band *b = make_band(MOST, 3, QN_F32, HOLES);

    (void)state;
    for (size_t w = 5; w < COUNT(ways); w++)
        check_band(&ways[w], b, NULL);
    check_band(&(struct qn_combine){.method = QN_MEDIAN}, b, NULL);
    check_band(&(struct qn_combine){.reject = QN_REJECT_MIN_MAX, .low = 40,
                                    .high = 70}, b, NULL);
    free_band(b);
}

/* The same bits however the pixels are cut into bands. */
static void
cuts_do_not_matter(void **state)
{
    enum { N = 11, PIXELS = 700 };
    struct band *b = make_band(N, PIXELS, QN_F32, HOLES);
    float whole[PIXELS], part[PIXELS];
    int32_t count[PIXELS];

    (void)state;
    for (size_t w = 0; w < COUNT(ways); w++) {
        assert_int_equal(qn_combine_band(&ways[w], QN_F32,
                                         (const void *const *)b->v, NULL, N,
                                         PIXELS, whole, count, NULL), 0);
        for (size_t at = 0, step = 1; at < PIXELS; at += step, step += 5) {
            const size_t n = PIXELS - at < step ? PIXELS - at : step;
            const void *v[N];

            for (size_t i = 0; i < N; i++)
                v[i] = (float *)b->v[i] + at;
            assert_int_equal(qn_combine_band(&ways[w], QN_F32, v, NULL, N, n,
                                             part + at, count, NULL), 0);
        }
        assert_memory_equal(whole, part, sizeof whole);
    }
    free_band(b);
}

/* ---- by hand ------------------------------------------------------------ */

static void
nothing_to_combine(void **state)
{
    const struct qn_combine mean = {.method = QN_MEAN};
    const struct qn_combine median = {.method = QN_MEDIAN};
    struct qn_combine sum = {.method = QN_SUM};
    double out[2] = {1, 1};
    int32_t count[2] = {7, 7};

    (void)state;
    assert_int_equal(qn_combine_band(&mean, QN_F64, NULL, NULL, 0, 2, out,
                                     count, NULL), 0);
    assert_true(isnan(out[0]) && isnan(out[1]));
    assert_int_equal(count[0], 0);
    assert_int_equal(qn_combine_band(&median, QN_F64, NULL, NULL, 0, 2, out,
                                     count, NULL), 0);
    assert_true(isnan(out[0]) && isnan(out[1]));
    assert_int_equal(qn_combine_band(&sum, QN_I16, NULL, NULL, 0, 2, out,
                                     count, NULL), QN_EVALUE);
    assert_int_equal(qn_combine_band(&sum, QN_I16, NULL, NULL, 0, 0, out,
                                     count, NULL), 0);
}

static void
refuses_weights(void **state)
{
    static const double x[] = {1}, bad[] = {1, -1}, nan[] = {NAN, 1};
    const void *v[] = {x, x};
    struct qn_combine c = {.method = QN_MEDIAN};
    double out;
    int32_t count;

    (void)state;
    assert_int_equal(qn_combine_band(&c, QN_F64, v, x, 1, 1, &out, &count,
                                     NULL), QN_EVALUE);
    c.method = QN_MEAN;
    assert_int_equal(qn_combine_band(&c, QN_F64, v, bad, 2, 1, &out, &count,
                                     NULL), QN_EVALUE);
    assert_int_equal(qn_combine_band(&c, QN_F64, v, nan, 2, 1, &out, &count,
                                     NULL), QN_EVALUE);
}

/* Two members of one pixel each; sum, min or max. */
static int
pair(enum qn_method method, enum qn_dtype dtype, const void *a, const void *b,
     void *out)
{
    const struct qn_combine c = {.method = (int)method};
    const void *v[] = {a, b};
    int32_t count;

    return qn_combine_band(&c, dtype, v, NULL, 2, 1, out, &count, NULL);
}

static void
extremes_of_integers(void **state)
{
    const int64_t low = INT64_MIN, high = INT64_MAX, one = 1, less = -1;
    const uint64_t top = UINT64_MAX, unit = 1, half = UINT64_C(1) << 63;
    const int8_t i8 = -128;
    const uint32_t u32 = UINT32_MAX;
    const struct qn_combine both = {.method = QN_MAX,
                                    .reject = QN_REJECT_MIN_MAX,
                                    .low = 1, .high = 1};
    const void *v[] = {&high, &low};
    int32_t count;
    uint64_t u;
    int64_t i;
    int8_t small;

    (void)state;
    assert_int_equal(pair(QN_SUM, QN_I64, &high, &one, &i), QN_EVALUE);
    assert_int_equal(pair(QN_SUM, QN_I64, &low, &less, &i), QN_EVALUE);
    assert_int_equal(pair(QN_SUM, QN_U64, &top, &unit, &u), QN_EVALUE);
    assert_int_equal(pair(QN_SUM, QN_U64, &half, &half, &u), QN_EVALUE);
    assert_int_equal(qn_combine_band(&both, QN_I64, v, NULL, 2, 1, &i, &count,
                                     NULL), QN_EVALUE);

    assert_int_equal(pair(QN_SUM, QN_I64, &low, &high, &i), 0);
    assert_true(i == -1);
    assert_int_equal(pair(QN_MIN, QN_I64, &low, &high, &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(pair(QN_MAX, QN_I64, &low, &high, &i), 0);
    assert_true(i == INT64_MAX);
    assert_int_equal(pair(QN_MAX, QN_U64, &top, &unit, &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(pair(QN_MIN, QN_U64, &half, &unit, &u), 0);
    assert_true(u == 1);
    assert_int_equal(pair(QN_SUM, QN_I8, &i8, &i8, &i), 0);
    assert_true(i == -256);
    assert_int_equal(pair(QN_MIN, QN_I8, &i8, &i8, &small), 0);
    assert_true(small == -128);
    assert_int_equal(pair(QN_SUM, QN_U32, &u32, &u32, &u), 0);
    assert_true(u == 2 * (uint64_t)UINT32_MAX);
}

/* A partial sum may pass the limit where the whole does not; neighbours that
 * float64 cannot tell apart stay apart. */
static void
integers_stay_exact(void **state)
{
    const int64_t a[] = {INT64_MAX, INT64_MAX - 1}, b[] = {5, 1},
                  c[] = {-9, INT64_MAX};
    const void *v[] = {a, b, c};
    struct qn_combine way = {.method = QN_SUM};
    int64_t out[2];
    int32_t count[2];

    (void)state;
    assert_int_equal(qn_combine_band(&way, QN_I64, v, NULL, 3, 1, out, count,
                                     NULL), 0);
    assert_true(out[0] == INT64_MAX - 4);
    way = (struct qn_combine){.method = QN_MAX, .reject = QN_REJECT_MIN_MAX,
                              .low = 1};
    assert_int_equal(qn_combine_band(&way, QN_I64, v, NULL, 3, 2, out, count,
                                     NULL), 0);
    assert_true(out[0] == INT64_MAX && out[1] == INT64_MAX);
    assert_int_equal(count[1], 2);
}

/* Of equal samples those dropped show in a weighted mean. */
static void
ties_by_item_order(void **state)
{
    static const double x[] = {5, 5, 5, 5}, weight[] = {1, 2, 4, 8};
    static const double y[] = {1, 7, 1, 7};
    const void *v[4], *u[4];
    struct qn_combine c = {.reject = QN_REJECT_MIN_MAX, .low = 1, .high = 1};
    double out;
    int32_t count;

    (void)state;
    for (int i = 0; i < 4; i++) {
        v[i] = &x[i];
        u[i] = &y[i];
    }
    assert_int_equal(qn_combine_band(&c, QN_F64, v, weight, 4, 1, &out,
                                     &count, NULL), 0);
    assert_true(out == 5 && count == 2);
    // the first 1 and the last 7 go
    assert_int_equal(qn_combine_band(&c, QN_F64, u, weight, 4, 1, &out,
                                     &count, NULL), 0);
    assert_true(out == (2 * 7 + 4 * 1) / 6. && count == 2);
}

static void
scratch_is_bounded(void **state)
{
    const struct qn_combine mean = {.method = QN_MEAN};
    const struct qn_combine median = {.method = QN_MEDIAN};

    (void)state;
    assert_int_equal(qn_combine_scratch(&mean, 100000), 0);
    assert_int_equal(qn_combine_scratch(&median, 32), 32 * 2 * 16 * 8 + 32 * 32 * 8);
    assert_true(qn_combine_scratch(&median, 100000) < 28000000);
}

/* ---- real frames -------------------------------------------------------- */

enum { FRAMES = 6, PIXELS = 500 * 650 };

static void
load_frames(int16_t *v[FRAMES])
{
    static const char *const times[FRAMES] = {"013343", "024512", "035712",
                                              "050912", "062112", "073312"};

    for (int i = 0; i < FRAMES; i++) {
        struct qn_shape shape = {0};
        char name[100], path[4096];
        double *x;

        snprintf(name, sizeof name,
                 "data/ccd_hatp32/HATP-32171220%s.FITS", times[i]);
        x = fits_small_load(shared_path(path, name), &shape);
        assert_non_null(x);
        assert_int_equal(qn_shape_count(&shape), PIXELS);
        v[i] = calloc(PIXELS, sizeof *v[i]);
        assert_int_equal(
            qn_dtype_convert(v[i], QN_I16, x, QN_F64, PIXELS, NULL), 0);
        free(x);
    }
}

static void
check_counts(const json_t *rule, const int32_t *count)
{
    const json_t *histogram = json_object_get(rule, "kept_count_histogram");
    int64_t found[FRAMES + 1] = {0};

    for (size_t i = 0; i < PIXELS; i++)
        found[count[i]]++;
    for (int n = 0; n <= FRAMES; n++) {
        char key[16];

        snprintf(key, sizeof key, "%d", n);
        if (histogram)
            assert_int_equal(found[n], json_integer_value(json_object_get(
                                           histogram, key)));
    }
}

static void
six_frames_as_astropy(void **state)
{
    static const struct {
        const char *name, *options;
    } rules[] = {
        {"plain_mean", "{}"},
        {"plain_median", "{\"method\": \"median\"}"},
        {"clip2.0_mean_std_1pass",
         "{\"reject\": \"sigma-clip\", \"sigma\": 2, \"center\": \"mean\", "
         "\"iterations\": 1}"},
        {"clip2.0_median_std_converged",
         "{\"reject\": \"sigma-clip\", \"sigma\": 2, \"iterations\": 0}"},
        {"clip2.5_median_std_converged",
         "{\"reject\": \"sigma-clip\", \"sigma\": 2.5, \"iterations\": 0}"},
        // astropy.stats.mad_std is NaN once a sample is masked, so that its
        // second pass rejects nothing: there, converged is one pass
        {"clip3.0_median_madstd_converged",
         "{\"reject\": \"sigma-clip\", \"deviation\": \"mad\", "
         "\"iterations\": 1}"},
    };
    json_t *reference = reference_of("ccd_hatp32");
    double *out = calloc(PIXELS, sizeof *out);
    int32_t *count = calloc(PIXELS, sizeof *count);
    int16_t *v[FRAMES];

    (void)state;
    load_frames(v);
    for (size_t i = 0; i < COUNT(rules); i++) {
        const json_t *rule = json_object_get(reference, rules[i].name);
        const json_t *mean = json_object_get(rule, "mean");
        struct qn_combine c;

        assert_non_null(rule);
        assert_int_equal(make_combine(&c, rules[i].options, NULL), 0);
        assert_int_equal(
            qn_combine_band(&c, QN_I16, (const void *const *)v, NULL, FRAMES,
                            PIXELS, out, count, NULL), 0);
        check_counts(rule, count);
        check_summary(json_is_object(mean) ? mean : rule, out, PIXELS, 0);
    }
    for (int i = 0; i < FRAMES; i++)
        free(v[i]);
    free(count);
    free(out);
    json_decref(reference);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_options),
        cmocka_unit_test(fills_options_in),
        cmocka_unit_test(types),
        cmocka_unit_test(nothing_to_combine),
        cmocka_unit_test(refuses_weights),
        cmocka_unit_test(extremes_of_integers),
        cmocka_unit_test(integers_stay_exact),
        cmocka_unit_test(ties_by_item_order),
        cmocka_unit_test(scratch_is_bounded),
        cmocka_unit_test(reals),
        cmocka_unit_test(integers),
        cmocka_unit_test(many_members),
        cmocka_unit_test(on_the_threshold),
        cmocka_unit_test(near_the_threshold),
        cmocka_unit_test(very_many_members),
        cmocka_unit_test(cuts_do_not_matter),
        cmocka_unit_test(six_frames_as_astropy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
