/* reduce: sum, mean, std, min, max and count.
 *
 * Reals, and integers whose sum float64 holds exactly, are added as float64;
 * all other integers as 64-bit integers.  A run along the last group of axes,
 * cut at the edges of tiles, is folded by itself where it becomes one result;
 * runs follow each other in item order.  Read reduce.h and tiles.h first; the
 * loops over samples are in reduce_lanes.c. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/reduce_lanes.h"
#include "kernels/tiles.h"
#include "model/dtype.h"

enum {
    BLOCK = 512,    /* samples converted at a time                        */
    COLUMNS = 4096, /* results that one part of a slab is to look after   */
};

/* What samples come to: of each result, of each tile. */
struct cells {
    double *sum;     /* or the least, the largest, squares of deviations     */
    double *weight;  /* samples that count, or the sum of their weights      */
    int64_t *whole;  /* wide integers have their sum here,                   */
    uint64_t *natural; /* the unsigned ones here: the same memory            */
    size_t n;
};

enum how {
    BY_TILE,   /* one result: tiles are folded, then added in order          */
    BY_ROW,    /* rows belong to different results                           */
    BY_COLUMN, /* the last group is kept: results are shared out             */
    SERIAL
};

struct fold {
    const struct qn_reduce *p;
    struct qn_reduced in;
    struct qn_reduce_axes axes;
    struct qn_tiles tiles;
    enum how how;
    bool wide, natural;  /* wide integers; unsigned ones                     */
    struct cells result; /* owned */
    struct cells tile;   /* owned: BY_TILE only                              */
    double *mean;        /* owned: of each result, std only                  */
    double *weight;      /* owned: [nweights]; NULL                          */
    int64_t nweights, wstride; /* sample i has weight[i / wstride % nweights] */
    int pass;
    atomic_bool overflow;
};

/* ---- cells ----------------------------------------------------------------- */

static enum qn_reduce_method
method_of(const struct fold *f)
{
    return (enum qn_reduce_method)f->p->method;
}

static void
set_empty(const struct fold *f, struct cells *c)
{
    const enum qn_reduce_method method = method_of(f);
    const bool min = method == QN_REDUCE_MIN, max = method == QN_REDUCE_MAX;

    for (size_t i = 0; i < c->n; i++) {
        c->sum[i] = qn_reduce_lanes_none(method);
        c->weight[i] = 0;
        if (f->wide && f->natural)
            c->natural[i] = min ? UINT64_MAX : 0;
        else if (f->wide)
            c->whole[i] = min ? INT64_MAX : max ? INT64_MIN : 0;
    }
}

/* Add what b[k] holds to a[i]. */
static void
add_cell(struct fold *f, struct cells *a, int64_t i, const struct cells *b,
         int64_t k)
{
    const enum qn_reduce_method method = method_of(f);
    bool over = false;

    a->sum[i] = qn_reduce_lanes_join(method, a->sum[i], b->sum[k]);
    a->weight[i] += b->weight[k];
    if (!f->wide)
        return;
    if (f->natural && method == QN_REDUCE_MIN)
        a->natural[i] = b->natural[k] < a->natural[i] ? b->natural[k]
                                                      : a->natural[i];
    else if (f->natural && method == QN_REDUCE_MAX)
        a->natural[i] = b->natural[k] > a->natural[i] ? b->natural[k]
                                                      : a->natural[i];
    else if (f->natural)
        over = __builtin_add_overflow(a->natural[i], b->natural[k],
                                      &a->natural[i]);
    else if (method == QN_REDUCE_MIN)
        a->whole[i] = b->whole[k] < a->whole[i] ? b->whole[k] : a->whole[i];
    else if (method == QN_REDUCE_MAX)
        a->whole[i] = b->whole[k] > a->whole[i] ? b->whole[k] : a->whole[i];
    else
        over = __builtin_add_overflow(a->whole[i], b->whole[k], &a->whole[i]);
    if (over)
        atomic_store(&f->overflow, true);
}

/* ---- samples --------------------------------------------------------------- */

/* n samples at v, flat of the item and on, as float64 in x; their weights, if
 * there are any, in w.  n is at most BLOCK. */
static struct qn_reduce_block
load(const struct fold *f, double *x, double *w, int64_t flat, const void *v,
     size_t n)
{
    (void)qn_dtype_convert(x, QN_F64, v, f->in.type.dtype, n, NULL);
    for (size_t i = 0; f->weight && i < n; i++)
        w[i] = f->weight[(flat + (int64_t)i) / f->wstride % f->nweights];
    return (struct qn_reduce_block){.method = method_of(f),
                                    .squares = f->pass > 0,
                                    .x = x,
                                    .w = f->weight ? w : NULL,
                                    .n = n};
}

/* Samples flat ... flat + n of the item become cell k of c. */
static void
take_run(const struct fold *f, struct cells *c, int64_t k, int64_t out,
         int64_t flat, const void *v, int64_t n)
{
    const size_t size = qn_dtype_size(f->in.type.dtype);
    const double mean = f->mean ? f->mean[out] : 0;
    double x[BLOCK], w[BLOCK];
    struct qn_reduce_lanes r;

    qn_reduce_lanes_begin(&r, method_of(f));
    for (int64_t at = 0; at < n; at += BLOCK) {
        struct qn_reduce_block b =
            load(f, x, w, flat + at, (const char *)v + (size_t)at * size,
                 (size_t)(n - at < BLOCK ? n - at : BLOCK));

        // NaN does not count: a block is filled up with it
        for (; b.n % QN_REDUCE_LANES; b.n++)
            x[b.n] = w[b.n] = NAN;
        qn_reduce_lanes_add(&r, &b, mean);
    }
    qn_reduce_lanes_end(&r, method_of(f));
    c->sum[k] = r.sum[0];
    c->weight[k] = r.weight[0];
}

/* One more wide integer for cell k: x, or u where they are unsigned. */
static void
take_wide(struct fold *f, struct cells *c, int64_t k, int64_t x, uint64_t u)
{
    double counted = 1, nothing = 0;
    struct cells one = {.sum = &nothing, .weight = &counted, .whole = &x,
                        .natural = &u};

    add_cell(f, c, k, &one, 0);
}

/* Samples become cell k of c: 64-bit integers.  The sum of narrower ones is
 * exact in float64 along a run. */
static void
take_wide_run(struct fold *f, struct cells *c, int64_t k, const void *v,
              int64_t n)
{
    const size_t size = qn_dtype_size(f->in.type.dtype);
    const int64_t *x = v;
    const uint64_t *u = v;
    struct cells run = {.sum = c->sum + k, .weight = c->weight + k,
                        .whole = c->whole + k, .natural = c->natural + k,
                        .n = 1};

    set_empty(f, &run);
    if (size < 8) {
        take_run(f, c, k, 0, 0, v, n);
        if (f->natural)
            c->natural[k] = (uint64_t)c->sum[k];
        else
            c->whole[k] = (int64_t)c->sum[k];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        take_wide(f, &run, 0, f->natural ? 0 : x[i], f->natural ? u[i] : 0);
}

static void
take_columns(struct fold *f, int64_t out, int64_t flat, const void *v,
             int64_t n)
{
    const size_t size = qn_dtype_size(f->in.type.dtype);
    double x[BLOCK], w[BLOCK];

    for (int64_t at = 0; at < n; at += BLOCK) {
        const struct qn_reduce_block b =
            load(f, x, w, flat + at, (const char *)v + (size_t)at * size,
                 (size_t)(n - at < BLOCK ? n - at : BLOCK));

        qn_reduce_lanes_columns(f->result.sum + out + at,
                                f->result.weight + out + at, &b,
                                f->mean ? f->mean + out + at : NULL);
    }
}

static bool
as_integers(const struct fold *f)
{
    return f->wide && f->pass == 0 && !f->weight;
}

/* Samples flat ... flat + n lie along one run. */
static void
take(struct fold *f, int64_t out, int64_t flat, const char *v, int64_t n)
{
    const size_t size = qn_dtype_size(f->in.type.dtype);
    const bool kept = !f->axes.reduced[f->axes.ngroups - 1];
    double sum, weight;
    int64_t whole = 0;
    struct cells one = {.sum = &sum, .weight = &weight, .whole = &whole};

    one.natural = (uint64_t *)&whole;
    if (kept && !as_integers(f)) {
        take_columns(f, out, flat, v, n);
    } else if (kept) {
        for (int64_t i = 0; i < n; i++) {
            take_wide_run(f, &one, 0, v + (size_t)i * size, 1);
            add_cell(f, &f->result, out + i, &one, 0);
        }
    } else {
        if (as_integers(f))
            take_wide_run(f, &one, 0, v, n);
        else
            take_run(f, &one, 0, out, flat, v, n);
        add_cell(f, &f->result, out, &one, 0);
    }
}

/* Samples first ... first + n of the item, run by run. */
static void
take_runs(struct fold *f, int64_t first, const char *v, int64_t n)
{
    const size_t size = qn_dtype_size(f->in.type.dtype);
    int64_t done = 0;

    while (done < n) {
        int64_t out, run = qn_reduce_axes_find(&f->axes, first + done, &out);

        run = run < n - done ? run : n - done;
        take(f, out, first + done, v + (size_t)done * size, run);
        done += run;
    }
}

/* ---- parts of a slab -------------------------------------------------------- */

static int
grow_tiles(struct fold *f, size_t n, struct qn_error *err)
{
    size_t cap = f->tile.n;

    if (n <= cap)
        return 0;
    QN_TRY(qn_memory_grow((void **)&f->tile.sum, &cap, n, sizeof(double),
                          err));
    cap = f->tile.n;
    QN_TRY(qn_memory_grow((void **)&f->tile.weight, &cap, n, sizeof(double),
                          err));
    cap = f->tile.n;
    QN_TRY(qn_memory_grow((void **)&f->tile.whole, &cap, n, sizeof(int64_t),
                          err));
    f->tile.natural = (uint64_t *)f->tile.whole;
    f->tile.n = n;
    return 0;
}

static int
parts(void *state, const struct qn_slab *slab, int64_t *n,
      struct qn_error *err)
{
    struct fold *f = state;
    const int64_t columns = f->axes.n[f->axes.ngroups - 1];

    f->pass = slab->pass;
    *n = 1;
    if (f->how == BY_TILE)
        *n = qn_tiles_count(&f->tiles, slab->n);
    else if (f->how == BY_ROW)
        *n = (slab->n + f->tiles.rows - 1) / f->tiles.rows;
    else if (f->how == BY_COLUMN)
        *n = (columns + COLUMNS - 1) / COLUMNS;
    return f->how == BY_TILE ? grow_tiles(f, (size_t)*n, err) : 0;
}

static void
take_tile(struct fold *f, const struct qn_slab *slab, int64_t i)
{
    const size_t size = qn_dtype_size(f->in.type.dtype);
    int64_t at, n = qn_tiles_get(&f->tiles, slab->n, i, &at);
    const char *v = (const char *)slab->v + (size_t)at * size;

    if (f->how != BY_TILE)
        take_runs(f, slab->first * f->tiles.row + at, v, n);
    else if (as_integers(f))
        take_wide_run(f, &f->tile, i, v, n);
    else
        take_run(f, &f->tile, i, 0, slab->first * f->tiles.row + at, v, n);
}

/* Some columns of all runs of a slab. */
static void
take_column_part(struct fold *f, const struct qn_slab *slab, int64_t i)
{
    const size_t size = qn_dtype_size(f->in.type.dtype);
    const int64_t run = f->axes.n[f->axes.ngroups - 1], at = i * COLUMNS;
    const int64_t n = run - at < COLUMNS ? run - at : COLUMNS;
    const int64_t all = slab->n * f->tiles.row;

    for (int64_t flat = at; flat < all; flat += run)
        take_runs(f, slab->first * f->tiles.row + flat,
                  (const char *)slab->v + (size_t)flat * size, n);
}

static void
part(void *state, const struct qn_slab *slab, int64_t i)
{
    struct fold *f = state;

    if (f->how == BY_TILE) {
        take_tile(f, slab, i);
    } else if (f->how == BY_COLUMN) {
        take_column_part(f, slab, i);
    } else if (f->how == BY_ROW) {
        for (int64_t k = 0; k < f->tiles.pieces; k++)
            take_tile(f, slab, i * f->tiles.pieces + k);
    } else {
        for (int64_t k = 0; k < qn_tiles_count(&f->tiles, slab->n); k++)
            take_tile(f, slab, k);
    }
}

static int
merge(void *state, const struct qn_slab *slab, struct qn_error *err)
{
    struct fold *f = state;

    if (f->how == BY_TILE)
        for (int64_t i = 0; i < qn_tiles_count(&f->tiles, slab->n); i++)
            add_cell(f, &f->result, 0, &f->tile, i);
    if (atomic_load(&f->overflow))
        return qn_fail(err, QN_EVALUE,
                       "a sum does not fit in 64 bits; make the samples real "
                       "first: cast: float64");
    return 0;
}

/* ---- begin and end ----------------------------------------------------------- */

static int
make_cells(const struct fold *f, struct cells *c, size_t n,
           struct qn_error *err)
{
    QN_TRY(qn_memory_make((void **)&c->sum, n, sizeof *c->sum, "the results",
                          err));
    QN_TRY(qn_memory_make((void **)&c->weight, n, sizeof *c->weight,
                          "the results", err));
    if (f->wide)
        QN_TRY(qn_memory_make((void **)&c->whole, n, sizeof *c->whole,
                              "the results", err));
    c->natural = (uint64_t *)c->whole;
    c->n = n;
    return 0;
}

static enum how
choose_how(const struct qn_reduce_axes *a)
{
    if (a->ngroups == 1 && a->reduced[0])
        return BY_TILE;
    if (!a->reduced[0])
        return BY_ROW;
    return a->ngroups == 2 ? BY_COLUMN : SERIAL;
}

static int
take_weights(struct fold *f, struct qn_error *err)
{
    const struct qn_array *w = f->in.noperands ? f->in.operand[0] : NULL;
    const struct qn_shape *s = &f->in.type.shape;
    int axis = f->p->axis.n == 1 ? (int)f->p->axis.v[0] : -1;

    if (!w)
        return 0;
    f->nweights = qn_shape_count(&w->type.shape);
    f->wstride = 1;
    axis += axis < 0 ? s->ndims : 0;
    // one weight for each place along the axis
    if (w->type.shape.ndims == 1)
        for (int a = axis + 1; a < s->ndims; a++)
            f->wstride *= s->n[a];
    QN_TRY(qn_memory_make((void **)&f->weight, (size_t)f->nweights,
                          sizeof(double), "the weights", err));
    QN_TRY(qn_dtype_convert(f->weight, QN_F64, w->data, w->type.dtype,
                            (size_t)f->nweights, err));
    for (int64_t i = 0; i < f->nweights; i++)
        if (!(f->weight[i] >= 0 && f->weight[i] < INFINITY))
            return qn_fail(err, QN_EVALUE,
                           "weight %lld is %g; weights are numbers from 0",
                           (long long)i, f->weight[i]);
    return 0;
}

/* Can sums of so many integers be inexact in float64? */
static bool
is_wide(enum qn_dtype t, int64_t n)
{
    const size_t size = qn_dtype_size(t);

    return !qn_dtype_is_real(t) && (size == 8 || (size == 4 && n > 1 << 20));
}

static int
open_fold(void **state, const void *params, const struct qn_reduced *in,
          int *passes, struct qn_error *err)
{
    struct fold *f;

    QN_TRY(qn_memory_make(state, 1, sizeof *f, "the reduction", err));
    f = *state;
    f->p = params;
    f->in = *in;
    f->natural = in->type.dtype == QN_U32 || in->type.dtype == QN_U64;
    f->tiles = qn_tiles_of(&in->type.shape);
    *passes = f->p->method == QN_REDUCE_STD ? 2 : 1;
    QN_TRY(qn_reduce_axes_make(&f->axes, f->p, &in->type.shape, err));
    // whoever counts adds nothing that could overflow
    f->wide = is_wide(in->type.dtype, f->axes.nper) &&
              f->p->method != QN_REDUCE_COUNT;
    f->how = choose_how(&f->axes);
    QN_TRY(make_cells(f, &f->result, (size_t)f->axes.nout, err));
    set_empty(f, &f->result);
    return take_weights(f, err);
}

static void
close_fold(void *state)
{
    struct fold *f = state;

    if (!f)
        return;
    free(f->result.sum);
    free(f->result.weight);
    free(f->result.whole);
    free(f->tile.sum);
    free(f->tile.weight);
    free(f->tile.whole);
    free(f->mean);
    free(f->weight);
    free(f);
}

static double
total(const struct fold *f, size_t i)
{
    if (!f->wide || f->weight)
        return f->result.sum[i];
    return f->natural ? (double)f->result.natural[i]
                      : (double)f->result.whole[i];
}

static double
count_of(const struct fold *f, size_t i)
{
    return f->wide && !f->weight ? (double)f->axes.nper : f->result.weight[i];
}

/* Behind the first pass of std: from sums to means. */
static int
turn(void *state, int pass, struct qn_error *err)
{
    struct fold *f = state;

    if (pass > 0 || f->p->method != QN_REDUCE_STD)
        return 0;
    QN_TRY(qn_memory_make((void **)&f->mean, f->result.n, sizeof *f->mean,
                          "the means", err));
    for (size_t i = 0; i < f->result.n; i++) {
        f->mean[i] = total(f, i) / count_of(f, i);
        f->result.sum[i] = f->result.weight[i] = 0;
    }
    return 0;
}

static double
real_result(const struct fold *f, size_t i)
{
    const double n = f->mean ? f->result.weight[i] : count_of(f, i);

    switch (f->p->method) {
    case QN_REDUCE_MEAN: return total(f, i) / n;
    case QN_REDUCE_STD:
        return n > (double)f->p->ddof
                   ? sqrt(f->result.sum[i] / (n - (double)f->p->ddof))
                   : NAN;
    case QN_REDUCE_COUNT: return n;
    default: return n > 0 ? total(f, i) : NAN;
    }
}

static int
finish(void *state, const struct qn_array *out, struct qn_error *err)
{
    struct fold *f = state;
    const bool exact = as_integers(f) && f->p->method != QN_REDUCE_MEAN &&
                       !f->mean;

    if (exact)
        return qn_dtype_convert(out->data, out->type.dtype, f->result.whole,
                                f->natural ? QN_U64 : QN_I64, f->result.n,
                                err);
    for (size_t i = 0; i < f->result.n; i++)
        f->result.sum[i] = real_result(f, i);
    return qn_dtype_convert(out->data, out->type.dtype, f->result.sum, QN_F64,
                            f->result.n, err);
}

static int64_t
rows(const void *params, const struct qn_reduced *in)
{
    (void)params;
    return qn_tiles_of(&in->type.shape).rows;
}

const struct qn_reduction qn_reduce_fold = {
    .rows = rows,
    .open = open_fold,
    .parts = parts,
    .part = part,
    .merge = merge,
    .turn = turn,
    .finish = finish,
    .close = close_fold,
};
