/* Do all hosts see the same files?
 *
 * A host without the data would fail good items, and faster than the others do
 * them; one whose output folder is its own disk would keep its results where
 * nobody looks for them.  So the first rank of each host looks, before
 * anything is done.  Where all ranks are on one host nothing is looked at. */
#ifndef QN_ENGINE_REACH_H
#define QN_ENGINE_REACH_H

#include "engine/run.h"

/* Collective.  Is what rank 0 wrote to the journal, in the output folder, to
 * be read on every host?  QN_EIO names one where it is not. */
int
qn_reach_output(const struct qn_run *run, struct qn_error *err);

/* Collective.  Is a file that rank 0 sees, of those in items (which count
 * there only), there on every host?  QN_EIO names one where it is not. */
int
qn_reach_inputs(
    const struct qn_run *run, const struct qn_items *items, struct qn_error *err);

#endif
