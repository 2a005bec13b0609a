/* How long a classic NetCDF file must be for a variable to be in it.
 *
 * libnetcdf reads zeros behind the end of a truncated file, without an error;
 * so the header is walked here for the one number it does not tell.  Local. */
#ifndef QN_IO_NETCDF_SIZE_H
#define QN_IO_NETCDF_SIZE_H

#include "io/bytes.h"

/* Is the header whole?  libnetcdf believes any count and allocates for it, so
 * this comes before it opens the file.  QN_EFORMAT. */
int
qn_netcdf_size_check(const struct qn_bytes *b, struct qn_error *err);

/* Bytes up to the end of variable number var (from 0) of a file with nrecords
 * records.  QN_EFORMAT where the header is damaged. */
int
qn_netcdf_size(
    int64_t *need, const struct qn_bytes *b, int var, int64_t nrecords,
    struct qn_error *err);

#endif
