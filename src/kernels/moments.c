/* moments: sum, centre of mass and second moments of each frame.
 *
 * Distances are taken from the middle of the frame, so that little cancels.
 * Lines are added up in blocks that begin at the same places in any slab. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/frame.h"
#include "kernels/tiles.h"
#include "model/dtype.h"

enum { BLOCK = 512 };

/* Of one frame: sums of x, and of x times the distances dy and dx from the
 * middle of the frame. */
struct sums {
    double x, y1, x1, yy, yx, xx;
};

struct moments {
    struct qn_frame frame;
    enum qn_dtype dtype;
    struct sums *sums; /* owned: [frames] */
};

static int
results(const void *params, const struct qn_reduced *in,
        struct qn_reduced_type *out, int *n, struct qn_error *err)
{
    struct qn_frame f;
    struct qn_shape centre, second;

    (void)params;
    QN_TRY(qn_frame_make(&f, &in->type.shape, err));
    centre = second = qn_frame_result(&f, f.ndims);
    if (second.ndims == QN_MAX_DIMS)
        return qn_fail(err, QN_ESHAPE, "the result would have %d axes",
                       QN_MAX_DIMS + 1);
    second.n[second.ndims++] = f.ndims;
    *n = 3;
    out[0] = (struct qn_reduced_type){
        .name = "data", .type = {QN_F64, f.lead}, .axis = -1};
    out[1] = (struct qn_reduced_type){
        .name = "centre", .type = {QN_F64, centre}, .axis = -1};
    out[2] = (struct qn_reduced_type){
        .name = "second", .type = {QN_F64, second}, .axis = -1};
    return 0;
}

static int
open_moments(void **state, const void *params, const struct qn_reduced *in,
             int *passes, struct qn_error *err)
{
    struct moments *m;

    (void)params;
    *passes = 1;
    QN_TRY(qn_memory_make(state, 1, sizeof *m, "the moments", err));
    m = *state;
    m->dtype = in->type.dtype;
    QN_TRY(qn_frame_make(&m->frame, &in->type.shape, err));
    return qn_memory_make((void **)&m->sums, (size_t)m->frame.frames,
                          sizeof *m->sums, "the moments", err);
}

static int
parts(void *state, const struct qn_slab *slab, int64_t *n,
      struct qn_error *err)
{
    struct moments *m = state;

    (void)err;
    *n = qn_frame_parts(&m->frame, slab);
    return 0;
}

/* Samples along a line of the frame, dy from its middle; dx is the distance of
 * the first one. */
static void
add_line(struct sums *s, const double *v, int64_t n, double dy, double dx)
{
    double x = 0, x1 = 0, xx = 0;

    for (int64_t i = 0; i < n; i++) {
        const double w = v[i] == v[i] ? v[i] : 0, d = dx + (double)i;

        x += w;
        x1 += w * d;
        xx += w * d * d;
    }
    s->x += x;
    s->y1 += x * dy;
    s->x1 += x1;
    s->yy += x * dy * dy;
    s->yx += x1 * dy;
    s->xx += xx;
}

static void
part(void *state, const struct qn_slab *slab, int64_t i)
{
    struct moments *m = state;
    const struct qn_frame *f = &m->frame;
    const size_t size = qn_dtype_size(m->dtype);
    int64_t frame, from, at, n, run;
    double v[BLOCK];

    n = qn_frame_part(f, slab, i, &frame, &from, &at);
    for (int64_t done = 0; done < n; done += run) {
        const int64_t y = (from + done) / f->nx, x = (from + done) % f->nx;

        // blocks begin at the same places of a line in any slab
        run = BLOCK - x % BLOCK;
        run = run < f->nx - x ? run : f->nx - x;
        run = run < n - done ? run : n - done;
        (void)qn_dtype_convert(v, QN_F64,
                               (const char *)slab->v +
                                   (size_t)(at + done) * size,
                               m->dtype, (size_t)run, NULL);
        add_line(&m->sums[frame], v, run,
                 (double)y - (double)(f->ny - 1) / 2,
                 (double)x - (double)(f->nx - 1) / 2);
    }
}

static int
finish(void *state, const struct qn_array *out, struct qn_error *err)
{
    struct moments *m = state;
    const int d = m->frame.ndims;
    double *centre = out[1].data, *second = out[2].data;

    for (int64_t i = 0; i < m->frame.frames; i++, centre += d, second += d * d) {
        const struct sums s = m->sums[i];
        const double y = s.y1 / s.x, x = s.x1 / s.x;

        m->sums[i].x = s.x;
        centre[d - 1] = x + (double)(m->frame.nx - 1) / 2;
        second[d * d - 1] = s.xx / s.x - x * x;
        if (d == 1)
            continue;
        centre[0] = y + (double)(m->frame.ny - 1) / 2;
        second[0] = s.yy / s.x - y * y;
        second[1] = second[2] = s.yx / s.x - y * x;
    }
    for (int64_t i = 0; i < m->frame.frames; i++)
        QN_TRY(qn_dtype_convert((char *)out[0].data +
                                    (size_t)i *
                                        qn_dtype_size(out[0].type.dtype),
                                out[0].type.dtype, &m->sums[i].x, QN_F64, 1,
                                err));
    return 0;
}

static void
close_moments(void *state)
{
    struct moments *m = state;

    if (m)
        free(m->sums);
    free(m);
}

/* Lines of a 1-D item begin anywhere in a row: slabs begin with a block. */
static int64_t
rows(const void *params, const struct qn_reduced *in)
{
    (void)params;
    return qn_tiles_of(&in->type.shape).rows;
}

static const struct qn_reduction reduction = {
    .results = results,
    .open = open_moments,
    .parts = parts,
    .part = part,
    .finish = finish,
    .rows = rows,
    .close = close_moments,
};

const struct qn_kernel qn_kernel_moments = {
    .name = "moments",
    .summary = "sum, centre of mass and second moments of each frame",
    .definition =
        "A frame is the last two axes, or the only axis of a 1-D item; there "
        "is a result for each place along the axes before. data is S, the "
        "sum of the samples x; centre is sum x r / S for each axis of the "
        "frame, slowest first, counted from 0 at the middle of the first "
        "sample; second[i, j] is sum x (r_i - centre_i) (r_j - centre_j) / S. "
        "NaN samples are left out. A frame whose sum is 0 has NaN or "
        "infinite centres. All are float64, from sums about the middle of the "
        "frame; each line is added in blocks that begin at multiples of 512 "
        "samples, blocks in item order.",
    .kind = QN_KIND_REDUCTION,
    .version = 1,
    .reduction = &reduction,
};
