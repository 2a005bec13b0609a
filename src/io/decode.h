/* From stored samples to values: scale, offset, missing samples.
 *
 * FITS's BSCALE, BZERO, BLANK, the CF conventions' scale_factor, add_offset,
 * _FillValue, missing_value, and a job's `missing` are all this.  value =
 * stored * scale + offset, computed in double and rounded once; a missing
 * sample is one that equals a given value in the stored type.  All local.
 */
#ifndef QN_IO_DECODE_H
#define QN_IO_DECODE_H

#include <stddef.h>

#include "quern/array.h"
#include "quern/error.h"

#define QN_MAX_MISSING 8

struct qn_decode {
    enum qn_dtype stored;
    bool twin;            /* stored is the unsigned reading of signed samples */
    bool scaled;
    double scale, offset; /* only if scaled                                  */
    bool masked;          /* samples may be missing: the result is real      */
    bool nonfinite;       /* infinities are missing too                      */
    int nmissing;
    unsigned char missing[QN_MAX_MISSING][8]; /* values of the stored type   */
};

/* An attribute, as a back-end found it. */
struct qn_attribute {
    enum qn_dtype type;
    int n;                                /* values; 0: none, or text       */
    unsigned char v[QN_MAX_MISSING * 8];  /* packed values of type          */
    char text[16];                        /* its beginning if it is text    */
};

/* Returns false if there is no such attribute. */
typedef bool
qn_decode_lookup(void *ctx, const char *name, struct qn_attribute *a);

/* Samples of that type, as they are. */
struct qn_decode
qn_decode_plain(enum qn_dtype stored);

/* 1 and 0 are no scaling. */
void
qn_decode_scale(struct qn_decode *d, double scale, double offset);

/* One more missing value; one that the stored type cannot hold never occurs. */
void
qn_decode_missing(struct qn_decode *d, enum qn_dtype type, const void *value);

/* The job's `missing`: a number or "non-finite".  QN_EJOB. */
int
qn_decode_text(struct qn_decode *d, const char *text, struct qn_error *err);

/* The CF attributes of a variable; _Unsigned changes d->stored. */
void
qn_decode_cf(struct qn_decode *d, qn_decode_lookup *lookup, void *ctx);

/* The type that comes out. */
enum qn_dtype
qn_decode_type(const struct qn_decode *d);

/* data has room for n samples of qn_decode_type and holds n stored samples at
 * its end (at its beginning if the sizes are equal); they are replaced. */
void
qn_decode_apply(const struct qn_decode *d, void *data, size_t n);

/* Where in such memory the stored samples belong. */
void *
qn_decode_place(const struct qn_decode *d, void *data, size_t n);

#endif
