/* A line of the journal as bytes, and back.  Pure: see journal.h for the form.
 */
#ifndef QN_IO_JOURNAL_LINE_H
#define QN_IO_JOURNAL_LINE_H

#include "io/journal.h"

/* Bytes of the longest line, its newline included. */
#define QN_JOURNAL_LINE_MOST ((size_t)1 << 20)

enum qn_journal_line {
    QN_LINE_RECORD,
    QN_LINE_NOTHING, /* empty, or of a kind this version does not know     */
    QN_LINE_DAMAGED
};

/* Add r's line and its newline.  QN_EVALUE if it is too long, QN_ENOMEM: then
 * the text is as it was. */
int
qn_journal_line_encode(struct qn_text *t, const struct qn_record *r, struct qn_error *err);

/* Read a line in place.  Texts of r are borrowed from it. */
enum qn_journal_line
qn_journal_line_decode(
    struct qn_record *r, /* out: zeros and "" where the line has nothing   */
    char *line,          /* in: [n] bytes without the newline, and one more
                            byte to be overwritten; unspecified afterwards */
    size_t n);

#endif
