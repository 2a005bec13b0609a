/* Types in memory, for the HDF5 reader and writers alike. */
#include "io/hdf5_native.h"

hid_t
qn_hdf5_native(enum qn_dtype t)
{
    switch (t) {
    case QN_I8: return H5T_NATIVE_INT8;
    case QN_U8: return H5T_NATIVE_UINT8;
    case QN_I16: return H5T_NATIVE_INT16;
    case QN_U16: return H5T_NATIVE_UINT16;
    case QN_I32: return H5T_NATIVE_INT32;
    case QN_U32: return H5T_NATIVE_UINT32;
    case QN_I64: return H5T_NATIVE_INT64;
    case QN_U64: return H5T_NATIVE_UINT64;
    case QN_F32: return H5T_NATIVE_FLOAT;
    case QN_F64: return H5T_NATIVE_DOUBLE;
    case QN_NDTYPES: break;
    }
    return -1;
}
