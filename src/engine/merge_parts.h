/* What the files of merge.h share.  Included by merge*.c only.
 *
 *     merge.c        all of it, one step after the other
 *     merge_list.c   what the record says
 *     merge_look.c   what the results hold; which do not fit
 *     merge_rows.c   of results that hold many items: those
 *     merge_order.c  fields: columns, and the order
 *     merge_write.c  the file
 */
#ifndef QN_ENGINE_MERGE_PARTS_H
#define QN_ENGINE_MERGE_PARTS_H

#include "engine/farm.h"
#include "engine/merge_list.h"

/* A column of /entry/items that comes from a field. */
struct qn_merge_field {
    const char *name; /* borrowed from what was asked             */
    bool builtin;     /* it comes from the item's path            */
    bool is_text;     /* some value is no number                  */
    bool whole;       /* all are whole numbers, and none is missing */
    int64_t found;    /* items that have it                       */
};

struct qn_merge {
    const struct qn_merge_ask *ask;  /* borrowed                  */
    struct qn_merge_told *told;      /* borrowed                  */
    struct qn_merge_list list;
    struct qn_farm farm;
    struct qn_merge_field *field;    /* owned: those of --fields, then that
                                        of --sort if it is another */
    size_t nfields, ncolumns;        /* known; shown              */
    json_t *names;                   /* owned: of all fields      */
    json_t *sets;                    /* owned: what all sources have */
    const struct qn_merge_item *first; /* the source that they are held
                                        against                   */
    size_t nsets;
    bool once;      /* axes are the same in all sources */
    int64_t *total; /* owned, [nsets]: of the first axis of the whole */
    bool again;     /* it is to be written once more, one by one: some of them
                       could not be copied together */
    char *where;    /* owned: the folder of the merged file, resolved */
};

/* The full path of an item's result: the caller's. */
int
qn_merge_look_path(
    char **path, const struct qn_merge *m, const struct qn_merge_item *item,
    struct qn_error *err);

/* Look at all results.  What cannot be read is broken then. */
int
qn_merge_look_at(struct qn_merge *m, struct qn_error *err);

/* Put the items of results that hold many in the place of those. */
int
qn_merge_rows_expand(struct qn_merge *m, struct qn_error *err);

/* Is it a row of a file that can be read?  That of a failed item is filled in
 * like the place of one without a result. */
bool
qn_merge_rows_there(const struct qn_merge *m, const struct qn_merge_item *item);

/* How many items from i on are neighbouring rows of one file, which may be
 * copied together; 1 where the file holds one. */
size_t
qn_merge_rows_run(const struct qn_merge *m, size_t i);

/* Hold all against the first, in order; m->sets is made.  What differs is
 * broken then.  QN_EMISSING where nothing is left. */
int
qn_merge_look_compare(struct qn_merge *m, struct qn_error *err);

/* Fields asked for, and their kinds once all values are known. */
int
qn_merge_order_open(struct qn_merge *m, struct qn_error *err);
int
qn_merge_order_settle(struct qn_merge *m, struct qn_error *err);

/* The value of field f of an item as text, or NULL. */
const char *
qn_merge_order_value(
    const struct qn_merge *m, const struct qn_merge_item *item, size_t f);

/* Put the items in order. */
int
qn_merge_order_sort(struct qn_merge *m, struct qn_error *err);

/* Write the file.  *bad is set to the item that was to blame for a failure,
 * which is not the file's. */
int
qn_merge_write(struct qn_merge *m, struct qn_merge_item **bad, struct qn_error *err);

#endif
