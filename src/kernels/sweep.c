/* Stencils over a grid: tiles, their halos, and several steps at a time.
 *
 * Knows neither what a kernel computes nor where the grid's other blocks
 * are. */
#include "kernels/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/shape.h"

/* A tile is as large as a thread's part of the cache that all share; of it,
 * what lies between the first of its steps and the last is at work, BAND_BYTES
 * a step, and that stays in the second level. */
enum {
    TILE_BYTES = 1 << 21,
    ONCE_BYTES = 1 << 19, /* and for one step that fits in the second level */
    BAND_BYTES = 1 << 14,
    ROW = 512,
    MOST_BLOCK = 16,
    ALIGN = 64,
    TILES = 3 /* for each thread, where the grid has as many */
};

/* ---- tiles -------------------------------------------------------------- */

/* One run over the box of out. */
struct run {
    const struct qn_sweep *s;
    const struct qn_region *in, *out;
    int64_t steps;
    int64_t tile[QN_MAX_DIMS], tiles[QN_MAX_DIMS];
    int axis;       // the first that has a radius: steps follow each other
    int64_t band;   // along it, so many samples at a time
    int64_t lag;    // and so many samples apart in a thread's buffer
    size_t levels;  // bytes of what a thread knows of its steps,
    size_t buffer;  // of the samples between them,
    size_t wrapped; // of a tile that goes on at the grid's other end,
    size_t kernel;  // and of the kernel's scratch
    size_t scratch; // bytes for a thread: all of these
    char *memory;   // owned: [threads] of scratch
};

/* The axes with a radius, the last ones first: long rows, and in front of
 * them what fits.  A wide radius makes tiles wide, so that their halos do not
 * outweigh them.  What comes out does not depend on any of this. */
static void
choose_tile(struct run *w)
{
    const struct qn_sweep *s = w->s;
    const int ndims = s->grid.shape.ndims;
    int64_t left = (w->steps > 1 ? TILE_BYTES : ONCE_BYTES) /
                   (int64_t)qn_dtype_size(s->grid.dtype);
    int active = 0;

    for (int a = 0; a < ndims; a++)
        active += s->halo.radius[a] > 0;
    for (int a = ndims - 1; a >= 0; a--) {
        const int64_t wide = 2 * w->steps * s->halo.radius[a];
        int64_t n = left;

        if (a < w->axis && w->steps > 1)
            n = 1;
        else if (active > 2 && s->halo.radius[a] > 0 && a > w->axis)
            n = a == ndims - 1 ? ROW / 4 : 32;
        else if (a == ndims - 1 && ndims > 1)
            n = ROW;
        n = n < wide ? wide : n;
        n = n < w->out->count[a] ? n : w->out->count[a];
        w->tile[a] = n > 1 ? n : 1;
        left = left / w->tile[a] > 1 ? left / w->tile[a] : 1;
    }
}

/* How many tiles; those along an axis as long as each other. */
static size_t
count_tiles(struct run *w)
{
    size_t n = 1;

    for (int a = 0; a < w->s->grid.shape.ndims; a++) {
        const int64_t count = w->out->count[a];

        w->tiles[a] = (count + w->tile[a] - 1) / w->tile[a];
        if (w->tiles[a])
            w->tile[a] = (count + w->tiles[a] - 1) / w->tiles[a];
        n *= (size_t)w->tiles[a];
    }
    return n;
}

/* Enough tiles that threads end together, as long as their halos do not
 * outweigh them. */
static size_t
cut_tiles(struct run *w, int threads)
{
    const int64_t least = 8 * w->steps * w->s->halo.radius[w->axis];
    size_t n = count_tiles(w);

    while (n && n < (size_t)threads * TILES && w->tile[w->axis] > 1 &&
           w->tile[w->axis] / 2 >= least) {
        w->tile[w->axis] /= 2;
        n = count_tiles(w);
    }
    return n;
}

/* The box of r grown by n radii, cut where the grid ends. */
static void
grow(struct qn_region *r, const struct qn_region *box,
     const struct qn_sweep *s, int64_t n)
{
    for (int a = 0; a < s->grid.shape.ndims; a++) {
        const int64_t by = n * s->halo.radius[a];
        int64_t start = box->start[a] - by;
        int64_t end = box->start[a] + box->count[a] + by;

        if (!s->halo.wraps[a]) {
            start = start > 0 ? start : 0;
            end = end < s->grid.shape.n[a] ? end : s->grid.shape.n[a];
        }
        r->start[a] = start;
        r->count[a] = end - start;
    }
}

static bool
covers(const struct qn_region *a, const struct qn_region *b)
{
    for (int k = 0; k < a->grid.shape.ndims; k++)
        if (b->start[k] < a->start[k] ||
            b->start[k] + b->count[k] > a->start[k] + a->count[k])
            return false;
    return true;
}

/* Make r, whose box lies in from's, a view of it. */
static void
view(struct qn_region *r, const struct qn_region *from)
{
    int64_t offset = 0;

    for (int a = 0; a < from->grid.shape.ndims; a++) {
        r->stride[a] = from->stride[a];
        offset += (r->start[a] - from->start[a]) * from->stride[a];
    }
    r->data = (char *)from->data +
              offset * (int64_t)qn_dtype_size(from->grid.dtype);
}

/* Lay r's box out in memory. */
static void
lay_out(struct qn_region *r, void *memory)
{
    int64_t stride = 1;

    for (int a = r->grid.shape.ndims - 1; a >= 0; a--) {
        r->stride[a] = stride;
        stride *= r->count[a];
    }
    r->data = memory;
}

/* Samples of axis a and those behind it, from the other end where they are
 * beyond one. */
static void
copy_wrapped(const struct qn_region *to, const struct qn_region *from, int a,
             char *dst, const char *src)
{
    const int64_t size = (int64_t)qn_dtype_size(to->grid.dtype);
    const int64_t n = to->grid.shape.n[a];
    int64_t run = 1;

    for (int64_t i = 0; i < to->count[a]; i += run) {
        const int64_t at = to->start[a] + i;
        int64_t index = at;

        if (at < from->start[a] || at >= from->start[a] + from->count[a])
            index = (at % n + n) % n;
        const char *s = src + (index - from->start[a]) * from->stride[a] * size;

        if (a < to->grid.shape.ndims - 1) {
            copy_wrapped(to, from, a + 1, dst + i * to->stride[a] * size, s);
            continue;
        }
        run = from->start[a] + from->count[a] - index;
        if (at < from->start[a])
            run = from->start[a] - at < run ? from->start[a] - at : run;
        run = run < to->count[a] - i ? run : to->count[a] - i;
        memcpy(dst + i * size, s, (size_t)(run * size));
    }
}

/* The same, such that samples one above the other lie alike in their lines of
 * cache. */
static void
lay_aligned(struct qn_region *r, char *memory)
{
    const int last = r->grid.shape.ndims - 1;
    const int64_t size = (int64_t)qn_dtype_size(r->grid.dtype);
    const int64_t line = ALIGN / size, count = r->count[last];
    const int64_t skip = (r->start[last] % line + line) % line;

    r->count[last] = (skip + count + line - 1) / line * line;
    lay_out(r, memory + skip * size);
    r->count[last] = count;
}

/* Where the samples of each step lie: those of all but the last in one
 * buffer, each step's `lag` samples of the axis before those of the step that
 * it follows.  So it fills what that one has done with. */
static void
lay_levels(const struct run *w, struct qn_region *level,
           const struct qn_region *box, char *buffer)
{
    const struct qn_sweep *s = w->s;
    char *first;

    for (int64_t k = 1; k <= w->steps; k++) {
        level[k] = *box;
        grow(&level[k], box, s, w->steps - k);
    }
    if (w->steps == 1)
        return;
    lay_aligned(&level[1], buffer);
    first = level[1].data;
    for (int64_t k = w->steps - 1; k >= 1; k--) {
        int64_t at = (w->steps - 1 - k) * w->lag * level[1].stride[w->axis];

        for (int a = 0; a < s->grid.shape.ndims; a++) {
            level[k].stride[a] = level[1].stride[a];
            at += (level[k].start[a] - level[1].start[a]) *
                  level[1].stride[a];
        }
        level[k].data =
            first + at * (int64_t)qn_dtype_size(s->grid.dtype);
    }
}

/* Step k from sample `from` of the axis to `to`, as far as it goes there. */
static int
run_band(const struct run *w, const struct qn_region *level, int64_t k,
         int64_t from, int64_t to, void *scratch, struct qn_error *err)
{
    struct qn_region part = level[k];
    const int64_t start = part.start[w->axis];
    const int64_t end = start + part.count[w->axis];

    from = from > start ? from : start;
    to = to < end ? to : end;
    if (from >= to)
        return 0;
    part.start[w->axis] = from;
    part.count[w->axis] = to - from;
    view(&part, &level[k]);
    return w->s->kernel->stencil(w->s->params, &level[k - 1], &part, scratch,
                                 err);
}

/* All steps on a tile, band by band: each as far behind the one before as its
 * radius wants. */
static int
run_levels(const struct run *w, const struct qn_region *level, void *scratch,
           struct qn_error *err)
{
    const int64_t radius = w->s->halo.radius[w->axis];
    const struct qn_region *last = &level[w->steps];
    const int64_t end = last->start[w->axis] + last->count[w->axis] +
                        (w->steps - 1) * radius;

    if (w->steps == 1)
        return w->s->kernel->stencil(w->s->params, &level[0], last, scratch,
                                     err);
    for (int64_t at = level[1].start[w->axis]; at < end; at += w->band)
        for (int64_t k = 1; k <= w->steps; k++) {
            const int64_t from = at - (k - 1) * radius;

            QN_TRY(run_band(w, level, k, from, from + w->band, scratch, err));
        }
    return 0;
}

/* One tile, all steps, from in to out. */
static int
run_tile(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    const struct run *w = ctx;
    const struct qn_sweep *s = w->s;
    char *memory = w->memory + (size_t)thread * w->scratch;
    struct qn_region *level = (struct qn_region *)(void *)memory;
    struct qn_region box = *w->out;

    for (int a = s->grid.shape.ndims - 1; a >= 0; a--) {
        const int64_t at = (int64_t)(tile % (size_t)w->tiles[a]) * w->tile[a];
        const int64_t left = w->out->count[a] - at;

        tile /= (size_t)w->tiles[a];
        box.start[a] += at;
        box.count[a] = left < w->tile[a] ? left : w->tile[a];
    }
    memory += w->levels;
    view(&box, w->out);
    lay_levels(w, level, &box, memory);
    memory += w->buffer;
    level[0] = *w->in;
    grow(&level[0], &box, s, w->steps);
    if (covers(w->in, &level[0])) {
        view(&level[0], w->in);
    } else {
        lay_out(&level[0], memory);
        copy_wrapped(&level[0], w->in, 0, level[0].data, w->in->data);
    }
    QN_TRY(run_levels(w, level, memory + w->wrapped, err));
    if (thread == 0 && s->poll)
        s->poll(s->whom);
    return 0;
}

/* ---- runs --------------------------------------------------------------- */

static size_t
rounded(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Bytes of a tile grown by n radii, and by `more` along the axis. */
static int
size_samples(size_t *bytes, const struct run *w, int64_t n, int64_t more,
             struct qn_error *err)
{
    const struct qn_sweep *s = w->s;
    const int ndims = s->grid.shape.ndims;
    const size_t size = qn_dtype_size(s->grid.dtype);

    *bytes = size;
    for (int a = 0; a < ndims; a++) {
        size_t count = (size_t)(w->tile[a] + 2 * n * s->halo.radius[a]);

        if (a == w->axis)
            count += (size_t)more;
        if (a == ndims - 1)
            count += 2 * ALIGN / size;
        QN_TRY(qn_memory_mul(bytes, *bytes, count, "a tile", err));
    }
    *bytes = rounded(*bytes);
    return 0;
}

/* A band of one step: whole rows of the axis, or all of a tile. */
static void
choose_band(struct run *w)
{
    int64_t row = (int64_t)qn_dtype_size(w->s->grid.dtype);

    for (int a = w->axis + 1; a < w->s->grid.shape.ndims; a++)
        row *= w->tile[a];
    w->band = BAND_BYTES / row > 1 ? BAND_BYTES / row : 1;
    w->lag = w->band + w->s->halo.radius[w->axis];
}

/* What a thread needs for the largest tile. */
static int
size_scratch(struct run *w, struct qn_error *err)
{
    const struct qn_sweep *s = w->s;
    int64_t count[QN_MAX_DIMS] = {0};
    size_t kernel = 0;
    bool wraps = false;

    for (int a = 0; a < s->grid.shape.ndims; a++) {
        count[a] = w->tile[a] + 2 * (w->steps - 1) * s->halo.radius[a];
        if (a == w->axis && w->steps > 1)
            count[a] = w->band;
        wraps = wraps || s->halo.wraps[a];
    }
    if (s->kernel->scratch)
        kernel = s->kernel->scratch(s->params, &s->grid, count);
    if (kernel > SIZE_MAX / 2)
        return qn_fail(err, QN_ENOMEM, "no memory for tiles with so wide a "
                       "neighbourhood; choose a smaller one");
    if (w->steps > 1)
        QN_TRY(size_samples(&w->buffer, w, w->steps - 1,
                            (w->steps - 2) * w->lag, err));
    if (wraps)
        QN_TRY(size_samples(&w->wrapped, w, w->steps, 0, err));
    w->levels = rounded((size_t)(w->steps + 1) * sizeof(struct qn_region));
    w->kernel = rounded(kernel);
    w->scratch = w->levels + w->buffer + w->wrapped + w->kernel;
    return 0;
}

int
qn_sweep_run(const struct qn_sweep *s, const struct qn_region *in,
             const struct qn_region *out, int64_t steps, struct qn_error *err)
{
    struct run w = {.s = s, .in = in, .out = out, .steps = steps};
    int threads = s->threads > 1 ? s->threads : 1;
    size_t ntiles, bytes;
    int rc;

    while (w.axis < s->grid.shape.ndims - 1 && !s->halo.radius[w.axis])
        w.axis++;
    choose_tile(&w);
    ntiles = cut_tiles(&w, threads);
    if (ntiles == 0)
        return 0;
    choose_band(&w);
    threads = (size_t)threads < ntiles ? threads : (int)ntiles;
    QN_TRY(size_scratch(&w, err));
    QN_TRY(qn_memory_mul(&bytes, w.scratch, (size_t)threads, "tiles", err));
    w.memory = aligned_alloc(ALIGN, rounded(bytes));
    if (!w.memory)
        return qn_fail(err, QN_ENOMEM, "no memory for %zu bytes of tiles",
                       bytes);
    rc = qn_parallel_for(threads, ntiles, run_tile, &w, err);
    free(w.memory);
    return rc;
}

/* Steps that pay in one run: as long as the samples computed twice are few
 * beside those of a tile. */
static int64_t
choose_block(const struct qn_sweep *s)
{
    int active = 0;
    int64_t radius = 1, block;

    for (int a = 0; a < s->grid.shape.ndims; a++) {
        active += s->halo.radius[a] > 0;
        radius = s->halo.radius[a] > radius ? s->halo.radius[a] : radius;
    }
    block = (active > 2 ? 4 : MOST_BLOCK) / radius;
    block = active && block > 1 ? block : 1;
    if (s->halo.every && block > s->halo.every)
        block = s->halo.every;
    return block < s->halo.steps ? block : s->halo.steps;
}

int
qn_sweep_make(struct qn_sweep *s, const struct qn_kernel *kernel,
              const void *params, const struct qn_type *grid,
              struct qn_error *err)
{
    *s = (struct qn_sweep){.kernel = kernel, .params = params, .grid = *grid};
    s->halo.steps = 1;
    if (kernel->halo)
        QN_TRY(kernel->halo(params, grid, &s->halo, err));
    s->block = choose_block(s);
    return 0;
}

struct qn_region
qn_sweep_region(const struct qn_array *a)
{
    struct qn_region r = {.grid = a->type};

    for (int k = 0; k < a->type.shape.ndims; k++)
        r.count[k] = a->type.shape.n[k];
    lay_out(&r, a->data);
    return r;
}

/* `steps` steps from one region to another of the whole grid, by way of `other`
 * (its data NULL: memory is made where it is needed). */
static int
take_steps(const struct qn_sweep *s, struct qn_region from,
           const struct qn_region *last, struct qn_region other, int64_t left,
           struct qn_error *err)
{
    int64_t runs = (left + s->block - 1) / s->block;
    struct qn_array made = {0};
    int rc = 0;

    // the first run may not end where it begins, the last one ends in `last`
    if (other.data == from.data && runs % 2 == 0 && runs < left)
        runs++;
    else if (other.data == from.data && runs % 2 == 0)
        other.data = NULL;
    if (!other.data && runs > 1) {
        rc = qn_array_make(&made, &last->grid, err);
        other = qn_sweep_region(&made);
    }
    for (; !rc && runs > 0; runs--) {
        const int64_t steps = (left + runs - 1) / runs;
        const struct qn_region to = runs % 2 ? *last : other;

        rc = qn_sweep_run(s, &from, &to, steps, err);
        from = to;
        left -= steps;
    }
    qn_array_clear(&made);
    return rc;
}

int
qn_sweep_item(const struct qn_sweep *s, const struct qn_array *in,
              struct qn_array *out, struct qn_error *err)
{
    const struct qn_type grid = {out->type.dtype, in->type.shape};
    const int64_t every = s->halo.every ? s->halo.every : s->halo.steps;
    struct qn_region from = qn_sweep_region(in), other = from;
    char *state = out->data;

    if (!s->spend || in->type.dtype != grid.dtype)
        other.data = NULL;
    for (int64_t step = 0; step < s->halo.steps; step += every) {
        struct qn_array a = qn_array_view(&grid, state);
        struct qn_region to = qn_sweep_region(&a);

        QN_TRY(take_steps(s, from, &to, other, every, err));
        from = to;
        state += qn_array_bytes(&a);
    }
    return 0;
}
