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
#include "kernels/points.h"
#include "kernels/sweep.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/params.h"
#include "model/shape.h"

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
        QN_TRY(qn_operand_get(pass->cache, pass->uses, first_use + (size_t)i,
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
check_operands(const struct ready *r, const struct qn_shape *item,
               struct qn_error *err)
{
    for (int i = 0; i < r->step->noperands; i++)
        QN_TRY(qn_shape_fits(item, &r->operand[i]->type.shape, err));
    return 0;
}

/* n steps of point kernels on samples from `first` of an item on, which are
 * converted on the way if they come from elsewhere. */
static int
apply_points(const struct ready *r, int n, const struct qn_shape *item,
             size_t first, const struct qn_array *from,
             const struct qn_array *a, int threads, struct qn_error *err)
{
    struct qn_point *point;
    int rc;

    QN_TRY(qn_memory_make((void **)&point, (size_t)n, sizeof *point,
                          "the steps", err));
    for (int i = 0; i < n; i++)
        point[i] = (struct qn_point){.kernel = r[i].step->kernel,
                                     .params = r[i].params,
                                     .noperands = r[i].step->noperands,
                                     .operand = r[i].operand,
                                     .names = r[i].step->names};
    rc = qn_points_from(point, n, item, first, from, a, threads, err);
    free(point);
    return rc;
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
      const struct qn_call *call, int threads, struct qn_error *err)
{
    struct qn_sweep s;

    QN_TRY(qn_sweep_make(&s, k, params, &call->in->type, err));
    s.threads = threads;
    // nobody looks at the samples before a step again
    s.spend = call->in->own;
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
        rc = k->stencil ? sweep(k, r->params, &call, pass->program->threads, err)
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
        int rc = check_operands(&r[i], &a->type.shape, err);

        if (rc)
            return qn_wrap(err, "%s", r[i].step->kernel->name);
    }
    if (r->step->kernel->point)
        return apply_points(r, n, &a->type.shape, 0, NULL, a,
                            pass->program->threads, err);
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
        if (!rc && pass->keeper && i + 1 < p->nsteps + p->nproducts)
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

/* ---- slab by slab ------------------------------------------------------------ */

/* Steps that are done on a slab at once: a kernel that changes what is where,
 * but in the first stage, and point kernels behind it. */
struct stage {
    const struct ready *whole; /* NULL: the first stage                  */
    const struct ready *point; /* [npoints]                              */
    int npoints;
    int64_t unit;              /* rows that become one by whole          */
    struct qn_type type;       /* of the item behind it                  */
    struct qn_array slab;      /* owned: what the next stage goes on with */
};

struct qn_pass_stream {
    const struct qn_program *program;
    int axis;            /* along which rows are counted */
    struct ready *r;     /* owned, [program->nsteps]     */
    struct stage *stage; /* owned, [n]                   */
    int n;
};

bool
qn_pass_streams(const struct qn_pass *pass, bool units)
{
    const struct qn_program *p = pass->program;

    for (int i = 0; i < p->nsteps; i++)
        if (!p->steps[i].kernel->point &&
            !(units && p->steps[i].kernel->unit && p->steps[i].kernel->real))
            return false;
    return !pass->keeper;
}

static int
add_stage(struct qn_pass_stream *s, const struct ready *r,
          const struct qn_pass *pass, struct qn_error *err)
{
    const struct qn_kernel *k = r->step->kernel;
    const struct stage *last = &s->stage[s->n - 1];
    struct stage *stage = &s->stage[s->n];

    *stage = (struct stage){.whole = r, .type = last->type, .point = r + 1};
    if (k->type)
        QN_TRY(k->type(r->params, &last->type, &stage->type, err));
    stage->unit = k->unit(r->params, &last->type.shape, s->axis);
    s->n++;
    return correct_cards(r, pass, &last->type.shape, err);
}

static int
add_step(struct qn_pass_stream *s, struct ready *r, const struct qn_pass *pass,
         struct qn_error *err)
{
    QN_TRY(check_operands(r, &s->stage[s->n - 1].type.shape, err));
    if (!r->step->kernel->point)
        return add_stage(s, r, pass, err);
    s->stage[s->n - 1].npoints++;
    return 0;
}

static int
open_stream(struct qn_pass_stream *s, const struct qn_pass *pass,
            const struct qn_type *type, struct qn_error *err)
{
    const size_t nsteps = (size_t)s->program->nsteps;
    size_t use = 0;

    QN_TRY(qn_memory_make((void **)&s->r, nsteps, sizeof *s->r, "the steps",
                          err));
    QN_TRY(qn_memory_make((void **)&s->stage, nsteps + 1, sizeof *s->stage,
                          "the steps", err));
    s->stage[0] = (struct stage){.type = *type, .point = s->r, .unit = 1};
    s->n = 1;
    for (size_t i = 0; i < nsteps; i++) {
        int rc;

        s->r[i].step = &s->program->steps[i];
        QN_TRY(make_ready(&s->r[i], pass, use, type->dtype, err));
        use += (size_t)s->r[i].step->noperands;
        rc = add_step(s, &s->r[i], pass, err);
        if (rc)
            return qn_wrap(err, "%s", s->r[i].step->kernel->name);
    }
    return 0;
}

int
qn_pass_stream_open(struct qn_pass_stream **s, const struct qn_pass *pass,
                    struct qn_type *type, struct qn_error *err)
{
    int rc;

    QN_TRY(qn_memory_make((void **)s, 1, sizeof **s, "the steps", err));
    // these kernels work on real samples
    type->dtype = pass->program->precision;
    (*s)->program = pass->program;
    (*s)->axis = qn_shape_row_axis(&type->shape);
    rc = open_stream(*s, pass, type, err);
    if (rc) {
        qn_pass_stream_close(*s);
        *s = NULL;
        return rc;
    }
    *type = (*s)->stage[(*s)->n - 1].type;
    return 0;
}

int64_t
qn_pass_stream_unit(const struct qn_pass_stream *s)
{
    int64_t unit = 1;

    // no overflow: the units of all stages make up one row of what comes out
    for (int i = 0; i < s->n; i++)
        unit *= s->stage[i].unit;
    return unit;
}

/* n rows behind a stage, where they are kept for the next one. */
static int
find_slab(struct qn_array *a, struct stage *stage, const struct qn_type *type,
          struct qn_error *err)
{
    if (qn_array_bytes(&stage->slab) <
        (size_t)qn_shape_count(&type->shape) * qn_dtype_size(type->dtype)) {
        qn_array_clear(&stage->slab);
        QN_TRY(qn_array_make(&stage->slab, type, err));
    }
    *a = qn_array_view(type, stage->slab.data);
    return 0;
}

static int
do_stage(const struct qn_pass_stream *s, int i, const struct qn_array *in,
         struct qn_array *out, int64_t row, struct qn_error *err)
{
    const struct stage *stage = &s->stage[i];
    const struct qn_shape *shape = &stage->type.shape;
    struct qn_call call = {.in = in, .out = out};
    size_t first = (size_t)row;

    for (int a = s->axis + 1; a < shape->ndims; a++)
        first *= (size_t)shape->n[a];
    if (stage->whole) {
        call.noperands = stage->whole->step->noperands;
        call.operand = stage->whole->operand;
        if (stage->whole->step->kernel->apply(stage->whole->params, &call,
                                              err))
            return qn_wrap(err, "%s", stage->whole->step->kernel->name);
        in = NULL; // what is in out already
    }
    return apply_points(stage->point, stage->npoints, shape, first, in, out,
                        s->program->threads, err);
}

int
qn_pass_stream_slab(struct qn_pass_stream *s, void *out,
                    const struct qn_array *in, int64_t row,
                    struct qn_error *err)
{
    struct qn_array a = *in, b;
    int64_t n = s->n && in->type.shape.ndims ? in->type.shape.n[s->axis] : 1;

    for (int i = 0; i < s->n; i++) {
        struct stage *stage = &s->stage[i];
        struct qn_type type = stage->type;

        n /= stage->unit;
        row /= stage->unit;
        if (type.shape.ndims)
            type.shape.n[s->axis] = n;
        b = qn_array_view(&type, out);
        if (i < s->n - 1)
            QN_TRY(find_slab(&b, stage, &type, err));
        QN_TRY(do_stage(s, i, &a, &b, row, err));
        a = b;
    }
    return 0;
}

void
qn_pass_stream_close(struct qn_pass_stream *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n; i++)
        qn_array_clear(&s->stage[i].slab);
    for (int i = 0; s->r && i < s->program->nsteps; i++)
        if (s->r[i].step)
            clear_ready(&s->r[i]);
    free(s->stage);
    free(s->r);
    free(s);
}
