/* Walking over a box, one run along the last axis after the other, in
 * row-major order:
 *
 *     for (qn_walk_start(&w, &box, &shape); w.more; qn_walk_next(&w))
 *         samples w.first, w.first + w.step, ... (w.n of them)
 *
 * Knows indices only, no memory. */
#ifndef QN_KERNELS_WALK_H
#define QN_KERNELS_WALK_H

#include "model/shape.h"

struct qn_walk {
    struct qn_box box;
    int64_t stride[QN_MAX_DIMS]; /* samples from one index to the next     */
    int64_t at[QN_MAX_DIMS];     /* place in the box, 0 ... count-1        */
    int64_t first, step, n;      /* of the run                             */
    bool more;                   /* there is a run                         */
};

static inline void
qn_walk_start(struct qn_walk *w, const struct qn_box *box,
              const struct qn_shape *shape)
{
    const int last = box->ndims - 1;
    int64_t stride = 1;

    *w = (struct qn_walk){.box = *box, .step = 1, .n = 1, .more = true};
    for (int a = last; a >= 0; a--) {
        w->stride[a] = stride;
        w->first += stride * box->start[a];
        w->more = w->more && box->count[a] > 0;
        stride *= shape->n[a];
    }
    if (last >= 0) {
        w->n = box->count[last];
        w->step = box->step[last];
    }
}

static inline void
qn_walk_next(struct qn_walk *w)
{
    for (int a = w->box.ndims - 2; a >= 0; a--) {
        const int64_t step = w->stride[a] * w->box.step[a];

        w->first += step;
        if (++w->at[a] < w->box.count[a])
            return;
        w->first -= step * w->box.count[a];
        w->at[a] = 0;
    }
    w->more = false;
}

#endif
