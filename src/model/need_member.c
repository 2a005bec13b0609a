/* What the members of results take, and a result while it is put together.
 *
 * Members are kept in half of the memory; what is more goes to the disk. */
#include "model/need_parts.h"

#include "base/least.h"
#include "model/dtype.h"
#include "model/plan_parts.h"
#include "model/shape.h"

static int64_t
member_bytes(const struct qn_need_count *c, const struct qn_task *t)
{
    const struct qn_target *to = &c->st->target[t->target];
    int64_t frames = t->item->frame < 0 ? 1 : t->item->nframes, bytes;

    if (c->st->stage->nproducts)
        return qn_plan_pack_bytes(c->p, c->st, t, &bytes, NULL)
                   ? 0
                   : frames * bytes;
    return frames * qn_shape_count(&t->result->shape) *
           (int64_t)qn_dtype_size((enum qn_dtype)to->member);
}

/* A result while it is put together: with counts, or the frames of a file. */
static int64_t
target_bytes(const struct qn_need_count *c, const struct qn_target *t)
{
    const int64_t n = qn_shape_count(&t->type->shape);
    int64_t bytes = 0;

    if (!c->st->stage->nproducts)
        return qn_shape_bytes(t->type) + 4 * n;
    for (int i = 0; i < t->ntasks; i++)
        bytes += member_bytes(c, &c->st->task[t->task[i]]);
    return bytes;
}

void
qn_need_member(struct qn_need *n, const struct qn_need_count *c, int ranks)
{
    int64_t all = 0, result = 0;

    for (int i = 0; i < c->st->ntasks; i++) {
        const struct qn_task *t = &c->st->task[i];

        if (!t->code && t->target >= 0 && t->result)
            all += member_bytes(c, t);
    }
    for (int i = 0; i < c->st->ntargets; i++) {
        const struct qn_target *t = &c->st->target[i];

        if (!t->code && t->type)
            result = qn_most(result, target_bytes(c, t));
    }
    n->held = qn_least(all / ranks, n->memory / 2);
    n->after = result;
    if (ranks > 1)
        n->after += qn_least(all / ranks, n->memory / 8);
}

void
qn_need_member_team(struct qn_need *n, const struct qn_need_count *c, int team)
{
    const struct qn_task *largest = n->largest;
    const int64_t block = n->held;

    // what reductions of frames give is on one rank
    qn_need_member(n, c, c->st->stage->nproducts ? 1 : team);
    if (!c->st->stage->nproducts)
        n->after = (n->after + team - 1) / team;
    n->held += block;
    n->largest = largest;
    n->gathered = n->memory / 8;
}
