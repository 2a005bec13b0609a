/* What operands take.
 *
 * An operand counts as it is kept once it has been read: converted, and where
 * it is reduced first, one row of it.  A number or a header value takes
 * nothing. */
#include "model/need_parts.h"

#include <string.h>

#include "base/least.h"
#include "model/plan_parts.h"
#include "model/shape.h"

/* As what is kept of an operand of so many samples; in a stage with weights
 * of a reduction all operands count as wide as these. */
static int64_t
kept_bytes(const struct qn_need_count *c, const struct qn_shape *s)
{
    const struct qn_stage *stage = c->st->stage;

    for (int i = 0; i < stage->nsteps; i++)
        if (stage->steps[i].noperands && stage->steps[i].kernel->integer_exact)
            return qn_shape_count(s) * (int64_t)sizeof(double);
    return qn_need_real(c, s);
}

static void
add_operand(struct qn_need_used *b, const struct qn_need_count *c,
            const struct qn_operand *op, const struct qn_use *u,
            const struct qn_task *t)
{
    struct qn_type type = *t->item->type;
    int64_t stored, kept;
    bool known;

    if (op->kind == QN_OPERAND_NUMBER || op->kind == QN_OPERAND_HEADER)
        return;
    if (qn_plan_product_use(c->p, c->st, op, u, &type, &known, NULL))
        return;
    if (u->stage < 0 && u->file < 0) {
        // a dataset of the item's file: it spreads over the item, and is read
        // from no more than there is
        stored = op->reduce ? t->item->bytes : qn_shape_bytes(&type);
        kept = kept_bytes(c, &type.shape);
    } else {
        stored = qn_shape_bytes(&type);
        kept = kept_bytes(c, &type.shape);
        if (op->reduce && type.shape.ndims && type.shape.n[0] > 0)
            kept /= type.shape.n[0];
    }
    b->all += kept;
    b->shared += u->stage < 0 && u->file < 0 ? 0 : kept;
    b->loading = qn_most(b->loading, stored);
}

struct qn_need_used
qn_need_operand_item(const struct qn_need_count *c, const struct qn_task *t)
{
    const struct qn_stage *stage = c->st->stage;
    struct qn_need_used b = {0};
    int u = 0;

    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++, u++)
            if (t->use)
                add_operand(&b, c, &stage->steps[i].operand[k], &t->use[u],
                            t);
    return b;
}

int64_t
qn_need_operand_stage(const struct qn_need_count *c)
{
    const struct qn_stage *stage = c->st->stage;
    int64_t bytes = 0;
    bool scaled = false;

    for (size_t i = 0; i < c->st->files.n; i++)
        if (c->st->files.v[i].probed)
            bytes += kept_bytes(c, &c->st->files.v[i].type->shape);
    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++) {
            const struct qn_operand *op = &stage->steps[i].operand[k];
            const struct qn_plan_stage *from;

            scaled = scaled || op->scale_header;
            if (op->kind != QN_OPERAND_STAGE)
                continue;
            from = &c->p->stage[op->stage_index];
            for (int g = 0; g < from->ntargets; g++)
                if (from->target[g].type && !from->target[g].code)
                    bytes += kept_bytes(c, &from->target[g].type->shape);
        }
    return scaled && bytes ? qn_most(bytes, QN_NEED_OPERANDS_MOST) : bytes;
}

/* Does an operand have the axes of an item's grid, so that it is cut with it? */
static bool
has_axes(const struct qn_shape *operand, const struct qn_shape *item)
{
    bool has = operand->ndims == item->ndims;

    for (int a = 0; has && a < operand->ndims; a++)
        has = operand->n[a] > 1 || item->n[a] == 1;
    return has;
}

/* The frames of an operand that is reduced are no axis of it; of a dataset of
 * the item's own file the axes are the item's, as far as is known. */
static void
drop_lead(struct qn_shape *s, int ndims)
{
    if (s->ndims <= ndims)
        return;
    s->ndims--;
    memmove(s->n, s->n + 1, (size_t)s->ndims * sizeof *s->n);
}

/* A rank's part of one operand of a step. */
static int64_t
block_operand(const struct qn_need_count *c, const struct qn_step *step,
              const struct qn_operand *op, const struct qn_use *u,
              const struct qn_task *t, double part)
{
    struct qn_type type = *t->item->type;
    struct qn_need_used one = {0};
    bool known;

    add_operand(&one, c, op, u, t);
    if (!one.all || qn_plan_product_use(c->p, c->st, op, u, &type, &known, NULL))
        return 0;
    if (op->reduce)
        drop_lead(&type.shape, t->item->type->shape.ndims);
    return !step->product && has_axes(&type.shape, &t->item->type->shape)
               ? (int64_t)((double)one.all * part) + 1
               : one.all;
}

int64_t
qn_need_operand_reducing(const struct qn_need_count *c, int64_t memory)
{
    const struct qn_stage *stage = c->st->stage;
    bool reduces = false;

    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++)
            reduces = reduces || stage->steps[i].operand[k].reduce;
    return reduces ? 2 * qn_least(QN_NEED_REDUCED, memory / 8) : 0;
}

int64_t
qn_need_operand_block(const struct qn_need_count *c, const struct qn_task *t,
                      double part)
{
    const struct qn_stage *stage = c->st->stage;
    int64_t bytes = 0;
    int u = 0;

    for (int i = 0; i < stage->nsteps; i++)
        for (int k = 0; k < stage->steps[i].noperands; k++, u++)
            if (t->use)
                bytes += block_operand(c, &stage->steps[i],
                                       &stage->steps[i].operand[k], &t->use[u],
                                       t, part);
    return bytes;
}
