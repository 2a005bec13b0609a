/* Walking folders for the files that match a pattern.  Local.
 *
 * No folder above the pattern's literal front is read, no folder twice, and
 * none that cannot hold a match.  Symbolic links to folders are followed,
 * but "**" follows none that leads back to a folder one is in.
 */
#ifndef QN_IO_WALK_H
#define QN_IO_WALK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "io/pattern.h"

#define QN_WALK_LATER (-2)

struct qn_walk {
    const struct qn_pattern *pattern; /* borrowed; up and absolute are the
                                         caller's business              */
    const char *root;                 /* folder its segments start in   */

    /* Plain files that a folder lists are not looked at: the st_size of each
     * is then QN_WALK_LATER, and nothing else of it is known. */
    bool later;

    /* A match, below root; st is NULL where it could not be looked at. */
    int (*each)(void *ctx, const char *path, const struct stat *st,
                struct qn_error *err);

    /* Need this folder not be entered?  May be NULL. */
    bool (*skip)(void *ctx, const char *path);
    void *ctx;
};

/* In no particular order.  A folder that is not there holds nothing; one that
 * cannot be read is QN_EIO. */
int
qn_walk_files(const struct qn_walk *w, struct qn_error *err);

#endif
