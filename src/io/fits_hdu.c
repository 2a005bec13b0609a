/* Which HDU of a FITS file is read, and what the file holds instead.
 *
 * The rule is simple: the one that the job names, else the first that holds
 * an image with samples.  A refusal lists the HDUs there are.
 */
#include "io/fits_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* ---- cfitsio's errors --------------------------------------------------- */

int
qn_fits_hdu_fail(int status, const char *what, struct qn_error *err)
{
    char text[FLEN_STATUS], detail[FLEN_ERRMSG] = "";

    fits_get_errstatus(status, text);
    if (fits_read_errmsg(detail) && detail[0])
        qn_fail(err, QN_EFORMAT, "%s; cfitsio says: %s (%s)", what, text,
                detail);
    else
        qn_fail(err, QN_EFORMAT, "%s; cfitsio says: %s", what, text);
    fits_clear_errmsg();
    return QN_EFORMAT;
}

/* ---- which HDU ---------------------------------------------------------- */

bool
qn_fits_hdu_filled(const struct qn_fits_extent *e)
{
    for (int a = 0; a < e->naxis && a < 99; a++)
        if (e->n[a] < 1)
            return false;
    return e->image && e->naxis > 0;
}

int
qn_fits_hdu_look(struct qn_fits_extent *e, fitsfile *f)
{
    int type = 0, status = 0;

    memset(e, 0, sizeof *e);
    fits_get_hdu_type(f, &type, &status);
    e->image = type == IMAGE_HDU;
    if (e->image)
        fits_get_img_paramll(f, 99, &e->bitpix, &e->naxis, e->n, &status);
    return status;
}

void
qn_fits_hdu_name(char name[FLEN_VALUE], fitsfile *f)
{
    int status = 0;

    name[0] = 0;
    fits_read_key(f, TSTRING, "EXTNAME", name, NULL, &status);
    fits_clear_errmsg();
}

// A file that ends inside an HDU looks to cfitsio as if no more followed.
static int
check_end(struct qn_fits *s, struct qn_error *err)
{
    LONGLONG head, data, end;
    int status = 0;

    if (fits_get_hduaddrll(s->f, &head, &data, &end, &status))
        return 0;
    return qn_bytes_need(s->bytes, end, err);
}

static void
describe(char what[160], const struct qn_fits_extent *e)
{
    struct qn_shape shape = {.ndims = e->naxis};
    char text[128];

    if (!e->image) {
        strcpy(what, "a table");
    } else if (qn_fits_hdu_filled(e)) {
        strcpy(what, "an image");
    } else if (e->naxis < 1 || e->naxis > QN_MAX_DIMS) {
        strcpy(what, "only a header");
    } else {
        for (int a = 0; a < e->naxis; a++)
            shape.n[a] = e->n[e->naxis - 1 - a];
        snprintf(what, 160, "without samples (%s)",
                 qn_shape_text(text, sizeof text, &shape));
    }
}

// What the file holds, for a refusal.
static void
list_hdus(struct qn_text *t, fitsfile *f)
{
    char name[FLEN_VALUE], what[160];
    struct qn_fits_extent e;
    int status = 0;

    for (int k = 0; k < 12 && !fits_movabs_hdu(f, k + 1, NULL, &status); k++) {
        qn_fits_hdu_name(name, f);
        if (qn_fits_hdu_look(&e, f))
            e.image = false;
        describe(what, &e);
        qn_text_add(t, "%s%d%s%s is %s", k ? ", " : "", k, name[0] ? " " : "",
                    name, what);
    }
    fits_clear_errmsg();
}

static int
refuse_hdus(struct qn_fits *s, const char *what, struct qn_error *err)
{
    struct qn_text t = {0};
    int rc;

    if ((rc = check_end(s, err)))
        return rc;
    list_hdus(&t, s->f);
    rc = qn_fail(err, QN_EFORMAT, "%s (HDU %s)", what, qn_text_get(&t));
    qn_text_clear(&t);
    return rc;
}

static int
find_first_image(struct qn_fits *s, struct qn_fits_extent *e,
                 struct qn_error *err)
{
    int status = 0;

    for (s->hdu = 0;; s->hdu++) {
        fits_movabs_hdu(s->f, s->hdu + 1, NULL, &status);
        // Records that begin no HDU may follow the last one.
        if (status == END_OF_FILE || (status == UNKNOWN_REC && s->hdu > 0))
            break;
        if (!status)
            status = qn_fits_hdu_look(e, s->f);
        if (status)
            return qn_fits_hdu_fail(status, "its header cannot be read", err);
        if (qn_fits_hdu_filled(e))
            return 0;
    }
    fits_clear_errmsg();
    return refuse_hdus(s, "no HDU holds an image", err);
}

static int
find_named_hdu(struct qn_fits *s, const char *name, struct qn_error *err)
{
    char *end, extname[FLEN_VALUE], what[160];
    long number = strtol(name, &end, 10);
    int status = 0;

    if (*name && !*end) {
        s->hdu = number >= 0 && number < 100000 ? (int)number : -1;
        if (s->hdu >= 0 && !fits_movabs_hdu(s->f, s->hdu + 1, NULL, &status))
            return 0;
    } else {
        for (s->hdu = 0; !fits_movabs_hdu(s->f, s->hdu + 1, NULL, &status);
             s->hdu++) {
            qn_fits_hdu_name(extname, s->f);
            if ((*name && strcasecmp(extname, name) == 0) ||
                (s->hdu == 0 && strcasecmp(name, "PRIMARY") == 0))
                return 0;
        }
    }
    fits_clear_errmsg();
    snprintf(what, sizeof what, "there is no HDU '%.80s'", name);
    return refuse_hdus(s, what, err);
}

int
qn_fits_hdu_find(struct qn_fits *s, struct qn_fits_extent *e, const char *hdu,
                 struct qn_error *err)
{
    int status;

    if (!hdu)
        return find_first_image(s, e, err);
    QN_TRY(find_named_hdu(s, hdu, err));
    if ((status = qn_fits_hdu_look(e, s->f)))
        return qn_fits_hdu_fail(status, "its header cannot be read", err);
    if (!e->image)
        return qn_fail(err, QN_EFORMAT,
                       "HDU %d is a table, not an image; name another", s->hdu);
    return 0;
}
