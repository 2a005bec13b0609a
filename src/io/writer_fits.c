/* Results as FITS: the first product is the primary image, the others are
 * IMAGE extensions.
 *
 * The raw file's cards travel except those that speak of the raw file's
 * layout; HISTORY says what was done, QNKEY holds the key.  There is no DATE
 * card, so the same input gives the same bytes. */
#include "io/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <fitsio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/system.h"
#include "base/text.h"
#include "io/fits_card.h"
#include "model/array.h"
#include "model/shape.h"

/* Characters of text a HISTORY line takes. */
#define HISTORY_WIDTH 70
#define CARD 80

struct sheet {
    const char *path; /* borrowed */
    fitsfile *f;      /* owned    */
};

/* status of cfitsio as our error; errno is what its last system call left. */
static int
check(const struct sheet *s, int status, struct qn_error *err)
{
    int cause = errno;
    char text[FLEN_STATUS];

    if (!status)
        return 0;
    fits_clear_errmsg();
    fits_get_errstatus(status, text);
    if (cause)
        return qn_system_cannot(err, "write", s->path, cause);
    return qn_fail(err, QN_EIO, "cannot write %s: %s", s->path, text);
}

/* ---- images ------------------------------------------------------------- */

/* What cfitsio calls our types: in the file (with BZERO where FITS knows only
 * the other signedness), in memory. */
static const struct {
    int image, memory;
} types[QN_NDTYPES] = {
    [QN_I8] = {SBYTE_IMG, TSBYTE},
    [QN_U8] = {BYTE_IMG, TBYTE},
    [QN_I16] = {SHORT_IMG, TSHORT},
    [QN_U16] = {USHORT_IMG, TUSHORT},
    [QN_I32] = {LONG_IMG, TINT},
    [QN_U32] = {ULONG_IMG, TUINT},
    [QN_I64] = {LONGLONG_IMG, TLONGLONG},
    [QN_U64] = {ULONGLONG_IMG, TULONGLONG},
    [QN_F32] = {FLOAT_IMG, TFLOAT},
    [QN_F64] = {DOUBLE_IMG, TDOUBLE},
};

/* FITS counts axes from the fastest; a single number is an axis of one. */
static int
create_image(struct sheet *s, const struct qn_product *p, bool primary)
{
    const struct qn_type *type = &p->data->type;
    LONGLONG n[QN_MAX_DIMS] = {1};
    int ndims = type->shape.ndims, status = 0;
    char name[256];

    for (int a = 0; a < ndims; a++)
        n[a] = type->shape.n[ndims - 1 - a];
    fits_create_imgll(s->f, types[type->dtype].image, ndims ? ndims : 1, n,
                      &status);
    // The two comments by which cfitsio advertises FITS.
    for (int i = 0; primary && i < 2; i++)
        fits_delete_key(s->f, "COMMENT", &status);
    // EXTNAME of a further dataset of a product: PRODUCT.NAME
    snprintf(name, sizeof name, "%s%s%s", p->within ? p->within : "",
             p->within ? "." : "", p->name);
    if (!primary)
        fits_write_key(s->f, TSTRING, "EXTNAME", name, NULL, &status);
    if (p->units)
        fits_write_key(s->f, TSTRING, "BUNIT", (void *)p->units, NULL,
                       &status);
    return status;
}

/* n rows of samples, from row `first` on. */
static int
write_rows(struct sheet *s, const struct qn_type *type, int64_t first,
           int64_t n, const void *v, struct qn_error *err)
{
    int64_t row = 1;
    int status = 0;

    for (int a = qn_shape_row_axis(&type->shape) + 1; a < type->shape.ndims;
         a++)
        row *= type->shape.n[a];
    // cfitsio only reads from the memory it is given
    fits_write_img(s->f, types[type->dtype].memory, 1 + first * row, n * row,
                   (void *)(uintptr_t)v, &status);
    return check(s, status, err);
}

static int
write_samples(struct sheet *s, const struct qn_product *p,
              struct qn_error *err)
{
    const struct qn_type *type = &p->data->type;
    const int64_t rows =
        type->shape.ndims ? type->shape.n[qn_shape_row_axis(&type->shape)] : 1;
    const struct qn_writer_source *source = p->source;

    if (!qn_shape_count(&type->shape))
        return 0;
    if (!source)
        return write_rows(s, type, 0, rows, p->data->data, err);
    for (int64_t first = 0, n; first < rows; first += n) {
        const void *v;

        n = rows - first < source->rows ? rows - first : source->rows;
        QN_TRY(source->get(source->ctx, first, n, &v, err));
        QN_TRY(write_rows(s, type, first, n, v, err));
    }
    return 0;
}

/* ---- cards -------------------------------------------------------------- */

/* FITS allows printable ASCII only. */
static void
copy_printable(char *out, size_t size, const char *text)
{
    size_t i = 0;

    for (; text[i] && i + 1 < size; i++)
        out[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    out[i] = '\0';
}

/* Cards that say how or when the raw file was made, or that we write. */
static bool
is_ours(const struct qn_card *c, const struct qn_product *p)
{
    static const char *const names[] = {"END",     "DATE",    "EXTNAME",
                                        "EXTVER",  "EXTLEVEL", "DATAMIN",
                                        "DATAMAX", "QNKEY",   NULL};
    char record[CARD + 1];
    struct qn_card same;

    for (int i = 0; names[i]; i++)
        if (!strcmp(c->keyword, names[i]))
            return true;
    if (p->units && !strcmp(c->keyword, "BUNIT"))
        return true;
    if (strlen(c->keyword) > 8)
        return false;
    snprintf(record, sizeof record, "%-8s= 0", c->keyword);
    return qn_fits_card_parse(&same, record) == QN_FITS_CARD_STRUCTURE;
}

static int
write_commentary(struct sheet *s, const char *keyword, const char *text)
{
    char record[CARD + 1];
    int status = 0;

    snprintf(record, sizeof record, "%-8.8s%.72s", keyword, text);
    fits_write_record(s->f, record, &status);
    return status;
}

/* A value as it was written, so that no digit changes. */
static int
write_as_is(struct sheet *s, const char *keyword, char *value,
            const char *comment)
{
    char record[FLEN_CARD];
    int status = 0;

    fits_make_key(keyword, value, comment, record, &status);
    fits_write_record(s->f, record, &status);
    return status;
}

static int
write_card(struct sheet *s, const struct qn_card *c)
{
    char keyword[sizeof c->keyword], value[sizeof c->value];
    char comment[sizeof c->comment];
    int status = 0;

    copy_printable(keyword, sizeof keyword, c->keyword);
    copy_printable(value, sizeof value, c->value);
    copy_printable(comment, sizeof comment, c->comment);
    switch (c->kind) {
    case 'c': return write_commentary(s, keyword, value);
    case 's':
        fits_write_key_longstr(s->f, keyword, value, comment, &status);
        break;
    case 'u': fits_write_key_null(s->f, keyword, comment, &status); break;
    default: status = write_as_is(s, keyword, value, comment);
    }
    return status;
}

/* A text as HISTORY, over as many lines as it takes. */
static int
write_history(struct sheet *s, const char *text)
{
    char line[HISTORY_WIDTH + 1];
    int status = 0;

    for (size_t at = 0, n = strlen(text); at < n && !status;
         at += HISTORY_WIDTH) {
        copy_printable(line, sizeof line, text + at);
        status = write_commentary(s, "HISTORY", line);
    }
    return status;
}

static int
write_provenance(struct sheet *s, const struct qn_provenance *p,
                 struct qn_error *err)
{
    struct qn_text t = {0};
    int status = 0, rc;

    qn_text_add(&t, "quern %s", p->version ? p->version : "");
    if (p->stage)
        qn_text_add(&t, ", stage %s", p->stage);
    if (p->members > 0)
        qn_text_add(&t, ", %lld of %lld members", (long long)p->members_used,
                    (long long)p->members);
    status = write_history(s, qn_text_get(&t));
    if (!status && p->steps)
        status = write_history(s, p->steps);
    for (size_t i = 0; i < p->nused && !status; i++) {
        const struct qn_used *u = &p->used[i];
        t.len = 0;
        qn_text_add(&t, "input %s: %s", u->path,
                    u->status ? u->status : "used");
        status = write_history(s, qn_text_get(&t));
    }
    if (!status && p->key)
        fits_write_key(s->f, TSTRING, "QNKEY", (void *)p->key,
                       NULL, &status);
    rc = qn_text_check(&t, err);
    qn_text_clear(&t);
    return rc ? rc : check(s, status, err);
}

static int
write_header(struct sheet *s, const struct qn_output *out,
             struct qn_error *err)
{
    int status = 0;

    for (size_t i = 0; out->cards && i < out->cards->n && !status; i++)
        if (!is_ours(&out->cards->v[i], &out->products[0]))
            status = write_card(s, &out->cards->v[i]);
    QN_TRY(check(s, status, err));
    return write_provenance(s, &out->provenance, err);
}

/* ---- the file ----------------------------------------------------------- */

static int
write_all(struct sheet *s, const struct qn_output *out, struct qn_error *err)
{
    for (size_t i = 0; i < out->nproducts; i++) {
        QN_TRY(check(s, create_image(s, &out->products[i], i == 0), err));
        if (i == 0)
            QN_TRY(write_header(s, out, err));
        QN_TRY(write_samples(s, &out->products[i], err));
    }
    return 0;
}

static int
sync_file(const char *path, struct qn_error *err)
{
    int fd = -1;
    int rc = QN_SYS(err, path, fd = open(path, O_RDONLY | O_CLOEXEC));

    if (!rc)
        rc = QN_SYS(err, path, fsync(fd));
    if (fd >= 0)
        close(fd);
    return rc;
}

int
qn_writer_fits(const struct qn_output *out, struct qn_error *err)
{
    struct sheet s = {.path = out->path};
    int rc, status = 0;

    if (out->nproducts == 0)
        return qn_fail(err, QN_EVALUE, "%s: there is no product to write",
                       out->path);
    // cfitsio does not write over what a killed run left.
    unlink(out->path);
    errno = 0;
    fits_create_diskfile(&s.f, out->path, &status);
    rc = check(&s, status, err);
    if (!rc)
        rc = write_all(&s, out, err);
    if (s.f) {
        status = 0;
        fits_close_file(s.f, &status);
        if (!rc)
            rc = check(&s, status, err);
        fits_clear_errmsg();
    }
    if (!rc && !out->nosync)
        rc = sync_file(out->path, err);
    if (rc)
        unlink(out->path);
    return rc;
}
