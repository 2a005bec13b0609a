/* Index sets: shapes, boxes in them, cuts.  No memory, no ranks; all local
 * and pure. */
#ifndef QN_MODEL_SHAPE_H
#define QN_MODEL_SHAPE_H

#include <stddef.h>

#include "quern/array.h"
#include "quern/error.h"

/* A rectangular part of a shape, with strides. */
struct qn_box {
    int ndims;
    int64_t start[QN_MAX_DIMS];
    int64_t count[QN_MAX_DIMS]; /* samples taken along each axis */
    int64_t step[QN_MAX_DIMS];  /* >= 1 */
};

/* Samples in all, 1 for ndims 0; QN_ESHAPE if it exceeds 2^62. */
int
qn_shape_size(int64_t *size, const struct qn_shape *s, struct qn_error *err);

/* The same, for a shape that was checked before. */
int64_t
qn_shape_count(const struct qn_shape *s);

/* Bytes of the samples of such an array. */
int64_t
qn_shape_bytes(const struct qn_type *t);

bool
qn_shape_equal(const struct qn_shape *a, const struct qn_shape *b);

/* "2048 x 2048" into buf, "a number" for ndims 0. */
const char *
qn_shape_text(char *buf, size_t size, const struct qn_shape *s);

/* May an operand of shape b be used on an item of shape a?  Equal, or
 * broadcast from the trailing axes (length 1 or equal); the item never grows.
 * QN_ESHAPE names both shapes. */
int
qn_shape_fits(const struct qn_shape *a, const struct qn_shape *b, struct qn_error *err);

/* The first axis with more than one sample, else the last; 0 for a number. */
int
qn_shape_row_axis(const struct qn_shape *s);

/* The whole of s. */
struct qn_box
qn_shape_box(const struct qn_shape *s);

/* Part i of n nearly equal consecutive parts of total: the first
 * total % n parts have one more. */
void
qn_shape_part(int64_t *start, int64_t *count, int64_t total, int64_t n, int64_t i);

#endif
