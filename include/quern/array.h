/* Plain data that kernels see: sample types, shapes, arrays.
 *
 * Arrays are row-major (C order, last axis fastest) and contiguous.
 * The functions on these types are in model/dtype.h, shape.h and array.h.
 */
#ifndef QUERN_ARRAY_H
#define QUERN_ARRAY_H

#include <stdbool.h>
#include <stdint.h>

#define QN_MAX_DIMS 8

/* code, name in job files and records, bytes, C type */
#define QN_DTYPES(X)                                                         \
    X(QN_I8, "int8", 1, int8_t)                                              \
    X(QN_U8, "uint8", 1, uint8_t)                                            \
    X(QN_I16, "int16", 2, int16_t)                                           \
    X(QN_U16, "uint16", 2, uint16_t)                                         \
    X(QN_I32, "int32", 4, int32_t)                                           \
    X(QN_U32, "uint32", 4, uint32_t)                                         \
    X(QN_I64, "int64", 8, int64_t)                                           \
    X(QN_U64, "uint64", 8, uint64_t)                                         \
    X(QN_F32, "float32", 4, float)                                           \
    X(QN_F64, "float64", 8, double)

#define QN_DTYPE_ENUM(code, name, bytes, type) code,
enum qn_dtype { QN_DTYPES(QN_DTYPE_ENUM) QN_NDTYPES };
#undef QN_DTYPE_ENUM

/* The lengths of the axes; ndims 0 is a single number. */
struct qn_shape {
    int ndims;              /* 0..QN_MAX_DIMS */
    int64_t n[QN_MAX_DIMS]; /* samples along each axis, slowest first */
};

/* What an item is between two steps. */
struct qn_type {
    enum qn_dtype dtype;
    struct qn_shape shape;
};

struct qn_array {
    struct qn_type type;
    void *data; /* contiguous, row-major; owned if own, else borrowed */
    bool own;
};

#endif
