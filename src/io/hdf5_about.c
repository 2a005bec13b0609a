/* Version and filters of the HDF5 library.  Opens no file. */
#include "io/hdf5_about.h"

#include <hdf5.h>
#include <stdio.h>

/* The library's own, then those registered with The HDF Group. */
static const struct {
    H5Z_filter_t id;
    const char *name;
} filters[] = {
    {H5Z_FILTER_DEFLATE, "deflate"},   {H5Z_FILTER_SHUFFLE, "shuffle"},
    {H5Z_FILTER_FLETCHER32, "fletcher32"}, {H5Z_FILTER_SZIP, "szip"},
    {H5Z_FILTER_NBIT, "nbit"},         {H5Z_FILTER_SCALEOFFSET, "scaleoffset"},
    {307, "bzip2"},                    {32000, "lzf"},
    {32001, "blosc"},                  {32004, "lz4"},
    {32008, "bitshuffle"},             {32015, "zstd"},
};

json_t *
qn_hdf5_about_json(void)
{
    json_t *list = json_array();
    unsigned major = 0, minor = 0, release = 0;
    char version[48];
#ifdef H5_HAVE_PARALLEL
    int parallel = 1;
#else
    int parallel = 0;
#endif

    H5get_libversion(&major, &minor, &release);
    snprintf(version, sizeof version, "%u.%u.%u", major, minor, release);
    H5E_BEGIN_TRY
    {
        for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
            if (H5Zfilter_avail(filters[i].id) > 0)
                json_array_append_new(list, json_string(filters[i].name));
    }
    H5E_END_TRY
    return json_pack("{s:s,s:b,s:o}", "version", version, "parallel", parallel,
                     "filters", list);
}
