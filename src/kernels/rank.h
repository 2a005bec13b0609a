/* Putting the samples of a pile in order, each lane by itself.  Local, pure. */
#ifndef QN_KERNELS_RANK_H
#define QN_KERNELS_RANK_H

#include <stddef.h>

/* How many doubles of spare memory qn_rank needs; 0 for not too many rows. */
size_t
qn_rank_spare(size_t n);

/* Sort each of the QN_PILE_LANES columns of v, ascending.  No NaN. */
void
qn_rank(double *v /* [n][QN_PILE_LANES] */, size_t n, double *spare);

#endif
