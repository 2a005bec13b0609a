/* A window that slides along a row, and knows its median.  Local, pure.
 *
 * The frame's samples are replaced by their ranks among all of them; the
 * window counts how many samples it has of each rank, of 64 ranks together
 * and of 4096.  So a sample comes or goes in three additions, and the median
 * is found by adding a few counts, whatever the type and the window. */
#ifndef QN_KERNELS_WINDOW_H
#define QN_KERNELS_WINDOW_H

#include "kernels/edge.h"

struct qn_window {
    enum qn_dtype dtype;
    int32_t *rank;       /* [samples of the frame]; -1: NaN            */
    uint64_t *key;       /* [ranks]: bits that order as the samples do;
                            NULL: the rank itself                      */
    uint32_t *count[3];  /* of 1, 64 and 4096 ranks                    */
    size_t nranks;
    uint32_t n;          /* samples in the window that are not NaN     */
    const struct qn_frame *frame; /* borrowed */
};

/* Bytes of memory for a frame of so many samples. */
size_t
qn_window_bytes(size_t samples, enum qn_dtype dtype);

/* Rank the samples, fewer than 2^31.  memory is aligned to 64. */
void
qn_window_make(
    struct qn_window *w, enum qn_dtype dtype, const void *samples,
    const struct qn_frame *f, size_t nsamples, void *memory);

/* n medians, the first of the window around the frame's sample `from`. */
void
qn_window_row(struct qn_window *w, int64_t from, int64_t n, void *to);

#endif
