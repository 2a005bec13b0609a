/* How a reduction is computed: from rows of an item, in order, never from the
 * item as a whole, so that files larger than memory go through it too.
 *
 * A row is one index along the first axis that is longer than 1, with all the
 * samples behind it.  A slab is some consecutive rows; its first row is a
 * multiple of rows(), and so is its length, but for the last one.  Whatever is
 * added up is added by tiles that lie inside a slab wherever it is cut, so
 * cutting and threads never change a bit.
 *
 *     open(&state, params, in, &passes)
 *     for each pass, for each slab in order:
 *         parts(state, slab, &n)
 *         part(state, slab, 0 ... n - 1)     in any order, on any threads
 *         merge(state, slab)                 one slab after the other
 *     shares(state, pass, &n)                behind each pass
 *     share(state, pass, 0 ... n - 1)        in any order, on any threads
 *     turn(state, pass)
 *     finish(state, out)
 *     caution(state, said)
 *     close(state)                           once, whatever happened before
 *
 * kernels/reduce_run.h runs this for one item. */
#ifndef QUERN_REDUCTION_H
#define QUERN_REDUCTION_H

#include "quern/array.h"
#include "quern/error.h"

/* What a reduction is asked to reduce. */
struct qn_reduced {
    struct qn_type type;  /* of the item                                   */
    enum qn_dtype real;   /* `precision`: QN_F32 or QN_F64                  */
    int64_t memory;       /* bytes that a reduction may gather samples in, if
                             it can do with more passes and less; 0: as it
                             likes                                         */
    int noperands;
    const struct qn_array *const *operand; /* [noperands] real arrays; data
                             NULL while a run is only planned; NULL: of an
                             unknown shape                                 */
    const char *const *names; /* [noperands], QN_OPERANDS_NAMED only        */
};

#define QN_MAX_RESULTS 4
#define QN_CAUTION 160 /* bytes of what is said, with the zero */

/* One dataset of a product.  The first of a reduction is its `data`. */
struct qn_reduced_type {
    const char *name;  /* "data", "edges", ...                             */
    struct qn_type type;
    const char *units; /* NULL: none                                       */
    int axis;          /* of data, whose values this dataset holds; -1: it
                          is no axis                                       */
};

struct qn_slab {
    int64_t first, n; /* rows                                              */
    const void *v;    /* their samples, of the item's dtype                */
    int pass;         /* from 0                                            */
};

struct qn_reduction {
    /* Local, pure.  What comes out: out[0 ... *n), at most QN_MAX_RESULTS. */
    int (*results)(
        const void *params, const struct qn_reduced *in,
        struct qn_reduced_type *out, int *n, struct qn_error *err);

    /* Local, pure.  Slabs begin at multiples of so many rows: a power of two
     * that follows from the shape.  NULL: 1. */
    int64_t (*rows)(const void *params, const struct qn_reduced *in);

    /* Local, pure.  Bytes that the state takes, beyond 32 a sample of the
     * results and in->memory.  NULL: 0. */
    int64_t (*need)(const void *params, const struct qn_reduced *in);

    /* Local.  in and params outlive the state. */
    int (*open)(
        void **state, const void *params, const struct qn_reduced *in,
        int *passes, struct qn_error *err);

    /* Local.  How many pieces can be computed at the same time; NULL: none,
     * merge does it all. */
    int (*parts)(
        void *state, const struct qn_slab *slab, int64_t *n,
        struct qn_error *err);
    void (*part)(void *state, const struct qn_slab *slab, int64_t i);

    /* Local.  NULL: nothing to do. */
    int (*merge)(
        void *state, const struct qn_slab *slab, struct qn_error *err);

    /* Local.  Behind a pass: pieces that can be computed at the same time.
     * NULL: none, turn does it all. */
    int64_t (*shares)(void *state, int pass);
    void (*share)(void *state, int pass, int64_t i);

    /* Local.  NULL: nothing to do. */
    int (*turn)(void *state, int pass, struct qn_error *err);

    /* Local.  out[i] is allocated, of the type that results() gave. */
    int (*finish)(
        void *state, const struct qn_array *out, struct qn_error *err);

    /* Local.  What the results of this item hold less than they seem to, as one
     * sentence without a full stop; nothing written: there is nothing to say.
     * NULL: there never is. */
    void (*caution)(const void *state, char said[QN_CAUTION]);
    void (*close)(void *state); /* NULL is fine */
};

#endif
