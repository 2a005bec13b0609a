/* Options of a step: from canonical JSON to a kernel's struct.
 *
 * What a field is filled with was checked when its text was read (params.c);
 * a value of another kind is damage on the way.
 */
#include "model/params.h"

#include <math.h>
#include <string.h>

#include "model/dtype.h"
#include "model/params_parts.h"

static int
damaged(const struct qn_option *o, struct qn_error *err)
{
    return qn_fail(err, QN_EJOB, "option '%s' has a value of the wrong kind",
                   o->name);
}

/* A number of the canonical form. */
static bool
read_number(double *x, const json_t *value)
{
    if (json_is_string(value))
        return qn_fields_number(x, json_string_value(value));
    *x = json_number_value(value);
    return json_is_number(value);
}

static int
fill_number(void *field, const struct qn_option *o, const json_t *value,
            struct qn_error *err)
{
    double x;

    if (!read_number(&x, value))
        return damaged(o, err);
    memcpy(field, &x, sizeof x);
    return 0;
}

static int
fill_integer(void *field, const struct qn_option *o, const json_t *value,
             struct qn_error *err)
{
    int64_t whole = json_integer_value(value);

    if (!json_is_integer(value))
        return damaged(o, err);
    memcpy(field, &whole, sizeof whole);
    return 0;
}

static int
fill_bool(void *field, const struct qn_option *o, const json_t *value,
          struct qn_error *err)
{
    bool yes = json_is_true(value);

    if (!json_is_boolean(value))
        return damaged(o, err);
    memcpy(field, &yes, sizeof yes);
    return 0;
}

static int
fill_choice(void *field, const struct qn_option *o, const json_t *value,
            struct qn_error *err)
{
    int index = json_is_string(value)
                    ? qn_params_choice(o->choices, json_string_value(value))
                    : -1;

    if (index < 0)
        return damaged(o, err);
    memcpy(field, &index, sizeof index);
    return 0;
}

static int
fill_text(void *field, const struct qn_option *o, const json_t *value,
          struct qn_error *err)
{
    const char *text = json_string_value(value);

    if (!text)
        return damaged(o, err);
    memcpy(field, &text, sizeof text);
    return 0;
}

static int
fill_dtype(void *field, const struct qn_option *o, const json_t *value,
           struct qn_error *err)
{
    enum qn_dtype t;
    int index;

    if (!json_is_string(value) ||
        qn_dtype_parse(&t, NULL, json_string_value(value), NULL))
        return damaged(o, err);
    index = (int)t;
    memcpy(field, &index, sizeof index);
    return 0;
}

static int
fill_numbers(void *field, const struct qn_option *o, const json_t *value,
             struct qn_error *err)
{
    struct qn_numbers numbers = {0};
    size_t n = json_array_size(value);

    if (!n || n > QN_MAX_NUMBERS)
        return damaged(o, err);
    for (size_t i = 0; i < n; i++)
        if (!read_number(&numbers.v[i], json_array_get(value, i)))
            return damaged(o, err);
    numbers.n = (int)n;
    memcpy(field, &numbers, sizeof numbers);
    return 0;
}

static int
fill_section(void *field, const struct qn_option *o, const json_t *value,
             struct qn_error *err)
{
    struct qn_section section;
    struct qn_error why = {0};

    if (!json_is_string(value))
        return damaged(o, err);
    if (qn_params_section(&section, json_string_value(value), &why))
        return qn_fail(err, QN_EVALUE, "'%s': %s", o->name, why.text);
    memcpy(field, &section, sizeof section);
    return 0;
}

static int
fill_choices(void *field, const struct qn_option *o, const json_t *value,
             struct qn_error *err)
{
    struct qn_choices choices = {.n = (int)json_array_size(value)};

    if (choices.n < 1 || choices.n > QN_MAX_DIMS)
        return damaged(o, err);
    for (int i = 0; i < choices.n; i++)
        QN_TRY(fill_choice(&choices.v[i], o, json_array_get(value, (size_t)i),
                           err));
    memcpy(field, &choices, sizeof choices);
    return 0;
}

typedef int filler(void *, const struct qn_option *, const json_t *,
                   struct qn_error *);

static filler *const fillers[] = {
    [QN_OPTION_NUMBER] = fill_number,   [QN_OPTION_INTEGER] = fill_integer,
    [QN_OPTION_BOOL] = fill_bool,       [QN_OPTION_CHOICE] = fill_choice,
    [QN_OPTION_TEXT] = fill_text,       [QN_OPTION_DTYPE] = fill_dtype,
    [QN_OPTION_NUMBERS] = fill_numbers, [QN_OPTION_SECTION] = fill_section,
    [QN_OPTION_CHOICES] = fill_choices,
};

/* What a field holds whose option was not given (see struct qn_option). */
static void
fill_absent(void *field, enum qn_option_type type)
{
    const double number = NAN;
    const int64_t whole = INT64_MIN;
    const int index = -1;

    if (type == QN_OPTION_NUMBER)
        memcpy(field, &number, sizeof number);
    else if (type == QN_OPTION_INTEGER)
        memcpy(field, &whole, sizeof whole);
    else if (type == QN_OPTION_CHOICE || type == QN_OPTION_DTYPE)
        memcpy(field, &index, sizeof index);
}

static int
fill_header(void *field, const struct qn_option *o, const char *name,
            const struct qn_lookup *fields, struct qn_error *err)
{
    struct qn_value v;
    struct qn_error why = {0};
    json_t *value = NULL;
    char text[1024];
    int rc;

    if (!qn_fields_find(fields, name, &v))
        return qn_fail(err, QN_EMISSING,
                       "there is no field '%s', which '%s' needs", name,
                       o->name);
    qn_fields_text(text, sizeof text, &v);
    rc = qn_params_value(&value, o, text, &why);
    if (!rc)
        rc = fillers[o->type](field, o, value, &why);
    json_decref(value);
    if (rc)
        // the job asks for a field, what is in it is the file's
        return qn_fail(err, rc == QN_EJOB ? QN_EVALUE : rc, "field '%s': %s",
                       name, why.text);
    return 0;
}

static int
fill_option(void *params, const struct qn_option *o, const json_t *value,
            const struct qn_lookup *fields, struct qn_error *err)
{
    void *field = (char *)params + o->offset;
    const char *name = json_string_value(json_object_get(value, "header"));

    if (value && !json_is_null(value)) {
        if (name && qn_params_refers(o->type))
            return fill_header(field, o, name, fields, err);
        return fillers[o->type](field, o, value, err);
    }
    if (!o->preset)
        return qn_fail(err, QN_EJOB, "option '%s' must be given", o->name);
    fill_absent(field, o->type);
    return 0;
}

int
qn_params_fill(void *params, const struct qn_kernel *k, json_t *object,
               const struct qn_lookup *fields, struct qn_error *err)
{
    for (const struct qn_option *o = k->options; o && o->name; o++)
        QN_TRY(fill_option(params, o, json_object_get(object, o->name), fields,
                           err));
    return 0;
}
