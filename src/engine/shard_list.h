/* The frozen list of a stage's items: OUT/.quern/shards/STAGE.list.  Local. */
#ifndef QN_ENGINE_SHARD_LIST_H
#define QN_ENGINE_SHARD_LIST_H

#include "engine/run.h"

/* Number the items of stage s by its list.  unit: [ntasks], -1 where the item
 * is not on it; the runs of frames that make one result have one number.
 *
 * freeze: the list is written where there is none, so that of several shards
 * that start at once one writes and all read the same.  A list of another job,
 * or of other items, is written anew where no other shard is at work and this
 * is another array job of SLURM; else the first is QN_EUSAGE, the second a
 * warning. */
int
qn_shard_list_number(
    const struct qn_run *run, int s, bool freeze, int64_t *unit,
    struct qn_error *err);

#endif
