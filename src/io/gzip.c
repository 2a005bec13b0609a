/* Gzip, inflated as a whole with libdeflate.
 *
 * The length a gzip file gives for its content is modulo 4 GiB and may be a
 * lie, so it is only a first guess; what deflate can reach at most (1,032
 * bytes out of one) bounds every allocation.
 */
#include "io/gzip.h"

#include <libdeflate.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define MOST_FROM_ONE   1032 // bytes deflate can make of one
#define SHORTEST_MEMBER 18   // bytes: header and trailer

struct sink {
    unsigned char *data; /* owned */
    size_t n, cap;       /* bytes */
};

bool
qn_gzip_is(const unsigned char *p, size_t n)
{
    return n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

static bool
all_zero(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static size_t
ceiling(size_t len)
{
    if (len > SIZE_MAX / MOST_FROM_ONE - 4096)
        return SIZE_MAX;
    return len * MOST_FROM_ONE + 4096;
}

static size_t
guess(const unsigned char *in, size_t len)
{
    const unsigned char *p = in + len - 4;
    size_t said = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 |
                  (size_t)p[3] << 24;

    return said < ceiling(len) ? said : ceiling(len);
}

static int
reserve(struct sink *s, size_t cap, struct qn_error *err)
{
    unsigned char *p = realloc(s->data, cap ? cap : 1);

    if (!p)
        return qn_fail(err, QN_ENOMEM,
                       "no memory to inflate it (%zu bytes wanted)", cap);
    s->data = p;
    s->cap = cap;
    return 0;
}

// One member, the output grown until it fits.
static int
inflate_member(struct sink *s, size_t *used, struct libdeflate_decompressor *d,
               const unsigned char *in, size_t len, struct qn_error *err)
{
    size_t most = ceiling(len), room, made = 0;
    enum libdeflate_result rc;

    for (;;) {
        rc = libdeflate_gzip_decompress_ex(d, in, len, s->data + s->n,
                                           s->cap - s->n, used, &made);
        if (rc != LIBDEFLATE_INSUFFICIENT_SPACE)
            break;
        room = s->cap - s->n;
        if (room >= most)
            break;
        room = room > most / 2 ? most : room * 2 + 4096;
        QN_TRY(reserve(s, s->n + room, err));
    }
    if (rc != LIBDEFLATE_SUCCESS)
        return qn_fail(
            err, QN_EFORMAT,
            "the gzip data is truncated or damaged; copy the file again");
    s->n += made;
    return 0;
}

static int
inflate_all(struct sink *s, struct libdeflate_decompressor *d,
            const unsigned char *in, size_t len, struct qn_error *err)
{
    size_t used;

    do {
        QN_TRY(inflate_member(s, &used, d, in, len, err));
        in += used;
        len -= used;
    } while (len >= SHORTEST_MEMBER && qn_gzip_is(in, len));
    if (!all_zero(in, len))
        return qn_fail(
            err, QN_EFORMAT,
            "%zu bytes that are not gzip follow the gzip data; copy the file "
            "again",
            len);
    return 0;
}

int
qn_gzip_inflate(unsigned char **out, size_t *n, const unsigned char *in,
                size_t len, struct qn_error *err)
{
    struct sink s = {0};
    struct libdeflate_decompressor *d = NULL;
    int rc;

    *out = NULL;
    *n = 0;
    if (len < SHORTEST_MEMBER)
        return qn_fail(
            err, QN_EFORMAT,
            "the gzip data is truncated (%zu bytes); copy the file again", len);
    d = libdeflate_alloc_decompressor();
    if (!d)
        return qn_fail(err, QN_ENOMEM, "no memory to inflate it");
    rc = reserve(&s, guess(in, len), err);
    if (!rc)
        rc = inflate_all(&s, d, in, len, err);
    libdeflate_free_decompressor(d);
    if (rc) {
        free(s.data);
        return rc;
    }
    *out = s.data;
    *n = s.n;
    return 0;
}
