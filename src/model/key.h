/* Fingerprints: 128 bits over a sequence of pieces, as 32 hex digits.
 *
 * Each piece goes in behind its kind and its length, so that no two different
 * sequences feed the same bytes: ("ab", "c") and ("a", "bc") differ, and so do
 * a number and its text.  The same on every machine.  Against accidents, not
 * against forgers.  All local.
 *
 *     struct qn_fingerprint f;
 *     struct qn_key k;
 *     QN_TRY(qn_key_open(&k, err));
 *     qn_key_text(&k, path);
 *     qn_key_number(&k, size);
 *     qn_key_finish(&k, &f);
 */
#ifndef QN_MODEL_KEY_H
#define QN_MODEL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quern/error.h"

struct qn_strings;

#define QN_KEY_HEX 33 /* 32 digits and the NUL */

/* A finished one; all zero: there is none. */
struct qn_fingerprint {
    unsigned char b[16];
};

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

void
qn_key_strings(struct qn_key *k, const struct qn_strings *s); /* n, then each */

/* Go on with bytes that are not framed: with nothing else the fingerprint is
 * the plain XXH3 of all of them together. */
void
qn_key_plain(struct qn_key *k, const void *p, size_t n);

/* The fingerprint of all pieces so far; closes k. */
void
qn_key_finish(struct qn_key *k, struct qn_fingerprint *f);

/* In lower case, "" for none.  Returns hex. */
const char *
qn_key_hex(char hex[QN_KEY_HEX], const struct qn_fingerprint *f);

/* Back from its text; none for what is no such text. */
void
qn_key_parse(struct qn_fingerprint *f, const char *hex);

/* Is hex the text of f?  None is none, and "" the text of it. */
bool
qn_key_is(const struct qn_fingerprint *f, const char *hex);

bool
qn_key_equal(const struct qn_fingerprint *a, const struct qn_fingerprint *b);

/* Is there none? */
bool
qn_key_none(const struct qn_fingerprint *f);

/* Give up without a fingerprint.  Safe on a zero struct, and twice. */
void
qn_key_close(struct qn_key *k);

#endif
