/* What `quern plan` shows: the plan, and how its results stand by the record
 * of earlier runs.  Local; writes nothing. */
#ifndef QN_CLI_PLAN_VIEW_H
#define QN_CLI_PLAN_VIEW_H

#include "engine/run.h"

/* How a result stands. */
enum qn_plan_view_state {
    QN_PLAN_DONE,   /* it is there, and `run` would not make it again     */
    QN_PLAN_STALE,  /* a file of that name is there, and `run` would make
                       it again                                           */
    QN_PLAN_TODO,   /* none is                                            */
    QN_PLAN_FAILED, /* it cannot be made: a problem of it, or of what it
                       needs, says why                                    */
    QN_PLAN_BEFORE, /* it failed before, and would not be tried again     */
    QN_PLAN_OUT,    /* another shard's                                    */
    QN_PLAN_NSTATES
};

struct qn_plan_view {
    const struct qn_run *run;        /* borrowed                          */
    enum qn_plan_view_state **state; /* owned, [stage][target]            */
};

/* run is prepared; its plan gets the states that earlier runs tell of. */
int
qn_plan_view_open(
    struct qn_plan_view *v, struct qn_run *run, struct qn_error *err);

void
qn_plan_view_clear(struct qn_plan_view *v);

/* ---- facts of a stage --------------------------------------------------- */

/* Items in all; a run of frames counts as many. */
int64_t
qn_plan_view_items(const struct qn_plan_stage *st);

/* Is a result made of several items, so that it can fail by itself? */
bool
qn_plan_view_joined(const struct qn_plan_stage *st);

/* Are its types known?  Not of what programs write. */
bool
qn_plan_view_typed(const struct qn_plan_stage *st);

/* The first task that has not failed: its types stand for all; or NULL. */
const struct qn_task *
qn_plan_view_sample(const struct qn_plan_stage *st);

/* Have all that have not failed the shapes and dtypes of t, before their steps
 * and after them? */
bool
qn_plan_view_alike(const struct qn_plan_stage *st, const struct qn_task *t);

/* What comes out of each of its steps, products left out: an array of the
 * caller's; NULL where there are no steps, or no memory. */
struct qn_type *
qn_plan_view_steps(
    const struct qn_plan_view *v, int s, const struct qn_task *t);

/* The datasets of product number `product` that a task's result will have; how
 * many.  *step is what makes them. */
int
qn_plan_view_product(
    const struct qn_plan_view *v, int s, const struct qn_task *t, int product,
    const struct qn_step **step, struct qn_reduced_type out[QN_MAX_RESULTS]);

/* Bytes that the items of stage s hold, and that its results will. */
void
qn_plan_view_bytes(
    const struct qn_plan_view *v, int s, double *in, double *out);

/* How the ranks of a team share an item. */
struct qn_plan_view_team {
    struct qn_shape blocks; /* along each axis                              */
    struct qn_shape block;  /* samples of the largest                       */
    struct qn_shape halo;   /* samples to either side; zeros: none          */
    int idle;               /* ranks of the team without a block            */
    int64_t bytes;          /* that a rank needs                            */
};

/* Of the largest item of stage s; false: items are not shared, or have no
 * types. */
bool
qn_plan_view_share(
    const struct qn_plan_view *v, int s, struct qn_plan_view_team *team);

/* What would serve the stage better; false: nothing is to be said. */
bool
qn_plan_view_advice(
    const struct qn_plan_view *v, int s, char *buf, size_t size);

/* ---- showing it on stdout ----------------------------------------------- */

/* All stages; items: every item too. */
void
qn_plan_print(const struct qn_plan_view *v, bool items);

/* The path of every result that is there or can be made. */
void
qn_plan_print_outputs(const struct qn_plan_view *v);

/* What each program that is to be run would be given, a line each, as a shell
 * reads it; an exit code. */
int
qn_plan_print_commands(const struct qn_plan_view *v);

/* The plan as one JSON object; an exit code. */
int
qn_plan_json(const struct qn_plan_view *v, bool items);

#endif
