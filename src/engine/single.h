/* output: {layout: single}: one file over the results of a stage, OUT/STAGE.h5.
 *
 * The results come first, in files of their own or packed, and stay: so a run
 * that carries on makes none of them again, and other stages read them.  When
 * the stage is at its end rank 0 merges them (merge.h) if any differs from
 * those of the file that is there.  It appears whole, and a line of the journal
 * says of which results it is.  A shard does not merge: the run that comes
 * after the last one does. */
#ifndef QN_ENGINE_SINGLE_H
#define QN_ENGINE_SINGLE_H

#include "engine/run.h"

enum qn_single_state {
    QN_SINGLE_DONE,  /* it stands there, over these very results            */
    QN_SINGLE_STALE, /* over others                                         */
    QN_SINGLE_TODO,
    QN_SINGLE_THERE  /* of status: it stands there, and no run has looked over
                        which results since                                  */
};

/* "done", "stale", "to do", "not looked at". */
const char *
qn_single_word(enum qn_single_state state);

/* Local.  How the file of stage s stands, whose results are settled. */
int
qn_single_look(
    enum qn_single_state *state, const struct qn_run *run, int s, struct qn_error *err);

/* Local.  Does it stand there as the journal has it? */
bool
qn_single_stands(
    const char *output, const char *name, int64_t bytes, int64_t mtime_ns);

/* Local, on rank 0.  The file of stage s for the run record: file, state (the
 * word), bytes and mtime_ns; NULL: there is to be none, or a shard runs. */
json_t *
qn_single_json(const struct qn_run *run, int s);

/* Collective.  Make it, if the stage is to have one and it is not there.  What
 * cannot be merged is told and counted in run->unmerged, and the run goes on. */
int
qn_single_run(struct qn_run *run, int s, struct qn_error *err);

#endif
