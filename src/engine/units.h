/* What a stage makes unit by unit: tasks, or targets. */
#ifndef QN_ENGINE_UNITS_H
#define QN_ENGINE_UNITS_H

#include "engine/dispatch.h"
#include "engine/outcome.h"
#include "engine/run.h"

struct qn_units {
    struct qn_run *run;
    int s;
    int *order; /* units to be made, as their turn comes; in the plan */
    int64_t n;
    struct qn_outcomes done; /* owned: what became of them            */
};

/* What differs between stages.  work: ctx is the struct qn_units; total, tick,
 * most_failed and progress are filled in.  order is local, called once a node
 * (order and n are NULL and 0 before).  take is called as qn_outcome_share
 * says, its ctx a struct
 * qn_stage_done (stage.h). */
struct qn_units_way {
    struct qn_work work;
    int (*order)(struct qn_units *u, struct qn_error *err);
    int (*take)(
        void *ctx, int rank, int64_t unit, int code, int64_t value,
        const char *text, struct qn_error *err);
};

/* Collective.  Make them, commit all of it, and tell every rank what became
 * of them. */
int
qn_units_run(
    struct qn_run *run, int s, const struct qn_units_way *way,
    struct qn_error *err);

/* Local.  Sort n tasks of a stage: those of most bytes first, else as they
 * stand in the plan. */
void
qn_units_largest_first(const struct qn_plan_stage *st, int *order, int64_t n);

#endif
