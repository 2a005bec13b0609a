/* formula: samples from their places.  The expression is that of calculate,
 * run row by row with the indices for operands. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/expr.h"
#include "model/params.h"
#include "quern/kernel.h"

extern const struct qn_kernel qn_kernel_calculate;

struct params {
    const char *expr;
    void *inner;    /* owned: the options of calculate                  */
    json_t *object; /* owned: the text that they borrow                 */
    int naxes;      /* that the expression names: the highest, and one  */
};

static const char *const names[QN_MAX_DIMS] = {"i0", "i1", "i2", "i3",
                                               "i4", "i5", "i6", "i7"};

static const struct qn_option options[] = {
    {"expr", QN_OPTION_TEXT, offsetof(struct params, expr), NULL, NULL, NULL,
     "What each sample x becomes; i0, i1, ... are its indices."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* The axis of an index's name, or -1. */
static int
axis_of(const char *name)
{
    for (int a = 0; a < QN_MAX_DIMS; a++)
        if (!strcmp(name, names[a]))
            return a;
    return -1;
}

static int
check_names(struct params *p, const struct qn_expr *e, struct qn_error *err)
{
    for (int i = 0; i < e->nnodes; i++) {
        const struct qn_expr_node *node = &e->node[i];
        const int axis = node->op == QN_OP_NAME ? axis_of(node->text) : 0;

        if (node->op != QN_OP_NAME || !strcmp(node->text, "x"))
            continue;
        if (axis < 0)
            return qn_fail(err, QN_EJOB,
                           "formula: column %d of \"%s\": '%s' is neither x, "
                           "the sample, nor one of its indices i0, i1, ...",
                           node->column, p->expr, node->text);
        p->naxes = axis >= p->naxes ? axis + 1 : p->naxes;
    }
    return 0;
}

static int
prepare(void *params, struct qn_error *err)
{
    const struct qn_kernel *k = &qn_kernel_calculate;
    struct params *p = params;
    struct qn_expr e = {0};
    int rc = qn_expr_parse(&e, p->expr, QN_EXPR_SAMPLES, err);

    if (!rc)
        rc = check_names(p, &e, err);
    qn_expr_clear(&e);
    if (rc)
        return rc;
    p->object = json_pack("{s:s}", "expr", p->expr);
    if (!p->object)
        return qn_fail(err, QN_ENOMEM, "no memory for an expression");
    QN_TRY(qn_memory_make(&p->inner, 1, k->params_size, "an expression", err));
    QN_TRY(qn_params_fill(p->inner, k, p->object, NULL, err));
    return k->prepare(p->inner, err);
}

static void
release(void *params)
{
    struct params *p = params;

    if (p->inner)
        qn_kernel_calculate.release(p->inner);
    free(p->inner);
    json_decref(p->object);
}

static int
type(const void *params, const struct qn_type *in, struct qn_type *out,
     struct qn_error *err)
{
    const struct params *p = params;

    *out = *in;
    if (in->shape.ndims == 0)
        return qn_fail(err, QN_ESHAPE,
                       "an item with axes is needed; this is a number");
    if (p->naxes > in->shape.ndims)
        return qn_fail(err, QN_ESHAPE,
                       "there is no index i%d: the item has axes 0 to %d",
                       p->naxes - 1, in->shape.ndims - 1);
    return 0;
}

static size_t
scratch(const void *params, const struct qn_type *in,
        const int64_t count[QN_MAX_DIMS])
{
    (void)params;
    return ((size_t)count[in->shape.ndims - 1] + QN_MAX_DIMS) * sizeof(double);
}

static void
put(void *v, enum qn_dtype real, int64_t i, int64_t index)
{
    if (real == QN_F32)
        ((float *)v)[i] = (float)index;
    else
        ((double *)v)[i] = (double)index;
}

/* Rows from axis k on; indices: one of each axis but the last. */
static void
run_rows(const struct params *p, const struct qn_region *in,
         const struct qn_region *out, int k, int64_t from, int64_t to,
         const struct qn_feed *feed, char *indices)
{
    const int last = out->grid.shape.ndims - 1;
    const size_t size = qn_dtype_size(out->grid.dtype);
    struct qn_lane lane = {.real = out->grid.dtype, .nfeeds = last + 1,
                           .feed = feed, .names = names};

    if (k < last) {
        for (int64_t i = 0; i < out->count[k]; i++) {
            put(indices, lane.real, k, out->start[k] + i);
            run_rows(p, in, out, k + 1, from + i * in->stride[k],
                     to + i * out->stride[k], feed, indices);
        }
        return;
    }
    lane.n = (size_t)out->count[last];
    lane.x = (char *)out->data + (size_t)to * size;
    memcpy(lane.x, (const char *)in->data + (size_t)from * size,
           lane.n * size);
    qn_kernel_calculate.point(p->inner, &lane);
}

static int
stencil(const void *params, const struct qn_region *in,
        const struct qn_region *out, void *memory, struct qn_error *err)
{
    const int last = out->grid.shape.ndims - 1;
    const size_t size = qn_dtype_size(out->grid.dtype);
    char *indices = memory, *along = indices + QN_MAX_DIMS * size;
    struct qn_feed feed[QN_MAX_DIMS];

    (void)err;
    for (int a = 0; a < last; a++)
        feed[a] = (struct qn_feed){indices + (size_t)a * size, true};
    feed[last] = (struct qn_feed){along, false};
    for (int64_t i = 0; i < out->count[last]; i++)
        put(along, out->grid.dtype, i, out->start[last] + i);
    run_rows(params, in, out, 0, 0, 0, feed, indices);
    return 0;
}

const struct qn_kernel qn_kernel_formula = {
    .name = "formula",
    .summary = "samples from their places, by an expression of the indices",
    .definition =
        "Each sample x becomes the value of expr, in which i0 is its index "
        "along the slowest axis, i1 along the next one and so on, from 0, and "
        "x the sample itself. The expression is that of calculate, and so are "
        "its rounding and its promises. It makes the start of a simulation "
        "from a generated item: input: {grid: {shape: [512, 512]}}, steps: "
        "[formula: \"exp(-((i0 - 256)**2 + (i1 - 256)**2) / 800)\"].",
    .kind = QN_KIND_GENERATOR,
    .version = 1,
    .real = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "expr",
    .prepare = prepare,
    .release = release,
    .type = type,
    .stencil = stencil,
    .scratch = scratch,
};
