/* Lists of names, and the order in which people count them.  All local.
 *
 * A struct qn_names starts as {0}. */
#ifndef QN_IO_NAMES_H
#define QN_IO_NAMES_H

#include <stddef.h>

#include "quern/error.h"

struct qn_names {
    char **v; /* owned, each owned */
    size_t n, cap;
};

/* A copy of name at the end. */
int
qn_names_add(struct qn_names *names, const char *name, struct qn_error *err);

/* From the one at first on, in natural order: runs of digits count as
 * numbers, so that data_2 stands before data_10. */
void
qn_names_sort(struct qn_names *names, size_t first);

/* Every name once, where it stands first.  Cost: n log n. */
int
qn_names_once(struct qn_names *names, struct qn_error *err);

void
qn_names_clear(struct qn_names *names);

#endif
