/* The steps of an item on the blocks of a team: runs of point kernels on each
 * block by itself, stencils with their halos, and kernels that need a number
 * of the whole grid.
 *
 * Knows neither files nor what becomes of the result. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/generate.h"
#include "engine/overall.h"
#include "engine/team_parts.h"
#include "kernels/points.h"
#include "model/array.h"

/* Point steps from i on that are taken together. */
static int
run_of_points(const struct qn_stage *stage, int i)
{
    int n = 0;

    while (i + n < stage->nsteps && stage->steps[i + n].kernel->point)
        n++;
    return n;
}

static int
take_points(struct qn_team_part *p, int i, int n, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    struct qn_point *point;
    double t0;
    int rc;

    QN_TRY(qn_memory_make((void **)&point, (size_t)n, sizeof *point,
                          "the steps", err));
    for (int k = 0; k < n; k++)
        point[k] = (struct qn_point){
            .kernel = stage->steps[i + k].kernel,
            .params = p->ready[i + k].params,
            .noperands = stage->steps[i + k].noperands,
            .operand = p->ready[i + k].operand,
            .names = p->ready[i + k].names,
        };
    t0 = qn_clock_now();
    rc = qn_points_run(point, n, &p->block.array, p->block.threads, err);
    p->block.computed += qn_clock_now() - t0;
    free(point);
    return rc;
}

/* An earlier step may have made integers. */
static int
make_real(struct qn_team_part *p, const struct qn_kernel *k, struct qn_error *err)
{
    struct qn_array real = {0}, *a = &p->block.array;

    if (!k->real || a->type.dtype == p->st->precision)
        return 0;
    QN_TRY(qn_array_convert(&real, a, p->st->precision, err));
    qn_block_drop(&p->block);
    *a = real;
    return 0;
}

/* Collective over the team.  The step that makes the next grid. */
static int
take_regrid(struct qn_team_part *p, int i, struct qn_error *err)
{
    const struct qn_kernel *k = p->st->stage->steps[i].kernel;
    const struct qn_cut_grid *next = &qn_team_item_grid(p, i + 1)->g;
    struct qn_regrid_part part;

    if (!i)
        return qn_regrid_run(&p->block, k, p->ready[i].params, next,
                             &p->part, true, err);
    part = qn_regrid_part(k, p->ready[i].params, &p->block.grid, &next->cut,
                          p->block.team->rank);
    return qn_regrid_run(&p->block, k, p->ready[i].params, next, &part, false,
                         err);
}

/* Collective over the team.  n steps from i on that are taken together. */
static int
take(struct qn_team_part *p, int i, int n, struct qn_error *err)
{
    const struct qn_kernel *k = p->st->stage->steps[i].kernel;
    const bool has = p->block.team->rank < p->block.cut.nblocks;
    int rc = has ? make_real(p, k, err) : 0;

    QN_TRY(qn_comm_agree(p->block.team, rc, err));
    if (k->real)
        p->block.grid.dtype = p->st->precision;
    if (k->point) {
        rc = has ? take_points(p, i, n, err) : 0;
        return qn_comm_agree(p->block.team, rc, err);
    }
    if (k->regrid)
        return take_regrid(p, i, err);
    if (qn_generate_can(k))
        return qn_generate_run(&p->block, k, p->ready[i].params, err);
    return k->overall
               ? qn_overall_run(&p->block, k, p->ready[i].params, err)
               : qn_block_sweep(&p->block, k, p->ready[i].params, err);
}

int
qn_team_steps(struct qn_team_part *p, int first, int end, struct qn_error *err)
{
    const struct qn_stage *stage = p->st->stage;
    const bool keep = qn_team_results_keep_steps(p);
    int rc = 0;

    for (int i = first; i < end && !rc;) {
        const int points = run_of_points(stage, i);
        const int n = points && !keep ? points : 1;

        rc = take(p, i, n, err);
        if (rc)
            qn_wrap(err, "%s", stage->steps[i].kernel->name);
        // what comes out of the last one is the result itself
        if (!rc && keep && i + 1 < stage->nsteps)
            rc = qn_team_results_step(p, i, err);
        i += n;
    }
    return rc;
}
