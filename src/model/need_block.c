/* What a rank holds of an item that a team shares: its block on the way
 * through the steps, its part of operands, and what is gathered of the result.
 *
 * How an item is cut is asked for, through struct qn_need_ask. */
#include "model/need_parts.h"

#include <string.h>

#include "base/least.h"
#include "model/dtype.h"
#include "model/plan_parts.h"
#include "model/shape.h"

/* Bytes of the slab that the first rank of a team gives to reductions. */
static int64_t
product_slab(const struct qn_need_count *c, const struct qn_type *type,
             int64_t together)
{
    const int64_t real = (int64_t)qn_dtype_size(c->st->precision);
    const int64_t all = qn_shape_count(&type->shape);

    return qn_least(qn_most(QN_NEED_PRODUCT_SLAB / real, together), all) *
           (real + (int64_t)qn_dtype_size(type->dtype));
}

/* Is the result of a team brought to its first rank?  Where it is contiguous
 * HDF5 every rank writes its own rows. */
static bool
is_gathered(const struct qn_need_count *c)
{
    const struct qn_result *out = &c->st->stage->output;

    if (qn_plan_several(c->st, c->keep_steps))
        return true;
    return !qn_need_has_members(c->st) && !c->st->stage->nproducts &&
           (out->format != QN_FORMAT_HDF5 || out->compress);
}

int64_t
qn_need_results(const struct qn_plan_stage *st, const struct qn_task *t,
                bool keep_steps)
{
    const struct qn_stage *stage = st->stage;
    const int64_t size = (int64_t)qn_dtype_size(st->precision);
    const int64_t item = qn_shape_count(&t->item->type->shape) * size;
    const int64_t result = qn_shape_count(&t->result->shape) * size;
    const int proper = stage->nsteps - stage->nproducts;
    int64_t bytes = stage->nproducts ? 0 : qn_most(item, result);

    if (keep_steps)
        bytes += (proper - !stage->nproducts) * item;
    return stage->input.dataset.n > 1
               ? (int64_t)stage->input.dataset.n * bytes
               : bytes;
}

/* Bytes of what a file has inflated, with its own while that is done: no part
 * of it can be had by itself. */
static int64_t
inflated_bytes(const struct qn_item *item)
{
    const size_t n = strlen(item->path);

    return n > 3 && !strcmp(item->path + n - 3, ".gz")
               ? qn_shape_bytes(item->type) + item->bytes
               : 0;
}

/* Bytes of the runs of rows in which a result goes to its file: see
 * engine/gather_file.c. */
static int64_t
run_bytes(int64_t memory, int64_t last)
{
    const int64_t mib = 1 << 20;

    return qn_least(last + mib,
                    qn_most(1, qn_least(8, memory / 32 / mib)) * mib);
}

struct block_bytes {
    int64_t held;     /* by the rank that holds most   */
    int64_t gathered; /* that it may gather beside it */
};

/* The block on its way through the steps; before, where no part of the file
 * can be read by itself, the first rank's worker has all of it; then the result
 * on its way to its file, or to the first rank, which gathers it in memory if
 * there is room, else on the disk. */
static struct block_bytes
block_bytes(const struct qn_need *n, const struct qn_need_count *c,
            const struct qn_task *t, int team)
{
    const int64_t inflated = inflated_bytes(t->item);
    const int64_t whole =
        qn_plan_several(c->st, c->keep_steps)
            ? qn_need_results(c->st, t, c->keep_steps)
            : qn_need_real(c, &t->item->type->shape);
    struct qn_need_block b;
    struct block_bytes sum;
    int64_t beside, behind, least;

    c->ask->block(&b, c->st, t, team);
    beside = qn_need_operand_block(c, t, b.part);
    behind = 3 * b.last;
    if (c->st->stage->nproducts)
        // the first rank has a block beside what reductions take
        behind = 2 * b.last +
                 qn_plan_product_need(c->p, c->st, t, n->memory, &least) +
                 product_slab(c, t->item->type, least);
    sum.held = beside + qn_most(b.bytes,
                                b.first + qn_need_operand_reducing(c, n->memory));
    if (inflated)
        sum.held = qn_most(sum.held, beside + 2 * b.first + inflated);
    sum.gathered = n->memory - beside -
                   qn_most(behind, inflated ? 2 * b.first + inflated : 0);
    if (is_gathered(c))
        behind += whole <= sum.gathered ? whole : 0;
    else if (!qn_need_has_members(c->st) && !c->st->stage->nproducts)
        behind = 2 * b.last + 2 * run_bytes(n->memory, b.last);
    sum.held = qn_most(sum.held, beside + behind);
    return sum;
}

void
qn_need_block_count(struct qn_need *n, const struct qn_need_count *c, int team)
{
    struct qn_need_tasks tasks = {0};
    const struct qn_task *t;

    n->gathered = n->memory;
    while ((t = qn_need_next(&tasks, c->st))) {
        const struct block_bytes b = block_bytes(n, c, t, team);

        n->gathered = qn_most(0, qn_least(n->gathered, b.gathered));
        if (b.held <= n->held && n->largest)
            continue;
        n->held = b.held;
        n->largest = t;
    }
}
