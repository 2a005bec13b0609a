/* What kind of file is that?  By its first bytes.  All local. */
#ifndef QN_IO_SNIFF_H
#define QN_IO_SNIFF_H

#include "io/bytes.h"

/* "fits", "hdf5", "netcdf" or "npy", or NULL. */
const char *
qn_sniff_format(const struct qn_bytes *b);

/* Fail with QN_EFORMAT and the likeliest reason why the file is not of that
 * format (NULL: of any): empty, Git LFS pointer, a web page, zeros, ... */
int
qn_sniff_refuse(
    const struct qn_bytes *b, const char *format, struct qn_error *err);

#endif
