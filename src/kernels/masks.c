/* masks: the sum of each frame under each of several masks.
 *
 * Frames times pixels, pixels times masks: a matrix product.  A few frames and
 * a tile of their pixels become a panel of real samples, which stays in the
 * nearest cache while it is multiplied by all masks (masks_tile.h); sums of
 * tiles are added in float64.  A sum does not depend on the frames and masks
 * beside it.  Read frame.h first. */
#include "kernels/masks.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/clones.h"
#include "kernels/frame.h"
#include "kernels/masks_tile.h"
#include "model/array.h"
#include "model/dtype.h"

enum {
    NEAR = 1 << 18,  /* samples of a slab that stay in a cache             */
    UNIT = 1 << 24,  /* samples that a slab has at most, if not one frame  */
    FRAMES = 128,    /* and frames, beyond NEAR samples                    */
    GROUP = 128,      /* masks of a part: their tiles stay in a cache       */
    IN_PLACE = 4     /* masks that do not meet in a cache where they are   */
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
    const struct qn_masks_tile *tile;
    int64_t n;       /* masks                              */
    int64_t block;   /* frames of a part, at most          */
    int64_t groups;  /* of masks: parts of a block         */
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

/* Frames that are multiplied at a time.  Masks pass through the caches for
 * each block of frames: the more there are, the more frames share that. */
static int64_t
block_of(const struct qn_frame *f, int64_t masks)
{
    int64_t n = 1;

    while (2 * n * f->pixels <= NEAR ||
           (2 * n <= FRAMES && n < 2 * masks && 2 * n * f->pixels <= UNIT))
        n *= 2;
    return n;
}

/* Rows between places where slabs may begin: a power of two, and a block of
 * frames.  The only frame of an item is one piece. */
static int64_t
rows(const void *params, const struct qn_reduced *in)
{
    struct qn_frame f;
    int64_t n = 1, all, row, masks;
    bool one;

    qn_reduce_run_rows(&in->type.shape, &all, &row);
    if (qn_frame_make(&f, &in->type.shape, NULL) || !f.pixels)
        return 1;
    if (f.frames == 1) {
        while (n < all)
            n *= 2;
        return n;
    }
    if (count_masks(&masks, &one, params, in, &f, NULL))
        masks = 1;
    while (n < all && 2 * n * (row / f.pixels) <= block_of(&f, masks))
        n *= 2;
    return n;
}

/* The masks; a panel, and a tile of the masks. */
static int64_t
need(const void *params, const struct qn_reduced *in)
{
    struct qn_frame f;
    int64_t n;
    bool one;

    if (qn_frame_make(&f, &in->type.shape, NULL) ||
        count_masks(&n, &one, params, in, &f, NULL))
        return 0;
    return f.pixels * n * (int64_t)qn_dtype_size(in->real) +
           (n + QN_MASKS_FRAMES) * QN_MASKS_ROW;
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
    size_t n;
    bool one;

    *passes = 1;
    QN_TRY(qn_memory_make(state, 1, sizeof *m, "the masks", err));
    m = *state;
    m->dtype = in->type.dtype;
    m->real = in->real;
    m->tile = qn_masks_tile_get(m->real, 0);
    QN_TRY(qn_frame_make(&m->frame, &in->type.shape, err));
    QN_TRY(count_masks(&m->n, &one, params, in, &m->frame, err));
    m->block = m->frame.pixels ? block_of(&m->frame, m->n) : 1;
    m->groups = (m->n + GROUP - 1) / GROUP;
    QN_TRY(qn_memory_mul(&n, (size_t)m->frame.frames, (size_t)m->n,
                         "the masks", err));
    QN_TRY(qn_memory_make((void **)&m->sum, n, sizeof *m->sum, "the masks",
                          err));
    return load_masks(m, params, in, err);
}

/* ---- tiles ---------------------------------------------------------------------- */

/* What one part works with. */
struct room {
    char *panel; /* owned: rows of some frames                    */
    char *masks; /* owned: rows of the part's masks, if not where
                    they are                                      */
};

/* A part: some frames under some masks, v being the first frame. */
struct piece {
    const char *v;
    int64_t frame, nframes;
    int64_t mask, nmasks;
};

/* Rows lie far apart: a processor would not guess the next one. */
static void
fetch(const char *v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(v + i, 0, 2);
}

QN_CLONES_WIDE static void
widen(float *restrict to, const uint16_t *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)from[i];
}

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

/* n samples, and zeros up to the end of the lanes. */
static void
load_row(const struct masks *m, char *to, const char *v, size_t n, size_t padded)
{
    const size_t size = qn_dtype_size(m->real);

    if (m->dtype == QN_U16 && m->real == QN_F32)
        widen((float *)(void *)to, (const uint16_t *)(const void *)v, n);
    else
        (void)qn_dtype_convert(to, m->real, v, m->dtype, n, NULL);
    if (qn_dtype_is_real(m->dtype))
        drop_nan(to, m->real, n);
    memset(to + n * size, 0, (padded - n) * size);
}

/* A tile of the part's masks: where they are, or side by side. */
static const void *
load_masks_tile(const struct masks *m, const struct room *r,
                const struct piece *p, int64_t pixel, size_t n, size_t padded,
                int64_t *stride)
{
    const size_t size = qn_dtype_size(m->real);
    const size_t step = (size_t)m->frame.pixels * size;
    const char *mask = (const char *)m->mask + (size_t)p->mask * step +
                       (size_t)pixel * size;

    *stride = m->frame.pixels;
    if (p->nmasks <= IN_PLACE && n == padded)
        return mask;
    *stride = QN_MASKS_ROW / (int64_t)size;
    for (int64_t k = 0; k < p->nmasks; k++) {
        char *to = r->masks + k * QN_MASKS_ROW;

        if (k + 1 < p->nmasks)
            fetch(mask + (size_t)(k + 1) * step, n * size);
        memcpy(to, mask + (size_t)k * step, n * size);
        memset(to + n * size, 0, (padded - n) * size);
    }
    return r->masks;
}

/* Up to a tile of pixels. */
static void
take_tile(struct masks *m, const struct room *r, const struct piece *p,
          int64_t pixel, size_t n)
{
    const size_t from = qn_dtype_size(m->dtype), size = qn_dtype_size(m->real);
    const size_t lanes = QN_MASKS_LANES / size;
    const size_t padded = (n + lanes - 1) / lanes * lanes;
    const size_t step = (size_t)m->frame.pixels * from;
    const int64_t most = m->tile->frames;
    const char *v = p->v + (size_t)pixel * from;
    int64_t stride;
    const void *mask = load_masks_tile(m, r, p, pixel, n, padded, &stride);

    for (int64_t f = 0; f < p->nframes; f += most) {
        const int64_t left = p->nframes - f < most ? p->nframes - f : most;

        for (int64_t i = f; i < f + left; i++) {
            if (i + most < p->nframes)
                fetch(v + (size_t)(i + most) * step, n * from);
            load_row(m, r->panel + (i - f) * QN_MASKS_ROW,
                     v + (size_t)i * step, n, padded);
        }
        m->tile->add(m->sum + (p->frame + f) * m->n + p->mask, m->n, left,
                     p->nmasks, r->panel, mask, stride, (int64_t)padded);
    }
}

static int64_t
frames_of(const struct masks *m, const struct qn_slab *slab)
{
    return slab->n * m->frame.row / m->frame.pixels;
}

/* Blocks of frames, each under groups of masks. */
static int
parts(void *state, const struct qn_slab *slab, int64_t *n,
      struct qn_error *err)
{
    struct masks *m = state;

    (void)err;
    *n = (frames_of(m, slab) + m->block - 1) / m->block * m->groups;
    return 0;
}

static struct piece
piece_of(const struct masks *m, const struct qn_slab *slab, int64_t i)
{
    const int64_t at = i / m->groups * m->block;
    const int64_t frames = frames_of(m, slab) - at;
    struct piece p = {.mask = i % m->groups * GROUP};

    p.frame = slab->first * m->frame.row / m->frame.pixels + at;
    p.v = (const char *)slab->v +
          (size_t)(at * m->frame.pixels) * qn_dtype_size(m->dtype);
    p.nframes = frames < m->block ? frames : m->block;
    p.nmasks = m->n - p.mask < GROUP ? m->n - p.mask : GROUP;
    return p;
}

static void
part(void *state, const struct qn_slab *slab, int64_t i)
{
    struct masks *m = state;
    const struct piece p = piece_of(m, slab, i);
    const int64_t tile = QN_MASKS_TILE / (int64_t)qn_dtype_size(m->real);
    const int64_t pixels = m->frame.pixels;
    const size_t panel = QN_MASKS_FRAMES * QN_MASKS_ROW;
    struct room r;

    r.panel = aligned_alloc(QN_MASKS_LANES, panel);
    r.masks = aligned_alloc(QN_MASKS_LANES, (size_t)p.nmasks * QN_MASKS_ROW);
    if (r.panel && r.masks) {
        // rows without a frame are computed as well
        memset(r.panel, 0, panel);
        for (int64_t at = 0; at < pixels; at += tile)
            take_tile(m, &r, &p, at,
                      (size_t)(pixels - at < tile ? pixels - at : tile));
    } else {
        atomic_store(&m->no_memory, true);
    }
    free(r.panel);
    free(r.masks);
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
        "left out. Samples and masks are converted to the real type, float32 "
        "for integers up to 16 bits. A frame is added in tiles of 1024 pixels "
        "(512 in float64), a tile in 16 (8) lanes of every 16th (8th) pixel, "
        "each product multiplied and added with one rounding, lanes in pairs; "
        "the sums of tiles are added in float64 in item order and rounded "
        "once.",
    .kind = QN_KIND_REDUCTION,
    .version = 2,
    .operands = QN_OPERANDS_OPTIONAL,
    .params_size = sizeof(struct params),
    .options = options,
    .prepare = prepare,
    .reduction = &reduction,
};
