/* Applying steps to an item.
 *
 * Consecutive point kernels are fused: for each tile all of them, then the
 * next tile, on as many threads as the program says.  A sample's value never
 * depends on the tile it lies in.  Knows neither files (operand.c reads them)
 * nor where results go. */
#include "worker/pass.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "kernels/sweep.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/params.h"
#include "model/shape.h"

enum { TILE = 1 << 15 }; /* samples: half a second-level cache of float64 */

/* A step made ready for one item. */
struct ready {
    const struct qn_program_step *step;
    void *params; /* owned */
    const struct qn_array *operand[QN_MAX_OPERANDS]; /* borrowed: cache */
};

static int
make_ready(struct ready *r, const struct qn_pass *pass, size_t first_use,
           enum qn_dtype real, struct qn_error *err)
{
    const struct qn_kernel *k = r->step->kernel;

    QN_TRY(qn_memory_make(&r->params, 1, k->params_size + 1, "the options",
                          err));
    QN_TRY(qn_params_fill(r->params, k, r->step->params, pass->fields, err));
    if (k->prepare)
        QN_TRY(k->prepare(r->params, err));
    for (int i = 0; i < r->step->noperands; i++)
        QN_TRY(qn_operand_get(pass->cache,
                              json_array_get(pass->uses,
                                             first_use + (size_t)i),
                              pass->path, real, &r->operand[i], err));
    return 0;
}

static void
clear_ready(struct ready *r)
{
    if (r->params && r->step->kernel->release)
        r->step->kernel->release(r->params);
    free(r->params);
    r->params = NULL;
}

static int
check_operands(const struct ready *r, const struct qn_array *a,
               struct qn_error *err)
{
    for (int i = 0; i < r->step->noperands; i++)
        QN_TRY(qn_shape_fits(&a->type.shape, &r->operand[i]->type.shape,
                             err));
    return 0;
}

/* ---- point kernels --------------------------------------------------------- */

/* Where in an operand the samples for item sample `at` begin: axes of length
 * 1 are stood still on. */
static size_t
operand_offset(const struct qn_shape *item, const struct qn_shape *op,
               size_t at)
{
    size_t offset = 0, stride = 1;

    for (int k = 1; k <= op->ndims; k++) {
        size_t n = (size_t)item->n[item->ndims - k];
        size_t m = (size_t)op->n[op->ndims - k];

        if (m > 1)
            offset += at % n * stride;
        at /= n;
        stride *= m;
    }
    return offset;
}

/* Does the operand lie along the item sample by sample, or is it one number? */
static bool
is_flat(const struct qn_array *op, const struct qn_array *a)
{
    int64_t n = qn_shape_count(&op->type.shape);

    return n == 1 || n == qn_shape_count(&a->type.shape);
}

/* Samples that one lane may cover: a tile, or what is left of a row where an
 * operand is broadcast. */
static size_t
lane_length(const struct ready *r, int n, const struct qn_array *a)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < r[i].step->noperands; k++)
            if (!is_flat(r[i].operand[k], a))
                return (size_t)a->type.shape.n[a->type.shape.ndims - 1];
    return TILE;
}

static void
apply_lane(const struct ready *r, const struct qn_array *a, size_t at,
           size_t n)
{
    size_t size = qn_dtype_size(a->type.dtype);
    struct qn_feed feed[QN_MAX_OPERANDS];
    struct qn_lane lane = {
        .real = a->type.dtype,
        .x = (char *)a->data + at * size,
        .n = n,
        .nfeeds = r->step->noperands,
        .feed = feed,
        .names = r->step->names,
    };

    for (int i = 0; i < lane.nfeeds; i++) {
        const struct qn_array *op = r->operand[i];
        const struct qn_shape *s = &op->type.shape;
        bool one = s->ndims == 0 || s->n[s->ndims - 1] == 1 ||
                   qn_shape_count(s) == 1;
        size_t offset = operand_offset(&a->type.shape, s, at);

        // a last axis of 1 on an item whose last axis is 1 too
        if (qn_shape_count(s) > 1 && is_flat(op, a))
            one = false;
        feed[i] = (struct qn_feed){(const char *)op->data + offset * size,
                                   one};
    }
    r->step->kernel->point(r->params, &lane);
}

/* A run of point kernels over one item. */
struct tiles {
    const struct ready *r;
    int n;
    const struct qn_array *a;
    size_t total, length, tile; // samples: of the item, a lane, a tile
};

static int
apply_tile(void *ctx, size_t tile, int thread, struct qn_error *err)
{
    const struct tiles *t = ctx;
    size_t start = tile * t->tile, end = start + t->tile;

    (void)thread, (void)err;
    if (end > t->total)
        end = t->total;
    for (int i = 0; i < t->n; i++)
        for (size_t at = start; at < end; at += t->length)
            apply_lane(&t->r[i], t->a, at,
                       end - at < t->length ? end - at : t->length);
    return 0;
}

static int
apply_tiles(const struct ready *r, int n, const struct qn_array *a,
            int threads, struct qn_error *err)
{
    struct tiles t = {.r = r, .n = n, .a = a};

    t.total = (size_t)qn_shape_count(&a->type.shape);
    if (!t.total)
        return 0;
    t.length = lane_length(r, n, a);
    t.tile = (t.length < TILE ? TILE / t.length : 1) * t.length;
    return qn_parallel_for(threads, (t.total - 1) / t.tile + 1, apply_tile,
                           &t, err);
}

/* ---- whole-item kernels ---------------------------------------------------- */

static int
correct_cards(const struct ready *r, const struct qn_pass *pass,
              const struct qn_shape *in, struct qn_error *err)
{
    double offset[QN_MAX_DIMS] = {0}, factor[QN_MAX_DIMS];

    if (!r->step->kernel->map || !pass->cards)
        return 0;
    for (int i = 0; i < QN_MAX_DIMS; i++)
        factor[i] = 1;
    r->step->kernel->map(r->params, in, offset, factor);
    return qn_cards_remap(pass->cards, in->ndims, offset, factor, err);
}

static int
sweep(const struct qn_kernel *k, const void *params,
      const struct qn_call *call, struct qn_error *err)
{
    struct qn_sweep s;

    QN_TRY(qn_sweep_make(&s, k, params, &call->in->type, err));
    return qn_sweep_item(&s, call->in, call->out, err);
}

static int
apply_whole(const struct ready *r, const struct qn_pass *pass,
            struct qn_array *a, struct qn_error *err)
{
    const struct qn_kernel *k = r->step->kernel;
    struct qn_type type = a->type;
    struct qn_array out = {0};
    struct qn_call call = {.in = a, .out = &out,
                           .noperands = r->step->noperands,
                           .operand = r->operand};
    int rc = k->type ? k->type(r->params, &a->type, &type, err) : 0;

    if (!rc)
        rc = qn_array_make(&out, &type, err);
    if (!rc)
        rc = k->stencil ? sweep(k, r->params, &call, err)
                        : k->apply(r->params, &call, err);
    if (!rc)
        rc = correct_cards(r, pass, &a->type.shape, err);
    if (rc) {
        qn_array_clear(&out);
        return rc;
    }
    qn_array_clear(a);
    *a = out;
    return 0;
}

/* ---- the steps -------------------------------------------------------------- */

static int
make_real(struct qn_array *a, enum qn_dtype real, struct qn_error *err)
{
    struct qn_array out = {0};

    if (a->type.dtype == real)
        return 0;
    QN_TRY(qn_array_convert(&out, a, real, err));
    qn_array_clear(a);
    *a = out;
    return 0;
}

static int
apply_run(struct ready *r, int n, const struct qn_pass *pass,
          struct qn_array *a, struct qn_error *err)
{
    for (int i = 0; i < n; i++) {
        int rc = check_operands(&r[i], a, err);

        if (rc)
            return qn_wrap(err, "%s", r[i].step->kernel->name);
    }
    if (r->step->kernel->point)
        return apply_tiles(r, n, a, pass->program->threads, err);
    if (apply_whole(r, pass, a, err))
        return qn_wrap(err, "%s", r->step->kernel->name);
    return 0;
}

/* How many steps from i on may be fused. */
static int
run_length(const struct qn_pass *pass, int i)
{
    const struct qn_program *p = pass->program;
    int n = 1;

    if (!p->steps[i].kernel->point || pass->keeper)
        return 1;
    while (i + n < p->nsteps && p->steps[i + n].kernel->point)
        n++;
    return n;
}

int
qn_pass_run(const struct qn_pass *pass, struct qn_array *a,
            struct qn_error *err)
{
    const struct qn_program *p = pass->program;
    struct ready *r = NULL;
    size_t use = 0;
    int rc = qn_memory_make((void **)&r, (size_t)p->nsteps, sizeof *r,
                            "the steps", err);

    for (int i = 0; !rc && i < p->nsteps;) {
        int n = run_length(pass, i);

        if (p->steps[i].kernel->real)
            rc = make_real(a, p->precision, err);
        for (int k = i; !rc && k < i + n; k++) {
            r[k].step = &p->steps[k];
            rc = make_ready(&r[k], pass, use, a->type.dtype, err);
            use += (size_t)p->steps[k].noperands;
        }
        if (!rc)
            rc = apply_run(&r[i], n, pass, a, err);
        // what comes out of the last one is the result itself
        if (!rc && pass->keeper && i + 1 < p->nsteps)
            rc = pass->keeper->keep(pass->keeper->ctx, i + 1,
                                    p->steps[i].kernel->name, a, err);
        i += n;
    }
    for (int i = 0; r && i < p->nsteps; i++)
        if (r[i].step)
            clear_ready(&r[i]);
    free(r);
    return rc;
}
