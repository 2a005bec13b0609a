/* What the products of a stage are: types of what reductions give.
 *
 * Computed when asked for: a million results of one stage have the same few
 * types. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/plan_parts.h"
#include "model/shape.h"

/* What a worker keeps of samples between passes, at most; and as much again
 * of those that a reduction gathers. */
#define KEPT ((int64_t)256 << 20)

int
qn_plan_product_use(const struct qn_plan *p, const struct qn_plan_stage *st,
                    const struct qn_operand *op, const struct qn_use *u,
                    struct qn_type *type, bool *known, struct qn_error *err)
{
    *known = true;
    if (u->stage >= 0) {
        const struct qn_plan_stage *from = &p->stage[u->stage];

        QN_TRY(qn_plan_product_type(p, u->stage, &from->target[u->target],
                                    op->product, type, err));
        if (u->row >= 0 && !from->target[u->target].code)
            qn_plan_pack_row(type);
    } else if (u->file >= 0) {
        *type = *st->files.v[u->file].type;
    } else {
        *known = false;
    }
    if (op->reduce)
        *known = false;
    return 0;
}

struct qn_plan_product
qn_plan_product_of(const struct qn_stage *stage, int i, const struct qn_task *t)
{
    int use = 0;

    for (int k = 0; k < i; k++)
        use += stage->steps[k].noperands;
    return (struct qn_plan_product){&stage->steps[i], t->use + use, t->item,
                                    t->result};
}

/* A product, ready to be asked. */
struct asked {
    struct qn_array array[QN_MAX_OPERANDS];
    const struct qn_array *view[QN_MAX_OPERANDS];
    const char *names[QN_MAX_OPERANDS];
    struct qn_reduced in; /* borrows from the above */
    void *params;         /* owned */
};

/* Operands as arrays without samples; array[i] stays without axes for a
 * number. */
static int
view_operands(struct asked *a, const struct qn_plan *p,
              const struct qn_plan_stage *st,
              const struct qn_plan_product *product, struct qn_error *err)
{
    for (int i = 0; i < product->step->noperands; i++) {
        const struct qn_operand *op = &product->step->operand[i];
        struct qn_type type = {.dtype = st->precision};
        bool known = true;

        if (op->kind != QN_OPERAND_NUMBER && op->kind != QN_OPERAND_HEADER)
            QN_TRY(qn_plan_product_use(p, st, op, &product->use[i], &type,
                                       &known, err));
        a->array[i] = (struct qn_array){.type = {st->precision, type.shape}};
        a->view[i] = known ? &a->array[i] : NULL;
        a->names[i] = op->name;
    }
    return 0;
}

static int
ask(struct asked *a, const struct qn_plan *p, const struct qn_plan_stage *st,
    const struct qn_plan_product *product, struct qn_error *err)
{
    struct qn_lookup fields = qn_item_lookup(product->item);

    *a = (struct asked){.in = {.type = *product->type, .real = st->precision,
                               .noperands = product->step->noperands}};
    a->in.operand = a->view;
    a->in.names = a->names;
    QN_TRY(view_operands(a, p, st, product, err));
    return qn_plan_params(&a->params, product->step, &fields, err);
}

int
qn_plan_product_results(const struct qn_plan *p,
                        const struct qn_plan_stage *st,
                        const struct qn_plan_product *product,
                        struct qn_reduced_type *out, int *n,
                        struct qn_error *err)
{
    const struct qn_step *step = product->step;
    struct asked a;
    int rc = ask(&a, p, st, product, err);

    if (!rc)
        rc = step->kernel->reduction->results(a.params, &a.in, out, n, err);
    qn_plan_params_clear(&a.params, step);
    if (rc)
        return qn_wrap(err, "%s: %s", step->product, step->kernel->name);
    if (st->stage->output.dtype >= 0)
        out[0].type.dtype = (enum qn_dtype)st->stage->output.dtype;
    return 0;
}

/* ---- memory ------------------------------------------------------------------ */

/* Samples of the least slab that a reduction can be given. */
static int64_t
slab_of(const struct asked *a, const struct qn_reduction *r)
{
    const struct qn_shape *s = &a->in.type.shape;
    int64_t rows = r->rows ? r->rows(a->params, &a->in) : 1, all;
    int axis = 0;

    while (axis < s->ndims - 1 && s->n[axis] == 1)
        axis++;
    all = s->ndims && s->n[axis] ? s->n[axis] : 1;
    return qn_shape_count(s) / all * (rows < all ? rows : all);
}

/* What one reduction takes beside the slab. */
static int64_t
need_of(const struct asked *a, const struct qn_reduction *r)
{
    struct qn_reduced_type out[QN_MAX_RESULTS];
    int64_t bytes = r->need ? r->need(a->params, &a->in) : 0;
    int n = 0;

    if (r->results(a->params, &a->in, out, &n, NULL))
        return 0;
    for (int i = 0; i < n; i++)
        bytes += 32 * qn_shape_count(&out[i].type.shape);
    return bytes;
}

int64_t
qn_plan_product_need(const struct qn_plan *p, const struct qn_plan_stage *st,
                     const struct qn_task *t, int64_t memory, int64_t *slab)
{
    const struct qn_stage *stage = st->stage;
    const int64_t whole = 8 * qn_shape_count(&t->item->type->shape);
    int64_t bytes = 0, kept = memory / 8 < KEPT ? memory / 8 : KEPT;

    *slab = 1;
    for (int i = stage->nsteps - stage->nproducts; i < stage->nsteps; i++) {
        const struct qn_plan_product product = qn_plan_product_of(stage, i, t);
        const struct qn_reduction *r = product.step->kernel->reduction;
        struct asked a;

        if (!ask(&a, p, st, &product, NULL)) {
            int64_t least = slab_of(&a, r);

            *slab = least > *slab ? least : *slab;
            bytes += need_of(&a, r);
        }
        qn_plan_params_clear(&a.params, product.step);
    }
    // samples that are kept between passes, and those that are gathered
    return bytes + (whole < 2 * kept ? whole : 2 * kept);
}

/* ---- frames of one file ------------------------------------------------------ */

int
qn_plan_frame_datasets(const struct qn_plan *p, const struct qn_plan_stage *st,
                       const struct qn_task *t, struct qn_plan_dataset *out,
                       int *n, struct qn_error *err)
{
    const struct qn_stage *stage = st->stage;
    struct qn_reduced_type made[QN_MAX_RESULTS];
    int nmade;

    out[0] = (struct qn_plan_dataset){.name = "data", .type = *t->result};
    if (stage->output.dtype >= 0)
        out[0].type.dtype = (enum qn_dtype)stage->output.dtype;
    *n = !stage->nproducts;
    for (int i = stage->nsteps - stage->nproducts; i < stage->nsteps; i++) {
        const struct qn_plan_product product = qn_plan_product_of(stage, i, t);
        const char *name = product.step->product;

        QN_TRY(qn_plan_product_results(p, st, &product, made, &nmade, err));
        for (int k = 0; k < nmade; k++)
            out[(*n)++] = (struct qn_plan_dataset){
                .name = k ? made[k].name : name,
                .within = k ? name : NULL,
                .units = made[k].units,
                .type = made[k].type};
    }
    return 0;
}

int
qn_plan_product_lead(const struct qn_plan_stage *st, const struct qn_target *t,
                     struct qn_type *type, struct qn_error *err)
{
    struct qn_shape *s = &type->shape;

    if (s->ndims == QN_MAX_DIMS)
        return qn_fail(err, QN_ESHAPE, "stage %s: more than %d axes",
                       st->stage->name, QN_MAX_DIMS);
    memmove(s->n + 1, s->n, (size_t)s->ndims * sizeof *s->n);
    s->n[0] = qn_plan_all_members(st, t);
    s->ndims++;
    return 0;
}

int
qn_plan_product_type(const struct qn_plan *p, int s, const struct qn_target *t,
                     const char *product, struct qn_type *type,
                     struct qn_error *err)
{
    const struct qn_plan_stage *st = &p->stage[s];
    const struct qn_stage *stage = st->stage;
    const struct qn_task *task = &st->task[t->task[0]];
    struct qn_reduced_type out[QN_MAX_RESULTS];
    int n;

    for (int i = 1; qn_plan_packs(st) && task->code && i < t->ntasks; i++)
        task = &st->task[t->task[i]];
    *type = *t->type;
    if (product && !strcmp(product, "count") && !stage->nproducts)
        type->dtype = QN_I32;
    if (!product || !stage->nproducts || t->code)
        return 0;
    for (int i = stage->nsteps - stage->nproducts; i < stage->nsteps; i++) {
        const struct qn_plan_product of = qn_plan_product_of(stage, i, task);

        if (strcmp(of.step->product, product))
            continue;
        QN_TRY(qn_plan_product_results(p, st, &of, out, &n, err));
        *type = out[0].type;
        if (qn_plan_joins(st) || qn_plan_packs(st))
            QN_TRY(qn_plan_product_lead(st, t, type, err));
    }
    return 0;
}
