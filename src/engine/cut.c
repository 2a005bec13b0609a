/* Parting an item among ranks: one cut for each grid that it has on its way,
 * which serves all steps on that grid.
 *
 * Knows neither ranks nor samples, so that `plan` can show what `run` does. */
#include "engine/cut.h"

#include <string.h>

#include "engine/block.h"

/* Widen halo to what a step needs on a grid. */
static int
widen(int64_t halo[QN_MAX_DIMS], const struct qn_step *step,
      const struct qn_lookup *fields, const struct qn_type *grid,
      struct qn_error *err)
{
    int64_t radius[QN_MAX_DIMS];
    void *params = NULL;
    int rc;

    if (!step->kernel->stencil)
        return 0;
    rc = qn_plan_params(&params, step, fields, err);
    if (!rc)
        rc = qn_block_radius(radius, step->kernel, params, grid, err);
    for (int a = 0; !rc && a < QN_MAX_DIMS; a++)
        halo[a] = radius[a] > halo[a] ? radius[a] : halo[a];
    qn_plan_params_clear(&params, step);
    return rc;
}

/* g->first and g->type are set. */
static int
cut(struct qn_cut_grid *g, const struct qn_plan_stage *st,
    const struct qn_task *t, int ranks, struct qn_error *err)
{
    const struct qn_stage *stage = st->stage;
    struct qn_lookup fields = qn_item_lookup(t->item);

    memset(g->halo, 0, sizeof g->halo);
    for (int i = g->first;
         i < stage->nsteps && !qn_cut_turns(&stage->steps[i]); i++)
        QN_TRY(widen(g->halo, &stage->steps[i], &fields, &g->type, err));
    qn_grid_cut(&g->cut, &g->type.shape, ranks, g->halo);
    return 0;
}

int
qn_cut_item(struct qn_cut_grid *g, const struct qn_plan_stage *st,
            const struct qn_task *t, int ranks, struct qn_error *err)
{
    g->first = 0;
    g->type = *t->item->type;
    return cut(g, st, t, ranks, err);
}

/* What comes out of the step that changes the grid. */
static int
turn(struct qn_type *out, const struct qn_step *step,
     const struct qn_plan_stage *st, const struct qn_task *t,
     const struct qn_type *in, struct qn_error *err)
{
    struct qn_lookup fields = qn_item_lookup(t->item);
    struct qn_type from = *in;
    void *params = NULL;
    int rc = qn_plan_params(&params, step, &fields, err);

    if (step->kernel->real)
        from.dtype = st->precision;
    if (!rc)
        rc = step->kernel->type(params, &from, out, err);
    qn_plan_params_clear(&params, step);
    if (rc)
        qn_wrap(err, "%s", step->kernel->name);
    return rc;
}

int
qn_cut_next(struct qn_cut_grid *next, bool *more, const struct qn_cut_grid *g,
            const struct qn_plan_stage *st, const struct qn_task *t, int ranks,
            struct qn_error *err)
{
    const struct qn_stage *stage = st->stage;
    struct qn_type type = g->type;
    int i = g->first;

    for (; i < stage->nsteps && !qn_cut_turns(&stage->steps[i]); i++)
        if (stage->steps[i].kernel->real && !stage->steps[i].product)
            type.dtype = st->precision;
    *more = i < stage->nsteps;
    if (!*more)
        return 0;
    next->first = i + 1;
    QN_TRY(turn(&next->type, &stage->steps[i], st, t, &type, err));
    return cut(next, st, t, ranks, err);
}
