/* Looking into files: types and header values, by all workers of all ranks. */
#ifndef QN_ENGINE_LOOK_H
#define QN_ENGINE_LOOK_H

#include "engine/run.h"

/* The hidden field in which a file's HDUs with images are listed: "1,2,5". */
#define QN_LOOK_IMAGES "@hdus"

/* Collective.  Look at the items that are not probed yet and have no reason
 * against it, as stage's program says (-1: operands, each by its own format),
 * for the header fields in names; or, with list, only for their images.  What
 * cannot be looked at gets its reason. */
int
qn_look_run(
    struct qn_run *run, int stage, bool list, const struct qn_strings *names,
    struct qn_items *items, struct qn_error *err);

/* Local.  Take an item's type from a worker's answer to "probe". */
int
qn_look_type(
    struct qn_pool *pool, struct qn_item *item, const json_t *reply, struct qn_error *err);

#endif
