/* cast: samples in another type.  The rounding and the range check are those
 * of model/dtype. */
#include "kernels/part.h"
#include "kernels/walk.h"
#include "model/dtype.h"
#include "model/shape.h"
#include "quern/kernel.h"

struct params {
    int dtype; /* enum qn_dtype */
};

static const struct qn_option options[] = {
    {"dtype", QN_OPTION_DTYPE, offsetof(struct params, dtype), NULL, NULL, NULL,
     "The type that the samples get."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    (void)err;
    *out = *in;
    out->dtype = (enum qn_dtype)((const struct params *)params)->dtype;
    return 0;
}

static int
make(const void *params, const struct qn_region source[QN_MAX_SOURCES],
     const struct qn_region *out, struct qn_error *err)
{
    const struct qn_array in = qn_part_array(&source[0]);
    const size_t size = qn_dtype_size(in.type.dtype);
    const size_t to_size = qn_dtype_size(out->grid.dtype);
    const struct qn_box box = qn_part_box(out);
    char *to = out->data;
    struct qn_walk w;

    (void)params;
    for (qn_walk_start(&w, &box, &in.type.shape); w.more; qn_walk_next(&w)) {
        QN_TRY(qn_dtype_convert(to, out->grid.dtype,
                                (char *)in.data + (size_t)w.first * size,
                                in.type.dtype, (size_t)w.n, err));
        to += (size_t)w.n * to_size;
    }
    return 0;
}

static const struct qn_regrid regrid = {
    .sources = qn_part_same, .make = make, .apart = true};

const struct qn_kernel qn_kernel_cast = {
    .name = "cast",
    .summary = "samples in another type",
    .definition =
        "Each sample becomes the nearest value of dtype. Real to integer "
        "rounds half to even; NaN, an infinity, or a value outside the "
        "integer's range fails the item. Integer to real, and float64 to "
        "float32, round to nearest, half to even; NaN and infinities stay.",
    .source = "IEEE 754-2019, roundTiesToEven",
    .kind = QN_KIND_POINT,
    .version = 1,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "dtype",
    .type = type,
    .regrid = &regrid,
};
