/* Tables in CSV (RFC 4180), row by row.  All local; no disk.
 *
 * Rows end in LF, CRLF or CR; a byte order mark in front is skipped, empty
 * lines too.  A quoted cell may hold commas, rows' ends and doubled quotes.
 */
#ifndef QN_IO_CSV_H
#define QN_IO_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "quern/error.h"

struct qn_csv {
    char *at, *end; /* borrowed: what is still to be read            */
    int64_t line;   /* of the row read last, from 1                  */
    int64_t next;   /* line that `at` stands in                      */
    char **cells;   /* owned; the texts lie in the caller's text */
    size_t n, cap;
};

/* Begin with the len bytes of text, which is changed in reading and must have
 * a NUL behind it. */
void
qn_csv_open(struct qn_csv *c, char *text, size_t len);

/* The next row in cells[n]; n is 0 at the end.  QN_EFORMAT names the line:
 * a quote that does not close, text behind one, a NUL byte. */
int
qn_csv_row(struct qn_csv *c, struct qn_error *err);

void
qn_csv_clear(struct qn_csv *c);

#endif
