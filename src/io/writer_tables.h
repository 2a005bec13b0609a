/* The tables of an output, below its entry.  All local; nothing is written
 * where there is nothing to say. */
#ifndef QN_IO_WRITER_TABLES_H
#define QN_IO_WRITER_TABLES_H

#include "io/writer.h"
#include "io/writer_parts.h"

/* process: program, job, steps, key, and inputs, a row each. */
int
qn_writer_tables_process(
    struct qn_writer_parts *w, hid_t entry, const struct qn_provenance *p);

/* header: a card a row; c may be NULL. */
int
qn_writer_tables_header(
    struct qn_writer_parts *w, hid_t entry, const struct qn_cards *c);

/* items and items_header, of packed results: a line a row. */
int
qn_writer_tables_items(
    struct qn_writer_parts *w, hid_t entry, const struct qn_output *out);
int
qn_writer_tables_columns(
    struct qn_writer_parts *w, hid_t entry, const struct qn_output *out);

#endif
