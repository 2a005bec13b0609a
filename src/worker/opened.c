/* Keeping readers of parts: see opened.h.  The one that was lent the longest
 * time ago gives way. */
#include "worker/opened.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void
close_one(struct qn_opened_one *one)
{
    qn_reader_close(one->reader);
    free(one->path);
    free(one->dataset);
    *one = (struct qn_opened_one){0};
}

static bool
is_of(const struct qn_opened_one *one, const struct qn_source *s)
{
    return one->reader && !one->lent && !strcmp(one->path, s->path) &&
           !strcmp(one->dataset ? one->dataset : "",
                   s->dataset ? s->dataset : "");
}

/* The place of that part, or one that may be given to it; NULL: all are lent. */
static struct qn_opened_one *
find(struct qn_opened *o, const struct qn_source *s)
{
    struct qn_opened_one *oldest = NULL;

    for (int i = 0; i < QN_OPENED; i++) {
        struct qn_opened_one *one = &o->one[i];

        if (is_of(one, s))
            return one;
        if (!one->lent && (!oldest || one->turn < oldest->turn))
            oldest = one;
    }
    return oldest;
}

/* The reader borrows the texts of its source for as long as it is open. */
static int
open_one(struct qn_opened_one *one, const struct qn_source *source,
         struct qn_error *err)
{
    struct qn_source s = {.one_row = true, .row = source->row,
                          .threads = source->threads};
    int rc = qn_memory_copy(&one->path, source->path, err);

    if (!rc && source->dataset)
        rc = qn_memory_copy(&one->dataset, source->dataset, err);
    s.path = one->path;
    s.dataset = one->dataset;
    if (!rc)
        rc = qn_reader_open(&one->reader, &s, err);
    if (rc)
        close_one(one);
    return rc;
}

int
qn_opened_lend(struct qn_opened *o, struct qn_reader **r,
               const struct qn_source *source, struct qn_error *err)
{
    struct qn_opened_one *one = find(o, source);
    int rc;

    *r = NULL;
    if (!one)
        return qn_reader_open(r, source, err);
    if (is_of(one, source)) {
        rc = qn_reader_turn(one->reader, source->row, err);
    } else {
        close_one(one);
        rc = open_one(one, source, err);
    }
    if (rc) {
        close_one(one);
        return rc;
    }
    one->lent = true;
    one->turn = ++o->turns;
    *r = one->reader;
    return 0;
}

void
qn_opened_return(struct qn_opened *o, struct qn_reader *r)
{
    for (int i = 0; r && i < QN_OPENED; i++)
        if (o->one[i].reader == r) {
            o->one[i].lent = false;
            return;
        }
    qn_reader_close(r);
}

bool
qn_opened_has(const struct qn_opened *o, const char *path)
{
    for (int i = 0; i < QN_OPENED; i++)
        if (o->one[i].reader && !strcmp(o->one[i].path, path))
            return true;
    return false;
}

void
qn_opened_clear(struct qn_opened *o)
{
    for (int i = 0; i < QN_OPENED; i++)
        if (!o->one[i].lent)
            close_one(&o->one[i]);
}
