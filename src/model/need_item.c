/* What an item takes in its worker: as a whole, or slab by slab.
 *
 * It is followed through its steps: at each moment what is there before the
 * step and what comes out of it.  Slabs are need_rows.c. */
#include "model/need_parts.h"

#include "base/least.h"
#include "model/plan_parts.h"
#include "model/shape.h"

struct walk {
    struct qn_type type; /* as it is now                     */
    int64_t kept;        /* what came out of steps, kept     */
    int64_t peak;
};

/* From what is there now to type: both are there for a while. */
static void
turn_into(struct walk *w, const struct qn_type *type, int copies)
{
    const int64_t both =
        qn_shape_bytes(&w->type) + copies * qn_shape_bytes(type);

    w->peak = qn_most(w->peak, w->kept + both);
    w->type = *type;
}

static void
take_step(struct walk *w, const struct qn_need_count *c,
          const struct qn_step *step, const struct qn_task *t)
{
    const struct qn_kernel *k = step->kernel;
    struct qn_lookup fields = qn_item_lookup(t->item);
    struct qn_type next = w->type;
    void *params = NULL;

    if (k->real && w->type.dtype != c->st->precision) {
        next.dtype = c->st->precision;
        turn_into(w, &next, 1);
    }
    if (k->point)
        return;
    // what cannot be had now fails when the item is worked on
    if (k->type && !qn_plan_params(&params, step, &fields, NULL) &&
        k->type(params, &w->type, &next, NULL))
        next = w->type;
    qn_plan_params_clear(&params, step);
    // a stencil of many steps goes to and fro between two grids
    turn_into(w, &next, k->stencil ? 2 : 1);
}

/* An item that is read as a whole, up to its result. */
static int64_t
whole_bytes(const struct qn_need_count *c, const struct qn_task *t)
{
    const struct qn_stage *stage = c->st->stage;
    struct walk w = {.type = *t->item->type};
    int64_t several = stage->input.dataset.n > 1
                          ? (int64_t)stage->input.dataset.n - 1
                          : 0;
    struct qn_type out;

    w.peak = qn_shape_bytes(&w.type);
    for (int i = 0; i < stage->nsteps; i++) {
        if (stage->steps[i].product)
            continue;
        take_step(&w, c, &stage->steps[i], t);
        if (c->keep_steps)
            w.kept += qn_shape_bytes(&w.type);
    }
    out = w.type;
    if (stage->output.dtype >= 0 && !stage->combine.given &&
        !stage->nproducts) {
        out.dtype = (enum qn_dtype)stage->output.dtype;
        if (out.dtype != w.type.dtype)
            turn_into(&w, &out, 1);
    }
    return qn_most(w.peak, w.kept + qn_shape_bytes(&out)) +
           (stage->nproducts ? 0 : several * qn_shape_bytes(&out));
}

/* What can go slab by slab, may it? */
static bool
may_stream(const struct qn_need_count *c)
{
    const struct qn_stage *stage = c->st->stage;

    // what is kept of steps is no reduction
    return !(c->keep_steps && stage->nproducts) && !qn_plan_packs(c->st) &&
           !qn_plan_joins(c->st) && !stage->combine.given;
}

/* Of the part that packed results are put together in. */
static int64_t
part_bytes(const struct qn_need_count *c, const struct qn_task *t)
{
    int64_t row;

    if (!qn_plan_packs(c->st) || qn_plan_pack_bytes(c->p, c->st, t, &row, NULL))
        return 0;
    return row * qn_least(qn_plan_pack_rows(row), c->st->ntasks);
}

int64_t
qn_need_item(const struct qn_need_count *c, const struct qn_task *t,
             int64_t share, bool *slabs)
{
    const struct qn_need_used o = qn_need_operand_item(c, t);
    const int64_t real = qn_need_real(c, &t->item->type->shape);
    int64_t beside = o.all + part_bytes(c, t), together = 1;
    int64_t whole, pieces;
    bool can;

    *slabs = false;
    if (c->st->stage->nproducts)
        beside += qn_plan_product_need(c->p, c->st, t, share, &together);
    can = qn_need_rows_can(c, t, together, &pieces);
    pieces = beside + (can ? qn_most(pieces, o.loading) : 0);
    if (can && qn_need_rows_always(c))
        return pieces;
    whole = beside + qn_most(whole_bytes(c, t), real + o.loading);
    *slabs = can && whole > share && pieces < whole && may_stream(c);
    return *slabs ? pieces : whole;
}

bool
qn_need_slabs(const struct qn_plan *p, const struct qn_plan_stage *st,
              const struct qn_task *t, int64_t share, bool keep_steps)
{
    const struct qn_need_count c = {p, st, keep_steps, NULL};
    bool slabs = false;

    if (share > 0 && t->item->probed && t->item->frame < 0)
        qn_need_item(&c, t, share - qn_need_unpack_item(t->item).bytes, &slabs);
    return slabs;
}
