/* The front end of the readers: which format, which part, which type.
 *
 * Knows no format: it looks at the first bytes, picks the back-end, applies
 * `slice` and `missing`, and puts the path in front of what went wrong.  Read
 * reader_backend.h next.
 */
#include "io/reader_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/slice.h"
#include "io/sniff.h"
#include "model/dtype.h"

#define MOST_SAMPLES ((int64_t)1 << 40)

struct qn_reader {
    char *path; /* owned */
    struct qn_bytes bytes;
    const struct qn_backend *backend;
    void *state;         /* of the back-end; owned              */
    struct qn_held held; /* borrowed from state                 */
    struct qn_box part;  /* of held.shape: what slice leaves    */
    struct qn_info info;
};

static const struct qn_cards no_cards;

static const struct qn_backend *const backends[] = {
    &qn_fits_backend, &qn_hdf5_backend, &qn_netcdf_backend,
    &qn_npy_backend,  &qn_raw_backend,  NULL,
};

/* ---- texts of files ----------------------------------------------------- */

// Bytes of the UTF-8 character at p, or 0 if there is none.
static int
character(const unsigned char *p)
{
    int n = *p < 0x80                 ? 1
            : *p >= 0xc2 && *p < 0xe0 ? 2
            : (*p & 0xf0) == 0xe0     ? 3
            : *p >= 0xf0 && *p < 0xf5 ? 4
                                      : 0;

    for (int i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    // Overlong forms, surrogates and what lies beyond Unicode.
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
        (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

// Names and texts of a file may hold any bytes; messages, journals and JSON
// may not.
static void
clean(char *text)
{
    int n;

    for (unsigned char *p = (unsigned char *)text; *p; p += n) {
        n = character(p);
        if (n == 0 || *p < ' ' || *p == 0x7f) {
            *p = '?';
            n = 1;
        }
    }
}

static int
fail_in(struct qn_error *err, int rc, const char *path)
{
    if (err)
        clean(err->text);
    qn_wrap(err, "%s", path);
    return rc;
}

/* ---- which back-end ----------------------------------------------------- */

static const struct qn_backend *
find_backend(const char *name)
{
    for (int i = 0; name && backends[i]; i++)
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    return NULL;
}

static int
refuse_word(const char *format, struct qn_error *err)
{
    static const char *const known[] = {"auto", "fits", "hdf5", "netcdf",
                                        "npy",  "raw",  NULL};
    const char *near = qn_text_nearest(format, known);

    if (near)
        return qn_fail(err, QN_EJOB, "unknown format '%s'; did you mean '%s'?",
                       format, near);
    return qn_fail(
        err, QN_EJOB,
        "no array can be read from format '%s'; known are fits, hdf5, netcdf, "
        "npy and raw",
        format);
}

// NetCDF-4 is HDF5, and `format: netcdf` may mean either.
static bool
agrees(const char *said, const char *found)
{
    return strcmp(said, found) == 0 ||
           (strcmp(said, "netcdf") == 0 && strcmp(found, "hdf5") == 0);
}

static int
pick_backend(const struct qn_backend **backend, const struct qn_source *source,
             const struct qn_bytes *bytes, struct qn_error *err)
{
    const char *said = source->format, *found;

    if (said && strcmp(said, "auto") == 0)
        said = NULL;
    if (said && !find_backend(said))
        return refuse_word(said, err);
    if (!said && source->dtype && source->shape.ndims > 0)
        said = "raw";
    if (said && strcmp(said, "raw") == 0) {
        *backend = &qn_raw_backend;
        return 0;
    }
    found = qn_sniff_format(bytes);
    if (!found)
        return qn_sniff_refuse(bytes, said, err);
    if (said && !agrees(said, found))
        return qn_fail(err, QN_EFORMAT,
                       "the job says format: %s but this is a %s file", said,
                       found);
    *backend = find_backend(found);
    return 0;
}

/* ---- opening ------------------------------------------------------------ */

static void
fill_info(struct qn_reader *r)
{
    struct qn_info *i = &r->info;

    i->format = r->backend->name;
    i->where = r->held.where;
    i->stored = r->held.decode.stored;
    i->type.dtype = qn_decode_type(&r->held.decode);
    i->type.shape.ndims = r->part.ndims;
    for (int a = 0; a < r->part.ndims; a++)
        i->type.shape.n[a] = r->part.count[a];
}

static int
open_all(struct qn_reader *r, const struct qn_source *s, struct qn_error *err)
{
    QN_TRY(qn_bytes_open(&r->bytes, r->path, err));
    QN_TRY(pick_backend(&r->backend, s, &r->bytes, err));
    QN_TRY(r->backend->open(&r->state, &r->held, s, &r->bytes, err));
    if (s->missing)
        QN_TRY(qn_decode_text(&r->held.decode, s->missing, err));
    QN_TRY(qn_slice_make(&r->part, &r->held.shape, s->nslice, s->slice, err));
    fill_info(r);
    return 0;
}

int
qn_reader_open(struct qn_reader **r, const struct qn_source *source,
               struct qn_error *err)
{
    struct qn_reader *made = NULL;
    int rc;

    *r = NULL;
    QN_TRY(qn_memory_make((void **)&made, 1, sizeof *made, "a reader", err));
    made->bytes.fd = -1;
    rc = qn_memory_copy(&made->path, source->path, err);
    if (!rc && (rc = open_all(made, source, err)))
        fail_in(err, rc, source->path);
    if (rc) {
        qn_reader_close(made);
        return rc;
    }
    *r = made;
    return 0;
}

void
qn_reader_close(struct qn_reader *r)
{
    if (!r)
        return;
    if (r->state)
        r->backend->close(r->state);
    qn_bytes_close(&r->bytes);
    free(r->path);
    free(r);
}

/* ---- using -------------------------------------------------------------- */

const struct qn_info *
qn_reader_info(const struct qn_reader *r)
{
    return &r->info;
}

const struct qn_cards *
qn_reader_cards(const struct qn_reader *r)
{
    return r->held.cards ? r->held.cards : &no_cards;
}

int
qn_reader_field(struct qn_reader *r, const char *name, char *value, size_t size,
                bool *is_text, struct qn_error *err)
{
    int rc;

    *is_text = false;
    if (r->backend->field)
        rc = r->backend->field(r->state, name, value, size, is_text, err);
    else
        rc = qn_fail(err, QN_EMISSING,
                     "no field %s: %s files have no header fields", name,
                     r->backend->name);
    if (rc)
        return fail_in(err, rc, r->path);
    clean(value);
    return 0;
}

int
qn_reader_read(struct qn_reader *r, const struct qn_box *box, void *dst,
               struct qn_error *err)
{
    struct qn_box part;
    size_t n = 1;
    void *raw;
    int rc = qn_slice_within(&part, &r->part, box, err);

    if (rc)
        return fail_in(err, rc, r->path);
    for (int a = 0; a < part.ndims; a++)
        n *= (size_t)part.count[a];
    if (n == 0)
        return 0;
    raw = qn_decode_place(&r->held.decode, dst, n);
    rc = r->backend->read(r->state, &part, raw, err);
    if (rc) {
        qn_wrap(err, "%s", r->held.where);
        return fail_in(err, rc, r->path);
    }
    qn_decode_apply(&r->held.decode, dst, n);
    return 0;
}

/* ---- what back-ends share ----------------------------------------------- */

int
qn_reader_plausible(const struct qn_shape *shape, struct qn_error *err)
{
    char text[256];
    int64_t n = 1;

    qn_shape_text(text, sizeof text, shape);
    for (int a = 0; a < shape->ndims; a++)
        if (shape->n[a] < 1)
            return qn_fail(err, QN_EFORMAT, "its array (%s) holds no samples",
                           text);
    for (int a = 0; a < shape->ndims; a++)
        if (__builtin_mul_overflow(n, shape->n[a], &n) || n > MOST_SAMPLES)
            return qn_fail(
                err, QN_EFORMAT,
                "its array (%s) is impossibly large; the header is damaged",
                text);
    return 0;
}

int
qn_reader_text(char *value, size_t size, const char *text, size_t len,
               struct qn_error *err)
{
    while (len && (text[len - 1] == ' ' || text[len - 1] == 0))
        len--;
    if (len >= size)
        return qn_fail(err, QN_EVALUE,
                       "the text has %zu bytes, %zu are the most", len,
                       size - 1);
    memcpy(value, text, len);
    value[len] = 0;
    return 0;
}

void
qn_reader_number(char *value, size_t size, enum qn_dtype type, const void *v)
{
    bool narrow = type == QN_F32;
    uint64_t u;
    int64_t i;
    double x;

    if (type == QN_U64) {
        memcpy(&u, v, sizeof u);
        snprintf(value, size, "%llu", (unsigned long long)u);
    } else if (!qn_dtype_is_real(type)) {
        qn_dtype_convert(&i, QN_I64, v, type, 1, NULL);
        snprintf(value, size, "%lld", (long long)i);
    } else {
        qn_dtype_convert(&x, QN_F64, v, type, 1, NULL);
        for (int digits = narrow ? 6 : 15; digits <= 17; digits++) {
            snprintf(value, size, "%.*g", digits, x);
            if (narrow ? strtof(value, NULL) == (float)x
                       : strtod(value, NULL) == x)
                break;
        }
    }
}
