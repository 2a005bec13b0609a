/* Lists of input files.  Local.
 *
 * A name in .csv is a table whose column `path` names the files and whose
 * other columns are fields; any other list has a path a line, optionally a
 * TAB and a tag, which is the field `tag`.  "-" is the standard input.
 */
#ifndef QN_IO_LIST_H
#define QN_IO_LIST_H

#include "quern/error.h"

/* One entry: fields as in struct qn_found, "" if none. */
typedef int
qn_list_each(
    void *ctx, const char *path, const char *fields, struct qn_error *err);

/* Call each for every entry, in the list's order; stops at the first that
 * fails.  name is used in messages.  QN_EIO, QN_EFORMAT. */
int
qn_list_read(
    const char *path, const char *name, qn_list_each *each, void *ctx,
    struct qn_error *err);

#endif
