/* States of a sweep that a team keeps on its way: the result, as far as it has
 * come, and where a run goes on that was killed in the middle.
 *
 * In OUT/.quern/scratch, under a name made of the result's: NAME.frames, the
 * file that will be the result (contiguous HDF5), or the states alone;
 * NAME.state, two of them in the type of computing, where the result has
 * another; NAME.mark, a line that says whose they are and how many are
 * complete, and that is replaced once a state is on the disk.  All are gone
 * when the result is there.
 */
#ifndef QN_ENGINE_SNAPSHOT_H
#define QN_ENGINE_SNAPSHOT_H

#include "engine/deliver.h"

struct qn_snapshot {
    struct qn_delivery *d; /* borrowed                                      */
    char *base;            /* owned: path without .frames and the like      */
    char *frames;          /* owned: path of what has the states            */
    int64_t at;            /* byte of the first in it                       */
    int64_t every;         /* steps                                         */
    int64_t done;          /* states that are complete                      */
};

enum { QN_SNAPSHOT_NAME = 64 };

/* Local.  The name, without ending, of what is kept for the result of that
 * name. */
int
qn_snapshot_name(char name[QN_SNAPSHOT_NAME], const char *result, struct qn_error *err);

/* Local.  How many states task t keeps along the new axis of its result; 0:
 * it keeps none.  For stages whose items can be shared. */
int64_t
qn_snapshot_count(const struct qn_task *t);

/* Local.  Has an earlier run kept something for the result of that name? */
bool
qn_snapshot_there(const struct qn_run *run, const char *result);

/* Collective over the team.  Find what an earlier run has kept of this item,
 * else begin: s->done says how much there is.  every: steps between states. */
int
qn_snapshot_open(
    struct qn_snapshot *s, struct qn_delivery *d, int64_t every, struct qn_error *err);

/* Local.  The last complete state to the rank's block. */
int
qn_snapshot_load(const struct qn_snapshot *s, struct qn_error *err);

/* Collective over the team.  One state more: what is in the blocks.  s is a
 * struct qn_snapshot. */
int
qn_snapshot_keep(void *s, struct qn_error *err);

/* Collective over the team.  All states are there: they become the result. */
int
qn_snapshot_finish(struct qn_snapshot *s, struct qn_error *err);

void
qn_snapshot_close(struct qn_snapshot *s);

#endif
