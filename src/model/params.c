/* Options of a step: from text to canonical JSON, from there to a struct.
 *
 * Two tables in one order, that of enum qn_option_type: how an option is
 * parsed, and how its field is filled.  Texts come from a job file or from a
 * kernel's presets, which are read in the same way.  Sections have their own
 * file, params_section.c.
 */
#include "model/params.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/dtype.h"

/* 2^53: whole numbers above are rounded */
#define EXACT 9007199254740992.0

static int
keep(json_t **value, json_t *made, struct qn_error *err)
{
    *value = made;
    if (!made)
        return qn_fail(err, QN_ENOMEM, "no memory for an option");
    return 0;
}

/* ---- parsing ------------------------------------------------------------ */

/* JSON has no inf and nan: they are texts. */
static json_t *
number_value(double x)
{
    if (isnan(x))
        return json_string("nan");
    if (isinf(x))
        return json_string(x > 0 ? "inf" : "-inf");
    return json_real(x + 0.0); // -0 is 0
}

static int
parse_number(json_t **value, const struct qn_option *o, const char *text,
             struct qn_error *err)
{
    double x;

    if (!qn_fields_number(&x, text))
        return qn_fail(err, QN_EJOB, "'%s' must be a number, not '%.60s'",
                       o->name, text);
    return keep(value, number_value(x), err);
}

/* Digits are read as they are, so that all 64 bits can be given; 1e3 is a
 * whole number too. */
static bool
read_whole(int64_t *whole, const char *text)
{
    char *end;
    double x;

    errno = 0;
    *whole = strtoll(text, &end, 10);
    if (end != text && !end[strspn(end, " ")])
        return errno == 0;
    if (!qn_fields_number(&x, text) || !(fabs(x) <= EXACT) || x != floor(x))
        return false;
    *whole = (int64_t)x;
    return true;
}

static int
parse_integer(json_t **value, const struct qn_option *o, const char *text,
              struct qn_error *err)
{
    int64_t whole;

    if (!read_whole(&whole, text))
        return qn_fail(err, QN_EJOB, "'%s' must be a whole number, not '%.60s'",
                       o->name, text);
    return keep(value, json_integer(whole), err);
}

static int
parse_bool(json_t **value, const struct qn_option *o, const char *text,
           struct qn_error *err)
{
    static const char *const words[] = {"false", "true", "no",
                                        "yes",   "off",  "on"};

    for (int i = 0; i < 6; i++)
        if (strcasecmp(text, words[i]) == 0)
            return keep(value, json_boolean(i % 2), err);
    return qn_fail(err, QN_EJOB, "'%s' must be true or false, not '%.60s'",
                   o->name, text);
}

static int
unknown_choice(const struct qn_option *o, const char *text,
               struct qn_error *err)
{
    const char *words[32] = {NULL}, *near = NULL;
    struct qn_text all = {0};
    size_t n = 0;

    qn_text_add(&all, "%s", o->choices);
    for (char *w = all.s; w && n < 31; words[n++] = w, w = strchr(w, '|'))
        if (w != all.s)
            *w++ = '\0';
    if (!all.failed)
        near = qn_text_nearest(text, words);
    if (near)
        qn_fail(err, QN_EJOB, "unknown %s '%.60s'; did you mean '%s'?", o->name,
                text, near);
    else
        qn_fail(err, QN_EJOB, "unknown %s '%.60s'; there are: %s", o->name,
                text, o->choices);
    qn_text_clear(&all);
    return QN_EJOB;
}

/* The index of text in "mean|median", or -1. */
static int
find_choice(const char *choices, const char *text)
{
    size_t n = strlen(text);
    const char *c = choices;

    for (int i = 0;; i++) {
        size_t length = strcspn(c, "|");

        if (n == length && memcmp(c, text, n) == 0)
            return i;
        if (!c[length])
            return -1;
        c += length + 1;
    }
}

static int
parse_choice(json_t **value, const struct qn_option *o, const char *text,
             struct qn_error *err)
{
    if (find_choice(o->choices, text) < 0)
        return unknown_choice(o, text, err);
    return keep(value, json_string(text), err);
}

static int
parse_text(json_t **value, const struct qn_option *o, const char *text,
           struct qn_error *err)
{
    *value = json_string(text);
    if (!*value)
        return qn_fail(err, QN_EJOB, "'%s' must be text in UTF-8", o->name);
    return 0;
}

static int
parse_dtype(json_t **value, const struct qn_option *o, const char *text,
            struct qn_error *err)
{
    struct qn_error why = {0};
    enum qn_dtype t;

    // NULL: an option is not where a byte order is chosen
    if (qn_dtype_parse(&t, NULL, text, &why))
        return qn_fail(err, QN_EJOB, "'%s': %s", o->name, why.text);
    return keep(value, json_string(qn_dtype_name(t)), err);
}

static int
parse_section(json_t **value, const struct qn_option *o, const char *text,
              struct qn_error *err)
{
    struct qn_section ignored;
    struct qn_error why = {0};
    struct qn_text plain = {0};
    int rc;

    if (qn_params_section(&ignored, text, &why))
        return qn_fail(err, QN_EJOB, "'%s': %s", o->name, why.text);
    // blanks do not make another section, nor another key
    for (const char *s = text; *s; s++)
        if (*s != ' ' && *s != '\t')
            qn_text_bytes(&plain, s, 1);
    rc = qn_text_check(&plain, err);
    if (!rc)
        rc = keep(value, json_string(qn_text_get(&plain)), err);
    qn_text_clear(&plain);
    return rc;
}

/* Cut text at commas, in place; at most most parts. */
static size_t
cut_parts(char *text, const char **parts, size_t most)
{
    size_t n = 0;

    for (char *at = text; at && n < most; parts[n++] = text) {
        text = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
    }
    return n;
}

/* "3", "1, 2", "[1, 2]" */
static int
parse_numbers(json_t **value, const struct qn_option *o, const char *text,
              struct qn_error *err)
{
    const char *parts[QN_MAX_NUMBERS + 1];
    size_t n;
    char *copy;
    int rc;

    text += strspn(text, " ");
    n = strlen(text);
    while (n && text[n - 1] == ' ')
        n--;
    bool bracket = *text == '[' && text[n - 1] == ']';
    QN_TRY(qn_memory_copy(&copy, text + bracket, err));
    if (bracket)
        copy[n - 2] = '\0'; // where the ] was
    n = cut_parts(copy, parts, QN_MAX_NUMBERS + 1);
    rc = qn_params_list(value, o, parts, n, err);
    free(copy);
    return rc;
}

/* "fixed": a list of one */
static int
parse_choices(json_t **value, const struct qn_option *o, const char *text,
              struct qn_error *err)
{
    return qn_params_list(value, o, &text, 1, err);
}

typedef int parser(json_t **, const struct qn_option *, const char *,
                   struct qn_error *);

static parser *const parsers[] = {
    [QN_OPTION_NUMBER] = parse_number,   [QN_OPTION_INTEGER] = parse_integer,
    [QN_OPTION_BOOL] = parse_bool,       [QN_OPTION_CHOICE] = parse_choice,
    [QN_OPTION_TEXT] = parse_text,       [QN_OPTION_DTYPE] = parse_dtype,
    [QN_OPTION_NUMBERS] = parse_numbers, [QN_OPTION_SECTION] = parse_section,
    [QN_OPTION_CHOICES] = parse_choices,
};

static bool
takes_header(enum qn_option_type type)
{
    return type == QN_OPTION_NUMBER || type == QN_OPTION_INTEGER ||
           type == QN_OPTION_SECTION;
}

/* "{header: NAME}": the place and length of NAME. */
static bool
read_reference(const char *text, const char **name, size_t *n)
{
    const char *s = text + strspn(text, " ");

    if (*s++ != '{')
        return false;
    s += strspn(s, " ");
    if (strncmp(s, "header", 6) != 0)
        return false;
    s += 6 + strspn(s + 6, " ");
    if (*s++ != ':')
        return false;
    s += strspn(s, " ");
    *name = s;
    *n = strcspn(s, " {}");
    s += *n + strspn(s + *n, " ");
    return *n && *s == '}' && !s[1 + strspn(s + 1, " ")];
}

int
qn_params_scalar(json_t **value, const struct qn_option *o, const char *text,
                 struct qn_error *err)
{
    const char *name;
    size_t n;

    *value = NULL;
    if (!takes_header(o->type) || !read_reference(text, &name, &n))
        return parsers[o->type](value, o, text, err);
    return keep(value, json_pack("{s:s%}", "header", name, n), err);
}

/* ---- lists -------------------------------------------------------------- */

static int
list_numbers(json_t *list, const struct qn_option *o, const char *const *texts,
             size_t n, struct qn_error *err)
{
    if (n < 1 || n > QN_MAX_NUMBERS)
        return qn_fail(err, QN_EJOB, "'%s' takes 1 to %d numbers, not %zu",
                       o->name, QN_MAX_NUMBERS, n);
    for (size_t i = 0; i < n; i++) {
        json_t *number;

        QN_TRY(parse_number(&number, o, texts[i], err));
        if (json_array_append_new(list, number))
            return qn_fail(err, QN_ENOMEM, "no memory for an option");
    }
    return 0;
}

static int
list_choices(json_t *list, const struct qn_option *o, const char *const *texts,
             size_t n, struct qn_error *err)
{
    if (n < 1 || n > QN_MAX_DIMS)
        return qn_fail(err, QN_EJOB, "'%s' takes 1 to %d values, not %zu",
                       o->name, QN_MAX_DIMS, n);
    for (size_t i = 0; i < n; i++) {
        json_t *choice;

        QN_TRY(parse_choice(&choice, o, texts[i], err));
        if (json_array_append_new(list, choice))
            return qn_fail(err, QN_ENOMEM, "no memory for an option");
    }
    return 0;
}

static int
list_section(json_t **value, const struct qn_option *o,
             const char *const *texts, size_t n, struct qn_error *err)
{
    struct qn_text joined = {0};
    int rc;

    for (size_t i = 0; i < n; i++)
        qn_text_add(&joined, "%s%s", i ? "," : "", texts[i]);
    rc = qn_text_check(&joined, err);
    if (!rc)
        rc = parse_section(value, o, qn_text_get(&joined), err);
    qn_text_clear(&joined);
    return rc;
}

int
qn_params_list(json_t **value, const struct qn_option *o,
               const char *const *texts, size_t n, struct qn_error *err)
{
    json_t *list;
    int rc;

    *value = NULL;
    if (o->type == QN_OPTION_SECTION)
        return list_section(value, o, texts, n, err);
    if (o->type != QN_OPTION_NUMBERS && o->type != QN_OPTION_CHOICES)
        return qn_fail(err, QN_EJOB, "'%s' takes one value, not a list",
                       o->name);
    QN_TRY(keep(&list, json_array(), err));
    rc = o->type == QN_OPTION_NUMBERS ? list_numbers(list, o, texts, n, err)
                                      : list_choices(list, o, texts, n, err);
    if (rc)
        json_decref(list);
    else
        *value = list;
    return rc;
}

json_t *
qn_params_preset(const struct qn_option *o)
{
    json_t *value = NULL;
    struct qn_error why;

    if (!o->preset || !*o->preset)
        return NULL;
    // a table that its own parser refuses is a bug in the kernel
    if (qn_params_scalar(&value, o, o->preset, &why))
        assert(why.code == QN_ENOMEM);
    return value;
}

/* ---- filling ------------------------------------------------------------ */

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
                    ? find_choice(o->choices, json_string_value(value))
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
    rc = parsers[o->type](&value, o, text, &why);
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
        if (name && takes_header(o->type))
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
