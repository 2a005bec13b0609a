/* Lines of aligned columns, for people.  Local.
 *
 *     struct qn_table t = {.ncols = 3};
 *     qn_table_cell(&t, "...")     as often as there are cells, row by row
 *     qn_table_print(&t, "  ")     each line behind that indent
 *     qn_table_clear(&t)
 */
#ifndef QN_CLI_TABLE_H
#define QN_CLI_TABLE_H

#include "base/text.h"

#define QN_TABLE_COLUMNS 32

struct qn_table {
    int ncols;            /* at most QN_TABLE_COLUMNS                        */
    size_t ncells;
    struct qn_text cells; /* owned: one after the other, each with its NUL   */
    size_t width[QN_TABLE_COLUMNS]; /* characters */
};

/* Control characters, which headers and file names may hold, become "?". */
void
qn_table_cell(struct qn_table *t, const char *text);

/* QN_ENOMEM if any cell found no memory. */
int
qn_table_print(const struct qn_table *t, const char *indent, struct qn_error *err);

void
qn_table_clear(struct qn_table *t);

#endif
