/* What the author of a kernel reads.
 *
 * A kernel is one file that exports one const struct qn_kernel.  It sees
 * neither files nor MPI nor threads: it is given samples and gives samples
 * back.  Its options are a table that is parser, help page and provenance at
 * the same time.
 *
 * The engine calls, for one step of one item:
 *
 *     prepare(params)            once the options are filled in
 *     type(params, in, &out)     what comes out: also used by `quern plan`
 *     point(...), stencil(...),
 *     regrid or apply(...)       the samples; reductions: see reduction.h
 *     release(params)            once, whatever happened before
 *
 * None of these may keep a pointer it was given beyond release.
 */
#ifndef QUERN_KERNEL_H
#define QUERN_KERNEL_H

#include <stddef.h>

#include "quern/array.h"
#include "quern/error.h"
#include "quern/reduction.h"

enum qn_kind {
    QN_KIND_POINT,     /* each sample by itself             */
    QN_KIND_GEOMETRY,  /* changes what is where             */
    QN_KIND_STENCIL,   /* looks at neighbours               */
    QN_KIND_REDUCTION, /* fewer axes or other axes come out */
    QN_KIND_COMBINE,   /* many items become one             */
    QN_KIND_GENERATOR, /* samples out of their places       */
    QN_KIND_OTHER
};

/* ---- options ----------------------------------------------------------- */

enum qn_option_type {
    QN_OPTION_NUMBER,  /* double; in a job file also {header: NAME}      */
    QN_OPTION_INTEGER, /* int64_t; the same                              */
    QN_OPTION_BOOL,    /* bool                                           */
    QN_OPTION_CHOICE,  /* int: index into choices                        */
    QN_OPTION_TEXT,    /* const char *, borrowed; NULL if not given      */
    QN_OPTION_DTYPE,   /* int: an enum qn_dtype                          */
    QN_OPTION_NUMBERS, /* struct qn_numbers: one number or a list        */
    QN_OPTION_SECTION, /* struct qn_section: "[x1:x2, y1:y2]" or a list
                          of "a:b"; in a job file also {header: NAME}    */
    QN_OPTION_CHOICES, /* struct qn_choices: one choice or a list        */
};

#define QN_MAX_NUMBERS 64
struct qn_numbers {
    int n; /* 0: not given */
    double v[QN_MAX_NUMBERS];
};

struct qn_choices {
    int n;              /* 0: not given         */
    int v[QN_MAX_DIMS]; /* indices into choices */
};

/* Part of a grid, already in C order, from 0, half open. */
struct qn_section {
    int ndims; /* 0: not given */
    int64_t start[QN_MAX_DIMS];
    int64_t stop[QN_MAX_DIMS]; /* INT64_MAX: to the end */
    int64_t step[QN_MAX_DIMS];
};

/* One row of a kernel's table of options.
 *
 * preset is the default, spelled as in a job file ("median", "0.1",
 * "{header: BIASSEC}").  NULL: the option must be given.  "": it need not be,
 * and then the field stays zero (NaN for a number, INT64_MIN for an integer,
 * -1 for a choice or a dtype, ndims 0 for a section). */
struct qn_option {
    const char *name;
    enum qn_option_type type;
    size_t offset;       /* of the field in the params struct            */
    const char *preset;  /* see above                                    */
    const char *choices; /* "mean|median"; NULL unless QN_OPTION_CHOICE
                            or QN_OPTION_CHOICES                         */
    const char *unit;    /* "samples", "sigma"; NULL: none               */
    const char *help;    /* one sentence                                 */
};

enum qn_operands {
    QN_OPERANDS_NONE,
    QN_OPERANDS_ONE,      /* subtract: {stage: bias}                  */
    QN_OPERANDS_OPTIONAL, /* bad-pixels: may have one                 */
    QN_OPERANDS_KEY,      /* reduce: {weights: {file: w.npy}}         */
    QN_OPERANDS_NAMED     /* calculate: {expr: "x - d", d: {...}}     */
};

#define QN_MAX_OPERANDS 16

/* ---- samples ----------------------------------------------------------- */

/* The samples of one operand that belong to a lane. */
struct qn_feed {
    const void *v; /* n samples of the lane's type, or 1 if one */
    bool one;      /* v[0] serves the whole lane                */
};

/* A run of consecutive samples of an item. */
struct qn_lane {
    enum qn_dtype real; /* QN_F32 or QN_F64: the type of x and feeds   */
    void *x;            /* in/out: n samples                           */
    size_t n;
    int nfeeds;
    const struct qn_feed *feed; /* [nfeeds], in the order of the operands */
    const char *const *names;   /* [nfeeds], QN_OPERANDS_NAMED only       */
};

/* A whole item. */
struct qn_call {
    const struct qn_array *in;
    struct qn_array *out; /* allocated, of the type that type() gave; never
                             the memory of in                            */
    int noperands;
    const struct qn_array *const *operand; /* [noperands] real arrays of
                             in's dtype; ndims 0 for a number            */
};

/* Samples of a box of a grid.  Indices count in the whole grid, so that a
 * kernel knows where its samples are, whichever box it is given. */
struct qn_region {
    struct qn_type grid;         /* the sample type, and the whole grid    */
    int64_t start[QN_MAX_DIMS];  /* of the box, in the grid                */
    int64_t count[QN_MAX_DIMS];  /* samples along each axis of the box     */
    int64_t stride[QN_MAX_DIMS]; /* samples from one index to the next;
                                    of the last axis 1                     */
    void *data;                  /* the first sample of the box            */
};

/* What a stencil must see around a sample. */
struct qn_halo {
    int64_t radius[QN_MAX_DIMS]; /* samples to either side; 0: none       */
    bool wraps[QN_MAX_DIMS];     /* beyond the end the grid begins again  */
    int64_t steps; /* times that the stencil is applied, each time to what
                      came out before; then in and out have one type      */
    int64_t every; /* 0; or what comes out is the state after every so many
                      steps, along a leading axis that type() adds; steps is
                      a multiple of it                                    */
};

/* ---- one number of the whole item ---------------------------------------- */

enum qn_statistic_of {
    QN_STATISTIC_NONE,
    QN_STATISTIC_MEDIAN, /* of an even count the mean of the two middle samples,
                            in float64                                       */
    QN_STATISTIC_MEAN,   /* the exact sum, rounded to float64, by the count   */
    QN_STATISTIC_MAX
};

/* A number of the finite samples of a box of the item. */
struct qn_statistic {
    enum qn_statistic_of of;
    bool for_holes;              /* needed only where the box has NaN         */
    int64_t start[QN_MAX_DIMS];  /* the box                                   */
    int64_t count[QN_MAX_DIMS];
    int64_t step[QN_MAX_DIMS];
    int64_t finite, holes;       /* found: finite samples of the box, and NaN
                                    (counted where for_holes)                 */
    double value;                /* found; NaN: there is none                 */
};

/* A kernel that needs one number of the whole item and then each sample by
 * itself: an item may be shared by many ranks, none of which has it all. */
struct qn_overall {
    /* Local, pure.  What is needed; `of` comes as QN_STATISTIC_NONE. */
    int (*ask)(
        const void *params, const struct qn_type *in, struct qn_statistic *s,
        struct qn_error *err);

    /* Local, pure.  Will it do?  QN_EVALUE fails the item. */
    int (*check)(
        const void *params, const struct qn_statistic *s,
        struct qn_error *err);

    /* Local, pure.  The samples of a lane, in place. */
    void (*use)(
        const void *params, double value, const struct qn_lane *lane);
};

/* ---- another grid -------------------------------------------------------- */

#define QN_MAX_SOURCES 2

/* A kernel that changes what is where, or its type, or looks at a few samples
 * of an axis: what a box of the output is made of are one or two boxes of the
 * input.  So an item may be shared by many ranks, none of which has it all, or
 * go through slab by slab: a slab is a box of whole rows. */
struct qn_regrid {
    /* Local, pure.  The boxes of the input that a box of the output is made of,
     * which has samples: their start and count to source.  in: the whole input,
     * which type() took; of out only start and count are looked at.  Returns
     * how many there are.  The further along an axis a box lies, the further
     * lie its sources; but the second one may be the same for all. */
    int (*sources)(
        const void *params, const struct qn_shape *in,
        const struct qn_region *out, struct qn_region source[QN_MAX_SOURCES]);

    /* Local.  The samples of out, a box of the output, from its sources.  Those
     * may lie in memory as parts of something larger, as their strides say; out
     * lies there in one piece, row-major.  What comes out for a sample must not
     * depend on the box it is computed in. */
    int (*make)(
        const void *params, const struct qn_region source[QN_MAX_SOURCES],
        const struct qn_region *out, struct qn_error *err);

    /* Boxes that have no sample in common are made of boxes that have none, so
     * that an item can be cut at no cost. */
    bool apart;
};

/* ---- the kernel -------------------------------------------------------- */

struct qn_kernel {
    const char *name;       /* as in a job file                           */
    const char *summary;    /* one line, no full stop                     */
    const char *definition; /* exactly what is computed, one paragraph    */
    const char *source;     /* paper, standard or reference; NULL: ours   */
    enum qn_kind kind;
    int version;            /* raised when results change; part of keys   */
    bool real;              /* samples are converted to `precision` first */
    bool integer_exact;     /* QN_KIND_COMBINE, REDUCTION: integers are
                               reduced as integers, operands are float64  */
    bool blas;              /* bits hold for one core type of BLAS       */
    enum qn_operands operands;
    const char *operand_key;  /* QN_OPERANDS_KEY: what the one operand, which
                               need not be given, is called            */
    size_t params_size;
    const struct qn_option *options; /* ends with name NULL; may be NULL  */
    const char *shorthand;  /* option that a bare scalar or list stands
                               for ("bin: 2"); NULL: none                 */

    /* Local.  Check what the table cannot; may attach state to params. */
    int (*prepare)(void *params, struct qn_error *err); /* may be NULL */
    void (*release)(void *params);                      /* may be NULL */

    /* Local.  The type that comes out; NULL: as it came in, and what halo()
     * refuses is refused.  in->dtype is already the real type if `real`. */
    int (*type)(
        const void *params,
        const struct qn_type *in,
        struct qn_type *out,
        struct qn_error *err);

    /* QN_KIND_REDUCTION: in place of type, point, stencil and apply.  Another
     * kernel that has it can be a product as well as a step. */
    const struct qn_reduction *reduction;

    /* Exactly one of point, apply, regrid and stencil (none for QN_KIND_COMBINE
     * and QN_KIND_REDUCTION).  Local; apply is given the item in one place. */
    void (*point)(const void *params, const struct qn_lane *lane);
    int (*apply)(
        const void *params,
        const struct qn_call *call,
        struct qn_error *err);

    /* Beside apply, of kernels with `real`: what apply does, in parts.  NULL:
     * it needs the item in one place. */
    const struct qn_overall *overall;

    const struct qn_regrid *regrid;

    /* Local.  One step over the box of out.  in covers that box grown by the
     * radius; it ends where the grid ends, and there the kernel applies its
     * rule for edges; but along an axis that wraps it does not end there:
     * indices below 0 and from the length on stand for samples of the other
     * end.  in and out never overlap.  scratch has the bytes that scratch()
     * asked for, aligned for any type, and any content.
     *
     * What comes out for a sample must not depend on the box it is computed
     * in: boxes are cut by tiles, by ranks, and by the steps that are done on
     * one while it is in cache. */
    int (*stencil)(
        const void *params,
        const struct qn_region *in,
        const struct qn_region *out,
        void *scratch,
        struct qn_error *err);

    /* Local, with stencil.  in: of the whole grid.  halo comes zeroed, with
     * 1 step; fails where type() does, if there is one.  NULL: radius 0. */
    int (*halo)(
        const void *params,
        const struct qn_type *in,
        struct qn_halo *halo,
        struct qn_error *err);

    /* Local, with stencil.  Bytes of scratch for a box of count samples
     * along each axis, enough for a smaller one too; SIZE_MAX: more than
     * there can be.  NULL: none. */
    size_t (*scratch)(
        const void *params,
        const struct qn_type *in,
        const int64_t count[QN_MAX_DIMS]);

    /* Local, geometry only: sample i of axis a of the output covers samples
     * offset[a] + i * factor[a] ... + factor[a] of the input, so that header
     * cards can be corrected. */
    void (*map)(
        const void *params,
        const struct qn_shape *in,
        double offset[QN_MAX_DIMS],
        double factor[QN_MAX_DIMS]);
};

#endif
