/* Reading the message that describes a stage.
 *
 * The rank made it from a checked job, so what does not fit here is a
 * mismatch of the two programs, and said so. */
#include "worker/program.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/source.h"
#include "kernels/catalog.h"
#include "model/dtype.h"
#include "model/json.h"
#include "model/params.h"

static int
mismatch(const char *what, struct qn_error *err)
{
    return qn_fail(err, QN_EUNAVAILABLE,
                   "quern-worker does not know %s: quern and quern-worker "
                   "must be of one version",
                   what);
}

static int
load_step(struct qn_program_step *step, const json_t *text,
          struct qn_error *err)
{
    const char *name = qn_json_text(text, "kernel");
    json_t *names = json_object_get(text, "operands");
    size_t n = json_array_size(names);

    step->kernel = name ? qn_catalog_find(name) : NULL;
    if (!step->kernel || n > QN_MAX_OPERANDS)
        return mismatch(name ? name : "a step", err);
    step->product = qn_json_text(text, "product");
    if (step->product ? !step->kernel->reduction
                      : step->kernel->kind == QN_KIND_REDUCTION)
        return mismatch(name, err);
    step->params = json_object_get(text, "params");
    step->noperands = (int)n;
    for (size_t i = 0; i < n; i++)
        step->names[i] = json_string_value(json_array_get(names, i));
    return 0;
}

static int
load_steps(struct qn_program *p, struct qn_error *err)
{
    json_t *steps = json_object_get(p->text, "steps");
    size_t n = json_array_size(steps);

    QN_TRY(qn_memory_make((void **)&p->steps, n, sizeof *p->steps,
                          "the steps", err));
    for (size_t i = 0; i < n; i++) {
        QN_TRY(load_step(&p->steps[i], json_array_get(steps, i), err));
        p->blas |= p->steps[i].kernel->blas;
        if (p->steps[i].product)
            p->nproducts++;
        else
            p->nsteps++;
    }
    return 0;
}

static int
load_dtype(int *dtype, const char *name, struct qn_error *err)
{
    enum qn_dtype t;

    *dtype = -1;
    if (!name)
        return 0;
    QN_TRY(qn_dtype_parse(&t, NULL, name, err));
    *dtype = (int)t;
    return 0;
}

static bool
no_field(void *ctx, const char *name, struct qn_value *value)
{
    (void)ctx, (void)name, (void)value;
    return false;
}

static int
load_combine(struct qn_program *p, struct qn_error *err)
{
    json_t *params = json_object_get(p->text, "combine");
    struct qn_lookup none = {no_field, NULL};

    p->kept = json_is_object(params) ||
              json_is_true(json_object_get(p->text, "joined"));
    if (!json_is_object(params))
        return 0;
    QN_TRY(qn_params_fill(&p->combine, &qn_kernel_combine, params, &none,
                          err));
    return qn_kernel_combine.prepare
               ? qn_kernel_combine.prepare(&p->combine, err)
               : 0;
}

static int
load_datasets(struct qn_program *p, struct qn_error *err)
{
    json_t *list = json_object_get(json_object_get(p->text, "source"),
                                   "dataset");

    p->ndatasets = json_array_size(list);
    if (p->ndatasets > 64)
        return qn_fail(err, QN_EUNAVAILABLE,
                       "more than 64 datasets of one file; take fewer, or "
                       "join them with a pattern");
    for (size_t i = 0; i < p->ndatasets; i++)
        p->datasets[i] = json_string_value(json_array_get(list, i));
    return 0;
}

int
qn_program_make(struct qn_program *p, json_t *text, struct qn_error *err)
{
    const char *precision = qn_json_text(text, "precision");
    const char *dtype = qn_json_text(text, "dtype");
    int real;

    *p = (struct qn_program){.text = text, .dtype = -1};
    QN_TRY(qn_source_load(&p->source, p->slice,
                          json_object_get(text, "source"), err));
    QN_TRY(load_datasets(p, err));
    p->threads = (int)qn_json_integer(text, "threads");
    p->source.threads = p->threads;
    p->source.window = qn_json_integer(text, "window");
    QN_TRY(load_steps(p, err));
    QN_TRY(load_dtype(&real, precision, err));
    if (real != QN_F32 && real != QN_F64)
        return mismatch("a precision", err);
    p->precision = (enum qn_dtype)real;
    QN_TRY(load_dtype(&p->dtype, dtype, err));
    p->fits = json_is_true(json_object_get(text, "fits"));
    p->operands = qn_json_integer(text, "operands");
    p->shelf = qn_json_integer(text, "shelf");
    p->memory = qn_json_integer(text, "memory");
    p->compress = (int)qn_json_integer(text, "compress");
    QN_TRY(load_combine(p, err));
    // what is made of members shows none of what led to them
    p->keep_steps =
        !p->kept && json_is_true(json_object_get(text, "keep_steps"));
    return 0;
}

void
qn_program_clear(struct qn_program *p)
{
    free(p->steps);
    json_decref(p->text);
    *p = (struct qn_program){0};
}
