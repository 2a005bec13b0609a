/* mandelbrot: how soon points of the plane escape.  Its samples need nothing
 * but their places. */
#include <math.h>
#include <string.h>

#include "kernels/clones.h"
#include "kernels/edge.h"

/* Points on their way, and steps between two looks at whether any is left. */
enum { LANES = 32, STEPS = 16 };

/* Whole numbers up to here are exact in float32. */
enum { MOST_ITERATIONS = 1 << 24 };

struct params {
    struct qn_numbers x, y;
    int64_t iterations;
};

static const struct qn_option options[] = {
    {"x", QN_OPTION_NUMBERS, offsetof(struct params, x), "-2, 1", NULL, NULL,
     "The real parts of the first and the last column."},
    {"y", QN_OPTION_NUMBERS, offsetof(struct params, y), "-1.5, 1.5", NULL,
     NULL, "The imaginary parts of the first and the last row."},
    {"iterations", QN_OPTION_INTEGER, offsetof(struct params, iterations),
     "256", NULL, NULL, "How many steps are taken at most."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;
    const struct qn_numbers *range[] = {&p->x, &p->y};

    for (int i = 0; i < 2; i++)
        if (range[i]->n != 2 || !isfinite(range[i]->v[0]) ||
            !isfinite(range[i]->v[1]))
            return qn_fail(err, QN_EJOB,
                           "mandelbrot: %s wants two numbers, like [-2, 1]",
                           i ? "y" : "x");
    if (p->iterations < 1 || p->iterations > MOST_ITERATIONS)
        return qn_fail(err, QN_EJOB,
                       "mandelbrot: %lld iterations are not between 1 and %d",
                       (long long)p->iterations, MOST_ITERATIONS);
    return 0;
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    (void)params;
    if (in->shape.ndims != 2)
        return qn_fail(err, QN_ESHAPE,
                       "an item of two axes is needed, not of %d",
                       in->shape.ndims);
    *out = *in;
    return 0;
}

struct points {
    double cx[LANES], cy[LANES], zx[LANES], zy[LANES];
    double n[LANES]; /* steps that did not lead out */
};

/* Points that are out go on, to infinity or NaN, and count no more. */
QN_CLONES_WIDE static bool
iterate(struct points *p)
{
    double left = 0;

    for (int l = 0; l < LANES; l++) {
        const double cx = p->cx[l], cy = p->cy[l];
        double zx = p->zx[l], zy = p->zy[l], n = p->n[l], in = 0;

        for (int s = 0; s < STEPS; s++) {
            const double xx = zx * zx, yy = zy * zy;

            zy = 2 * zx * zy + cy;
            zx = xx - yy + cx;
            in = zx * zx + zy * zy <= 4 ? 1 : 0;
            n += in;
        }
        p->zx[l] = zx;
        p->zy[l] = zy;
        p->n[l] = n;
        left += in;
    }
    return left > 0;
}

/* Place i of n between the two ends, which are met exactly. */
static double
place(const struct qn_numbers *range, int64_t i, int64_t n)
{
    const double t = n > 1 ? (double)i / (double)(n - 1) : 0;

    return range->v[0] * (1 - t) + range->v[1] * t;
}

static void
count_points(const struct params *p, struct points *z)
{
    memset(z->zx, 0, sizeof z->zx);
    memset(z->zy, 0, sizeof z->zy);
    memset(z->n, 0, sizeof z->n);
    for (int64_t done = 0; done < p->iterations && iterate(z); done += STEPS)
        ;
    for (int l = 0; l < LANES; l++)
        if (z->n[l] > (double)p->iterations)
            z->n[l] = (double)p->iterations;
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    const struct params *p = params;
    const struct qn_shape *grid = &out->grid.shape;

    (void)in, (void)memory, (void)err;
    for (int64_t row = 0; row < out->count[0]; row++) {
        const double y = place(&p->y, out->start[0] + row, grid->n[0]);

        for (int64_t at = 0; at < out->count[1]; at += LANES) {
            const int64_t left = out->count[1] - at;
            struct points z;

            for (int l = 0; l < LANES; l++) {
                z.cx[l] = place(&p->x, out->start[1] + at + l, grid->n[1]);
                z.cy[l] = y;
            }
            count_points(p, &z);
            qn_edge_store(out, row * out->stride[0] + at, z.n,
                          left < LANES ? left : LANES);
        }
    }
    return 0;
}

const struct qn_kernel qn_kernel_mandelbrot = {
    .name = "mandelbrot",
    .summary = "how many steps keep each point of the plane near 0",
    .definition =
        "The samples of an image are points c of the complex plane: column i "
        "of n at x0 (1 - t) + x1 t with t = i / (n - 1), rows likewise; the "
        "image's own values are not looked at. From z = 0 on each step makes z "
        "z^2 + c, in float64: xx = zx zx, yy = zy zy, zy = 2 zx zy + cy, zx = "
        "xx - yy + cx. What comes out is how many steps end with zx zx + zy zy "
        "<= 4 before one does not, at most iterations (up to 16777216): a "
        "point of the set has iterations. The type is real; output: {dtype: "
        "uint16} takes less room. Use it on a generated item: input: {grid: "
        "{shape: [ny, nx]}}.",
    .kind = QN_KIND_GENERATOR,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .prepare = prepare,
    .type = type,
    .stencil = stencil,
};
