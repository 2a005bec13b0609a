/* Runs stencils box by box: whatever the boxes, the bits must be the same.
 * For the tests of stencils only. */
#ifndef QN_TEST_STENCIL_RUN_H
#define QN_TEST_STENCIL_RUN_H

#include "kernel_run.h"

/* Numbers that look random and are the same on every machine. */
static inline uint64_t
draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static inline int64_t
draw_below(uint64_t *state, int64_t n)
{
    return (int64_t)(draw(state) % (uint64_t)n);
}

/* A kernel made ready on a type of grid. */
struct ready {
    const struct qn_kernel *kernel;
    void *params;
    json_t *options;
    struct qn_sweep sweep;
    struct qn_type out;
};

static inline void
make_ready(struct ready *r, const struct qn_kernel *k, const char *options,
           const struct qn_type *in)
{
    const struct run run = {.kernel = k, .options = options};
    struct qn_error err = {0, ""};
    int rc;

    *r = (struct ready){.kernel = k, .options = options_of(&run)};
    r->params = calloc(1, k->params_size + 1);
    rc = qn_params_fill(r->params, k, r->options, NULL, &err);
    if (!rc && k->prepare)
        rc = k->prepare(r->params, &err);
    r->out = *in;
    if (!rc && k->type)
        rc = k->type(r->params, in, &r->out, &err);
    if (!rc)
        rc = qn_sweep_make(&r->sweep, k, r->params, in, &err);
    if (rc)
        print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
}

static inline void
clear_ready(struct ready *r)
{
    if (r->kernel->release)
        r->kernel->release(r->params);
    free(r->params);
    json_decref(r->options);
}

/* Samples of type, whole multiples of 1/4 with some NaN among those of real
 * types. */
static inline void
make_samples(struct qn_array *a, const struct qn_type *type, uint64_t *state,
             int nans)
{
    const int64_t n = qn_shape_count(&type->shape);
    double *v = calloc((size_t)n + 1, sizeof *v);
    const struct qn_type wide = {QN_F64, type->shape};
    const struct qn_array all = qn_array_view(&wide, v);

    for (int64_t i = 0; i < n; i++) {
        v[i] = (double)draw_below(state, 100) / 4;
        if (qn_dtype_is_real(type->dtype) && nans &&
            draw_below(state, 100) < nans)
            v[i] = NAN;
    }
    assert_int_equal(qn_array_convert(a, &all, type->dtype, NULL), 0);
    free(v);
}

/* One step over a box, from a copy of just what it may see: anything else
 * that the kernel reads is out of bounds for the sanitizer. */
static inline void
run_box(const struct ready *r, const struct qn_array *in,
        const struct qn_region *box, struct qn_array *out)
{
    const int ndims = in->type.shape.ndims;
    const size_t size = qn_dtype_size(in->type.dtype);
    const struct qn_halo *h = &r->sweep.halo;
    struct qn_region from = qn_sweep_region(in), whole = from;
    struct qn_region to = qn_sweep_region(out);
    struct qn_error err = {0, ""};
    size_t n = 1, bytes = 0;
    void *scratch;
    char *copy;

    to.data = (char *)to.data;
    for (int a = 0; a < ndims; a++) {
        int64_t start = box->start[a] - h->radius[a];
        int64_t end = box->start[a] + box->count[a] + h->radius[a];

        if (!h->wraps[a]) {
            start = start < 0 ? 0 : start;
            end = end > in->type.shape.n[a] ? in->type.shape.n[a] : end;
        }
        from.start[a] = start;
        from.count[a] = end - start;
        n *= (size_t)from.count[a];
        to.start[a] = box->start[a];
        to.count[a] = box->count[a];
        to.data = (char *)to.data + (size_t)(box->start[a] * to.stride[a]) *
                                        qn_dtype_size(out->type.dtype);
    }
    copy = malloc(n * size + 1);
    for (size_t i = 0; i < n; i++) {
        size_t left = i;
        int64_t at = 0;

        for (int a = ndims - 1; a >= 0; a--) {
            const int64_t length = in->type.shape.n[a];
            const int64_t index =
                from.start[a] + (int64_t)(left % (size_t)from.count[a]);

            left /= (size_t)from.count[a];
            at += ((index % length + length) % length) * whole.stride[a];
        }
        memcpy(copy + i * size, (char *)in->data + (size_t)at * size, size);
    }
    from.data = copy;
    for (int64_t stride = 1, a = ndims - 1; a >= 0; a--) {
        from.stride[a] = stride;
        stride *= from.count[a];
    }
    if (r->kernel->scratch)
        bytes = r->kernel->scratch(r->params, &in->type, to.count);
    assert_true(bytes < SIZE_MAX / 2);
    scratch = malloc(bytes + 1);
    memset(scratch, 0x7e, bytes + 1);
    if (r->kernel->stencil(r->params, &from, &to, scratch, &err))
        fail_msg("%s", err.text);
    free(scratch);
    free(copy);
}

/* Cut the grid in two at random until the pieces are small, or by chance. */
static inline void
run_cut(const struct ready *r, const struct qn_array *in,
        const struct qn_region *box, struct qn_array *out, uint64_t *state)
{
    const int a = (int)draw_below(state, in->type.shape.ndims);
    struct qn_region left = *box, right = *box;
    int64_t n = 1;

    for (int k = 0; k < in->type.shape.ndims; k++)
        n *= box->count[k];
    if (box->count[a] < 2 || draw_below(state, 6) == 0 ||
        n < qn_shape_count(&in->type.shape) / 40) {
        run_box(r, in, box, out);
        return;
    }
    left.count[a] = 1 + draw_below(state, box->count[a] - 1);
    right.start[a] += left.count[a];
    right.count[a] -= left.count[a];
    run_cut(r, in, &left, out, state);
    run_cut(r, in, &right, out, state);
}

/* One step on a random grid, whole and in random pieces. */
static inline void
check_cuts(const struct qn_kernel *k, const char *options,
           const struct qn_type *type, int nans, uint64_t *state)
{
    struct ready r;
    struct qn_array in, whole, cut;
    struct qn_region box;
    size_t bytes;

    make_ready(&r, k, options, type);
    make_samples(&in, type, state, nans);
    assert_int_equal(qn_array_make(&whole, &r.out, NULL), 0);
    assert_int_equal(qn_array_make(&cut, &r.out, NULL), 0);
    bytes = qn_array_bytes(&cut);
    memset(whole.data, 0x55, bytes);
    memset(cut.data, 0x55, bytes);
    box = qn_sweep_region(&in);
    run_box(&r, &in, &box, &whole);
    for (int i = 0; i < 3; i++) {
        run_cut(&r, &in, &box, &cut, state);
        if (memcmp(whole.data, cut.data, bytes))
            print_error("%s %s: depends on the boxes\n", k->name, options);
        assert_memory_equal(whole.data, cut.data, bytes);
        memset(cut.data, 0x55, bytes);
    }
    qn_array_clear(&in);
    qn_array_clear(&whole);
    qn_array_clear(&cut);
    clear_ready(&r);
}

/* Sample i of x beyond the edges, told by the rule's first letter. */
static inline double
beyond(const double *x, int64_t i, int64_t n, char rule, double cval)
{
    while (i < 0 || i >= n) {
        if (rule == 'c')
            return cval;
        if (rule == 'n')
            i = i < 0 ? 0 : n - 1;
        else if (rule == 'p')
            i += i < 0 ? n : -n;
        else
            i = i < 0 ? -1 - i : 2 * n - 1 - i;
    }
    return x[i];
}

#endif
