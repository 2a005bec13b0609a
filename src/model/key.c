/* Fingerprints: framing and printing around XXH3's 128-bit hash.
 *
 * Knows nothing of what a key is made of: that is the planner's.  Numbers and
 * lengths go in least significant byte first, whatever the machine.
 * Source: XXH3 as frozen in xxHash 0.8.0, Collet.
 */
#include "model/key.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

#include "model/job.h"

enum piece {
    PIECE_NONE = 'z',
    PIECE_TEXT = 't',
    PIECE_BYTES = 'b',
    PIECE_NUMBER = 'i'
};

int
qn_key_open(struct qn_key *k, struct qn_error *err)
{
    XXH3_state_t *state = XXH3_createState();

    k->state = state;
    if (!state)
        return qn_fail(err, QN_ENOMEM, "no memory for a fingerprint");
    XXH3_128bits_reset(state);
    return 0;
}

// A piece's kind and a 64-bit value: its length, or the number itself.
static void
add_head(struct qn_key *k, enum piece kind, uint64_t value)
{
    unsigned char head[9] = {(unsigned char)kind};

    assert(k->state);
    for (int i = 0; i < 8; i++)
        head[1 + i] = (unsigned char)(value >> (8 * i));
    XXH3_128bits_update(k->state, head, sizeof head);
}

static void
add_piece(struct qn_key *k, enum piece kind, const void *p, size_t n)
{
    add_head(k, kind, n);
    if (n)
        XXH3_128bits_update(k->state, p, n);
}

void
qn_key_text(struct qn_key *k, const char *s)
{
    if (s)
        add_piece(k, PIECE_TEXT, s, strlen(s));
    else
        add_head(k, PIECE_NONE, 0);
}

void
qn_key_bytes(struct qn_key *k, const void *p, size_t n)
{
    add_piece(k, PIECE_BYTES, p, n);
}

void
qn_key_strings(struct qn_key *k, const struct qn_strings *s)
{
    qn_key_number(k, (int64_t)s->n);
    for (size_t i = 0; i < s->n; i++)
        qn_key_text(k, s->v[i]);
}

void
qn_key_plain(struct qn_key *k, const void *p, size_t n)
{
    XXH3_128bits_update(k->state, p, n);
}

void
qn_key_number(struct qn_key *k, int64_t v)
{
    add_head(k, PIECE_NUMBER, (uint64_t)v);
}

void
qn_key_finish(struct qn_key *k, struct qn_fingerprint *f)
{
    XXH128_canonical_t sum;

    _Static_assert(sizeof sum.digest == sizeof f->b, "128 bits");
    assert(k->state);
    XXH128_canonicalFromHash(&sum, XXH3_128bits_digest(k->state));
    memcpy(f->b, sum.digest, sizeof f->b);
    qn_key_close(k);
}

const char *
qn_key_hex(char hex[QN_KEY_HEX], const struct qn_fingerprint *f)
{
    static const char digits[] = "0123456789abcdef";

    hex[0] = '\0';
    if (qn_key_none(f))
        return hex;
    for (size_t i = 0; i < sizeof f->b; i++) {
        hex[2 * i] = digits[f->b[i] >> 4];
        hex[2 * i + 1] = digits[f->b[i] & 15];
    }
    hex[QN_KEY_HEX - 1] = '\0';
    return hex;
}

/* Of a lower-case digit; -1: it is none. */
static int
value_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

void
qn_key_parse(struct qn_fingerprint *f, const char *hex)
{
    struct qn_fingerprint made = {{0}};

    *f = made;
    if (strnlen(hex, QN_KEY_HEX) != QN_KEY_HEX - 1)
        return;
    for (size_t i = 0; i < sizeof made.b; i++) {
        int high = value_of(hex[2 * i]), low = value_of(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return;
        made.b[i] = (unsigned char)(high << 4 | low);
    }
    *f = made;
}

bool
qn_key_equal(const struct qn_fingerprint *a, const struct qn_fingerprint *b)
{
    return !memcmp(a->b, b->b, sizeof a->b);
}

bool
qn_key_is(const struct qn_fingerprint *f, const char *hex)
{
    char mine[QN_KEY_HEX];

    return !strcmp(qn_key_hex(mine, f), hex);
}

bool
qn_key_none(const struct qn_fingerprint *f)
{
    static const struct qn_fingerprint none;

    return !memcmp(f->b, none.b, sizeof f->b);
}

void
qn_key_close(struct qn_key *k)
{
    XXH3_freeState(k->state);
    k->state = NULL;
}
