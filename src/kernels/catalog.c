/* The list of kernels, in the order of the help page. */
#include "kernels/catalog.h"

#include <string.h>

#define KERNELS(X)                                                             \
    X(add)                                                                     \
    X(subtract)                                                                \
    X(multiply)                                                                \
    X(divide)                                                                  \
    X(calculate)                                                               \
    X(polynomial)                                                              \
    X(clip)                                                                    \
    X(bad_pixels)                                                              \
    X(fill)                                                                    \
    X(cast)                                                                    \
    X(normalize)                                                               \
    X(overscan)                                                                \
    X(crop)                                                                    \
    X(bin)                                                                     \
    X(gaussian)                                                                \
    X(convolve)                                                                \
    X(median)                                                                  \
    X(laplacian)                                                               \
    X(gradient)                                                                \
    X(heat)                                                                    \
    X(cosmic_rays)                                                             \
    X(mandelbrot)                                                              \
    X(formula)                                                                 \
    X(moving_mean)                                                             \
    X(reduce)                                                                  \
    X(histogram)                                                               \
    X(masks)                                                                   \
    X(moments)                                                                 \
    X(radial)                                                                  \
    X(pca)                                                                     \
    X(combine)                                                                 \
    X(exec)

#define DECLARE(name) extern const struct qn_kernel qn_kernel_##name;
KERNELS(DECLARE)
#undef DECLARE

#define ENTRY(name) &qn_kernel_##name,
static const struct qn_kernel *const catalog[] = {KERNELS(ENTRY) NULL};
#undef ENTRY

const struct qn_kernel *const *
qn_catalog(void)
{
    return catalog;
}

const struct qn_kernel *
qn_catalog_find(const char *name)
{
    for (const struct qn_kernel *const *k = catalog; *k; k++)
        if (strcmp((*k)->name, name) == 0)
            return *k;
    return NULL;
}
