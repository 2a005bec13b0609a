/* Following a rank's block through the steps, as block.c, regrid.c and
 * team_steps.c take it: what is there before a step, beside it, and after it.
 *
 * The first block is the largest.  Knows neither ranks nor samples. */
#include "engine/cut_need.h"

#include "base/least.h"
#include "engine/block.h"
#include "engine/cut.h"
#include "engine/regrid.h"
#include "model/dtype.h"
#include "model/shape.h"

struct following {
    const struct qn_plan_stage *st;
    const struct qn_task *t;
    int team;
    struct qn_cut_grid g;
    enum qn_dtype type; // of the block's samples
    int64_t own;        // samples of it
    int64_t now, most;  // bytes
    double part;        // of a grid that a block has, at most
};

static int64_t
samples_of(const struct qn_box *box)
{
    int64_t n = 1;

    for (int a = 0; a < box->ndims; a++)
        n *= box->count[a];
    return n;
}

static void
note(struct following *f, int64_t bytes)
{
    f->most = qn_most(f->most, bytes);
}

static int64_t
size_of(enum qn_dtype type)
{
    return (int64_t)qn_dtype_size(type);
}

/* The block is one of the grid that there is now. */
static void
enter(struct following *f)
{
    const struct qn_box own = qn_grid_block(&f->g.cut, 0);
    const int64_t whole = qn_shape_count(&f->g.type.shape);

    f->type = f->g.type.dtype;
    f->own = samples_of(&own);
    f->now = f->own * size_of(f->type);
    if (whole && (double)f->own / (double)whole > f->part)
        f->part = (double)f->own / (double)whole;
}

/* Becomes the block: both are there for a while. */
static void
turn(struct following *f, enum qn_dtype type)
{
    const int64_t bytes = f->own * size_of(type);

    note(f, f->now + bytes);
    f->now = bytes;
    f->type = type;
}

/* Samples of the block with what the step's halo adds. */
static int64_t
grown(const struct following *f, const int64_t radius[QN_MAX_DIMS])
{
    const struct qn_box own = qn_grid_block(&f->g.cut, 0);
    int64_t n = 1;

    for (int a = 0; a < own.ndims; a++)
        n *= own.count[a] +
             (f->g.cut.parts[a] > 1 ? 2 * radius[a] : 0);
    return n;
}

/* Between two levels; the block is given back once it is in the first. */
static int
sweep(struct following *f, const struct qn_step *step, const void *params)
{
    struct qn_type in = {f->type, f->g.type.shape}, out = in;
    int64_t radius[QN_MAX_DIMS], every, n;

    QN_TRY(qn_block_radius(radius, step->kernel, params, &in, NULL));
    QN_TRY(qn_block_every(&every, step->kernel, params, &in, NULL));
    if (step->kernel->type && !every)
        QN_TRY(step->kernel->type(params, &in, &out, NULL));
    n = grown(f, radius);
    note(f, f->now + n * size_of(in.dtype));
    note(f, n * (size_of(in.dtype) + size_of(out.dtype)) +
                (every ? f->own * size_of(out.dtype) : 0));
    f->type = out.dtype;
    f->now = f->own * size_of(out.dtype);
    note(f, n * size_of(out.dtype) + f->now);
    return 0;
}

/* What a rank is sent for its block of the next grid, and what of it several
 * are sent. */
static void
find_sources(const struct following *f, const struct qn_step *step,
             const void *params, const struct qn_cut_grid *next, int64_t *all,
             int64_t *common)
{
    *all = *common = 0;
    for (int i = 0; i < next->cut.nblocks; i++) {
        struct qn_regrid_part p = qn_regrid_part(
            step->kernel, params, &f->g.type, &next->cut, i);
        int64_t sum = 0, more = 0;

        for (int j = 0; j < p.n; j++) {
            struct qn_box box = qn_regrid_box(&p.source[j]);

            sum += samples_of(&box);
            more += j ? samples_of(&box) : 0;
        }
        *all = qn_most(*all, sum);
        *common = qn_most(*common, more);
    }
}

/* Sources, and what is on its way in and out; of the first step the sources
 * are what is read. */
static int
regrid(struct following *f, int i, const void *params)
{
    const struct qn_step *step = &f->st->stage->steps[i];
    const int64_t size = size_of(f->type);
    struct qn_cut_grid next;
    int64_t all, common, out;
    bool more;

    QN_TRY(qn_cut_next(&next, &more, &f->g, f->st, f->t, f->team, NULL));
    find_sources(f, step, params, &next, &all, &common);
    out = f->now + f->team * common * size;
    if (i) {
        note(f, f->now + all * size + out);
        note(f, 2 * all * size + out);
    }
    f->g = next;
    enter(f);
    note(f, all * size + f->now);
    return 0;
}

static int
follow(struct following *f, int i)
{
    const struct qn_step *step = &f->st->stage->steps[i];
    struct qn_lookup fields = qn_item_lookup(f->t->item);
    const struct qn_kernel *k = step->kernel;
    void *params = NULL;
    int rc = 0;

    if (step->product)
        return 0;
    if (k->real && f->type != f->st->precision) {
        turn(f, f->st->precision);
        f->g.type.dtype = f->type;
    }
    if (!k->stencil && !k->regrid)
        return 0;
    rc = qn_plan_params(&params, step, &fields, NULL);
    if (!rc)
        rc = k->stencil ? sweep(f, step, params) : regrid(f, i, params);
    qn_plan_params_clear(&params, step);
    return rc;
}

void
qn_cut_need(struct qn_need_block *b, const struct qn_plan_stage *st,
            const struct qn_task *t, int team)
{
    struct following f = {.st = st, .t = t, .team = team};

    *b = (struct qn_need_block){.part = 1};
    if (qn_cut_item(&f.g, st, t, team, NULL))
        return;
    // it is read as the first step wants it
    if (st->stage->nsteps && !st->stage->steps->product &&
        st->stage->steps->kernel->real)
        f.g.type.dtype = st->precision;
    enter(&f);
    note(&f, f.now);
    b->first = f.now;
    for (int i = 0; i < st->stage->nsteps; i++)
        if (follow(&f, i))
            break;
    b->bytes = f.most;
    b->last = f.now;
    b->part = f.part;
}
