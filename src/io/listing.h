/* What is in a file, as JSON, for people who do not know it yet.  All local.
 *
 *   {format: "fits", entries: [...], left_out: 0, default: {...}, why: null}
 *
 * An entry of FITS is {hdu, name, kind: image|table|empty, dtype, shape}; of
 * HDF5 and NetCDF {path, kind: dataset|group|link, dtype, shape, chunks,
 * filters, attributes, link}; of npy and raw {dtype, shape}.  What does not
 * apply is null: dtype is a sample type as the file stores it, or "text",
 * "record", "other" and the like for what is not read; chunks is null where
 * there are none; link is what a link leads to.  An entry that cannot be
 * looked into says why in `note`.  default is what would be read, {where,
 * stored, dtype, shape}, as the source says and after frames and slice; where
 * that is null, why is the sentence.
 */
#ifndef QN_IO_LISTING_H
#define QN_IO_LISTING_H

#include <jansson.h>

#include "io/reader.h"

/* *listing is a new reference.  QN_EFORMAT, QN_EIO, QN_EJOB where there is
 * nothing to list. */
int
qn_listing_make(
    json_t **listing, const struct qn_source *source, struct qn_error *err);

/* ---- for back-ends ------------------------------------------------------ */

struct qn_listing {
    json_t *entries; /* owned */
    int64_t left_out; /* entries beyond the most that are kept */
};

/* Append; takes the reference.  QN_ENOMEM where entry is NULL. */
int
qn_listing_add(
    struct qn_listing *listing, json_t *entry, struct qn_error *err);

/* A new reference; the text is made clean for JSON, NULL is null. */
json_t *
qn_listing_text(const char *text);

#endif
