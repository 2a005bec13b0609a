/* The machine's own type of samples, as HDF5 names it.  Local. */
#ifndef QN_IO_HDF5_NATIVE_H
#define QN_IO_HDF5_NATIVE_H

#include <hdf5.h>

#include "quern/array.h"

/* Not to be closed; -1 for what is no type. */
hid_t
qn_hdf5_native(enum qn_dtype t);

#endif
