/* Runs one kernel as the engine does: options from JSON, presets filled in.
 * For the tests of kernels only. */
#ifndef QN_TEST_KERNEL_RUN_H
#define QN_TEST_KERNEL_RUN_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/remake.h"
#include "kernels/sweep.h"
#include "model/array.h"
#include "model/dtype.h"
#include "model/params.h"
#include "quern/kernel.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define SHAPE(...)                                                           \
    ((struct qn_shape){.ndims = (int)(sizeof((int64_t[]){__VA_ARGS__}) /      \
                                      sizeof(int64_t)),                       \
                       .n = {__VA_ARGS__}})

#define MOST_FEEDS 4

struct run {
    const struct qn_kernel *kernel;
    const char *options; /* JSON; NULL: none             */
    const char *fields;  /* JSON; NULL: none             */
    int nfeeds;
    const char *names[MOST_FEEDS];
    const double *feed[MOST_FEEDS]; /* as long as the item, or one number */
    bool one[MOST_FEEDS];
};

static inline json_t *
options_of(const struct run *r)
{
    json_t *o = r->options ? json_loads(r->options, 0, NULL) : json_object();

    assert_non_null(o);
    for (const struct qn_option *row = r->kernel->options; row && row->name;
         row++) {
        json_t *preset = qn_params_preset(row);

        if (preset && !json_object_get(o, row->name))
            json_object_set(o, row->name, preset);
        json_decref(preset);
    }
    return o;
}

static inline void
run_point(const struct run *r, const void *params, struct qn_array *a)
{
    struct qn_array feeds[MOST_FEEDS] = {{{0}, NULL, false}};
    struct qn_feed feed[MOST_FEEDS];
    struct qn_lane lane = {.real = a->type.dtype,
                           .x = a->data,
                           .n = (size_t)qn_shape_count(&a->type.shape),
                           .nfeeds = r->nfeeds,
                           .feed = feed,
                           .names = r->names};

    for (int i = 0; i < r->nfeeds; i++) {
        struct qn_type t = {QN_F64, a->type.shape};
        struct qn_array v;

        if (r->one[i])
            t.shape = (struct qn_shape){.ndims = 0};
        v = qn_array_view(&t, (void *)(uintptr_t)r->feed[i]);
        assert_int_equal(
            qn_array_convert(&feeds[i], &v, a->type.dtype, NULL), 0);
        feed[i] = (struct qn_feed){feeds[i].data, r->one[i]};
    }
    r->kernel->point(params, &lane);
    for (int i = 0; i < r->nfeeds; i++)
        qn_array_clear(&feeds[i]);
}

static inline int
run_steps(const struct run *r, void *params, const struct qn_array *in,
          struct qn_array *out, struct qn_error *err)
{
    const struct qn_kernel *k = r->kernel;
    struct qn_call call = {.in = in, .out = out};
    struct qn_type type = in->type;
    struct qn_sweep sweep;

    if (k->prepare)
        QN_TRY(k->prepare(params, err));
    if (k->type)
        QN_TRY(k->type(params, &in->type, &type, err));
    if (k->point) {
        QN_TRY(qn_array_convert(out, in, in->type.dtype, err));
        run_point(r, params, out);
        return 0;
    }
    QN_TRY(qn_array_make(out, &type, err));
    if (k->regrid)
        return qn_remake_item(k, params, in, out, err);
    if (!k->stencil)
        return k->apply(params, &call, err);
    QN_TRY(qn_sweep_make(&sweep, k, params, &in->type, err));
    return qn_sweep_item(&sweep, in, out, err);
}

/* Run on in, as it is; *out is the caller's, also after a failure. */
static inline int
run_array(const struct run *r, const struct qn_array *in,
          struct qn_array *out, struct qn_error *err)
{
    json_t *options = options_of(r);
    json_t *fields = r->fields ? json_loads(r->fields, 0, NULL)
                               : json_object();
    struct qn_lookup lookup = qn_fields_lookup(fields);
    void *params = calloc(1, r->kernel->params_size + 1);
    int rc;

    *out = (struct qn_array){.own = false};
    rc = qn_params_fill(params, r->kernel, options, &lookup, err);
    if (!rc)
        rc = run_steps(r, params, in, out, err);
    if (r->kernel->release)
        r->kernel->release(params);
    free(params);
    json_decref(options);
    json_decref(fields);
    return rc;
}

/* The same on float64 numbers, brought to dtype first. */
static inline int
run_numbers(const struct run *r, enum qn_dtype dtype, struct qn_shape shape,
            const double *x, struct qn_array *out, struct qn_error *err)
{
    const struct qn_type type = {QN_F64, shape};
    struct qn_array v = qn_array_view(&type, (void *)(uintptr_t)x), in;
    int rc;

    assert_int_equal(qn_array_convert(&in, &v, dtype, NULL), 0);
    rc = run_array(r, &in, out, err);
    qn_array_clear(&in);
    return rc;
}

static inline bool
same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Must give want, rounded to the type, in float32 and in float64. */
static inline void
check_run(const struct run *r, struct qn_shape in, const double *x,
          struct qn_shape shape, const double *want)
{
    static const enum qn_dtype reals[] = {QN_F32, QN_F64};

    for (size_t t = 0; t < COUNT(reals); t++) {
        struct qn_error err = {0, ""};
        struct qn_array out;
        int rc = run_numbers(r, reals[t], in, x, &out, &err);

        if (rc)
            print_error("%s\n", err.text);
        assert_int_equal(rc, 0);
        assert_int_equal(out.type.dtype, reals[t]);
        assert_true(qn_shape_equal(&out.type.shape, &shape));
        for (int64_t i = 0; i < qn_shape_count(&shape); i++) {
            const double got = reals[t] == QN_F32
                                   ? (double)((float *)out.data)[i]
                                   : ((double *)out.data)[i];
            const double hoped =
                reals[t] == QN_F32 ? (double)(float)want[i] : want[i];

            if (!same(got, hoped))
                print_error("%s %s [%d]: %.17g, not %.17g\n",
                            r->kernel->name, r->options ? r->options : "",
                            (int)i, got, hoped);
            assert_true(same(got, hoped));
        }
        qn_array_clear(&out);
    }
}

/* Must fail with code, and a sentence that holds word. */
static inline void
check_fails(const struct run *r, struct qn_shape in, const double *x, int code,
            const char *word)
{
    struct qn_error err = {0, ""};
    struct qn_array out;
    int rc = run_numbers(r, QN_F64, in, x, &out, &err);

    qn_array_clear(&out);
    if (rc != code || !strstr(err.text, word))
        print_error("%s %s: %d, \"%s\"\n", r->kernel->name,
                    r->options ? r->options : "", rc, err.text);
    assert_int_equal(rc, code);
    assert_non_null(strstr(err.text, word));
}

/* Options, or a shape of at most 64 samples, that a kernel cannot do with. */
struct refused {
    const char *options;
    struct qn_shape shape;
    int code;
    const char *word; /* of the sentence */
};

static inline void
check_refuses(const struct qn_kernel *k, const struct refused *rows, size_t n)
{
    static const double x[64] = {0};

    for (size_t i = 0; i < n; i++) {
        const struct run r = {.kernel = k, .options = rows[i].options};

        check_fails(&r, rows[i].shape, x, rows[i].code, rows[i].word);
    }
}

#endif
