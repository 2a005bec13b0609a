/* Parting an item among ranks: the one cut that serves all steps of a stage.
 * Knows neither ranks nor samples, so that `plan` can show what `run` does. */
#include "engine/cut.h"

#include <string.h>

#include "engine/block.h"

/* Widen halo to what step i needs. */
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

int
qn_cut_item(struct qn_cut *cut, int64_t halo[QN_MAX_DIMS],
            const struct qn_plan_stage *st, const struct qn_task *t, int ranks,
            struct qn_error *err)
{
    const struct qn_type *grid = t->item->type;
    struct qn_lookup fields = qn_item_lookup(t->item);

    memset(halo, 0, QN_MAX_DIMS * sizeof *halo);
    for (int i = 0; i < st->stage->nsteps; i++)
        QN_TRY(widen(halo, &st->stage->steps[i], &fields, grid, err));
    qn_grid_cut(cut, &grid->shape, ranks, halo);
    return 0;
}
