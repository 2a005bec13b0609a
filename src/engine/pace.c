/* Learning the pace: sums over what is done, and a short list of what is at
 * work.  A list that cannot grow for want of memory only learns less. */
#include "engine/pace.h"

#include <stdlib.h>

#include "base/memory.h"

static struct qn_pace_hand *
find(struct qn_pace *p, int64_t unit)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->hand[i].unit == unit)
            return &p->hand[i];
    return NULL;
}

void
qn_pace_begin(struct qn_pace *p, int64_t unit, double now)
{
    struct qn_pace_hand *h = find(p, unit);

    if (!h) {
        if (qn_memory_grow((void **)&p->hand, &p->cap, p->n + 1,
                           sizeof *p->hand, NULL))
            return;
        h = &p->hand[p->n++];
    }
    *h = (struct qn_pace_hand){unit, now};
}

void
qn_pace_end(struct qn_pace *p, int64_t unit, int64_t bytes, double now)
{
    struct qn_pace_hand *h = find(p, unit);

    if (!h)
        return;
    p->seconds += now - h->since;
    p->bytes += bytes > 0 ? (double)bytes : 0;
    p->done++;
    *h = p->hand[--p->n];
}

double
qn_pace_guess(const struct qn_pace *p, int64_t bytes)
{
    if (!p->done)
        return 0;
    if (bytes > 0 && p->bytes > 0)
        return p->seconds * (double)bytes / p->bytes;
    return p->seconds / (double)p->done;
}

void
qn_pace_clear(struct qn_pace *p)
{
    free(p->hand);
    *p = (struct qn_pace){0};
}
