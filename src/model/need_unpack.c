/* What unpacking takes: files whose samples lie together in compressed chunks.
 *
 * A reader said it when it looked at the file; see io/reader.h.  Knows neither
 * chunks nor codecs. */
#include "model/need_parts.h"

#include <stdlib.h>

#include "base/least.h"
#include "model/plan_parts.h"

struct qn_need_unpacking
qn_need_unpack_item(const struct qn_item *item)
{
    struct qn_need_unpacking u = {0};
    struct qn_value v;
    char *rest;

    if (item->fields && qn_item_find(item, QN_PLAN_UNPACKS, &v)) {
        u.bytes = strtoll(v.text, &rest, 10);
        u.window = strtoll(rest, NULL, 10);
    }
    return u;
}

struct qn_need_unpacking
qn_need_unpack_stage(const struct qn_plan_stage *st)
{
    const struct qn_item *last = NULL;
    struct qn_need_unpacking most = {0};

    for (int i = 0; i < st->ntasks; i++) {
        const struct qn_item *item = st->task[i].item;
        struct qn_need_unpacking u;

        // runs of frames of one file have its texts
        if (st->task[i].code || (last && item->fields == last->fields))
            continue;
        last = item;
        u = qn_need_unpack_item(item);
        most.bytes = qn_most(most.bytes, u.bytes);
        most.window = qn_most(most.window, u.window);
    }
    return most;
}
