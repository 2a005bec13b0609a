/* NumPy's .npy files, versions 1 to 3.
 *
 * The header is a Python dict of three keys, always written by the same few
 * lines of NumPy; it is scanned, not interpreted.  Arrays in Fortran order are
 * read as their transpose and turned.
 */
#include "io/reader_backend.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"

#define HEADER_MOST (1 << 20) // bytes; NumPy itself refuses above 10,000

struct npy {
    const struct qn_bytes *bytes; /* borrowed                           */
    int64_t offset;               /* bytes before the first sample      */
    struct qn_type type;
    bool swapped;
    bool fortran;
};

/* ---- the header --------------------------------------------------------- */

// Behind 'KEY': in the dict, or NULL.
static const char *
find_key(const char *dict, const char *key)
{
    size_t n = strlen(key);
    const char *value;

    for (const char *p = dict; (p = strstr(p, key)); p += n) {
        if (p == dict || (p[-1] != '\'' && p[-1] != '"') || p[n] != p[-1])
            continue;
        value = p + n + 1;
        value += strspn(value, " ");
        if (*value == ':')
            return value + 1 + strspn(value + 1, " ");
    }
    return NULL;
}

static int
refuse_type(const char *word, struct qn_error *err)
{
    switch (word[1]) {
    case 'f':
        return qn_fail(err, QN_EFORMAT,
                       "holds %s samples, which are not read; save it with "
                       "astype('float32') or 'float64'",
                       word);
    case 'c':
        return qn_fail(
            err, QN_EFORMAT,
            "holds complex samples (%s); save the real and imaginary parts "
            "apart",
            word);
    default:
        return qn_fail(
            err, QN_EFORMAT,
            "holds %s, not numbers; save an array of integers or floats", word);
    }
}

static int
parse_descr(struct npy *f, const char *p, struct qn_error *err)
{
    char word[16];
    size_t n;

    if (p && *p == '[')
        return qn_fail(
            err, QN_EFORMAT,
            "holds records (a structured dtype); save its columns as arrays of "
            "their own");
    n = p && (*p == '\'' || *p == '"') ? strcspn(p + 1, "'\"") : 0;
    if (n < 2 || n >= sizeof word)
        return qn_fail(err, QN_EFORMAT, "the .npy header has no usable descr");
    memcpy(word, p + 1, n);
    word[n] = 0;
    if (strcmp(word, "|b1") == 0) {
        f->type.dtype = QN_U8;
        return 0;
    }
    if (!strchr("<>=|", word[0]) || !strchr("iuf", word[1]) ||
        qn_dtype_parse(&f->type.dtype, &f->swapped,
                       word + (word[0] == '|' || word[0] == '='), NULL))
        return refuse_type(word, err);
    return 0;
}

static int
parse_shape(struct npy *f, const char *p, struct qn_error *err)
{
    struct qn_shape *s = &f->type.shape;
    char *end;
    long long n;

    if (!p || *p != '(')
        return qn_fail(err, QN_EFORMAT, "the .npy header has no shape");
    p++;
    for (;;) {
        p += strspn(p, " ,");
        if (*p == ')')
            return 0;
        errno = 0;
        n = strtoll(p, &end, 10);
        if (end == p || errno)
            return qn_fail(err, QN_EFORMAT,
                           "the shape in the .npy header is damaged");
        if (s->ndims == QN_MAX_DIMS)
            return qn_fail(err, QN_EFORMAT, "has more than %d axes; reshape it",
                           QN_MAX_DIMS);
        s->n[s->ndims++] = n;
        p = *end == 'L' ? end + 1 : end;
    }
}

static int
parse_dict(struct npy *f, const char *dict, struct qn_error *err)
{
    const char *order = find_key(dict, "fortran_order");

    QN_TRY(parse_descr(f, find_key(dict, "descr"), err));
    if (!order)
        return qn_fail(err, QN_EFORMAT, "the .npy header has no fortran_order");
    f->fortran = strncmp(order, "True", 4) == 0;
    return parse_shape(f, find_key(dict, "shape"), err);
}

// Magic, version, length: where the dict begins and how long it is.
static int
parse_preamble(const struct qn_bytes *b, int64_t *at, size_t *len,
               struct qn_error *err)
{
    unsigned char p[12];

    QN_TRY(qn_bytes_need(b, sizeof p, err));
    QN_TRY(qn_bytes_read(b, 0, sizeof p, p, err));
    if (p[6] < 1 || p[6] > 3)
        return qn_fail(err, QN_EFORMAT,
                       "version %d of .npy is not known; 1 to 3 are", p[6]);
    *at = p[6] == 1 ? 10 : 12;
    *len = (size_t)p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        *len |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (*len > HEADER_MOST)
        return qn_fail(err, QN_EFORMAT,
                       "the .npy header claims %zu bytes; it is damaged", *len);
    return qn_bytes_need(b, *at + (int64_t)*len, err);
}

static int
load_header(struct npy *f, struct qn_error *err)
{
    char *dict = NULL;
    int64_t at = 0;
    size_t len = 0;
    int rc;

    QN_TRY(parse_preamble(f->bytes, &at, &len, err));
    QN_TRY(qn_memory_make((void **)&dict, len + 1, 1, "a header", err));
    rc = qn_bytes_read(f->bytes, at, len, dict, err);
    if (!rc)
        rc = parse_dict(f, dict, err);
    free(dict);
    f->offset = at + (int64_t)len;
    return rc;
}

static int
npy_open(void **state, struct qn_held *held, const struct qn_source *source,
         const struct qn_bytes *bytes, struct qn_error *err)
{
    struct npy *f = NULL;
    int rc;

    (void)source;
    *state = NULL;
    QN_TRY(qn_memory_make((void **)&f, 1, sizeof *f, "a reader", err));
    f->bytes = bytes;
    rc = load_header(f, err);
    if (!rc)
        rc = qn_reader_plausible(&f->type.shape, err);
    if (!rc)
        rc = qn_bytes_holds(bytes, f->offset, &f->type.shape,
                            qn_dtype_size(f->type.dtype), err);
    if (rc) {
        free(f);
        return rc;
    }
    held->where = "npy";
    held->shape = f->type.shape;
    held->decode = qn_decode_plain(f->type.dtype);
    held->by_rows = !f->fortran;
    *state = f;
    return 0;
}

/* ---- samples ------------------------------------------------------------ */

static struct qn_box
reverse_box(const struct qn_box *box)
{
    struct qn_box out = {.ndims = box->ndims};

    for (int a = 0, z = box->ndims - 1; z >= 0; a++, z--) {
        out.start[a] = box->start[z];
        out.count[a] = box->count[z];
        out.step[a] = box->step[z];
    }
    return out;
}

// From Fortran order (first axis fastest) to C order.
static void
transpose(unsigned char *dst, const unsigned char *src,
          const struct qn_box *box, size_t size)
{
    int64_t stride[QN_MAX_DIMS], i[QN_MAX_DIMS] = {0}, step = (int64_t)size;
    int a, last = box->ndims - 1;

    for (a = 0; a < box->ndims; a++) {
        stride[a] = step;
        step *= box->count[a];
    }
    for (;;) {
        for (int64_t k = 0; k < box->count[last]; k++, dst += size)
            memcpy(dst, src + k * stride[last], size);
        for (a = last - 1; a >= 0; a--) {
            src += stride[a];
            if (++i[a] < box->count[a])
                break;
            src -= i[a] * stride[a];
            i[a] = 0;
        }
        if (a < 0)
            return;
    }
}

static int
read_fortran(const struct npy *f, const struct qn_box *box, size_t n, void *dst,
             struct qn_error *err)
{
    size_t size = qn_dtype_size(f->type.dtype);
    struct qn_shape shape = {.ndims = box->ndims};
    struct qn_box turned = reverse_box(box);
    unsigned char *copy = NULL;
    int rc;

    for (int a = 0; a < box->ndims; a++)
        shape.n[a] = f->type.shape.n[box->ndims - 1 - a];
    QN_TRY(qn_memory_make((void **)&copy, n, size, "a transpose", err));
    rc = qn_bytes_box(f->bytes, f->offset, &shape, size, &turned, copy, err);
    if (!rc)
        transpose(dst, copy, box, size);
    free(copy);
    return rc;
}

static int
npy_read(void *state, const struct qn_box *box, void *dst, struct qn_error *err)
{
    const struct npy *f = state;
    size_t n = 1;

    for (int a = 0; a < box->ndims; a++)
        n *= (size_t)box->count[a];
    if (f->fortran && box->ndims > 1)
        QN_TRY(read_fortran(f, box, n, dst, err));
    else
        QN_TRY(qn_bytes_box(f->bytes, f->offset, &f->type.shape,
                            qn_dtype_size(f->type.dtype), box, dst, err));
    if (f->swapped)
        qn_dtype_swap(dst, n, f->type.dtype);
    return 0;
}

const struct qn_backend qn_npy_backend = {
    .name = "npy",
    .open = npy_open,
    .read = npy_read,
    .close = free,
};
