/* What lies beyond the edges of a grid, for filters.  Local, pure.
 *
 * A filter copies its box, grown by the radius and filled beyond the grid's
 * edges, to scratch; then its loops know no edges. */
#ifndef QN_KERNELS_EDGE_H
#define QN_KERNELS_EDGE_H

#include <stddef.h>

#include "quern/kernel.h"

enum qn_edge_rule {
    QN_EDGE_REFLECT,
    QN_EDGE_NEAREST,
    QN_EDGE_CONSTANT,
    QN_EDGE_PERIODIC
};

/* The options that filters have in common. */
struct qn_edge {
    int rule; /* enum qn_edge_rule */
    double cval;
    struct qn_numbers axes; /* n 0: all */
};

/* Rows of a table of options: member is the struct qn_edge of S. */
#define QN_EDGE_OPTIONS(S, member)                                           \
    {"edge", QN_OPTION_CHOICE, offsetof(S, member.rule), "reflect",          \
     "reflect|nearest|constant|periodic", NULL,                              \
     "What lies beyond the edges: dcba|abcd|dcba, aaaa|abcd|dddd, cval, or "  \
     "abcd|abcd|abcd."},                                                      \
    {"cval", QN_OPTION_NUMBER, offsetof(S, member.cval), "0", NULL, NULL,    \
     "The value beyond the edges, with edge: constant."},                    \
    {"axes", QN_OPTION_NUMBERS, offsetof(S, member.axes), "", NULL, NULL,    \
     "The axes it acts on, slowest is 0, from the end -1; default all. Lists " \
     "of other options go by their order."}

/* What the pages of filters say about them. */
#define QN_EDGE_DEFINITION                                                   \
    "Beyond an edge lie, by the rule edge: reflect, the samples mirrored "   \
    "about the edge, d c b a | a b c d | d c b a; nearest, the sample at "   \
    "the edge; constant, cval; periodic, the samples of the other end: "     \
    "SciPy's ndimage has the same rules, and calls the last one wrap. It "   \
    "acts on all axes, or on those of axes (a stack of frames: axes: "       \
    "[1, 2])."

/* A box grown on all sides, as a contiguous array of its own. */
struct qn_frame {
    int ndims;
    int64_t radius[QN_MAX_DIMS];
    int64_t n[QN_MAX_DIMS], stride[QN_MAX_DIMS]; /* samples */
};

/* For each axis of shape its place in the list of those acted on, from 0, -1
 * for the others, and how many are acted on.  Lists beside axes are in the same
 * order.  QN_ESHAPE for a number without axes, and for an axis that is not
 * there or named twice. */
int
qn_edge_axes(
    int place[QN_MAX_DIMS], int *n, const struct qn_numbers *axes,
    const struct qn_shape *shape, struct qn_error *err);

/* The frame of a box of count samples; *size samples in all, or -1 where that
 * exceeds 2^40. */
void
qn_edge_frame(
    struct qn_frame *f, int64_t *size, int ndims, const int64_t *count,
    const int64_t *radius);

/* Fill the frame of out's box from in, converted to the real type or the
 * integer type `dtype`, which holds both its samples and cval. */
void
qn_edge_fill(
    void *to, enum qn_dtype dtype, const struct qn_frame *f,
    const struct qn_region *in, const struct qn_region *out,
    const struct qn_edge *e);

/* Say in a halo that has its radius whether the axes wrap. */
void
qn_edge_wrap(struct qn_halo *halo, const struct qn_edge *e);

/* From float64 to a row of out's samples, rounded once. */
void
qn_edge_store(const struct qn_region *out, int64_t at, const double *v, int64_t n);

#endif
