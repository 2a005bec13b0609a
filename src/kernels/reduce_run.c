/* Running one reduction: passes, slabs, parts, results.
 *
 * Knows no files: whoever has the samples brings them slab by slab.  The parts
 * of a slab do not touch each other's memory, so they may run on threads. */
#include "kernels/reduce_run.h"

#include "base/parallel.h"
#include "model/shape.h"

void
qn_reduce_run_rows(const struct qn_shape *shape, int64_t *rows,
                   int64_t *samples)
{
    int a = qn_shape_row_axis(shape);

    *rows = shape->ndims ? shape->n[a] : 1;
    *samples = 1;
    for (a++; a < shape->ndims; a++)
        *samples *= shape->n[a];
}

int
qn_reduce_run_open(struct qn_reduce_run *run, const struct qn_kernel *kernel,
                   const void *params, const struct qn_reduced *in,
                   struct qn_error *err)
{
    const struct qn_reduction *r = kernel->reduction;

    *run = (struct qn_reduce_run){
        .kernel = kernel, .params = params, .in = *in, .passes = 1,
        .threads = 1};
    QN_TRY(r->results(params, &run->in, run->type, &run->nout, err));
    run->rows = r->rows ? r->rows(params, &run->in) : 1;
    return r->open(&run->state, params, &run->in, &run->passes, err);
}

/* The parts of one slab. */
struct work {
    const struct qn_reduction *reduction;
    void *state;
    const struct qn_slab *slab;
    int pass;
};

static int
do_part(void *ctx, size_t i, int thread, struct qn_error *err)
{
    const struct work *w = ctx;

    (void)thread, (void)err;
    w->reduction->part(w->state, w->slab, (int64_t)i);
    return 0;
}

static int
do_share(void *ctx, size_t i, int thread, struct qn_error *err)
{
    const struct work *w = ctx;

    (void)thread, (void)err;
    w->reduction->share(w->state, w->pass, (int64_t)i);
    return 0;
}

int
qn_reduce_run_slab(struct qn_reduce_run *run, int pass, int64_t first,
                   int64_t n, const void *v, struct qn_error *err)
{
    const struct qn_reduction *r = run->kernel->reduction;
    const struct qn_slab slab = {.first = first, .n = n, .v = v, .pass = pass};
    struct work w;
    int64_t parts = 0;

    if (pass >= run->passes)
        return 0;
    if (r->parts)
        QN_TRY(r->parts(run->state, &slab, &parts, err));
    w = (struct work){r, run->state, &slab, pass};
    QN_TRY(qn_parallel_for(run->threads, (size_t)parts, do_part, &w, err));
    return r->merge ? r->merge(run->state, &slab, err) : 0;
}

int
qn_reduce_run_turn(struct qn_reduce_run *run, int pass, struct qn_error *err)
{
    const struct qn_reduction *r = run->kernel->reduction;

    struct work w = {r, run->state, NULL, pass};

    if (pass >= run->passes)
        return 0;
    if (r->shares)
        QN_TRY(qn_parallel_for(run->threads,
                               (size_t)r->shares(run->state, pass), do_share,
                               &w, err));
    return r->turn ? r->turn(run->state, pass, err) : 0;
}

int
qn_reduce_run_finish(struct qn_reduce_run *run, struct qn_error *err)
{
    const struct qn_reduction *r = run->kernel->reduction;

    for (int i = 0; i < run->nout; i++)
        QN_TRY(qn_array_make(&run->out[i], &run->type[i].type, err));
    QN_TRY(r->finish(run->state, run->out, err));
    if (r->caution)
        r->caution(run->state, run->caution);
    return 0;
}

void
qn_reduce_run_clear(struct qn_reduce_run *run)
{
    for (int i = 0; i < QN_MAX_RESULTS; i++)
        qn_array_clear(&run->out[i]);
    if (run->kernel)
        run->kernel->reduction->close(run->state);
    *run = (struct qn_reduce_run){0};
}
