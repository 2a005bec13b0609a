/* Fingerprints: 128 bits over a sequence of pieces, as 32 hex digits.
 *
 * Each piece goes in behind its kind and its length, so that no two different
 * sequences feed the same bytes: ("ab", "c") and ("a", "bc") differ, and so do
 * a number and its text.  The same on every machine.  Against accidents, not
 * against forgers.  All local.
 *
 *     struct qn_key k;
 *     char hex[QN_KEY_HEX];
 *     QN_TRY(qn_key_open(&k, err));
 *     qn_key_text(&k, path);
 *     qn_key_number(&k, size);
 *     qn_key_finish(&k, hex);
 */
#ifndef QN_MODEL_KEY_H
#define QN_MODEL_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "quern/error.h"

#define QN_KEY_HEX 33 /* 32 digits and the NUL */

struct qn_key {
    void *state; /* owned; NULL when closed */
};

int
qn_key_open(struct qn_key *k, struct qn_error *err); /* QN_ENOMEM */

/* Add one piece.  A NULL text is a piece of its own kind, unlike "". */
void
qn_key_text(struct qn_key *k, const char *s);
void
qn_key_bytes(struct qn_key *k, const void *p, size_t n);
void
qn_key_number(struct qn_key *k, int64_t v);

/* The fingerprint of all pieces so far, in lower case; closes k. */
void
qn_key_finish(struct qn_key *k, char hex[QN_KEY_HEX]);

/* Give up without a fingerprint.  Safe on a zero struct, and twice. */
void
qn_key_close(struct qn_key *k);

#endif
