/* How many ranks share an item. */
#include <stdio.h>

#include "base/text.h"
#include "model/dtype.h"
#include "model/plan_parts.h"
#include "model/shape.h"

/* The block as it is read, and the two grids between which steps are taken. */
enum { COPIES = 3 };

/* A step that a rank can take on its block, with a halo where it needs one. */
static bool
is_local(const struct qn_step *step)
{
    for (int i = 0; i < step->noperands; i++)
        if (step->operand[i].kind == QN_OPERAND_DATASET ||
            step->operand[i].reduce)
            return false;
    if (step->product)
        return true;
    return (step->kernel->point && step->kernel->real) ||
           step->kernel->stencil;
}

/* The first step that needs the whole item; NULL: none. */
static const char *
whole_step(const struct qn_plan_stage *st)
{
    const struct qn_stage *stage = st->stage;

    for (int i = 0; i < stage->nsteps; i++)
        if (!is_local(&stage->steps[i]))
            return stage->steps[i].kernel->name;
    return NULL;
}

/* Why a stage's items cannot be shared, or NULL. */
static const char *
why_alone(const struct qn_plan_stage *st)
{
    const struct qn_stage *stage = st->stage;

    if (stage->command.given)
        return "a program reads them";
    if (stage->combine.given)
        return "it combines its items";
    if (qn_plan_joins(st) || (st->ntasks && st->task[0].item->frame >= 0))
        return "its items are frames";
    if (stage->output.carry.n)
        return "its outputs carry other datasets";
    if (stage->input.dataset.n > 1)
        return "it reads several datasets";
    return NULL;
}

int64_t
qn_plan_need(const struct qn_plan_stage *st, const struct qn_task *t,
             int ranks)
{
    int64_t samples = qn_shape_count(&t->item->type->shape);
    int64_t size = (int64_t)qn_dtype_size(st->precision);

    return COPIES * size * ((samples + ranks - 1) / ranks);
}

/* The largest need of all items that are to be made. */
static int64_t
largest_need(const struct qn_plan *p, const struct qn_plan_stage *st,
             int ranks, int64_t memory, const struct qn_task **which)
{
    int64_t most = 0;

    *which = NULL;
    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_task *t = &st->task[i];
        int64_t need = 0;

        if (t->code || !t->item->probed)
            continue;
        if (st->stage->nproducts)
            need = qn_plan_product_need(p, st, t, memory);
        // a team's first rank has a block beside what reductions take
        if (!need || ranks > 1)
            need += qn_plan_need(st, t, ranks);
        if (need > most) {
            most = need;
            *which = t;
        }
    }
    return most;
}

static int
refuse(const struct qn_plan *p, const struct qn_plan_stage *st, int ranks,
       int64_t memory, struct qn_error *err)
{
    const struct qn_task *t;
    char need[32], have[32], name[1200], each[48] = "";

    qn_text_size(need, sizeof need,
                 (double)largest_need(p, st, ranks, memory, &t));
    qn_text_size(have, sizeof have, (double)memory);
    if (ranks > 1)
        snprintf(each, sizeof each, " in each of %d ranks", ranks);
    return qn_fail(err, QN_EJOB,
                   "stage %s: %.300s needs %s of memory%s, and a rank may fill "
                   "%s; raise `memory:`, or use more ranks with `team: all`",
                   st->stage->name, qn_item_name(name, sizeof name, t->item),
                   need, each, have);
}

static int
choose(const struct qn_plan *p, struct qn_plan_stage *st, int ranks,
       int64_t memory)
{
    const struct qn_task *t;
    int team = 1;

    if (whole_step(st) || why_alone(st))
        return 1;
    while (2 * team <= ranks && largest_need(p, st, team, memory, &t) > memory)
        team *= 2;
    return team;
}

int
qn_plan_team(struct qn_plan *p, int s, int ranks, int64_t memory,
             struct qn_error *err)
{
    struct qn_plan_stage *st = &p->stage[s];
    int asked = st->stage->team;
    const struct qn_task *t;
    const char *why;

    st->team = asked > 0 ? asked : ranks;
    if (st->team > ranks)
        st->team = ranks;
    if (!asked) {
        st->team = choose(p, st, ranks, memory);
    } else if (asked != 1 && (why = why_alone(st))) {
        return qn_fail(err, QN_EJOB,
                       "stage %s: several ranks cannot share an item, as %s; "
                       "leave `team:` out",
                       st->stage->name, why);
    } else if (asked != 1 && (why = whole_step(st))) {
        return qn_fail(err, QN_EJOB,
                       "stage %s: several ranks cannot share an item, as %s "
                       "needs the whole of it; leave `team:` out",
                       st->stage->name, why);
    }
    if (!why_alone(st) && largest_need(p, st, st->team, memory, &t) > memory)
        return refuse(p, st, st->team, memory, err);
    return 0;
}
