/* Members of a combination that no rank has whole: all ranks are one team,
 * which makes them one after the other, and each rank keeps its block of each.
 * The blocks of all members are cut alike, so nothing moves when they are
 * combined. */
#ifndef QN_ENGINE_TEAM_COMBINE_H
#define QN_ENGINE_TEAM_COMBINE_H

#include "engine/bands.h"
#include "engine/dispatch.h"

struct qn_team_members {
    struct qn_run *run;
    int s;                       /* stage                                   */
    const int *task;             /* [work->total]: the task of each unit    */
    struct qn_arena *arena;      /* this rank's blocks                      */
    int64_t *offset;             /* [ntasks], out: of each in it, the same on
                                    all ranks; of frames one block behind the
                                    other; of products all on rank 0        */
    const struct qn_work *work;  /* begin and finish are called on rank 0; the
                                    reply has "cards", and of frames "lost" */
};

/* Collective over all ranks.  run->stopped: asked to stop, some are not made. */
int
qn_team_combine_members(struct qn_team_members *m, struct qn_error *err);

/* Collective over all ranks.  As qn_bands_run, of such members; the leader is
 * rank 0, and what it gets lies in a scratch file where there is no room. */
int
qn_team_combine_bands(struct qn_bands *b, int s, struct qn_error *err);

/* Collective over all ranks.  The same as qn_bands_join. */
int
qn_team_combine_join(struct qn_bands *b, int s, struct qn_error *err);

#endif
