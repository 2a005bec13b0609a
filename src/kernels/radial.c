/* radial: the mean of each frame over rings around a centre. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/frame.h"
#include "model/dtype.h"

enum { BLOCK = 512, MOST_BINS = 1 << 20 };

struct params {
    struct qn_numbers center; /* n 0: the middle of the frame */
    int64_t bins;             /* INT64_MIN: one a sample      */
};

static const struct qn_option options[] = {
    {"center", QN_OPTION_NUMBERS, offsetof(struct params, center), "", NULL,
     "samples", "Of the rings, in C order (y, x), from 0; the middle of the "
                "frame if not given."},
    {"bins", QN_OPTION_INTEGER, offsetof(struct params, bins), "", NULL, NULL,
     "How many rings, to the farthest sample; one sample wide if not given."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

struct rings {
    double y, x;   /* the centre                       */
    double width;  /* of a ring, samples               */
    int64_t bins;
};

struct radial {
    struct qn_frame frame;
    enum qn_dtype dtype;
    struct rings rings;
    int32_t *bin;    /* owned: [pixels]       */
    double *sum;     /* owned: [frames, bins] */
    int64_t *count;  /* owned: the same       */
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    if (p->center.n > 2)
        return qn_fail(err, QN_EJOB, "radial: center is two numbers, [y, x]");
    for (int i = 0; i < p->center.n; i++)
        if (!isfinite(p->center.v[i]) || fabs(p->center.v[i]) > 1e9)
            return qn_fail(err, QN_EJOB, "radial: center %g is no place",
                           p->center.v[i]);
    if (p->bins != INT64_MIN && (p->bins < 1 || p->bins > MOST_BINS))
        return qn_fail(err, QN_EJOB, "radial: bins is a number from 1 to %d",
                       MOST_BINS);
    return 0;
}

static double
distance(const struct rings *r, double y, double x)
{
    const double dy = y - r->y, dx = x - r->x;

    return sqrt(dy * dy + dx * dx);
}

static int
make_rings(struct rings *r, const struct params *p, const struct qn_frame *f,
           struct qn_error *err)
{
    const double ny = (double)(f->ny - 1), nx = (double)(f->nx - 1);
    double far;

    if (p->center.n && p->center.n != f->ndims)
        return qn_fail(err, QN_ESHAPE,
                       "center has %d numbers, but a frame has %d axes",
                       p->center.n, f->ndims);
    *r = (struct rings){.y = ny / 2, .x = nx / 2, .width = 1};
    if (p->center.n) {
        r->y = f->ndims == 2 ? p->center.v[0] : 0;
        r->x = p->center.v[f->ndims - 1];
    }
    // to the farthest corner
    far = distance(r, r->y > ny / 2 ? 0 : ny, r->x > nx / 2 ? 0 : nx);
    r->bins = (int64_t)far + 1;
    if (p->bins != INT64_MIN) {
        r->bins = p->bins;
        r->width = far > 0 ? far / (double)p->bins : 1;
    }
    return r->bins <= MOST_BINS
               ? 0
               : qn_fail(err, QN_EVALUE,
                         "%lld rings are too many; give a nearer center, or "
                         "bins",
                         (long long)r->bins);
}

static int
results(const void *params, const struct qn_reduced *in,
        struct qn_reduced_type *out, int *n, struct qn_error *err)
{
    const bool real = qn_dtype_is_real(in->type.dtype);
    struct qn_frame f;
    struct rings r;

    QN_TRY(qn_frame_make(&f, &in->type.shape, err));
    QN_TRY(make_rings(&r, params, &f, err));
    *n = 3;
    out[0] = (struct qn_reduced_type){
        .name = "data",
        .type = {real ? in->real : QN_F64, qn_frame_result(&f, r.bins)},
        .axis = -1};
    out[1] = (struct qn_reduced_type){.name = "radius",
                                      .type = {QN_F64, {1, {r.bins}}},
                                      .units = "pixel",
                                      .axis = f.lead.ndims};
    out[2] = (struct qn_reduced_type){
        .name = "count", .type = {QN_I32, out[0].type.shape}, .axis = -1};
    return 0;
}

static int
open_radial(void **state, const void *params, const struct qn_reduced *in,
            int *passes, struct qn_error *err)
{
    struct radial *r;
    size_t n;

    *passes = 1;
    QN_TRY(qn_memory_make(state, 1, sizeof *r, "the rings", err));
    r = *state;
    r->dtype = in->type.dtype;
    QN_TRY(qn_frame_make(&r->frame, &in->type.shape, err));
    QN_TRY(make_rings(&r->rings, params, &r->frame, err));
    QN_TRY(qn_memory_mul(&n, (size_t)r->frame.frames, (size_t)r->rings.bins,
                         "the rings", err));
    QN_TRY(qn_memory_make((void **)&r->bin, (size_t)r->frame.pixels,
                          sizeof *r->bin, "the rings", err));
    QN_TRY(qn_memory_make((void **)&r->sum, n, sizeof *r->sum, "the rings",
                          err));
    QN_TRY(qn_memory_make((void **)&r->count, n, sizeof *r->count, "the rings",
                          err));
    for (int64_t i = 0; i < r->frame.pixels; i++) {
        const double d = distance(&r->rings, (double)(i / r->frame.nx),
                                  (double)(i % r->frame.nx));
        const int64_t bin = (int64_t)(d / r->rings.width);

        r->bin[i] = (int32_t)(bin < r->rings.bins ? bin : r->rings.bins - 1);
    }
    return 0;
}

static int
parts(void *state, const struct qn_slab *slab, int64_t *n,
      struct qn_error *err)
{
    struct radial *r = state;

    (void)err;
    *n = qn_frame_parts(&r->frame, slab);
    return 0;
}

static void
part(void *state, const struct qn_slab *slab, int64_t i)
{
    struct radial *r = state;
    const size_t size = qn_dtype_size(r->dtype);
    int64_t frame, from, at, n, run;
    double v[BLOCK];

    n = qn_frame_part(&r->frame, slab, i, &frame, &from, &at);
    for (int64_t done = 0; done < n; done += run) {
        double *sum = r->sum + frame * r->rings.bins;
        int64_t *count = r->count + frame * r->rings.bins;

        run = n - done < BLOCK ? n - done : BLOCK;
        (void)qn_dtype_convert(v, QN_F64,
                               (const char *)slab->v +
                                   (size_t)(at + done) * size,
                               r->dtype, (size_t)run, NULL);
        for (int64_t k = 0; k < run; k++) {
            const int32_t bin = r->bin[from + done + k];

            sum[bin] += v[k] == v[k] ? v[k] : 0;
            count[bin] += v[k] == v[k];
        }
    }
}

static int
finish(void *state, const struct qn_array *out, struct qn_error *err)
{
    struct radial *r = state;
    const size_t n = (size_t)(r->frame.frames * r->rings.bins);
    double *radius = out[1].data;

    for (size_t i = 0; i < n; i++)
        r->sum[i] = r->count[i] ? r->sum[i] / (double)r->count[i] : NAN;
    for (int64_t i = 0; i < r->rings.bins; i++)
        radius[i] = ((double)i + 0.5) * r->rings.width;
    QN_TRY(qn_dtype_convert(out[2].data, QN_I32, r->count, QN_I64, n, err));
    return qn_dtype_convert(out[0].data, out[0].type.dtype, r->sum, QN_F64, n,
                            err);
}

static void
close_radial(void *state)
{
    struct radial *r = state;

    if (!r)
        return;
    free(r->bin);
    free(r->sum);
    free(r->count);
    free(r);
}

static const struct qn_reduction reduction = {
    .results = results,
    .open = open_radial,
    .parts = parts,
    .part = part,
    .finish = finish,
    .close = close_radial,
};

const struct qn_kernel qn_kernel_radial = {
    .name = "radial",
    .summary = "the mean of each frame over rings around a centre",
    .definition =
        "A frame is the last two axes, or the only axis of a 1-D item; there "
        "is a result for each place along the axes before. A sample at "
        "distance d of center (from the middles of samples) belongs to ring "
        "int(d / width): width is 1 sample, or with bins the distance of the "
        "farthest corner over bins, that corner being in the last ring. data "
        "is the mean of the samples of a ring, added in float64 in item order "
        "and rounded once; radius the middle of each ring; count the samples "
        "that count. NaN samples do not; an empty ring is NaN.",
    .kind = QN_KIND_REDUCTION,
    .version = 1,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "center",
    .prepare = prepare,
    .reduction = &reduction,
};
