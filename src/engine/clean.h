/* What no longer belongs into an output folder: finding it, removing it.
 *
 * Only what quern itself has made, by its name: .h5 and .fits files that are
 * OUT/STAGE.h5 or lie in OUT/STAGE/, of a stage in OUT/.quern/outputs, and
 * that no list there names; temporaries beside those and in OUT/.quern;
 * OUT/.quern/scratch, but for the states that a run goes on from, of results
 * that are listed; folders that are empty then.  Links are never followed,
 * nor removed, but in scratch.  Local.
 *
 *     struct qn_clean c;
 *     QN_TRY(qn_clean_open(&c, output, dry, err));
 *     qn_clean_remove(&c, err);
 *     qn_clean_close(&c);
 */
#ifndef QN_ENGINE_CLEAN_H
#define QN_ENGINE_CLEAN_H

#include <stdint.h>

#include "engine/clean_list.h"

enum qn_clean_why {
    QN_CLEAN_ORPHAN,    /* its item is no longer in the job                */
    QN_CLEAN_STAGE,     /* its stage is no longer in the job               */
    QN_CLEAN_TEMPORARY, /* a file that a killed run had begun              */
    QN_CLEAN_SCRATCH,
    QN_CLEAN_FOLDER     /* nothing else is left in it                      */
};

struct qn_clean_entry {
    char *path; /* owned: relative to the output folder */
    enum qn_clean_why why;
    int64_t bytes;
};

struct qn_clean {
    struct qn_clean_entry *v; /* owned: in the order to remove them       */
    size_t n, cap;
    size_t files, folders;    /* that are to go; then, that went          */
    int64_t bytes;
    char *output;             /* owned                                    */
    int lock;                 /* -1: none                                 */
    struct qn_clean_list list;
};

/* Find what is to go and, unless dry, take the lock until qn_clean_close.
 * QN_EUSAGE: a run is at work there, or it is no output folder. */
int
qn_clean_open(
    struct qn_clean *c, const char *output, bool dry, struct qn_error *err);

/* Remove it.  What cannot be removed stays, the rest goes all the same; the
 * first failure is returned.  Numbers become those of what went. */
int
qn_clean_remove(struct qn_clean *c, struct qn_error *err);

void
qn_clean_close(struct qn_clean *c);

#endif
