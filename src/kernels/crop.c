/* crop: a rectangular part of an item, of any type. */
#include <string.h>

#include "kernels/part.h"
#include "kernels/walk.h"
#include "model/dtype.h"
#include "model/params.h"
#include "quern/kernel.h"

struct params {
    struct qn_section section;
};

static const struct qn_option options[] = {
    {"section", QN_OPTION_SECTION, offsetof(struct params, section), NULL, NULL,
     NULL, "The part to keep."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    const struct params *p = params;
    struct qn_box box;

    QN_TRY(qn_params_section_fit(&box, &p->section, &in->shape, err));
    *out = *in;
    for (int a = 0; a < in->shape.ndims; a++)
        out->shape.n[a] = box.count[a];
    return 0;
}

/* The samples of a box of an array, one behind the other. */
static void
copy_box(char *out, const struct qn_array *in, const struct qn_box *box)
{
    const size_t size = qn_dtype_size(in->type.dtype);
    const char *from = in->data;
    struct qn_walk w;

    for (qn_walk_start(&w, box, &in->type.shape); w.more; qn_walk_next(&w)) {
        const int64_t runs = w.step == 1 ? 1 : w.n;
        const size_t bytes = (size_t)(w.n / runs) * size;

        for (int64_t i = 0; i < runs; i++, out += bytes)
            memcpy(out, from + (size_t)(w.first + i * w.step) * size, bytes);
    }
}

static int
sources(const void *params, const struct qn_shape *in,
        const struct qn_region *out, struct qn_region source[QN_MAX_SOURCES])
{
    const struct params *p = params;
    struct qn_box box = qn_shape_box(in);

    (void)qn_params_section_fit(&box, &p->section, in, NULL); // as in type
    for (int a = 0; a < in->ndims; a++) {
        source[0].start[a] = box.start[a] + out->start[a] * box.step[a];
        source[0].count[a] = (out->count[a] - 1) * box.step[a] + 1;
    }
    return 1;
}

static int
make(const void *params, const struct qn_region source[QN_MAX_SOURCES],
     const struct qn_region *out, struct qn_error *err)
{
    const struct params *p = params;
    const struct qn_array in = qn_part_array(&source[0]);
    struct qn_box box;

    QN_TRY(qn_params_section_fit(&box, &p->section, &source[0].grid.shape,
                                 err));
    for (int a = 0; a < box.ndims; a++) {
        box.start[a] = 0;
        box.count[a] = out->count[a];
    }
    copy_box(out->data, &in, &box);
    return 0;
}

static const struct qn_regrid regrid = {
    .sources = sources, .make = make, .apart = true};

/* Of every step-th sample only one is kept: the stretch that the output's
 * sample stands for is centred on it. */
static void
map(const void *params, const struct qn_shape *in, double offset[QN_MAX_DIMS],
    double factor[QN_MAX_DIMS])
{
    const struct params *p = params;
    struct qn_box box = qn_shape_box(in);

    (void)qn_params_section_fit(&box, &p->section, in, NULL); // as in type
    for (int a = 0; a < in->ndims; a++) {
        factor[a] = (double)box.step[a];
        offset[a] = (double)box.start[a] - (factor[a] - 1) / 2;
    }
}

const struct qn_kernel qn_kernel_crop = {
    .name = "crop",
    .summary = "a rectangular part of an item",
    .definition =
        "The samples of section, in their order, with their type. A section "
        "in FITS brackets, \"[x1:x2, y1:y2]\", counts from 1, fastest axis "
        "first, both ends inclusive; without brackets, \"a:b:step\" items "
        "count from 0, slowest axis first, half open. A section with fewer "
        "axes than the item names the trailing ones; the others are kept "
        "whole.",
    .source = "FITS Standard 4.0; IRAF image sections",
    .kind = QN_KIND_GEOMETRY,
    .version = 1,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "section",
    .type = type,
    .map = map,
    .regrid = &regrid,
};
