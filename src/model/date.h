/* Dates as headers write them, and the night they belong to.  All local,
 * pure: no time zone, no clock. */
#ifndef QN_MODEL_DATE_H
#define QN_MODEL_DATE_H

#include "quern/error.h"

#define QN_DATE_SIZE 32 /* bytes: "2018-08-10" and room */

/* "-12 h", "+30min", "1 d", "90 s": seconds.  QN_EVALUE. */
int
qn_date_offset(double *seconds, const char *text, struct qn_error *err);

/* The date, "YYYY-MM-DD", of a moment that is offset seconds from text:
 * 2017-12-20T01:33:43.5, 2018-08-10 or FITS's old DD/MM/YY (of 19YY).  The
 * clock counts as it is written; a Z or +hh:mm behind it is ignored.
 * QN_EVALUE. */
int
qn_date_shift(
    char date[QN_DATE_SIZE], const char *text, double offset,
    struct qn_error *err);

#endif
