/* overscan: subtract the level of a detector's overscan region, and trim.
 * Acts on the last two axes: each frame of a stack by itself. */
#include <stdlib.h>

#include "base/memory.h"
#include "kernels/part.h"
#include "kernels/real.h"
#include "kernels/stats.h"
#include "model/dtype.h"
#include "model/params.h"
#include "model/shape.h"
#include "quern/kernel.h"

enum method { METHOD_MEAN, METHOD_MEDIAN };
enum per { PER_FRAME, PER_COLUMN, PER_ROW };

struct params {
    struct qn_section region, trim;
    int method; /* enum method */
    int per;    /* enum per    */
};

static const struct qn_option options[] = {
    {"region", QN_OPTION_SECTION, offsetof(struct params, region),
     "{header: BIASSEC}", NULL, NULL, "The overscan, where the level is."},
    {"trim", QN_OPTION_SECTION, offsetof(struct params, trim),
     "{header: TRIMSEC}", NULL, NULL, "The part of the frame to keep."},
    {"method", QN_OPTION_CHOICE, offsetof(struct params, method), "median",
     "mean|median", NULL, "How a level is taken of the region's samples."},
    {"per", QN_OPTION_CHOICE, offsetof(struct params, per), "row",
     "frame|column|row", NULL, "What has one level."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* A frame and its two parts; axis 0 the rows, axis 1 the columns. */
struct frame {
    struct qn_shape shape;
    struct qn_box region, trim;
};

static int
part_of(struct qn_box *box, const struct qn_section *s, const char *option,
        const struct qn_shape *frame, struct qn_error *err)
{
    if (s->ndims > 2)
        return qn_fail(err, QN_ESHAPE,
                       "%s has %d axes; it is a part of one frame, "
                       "so give two",
                       option, s->ndims);
    if (qn_params_section_fit(box, s, frame, err))
        return qn_wrap(err, "%s", option);
    if (box->step[0] != 1 || box->step[1] != 1)
        return qn_fail(err, QN_ESHAPE,
                       "%s leaves samples out; give it without a "
                       "step",
                       option);
    return 0;
}

/* Does the region have samples for each line along axis that is kept? */
static int
check_cover(const struct frame *f, int axis, struct qn_error *err)
{
    const int64_t r = f->region.start[axis], t = f->trim.start[axis];
    const int64_t rend = r + f->region.count[axis];
    const int64_t tend = t + f->trim.count[axis];
    const char *line = axis == 0 ? "row" : "column";

    if (r <= t && tend <= rend)
        return 0;
    return qn_fail(err, QN_ESHAPE,
                   "the region has %ss %lld to %lld (from 1) but "
                   "trim keeps %lld to %lld; choose another region, or per: "
                   "%s or frame",
                   line, (long long)r + 1, (long long)rend, (long long)t + 1,
                   (long long)tend, axis == 0 ? "column" : "row");
}

static int
frame_of(struct frame *f, const struct params *p, const struct qn_shape *in,
         struct qn_error *err)
{
    if (in->ndims < 2)
        return qn_fail(err, QN_ESHAPE,
                       "frames of two axes are needed; this item has %d",
                       in->ndims);
    f->shape = (struct qn_shape){
        .ndims = 2, .n = {in->n[in->ndims - 2], in->n[in->ndims - 1]}};
    QN_TRY(part_of(&f->region, &p->region, "region", &f->shape, err));
    QN_TRY(part_of(&f->trim, &p->trim, "trim", &f->shape, err));
    if (p->per == PER_ROW)
        return check_cover(f, 0, err);
    return p->per == PER_COLUMN ? check_cover(f, 1, err) : 0;
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    struct frame f;

    QN_TRY(frame_of(&f, params, &in->shape, err));
    *out = *in;
    out->shape.n[in->shape.ndims - 2] = f.trim.count[0];
    out->shape.n[in->shape.ndims - 1] = f.trim.count[1];
    return 0;
}

/* The samples of the region that decide level number i. */
static struct qn_box
source_of(const struct qn_box *region, int per, int64_t i)
{
    struct qn_box box = *region;

    if (per == PER_FRAME)
        return box;
    box.start[per == PER_ROW ? 0 : 1] = i;
    box.count[per == PER_ROW ? 0 : 1] = 1;
    return box;
}

static double
level_of(const struct params *p, const struct qn_box *box, const void *frame,
         const struct qn_shape *shape, enum qn_dtype real, void *spare)
{
    const size_t size = qn_dtype_size(real);
    size_t n = 0;

    for (int64_t y = 0; y < box->count[0]; y++) {
        const int64_t at = (box->start[0] + y) * shape->n[1] + box->start[1];

        n += qn_stats_gather((char *)spare + n * size,
                             (const char *)frame + (size_t)at * size, real,
                             (size_t)box->count[1], 1, QN_STATS_NUMBERS);
    }
    return p->method == METHOD_MEAN ? qn_stats_mean(spare, real, n)
                                    : qn_stats_median(spare, real, n);
}

static void
subtract(void *out, const void *in, const struct qn_shape *shape,
         const struct qn_box *trim, enum qn_dtype real, int per,
         const double *level)
{
    int64_t to = 0;

    for (int64_t y = 0; y < trim->count[0]; y++) {
        int64_t from = (trim->start[0] + y) * shape->n[1] + trim->start[1];

        for (int64_t x = 0; x < trim->count[1]; x++) {
            const int64_t i = per == PER_ROW ? y : per == PER_COLUMN ? x : 0;

            qn_real_put(out, real, to++,
                        qn_real_get(in, real, from++) - level[i]);
        }
    }
}

/* ---- parts of frames ------------------------------------------------------ */

/* What is kept, and the samples of the region that its levels are taken of. */
static int
sources(const void *params, const struct qn_shape *in,
        const struct qn_region *out, struct qn_region source[QN_MAX_SOURCES])
{
    const struct params *p = params;
    struct frame f = {.trim = {.ndims = 2}};

    (void)frame_of(&f, p, in, NULL); // checked by type
    for (int a = 0; a < in->ndims; a++) {
        const int axis = a - (in->ndims - 2);
        const bool own =
            axis < 0 || (p->per == PER_ROW && axis == 0) ||
            (p->per == PER_COLUMN && axis == 1);

        source[0].start[a] =
            out->start[a] + (axis < 0 ? 0 : f.trim.start[axis]);
        source[0].count[a] = out->count[a];
        source[1].start[a] =
            own ? source[0].start[a] : f.region.start[axis];
        source[1].count[a] =
            own ? source[0].count[a] : f.region.count[axis];
    }
    return 2;
}

/* Frame number i of a region, as memory in which that many rows and columns
 * are there. */
struct part {
    const char *data;
    struct qn_shape shape;
    struct qn_box box;
};

static struct part
part_in(const struct qn_region *r, int64_t i)
{
    const struct qn_array all = qn_part_array(r);
    const int y = r->grid.shape.ndims - 2;
    struct part p = {.shape = {2, {r->count[y], all.type.shape.n[y + 1]}}};
    int64_t at = 0;

    for (int a = y - 1; a >= 0; i /= r->count[a--])
        at += i % r->count[a] * r->stride[a];
    p.data = (const char *)r->data + (size_t)at * qn_dtype_size(r->grid.dtype);
    p.box = qn_shape_box(&p.shape);
    p.box.count[1] = r->count[y + 1];
    return p;
}

static int64_t
frames_of(const struct qn_region *r)
{
    int64_t frames = 1;

    for (int a = 0; a < r->grid.shape.ndims - 2; a++)
        frames *= r->count[a];
    return frames;
}

static int
make(const void *params, const struct qn_region source[QN_MAX_SOURCES],
     const struct qn_region *out, struct qn_error *err)
{
    const struct params *p = params;
    const enum qn_dtype real = out->grid.dtype;
    const struct part first = part_in(&source[1], 0);
    const int64_t *n = &out->count[out->grid.shape.ndims - 2];
    const int64_t levels =
        p->per == PER_FRAME ? 1 : n[p->per == PER_ROW ? 0 : 1];
    const size_t bytes = (size_t)(n[0] * n[1]) * qn_dtype_size(real);
    void *spare = NULL, *level = NULL;
    int rc = qn_memory_make(
        &spare, (size_t)(first.box.count[0] * first.box.count[1]),
        qn_dtype_size(real), "an overscan region", err);

    if (!rc)
        rc = qn_memory_make(&level, (size_t)levels, sizeof(double),
                            "overscan levels", err);
    for (int64_t k = 0; k < frames_of(out) && !rc; k++) {
        const struct part keep = part_in(&source[0], k);
        const struct part over = part_in(&source[1], k);

        for (int64_t i = 0; i < levels; i++) {
            const struct qn_box box = source_of(&over.box, p->per, i);

            ((double *)level)[i] =
                level_of(p, &box, over.data, &over.shape, real, spare);
        }
        subtract((char *)out->data + (size_t)k * bytes, keep.data, &keep.shape,
                 &keep.box, real, p->per, level);
    }
    free(level);
    free(spare);
    return rc;
}

static const struct qn_regrid regrid = {.sources = sources, .make = make};

static void
map(const void *params, const struct qn_shape *in, double offset[QN_MAX_DIMS],
    double factor[QN_MAX_DIMS])
{
    struct frame f = {.trim = {.ndims = 2}};

    (void)frame_of(&f, params, in, NULL); // checked by type
    for (int a = 0; a < in->ndims; a++) {
        const int axis = a - (in->ndims - 2);

        offset[a] = axis >= 0 ? (double)f.trim.start[axis] : 0;
        factor[a] = 1;
    }
}

const struct qn_kernel qn_kernel_overscan = {
    .name = "overscan",
    .summary = "subtract the level of the overscan region, and trim",
    .definition =
        "In each frame (the last two axes) levels are taken of the samples of "
        "region and subtracted from the samples of trim, which are the "
        "result. per: row, each row (index of the slower axis) has its level, "
        "of the region's samples in that row, and region must have every row "
        "that trim keeps; per: column, likewise with columns; per: frame, one "
        "level of the whole region. median: of an even count the mean of the "
        "two middle samples, in float64; mean: the sum, in float64, in "
        "row-major order, divided by the count. NaN samples do not count; a "
        "level without samples is NaN. The difference is computed in float64 "
        "and rounded once to the real type. Sections in FITS brackets count "
        "from 1, fastest axis first, both ends inclusive.",
    .source = "IRAF ccdproc and colbias (BIASSEC, TRIMSEC); agrees with "
              "ccdproc 2.4.0 subtract_overscan and trim_image",
    .kind = QN_KIND_GEOMETRY,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .type = type,
    .map = map,
    .regrid = &regrid,
};
