/* Small HDF5 files, made object by object.  For the tests of readers only. */
#ifndef QN_TEST_HDF5_SMALL_H
#define QN_TEST_HDF5_SMALL_H

#include <hdf5.h>

#include "reader_run.h"

static inline hid_t
create(const char *name)
{
    hid_t f = H5Fcreate(at(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);

    assert_true(f >= 0);
    return f;
}

static inline void
group(hid_t file, const char *path)
{
    H5Gclose(H5Gcreate2(file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

static inline void
text(hid_t object, const char *name, const char *value)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), a;

    H5Tset_size(type, strlen(value) + 1);
    a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0 && H5Awrite(a, type, value) >= 0);
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
}

static inline void
text_at(hid_t file, const char *path, const char *name, const char *value)
{
    hid_t object = H5Oopen(file, path, H5P_DEFAULT);

    text(object, name, value);
    H5Oclose(object);
}

static inline void
number(hid_t file, const char *path, const char *name, hid_t type, double x)
{
    hid_t object = H5Oopen(file, path, H5P_DEFAULT), a;
    hid_t space = H5Screate(H5S_SCALAR);

    a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0 && H5Awrite(a, H5T_NATIVE_DOUBLE, &x) >= 0);
    H5Aclose(a);
    H5Sclose(space);
    H5Oclose(object);
}

// Samples 0, 1, 2, ... of a file type; n ends with 0.
static inline void
ramp(hid_t file, const char *path, hid_t type, const hsize_t *n, hid_t dcpl)
{
    int ndims = 0, count = 1;
    hid_t space, d;
    int *v;

    for (; n[ndims]; ndims++)
        count *= (int)n[ndims];
    v = malloc((size_t)count * sizeof *v);
    for (int i = 0; i < count; i++)
        v[i] = i;
    space = ndims ? H5Screate_simple(ndims, n, NULL) : H5Screate(H5S_SCALAR);
    d = H5Dcreate2(file, path, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert_true(d >= 0);
    assert_true(H5Dwrite(d, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >=
                0);
    H5Dclose(d);
    H5Sclose(space);
    free(v);
}

#define DIMS(...) ((const hsize_t[]){__VA_ARGS__, 0})
#define SCALAR    ((const hsize_t[]){0})

#endif
