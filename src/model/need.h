/* What a rank and its workers hold in memory at most while a stage runs.
 *
 * A pure function of the plan: `quern plan` prints it, a run keeps to it.  What
 * is counted is samples and what is made of them: items as they are read and
 * between the steps, operands, members of a combination, blocks of a team,
 * results.  The processes themselves are beside it.  All local. */
#ifndef QN_MODEL_NEED_H
#define QN_MODEL_NEED_H

#include <stdbool.h>
#include <stdint.h>

struct qn_plan;
struct qn_plan_stage;
struct qn_task;

/* Bytes of a process before it holds any samples: programs, libraries, the
 * plan's pages, what a heap keeps. */
#define QN_NEED_RANK ((int64_t)32 << 20)
#define QN_NEED_WORKER ((int64_t)24 << 20)

/* Samples of the slabs of an item that goes through piece by piece; at least
 * the rows that its steps need together. */
#define QN_NEED_SLAB ((int64_t)1 << 18)

/* Samples, as float64, of an operand that are reduced at a time where a team
 * shares the item, or an eighth of the memory if that is less. */
#define QN_NEED_REDUCED ((int64_t)16 << 20)

/* What of an item the rank of a team holds that has most of it. */
struct qn_need_block {
    int64_t bytes; /* of samples, from the first step to the last      */
    int64_t first; /* of the block that is read                        */
    int64_t last;  /* of the one that comes out of the last step       */
    double part;   /* of the samples of a grid that a block has        */
};

/* What is given. */
struct qn_need_ask {
    int ranks;
    int team;        /* that share an item where they can and the job does not
                        say; -1: all, 0: as needed                        */
    int workers;     /* of a rank, at most                                */
    int64_t memory;  /* bytes that a rank and its workers may fill        */
    bool keep_steps; /* what comes out of each step is kept               */
    /* Local, pure.  How an item is cut is another's to know. */
    void (*block)(
        struct qn_need_block *b, const struct qn_plan_stage *st,
        const struct qn_task *t, int team);
};

/* What it takes. */
struct qn_need {
    int64_t memory;   /* bytes that may be filled                         */
    int64_t item;     /* bytes of the item that takes most, in its worker */
    int64_t window;   /* and of it, rows that are unpacked but not yet asked
                         for                                              */
    int64_t own;      /* bytes of operands that this item uses and others
                         may                                              */
    int64_t every;    /* bytes of all operands of the stage, each once    */
    int64_t held;     /* bytes that a rank holds while its workers work:
                         members, or its part of a shared item            */
    int64_t after;    /* bytes beside them once the workers have ended    */
    int64_t gathered; /* bytes that the first rank of a team may gather   */
    int64_t total;    /* bytes of a rank and its workers, at most         */
    int workers;      /* that fit side by side, at least 1                */
    int fewer;        /* workers that did not fit                         */
    bool slabs;       /* some item goes through slab by slab              */
    bool again;       /* and of it something is read or computed twice    */
    bool apart;       /* each worker keeps operands by itself: two of one
                         rank, whose items use all of them               */
    const struct qn_task *largest; /* borrowed; NULL: nothing is to be done */
};

/* The need of a stage whose items are shared by `team` ranks each.  Types of
 * what programs write are not known before: such a stage needs nothing. */
void
qn_need_stage(
    struct qn_need *n, const struct qn_plan *p, const struct qn_plan_stage *st,
    const struct qn_need_ask *ask, int team);

/* Bytes of a rank's process and of n workers. */
int64_t
qn_need_processes(int workers);

/* Bytes of the results of task t that the first rank of a team gathers, where
 * there are several beside products: see qn_plan_several.  Of other datasets
 * than the first it is not known what they are. */
int64_t
qn_need_results(
    const struct qn_plan_stage *st, const struct qn_task *t, bool keep_steps);

/* Must an item go through slab by slab, in a worker that may fill `share`
 * bytes?  Only where its steps can be taken so. */
bool
qn_need_slabs(
    const struct qn_plan *p, const struct qn_plan_stage *st, const struct qn_task *t,
    int64_t share, bool keep_steps);

/* What each of so many workers may fill, and of it with operands. */
int64_t
qn_need_share(const struct qn_need *n, int workers);
int64_t
qn_need_operands(const struct qn_need *n, int workers);

/* What they may fill with operands that they keep together, 0: nothing; else
 * each has none beside those of the item in hand. */
int64_t
qn_need_shelf(const struct qn_need *n, int workers);

#endif
