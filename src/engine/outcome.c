/* Outcomes as bytes: {unit, value, code, length, text}, and once for units one
 * after the other of which all is the same. */
#include "engine/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct head {
    int64_t unit, n; /* the first of them, and how many */
    int64_t value;
    int32_t code;
    uint32_t length; /* of the text, its NUL included   */
};

/* One more of what was added last? */
static bool
continues(const struct qn_outcomes *o, const struct head *next,
          struct head *last)
{
    if (o->packed.failed || o->packed.len == 0)
        return false;
    memcpy(last, o->packed.s + o->last, sizeof *last);
    return next->length == 1 && last->length == 1 &&
           next->unit == last->unit + last->n && next->code == last->code &&
           next->value == last->value;
}

void
qn_outcome_add(struct qn_outcomes *o, int64_t unit, int code, int64_t value,
               const char *text)
{
    struct head h = {unit, 1, value, code, 0}, last;

    text = text ? text : "";
    h.length = (uint32_t)strlen(text) + 1;
    if (continues(o, &h, &last)) {
        last.n++;
        memcpy(o->packed.s + o->last, &last, sizeof last);
        return;
    }
    o->last = o->packed.len;
    qn_text_bytes(&o->packed, &h, sizeof h);
    qn_text_bytes(&o->packed, text, h.length);
}

typedef int
each_fn(void *ctx, int rank, int64_t unit, int code, int64_t value,
        const char *text, struct qn_error *err);

static int
read_one_rank(const char *p, size_t n, int rank, each_fn *each, void *ctx,
              struct qn_error *err)
{
    const char *end = p + n;

    while (p < end) {
        struct head h;

        memcpy(&h, p, sizeof h);
        p += sizeof h;
        for (int64_t i = 0; i < h.n; i++)
            QN_TRY(each(ctx, rank, h.unit + i, h.code, h.value, p, err));
        p += h.length;
    }
    return 0;
}

int
qn_outcome_share(struct qn_comm *comm, struct qn_outcomes *o, each_fn *each,
                 void *ctx, struct qn_error *err)
{
    size_t *sizes = NULL;
    void *all = NULL;
    const char *p;
    int rc = qn_text_check(&o->packed, err);

    if (!rc)
        rc = qn_memory_make((void **)&sizes, (size_t)comm->size,
                            sizeof *sizes, "outcomes", err);
    rc = qn_comm_agree(comm, rc, err);
    if (!rc)
        rc = qn_comm_gather(comm, o->packed.s, o->packed.len, &all, sizes,
                            err);
    p = all;
    for (int r = 0; !rc && r < comm->size; r++) {
        rc = read_one_rank(p, sizes[r], r, each, ctx, err);
        p += sizes[r];
    }
    free(all);
    free(sizes);
    return qn_comm_agree(comm, rc, err);
}

void
qn_outcome_clear(struct qn_outcomes *o)
{
    qn_text_clear(&o->packed);
    o->last = 0;
}
