/* The plan of a run: which tasks, which results, with which partners.
 *
 * A pure function of the job and of what is known of the items: it opens
 * nothing and knows neither ranks nor machines, so every rank makes the same
 * plan from the same facts, and so do `quern plan` and the tests.
 *
 * Calling sequence, for each stage in job order:
 *
 *     qn_plan_select(p, s, items)        tasks that pass `where`, their results
 *     qn_plan_files(p, s, &files)        operand files to be looked at
 *     qn_plan_resolve(p, s, files)       partners, types after the steps
 *     qn_plan_keys(p, s)                 fingerprints, once those of the
 *                                        stages it uses are final
 *
 * A problem of one item makes that task fail with a reason; a problem of the
 * job (a `where` that keeps nothing, two results of one name) is returned.
 * All local.
 */
#ifndef QN_MODEL_PLAN_H
#define QN_MODEL_PLAN_H

#include "model/item.h"
#include "model/job.h"
#include "model/key.h"
#include "model/need.h"

enum qn_state {
    QN_TODO,
    QN_FINISHED, /* its result is there, made now or before               */
    QN_FAILED,
    QN_UPSTREAM, /* not tried: the item it comes from failed              */
    QN_BLOCKED,  /* not tried: a result that it uses failed               */
    QN_SKIPPED   /* not asked for: --only, --limit                        */
};

/* An operand of one task, found. */
struct qn_use {
    double number; /* where neither file nor stage                        */
    double scale;
    int stage;     /* index of the stage whose result it is, or -1        */
    int target;    /* index of that result                                */
    int row;       /* of packed results: which; -1: all of it             */
    int file;      /* index in the stage's operand files, or -1           */
};

/* Frames of a run, from 0, that failed by themselves. */
struct qn_lost {
    int64_t n;
    int64_t frame[];
};

/* Tasks and results are kept small, for there may be a million of each: what
 * a pointer leads to is in the stage's pools, and what is equal is there
 * once. */
struct qn_task {
    const struct qn_item *item; /* of the stage's                         */
    const struct qn_use *use;   /* operands of all steps, in order        */
    const struct qn_type *result; /* after the steps; of a run, of one
                                     frame                                */
    const char *reason; /* why it failed; of frames that did, a line each
                           "FRAME REASON\n"; NULL                         */
    const struct qn_lost *lost; /* NULL: none                             */
    struct qn_fingerprint key;
    int target;         /* index of the result it makes or is a member of */
    int16_t code;       /* not 0: it failed                               */
    uint8_t state;      /* enum qn_state                                  */
};

struct qn_target {
    const char *name;   /* file, relative to the output folder            */
    const int *task;    /* its members, in item order                     */
    const struct qn_item *facts; /* what a stage that reads it sees: its
                           item, or one of its own whose path is the name
                           (or that of the file whose frames it has)      */
    const struct qn_type *type; /* of the product `data`                  */
    const char *reason; /* NULL                                           */
    const struct qn_fingerprint *key; /* that of its only task, or its own */
    int ntasks;
    int16_t code;
    uint8_t state;      /* enum qn_state                                  */
    uint8_t member;     /* enum qn_dtype in which members are kept        */
};

struct qn_plan_stage {
    const struct qn_stage *stage; /* borrowed from the job                */
    struct qn_items items;        /* owned                                */
    struct qn_items files;        /* owned: operand files, probed         */
    struct qn_task *task;         /* in item order                        */
    int ntasks;
    struct qn_target *target;
    int ntargets, targets_cap;
    int nuses;                    /* operands of all steps                */
    enum qn_dtype precision;
    int64_t before;               /* items, frames counted, whose results
                                     were there before this run           */
    size_t rejected;              /* items that `where` left out          */
    bool from_rows;               /* its items are rows of packed results */
    bool unpacked;                /* results that come as one file in the end
                                     are too large to be packed before that */
    bool wanted;                  /* --stage: this run is to make it      */
    int team;                     /* ranks that share an item; see
                                     qn_plan_team                         */
    bool can_share;               /* several ranks could share one        */
    struct qn_need need;          /* memory; see qn_plan_team             */
    struct qn_pool pool;          /* owned: what tasks and results are and
                                     lead to                              */
    bool late;                    /* it uses what programs write: types are
                                     known when that is there             */
    struct qn_items uses;         /* owned: of its program's `uses`, with
                                     size and time                        */
};

struct qn_plan {
    const struct qn_job *job;     /* borrowed                             */
    struct qn_plan_stage *stage;  /* owned, [job->nstages]                */
    bool growing;                 /* more items may come: a `where` may keep
                                     none of those there are               */
};

int
qn_plan_open(struct qn_plan *p, const struct qn_job *job, struct qn_error *err);

/* Names of header fields that stage s's items must bring, for itself and for
 * the stages that read its results: distinct, without those every item has. */
int
qn_plan_names(const struct qn_job *job, int s, struct qn_strings *names, struct qn_error *err);

/* Tasks and results of stage s.  items is taken over (left empty).  For a
 * stage that reads another's results items is NULL. */
int
qn_plan_select(struct qn_plan *p, int s, struct qn_items *items, struct qn_error *err);

/* Stage s's operand files, each once, as unprobed items; the field
 * QN_PLAN_PART of each is "DATASET|HDU", what is read of it. */
#define QN_PLAN_PART "@part"
/* "BYTES WINDOW": what reading an item holds beside its samples, and what it
 * may hold so that nothing is unpacked twice (see io/reader.h).  No part of
 * its key. */
#define QN_PLAN_UNPACKS "~unpacks"
int
qn_plan_files(struct qn_plan *p, int s, struct qn_items *files, struct qn_error *err);

/* Find every task's partners and its type after each step.  files is taken
 * over: the probed ones of qn_plan_files. */
int
qn_plan_resolve(struct qn_plan *p, int s, struct qn_items *files, struct qn_error *err);

/* How many ranks share an item of stage s, a pure function of the items, the
 * ranks and the bytes that a rank may fill: 1 if the largest fits, else the
 * smallest power of two whose blocks fit; or what the job says.  Fills team,
 * can_share and need.  QN_EJOB: a step that needs the whole item, or an item
 * that fits nowhere, with the figures and what to do. */
int
qn_plan_team(
    struct qn_plan *p, int s, const struct qn_need_ask *ask, struct qn_error *err);

/* Types of a late stage, once facts.type of the results that it uses is known
 * (facts.probed). */
int
qn_plan_resolve_late(struct qn_plan *p, int s, struct qn_error *err);

/* What comes out of each step of a task that has not failed, of a stage that is
 * not late: out[0 ... stage->nsteps - stage->nproducts), the last one is the
 * task's result. */
int
qn_plan_step_types(
    const struct qn_plan *p, const struct qn_plan_stage *st, const struct qn_task *t,
    struct qn_type *out, struct qn_error *err);

/* Fill in a step's params for one task: zeroed memory of kernel->params_size
 * bytes; prepare is called; undo with qn_plan_params_clear. */
int
qn_plan_params(
    void **params, const struct qn_step *step, const struct qn_lookup *fields,
    struct qn_error *err);
void
qn_plan_params_clear(void **params, const struct qn_step *step);

/* A product of an item.  All borrowed. */
struct qn_plan_product {
    const struct qn_step *step;
    const struct qn_use *use; /* [step->noperands] */
    const struct qn_item *item;
    const struct qn_type *type; /* of the item, after the steps */
};

/* That of step i of the task's stage. */
struct qn_plan_product
qn_plan_product_of(const struct qn_stage *stage, int i, const struct qn_task *t);

/* What a product of a stage is: all its datasets. */
int
qn_plan_product_results(
    const struct qn_plan *p, const struct qn_plan_stage *st,
    const struct qn_plan_product *product, struct qn_reduced_type *out, int *n,
    struct qn_error *err);

/* The type of a product's `data` in a result of stage s; product NULL: of the
 * first. */
int
qn_plan_product_type(
    const struct qn_plan *p, int s, const struct qn_target *t, const char *product,
    struct qn_type *type, struct qn_error *err);

/* A dataset that each frame of a stage that joins them gives.  Local. */
#define QN_PLAN_DATASETS (QN_JOB_MAX_PRODUCTS * QN_MAX_RESULTS)
struct qn_plan_dataset {
    const char *name, *units; /* borrowed; units NULL: none               */
    const char *within;       /* NULL; or the product it belongs to       */
    struct qn_type type;      /* of one frame                             */
};

/* Those of a task that has not failed: out[0 ... *n), at most
 * QN_PLAN_DATASETS. */
int
qn_plan_frame_datasets(
    const struct qn_plan *p, const struct qn_plan_stage *st, const struct qn_task *t,
    struct qn_plan_dataset *out, int *n, struct qn_error *err);

/* Keys of stage s's tasks and results, from those of the stages it uses; a
 * combination counts the members that have not failed. */
int
qn_plan_keys(struct qn_plan *p, int s, struct qn_error *err);

/* Two results of one name, names too long: QN_EJOB before anything runs. */
int
qn_plan_check(const struct qn_plan *p, struct qn_error *err);

/* The k-th file that a result consists of, relative to the output folder: 0 is
 * its name, more has only that of a program (command.writes.n).  The caller's;
 * NULL where a field of it is not there. */
int
qn_plan_output(
    char **name, const struct qn_plan_stage *st, const struct qn_target *t,
    size_t k, struct qn_error *err);

/* Record why a task or a result is not to be had (the first reason stays). */
int
qn_plan_fail_task(
    struct qn_plan_stage *st, struct qn_task *t, enum qn_state state, int code,
    const char *reason, struct qn_error *err);
int
qn_plan_fail_target(
    struct qn_plan_stage *st, struct qn_target *t, enum qn_state state, int code,
    const char *reason, struct qn_error *err);

/* Record frames of a run that failed by themselves, in place of what was
 * recorded: text has a line "FRAME REASON\n" for each, "": none. */
int
qn_plan_lose_frames(
    struct qn_plan_stage *st, struct qn_task *t, const char *text, struct qn_error *err);

/* How many of them there are. */
int64_t
qn_plan_lost(const struct qn_task *t);

/* Samples a pixel that a task brings: 1, or its frames that have not failed;
 * 0 if it failed or is left out. */
int64_t
qn_plan_frames(const struct qn_task *t);

/* Members in all, and those that have not failed.  A member is an item, or a
 * frame of one. */
int64_t
qn_plan_all_members(const struct qn_plan_stage *st, const struct qn_target *t);
int64_t
qn_plan_members(const struct qn_plan_stage *st, const struct qn_target *t);

/* Is the result put together from the runs of frames of one file? */
bool
qn_plan_joins(const struct qn_plan_stage *st);

/* Is more made of an item's steps than one result or one set of products: of
 * several datasets, or (--keep-steps) of each step? */
bool
qn_plan_several(const struct qn_plan_stage *st, bool keep_steps);

/* Does a result hold many items, each in a row of its own?  The cut into such
 * parts is plan_pack.c's. */
bool
qn_plan_packs(const struct qn_plan_stage *st);

/* Are results of the stage made of members, which stand in the journal by
 * their own names: combined, joined or packed? */
bool
qn_plan_has_members(const struct qn_plan_stage *st);

/* Items of a part of packed results, each of so many bytes: as many as make
 * about 4 MiB, at least 16 and at most 1024.  A function of the job and its
 * shapes alone, never of the machine. */
int
qn_plan_pack_rows(int64_t bytes);

/* Bytes of what a task that has not failed gives, all products together. */
int
qn_plan_pack_bytes(
    const struct qn_plan *p, const struct qn_plan_stage *st, const struct qn_task *t,
    int64_t *bytes, struct qn_error *err);

/* Which result of the input stage an item is, and of which row (*row, -1: all
 * of it; row may be NULL); -1: it is a file. */
int
qn_plan_pack_source(
    const struct qn_plan *p, const struct qn_plan_stage *st,
    const struct qn_item *item, int *row);

/* The task whose row of packed results an operand is; NULL: it is none. */
const struct qn_task *
qn_plan_pack_use(const struct qn_plan *p, const struct qn_use *u);

/* "part-000003.h5[17:18]" for a row, else the name as it is: for people and
 * records.  name may be NULL, and is then returned. */
const char *
qn_plan_pack_label(char *buf, size_t size, const char *name, int row);

/* What a row is of the type of its part. */
void
qn_plan_pack_row(struct qn_type *type);

/* The name of an item's row: what its file would be called, were it not
 * packed.  NULL: as its path says (qn_item_stem). */
int
qn_plan_pack_name(
    char **name, const struct qn_plan_stage *st, const struct qn_item *item,
    struct qn_error *err);

/* Fail a result that has fewer good members than it needs. */
int
qn_plan_check_members(
    struct qn_plan_stage *st, struct qn_target *t, struct qn_error *err);

/* Local.  The task fails (QN_UPSTREAM) where what it is made of has failed in
 * the stage before. */
int
qn_plan_check_source(
    const struct qn_plan *p, struct qn_plan_stage *st, struct qn_task *t,
    struct qn_error *err);

/* Members that must not fail (at-least). */
int64_t
qn_plan_required(const struct qn_plan_stage *st, const struct qn_target *t);

void
qn_plan_clear(struct qn_plan *p);

#endif
