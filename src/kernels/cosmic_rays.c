/* cosmic-rays: van Dokkum's L.A.Cosmic, on planes.
 *
 * One call takes all iterations over its box, which it is given with a halo as
 * wide as they reach; each of the steps is a filter over the whole of that, so
 * that what the cut of the grid spoils stays in the halo. */
#include <math.h>
#include <string.h>

#include "kernels/clones.h"
#include "kernels/edge.h"
#include "kernels/median_small.h"
#include "kernels/real.h"

/* How far one iteration looks: 4 to judge a sample, twice its neighbours, and
 * 2 to replace it. */
enum { REACH = 8, MOST_ITERATIONS = 32 };

enum become { BECOME_MEDIAN, BECOME_NAN };

struct params {
    double sigclip, sigfrac, objlim, gain, readnoise;
    int64_t iterations;
    int become; /* enum become */
    struct qn_numbers axes;
};

static const struct qn_option options[] = {
    {"sigclip", QN_OPTION_NUMBER, offsetof(struct params, sigclip), "4.5", NULL,
     "sigma", "How far a hit stands above the noise."},
    {"sigfrac", QN_OPTION_NUMBER, offsetof(struct params, sigfrac), "0.3", NULL,
     NULL, "The fraction of sigclip that is enough beside a hit."},
    {"objlim", QN_OPTION_NUMBER, offsetof(struct params, objlim), "5", NULL,
     NULL, "How much sharper than a star a hit is; more spares more stars."},
    {"gain", QN_OPTION_NUMBER, offsetof(struct params, gain), "1", NULL,
     "electrons per count", "Gain of the detector."},
    {"readnoise", QN_OPTION_NUMBER, offsetof(struct params, readnoise), "6.5",
     NULL, "electrons", "Noise of reading out."},
    {"iterations", QN_OPTION_INTEGER, offsetof(struct params, iterations), "4",
     NULL, NULL, "How often it looks for more."},
    {"become", QN_OPTION_CHOICE, offsetof(struct params, become), "median",
     "median|nan", NULL, "What hits become."},
    {"axes", QN_OPTION_NUMBERS, offsetof(struct params, axes), "", NULL, NULL,
     "The two axes of the images, slowest is 0, from the end -1; default the "
     "two there are."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;
    const struct {
        const char *name;
        double value;
        bool zero;
    } rows[] = {{"sigclip", p->sigclip, false}, {"sigfrac", p->sigfrac, true},
                {"objlim", p->objlim, true},    {"gain", p->gain, false},
                {"readnoise", p->readnoise, true}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!isfinite(rows[i].value) || rows[i].value < 0 ||
            (rows[i].value == 0 && !rows[i].zero))
            return qn_fail(err, QN_EJOB,
                           "cosmic-rays: %s is %g; give a number %s 0",
                           rows[i].name, rows[i].value,
                           rows[i].zero ? "from" : "above");
    if (p->iterations < 1 || p->iterations > MOST_ITERATIONS)
        return qn_fail(err, QN_EJOB,
                       "cosmic-rays: %lld iterations are not between 1 and %d",
                       (long long)p->iterations, MOST_ITERATIONS);
    return 0;
}

/* The axes of the images. */
static int
find_plane(int plane[2], const struct params *p, const struct qn_shape *shape,
           struct qn_error *err)
{
    int place[QN_MAX_DIMS], n, next = 0;

    QN_TRY(qn_edge_axes(place, &n, &p->axes, shape, err));
    if (n != 2)
        return qn_fail(err, QN_ESHAPE,
                       "images of two axes are needed, not %d; name those of "
                       "a stack with axes: [1, 2]",
                       n);
    for (int a = 0; a < shape->ndims; a++)
        if (place[a] >= 0)
            plane[next++] = a;
    return 0;
}

static int
halo(const void *params, const struct qn_type *in, struct qn_halo *h,
     struct qn_error *err)
{
    const struct params *p = params;
    int plane[2];

    QN_TRY(find_plane(plane, p, &in->shape, err));
    for (int i = 0; i < 2; i++)
        h->radius[plane[i]] = REACH * p->iterations;
    return 0;
}

/* ---- an image on its way ------------------------------------------------ */

enum { PAD = 3 }; /* the radius of the largest median */

struct image {
    int64_t ny, nx;
    double *clean;  /* electrons; hits replaced as far as they are known    */
    double *noise, *s, *t, *f;
    double *frame;  /* of an array, its edges repeated PAD times            */
    unsigned char *hit, *near, *all; /* 0 or 1: of this iteration, and ever */
};

/* Doubles that an image takes. */
static size_t
image_size(int64_t ny, int64_t nx)
{
    const int64_t n = ny * nx, bytes = 3 * n;

    return (size_t)(5 * n + (ny + 2 * PAD) * (nx + 2 * PAD) + bytes / 8 + 1);
}

static struct image
lay_out(int64_t ny, int64_t nx, double *memory)
{
    const int64_t n = ny * nx;
    struct image m = {.ny = ny, .nx = nx, .clean = memory};

    m.noise = m.clean + n;
    m.s = m.noise + n;
    m.t = m.s + n;
    m.f = m.t + n;
    m.frame = m.f + n;
    m.hit = (unsigned char *)(m.frame + (ny + 2 * PAD) * (nx + 2 * PAD));
    m.near = m.hit + n;
    m.all = m.near + n;
    return m;
}

static size_t
scratch(const void *params, const struct qn_type *in,
        const int64_t count[QN_MAX_DIMS])
{
    struct qn_halo h = {.steps = 1};
    int64_t n[2];
    int plane[2];

    (void)find_plane(plane, params, &in->shape, NULL); // did not fail before
    (void)halo(params, in, &h, NULL);
    for (int i = 0; i < 2; i++) {
        n[i] = count[plane[i]] + 2 * h.radius[plane[i]];
        if (n[i] > INT32_MAX)
            return SIZE_MAX;
    }
    return image_size(n[0], n[1]) * sizeof(double);
}

/* ---- filters, with the samples at the edges repeated -------------------- */

static void
fill_frame(const struct image *m, const double *v)
{
    const int64_t width = m->nx + 2 * PAD;

    for (int64_t y = -PAD; y < m->ny + PAD; y++) {
        const int64_t from = y < 0 ? 0 : y < m->ny ? y : m->ny - 1;
        const double *row = v + from * m->nx;
        double *to = m->frame + (y + PAD) * width;

        memcpy(to + PAD, row, (size_t)m->nx * sizeof *to);
        for (int64_t i = 0; i < PAD; i++) {
            to[i] = row[0];
            to[PAD + m->nx + i] = row[m->nx - 1];
        }
    }
}

/* The median of a square, of the samples that are not NaN. */
static void
take_median(const struct image *m, double *to, const double *v, int64_t radius)
{
    const int64_t width = m->nx + 2 * PAD;
    const struct qn_frame f = {.ndims = 2,
                               .radius = {radius, radius},
                               .stride = {width, 1}};
    struct qn_median_small small;

    fill_frame(m, v);
    qn_median_small_make(&small, QN_F64, m->frame, &f);
    for (int64_t y = 0; y < m->ny; y++)
        qn_median_small_row(&small, (y + PAD) * width + PAD, m->nx,
                            to + y * m->nx);
}

/* A sample's place taken by x itself where it is NaN. */
static inline double
other(double v, double x)
{
    return v == v ? v : x;
}

static inline double
positive(double x)
{
    return x > 0 ? x : 0;
}

/* The Laplacian of the image with each sample cut into 2 x 2, its negative
 * parts left out, averaged over them. */
QN_CLONES static void
sharpen_row(double *restrict to, const double *restrict row, int64_t n,
            int64_t width)
{
    for (int64_t i = 0; i < n; i++) {
        const double x = row[i], twice = x + x;
        const double u = other(row[i - width], x), d = other(row[i + width], x);
        const double l = other(row[i - 1], x), r = other(row[i + 1], x);

        to[i] = ((positive(twice - u - l) + positive(twice - u - r)) +
                 (positive(twice - d - l) + positive(twice - d - r))) *
                0.25;
        to[i] = x == x ? to[i] : x;
    }
}

static void
sharpen(const struct image *m, double *to)
{
    const int64_t width = m->nx + 2 * PAD;

    fill_frame(m, m->clean);
    for (int64_t y = 0; y < m->ny; y++)
        sharpen_row(to + y * m->nx, m->frame + (y + PAD) * width + PAD, m->nx,
                    width);
}

/* near: hit, or beside one, and above the limit. */
static void
grow(const struct image *m, double limit)
{
    for (int64_t y = 0; y < m->ny; y++)
        for (int64_t x = 0; x < m->nx; x++) {
            unsigned char any = 0;

            for (int64_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < m->ny; v++)
                for (int64_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < m->nx;
                     u++)
                    any |= m->hit[v * m->nx + u];
            m->near[y * m->nx + x] = any && m->s[y * m->nx + x] > limit;
        }
}

/* ---- one iteration ------------------------------------------------------ */

/* s: how far the samples stand above the noise, without what is smooth; f: how
 * much of that is as wide as a star. */
static void
judge(const struct image *m, double readnoise)
{
    const int64_t n = m->ny * m->nx;

    take_median(m, m->noise, m->clean, 2);
    sharpen(m, m->s);
    for (int64_t i = 0; i < n; i++) {
        const double level = m->noise[i] > 1e-5 ? m->noise[i] : 1e-5;

        m->noise[i] = sqrt(level + readnoise * readnoise);
        m->s[i] /= 2 * m->noise[i];
    }
    take_median(m, m->t, m->s, 2);
    for (int64_t i = 0; i < n; i++)
        m->s[i] -= m->t[i];
    take_median(m, m->f, m->clean, 1);
    take_median(m, m->t, m->f, 3);
    for (int64_t i = 0; i < n; i++) {
        const double fine = (m->f[i] - m->t[i]) / m->noise[i];

        m->f[i] = fine > 0.01 ? fine : 0.01;
    }
}

/* Mark hits; false if all were known. */
static bool
mark(const struct image *m, const struct params *p)
{
    const int64_t n = m->ny * m->nx;
    bool more = false;

    for (int64_t i = 0; i < n; i++)
        m->hit[i] = m->s[i] > p->sigclip && m->s[i] / m->f[i] > p->objlim;
    grow(m, p->sigclip);
    memcpy(m->hit, m->near, (size_t)n);
    grow(m, p->sigfrac * p->sigclip);
    for (int64_t i = 0; i < n; i++) {
        more = more || m->near[i] > m->all[i];
        m->all[i] |= m->near[i];
    }
    return more;
}

/* Hits become the median of the others in the 5 x 5 around them. */
static void
replace(const struct image *m)
{
    for (int64_t y = 0; y < m->ny; y++)
        for (int64_t x = 0; x < m->nx; x++) {
            double v[25];
            int n = 0;

            if (!m->all[y * m->nx + x])
                continue;
            for (int64_t k = y > 2 ? y - 2 : 0; k <= y + 2 && k < m->ny; k++)
                for (int64_t l = x > 2 ? x - 2 : 0; l <= x + 2 && l < m->nx;
                     l++) {
                    const int64_t at = k * m->nx + l;
                    int to = n;

                    if (m->all[at] || isnan(m->clean[at]))
                        continue;
                    for (n++; to > 0 && v[to - 1] > m->clean[at]; to--)
                        v[to] = v[to - 1];
                    v[to] = m->clean[at];
                }
            m->t[y * m->nx + x] =
                n == 0 ? NAN : n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
        }
    for (int64_t i = 0; i < m->ny * m->nx; i++)
        m->clean[i] = m->all[i] ? m->t[i] : m->clean[i];
}

/* ---- all of them -------------------------------------------------------- */

/* A plane of a region: where it begins, and the strides of its axes. */
struct plane {
    int64_t at, y, x;
};

/* From in to the image, and the samples of out's box back: those that are no
 * hits stay as they were, bit by bit. */
static void
clean_plane(const struct params *p, const struct image *m,
            const struct qn_region *in, struct plane from,
            const struct qn_region *out, struct plane to, const int axes[2])
{
    const enum qn_dtype real = in->grid.dtype;
    const int64_t dy = out->start[axes[0]] - in->start[axes[0]];
    const int64_t dx = out->start[axes[1]] - in->start[axes[1]];

    for (int64_t y = 0; y < m->ny; y++)
        for (int64_t x = 0; x < m->nx; x++)
            m->clean[y * m->nx + x] =
                p->gain *
                qn_real_get(in->data, real, from.at + y * from.y + x * from.x);
    memset(m->all, 0, (size_t)(m->ny * m->nx));
    // what finds nothing new would find nothing new again
    for (int64_t i = 0; i < p->iterations; i++) {
        judge(m, p->readnoise);
        if (!mark(m, p))
            break;
        replace(m);
    }
    for (int64_t y = 0; y < out->count[axes[0]]; y++)
        for (int64_t x = 0; x < out->count[axes[1]]; x++) {
            const int64_t at = (y + dy) * m->nx + x + dx;
            double v = qn_real_get(in->data, real,
                                   from.at + (y + dy) * from.y +
                                       (x + dx) * from.x);

            if (m->all[at])
                v = p->become == BECOME_NAN ? NAN : m->clean[at] / p->gain;
            qn_real_put(out->data, real, to.at + y * to.y + x * to.x, v);
        }
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    const struct params *p = params;
    int64_t planes = 1;
    struct image m;
    int axes[2];

    QN_TRY(find_plane(axes, p, &in->grid.shape, err));
    m = lay_out(in->count[axes[0]], in->count[axes[1]], memory);
    for (int a = 0; a < in->grid.shape.ndims; a++)
        if (a != axes[0] && a != axes[1])
            planes *= out->count[a];
    for (int64_t i = 0; i < planes; i++) {
        struct plane from = {0, in->stride[axes[0]], in->stride[axes[1]]};
        struct plane to = {0, out->stride[axes[0]], out->stride[axes[1]]};
        int64_t left = i;

        for (int a = in->grid.shape.ndims - 1; a >= 0; a--) {
            if (a == axes[0] || a == axes[1])
                continue;
            from.at += (left % out->count[a] + out->start[a] - in->start[a]) *
                       in->stride[a];
            to.at += left % out->count[a] * out->stride[a];
            left /= out->count[a];
        }
        clean_plane(p, &m, in, from, out, to, axes);
    }
    return 0;
}

const struct qn_kernel qn_kernel_cosmic_rays = {
    .name = "cosmic-rays",
    .summary = "finds cosmic-ray hits in an image and replaces them",
    .definition =
        "In float64, on the image times gain. Each iteration: noise = "
        "sqrt(max(m5, 1e-5) + readnoise^2), m5 the median of 5 x 5; L the "
        "Laplacian 4 c - u - d - l - r of the image with every sample cut "
        "into 2 x 2, its negative parts 0, averaged over these; S = L / (2 "
        "noise), less its own median of 5 x 5; F = (m3 - median of 7 x 7 of "
        "m3) / noise, at least 0.01, m3 the median of 3 x 3. Hits have S > "
        "sigclip and S / F > objlim; then those beside a hit with S > sigclip "
        "are hits, and those beside one of these with S > sigfrac sigclip. "
        "All hits so far become the median of the image's samples in the 5 x 5 "
        "around them that are none (NaN where there are none). It ends after "
        "iterations of them. In judging, samples at the edges are repeated "
        "beyond them. NaN samples stay, are no hits and count in no median; L "
        "takes c for a neighbour that is NaN. The result is what hits have "
        "become over gain, or NaN; samples that are no hits stay as they are. "
        "The image should have its sky, and no saturated stars: mark those "
        "with bad-pixels before.",
    .source = "van Dokkum 2001, PASP 113, 1420; the options are those of "
              "astroscrappy, with sepmed=False, cleantype='medmask'",
    .kind = QN_KIND_STENCIL,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .prepare = prepare,
    .stencil = stencil,
    .halo = halo,
    .scratch = scratch,
};
