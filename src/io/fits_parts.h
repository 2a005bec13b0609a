/* What the files of the FITS reader share.  Included by fits*.c only.
 *
 *     fits.c         the back-end: opens, describes and reads an image
 *     fits_hdu.c     which HDU
 *     fits_list.c    what a file holds
 *     fits_header.c  cards and fields
 *     fits_card.c    one record of a header (without cfitsio)
 *
 * All local. */
#ifndef QN_IO_FITS_PARTS_H
#define QN_IO_FITS_PARTS_H

#include <fitsio.h>

#include "io/reader_backend.h"

struct qn_fits {
    const struct qn_bytes *bytes; /* borrowed                              */
    char *path;                   /* owned: as cfitsio gets it             */
    void *mem;                    /* borrowed from bytes, for cfitsio      */
    size_t mem_size;
    fitsfile *f; /* owned                                                  */
    int hdu;     /* from 0                                                 */
    char where[96];
    bool packed; /* tile-compressed                                        */
    LONGLONG data; /* offset of the data unit, bytes                       */
    struct qn_shape shape;
    enum qn_dtype raw; /* as BITPIX says                                   */
    bool flip;         /* the highest bit of each sample                   */
    struct qn_decode decode;
    struct qn_cards cards;
};

/* What an HDU is. */
struct qn_fits_extent {
    bool image;
    int bitpix;
    int naxis;
    LONGLONG n[99]; /* fastest first */
};

/* ---- fits.c ------------------------------------------------------------- */

/* Open the file with cfitsio; s is zero but for bytes. */
int
qn_fits_open(struct qn_fits *s, struct qn_error *err);

/* Fill s->packed, shape, raw, flip and decode in for the image that the
 * current HDU holds. */
int
qn_fits_describe(
    struct qn_fits *s, const struct qn_fits_extent *e, bool undecoded,
    struct qn_error *err);

/* Close, and free what s holds. */
void
qn_fits_close(struct qn_fits *s);

/* ---- fits_list.c -------------------------------------------------------- */

/* list of struct qn_backend. */
int
qn_fits_list(
    struct qn_listing *listing, const struct qn_source *source,
    const struct qn_bytes *bytes, struct qn_error *err);

/* ---- fits_hdu.c --------------------------------------------------------- */

/* Fail with QN_EFORMAT and what cfitsio says about status. */
int
qn_fits_hdu_fail(int status, const char *what, struct qn_error *err);

/* What the current HDU is; a status of cfitsio. */
int
qn_fits_hdu_look(struct qn_fits_extent *e, fitsfile *f);

/* Is it an image that holds samples? */
bool
qn_fits_hdu_filled(const struct qn_fits_extent *e);

/* The EXTNAME of the current HDU, "" if it has none. */
void
qn_fits_hdu_name(char name[FLEN_VALUE], fitsfile *f);

/* Go to the HDU of that number or name, or to the first with samples where hdu
 * is NULL; s->hdu and *e say what was found. */
int
qn_fits_hdu_find(
    struct qn_fits *s, struct qn_fits_extent *e, const char *hdu,
    struct qn_error *err);

/* ---- fits_header.c ------------------------------------------------------ */

/* The cards of the HDU, and those of the primary that it does not have. */
int
qn_fits_header_load(struct qn_fits *s, struct qn_error *err);

/* A keyword of the HDU, else of the primary; see qn_reader_field. */
int
qn_fits_header_field(
    void *state, const char *name, char *value, size_t size, bool *is_text,
    struct qn_error *err);

#endif
