/* masks: the sum of each frame under each of several masks.
 *
 * Frames times pixels, times pixels times masks: a matrix product.  Samples are
 * converted tile by tile (FRAMES frames of PIXELS pixels, 1 MiB of float32)
 * and multiplied by BLAS on one thread a tile; tiles of one frame are added in
 * float64.  Read frame.h first. */
#include "kernels/masks.h"

#include <cblas.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/limit.h"
#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/frame.h"
#include "model/array.h"
#include "model/dtype.h"

enum {
    FRAMES = 256,
    PIXELS = 1024,
    UNIT = 1 << 24 /* samples between places where slabs may begin, about */
};

struct params {
    const char *shapes; /* NULL: an operand */
};

static const struct qn_option options[] = {
    {"shapes", QN_OPTION_TEXT, offsetof(struct params, shapes), "", NULL,
     "samples",
     "Masks by shape, separated by ';': disk(y, x, radius), ring(y, x, inner, "
     "outer), rectangle(y0, x0, y1, x1), all."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

struct masks {
    struct qn_frame frame;
    enum qn_dtype dtype, real;
    int64_t n;       /* masks                              */
    int64_t unit;    /* frames between two slabs' beginnings */
    int64_t block;   /* frames of a tile                   */
    const void *mask; /* [n, pixels] of real: the operand's, or drawn's */
    struct qn_array drawn; /* owned                        */
    double *sum;     /* owned: [frames, n]                 */
    atomic_bool no_memory;
};

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;
    int64_t n;

    return p->shapes ? qn_masks_shapes_count(&n, p->shapes, err) : 0;
}

/* ---- what comes out --------------------------------------------------------- */

static int
wrong_masks(const struct qn_frame *f, const struct qn_shape *masks,
            struct qn_error *err)
{
    char theirs[128];

    return qn_fail(err, QN_ESHAPE,
                   "masks of %s do not suit frames of %lld x %lld; give K x "
                   "%lld x %lld",
                   qn_shape_text(theirs, sizeof theirs, masks),
                   (long long)f->ny, (long long)f->nx, (long long)f->ny,
                   (long long)f->nx);
}

/* How many masks there are; one mask has no axis that counts. */
static int
count_masks(int64_t *n, bool *one, const struct params *p,
            const struct qn_reduced *in, const struct qn_frame *f,
            struct qn_error *err)
{
    const struct qn_shape *s;
    int extra;

    *one = false;
    if (!p->shapes == !in->noperands)
        return qn_fail(err, QN_EJOB,
                       "give either {file: PATH} (or a stage) or shapes");
    if (p->shapes)
        return qn_masks_shapes_count(n, p->shapes, err);
    if (!in->operand[0])
        return qn_fail(err, QN_EJOB,
                       "masks come from a {file: ...} or a {stage: ...}: how "
                       "many there are must be known before items are read");
    s = &in->operand[0]->type.shape;
    extra = s->ndims - f->ndims;
    if (extra < 0 || extra > 1 || s->n[s->ndims - 1] != f->nx ||
        (f->ndims == 2 && s->n[s->ndims - 2] != f->ny))
        return wrong_masks(f, s, err);
    *one = extra == 0;
    *n = extra ? s->n[0] : 1;
    return 0;
}

static int
results(const void *params, const struct qn_reduced *in,
        struct qn_reduced_type *out, int *n, struct qn_error *err)
{
    struct qn_frame f;
    int64_t masks;
    bool one;

    QN_TRY(qn_frame_make(&f, &in->type.shape, err));
    QN_TRY(count_masks(&masks, &one, params, in, &f, err));
    *n = 1;
    out[0] = (struct qn_reduced_type){
        .name = "data",
        .type = {in->real, one ? f.lead : qn_frame_result(&f, masks)},
        .axis = -1};
    return 0;
}

/* ---- how it is cut ------------------------------------------------------------ */

/* Rows between places where slabs may begin: a power of two, so that a slab
 * holds whole tiles.  The only frame of an item is one piece. */
static int64_t
rows(const void *params, const struct qn_reduced *in)
{
    struct qn_frame f;
    int64_t n = 1, all, row;

    (void)params;
    qn_reduce_run_rows(&in->type.shape, &all, &row);
    if (qn_frame_make(&f, &in->type.shape, NULL))
        return 1;
    if (f.frames == 1) {
        while (n < all)
            n *= 2;
        return n;
    }
    while (2 * n * (row / f.pixels) <= FRAMES && 2 * n * row <= UNIT)
        n *= 2;
    return n;
}

/* The masks, and a tile. */
static int64_t
need(const void *params, const struct qn_reduced *in)
{
    struct qn_frame f;
    int64_t n;
    bool one;

    if (qn_frame_make(&f, &in->type.shape, NULL) ||
        count_masks(&n, &one, params, in, &f, NULL))
        return 0;
    return (f.pixels * n + FRAMES * (PIXELS + n)) *
           (int64_t)qn_dtype_size(in->real);
}

/* ---- begin -------------------------------------------------------------------- */

/* Every item asks anew: all at once, as vectors. */
#define FINITE(T)                                                              \
    QN_CLONES static bool are_finite_##T(const T *x, int64_t n)                \
    {                                                                          \
        int bad = 0;                                                           \
                                                                               \
        for (int64_t i = 0; i < n; i++)                                        \
            bad |= x[i] - x[i] != 0;                                           \
        return !bad;                                                           \
    }

FINITE(float)
FINITE(double)

static int
check_finite(const struct qn_array *a, struct qn_error *err)
{
    const int64_t n = qn_shape_count(&a->type.shape);

    if (a->type.dtype == QN_F32 ? are_finite_float(a->data, n)
                                : are_finite_double(a->data, n))
        return 0;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(a->type.dtype == QN_F32
                          ? (double)((const float *)a->data)[i]
                          : ((const double *)a->data)[i]))
            return qn_fail(err, QN_EVALUE,
                           "sample %lld of the masks is not finite; put 0 "
                           "there, or another number",
                           (long long)i);
    return 0;
}

static int
load_masks(struct masks *m, const struct params *p,
           const struct qn_reduced *in, struct qn_error *err)
{
    const struct qn_type type = {QN_F64,
                                 {3, {m->n, m->frame.ny, m->frame.nx}}};
    struct qn_array drawn = {0};
    int rc;

    if (!p->shapes) {
        QN_TRY(check_finite(in->operand[0], err));
        m->mask = in->operand[0]->data;
        return 0;
    }
    rc = qn_array_make(&drawn, &type, err);
    if (!rc) {
        qn_masks_shapes_draw(drawn.data, m->frame.ny, m->frame.nx, p->shapes);
        rc = qn_array_convert(&m->drawn, &drawn, m->real, err);
    }
    m->mask = m->drawn.data;
    qn_array_clear(&drawn);
    return rc;
}

static int
open_masks(void **state, const void *params, const struct qn_reduced *in,
           int *passes, struct qn_error *err)
{
    struct masks *m;
    int64_t per_row;
    size_t n;
    bool one;

    *passes = 1;
    QN_TRY(qn_memory_make(state, 1, sizeof *m, "the masks", err));
    m = *state;
    m->dtype = in->type.dtype;
    m->real = in->real;
    QN_TRY(qn_frame_make(&m->frame, &in->type.shape, err));
    QN_TRY(count_masks(&m->n, &one, params, in, &m->frame, err));
    if (m->n > INT32_MAX / 2 || m->frame.pixels > INT32_MAX)
        return qn_fail(err, QN_EVALUE,
                       "%lld masks of %lld pixels are more than BLAS takes",
                       (long long)m->n, (long long)m->frame.pixels);
    per_row = m->frame.row / m->frame.pixels;
    m->unit = m->frame.frames == 1 ? 1 : rows(params, in) * per_row;
    m->block = m->unit < FRAMES ? m->unit : FRAMES;
    QN_TRY(qn_memory_mul(&n, (size_t)m->frame.frames, (size_t)m->n,
                         "the masks", err));
    QN_TRY(qn_memory_make((void **)&m->sum, n, sizeof *m->sum, "the masks",
                          err));
    return load_masks(m, params, in, err);
}

/* ---- tiles ---------------------------------------------------------------------- */

/* What one part works with. */
struct room {
    void *panel;   /* owned: [block, PIXELS] of real: samples  */
    void *product; /* owned: [block, n] of real                */
};

/* NaN samples are left out: as 0 they add nothing. */
static void
drop_nan(void *v, enum qn_dtype real, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (real == QN_F32) {
            const float x = ((float *)v)[i];

            ((float *)v)[i] = x == x ? x : 0;
        } else {
            const double x = ((double *)v)[i];

            ((double *)v)[i] = x == x ? x : 0;
        }
    }
}

/* n pixels from `pixel` on of `frames` frames, v being the first frame. */
static void
load_panel(const struct masks *m, const struct room *r, const char *v,
           int64_t frames, int64_t pixel, int64_t n)
{
    const size_t from = qn_dtype_size(m->dtype), to = qn_dtype_size(m->real);

    for (int64_t f = 0; f < frames; f++)
        (void)qn_dtype_convert((char *)r->panel + (size_t)(f * n) * to,
                               m->real,
                               v + (size_t)(f * m->frame.pixels + pixel) * from,
                               m->dtype, (size_t)n, NULL);
    if (qn_dtype_is_real(m->dtype))
        drop_nan(r->panel, m->real, (size_t)(frames * n));
}

static void
multiply(const struct masks *m, const struct room *r, int64_t frames,
         int64_t pixel, int64_t n)
{
    const int k = (int)m->n, rows_ = (int)frames, depth = (int)n;
    const int pixels = (int)m->frame.pixels;

    if (m->real == QN_F32) {
        const float *mask = (const float *)m->mask + pixel;

        if (k == 1)
            cblas_sgemv(CblasRowMajor, CblasNoTrans, rows_, depth, 1, r->panel,
                        depth, mask, 1, 0, r->product, 1);
        else
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows_, k,
                        depth, 1, r->panel, depth, mask, pixels, 0, r->product,
                        k);
    } else {
        const double *mask = (const double *)m->mask + pixel;

        if (k == 1)
            cblas_dgemv(CblasRowMajor, CblasNoTrans, rows_, depth, 1, r->panel,
                        depth, mask, 1, 0, r->product, 1);
        else
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows_, k,
                        depth, 1, r->panel, depth, mask, pixels, 0, r->product,
                        k);
    }
}

static void
add_product(struct masks *m, const struct room *r, int64_t frame,
            int64_t frames)
{
    double *sum = m->sum + frame * m->n;

    for (int64_t i = 0; i < frames * m->n; i++)
        sum[i] += m->real == QN_F32 ? (double)((float *)r->product)[i]
                                    : ((double *)r->product)[i];
}

static void
take_block(struct masks *m, const struct room *r, const char *v, int64_t frame,
           int64_t frames)
{
    for (int64_t pixel = 0; pixel < m->frame.pixels; pixel += PIXELS) {
        const int64_t left = m->frame.pixels - pixel;
        const int64_t n = left < PIXELS ? left : PIXELS;

        load_panel(m, r, v, frames, pixel, n);
        multiply(m, r, frames, pixel, n);
        add_product(m, r, frame, frames);
    }
}

/* Blocks of one unit of frames. */
static int64_t
blocks_of_unit(const struct masks *m)
{
    return (m->unit + m->block - 1) / m->block;
}

static int64_t
frames_of(const struct masks *m, const struct qn_slab *slab)
{
    return slab->n * m->frame.row / m->frame.pixels;
}

static int
parts(void *state, const struct qn_slab *slab, int64_t *n,
      struct qn_error *err)
{
    struct masks *m = state;
    const int64_t frames = frames_of(m, slab);
    const int64_t rest = frames % m->unit;

    (void)err;
    *n = frames / m->unit * blocks_of_unit(m) +
         (rest + m->block - 1) / m->block;
    return 0;
}

static void
part(void *state, const struct qn_slab *slab, int64_t i)
{
    struct masks *m = state;
    const size_t size = qn_dtype_size(m->real);
    const int64_t unit = i / blocks_of_unit(m) * m->unit;
    const int64_t at = unit + i % blocks_of_unit(m) * m->block;
    int64_t n = frames_of(m, slab) - at;
    struct qn_limit limit = {0};
    struct room r;

    n = n < m->block ? n : m->block;
    n = n < unit + m->unit - at ? n : unit + m->unit - at;
    // this thread's own: BLAS is to take no other
    qn_limit_set(&limit, 1, 1);
    r.panel = malloc((size_t)(n * PIXELS) * size);
    r.product = malloc((size_t)(n * m->n) * size);
    if (r.panel && r.product)
        take_block(m, &r,
                   (const char *)slab->v + (size_t)(at * m->frame.pixels) *
                                               qn_dtype_size(m->dtype),
                   slab->first * m->frame.row / m->frame.pixels + at, n);
    else
        atomic_store(&m->no_memory, true);
    free(r.panel);
    free(r.product);
}

static int
merge(void *state, const struct qn_slab *slab, struct qn_error *err)
{
    struct masks *m = state;

    (void)slab;
    return atomic_load(&m->no_memory)
               ? qn_fail(err, QN_ENOMEM, "no memory for a tile")
               : 0;
}

static int
finish(void *state, const struct qn_array *out, struct qn_error *err)
{
    struct masks *m = state;

    return qn_dtype_convert(out->data, out->type.dtype, m->sum, QN_F64,
                            (size_t)(m->frame.frames * m->n), err);
}

static void
close_masks(void *state)
{
    struct masks *m = state;

    if (!m)
        return;
    qn_array_clear(&m->drawn);
    free(m->sum);
    free(m);
}

static const struct qn_reduction reduction = {
    .results = results,
    .rows = rows,
    .need = need,
    .open = open_masks,
    .parts = parts,
    .part = part,
    .merge = merge,
    .finish = finish,
    .close = close_masks,
};

const struct qn_kernel qn_kernel_masks = {
    .name = "masks",
    .summary = "the sum of each frame under each of several masks",
    .definition =
        "A frame is the last two axes, or the only axis of a 1-D item; there "
        "is a result for each place along the axes before, and for each of K "
        "masks: sum of sample times mask over the frame. Masks are an array of "
        "K x the frame's shape (FITS, HDF5, NPY...), or of the frame's shape "
        "for one mask without an axis of its own, or shapes: 1 where the "
        "middle of a sample lies in the shape (a disk has its edge, a ring "
        "its inner edge, a rectangle its lower ends), else 0. NaN samples are "
        "left out. Samples and masks are converted to the real type and "
        "multiplied by BLAS in tiles of 1024 pixels, in single precision for "
        "integers up to 16 bits; the sums of tiles are added in float64 in "
        "item order and rounded once. Bits hold for one core type of "
        "OpenBLAS.",
    .kind = QN_KIND_REDUCTION,
    .version = 1,
    .blas = true,
    .operands = QN_OPERANDS_OPTIONAL,
    .params_size = sizeof(struct params),
    .options = options,
    .prepare = prepare,
    .reduction = &reduction,
};
