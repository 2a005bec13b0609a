/* libnetcdf, loaded when the first file is opened that needs it: with what it
 * depends on it takes longer to load than all else that reads files.  Local. */
#ifndef QN_IO_NETCDF_LOAD_H
#define QN_IO_NETCDF_LOAD_H

#include <netcdf.h>
#include <netcdf_mem.h>

#include "quern/error.h"

/* The functions that are used, by their names behind nc_. */
#define QN_NETCDF_CALLS(X)                                                     \
    X(close) X(get_att) X(get_att_text) X(get_var1) X(get_vara) X(get_vars)    \
    X(inq_att) X(inq_attlen) X(inq_atttype) X(inq_dimid) X(inq_dimlen)         \
    X(inq_nvars) X(inq_unlimdim) X(inq_var) X(inq_varid) X(inq_varname)        \
    X(inq_varnatts) X(inq_vartype) X(open) X(open_mem) X(strerror)

#define QN_NETCDF_POINTER(name) __typeof__(&nc_##name) name;
struct qn_netcdf_calls {
    QN_NETCDF_CALLS(QN_NETCDF_POINTER)
};
#undef QN_NETCDF_POINTER

/* All NULL until qn_netcdf_load has succeeded. */
const struct qn_netcdf_calls *
qn_netcdf_load_calls(void);

/* QN_EUNAVAILABLE: it is not on this machine. */
int
qn_netcdf_load(struct qn_error *err);

#endif
