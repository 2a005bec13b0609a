/* combine: many items become one, pixel by pixel.  Sees neither files nor MPI.
 *
 * The definition is the text of qn_kernel_combine.definition (quern kernels
 * combine).  All local. */
#ifndef QN_KERNELS_COMBINE_H
#define QN_KERNELS_COMBINE_H

#include <stddef.h>
#include <stdint.h>

#include "quern/kernel.h"

enum qn_method { QN_MEAN, QN_MEDIAN, QN_SUM, QN_MIN, QN_MAX, QN_STD };
enum qn_reject { QN_REJECT_NONE, QN_REJECT_SIGMA_CLIP, QN_REJECT_MIN_MAX };
enum qn_center { QN_CENTER_MEDIAN, QN_CENTER_MEAN };
enum qn_deviation { QN_DEVIATION_STD, QN_DEVIATION_MAD };

/* The params struct of qn_kernel_combine's option table. */
struct qn_combine {
    int method;    /* enum qn_method                                     */
    int reject;    /* enum qn_reject                                     */
    double sigma;  /* sets both low and high; NaN: not given             */
    double low;    /* deviations below the centre, or samples (min-max)  */
    double high;
    int center;    /* enum qn_center                                     */
    int deviation; /* enum qn_deviation                                  */
    int64_t iterations; /* 0: until a pass rejects nothing               */
    int64_t ddof;
};

extern const struct qn_kernel qn_kernel_combine;

/* The type of the result for members of that dtype: straight from integers
 * sum int64/uint64, min and max the type, mean, median and std float64; from
 * reals the same real type. */
enum qn_dtype
qn_combine_dtype(const struct qn_combine *c, enum qn_dtype in);

/* Bytes of scratch memory that qn_combine_band takes for n members, whatever
 * the number of pixels. */
size_t
qn_combine_scratch(const struct qn_combine *c, size_t n);

/* Combine npixels pixels of n members.
 * NaN samples never count.  Where nothing is left: NaN and count 0; NaN in an
 * integer result is QN_EVALUE.  An integer sum that overflows is QN_EVALUE. */
int
qn_combine_band(
    const struct qn_combine *c,
    enum qn_dtype dtype,         /* of the samples                        */
    const void *const *member,   /* [n] -> [npixels] samples              */
    const double *weight,        /* [n] or NULL                           */
    size_t n, size_t npixels,
    void *out,                   /* [npixels] of qn_combine_dtype         */
    int32_t *count,              /* [npixels] samples kept                */
    struct qn_error *err);

#endif
