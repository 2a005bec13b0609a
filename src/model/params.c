/* Options of a step: from text to canonical JSON.
 *
 * Texts come from a job file or from a kernel's presets, which are read in the
 * same way.  Sections have their own file, params_section.c; what becomes of
 * the JSON is in params_fill.c.
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
#include "model/params_parts.h"

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

int
qn_params_choice(const char *choices, const char *text)
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
    if (qn_params_choice(o->choices, text) < 0)
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

int
qn_params_value(json_t **value, const struct qn_option *o, const char *text,
                struct qn_error *err)
{
    return parsers[o->type](value, o, text, err);
}

bool
qn_params_refers(enum qn_option_type type)
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
    if (!qn_params_refers(o->type) || !read_reference(text, &name, &n))
        return qn_params_value(value, o, text, err);
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
