/* Parts of packed results that stay open while their rows are read.
 *
 * Items, and operands, that are rows of one part come one behind the other: a
 * part is opened once for a run of them.  A reader is lent to one at a time; a
 * part of which one is out is opened once more.  All local. */
#ifndef QN_WORKER_OPENED_H
#define QN_WORKER_OPENED_H

#include "io/reader.h"

enum { QN_OPENED = 4 }; /* an item and some operands */

struct qn_opened_one {
    struct qn_reader *reader; /* owned; NULL: none                        */
    char *path, *dataset;     /* owned; dataset NULL: the default one     */
    bool lent;
    int64_t turn;             /* when it was lent the last time           */
};

struct qn_opened {
    struct qn_opened_one one[QN_OPENED];
    int64_t turns;
};

/* A reader of source's row; of the source path, dataset, row and threads count.
 * Undo with qn_opened_return.  Errors are those of qn_reader_open. */
int
qn_opened_lend(
    struct qn_opened *o, struct qn_reader **r, const struct qn_source *source,
    struct qn_error *err);

/* Give back a reader; what was not lent is closed.  NULL is fine. */
void
qn_opened_return(struct qn_opened *o, struct qn_reader *r);

/* Is a part of that path open? */
bool
qn_opened_has(const struct qn_opened *o, const char *path);

/* Close what is not lent: before another stage, whose parts may be new ones of
 * old names, and after a failure. */
void
qn_opened_clear(struct qn_opened *o);

#endif
