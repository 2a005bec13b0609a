/* The options of a kernel, as written in a job, into their canonical form.
 *
 * The kernel's table says what is expected; model/params.c turns scalars and
 * lists into values.  This file deals with what a person may write around
 * them, and with what must be there. */
#include "model/job_option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/job_value.h"
#include "model/params.h"

const struct qn_option *
qn_job_option_find(const struct qn_kernel *k, const char *name)
{
    for (const struct qn_option *o = k->options; o && o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}

void
qn_job_option_words(const char **words, size_t n, const struct qn_kernel *k,
                    const char *const *more)
{
    size_t i = 0;

    for (const struct qn_option *o = k->options; o && o->name && i + 1 < n; o++)
        words[i++] = o->name;
    for (; more && *more && i + 1 < n; more++)
        words[i++] = *more;
    words[i] = NULL;
}

/* ---- one value ---------------------------------------------------------- */

/* "a number (sigma)", "mean|median" */
static void
expected(char *buf, size_t size, const struct qn_option *o)
{
    static const char *const types[] = {
        [QN_OPTION_NUMBER] = "a number or {header: NAME}",
        [QN_OPTION_INTEGER] = "a whole number or {header: NAME}",
        [QN_OPTION_BOOL] = "yes or no",
        [QN_OPTION_CHOICE] = "one of ",
        [QN_OPTION_TEXT] = "a text",
        [QN_OPTION_DTYPE] = "a type like float32 or uint16",
        [QN_OPTION_NUMBERS] = "a number or a list of them",
        [QN_OPTION_SECTION] =
            "a section like \"[1:50, 1:100]\" or {header: NAME}",
        [QN_OPTION_CHOICES] = "one of or a list of ",
    };

    snprintf(buf, size, "%s%s%s%s%s", types[o->type],
             o->choices ? o->choices : "", o->unit ? " (" : "",
             o->unit ? o->unit : "", o->unit ? ")" : "");
}

static void
wants(struct qn_job_reader *r, const struct qn_option *o,
      const struct qn_yaml_node *node)
{
    char buf[256];

    expected(buf, sizeof buf, o);
    qn_job_read_wants(r, node, o->name, buf);
}

static bool
takes_header(const struct qn_option *o)
{
    return o->type == QN_OPTION_NUMBER || o->type == QN_OPTION_INTEGER ||
           o->type == QN_OPTION_SECTION;
}

static json_t *
header_value(struct qn_job_reader *r, const struct qn_option *o,
             const struct qn_yaml_node *node)
{
    struct qn_yaml_node *name = qn_yaml_find(node, "header");
    char *text = NULL;
    json_t *value = NULL;

    if (!name || node->n != 1 || !takes_header(o)) {
        wants(r, o, node);
        return NULL;
    }
    if (qn_job_read_text(r, name, "header", &text)) {
        value = json_pack("{s:s}", "header", text);
        if (!value)
            QN_JOB_TELL(r, name, "'header' wants the name of a keyword");
    }
    free(text);
    return value;
}

/* The entry of a list that is no number, else the list. */
static const struct qn_yaml_node *
no_number(const struct qn_yaml_node *list, const struct qn_option *o)
{
    double number;

    for (size_t i = 0; o->type == QN_OPTION_NUMBERS && i < list->n; i++)
        if (!qn_fields_number(&number, list->v[i].value->text))
            return list->v[i].value;
    return list;
}

static json_t *
list_value(struct qn_job_reader *r, const struct qn_option *o,
           const struct qn_yaml_node *node)
{
    const char *texts[QN_MAX_NUMBERS];
    struct qn_error err = {0};
    json_t *value = NULL;
    bool section = o->type == QN_OPTION_SECTION;

    if ((!section && o->type != QN_OPTION_NUMBERS &&
         o->type != QN_OPTION_CHOICES) ||
        node->n == 0) {
        wants(r, o, node);
        return NULL;
    }
    if (node->n > QN_MAX_NUMBERS) {
        QN_JOB_TELL(r, node, "'%s' takes at most %d values", o->name,
                    QN_MAX_NUMBERS);
        return NULL;
    }
    if (section && !qn_job_value_axes(r, node, o->name))
        return NULL;
    for (size_t i = 0; i < node->n; i++) {
        const struct qn_yaml_node *entry = node->v[i].value;

        if (entry->kind == QN_YAML_LIST && o->type == QN_OPTION_NUMBERS)
            QN_JOB_TELL(r, entry,
                        "'%s' wants all its numbers in one list, row by row, "
                        "not a list in a list",
                        o->name);
        else if (entry->kind != QN_YAML_SCALAR)
            wants(r, o, entry);
        if (entry->kind != QN_YAML_SCALAR)
            return NULL;
        texts[i] = entry->text;
    }
    if (qn_params_list(&value, o, texts, node->n, &err))
        QN_JOB_TELL(r, no_number(node, o), "%s", err.text);
    return value;
}

static json_t *
scalar_value(struct qn_job_reader *r, const struct qn_option *o,
             const struct qn_yaml_node *node)
{
    const char *text = node->text;
    struct qn_error err = {0};
    json_t *value = NULL;
    bool yes = false;
    int which = 0;

    if (qn_yaml_is_null(node) || (!*text && o->type != QN_OPTION_TEXT)) {
        wants(r, o, node);
        return NULL;
    }
    if (o->type == QN_OPTION_CHOICE &&
        !qn_job_value_choice(r, node, o->name, o->choices, &which))
        return NULL;
    if (o->type == QN_OPTION_BOOL && qn_job_read_is_bool(text, &yes))
        text = yes ? "true" : "false";
    if (qn_params_scalar(&value, o, text, &err))
        QN_JOB_TELL(r, node, "%s", err.text);
    return value;
}

void
qn_job_option_read(struct qn_job_reader *r, const struct qn_option *o,
                   const struct qn_yaml_node *value, json_t *params)
{
    json_t *json = value->kind == QN_YAML_MAP    ? header_value(r, o, value)
                   : value->kind == QN_YAML_LIST ? list_value(r, o, value)
                                                 : scalar_value(r, o, value);

    // what was wrong was told: it is not also missing
    if (json_object_set_new(params, o->name, json ? json : json_null()))
        r->failed = true;
}

/* ---- all of them -------------------------------------------------------- */

static bool
has_header(json_t *params)
{
    const char *key;
    json_t *value;

    json_object_foreach(params, key,
                        value) if (json_is_object(value)) return true;
    return false;
}

/* What the kernel itself has to say, where no header value is needed for it. */
static void
prepare(struct qn_job_reader *r, const struct qn_kernel *k,
        const struct qn_yaml_node *node, json_t *params)
{
    struct qn_error err = {0};
    void *p = calloc(1, k->params_size ? k->params_size : 1);
    int rc;

    r->failed |= !p;
    if (!p)
        return;
    rc = qn_params_fill(p, k, params, NULL, &err);
    if (!rc && k->prepare)
        rc = k->prepare(p, &err);
    // many sentences begin with the kernel's name already
    if (rc && !strncmp(err.text, k->name, strlen(k->name)))
        QN_JOB_TELL(r, node, "%s", err.text);
    else if (rc)
        QN_JOB_TELL(r, node, "%s: %s", k->name, err.text);
    if (k->release)
        k->release(p);
    free(p);
}

void
qn_job_option_finish(struct qn_job_reader *r, const struct qn_kernel *k,
                     const struct qn_yaml_node *node, json_t *params,
                     size_t before)
{
    char buf[256];

    for (const struct qn_option *o = k->options; o && o->name; o++) {
        json_t *preset = NULL;

        if (json_object_get(params, o->name))
            continue;
        if ((preset = qn_params_preset(o))) {
            r->failed |= json_object_set_new(params, o->name, preset) != 0;
        } else if (!o->preset) {
            expected(buf, sizeof buf, o);
            QN_JOB_TELL(r, node, "'%s' needs {%s: ...}, %s", k->name, o->name,
                        buf);
        }
    }
    if (r->problems->told == before && !r->failed && !has_header(params))
        prepare(r, k, node, params);
}
