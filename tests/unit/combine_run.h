/* Parameters of combine, for its tests. */
#ifndef QN_TEST_COMBINE_RUN_H
#define QN_TEST_COMBINE_RUN_H

#include "kernel_run.h"

#include "kernels/combine.h"

/* The params of options (JSON), presets filled in; rc of prepare. */
static inline int
make_combine(struct qn_combine *c, const char *options, struct qn_error *err)
{
    const struct run r = {.kernel = &qn_kernel_combine, .options = options};
    json_t *object = options_of(&r);
    int rc;

    *c = (struct qn_combine){0};
    rc = qn_params_fill(c, &qn_kernel_combine, object, NULL, err);
    json_decref(object);
    return rc ? rc : qn_kernel_combine.prepare(c, err);
}

#endif
