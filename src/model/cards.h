/* Header cards of an item: keyword, value, comment, in file order.
 * All local. */
#ifndef QN_MODEL_CARDS_H
#define QN_MODEL_CARDS_H

#include <stddef.h>

#include "quern/array.h"
#include "quern/error.h"

struct qn_card {
    char keyword[72]; /* upper case, HIERARCH without the word itself     */
    char value[72];   /* text without quotes, number as written, "T", "F";
                         the text of COMMENT and HISTORY                  */
    char comment[72];
    char kind;        /* 's' text, 'n' number, 'b' logical, 'c' commentary,
                         'u' undefined                                    */
};

struct qn_cards {
    struct qn_card *v; /* owned */
    size_t n, cap;
};

/* Append a card; the keyword is put in upper case.  value and comment may be
 * NULL; what does not fit is cut and ends in "...", but a number or keyword
 * that does not fit is QN_EFORMAT. */
int
qn_cards_add(
    struct qn_cards *c, const char *keyword, const char *value,
    const char *comment, char kind, struct qn_error *err);

/* The first card of that keyword (case-insensitive), or NULL. */
const struct qn_card *
qn_cards_find(const struct qn_cards *c, const char *keyword);

/* Replace the first card of that keyword, or add one.  comment NULL keeps the
 * old comment. */
int
qn_cards_set(
    struct qn_cards *c, const char *keyword, const char *value,
    const char *comment, char kind, struct qn_error *err);

/* Every card of that keyword. */
void
qn_cards_drop(struct qn_cards *c, const char *keyword);

/* After a geometry step (see qn_kernel.map): CRPIX, CD, PC, CDELT, LTV, LTM
 * and the distortion of SIP (A_2_0, BP_1_1) are corrected (those of other
 * coordinate versions, CRPIX1A, too; a pixel coordinate p becomes
 * (p - 0.5 - offset) / factor + 0.5); BIASSEC, TRIMSEC, DATASEC, CCDSEC and
 * the like, now false, are dropped, and so is a card of the first kind that is
 * no number.  Axis 0 is the slowest, so it is FITS
 * axis ndims.  QN_EVALUE for a factor that is not above 0; c is then
 * unchanged. */
int
qn_cards_remap(
    struct qn_cards *c, int ndims, const double *offset, const double *factor,
    struct qn_error *err);

/* Keep in a only what b has with the same value; commentary goes. */
void
qn_cards_intersect(struct qn_cards *a, const struct qn_cards *b);

/* *out is overwritten, not cleared first. */
int
qn_cards_copy(struct qn_cards *out, const struct qn_cards *in, struct qn_error *err);

void
qn_cards_clear(struct qn_cards *c);

#endif
