/* Header cards as they travel between a rank and its workers.  Local. */
#ifndef QN_IO_CARDS_JSON_H
#define QN_IO_CARDS_JSON_H

#include <jansson.h>

#include "model/cards.h"

/* [[keyword, value, comment, kind], ...]; a card that is no UTF-8 cannot
 * travel and is left out. */
json_t *
qn_cards_json_make(const struct qn_cards *cards);

/* Add the cards of such an array. */
int
qn_cards_json_load(struct qn_cards *cards, const json_t *array, struct qn_error *err);

#endif
