/* pca: principal components of the rows of an item.
 *
 * A row is what one index of the first axis holds, its samples are features.
 * The first pass takes means, the second the covariance, by BLAS on one thread
 * in blocks of rows that follow from the shape; LAPACK takes it apart. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limit.h"
#include "base/memory.h"
#include "kernels/reduce_run.h"
#include "model/dtype.h"
#include "model/shape.h"

/* Of the largest eigenvalue: what is closer is equal.  Rounding moves them by
 * some 1e-12 of it, and a vector by that through the distance of its value from
 * the others. */
#define CLOSE 1e-10

enum { BLOCK = 1 << 17 /* samples of a block: 1 MiB of float64 */, MOST = 8192 };

struct params {
    int64_t components;
};

static const struct qn_option options[] = {
    {"components", QN_OPTION_INTEGER, offsetof(struct params, components),
     NULL, NULL, NULL, "How many components, the largest variance first."},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

struct pca {
    const struct params *p;
    enum qn_dtype dtype;
    int64_t features;
    int64_t rows;       /* of a block                                     */
    double n;           /* rows that count                                */
    double *mean;       /* owned: [features]                              */
    double *covariance; /* owned: [features, features], upper half; then
                           its eigenvectors in the first rows             */
    double *block;      /* owned: [rows, features]                        */
    double *value;      /* owned: [features]: `solved` of them, ascending */
    int64_t solved;     /* components, and the next one if there is one   */
};

/* LAPACK, of any library that has it; Fortran passes addresses. */
extern void dsyevr_(
    const char *jobz, const char *range, const char *uplo, const int *n,
    double *a, const int *lda, const double *vl, const double *vu,
    const int *il, const int *iu, const double *abstol, int *m, double *w,
    double *z, const int *ldz, int *isuppz, double *work, const int *lwork,
    int *iwork, const int *liwork, int *info);

static int
prepare(void *params, struct qn_error *err)
{
    const struct params *p = params;

    if (p->components < 1 || p->components > MOST)
        return qn_fail(err, QN_EJOB,
                       "pca: components is a number from 1 to %d", MOST);
    return 0;
}

static int
results(const void *params, const struct qn_reduced *in,
        struct qn_reduced_type *out, int *n, struct qn_error *err)
{
    const struct params *p = params;
    const struct qn_shape *s = &in->type.shape;
    struct qn_shape whole = *s, mean = {.ndims = s->ndims - 1};
    int64_t features;

    if (s->ndims < 2 || s->n[0] < 2)
        return qn_fail(err, QN_ESHAPE,
                       "the first axis must count at least two rows");
    for (int a = 1; a < s->ndims; a++)
        mean.n[a - 1] = s->n[a];
    features = qn_shape_count(&mean);
    if (features > MOST || p->components > features)
        return qn_fail(err, QN_ESHAPE,
                       "rows have %lld samples, which must be at least "
                       "components (%lld) and at most %d; `bin` or `crop` "
                       "first",
                       (long long)features, (long long)p->components, MOST);
    whole.n[0] = p->components;
    *n = 3;
    out[0] = (struct qn_reduced_type){
        .name = "data", .type = {in->real, whole}, .axis = -1};
    out[1] = (struct qn_reduced_type){
        .name = "values", .type = {QN_F64, {1, {p->components}}}, .axis = -1};
    out[2] = (struct qn_reduced_type){
        .name = "mean", .type = {QN_F64, mean}, .axis = -1};
    return 0;
}

static int64_t
rows(const void *params, const struct qn_reduced *in)
{
    int64_t n = 1, all, row;

    (void)params;
    qn_reduce_run_rows(&in->type.shape, &all, &row);
    while (2 * n * row <= BLOCK && n < all)
        n *= 2;
    return n;
}

static int64_t
need(const void *params, const struct qn_reduced *in)
{
    int64_t all, row;

    (void)params;
    qn_reduce_run_rows(&in->type.shape, &all, &row);
    return row <= MOST ? (row * row + 71 * row + BLOCK) * 8 : 0;
}

static int
open_pca(void **state, const void *params, const struct qn_reduced *in,
         int *passes, struct qn_error *err)
{
    struct pca *c;
    int64_t all;
    size_t n;

    *passes = 2;
    QN_TRY(qn_memory_make(state, 1, sizeof *c, "the components", err));
    c = *state;
    c->p = params;
    c->dtype = in->type.dtype;
    qn_reduce_run_rows(&in->type.shape, &all, &c->features);
    c->rows = rows(params, in);
    c->solved = c->p->components + (c->p->components < c->features);
    n = (size_t)c->features;
    QN_TRY(qn_memory_make((void **)&c->mean, n, sizeof(double),
                          "the components", err));
    QN_TRY(qn_memory_make((void **)&c->value, n, sizeof(double),
                          "the components", err));
    QN_TRY(qn_memory_make((void **)&c->covariance, n * n, sizeof(double),
                          "the components", err));
    return qn_memory_make((void **)&c->block, n * (size_t)c->rows,
                          sizeof(double), "the components", err);
}

/* A row into x; false if it has a NaN, and then the whole row is left out. */
static bool
load_row(const struct pca *c, double *x, const char *v)
{
    bool counts = true;

    (void)qn_dtype_convert(x, QN_F64, v, c->dtype, (size_t)c->features, NULL);
    for (int64_t i = 0; i < c->features; i++)
        counts = counts && x[i] == x[i];
    return counts;
}

/* At most a block of rows. */
static void
add_block(struct pca *c, const char *v, int64_t n, int pass)
{
    const size_t row =
        (size_t)c->features * qn_dtype_size(c->dtype);
    const int features = (int)c->features;
    int kept = 0;

    for (int64_t i = 0; i < n; i++) {
        double *x = c->block + (int64_t)kept * c->features;

        if (!load_row(c, x, v + (size_t)i * row))
            continue;
        kept += pass;
        c->n += pass ? 0 : 1;
        for (int64_t k = 0; k < c->features; k++) {
            if (pass)
                x[k] -= c->mean[k];
            else
                c->mean[k] += x[k];
        }
    }
    if (kept)
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, features, kept, 1,
                    c->block, features, 1, c->covariance, features);
}

static int
merge(void *state, const struct qn_slab *slab, struct qn_error *err)
{
    struct pca *c = state;
    const size_t row =
        (size_t)c->features * qn_dtype_size(c->dtype);
    struct qn_limit limit = {0};

    (void)err;
    qn_limit_set(&limit, 1, 1);
    for (int64_t at = 0; at < slab->n; at += c->rows)
        add_block(c, (const char *)slab->v + (size_t)at * row,
                  slab->n - at < c->rows ? slab->n - at : c->rows, slab->pass);
    return 0;
}

static int
turn(void *state, int pass, struct qn_error *err)
{
    struct pca *c = state;

    if (pass > 0)
        return 0;
    if (c->n < 2)
        return qn_fail(err, QN_EVALUE,
                       "fewer than two rows are without NaN; use `fill` first");
    for (int64_t i = 0; i < c->features; i++)
        c->mean[i] /= c->n;
    return 0;
}

/* ---- taking it apart ------------------------------------------------------------ */

/* Memory of dsyevr. */
struct room {
    double *vector; /* [solved, features] */
    int *support;
    double *work;
    int *integers;
};

/* The largest values and their vectors; ascending. */
static int
solve(struct pca *c, const struct room *r, const int lwork, const int liwork)
{
    const int n = (int)c->features, first = n - (int)c->solved + 1;
    const double none = 0;
    int found, info;

    // row-major upper is column-major lower
    dsyevr_("V", "I", "L", &n, c->covariance, &n, &none, &none, &first, &n,
            &none, &found, c->value, r->vector, &n, r->support, r->work,
            &lwork, r->integers, &liwork, &info);
    return info;
}

/* The largest element, the first of equals, is to be positive. */
static void
fix_sign(double *v, int64_t n)
{
    int64_t largest = 0;

    for (int64_t i = 1; i < n; i++)
        if (fabs(v[i]) > fabs(v[largest]))
            largest = i;
    if (v[largest] > 0)
        return;
    for (int64_t i = 0; i < n; i++)
        v[i] = 0.0 - v[i];
}

static int
write_results(struct pca *c, const double *vector, const struct qn_array *out,
              struct qn_error *err)
{
    const int64_t k = c->p->components, n = c->features;
    const size_t size = qn_dtype_size(out[0].type.dtype);
    double *value = out[1].data;

    for (int64_t i = 0; i < k; i++) {
        double *v = (double *)(uintptr_t)vector + (c->solved - 1 - i) * n;

        value[i] = c->value[c->solved - 1 - i];
        fix_sign(v, n);
        QN_TRY(qn_dtype_convert((char *)out[0].data + (size_t)(i * n) * size,
                                out[0].type.dtype, v, QN_F64, (size_t)n, err));
    }
    return qn_dtype_convert(out[2].data, QN_F64, c->mean, QN_F64, (size_t)n,
                            err);
}

static int
make_room(struct room *r, const struct pca *c, struct qn_error *err)
{
    const size_t n = (size_t)c->features, k = (size_t)c->solved;

    QN_TRY(qn_memory_make((void **)&r->vector, n * k, sizeof(double),
                          "the components", err));
    QN_TRY(qn_memory_make((void **)&r->support, 2 * k, sizeof(int),
                          "the components", err));
    QN_TRY(qn_memory_make((void **)&r->work, 66 * n, sizeof(double),
                          "the components", err));
    return qn_memory_make((void **)&r->integers, 10 * n, sizeof(int),
                          "the components", err);
}

static int
finish(void *state, const struct qn_array *out, struct qn_error *err)
{
    struct pca *c = state;
    const int64_t n = c->features;
    struct qn_limit limit = {0};
    struct room r = {0};
    bool finite = true;
    int rc = make_room(&r, c, err);

    qn_limit_set(&limit, 1, 1);
    for (int64_t i = 0; i < n * n; i++) {
        c->covariance[i] /= c->n - 1;
        finite = finite && isfinite(c->covariance[i]);
    }
    // of what is not finite LAPACK finds nothing, without saying so
    if (!rc && (!finite || solve(c, &r, (int)(66 * n), (int)(10 * n))))
        rc = qn_fail(err, QN_EVALUE,
                     "the covariance has no eigenvectors; are there "
                     "infinities, or huge samples?");
    if (!rc)
        rc = write_results(c, r.vector, out, err);
    free(r.vector);
    free(r.support);
    free(r.work);
    free(r.integers);
    return rc;
}

/* The first two in a row whose vectors could as well be others. */
static void
caution(const void *state, char said[QN_CAUTION])
{
    const struct pca *c = state;
    const int64_t last = c->solved - 1;
    const double close = CLOSE * fabs(c->value[last]);
    int64_t i = 1;

    while (i <= last && c->value[last - i + 1] - c->value[last - i] > close)
        i++;
    if (i > last)
        return;
    if (fabs(c->value[last - i + 1]) <= close)
        snprintf(said, QN_CAUTION,
                 "from component %lld on there is no variance left, so "
                 "directions carry no meaning", (long long)i);
    else
        snprintf(said, QN_CAUTION,
                 "components %lld and %lld%s have equal variance, so their "
                 "directions carry no meaning", (long long)i,
                 (long long)i + 1,
                 i == c->p->components ? ", which is not written," : "");
}

static void
close_pca(void *state)
{
    struct pca *c = state;

    if (!c)
        return;
    free(c->mean);
    free(c->covariance);
    free(c->block);
    free(c->value);
    free(c);
}

static const struct qn_reduction reduction = {
    .results = results,
    .rows = rows,
    .need = need,
    .open = open_pca,
    .merge = merge,
    .turn = turn,
    .finish = finish,
    .caution = caution,
    .close = close_pca,
};

const struct qn_kernel qn_kernel_pca = {
    .name = "pca",
    .summary = "principal components of the rows of an item",
    .definition =
        "A row is what one index of the first axis holds; its samples are the "
        "features, at most 8192. Rows with a NaN are left out whole. mean is "
        "the mean of the rows; the covariance is sum (x - mean)(x - mean)^T / "
        "(n - 1) over the n rows, in float64 by BLAS, by blocks of as many "
        "rows (a power of two) as 131072 samples hold. data holds its unit "
        "eigenvectors, the largest eigenvalue first, values the eigenvalues "
        "(LAPACK's dsyevr). A component's element of the largest magnitude, "
        "the first of equals, is positive; components of equal eigenvalues "
        "(closer than 1e-10 of the largest, the first that is not written "
        "among them) carry no promise, and a warning says so. Bits hold for "
        "one core type of OpenBLAS.",
    .kind = QN_KIND_REDUCTION,
    .version = 2,
    .blas = true,
    .params_size = sizeof(struct params),
    .options = options,
    .shorthand = "components",
    .prepare = prepare,
    .reduction = &reduction,
};
