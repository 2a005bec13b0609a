/* A step made ready for one item: its options filled in, its operands there.
 *
 * Knows neither in which order steps go nor whose samples they are given. */
#include "worker/ready.h"

#include <stdlib.h>

#include "base/memory.h"
#include "kernels/points.h"
#include "model/params.h"
#include "model/shape.h"

int
qn_ready_make(struct qn_ready *r, const struct qn_pass *pass, size_t first_use,
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

void
qn_ready_clear(struct qn_ready *r)
{
    if (r->params && r->step->kernel->release)
        r->step->kernel->release(r->params);
    free(r->params);
    r->params = NULL;
}

int
qn_ready_check(const struct qn_ready *r, const struct qn_shape *item,
               struct qn_error *err)
{
    for (int i = 0; i < r->step->noperands; i++)
        QN_TRY(qn_shape_fits(item, &r->operand[i]->type.shape, err));
    return 0;
}

int
qn_ready_points(const struct qn_ready *r, int n, const struct qn_shape *item,
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

int
qn_ready_cards(const struct qn_ready *r, const struct qn_pass *pass,
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
