/* What the files that make an item share.  Included by item*.c only.
 *
 *     item.c           from request to reply; reading and applying the steps
 *     item_frames.c    a run of frames, each by itself, to shared memory
 *     item_products.c  what is made of a whole file: the products of an output
 *
 * All local. */
#ifndef QN_WORKER_ITEM_PARTS_H
#define QN_WORKER_ITEM_PARTS_H

#include "io/reader.h"
#include "worker/pass.h"
#include "worker/products.h"
#include "worker/slabs.h"
#include "worker/worker.h"

enum { QN_ITEM_PRODUCTS = 160, QN_ITEM_DATASETS = 64 };

/* What is made of one item. */
struct qn_item_making {
    struct qn_worker *w;
    const struct qn_program *p;
    const json_t *request;
    const json_t *uses;        /* of all steps */
    json_t *reply;
    json_t *cautions;          /* see model/caution.h; NULL: nobody asks   */
    const char *path;
    const char *dataset;       /* borrowed: that is read; NULL: the only one */
    struct qn_reader *reader;  /* owned */
    bool lent;                 /* by the worker, for the frames of a file    */
    struct qn_cards cards;     /* owned */
    struct qn_array array[QN_ITEM_PRODUCTS];     /* owned          */
    char *name[QN_ITEM_PRODUCTS];                /* owned          */
    const char *within[QN_ITEM_PRODUCTS];        /* see qn_product */
    const char *units[QN_ITEM_PRODUCTS];         /* likewise       */
    int axis[QN_ITEM_PRODUCTS];
    size_t n;
    size_t made;               /* of them those that the steps made         */
    size_t result;             /* the first that is no step's: the default  */
    struct qn_slabs *slabs[QN_ITEM_PRODUCTS]; /* owned: NULL where array has
                                  the samples                               */
    struct qn_slabs *turn;     /* that is written                           */
    struct qn_reader *kept[QN_ITEM_DATASETS]; /* owned: those that slabs read */
    size_t nkept;
    bool saved;                /* here, in an output of its own             */
    int64_t decoded;           /* bytes of samples read                     */
    double read, compute, write; /* s */
};

/* Where a result is to lie in the memory that is shared with the rank. */
struct qn_item_place {
    struct qn_item_making *m;
    int64_t index, frames; /* it is one of so many frames */
};

/* Open the file, its only dataset or that one, and take its header cards. */
int
qn_item_open(
    struct qn_item_making *m, const char *dataset, struct qn_error *err);

/* Is it a row of packed results?  Fills that in. */
bool
qn_item_row(const json_t *request, struct qn_source *source);

/* How the steps are to go over what is open; fields, cards and keeper are
 * borrowed and may be NULL. */
struct qn_pass
qn_item_pass(
    struct qn_item_making *m, const struct qn_lookup *fields, struct qn_cards *cards,
    struct qn_keeper *keeper);

/* Read a box, of that type, and apply the steps; the time is counted.  a is
 * at its place in shared memory if it can be. */
int
qn_item_apply(
    struct qn_item_making *m, struct qn_array *a, const struct qn_type *type,
    const struct qn_box *box, const struct qn_item_place *place,
    struct qn_cards *cards, struct qn_keeper *keeper, struct qn_error *err);

/* The same, and take all reductions. */
int
qn_item_reduce(
    struct qn_item_making *m, struct qn_products *all, const struct qn_type *type,
    const struct qn_box *box, struct qn_cards *cards, struct qn_keeper *keeper,
    struct qn_error *err);

/* Samples of a member, or of one frame of it, to shared memory in the type its
 * group is kept in; they may be there.  QN_ESHAPE if the file has changed. */
int
qn_item_hand_over(
    struct qn_item_making *m, const struct qn_array *a, int64_t index, int64_t frames,
    struct qn_error *err);

/* What a reduction has to say of its results, the product's name in front. */
void
qn_item_caution(
    struct qn_item_making *m, const char *product, const struct qn_reduce_run *run);

/* To the type of the output; below 0: as it is. */
int
qn_item_convert(struct qn_array *a, int dtype, struct qn_error *err);

/* Make the frames that the request names, and reply which were lost. */
int
qn_item_frames(struct qn_item_making *m, struct qn_error *err);

/* Make all products of the file: m->array and what stands beside it. */
int
qn_item_products(struct qn_item_making *m, struct qn_error *err);

#endif
