/* Which HDF5 this is.  Local. */
#ifndef QN_IO_HDF5_ABOUT_H
#define QN_IO_HDF5_ABOUT_H

#include <jansson.h>

/* {"version": "1.10.8", "parallel": false, "filters": ["deflate", ...]}, the
 * filters that can be read here, plugins included.  New reference; NULL
 * without memory. */
json_t *
qn_hdf5_about_json(void);

#endif
