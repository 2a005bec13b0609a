/* Filters whose result is computed row by row from a frame in float64.
 * Local, pure. */
#ifndef QN_KERNELS_DIFFER_H
#define QN_KERNELS_DIFFER_H

#include "kernels/edge.h"

struct qn_differ {
    const struct qn_edge *edge;
    const int64_t *radius; /* [ndims]; NULL: 1 along the edge's axes */
    const void *ctx;       /* for row */

    /* n samples of out from those at x and around it. */
    void (*row)(const struct qn_differ *d, double *restrict out, const double *x);

    /* set by qn_differ_run */
    int64_t n;
    int naxes;                   /* that are acted on                */
    int64_t stride[QN_MAX_DIMS]; /* [naxes]: to the next sample      */
};

/* Radius 1 along the axes acted on. */
int
qn_differ_halo(
    struct qn_halo *h, const struct qn_edge *edge, const struct qn_type *in,
    struct qn_error *err);

/* Bytes for qn_differ_run with radius 1. */
size_t
qn_differ_scratch(
    const struct qn_edge *edge, const struct qn_type *in,
    const int64_t count[QN_MAX_DIMS]);

/* The same with any radius. */
size_t
qn_differ_bytes(int ndims, const int64_t *count, const int64_t *radius);

/* What a kernel's stencil() does. */
int
qn_differ_run(
    const struct qn_differ *d, const struct qn_region *in,
    const struct qn_region *out, void *memory, struct qn_error *err);

#endif
