/* Telling: see tell.h.
 *
 * Inside a node only where the lists are; between nodes the items as bytes,
 * some at a time, so that a list never takes its place twice. */
#include "engine/tell.h"

#include "comm/share.h"

enum { AT_ONCE = 1 << 14 }; /* items */

int
qn_tell_items(struct qn_run *run, struct qn_items *items, int rc,
              struct qn_error *err)
{
    struct qn_items head = *items;

    rc = qn_commons_tell(&run->commons, run->comm, &head, sizeof head, rc, err);
    if (rc || run->commons.leads)
        return rc;
    *items = qn_item_borrow(&head);
    return 0;
}

int
qn_tell_plan(struct qn_run *run, int s, int rc, struct qn_error *err)
{
    struct qn_plan_stage *st = &run->plan.stage[s], head = *st;

    rc = qn_commons_tell(&run->commons, run->comm, &head, sizeof head, rc, err);
    if (rc || run->commons.leads)
        return rc;
    head.stage = st->stage;
    head.items = qn_item_borrow(&head.items);
    head.files = qn_item_borrow(&head.files);
    head.uses = qn_item_borrow(&head.uses);
    head.pool = (struct qn_pool){0};
    *st = head;
    return 0;
}

/* ---- between nodes ------------------------------------------------------ */

/* Collective.  Items first ... of rank 0's; *n: how many there were. */
static int
send_some(struct qn_run *run, struct qn_items *items, size_t first, size_t *n,
          struct qn_error *err)
{
    struct qn_text packed = {0};
    struct qn_share some;
    int rc = 0;

    if (run->comm->rank == 0) {
        *n = items->n - first < AT_ONCE ? items->n - first : AT_ONCE;
        rc = qn_item_pack(&packed, items, first, *n, err);
    }
    rc = qn_comm_agree(run->comm, rc, err);
    if (!rc)
        rc = qn_share_open(&some, run->comm, packed.s, packed.len, err);
    qn_text_clear(&packed);
    if (rc)
        return rc;
    if (run->comm->rank) {
        *n = some.size;
        if (run->commons.leads)
            rc = qn_item_unpack(items, some.data, some.size, err);
    }
    qn_share_close(&some);
    return qn_comm_agree(run->comm, rc, err);
}

/* Is all of the run on one node that has one memory? */
static bool
is_together(const struct qn_run *run)
{
    return run->comm->size == 1 ||
           (run->comm->nodes == 1 && run->commons.shared);
}

int
qn_tell_all(struct qn_run *run, struct qn_items *items, int rc,
            struct qn_error *err)
{
    size_t n = 1, first = 0;

    rc = qn_comm_agree(run->comm, rc, err);
    for (; !rc && n && !is_together(run); first += n)
        rc = send_some(run, items, first, &n, err);
    return qn_tell_items(run, items, rc, err);
}
