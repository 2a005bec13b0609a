/* How many ranks share an item: as the job says; else one, or the first power
 * of two with which it fits.
 *
 * need.c counts what a stage needs on a team.  A stage that fits in no way is
 * refused here, with the memory that would do. */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "model/plan_parts.h"

/* A step that a rank can take on its block, with a halo where it needs one, a
 * number of the whole grid, or other ranks' samples. */
static bool
is_local(const struct qn_step *step)
{
    if (step->product)
        return true;
    return (step->kernel->point && step->kernel->real) ||
           step->kernel->stencil || step->kernel->overall ||
           step->kernel->regrid;
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

/* Are the ranks that share an item of it all of them, as what it gives is a
 * member of something that is spread over them? */
static bool
is_all_ranks(const struct qn_plan_stage *st)
{
    return st->stage->combine.given || qn_plan_joins(st);
}

/* Does a step keep states along a new axis, which only the last can do on a
 * team? */
static bool
keeps_states(const struct qn_plan_stage *st)
{
    const struct qn_stage *stage = st->stage;
    const int last = stage->nsteps - 1;

    for (int i = 0; i < stage->nsteps; i++) {
        json_t *every = json_object_get(stage->steps[i].params, "every");

        if (every && (i < last || stage->nproducts || is_all_ranks(st)) &&
            !(json_is_integer(every) && !json_integer_value(every)))
            return true;
    }
    return false;
}

/* Why a stage's items cannot be shared, or NULL. */
static const char *
why_alone(const struct qn_plan_stage *st)
{
    const struct qn_stage *stage = st->stage;

    if (stage->command.given)
        return "a program reads them";
    if (qn_plan_packs(st))
        return "its results are packed";
    if (st->from_rows)
        return "its items are rows of packed results";
    if (keeps_states(st))
        return "it goes on with states kept by `every`, which must be its "
               "last step then";
    return NULL;
}

/* May several ranks share an item? */
static bool
may_share(const struct qn_plan_stage *st)
{
    return !whole_step(st) && !why_alone(st);
}

static bool
fits(const struct qn_plan *p, struct qn_plan_stage *st,
     const struct qn_need_ask *ask, int team)
{
    qn_need_stage(&st->need, p, st, ask, team);
    return st->need.total <= ask->memory;
}

/* What takes most: an item, or what a rank holds of all. */
static void
name_largest(char *buf, size_t size, const struct qn_plan_stage *st)
{
    const struct qn_need *n = &st->need;

    if (!n->largest || n->held + n->after > n->item)
        snprintf(buf, size, "what it combines");
    else if (qn_plan_packs(st))
        snprintf(buf, size, "a part of packed results");
    else
        qn_item_name(buf, size, n->largest->item);
    if (st->team > 1 && n->largest)
        qn_item_name(buf, size, n->largest->item);
}

/* The memory with which a stage fits: what it takes may grow with what it is
 * given, as slabs do, so that the first figure would be refused again. */
static int64_t
enough(const struct qn_plan *p, const struct qn_plan_stage *st,
       const struct qn_need_ask *ask, int team, struct qn_need *n)
{
    struct qn_need_ask more = *ask;

    for (int tries = 0; tries < 100; tries++) {
        qn_need_stage(n, p, st, &more, team);
        if (n->total <= more.memory)
            break;
        more.memory = n->total;
    }
    return more.memory;
}

/* Of the teams that could share its items the one that needs least. */
static int
cheapest_team(const struct qn_plan *p, const struct qn_plan_stage *st,
              const struct qn_need_ask *ask)
{
    struct qn_need n;
    int64_t least = enough(p, st, ask, 1, &n);
    int best = 1;

    for (int team = 2; may_share(st) && team <= ask->ranks; team *= 2) {
        int64_t need = enough(p, st, ask, team, &n);

        if (need < least) {
            least = need;
            best = team;
        }
    }
    return best;
}

/* Would it fit if very many ranks shared its items? */
static bool
sharing_helps(const struct qn_plan *p, const struct qn_plan_stage *st,
              struct qn_need_ask ask)
{
    struct qn_need n;

    if (!may_share(st))
        return false;
    ask.ranks = 4096;
    qn_need_stage(&n, p, st, &ask, ask.ranks);
    return n.total <= ask.memory;
}

/* So that the figure, as it is printed, is enough. */
static double
round_up(double bytes)
{
    double unit = 1, step;

    while (bytes / unit >= 1023.5)
        unit *= 1024;
    step = bytes / unit < 99.95 ? unit / 10 : unit;
    return unit > 1 ? ceil(bytes / step) * step : bytes;
}

static int
refuse(const struct qn_plan *p, struct qn_plan_stage *st,
       const struct qn_need_ask *ask, struct qn_error *err)
{
    char need[32], have[32], name[1200], each[48] = "";
    const int64_t bytes = enough(p, st, ask, st->team, &st->need);

    qn_text_size(need, sizeof need, round_up((double)bytes));
    qn_text_size(have, sizeof have, (double)ask->memory);
    name_largest(name, sizeof name, st);
    if (st->team > 1)
        snprintf(each, sizeof each, " in each of %d ranks", st->team);
    return qn_fail(err, QN_EJOB,
                   "stage %s: %.300s needs %s of memory%s, and a rank may fill "
                   "%s; raise `memory:`%s",
                   st->stage->name, name, need, each, have,
                   sharing_helps(p, st, *ask)
                       ? ", or use more ranks with `team: all`"
                       : "");
}

static int
choose(const struct qn_plan *p, struct qn_plan_stage *st,
       const struct qn_need_ask *ask)
{
    const bool alone = fits(p, st, ask, 1);
    int team = 1;

    if (is_all_ranks(st))
        return may_share(st) && !alone ? ask->ranks : 1;
    if (!may_share(st) || (alone && !st->need.again))
        return 1;
    // what would be read again and again alone is better shared
    while (2 * team <= ask->ranks && (team == 1 || !fits(p, st, ask, team)))
        team *= 2;
    return alone && !fits(p, st, ask, team) ? 1 : team;
}

int
qn_plan_team(struct qn_plan *p, int s, const struct qn_need_ask *ask,
             struct qn_error *err)
{
    struct qn_plan_stage *st = &p->stage[s];
    int asked = st->stage->team;
    const char *why;

    st->can_share = may_share(st);
    if (!asked && ask->team && st->can_share)
        asked = ask->team;

    st->team = asked > 0 ? asked : ask->ranks;
    if (st->team > ask->ranks || (st->team > 1 && is_all_ranks(st)))
        st->team = ask->ranks;
    if (!asked) {
        st->team = choose(p, st, ask);
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
    if (fits(p, st, ask, st->team))
        return 0;
    if (!asked && !is_all_ranks(st))
        st->team = cheapest_team(p, st, ask);
    return refuse(p, st, ask, err);
}
