/* combine: bands of many pixels against a literal reading of its definition,
 * sample by sample, and the same bits however they are cut. */
#include "kernel_run.h"

#include "combine_pixel.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reals),
        cmocka_unit_test(integers),
        cmocka_unit_test(many_members),
        cmocka_unit_test(on_the_threshold),
        cmocka_unit_test(near_the_threshold),
        cmocka_unit_test(very_many_members),
        cmocka_unit_test(cuts_do_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
