/* An item as frames: its last two axes, or the only axis of a 1-D item, are a
 * frame; all axes in front of them count frames.  All local, pure. */
#ifndef QN_KERNELS_FRAME_H
#define QN_KERNELS_FRAME_H

#include "kernels/reduce_run.h"
#include "model/shape.h"

struct qn_frame {
    int ndims;         /* of a frame: 1 or 2                   */
    int64_t ny, nx;    /* ny 1 where ndims is 1                */
    int64_t pixels;    /* of a frame                           */
    int64_t frames;    /* in all                               */
    struct qn_shape lead; /* the axes that count frames        */
    int64_t row;       /* samples of a row of the item         */
};

/* QN_ESHAPE for a number. */
static inline int
qn_frame_make(struct qn_frame *f, const struct qn_shape *s,
              struct qn_error *err)
{
    int64_t rows;

    if (s->ndims == 0)
        return qn_fail(err, QN_ESHAPE,
                       "an item with axes is needed; this is a number");
    *f = (struct qn_frame){.ndims = s->ndims > 1 ? 2 : 1, .lead = *s};
    f->lead.ndims = s->ndims - f->ndims;
    f->nx = s->n[s->ndims - 1];
    f->ny = f->ndims == 2 ? s->n[s->ndims - 2] : 1;
    f->pixels = f->nx * f->ny;
    f->frames = qn_shape_count(&f->lead);
    qn_reduce_run_rows(s, &rows, &f->row);
    return 0;
}

/* A result of n samples for each frame. */
static inline struct qn_shape
qn_frame_result(const struct qn_frame *f, int64_t n)
{
    struct qn_shape s = f->lead;

    s.n[s.ndims++] = n;
    return s;
}

/* The frames that a slab touches: how many. */
static inline int64_t
qn_frame_parts(const struct qn_frame *f, const struct qn_slab *s)
{
    const int64_t first = s->first * f->row, end = first + s->n * f->row;

    return (end - 1) / f->pixels - first / f->pixels + 1;
}

/* Part i of them: pixels *from ... *from + count of frame *frame, which are
 * the slab's samples from *at on. */
static inline int64_t
qn_frame_part(const struct qn_frame *f, const struct qn_slab *s, int64_t i,
              int64_t *frame, int64_t *from, int64_t *at)
{
    const int64_t first = s->first * f->row, end = first + s->n * f->row;
    int64_t begin, stop;

    *frame = first / f->pixels + i;
    begin = *frame * f->pixels > first ? *frame * f->pixels : first;
    stop = (*frame + 1) * f->pixels < end ? (*frame + 1) * f->pixels : end;
    *from = begin - *frame * f->pixels;
    *at = begin - first;
    return stop - begin;
}

#endif
