/* Which back-end reads a file: what the job says, held against the first
 * bytes; what they are is known to sniff.c.
 */
#include "io/reader_backend.h"

#include <string.h>

#include "base/text.h"
#include "io/sniff.h"

static const struct qn_backend *const backends[] = {
    &qn_fits_backend, &qn_hdf5_backend, &qn_netcdf_backend,
    &qn_npy_backend,  &qn_raw_backend,  NULL,
};

static const struct qn_backend *
find_backend(const char *name)
{
    for (int i = 0; name && backends[i]; i++)
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    return NULL;
}

static int
refuse_word(const char *format, struct qn_error *err)
{
    static const char *const known[] = {"auto", "fits", "hdf5", "netcdf",
                                        "npy",  "raw",  NULL};
    const char *near = qn_text_nearest(format, known);

    if (near)
        return qn_fail(err, QN_EJOB, "unknown format '%s'; did you mean '%s'?",
                       format, near);
    return qn_fail(
        err, QN_EJOB,
        "no array can be read from format '%s'; known are fits, hdf5, netcdf, "
        "npy and raw",
        format);
}

// NetCDF-4 is HDF5, and `format: netcdf` may mean either.
static bool
agrees(const char *said, const char *found)
{
    return strcmp(said, found) == 0 ||
           (strcmp(said, "netcdf") == 0 && strcmp(found, "hdf5") == 0);
}

int
qn_reader_pick(const struct qn_backend **backend,
               const struct qn_source *source, const struct qn_bytes *bytes,
               struct qn_error *err)
{
    const char *said = source->format, *found;

    if (said && strcmp(said, "auto") == 0)
        said = NULL;
    if (said && !find_backend(said))
        return refuse_word(said, err);
    if (!said && source->dtype && source->shape.ndims > 0)
        said = "raw";
    if (said && strcmp(said, "raw") == 0) {
        *backend = &qn_raw_backend;
        return 0;
    }
    found = qn_sniff_format(bytes);
    if (!found)
        return qn_sniff_refuse(bytes, said, err);
    if (said && !agrees(said, found))
        return qn_fail(err, QN_EFORMAT,
                       "the job says format: %s but this is a %s file", said,
                       found);
    *backend = find_backend(found);
    return 0;
}
