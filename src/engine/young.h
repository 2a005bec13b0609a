/* Files that somebody may still be writing: --settle.  Local, on rank 0,
 * where nothing else is said. */
#ifndef QN_ENGINE_YOUNG_H
#define QN_ENGINE_YOUNG_H

#include "engine/run.h"

/* Was a file of that time (ns since 1970) changed less than seconds ago?  A
 * time more than a minute ahead of this machine's clock tells nothing: such a
 * file counts as settled. */
bool
qn_young_is(int64_t mtime_ns, int64_t now_ns, double seconds);

/* Take items that are younger than --settle, or have a companion that is, out
 * of the set, and keep their paths in run->young. */
int
qn_young_drop(struct qn_run *run, struct qn_items *items, struct qn_error *err);

/* Collective.  Does any rank know of one?  Then more items may come. */
int
qn_young_agree(struct qn_run *run, struct qn_error *err);

/* Say how many files were left for the next run, and name the first ones. */
void
qn_young_say(struct qn_run *run);

void
qn_young_clear(struct qn_run *run);

#endif
