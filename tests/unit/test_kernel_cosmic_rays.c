/* cosmic-rays: bad options; planted hits are found and replaced, stars and NaN
 * are left alone; the same for any cut of the image. */
#include "stencil_run.h"

extern const struct qn_kernel qn_kernel_cosmic_rays;

enum { NY = 60, NX = 80 };

static void
refuses(void **state)
{
    static const struct refused rows[] = {
        {"{\"sigclip\": 0}", {2, {2, 2}}, QN_EJOB, "sigclip is 0"},
        {"{\"sigfrac\": -1}", {2, {2, 2}}, QN_EJOB, "sigfrac is -1"},
        {"{\"objlim\": \"nan\"}", {2, {2, 2}}, QN_EJOB, "objlim is nan"},
        {"{\"gain\": 0}", {2, {2, 2}}, QN_EJOB, "gain is 0"},
        {"{\"readnoise\": \"inf\"}", {2, {2, 2}}, QN_EJOB, "readnoise is inf"},
        {"{\"iterations\": 0}", {2, {2, 2}}, QN_EJOB, "0 iterations"},
        {"{\"iterations\": 33}", {2, {2, 2}}, QN_EJOB, "33 iterations"},
        {"{}", {1, {4}}, QN_ESHAPE, "two axes"},
        {"{}", {3, {2, 2, 2}}, QN_ESHAPE, "axes: [1, 2]"},
        {"{\"axes\": [0, 2]}", {2, {2, 2}}, QN_ESHAPE, "no axis 2"},
    };

    (void)state;
    check_refuses(&qn_kernel_cosmic_rays, rows, COUNT(rows));
}

/* A sky of 200 with noise of +-10 that repeats nowhere, and a star. */
static void
make_sky(double *v)
{
    uint64_t seed = 11;

    for (int y = 0; y < NY; y++)
        for (int x = 0; x < NX; x++)
            v[y * NX + x] = 200 + (double)draw_below(&seed, 21) - 10 +
                            3000 * exp(-((y - 30) * (y - 30) +
                                         (x - 60) * (x - 60)) / 8.);
}

static void
finds_hits(void **state)
{
    static const struct {
        int y, x;
        double height;
    } hits[] = {{20, 20, 900},  {20, 21, 3000}, {40, 15, 500},
                {45, 70, 2000}, {46, 71, 2500}, {0, 33, 4000},
                {59, 79, 4000}, {25, 40, 1e6}};
    static const char *const options[] = {
        "{\"readnoise\": 5}",
        "{\"readnoise\": 5, \"become\": \"nan\"}",
        "{\"readnoise\": 10, \"gain\": 2, \"sigclip\": 6}",
    };
    static double sky[NY * NX], image[NY * NX];

    (void)state;
    make_sky(sky);
    memcpy(image, sky, sizeof sky);
    for (size_t i = 0; i < COUNT(hits); i++)
        image[hits[i].y * NX + hits[i].x] += hits[i].height;
    image[10 * NX + 60] = NAN;
    for (size_t i = 0; i < COUNT(options); i++) {
        const struct run r = {.kernel = &qn_kernel_cosmic_rays,
                              .options = options[i]};
        struct qn_array out;
        const double *got;
        int changed = 0;

        assert_int_equal(
            run_numbers(&r, QN_F64, SHAPE(NY, NX), image, &out, NULL), 0);
        got = out.data;
        for (size_t k = 0; k < COUNT(hits); k++) {
            const double v = got[hits[k].y * NX + hits[k].x];

            assert_true(i == 1 ? isnan(v) : fabs(v - 200) < 20);
        }
        for (int k = 0; k < NY * NX; k++)
            changed += !same(got[k], image[k]);
        // and a few beside them, but not the star
        assert_in_range(changed, (int)COUNT(hits), 3 * (int)COUNT(hits));
        assert_true(got[30 * NX + 60] == image[30 * NX + 60]);
        assert_true(isnan(got[10 * NX + 60]));
        qn_array_clear(&out);
    }
}

/* A sky without hits stays as it is, whatever its level. */
static void
leaves_alone(void **state)
{
    static const double levels[] = {0, -1000, 200, 1e9};
    static double flat[NY * NX];
    const struct run r = {.kernel = &qn_kernel_cosmic_rays};

    (void)state;
    for (size_t i = 0; i < COUNT(levels); i++) {
        for (int k = 0; k < NY * NX; k++)
            flat[k] = levels[i];
        check_run(&r, SHAPE(NY, NX), flat, SHAPE(NY, NX), flat);
    }
    for (int k = 0; k < NY * NX; k++)
        flat[k] = NAN;
    check_run(&r, SHAPE(NY, NX), flat, SHAPE(NY, NX), flat);
}

static void
any_cut(void **state)
{
    static const struct {
        const char *options;
        struct qn_shape shape;
    } rows[] = {
        {"{\"readnoise\": 1, \"sigclip\": 3, \"objlim\": 1, \"iterations\": 2}",
         {2, {50, 60}}},
        {"{\"readnoise\": 2, \"iterations\": 1, \"objlim\": 0, \"axes\": [1, 2]}",
         {3, {2, 40, 50}}},
        {"{\"readnoise\": 2, \"iterations\": 1, \"objlim\": 1, \"axes\": [0, 2]}",
         {3, {40, 2, 50}}},
        {"{\"readnoise\": 1, \"objlim\": 1, \"become\": \"nan\"}", {2, {1, 90}}},
    };
    uint64_t seed = 13;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct qn_type type = {i % 2 ? QN_F32 : QN_F64, rows[i].shape};

        check_cuts(&qn_kernel_cosmic_rays, rows[i].options, &type,
                   i == 2 ? 5 : 0, &seed);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(finds_hits),
        cmocka_unit_test(leaves_alone),
        cmocka_unit_test(any_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
