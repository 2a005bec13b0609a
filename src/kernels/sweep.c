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

/* A tile's two buffers and what it reads lie in the second level of cache. */
enum { TILE_BYTES = 1 << 19, ROW = 512, MOST_BLOCK = 16, ALIGN = 64 };

/* ---- tiles -------------------------------------------------------------- */

/* One run over the box of out. */
struct run {
    const struct qn_sweep *s;
    const struct qn_region *in, *out;
    int64_t steps;
    int64_t tile[QN_MAX_DIMS], tiles[QN_MAX_DIMS];
    size_t level, kernel; // bytes of a buffer, and of the kernel's scratch
    size_t scratch;       // bytes for a thread: three buffers and the kernel's
    char *memory;         // owned: [threads] of scratch
};

/* The axes with a radius, the last ones first: long rows, and in front of
 * them what fits.  A wide radius makes tiles wide, so that their halos do not
 * outweigh them.  What comes out does not depend on any of this. */
static void
choose_tile(int64_t tile[QN_MAX_DIMS], const struct qn_sweep *s,
            const struct qn_region *out, int64_t steps)
{
    const int ndims = s->grid.shape.ndims;
    int64_t left = TILE_BYTES / (int64_t)qn_dtype_size(s->grid.dtype);
    int active = 0;

    for (int a = 0; a < ndims; a++)
        active += s->halo.radius[a] > 0;
    for (int a = ndims - 1; a >= 0; a--) {
        const int64_t wide = 2 * steps * s->halo.radius[a];
        int64_t n = left;

        if (active > 2 && s->halo.radius[a] > 0)
            n = a == ndims - 1 ? ROW / 4 : 32;
        else if (a == ndims - 1 && ndims > 1)
            n = ROW;
        n = n < wide ? wide : n;
        n = n < out->count[a] ? n : out->count[a];
        tile[a] = n > 1 ? n : 1;
        left = left / tile[a] > 1 ? left / tile[a] : 1;
    }
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

/* One tile, all steps: from in to a buffer, to the other, and so on to out. */
static int
run_tile(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    const struct run *w = ctx;
    const struct qn_sweep *s = w->s;
    char *memory = w->memory + (size_t)thread * w->scratch;
    struct qn_region box = *w->out, from = *w->in, to;

    for (int a = s->grid.shape.ndims - 1; a >= 0; a--) {
        const int64_t at = (int64_t)(tile % (size_t)w->tiles[a]) * w->tile[a];
        const int64_t left = w->out->count[a] - at;

        tile /= (size_t)w->tiles[a];
        box.start[a] += at;
        box.count[a] = left < w->tile[a] ? left : w->tile[a];
    }
    view(&box, w->out);
    grow(&from, &box, s, w->steps);
    if (covers(w->in, &from)) {
        view(&from, w->in);
    } else {
        lay_out(&from, memory + 2 * w->level);
        copy_wrapped(&from, w->in, 0, from.data, w->in->data);
    }
    for (int64_t step = 1; step <= w->steps; step++, from = to) {
        to = box;
        grow(&to, &box, s, w->steps - step);
        if (step < w->steps)
            lay_out(&to, memory + (size_t)(step % 2) * w->level);
        QN_TRY(s->kernel->stencil(s->params, &from, &to,
                                  memory + 3 * w->level, err));
    }
    return 0;
}

/* ---- runs --------------------------------------------------------------- */

static size_t
rounded(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* What a thread needs for the largest tile. */
static int
size_scratch(struct run *w, struct qn_error *err)
{
    const struct qn_sweep *s = w->s;
    size_t level = qn_dtype_size(s->grid.dtype), kernel = 0;
    int64_t count[QN_MAX_DIMS] = {0};
    bool wraps = false;

    for (int a = 0; a < s->grid.shape.ndims; a++) {
        count[a] = w->tile[a] + 2 * (w->steps - 1) * s->halo.radius[a];
        wraps = wraps || s->halo.wraps[a];
    }
    if (s->kernel->scratch)
        kernel = s->kernel->scratch(s->params, &s->grid, count);
    if (kernel > SIZE_MAX / 2)
        return qn_fail(err, QN_ENOMEM, "no memory for tiles with so wide a "
                       "neighbourhood; choose a smaller one");
    for (int a = 0; a < s->grid.shape.ndims; a++)
        QN_TRY(qn_memory_mul(&level, level,
                             (size_t)(count[a] + 2 * s->halo.radius[a]),
                             "a tile", err));
    w->level = w->steps > 1 || wraps ? rounded(level) : 0;
    w->kernel = rounded(kernel);
    w->scratch = 3 * w->level + w->kernel + ALIGN;
    return 0;
}

int
qn_sweep_run(const struct qn_sweep *s, const struct qn_region *in,
             const struct qn_region *out, int64_t steps, struct qn_error *err)
{
    struct run w = {.s = s, .in = in, .out = out, .steps = steps};
    int threads = s->threads > 1 ? s->threads : 1;
    size_t ntiles = 1, bytes;
    int rc;

    choose_tile(w.tile, s, out, steps);
    for (int a = 0; a < s->grid.shape.ndims; a++) {
        w.tiles[a] = (out->count[a] + w.tile[a] - 1) / w.tile[a];
        ntiles *= (size_t)w.tiles[a];
    }
    if (ntiles == 0)
        return 0;
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
    block = (active > 2 ? 3 : MOST_BLOCK) / radius;
    block = block > 1 ? block : 1;
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

/* `steps` steps from one region to another of the whole grid. */
static int
take_steps(const struct qn_sweep *s, struct qn_region from,
           const struct qn_region *last, int64_t left, struct qn_error *err)
{
    int64_t runs = (left + s->block - 1) / s->block;
    struct qn_array other = {0};
    int rc = runs > 1 ? qn_array_make(&other, &last->grid, err) : 0;

    // so that the last run ends in its place
    for (; !rc && runs > 0; runs--) {
        const int64_t steps = (left + runs - 1) / runs;
        const struct qn_region to =
            runs % 2 ? *last : qn_sweep_region(&other);

        rc = qn_sweep_run(s, &from, &to, steps, err);
        from = to;
        left -= steps;
    }
    qn_array_clear(&other);
    return rc;
}

int
qn_sweep_item(const struct qn_sweep *s, const struct qn_array *in,
              struct qn_array *out, struct qn_error *err)
{
    const struct qn_type grid = {out->type.dtype, in->type.shape};
    const int64_t every = s->halo.every ? s->halo.every : s->halo.steps;
    struct qn_region from = qn_sweep_region(in);
    char *state = out->data;

    for (int64_t step = 0; step < s->halo.steps; step += every) {
        struct qn_array a = qn_array_view(&grid, state);
        struct qn_region to = qn_sweep_region(&a);

        QN_TRY(take_steps(s, from, &to, every, err));
        from = to;
        state += qn_array_bytes(&a);
    }
    return 0;
}
