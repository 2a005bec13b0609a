/* One HDF5 file over the results of a stage, by the record of the run.
 *
 * A result that holds many items, one a row (packed), counts as those items.
 * What belongs to the stage is on its list in OUT/.quern/outputs, what became
 * of each item in the journal.  Results may be damaged like any file: only
 * workers open them.  Everything is looked at first; then one worker writes,
 * and the file appears when it is whole.  A few requests an item, so the time
 * grows with the items.  Local. */
#ifndef QN_ENGINE_MERGE_H
#define QN_ENGINE_MERGE_H

#include "model/job.h"

/* Sources of a virtual file at most: a reader has all of them open, and beyond
 * the limit of descriptors HDF5 shows fill values without an error. */
enum { QN_MERGE_VIRTUAL = 512 };

struct qn_merge_list;

/* All borrowed. */
struct qn_merge_ask {
    const char *stage;         /* DIR/STAGE */
    const char *file;
    struct qn_strings fields;  /* columns that are wanted                  */
    struct qn_strings products; /* none: all                               */
    const char *sort;          /* a field; NULL: order of items            */
    bool concat, is_virtual, skip_broken;
    /* The items, of a run that merges them itself; NULL: by the record of the
     * run.  The file may be where results of the stage belong. */
    int (*items)(void *ctx, struct qn_merge_list *l, struct qn_error *err);
    void *ctx;
};

/* What was merged. */
struct qn_merge_told {
    int64_t items, done, failed, absent, broken;
    int64_t anew;    /* sources that had to be stored anew                 */
    int64_t bytes;   /* of the file                                        */
};

/* QN_EUSAGE, QN_EMISSING: the question is wrong.  QN_EFORMAT, QN_ESHAPE: a
 * source does not fit, and broken ones are not to be skipped.  QN_EOUTPUT: the
 * file could not be written.  QN_ESTOPPED: a signal came.  Nothing is left of
 * what failed. */
int
qn_merge(
    struct qn_merge_told *told, const struct qn_merge_ask *ask, struct qn_error *err);

#endif
