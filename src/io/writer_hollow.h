/* Datasets whose samples the writer does not have: room is left for them, or
 * they come as chunks.  Every other byte of the file is what it would be. */
#ifndef QN_IO_WRITER_HOLLOW_H
#define QN_IO_WRITER_HOLLOW_H

#include "io/writer_parts.h"

/* Leave room for p's samples in a contiguous dataset, and say where. */
int
qn_writer_hollow_leave(
    struct qn_writer_parts *w, hid_t dataset, hid_t memory_type, const struct qn_product *p);

/* Write p's chunks. */
int
qn_writer_hollow_chunks(
    struct qn_writer_parts *w, hid_t dataset, const struct qn_product *p);

#endif
