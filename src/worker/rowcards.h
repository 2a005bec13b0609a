/* The header cards of the items of a part: which differ, as columns.
 *
 * A card is one of text if an item has text there; else of whole numbers if
 * all items have one, else of numbers, NaN where there is none.  Commentary is
 * left out, and of cards with one keyword all but the first.  All local. */
#ifndef QN_WORKER_ROWCARDS_H
#define QN_WORKER_ROWCARDS_H

#include "base/pool.h"
#include "io/writer.h"
#include "model/cards.h"

struct qn_rowcards {
    struct qn_pool pool;            /* owned                               */
    struct qn_rowcards_one *column; /* owned                               */
    size_t n, cap;
    size_t rows;                    /* set by the caller                   */
    struct qn_row_column *differ;   /* in the pool                         */
    size_t ndiffer;
};

/* Those of a row. */
int
qn_rowcards_take(
    struct qn_rowcards *r, size_t row, const struct qn_cards *cards,
    struct qn_error *err);

/* Set differ: columns of what is not in the shared cards, in the order in
 * which they came; rows that failed were not taken. */
int
qn_rowcards_settle(
    struct qn_rowcards *r, const struct qn_cards *shared,
    const struct qn_row *rows, struct qn_error *err);

void
qn_rowcards_clear(struct qn_rowcards *r);

#endif
