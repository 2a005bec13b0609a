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
#include "kernels/remake.h"
#include "kernels/sweep.h"
#include "model/array.h"
#include "model/dtype.h"
#include "worker/ready.h"

/* ---- whole-item kernels ---------------------------------------------------- */

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
apply_whole(const struct qn_ready *r, const struct qn_pass *pass,
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
        rc = k->stencil  ? sweep(k, r->params, &call, pass->program->threads, err)
             : k->regrid ? qn_remake_item(k, r->params, a, &out, err)
                         : k->apply(r->params, &call, err);
    if (!rc)
        rc = qn_ready_cards(r, pass, &a->type.shape, err);
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
apply_run(struct qn_ready *r, int n, const struct qn_pass *pass,
          struct qn_array *a, struct qn_error *err)
{
    for (int i = 0; i < n; i++) {
        int rc = qn_ready_check(&r[i], &a->type.shape, err);

        if (rc)
            return qn_wrap(err, "%s", r[i].step->kernel->name);
    }
    if (r->step->kernel->point)
        return qn_ready_points(r, n, &a->type.shape, 0, NULL, a,
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
    struct qn_ready *r = NULL;
    size_t use = 0;
    int rc = qn_memory_make((void **)&r, (size_t)p->nsteps, sizeof *r,
                            "the steps", err);

    for (int i = 0; !rc && i < p->nsteps;) {
        int n = run_length(pass, i);

        if (p->steps[i].kernel->real)
            rc = make_real(a, p->precision, err);
        for (int k = i; !rc && k < i + n; k++) {
            r[k].step = &p->steps[k];
            rc = qn_ready_make(&r[k], pass, use, a->type.dtype, err);
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
            qn_ready_clear(&r[i]);
    free(r);
    return rc;
}

bool
qn_pass_streams(const struct qn_pass *pass, bool units)
{
    const struct qn_program *p = pass->program;

    for (int i = 0; i < p->nsteps; i++)
        if (!p->steps[i].kernel->point &&
            !(units && p->steps[i].kernel->regrid &&
              p->steps[i].kernel->regrid->apart && p->steps[i].kernel->real))
            return false;
    return !pass->keeper;
}
