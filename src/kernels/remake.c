/* From boxes in memory to a box: the kernel says which samples it needs, and is
 * shown them where they lie.  Knows neither slabs nor ranks. */
#include "kernels/remake.h"

#include "kernels/sweep.h"
#include "model/dtype.h"
#include "model/shape.h"

int
qn_remake_box(const struct qn_kernel *k, const void *params,
              const struct qn_region held[QN_MAX_SOURCES],
              const struct qn_region *out, struct qn_error *err)
{
    const struct qn_type *item = &held[0].grid;
    struct qn_region source[QN_MAX_SOURCES];
    const int n = k->regrid->sources(params, &item->shape, out, source);

    for (int j = 0; j < n; j++) {
        int64_t at = 0;

        source[j].grid = *item;
        for (int a = 0; a < item->shape.ndims; a++) {
            source[j].stride[a] = held[j].stride[a];
            at += (source[j].start[a] - held[j].start[a]) * held[j].stride[a];
        }
        source[j].data =
            (char *)held[j].data + (size_t)at * qn_dtype_size(item->dtype);
    }
    return k->regrid->make(params, source, out, err);
}

int
qn_remake_item(const struct qn_kernel *k, const void *params,
               const struct qn_array *in, const struct qn_array *out,
               struct qn_error *err)
{
    const struct qn_region all = qn_sweep_region(in);
    const struct qn_region held[QN_MAX_SOURCES] = {all, all};
    const struct qn_region to = qn_sweep_region(out);

    return qn_shape_count(&out->type.shape)
               ? qn_remake_box(k, params, held, &to, err)
               : 0;
}
