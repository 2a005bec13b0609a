/* reduce: axes are reduced to a number each.
 *
 * The options and the types are here; samples are added up in reduce_fold.c
 * and ranked in reduce_median.c. */
#include "kernels/reduce.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/shape.h"

static const struct qn_option options[] = {
    {"axis", QN_OPTION_NUMBERS, offsetof(struct qn_reduce, axis), "", NULL,
     NULL, "Axis or axes to reduce, from 0, or from -1 at the end; all if not "
           "given."},
    {"method", QN_OPTION_CHOICE, offsetof(struct qn_reduce, method), "mean",
     "sum|mean|std|min|max|median|count", NULL, "What becomes of the samples."},
    {"ddof", QN_OPTION_INTEGER, offsetof(struct qn_reduce, ddof), "0", NULL,
     NULL, "std divides by n - ddof."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static const struct qn_reduction *
way(const struct qn_reduce *p)
{
    return p->method == QN_REDUCE_MEDIAN ? &qn_reduce_median : &qn_reduce_fold;
}

static int
prepare(void *params, struct qn_error *err)
{
    const struct qn_reduce *p = params;

    for (int i = 0; i < p->axis.n; i++)
        if (p->axis.v[i] != floor(p->axis.v[i]) ||
            fabs(p->axis.v[i]) > QN_MAX_DIMS)
            return qn_fail(err, QN_EJOB,
                           "reduce: axis %g is no axis; they are counted from "
                           "0, or from -1 at the end",
                           p->axis.v[i]);
    if (p->ddof < 0 || p->ddof > 1000)
        return qn_fail(err, QN_EJOB, "reduce: ddof is 0, 1 or the like");
    return 0;
}

static enum qn_dtype
dtype_of(const struct qn_reduce *p, const struct qn_reduced *in)
{
    const enum qn_dtype t = in->type.dtype;
    const bool natural = t == QN_U8 || t == QN_U16 || t == QN_U32 ||
                         t == QN_U64;

    if (p->method == QN_REDUCE_COUNT)
        return QN_I32;
    if (qn_dtype_is_real(t))
        return in->real;
    switch (p->method) {
    case QN_REDUCE_SUM:
        return in->noperands ? QN_F64 : natural ? QN_U64 : QN_I64;
    case QN_REDUCE_MIN:
    case QN_REDUCE_MAX: return t;
    default: return QN_F64;
    }
}

/* One weight for each place along the one axis, or one for each sample of the
 * last axes. */
static int
check_weights(const struct qn_reduce *p, const struct qn_reduced *in,
              struct qn_error *err)
{
    const struct qn_shape *s = &in->type.shape, *w;
    int axis = p->axis.n == 1 ? (int)p->axis.v[0] : -1;
    char mine[128], theirs[128];
    bool fits;

    if (in->noperands > 1)
        return qn_fail(err, QN_EJOB, "give one set of weights");
    if (p->method != QN_REDUCE_SUM && p->method != QN_REDUCE_MEAN)
        return qn_fail(err, QN_EJOB, "weights are for method sum and mean");
    if (!in->operand[0])
        return 0;
    w = &in->operand[0]->type.shape;
    axis += axis < 0 ? s->ndims : 0;
    fits = w->ndims >= 1 && w->ndims <= s->ndims;
    if (fits && w->ndims == 1)
        fits = w->n[0] == s->n[axis];
    else
        for (int a = 1; fits && a <= w->ndims; a++)
            fits = w->n[w->ndims - a] == s->n[s->ndims - a];
    if (fits)
        return 0;
    return qn_fail(err, QN_ESHAPE,
                   "weights (%s) do not suit an item of %s: give one for each "
                   "place along the axis, or for each sample of the last axes",
                   qn_shape_text(theirs, sizeof theirs, w),
                   qn_shape_text(mine, sizeof mine, s));
}

static int
results(const void *params, const struct qn_reduced *in,
        struct qn_reduced_type *out, int *n, struct qn_error *err)
{
    const struct qn_reduce *p = params;
    struct qn_reduce_axes axes;

    QN_TRY(qn_reduce_axes_make(&axes, p, &in->type.shape, err));
    if (in->noperands)
        QN_TRY(check_weights(p, in, err));
    *n = 1;
    out[0] = (struct qn_reduced_type){
        .name = "data", .type = {dtype_of(p, in), axes.out}, .axis = -1};
    return 0;
}

/* ---- one of the two ---------------------------------------------------------- */

/* What goes before the state of either. */
struct chosen {
    const struct qn_reduction *way;
    void *state; /* owned */
};

static int64_t
rows(const void *params, const struct qn_reduced *in)
{
    const struct qn_reduction *r = way(params);

    return r->rows ? r->rows(params, in) : 1;
}

static int
open_chosen(void **state, const void *params, const struct qn_reduced *in,
            int *passes, struct qn_error *err)
{
    struct chosen *c;

    QN_TRY(qn_memory_make(state, 1, sizeof *c, "the reduction", err));
    c = *state;
    c->way = way(params);
    return c->way->open(&c->state, params, in, passes, err);
}

static int
parts(void *state, const struct qn_slab *slab, int64_t *n,
      struct qn_error *err)
{
    struct chosen *c = state;

    *n = 0;
    return c->way->parts ? c->way->parts(c->state, slab, n, err) : 0;
}

static void
part(void *state, const struct qn_slab *slab, int64_t i)
{
    struct chosen *c = state;

    c->way->part(c->state, slab, i);
}

static int
merge(void *state, const struct qn_slab *slab, struct qn_error *err)
{
    struct chosen *c = state;

    return c->way->merge ? c->way->merge(c->state, slab, err) : 0;
}

static int64_t
shares(void *state, int pass)
{
    struct chosen *c = state;

    return c->way->shares ? c->way->shares(c->state, pass) : 0;
}

static void
share(void *state, int pass, int64_t i)
{
    struct chosen *c = state;

    c->way->share(c->state, pass, i);
}

static int
turn(void *state, int pass, struct qn_error *err)
{
    struct chosen *c = state;

    return c->way->turn ? c->way->turn(c->state, pass, err) : 0;
}

static int
finish(void *state, const struct qn_array *out, struct qn_error *err)
{
    struct chosen *c = state;

    return c->way->finish(c->state, out, err);
}

static void
close_chosen(void *state)
{
    struct chosen *c = state;

    if (c && c->way)
        c->way->close(c->state);
    free(c);
}

static const struct qn_reduction reduction = {
    .results = results,
    .rows = rows,
    .open = open_chosen,
    .parts = parts,
    .part = part,
    .merge = merge,
    .shares = shares,
    .share = share,
    .turn = turn,
    .finish = finish,
    .close = close_chosen,
};

const struct qn_kernel qn_kernel_reduce = {
    .name = "reduce",
    .summary = "samples along axes become one: sum, mean, std, median and the like",
    .definition =
        "All samples along the given axes become one. NaN samples do not "
        "count; where none counts the result is NaN, a sum too. count is the "
        "number of samples that count, int32. std is "
        "sqrt(sum (x - mean)^2 / (n - ddof)) in two passes, NaN where n <= "
        "ddof; the median of an even count is the mean of the two middle "
        "samples in float64, exact by counting. From integers, sum is int64 "
        "or uint64 and fails where it overflows, and so do mean and std, which "
        "begin with it; min and max have the type of the samples, mean, std "
        "and median are float64; from reals all are of the real type, computed "
        "in float64 and rounded once. With weights (a file or stage, taken as "
        "float64; one for each place along the axis, or one for each sample of "
        "the last axes) sum is sum w x and mean that over sum w. "
        "Order of the additions: where the last axis that is longer than 1 is "
        "kept, each result adds its samples in item order. Where it is "
        "reduced, samples are taken in runs along it and the reduced axes "
        "right before it, cut where tiles end (a tile is as many whole rows, "
        "a power of two, as 32768 samples hold, or 32768 samples of one row; "
        "a row is what one index of the first axis holds); a run is added in "
        "16 sums, sample i to sum i mod 16, of which the last half is added "
        "to the first until one is left; runs follow in item order.",
    .kind = QN_KIND_REDUCTION,
    .version = 2,
    .integer_exact = true,
    .operands = QN_OPERANDS_KEY,
    .operand_key = "weights",
    .params_size = sizeof(struct qn_reduce),
    .options = options,
    .shorthand = "method",
    .prepare = prepare,
    .reduction = &reduction,
};
