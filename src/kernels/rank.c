/* Putting the samples of a pile in order.
 *
 * A sorting network makes the same comparisons whatever the samples are, so
 * it runs over all lanes in step, without a branch that depends on them; its
 * n log^2 n comparisons beat a linear sort of each lane up to some thousands
 * of rows.
 */
#include "kernels/rank.h"

#include "kernels/clones.h"
#include "kernels/network.h"
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

QN_CLONES static void
rank_lanes(double *v, size_t n)
QN_NETWORK(double, LANES, v, n)

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
