/* --shard I/N: this run makes its part of the items, N runs make them all.
 *
 * Items are numbered by a list that the first shard of a stage freezes in
 * OUT/.quern/shards/STAGE.list: item i belongs to shard i mod N, whatever comes
 * to the input folder or goes from it while the others wait in a queue.  Items
 * that are results of an item-by-item stage have the numbers of the items
 * those were made of, so a chain of such stages stays within one shard.
 *
 * A shard makes the stage that --stage names, else all item-by-item stages.
 * What these use of other stages must be there: a shard never makes it, since
 * N of them would.  A combined stage is made as a whole, as shard 0/1. */
#ifndef QN_ENGINE_SHARD_H
#define QN_ENGINE_SHARD_H

#include "engine/run.h"

/* Local.  "2/16" in two numbers; QN_EUSAGE. */
int
qn_shard_parse(
    int *index, int *count, const char *text, struct qn_error *err);

/* Local.  "science@2-16", the name of this shard's files in OUT/.quern; ""
 * where the run is whole.  buf holds QN_SHARD_TAG bytes. */
enum { QN_SHARD_TAG = 300 };
const char *
qn_shard_tag(char *buf, size_t size, const struct qn_run_options *options);

/* Local.  Does this run make stage s?  Always where it is whole. */
bool
qn_shard_makes(const struct qn_run *run, int s);

/* Local.  QN_EUSAGE: a combined stage in parts, or nothing to be cut. */
int
qn_shard_check(const struct qn_run *run, struct qn_error *err);

/* Collective, after qn_run_prepare.  Leave out what belongs to other shards.
 * freeze: the output folder is locked, so the lists may be written and are
 * then what counts; else they are only looked at.  QN_EUSAGE: the job
 * is another than the one of the lists. */
int
qn_shard_choose(struct qn_run *run, bool freeze, struct qn_error *err);

/* Collective.  Stage s in its turn, of a whole run or a shard: what a shard
 * makes is made, of what it
 * uses is found out how it stands.  Where something that a stage uses is
 * neither made nor failed, run->waiting and run->stopped are set. */
int
qn_shard_stage(struct qn_run *run, int s, struct qn_error *err);

#endif
