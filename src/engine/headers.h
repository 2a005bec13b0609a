/* Header values, and what cannot be read, remembered from run to run, so that
 * a file is opened for its header once: by path, size and time, for one way of
 * reading and one list of names.  Local, on rank 0; no-ops elsewhere. */
#ifndef QN_ENGINE_HEADERS_H
#define QN_ENGINE_HEADERS_H

#include "engine/run.h"

struct qn_headers {      /* of the items of one stage */
    char file[64];        /* in OUT/.quern/headers; "" if not in use      */
    struct qn_items known; /* owned: path, bytes, mtime, type, and only
                              those fields that the header gave           */
    bool changed;
};

/* Give items what is remembered of them. */
int
qn_headers_recall(
    struct qn_run *run, int s, const struct qn_strings *names,
    struct qn_items *items, struct qn_error *err);

/* Remember what was seen of an item. */
int
qn_headers_learn(
    struct qn_run *run, int s, const struct qn_item *item,
    const struct qn_item *seen, struct qn_error *err);

/* Write what has changed. */
int
qn_headers_save(struct qn_run *run, struct qn_error *err);

void
qn_headers_clear(struct qn_run *run);

#endif
