/* Items that are rows of a table, not files. */
#ifndef QN_ENGINE_ROWS_H
#define QN_ENGINE_ROWS_H

#include "engine/run.h"

/* Local, on rank 0.  Each row of the CSV file in->rows: its columns are its
 * fields, its values joined by commas its path; the field `row` counts from 1.
 * QN_EIO, QN_EFORMAT, QN_EMISSING: no rows. */
int
qn_rows_load(
    const struct qn_run *run, const struct qn_input *in,
    struct qn_items *items, struct qn_error *err);

#endif
