/* One 80-byte record of a FITS header.  Local, pure: never fails, whatever
 * the bytes are. */
#ifndef QN_IO_FITS_CARD_H
#define QN_IO_FITS_CARD_H

#include <stddef.h>

#include "model/cards.h"

enum qn_fits_card_kind {
    QN_FITS_CARD_EMPTY,     /* blank                                       */
    QN_FITS_CARD_STRUCTURE, /* says how the file is laid out, or sums it   */
    QN_FITS_CARD_CONTINUE,  /* more of the text of the card before         */
    QN_FITS_CARD_ORDINARY
};

/* card is filled for structure too.  record need not be 80 bytes long; what is
 * missing is blank. */
enum qn_fits_card_kind
qn_fits_card_parse(struct qn_card *card, const char *record);

/* Add a record to a header.  The text of CONTINUE records is joined where it
 * fits a card, else both are kept as they are.  Structure and blanks are left
 * out. */
int
qn_fits_card_add(
    struct qn_cards *cards, const char *record, struct qn_error *err);

#endif
