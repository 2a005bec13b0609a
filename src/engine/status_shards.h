/* The records of shards, summed up as if they were one run's.  Local.
 *
 * OUT/.quern/shards/TAG.json, each of the form of the run record.  Counted are
 * those that began after the last whole run, of each stage those of the number
 * of shards that it was cut into last; stages that only the whole run made are
 * taken from its record. */
#ifndef QN_ENGINE_STATUS_SHARDS_H
#define QN_ENGINE_STATUS_SHARDS_H

#include <jansson.h>

#include "quern/error.h"

/* Replace *record (the whole run's, or NULL) by the sum, where there are
 * shards; it has then also
 *
 *     runs    [ID, ...]               of all that is in it
 *     shards  {STATE: COUNT, ...}     "not begun" among them
 *
 * tag: only that shard, "science@2-4"; NULL: all.  QN_EFORMAT: a record is
 * damaged.  QN_EUSAGE: no such shard has begun. */
int
qn_status_shards(
    json_t **record, const char *output, const char *tag, struct qn_error *err);

#endif
