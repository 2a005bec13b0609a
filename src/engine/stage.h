/* Doing a stage: items one by one, or combined. */
#ifndef QN_ENGINE_STAGE_H
#define QN_ENGINE_STAGE_H

#include "engine/arena.h"
#include "engine/run.h"

/* Collective.  Make what stage s lacks.  Failed items are recorded in the
 * plan, the same on all ranks; *stopped: it was asked to stop. */
int
qn_stage_run(struct qn_run *run, int s, struct qn_error *err);

/* Collective.  The combining half of it: members to memory, bands over ranks.
 * (stack.c) */
int
qn_stack_run(struct qn_run *run, int s, struct qn_error *err);

/* Collective.  Part by part, each of many items.  (pack.c) */
int
qn_pack_run(struct qn_run *run, int s, struct qn_error *err);

/* Collective.  Are the items of stage s a team's: shared by several ranks, or
 * with states from which a later run may go on, and few enough that each rank
 * takes one, or such states are there?  (team.c) */
int
qn_team_wanted(struct qn_run *run, int s, bool *wanted, struct qn_error *err);

/* Collective.  Item by item, each shared by a team of ranks, of one rank at
 * least.  (team.c) */
int
qn_team_run(struct qn_run *run, int s, struct qn_error *err);

/* Record in the plan of every rank what became of task `unit` of the stage. */
struct qn_stage_done {
    struct qn_run *run;
    int s;
};
int
qn_stage_take(
    void *done, int rank, int64_t unit, int code, int64_t value, const char *text,
    struct qn_error *err);

/* Local.  The temporary name for a target and its folder, which is made.  The
 * caller frees it. */
int
qn_stage_temporary(
    const struct qn_run *run, const struct qn_target *t, char **tmp, struct qn_error *err);

/* Local.  Memory that is shared with workers: where there is no room, a file in
 * the scratch folder, which is then made.  Undo with qn_arena_close. */
int
qn_stage_arena(
    const struct qn_run *run, bool room, struct qn_arena *a, struct qn_error *err);

/* Local.  Seconds that task t may take in a worker. */
double
qn_stage_timeout(const struct qn_stage *stage, const struct qn_task *t);

/* Local.  Bytes of input that a task stands for, for rates and estimates; 0:
 * not known. */
int64_t
qn_stage_bytes(const struct qn_task *t);

/* Local.  Begin to show progress of stage s, if that is wanted. */
struct qn_progress *
qn_stage_progress(const struct qn_run *run, int s);

#endif
