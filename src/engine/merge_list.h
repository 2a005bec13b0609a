/* The items of a stage, as the record of its run knows them.  Local. */
#ifndef QN_ENGINE_MERGE_LIST_H
#define QN_ENGINE_MERGE_LIST_H

#include <jansson.h>

#include "base/pool.h"
#include "engine/merge.h"
#include "model/key.h"

enum qn_merge_state {
    QN_MERGE_DONE,
    QN_MERGE_FAILED, /* in the run                                         */
    QN_MERGE_ABSENT, /* not tried, or not done yet                         */
    QN_MERGE_BROKEN  /* there is a result that cannot be merged            */
};

/* Failures that a part has on record, one after the other. */
struct qn_merge_failure {
    const char *path, *reason;
    struct qn_merge_failure *next;
};

struct qn_merge_item {
    const char *name;   /* of its result, from the output folder; NULL: it
                           never was to have one                           */
    const char *label;  /* of its row, where its result holds many; NULL   */
    const char *path;   /* of the item; of a combined result its name      */
    const char *reason; /* FAILED, BROKEN; else NULL                       */
    int64_t bytes, mtime_ns; /* of the result, as the journal has it       */
    int16_t code;            /* why it is BROKEN                           */
    uint8_t state;           /* enum qn_merge_state                        */
    uint8_t kind;            /* of its last line in the journal            */
    bool journaled, told;    /* it has a done line; any                    */
    int64_t row, nrows;      /* which row of its result, of how many; nrows
                                0: the result is of one item               */
    struct qn_merge_failure *failures; /* in the pool                      */
    json_t *items, *cells;   /* owned, of a part that was looked at: see
                                merge_rows.c                               */

    /* Of a result that was looked at, in the pool: equal texts are one. */
    const char *form, *stores, *values, *steps, *key;
    int64_t *rows, *at;      /* [sets] */
    const char **field;      /* [fields asked for]; NULL: missing          */
    int64_t *start;          /* [sets]: where it goes                      */
};

struct qn_merge_list {
    struct qn_merge_item *item; /* owned: order of items */
    size_t n, cap;
    struct qn_pool pool;        /* owned */
    char *output, *stage;       /* owned */
    bool ended;                 /* the run came to its end */
    bool packed;                /* results hold many items each */
};

/* QN_EUSAGE where there is no such folder or stage. */
int
qn_merge_list_open(
    struct qn_merge_list *l, const char *folder, struct qn_error *err);

/* The same, made item by item: one with a result, or (name NULL) without; how
 * it stands, by the file itself; and what failed before it had a result's
 * name, added last, to where its path belongs. */
int
qn_merge_list_add(
    struct qn_merge_list *l, const char *name, const char *path, struct qn_error *err);
int
qn_merge_list_settle(
    struct qn_merge_list *l, struct qn_merge_item *item, struct qn_error *err);
int
qn_merge_list_insert(struct qn_merge_list *l, size_t listed, struct qn_error *err);
int
qn_merge_list_failure(
    struct qn_merge_list *l, struct qn_merge_item *item, const char *path,
    const char *reason, struct qn_error *err);

void
qn_merge_list_close(struct qn_merge_list *l);

/* Take an item for broken. */
int
qn_merge_list_break(
    struct qn_merge_list *l, struct qn_merge_item *item, int code,
    const char *reason, struct qn_error *err);

#endif
