/* What reading options and filling them in share.  Local. */
#ifndef QN_MODEL_PARAMS_PARTS_H
#define QN_MODEL_PARAMS_PARTS_H

#include "model/params.h"

/* The index of text in "mean|median", or -1. */
int
qn_params_choice(const char *choices, const char *text);

/* As qn_params_scalar, but the text is the value, never a reference to it. */
int
qn_params_value(
    json_t **value, const struct qn_option *o, const char *text,
    struct qn_error *err);

/* May {"header": NAME} stand for such an option? */
bool
qn_params_refers(enum qn_option_type type);

#endif
