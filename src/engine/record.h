/* The run record: OUT/.quern/run.json, of a shard OUT/.quern/shards/TAG.json:
 * what this run was and how it ended. */
#ifndef QN_ENGINE_RECORD_H
#define QN_ENGINE_RECORD_H

#include "engine/run.h"

/* Local, on rank 0.  Replace the record.  state: "running", "done", "failed",
 * "stopped", "watching", "waiting" (a shard, for what it uses), "broken". */
int
qn_record_write(const struct qn_run *run, const char *state, struct qn_error *err);

#endif
