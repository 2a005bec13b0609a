/* What kind of file is that?
 *
 * The first bytes decide; names only help to word a refusal.  The refusals
 * are those of real data folders: downloads that failed, Git LFS pointers,
 * files that lost their content in a crash.
 */
#include "io/sniff.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEAD 512

static const unsigned char hdf5_magic[8] = {0x89, 'H',  'D',  'F',
                                            '\r', '\n', 0x1a, '\n'};

struct head {
    unsigned char p[HEAD + 1]; /* NUL behind the last */
    size_t n;
};

static bool
begins(const struct head *h, const char *s)
{
    return h->n >= strlen(s) && memcmp(h->p, s, strlen(s)) == 0;
}

static int
load_head(struct head *h, const struct qn_bytes *b)
{
    h->n = b->size < HEAD ? (size_t)b->size : HEAD;
    memset(h->p, 0, sizeof h->p);
    return qn_bytes_read(b, 0, h->n, h->p, NULL);
}

// The signature may stand at 0, 512, 1024, 2048, ... behind a user block.
static bool
is_hdf5(const struct qn_bytes *b)
{
    unsigned char p[sizeof hdf5_magic];

    for (int64_t at = 0; at + (int64_t)sizeof p <= b->size;
         at = at ? at * 2 : 512) {
        if (qn_bytes_read(b, at, sizeof p, p, NULL))
            return false;
        if (memcmp(p, hdf5_magic, sizeof p) == 0)
            return true;
    }
    return false;
}

const char *
qn_sniff_format(const struct qn_bytes *b)
{
    struct head h;

    if (load_head(&h, b))
        return NULL;
    if (begins(&h, "SIMPLE  ="))
        return "fits";
    if (begins(&h, "\x93NUMPY"))
        return "npy";
    if (begins(&h, "CDF\1") || begins(&h, "CDF\2") || begins(&h, "CDF\5"))
        return "netcdf";
    return is_hdf5(b) ? "hdf5" : NULL;
}

/* ---- refusals ----------------------------------------------------------- */

static bool
is_zeros(const struct head *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->p[i])
            return false;
    return true;
}

static bool
is_text(const struct head *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (!isprint(h->p[i]) && !isspace(h->p[i]) && h->p[i] < 0x80)
            return false;
    return h->p[0] < 0x80;
}

static bool
is_web_page(const struct head *h)
{
    const char *p = (const char *)h->p;

    while (isspace((unsigned char)*p))
        p++;
    return strncasecmp(p, "<!doctype html", 14) == 0 ||
           strncasecmp(p, "<html", 5) == 0;
}

// The first line of a text, for a message.
static void
first_line(char line[48], const struct head *h)
{
    size_t n = 0;

    while (n < 40 && n < h->n && h->p[n] >= ' ' && h->p[n] < 0x7f) {
        line[n] = (char)h->p[n];
        n++;
    }
    line[n] = 0;
}

static int
refuse_text(const struct head *h, const char *what, struct qn_error *err)
{
    char line[48];

    if (begins(h, "version https://git-lfs"))
        return qn_fail(
            err, QN_EFORMAT,
            "this is a Git LFS pointer, not the file: run git lfs pull");
    if (is_web_page(h))
        return qn_fail(err, QN_EFORMAT,
                       "this is a web page (a failed download?), not %s", what);
    first_line(line, h);
    return qn_fail(err, QN_EFORMAT,
                   "this is text, not %s; it begins with \"%s\"", what, line);
}

static int
refuse_binary(const struct head *h, const char *what, struct qn_error *err)
{
    char hex[8 * 3 + 1] = "";

    if (begins(h, "PK\3\4"))
        return qn_fail(
            err, QN_EFORMAT,
            "this is a zip archive (.npz?), not %s: unpack it with unzip and "
            "name the .npy inside",
            what);
    if (begins(h, "BZh") ||
        begins(h, "\xfd"
                  "7zXZ") ||
        begins(h, "\x28\xb5\x2f\xfd"))
        return qn_fail(
            err, QN_EFORMAT,
            "this is compressed (bzip2, xz or zstd), not %s: unpack it, or "
            "use gzip",
            what);
    for (size_t i = 0; i < 8 && i < h->n; i++)
        snprintf(hex + 3 * i, 4, " %02x", h->p[i]);
    return qn_fail(
        err, QN_EFORMAT,
        "this is not %s (it begins with%s); for bytes without a header say "
        "format: raw with dtype and shape",
        what, hex);
}

int
qn_sniff_refuse(const struct qn_bytes *b, const char *format,
                struct qn_error *err)
{
    struct head h;
    char what[64] = "FITS, HDF5, NetCDF or NPY";

    if (b->size == 0)
        return qn_fail(err, QN_EFORMAT, "the file is empty (0 bytes)");
    if (format)
        snprintf(what, sizeof what, "a %s file", format);
    QN_TRY(load_head(&h, b));
    if (is_zeros(&h))
        return qn_fail(err, QN_EFORMAT,
                       "begins with %zu zero bytes, not %s (lost in a crash?)",
                       h.n, what);
    return is_text(&h) ? refuse_text(&h, what, err)
                       : refuse_binary(&h, what, err);
}
