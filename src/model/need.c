/* Adding up buffers.
 *
 * A stage takes what its largest item takes, as often as workers fit side by
 * side, beside what its rank holds.  Items of one type need the same, so that
 * a million of them cost a comparison each.  Knows neither files nor
 * processes; plan_product.c knows what reductions take. */
#include "model/need_parts.h"

#include "base/least.h"
#include "model/dtype.h"
#include "model/plan_parts.h"
#include "model/shape.h"

int64_t
qn_need_real(const struct qn_need_count *c, const struct qn_shape *s)
{
    return qn_shape_count(s) * (int64_t)qn_dtype_size(c->st->precision);
}

const struct qn_task *
qn_need_next(struct qn_need_tasks *tasks, const struct qn_plan_stage *st)
{
    while (tasks->at < st->ntasks) {
        const struct qn_task *t = &st->task[tasks->at++];

        // equal types lie in one place
        if (t->code || !t->item->probed ||
            (t->item->type == tasks->type && t->item->bytes <= tasks->bytes))
            continue;
        tasks->type = t->item->type;
        tasks->bytes = t->item->bytes;
        return t;
    }
    return NULL;
}

/* The item that takes most, of those that can be made. */
static void
find_largest(struct qn_need *n, const struct qn_need_count *c, int64_t share)
{
    struct qn_need_tasks tasks = {0};
    const struct qn_task *t;

    n->item = 0;
    n->slabs = false;
    n->largest = NULL;
    while ((t = qn_need_next(&tasks, c->st))) {
        bool slabs;
        const int64_t bytes = qn_need_item(c, t, share, &slabs);

        n->slabs = n->slabs || slabs;
        if (bytes > n->item || !n->largest) {
            n->item = bytes;
            n->largest = t;
        }
    }
}

/* What workers keep together is beside what their items have in hand, but for
 * what one of these uses of it. */
static int64_t
total_of(const struct qn_need *n, int workers)
{
    const int64_t shelf = qn_need_shelf(n, workers);
    const int64_t kept = n->apart ? workers * n->every : shelf;

    return n->held + qn_most(workers * n->item + qn_most(0, shelf - n->own),
                            n->after + kept);
}

/* As many workers as fit side by side. */
static void
fit_workers(struct qn_need *n, const struct qn_need_count *c, int most)
{
    const struct qn_need_unpacking u = qn_need_unpack_stage(c->st);

    n->every = qn_need_operand_stage(c);
    n->workers = most + 1;
    do {
        n->workers--;
        find_largest(n, c, qn_need_share(n, n->workers) - u.bytes);
        n->item += u.bytes;
    } while (n->workers > 1 && n->item > qn_need_share(n, n->workers));
    n->fewer = most - n->workers;
    n->again = n->slabs && !qn_need_rows_once(c, true);
    if (n->largest)
        n->own = qn_need_operand_item(c, n->largest).shared;
    // of what is left: nothing else gives way to it
    n->window = qn_least(qn_least(u.window, QN_NEED_WINDOW_MOST),
                         qn_need_share(n, n->workers) - n->item);
    n->window = qn_most(n->window, 0);
    n->item += n->window;
}

/* Two workers have read operands each for itself, into large pages, before
 * they have put them where both find them.  It takes no more than was counted:
 * every item has all of them in hand. */
static bool
is_apart(const struct qn_need *n, const struct qn_need_ask *ask)
{
    return ask->ranks == 1 && n->workers <= 2 && n->every <= n->own &&
           n->item <= qn_need_share(n, n->workers);
}

bool
qn_need_has_members(const struct qn_plan_stage *st)
{
    return st->stage->combine.given || qn_plan_joins(st);
}

void
qn_need_stage(struct qn_need *n, const struct qn_plan *p,
              const struct qn_plan_stage *st, const struct qn_need_ask *ask,
              int team)
{
    const struct qn_need_count c = {
        p, st, ask->keep_steps && !qn_need_has_members(st), ask};
    int64_t each = (st->ntasks + ask->ranks - 1) / ask->ranks;
    int most = each < ask->workers ? (int)each : ask->workers;

    *n = (struct qn_need){.memory = ask->memory, .workers = 1};
    if (st->stage->command.given || st->late)
        n->workers = ask->workers;
    else if (team > 1) {
        qn_need_block_count(n, &c, team);
        if (qn_need_has_members(st))
            qn_need_member_team(n, &c, team);
    } else {
        if (qn_need_has_members(st))
            qn_need_member(n, &c, ask->ranks);
        fit_workers(n, &c, most > 1 ? most : 1);
        n->apart = is_apart(n, ask);
    }
    n->total = total_of(n, n->workers);
}

int64_t
qn_need_processes(int workers)
{
    return QN_NEED_RANK + workers * QN_NEED_WORKER;
}

int64_t
qn_need_share(const struct qn_need *n, int workers)
{
    int64_t left = n->memory - n->held;

    return left > 0 ? left / workers : 0;
}

int64_t
qn_need_operands(const struct qn_need *n, int workers)
{
    const int64_t room = qn_most(0, qn_need_share(n, workers) - n->item);
    const int64_t most = qn_most(QN_NEED_OPERANDS_MOST, n->every);

    // where others take their place, those of the item before are still there
    // while they are read
    return qn_least(most, n->every <= n->own + room ? n->own + room : room);
}

int64_t
qn_need_shelf(const struct qn_need *n, int workers)
{
    const int64_t room = qn_most(0, qn_need_share(n, workers) - n->item);

    return n->apart ? 0 : qn_least(n->every, n->own + workers * room);
}
