/* How many cores a process really gets, measured.  Local.
 *
 * Threads compute for a while and the processor time they got is held against
 * the time that passed: two threads on one core get 1.0 cores, whatever masks
 * and libraries say. */
#ifndef QN_BASE_DELIVERED_H
#define QN_BASE_DELIVERED_H

#include <stdbool.h>

struct qn_delivered {
    int threads;
    double loop;   /* cores, of a plain loop on so many threads              */
    double gemm;   /* cores, of so many small products by the BLAS that is
                      loaded, one a thread; NaN: none is, or it was not tried */
    double gflops; /* of these, double precision, all together; NaN likewise */
};

/* Takes about seconds for the loop, and with `blas` as many for the other.
 * BLAS is to be limited to one thread before. */
void
qn_delivered_measure(
    struct qn_delivered *d, int threads, double seconds, bool blas);

#endif
