/* The HDUs of a FITS file, for a listing.
 *
 * Headers only: whether the data is whole is said when it is read. */
#include "io/fits_parts.h"

#include <stdio.h>

#include "io/listing.h"
#include "model/dtype.h"
#include "model/json.h"

static json_t *
image_entry(struct qn_fits *s, const struct qn_fits_extent *e, bool undecoded,
            const char *name)
{
    struct qn_error why = {0};

    if (qn_fits_describe(s, e, undecoded, &why))
        return json_pack("{s:i,s:o,s:s,s:n,s:n,s:o}", "hdu", s->hdu, "name",
                         qn_listing_text(name), "kind", "image", "dtype",
                         "shape", "note", qn_listing_text(why.text));
    return json_pack("{s:i,s:o,s:s,s:s,s:o}", "hdu", s->hdu, "name",
                     qn_listing_text(name), "kind", "image", "dtype",
                     qn_dtype_name(s->decode.stored), "shape",
                     qn_json_shape(&s->shape));
}

// Rows and columns stand for the shape of a table.
static json_t *
table_entry(struct qn_fits *s, const char *name)
{
    LONGLONG rows = 0;
    int columns = 0, status = 0;

    fits_get_num_rowsll(s->f, &rows, &status);
    fits_get_num_cols(s->f, &columns, &status);
    fits_clear_errmsg();
    return json_pack("{s:i,s:o,s:s,s:n,s:[I,i]}", "hdu", s->hdu, "name",
                     qn_listing_text(name), "kind", "table", "dtype", "shape",
                     (json_int_t)rows, columns);
}

static json_t *
hdu_entry(struct qn_fits *s, const struct qn_fits_extent *e, bool undecoded)
{
    char name[FLEN_VALUE];

    qn_fits_hdu_name(name, s->f);
    snprintf(s->where, sizeof s->where, "HDU %d", s->hdu);
    if (qn_fits_hdu_filled(e))
        return image_entry(s, e, undecoded, name);
    if (!e->image)
        return table_entry(s, name);
    return json_pack("{s:i,s:o,s:s,s:n,s:n}", "hdu", s->hdu, "name",
                     qn_listing_text(name), "kind", "empty", "dtype", "shape");
}

static int
add_hdus(struct qn_listing *listing, struct qn_fits *s, bool undecoded,
         struct qn_error *err)
{
    struct qn_fits_extent e;
    int status = 0;

    QN_TRY(qn_fits_open(s, err));
    for (s->hdu = 0;; s->hdu++) {
        fits_movabs_hdu(s->f, s->hdu + 1, NULL, &status);
        // Records that begin no HDU may follow the last one.
        if (status == END_OF_FILE || (status == UNKNOWN_REC && s->hdu > 0))
            return 0;
        if (!status)
            status = qn_fits_hdu_look(&e, s->f);
        if (status)
            return qn_fits_hdu_fail(status, "its header cannot be read", err);
        QN_TRY(qn_listing_add(listing, hdu_entry(s, &e, undecoded), err));
    }
}

int
qn_fits_list(struct qn_listing *listing, const struct qn_source *source,
             const struct qn_bytes *bytes, struct qn_error *err)
{
    struct qn_fits s = {.bytes = bytes};
    int rc = add_hdus(listing, &s, source->undecoded, err);

    qn_fits_close(&s);
    return rc;
}
