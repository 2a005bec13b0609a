/* The samples of a few neighbouring pixels in all members: what combine
 * rejects from, and takes its statistics of.
 *
 * Samples lie pixel beside pixel (lanes), member behind member, as float64,
 * so that every loop runs over lanes in step.  All local; knows neither files
 * nor options.
 *
 *     qn_pile_make(&p, n, ranked, err)
 *     for each few pixels:
 *         qn_pile_load(&p, ...)
 *         qn_pile_clip(&p, ...) or qn_pile_drop(&p, ...), or neither
 *         qn_pile_take(&p, ...)
 *     qn_pile_clear(&p)
 */
#ifndef QN_KERNELS_PILE_H
#define QN_KERNELS_PILE_H

#include "kernels/combine.h"

enum { QN_PILE_LANES = 16 };

/* What is combined.  All pointers borrowed. */
struct qn_members {
    enum qn_dtype dtype;       /* of the samples                          */
    const void *const *v;      /* [n] -> samples                          */
    const double *weight;      /* [n], or NULL; only with QN_MEAN         */
    size_t n;
};

struct qn_pile {
    size_t n;       /* members                                           */
    double *item;   /* owned: [n][LANES] in item order; NaN does not count */
    double *ranked; /* owned: the same, each lane ascending, NaN as +inf
                       at its end; NULL if not asked for                 */
    double *spare;  /* owned: for ranking very many members; else NULL   */

    /* Of each lane: its samples in [low, high] are kept, kept of them; they
     * are ranked[first ... end); sum is theirs, in item order. */
    double low[QN_PILE_LANES], high[QN_PILE_LANES];
    double sum[QN_PILE_LANES], kept[QN_PILE_LANES];
    size_t first[QN_PILE_LANES], end[QN_PILE_LANES];
};

/* Bytes that qn_pile_make allocates. */
size_t
qn_pile_bytes(size_t n, bool ranked);

/* ranked: medians will be asked for, or qn_pile_drop. */
int
qn_pile_make(
    struct qn_pile *p, size_t n, bool ranked, struct qn_error *err);

void
qn_pile_clear(struct qn_pile *p);

/* Take in pixels first ... first + width of all members, all of them kept. */
void
qn_pile_load(
    struct qn_pile *p, const struct qn_members *m,
    size_t first, size_t width); /* width at most QN_PILE_LANES */

/* Reject by c's sigma-clip. */
void
qn_pile_clip(struct qn_pile *p, const struct qn_combine *c);

/* Drop the low smallest and the high largest of each lane; of equal ones the
 * first in item order at the low end, the last at the high end.  Dropped
 * samples become NaN in item. */
void
qn_pile_drop(struct qn_pile *p, size_t low, size_t high);

/* Is sample (member i, lane l) kept? */
static inline bool
qn_pile_keeps(const struct qn_pile *p, size_t i, size_t l)
{
    const double x = p->item[i * QN_PILE_LANES + l];

    return x >= p->low[l] && x <= p->high[l];
}

/* The result of c's method over what is kept; NaN where nothing is. */
void
qn_pile_take(
    const struct qn_pile *p, const struct qn_combine *c,
    const double *weight, /* [n] or NULL; only with QN_MEAN */
    double out[QN_PILE_LANES]);

#endif
