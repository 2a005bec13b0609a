/* Putting the samples of a pile in order.
 *
 * A sorting network makes the same comparisons whatever the samples are, so
 * it runs over all lanes in step, without a branch that depends on them; its
 * n log^2 n comparisons beat a linear sort of each lane up to some thousands
 * of rows.
 */
#include "kernels/rank.h"

#include "kernels/clones.h"
#include "kernels/pile.h"
#include "kernels/stats.h"

#define LANES QN_PILE_LANES

/* The most rows for the network: as many as fit in the second level of
 * cache. */
enum { NETWORK_MAX = 4096 };

size_t
qn_rank_spare(size_t n)
{
    return n > NETWORK_MAX ? 2 * n : 0;
}

/* In every lane the smaller sample to a, the larger to b.  Two conditions, so
 * that the compiler sees a minimum and a maximum; of 0 and -0, which compare
 * equal, one takes both places. */
static inline void
exchange(double *restrict a, double *restrict b)
{
    for (int l = 0; l < LANES; l++) {
        const double x = a[l], y = b[l];
        const double low = x < y ? x : y, high = x > y ? x : y;

        a[l] = low;
        b[l] = high;
    }
}

/* Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2,
 * algorithm M): the same comparisons whatever the samples. */
QN_CLONES static void
rank_lanes(double *v, size_t n)
{
    size_t top = 1;

    while (2 * top < n)
        top *= 2;
    for (size_t p = top; p > 0; p /= 2) {
        size_t q = top, r = 0, d = p;

        for (;;) {
            for (size_t i = 0; i + d < n; i++)
                if ((i & p) == r)
                    exchange(v + i * LANES, v + (i + d) * LANES);
            if (q == p)
                break;
            d = q - p;
            q /= 2;
            r = p;
        }
    }
}

/* One lane after the other. */
static void
rank_long(double *v, size_t n, double *spare)
{
    for (size_t l = 0; l < LANES; l++) {
        for (size_t i = 0; i < n; i++)
            spare[i] = v[i * LANES + l];
        qn_stats_sort(spare, spare + n, n);
        for (size_t i = 0; i < n; i++)
            v[i * LANES + l] = spare[i];
    }
}

void
qn_rank(double *v, size_t n, double *spare)
{
    if (n > NETWORK_MAX)
        rank_long(v, n, spare);
    else
        rank_lanes(v, n);
}
