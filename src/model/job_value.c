/* Reading the values of a job file: numbers, choices, sizes, types, stages,
 * sections.
 *
 * Knows how a value is written, not what it is for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dtype.h"
#include "model/job_value.h"

/* The scalar's text, or NULL after telling. */
static const char *
scalar(struct qn_job_reader *r, const struct qn_yaml_node *node,
       const char *key, const char *expected)
{
    if (node->kind == QN_YAML_SCALAR && !qn_yaml_is_null(node))
        return node->text;
    qn_job_read_wants(r, node, key, expected);
    return NULL;
}

bool
qn_job_value_number(struct qn_job_reader *r, const struct qn_yaml_node *node,
                    const char *key, double *out)
{
    const char *s = scalar(r, node, key, "a number");
    double number = 0;

    if (!s)
        return false;
    if (!qn_fields_number(&number, s) || !isfinite(number)) {
        qn_job_read_wants(r, node, key, "a number");
        return false;
    }
    *out = number;
    return true;
}

bool
qn_job_value_integer(struct qn_job_reader *r, const struct qn_yaml_node *node,
                     const char *key, int64_t min, int64_t max, int64_t *out)
{
    char expected[80];
    const char *s;
    double number = 0;

    if (max == INT64_MAX)
        snprintf(expected, sizeof expected, "a whole number from %lld on",
                 (long long)min);
    else
        snprintf(expected, sizeof expected, "a whole number from %lld to %lld",
                 (long long)min, (long long)max);
    s = scalar(r, node, key, expected);
    if (!s)
        return false;
    if (!qn_fields_number(&number, s) || !(fabs(number) <= 0x1p53) ||
        number != floor(number) || number < (double)min ||
        number > (double)max) {
        qn_job_read_wants(r, node, key, expected);
        return false;
    }
    *out = (int64_t)number;
    return true;
}

bool
qn_job_value_choice(struct qn_job_reader *r, const struct qn_yaml_node *node,
                    const char *key, const char *choices, int *out)
{
    char buf[256];
    char kind[64];
    const char *words[32];
    const char *s = scalar(r, node, key, choices);
    char *rest = buf, *word;
    int n = 0;

    if (!s)
        return false;
    snprintf(buf, sizeof buf, "%s", choices);
    while (n < 31 && (word = strsep(&rest, "|"))) {
        if (!strcmp(word, s)) {
            *out = n;
            return true;
        }
        words[n++] = word;
    }
    words[n] = NULL;
    snprintf(kind, sizeof kind, "value of '%.40s':", key);
    qn_job_read_unknown(r, node, kind, s, words);
    return false;
}

bool
qn_job_value_memory(struct qn_job_reader *r, const struct qn_yaml_node *node,
                    const char *key, int64_t *bytes)
{
    const char *s = scalar(r, node, key, "auto or a size like 4 GiB");
    int64_t n = 0;

    if (!s)
        return false;
    if (!strcmp(s, "auto")) {
        *bytes = 0;
        return true;
    }
    if (qn_memory_parse(&n, s, NULL) || n <= 0) {
        qn_job_read_wants(r, node, key, "auto or a size like 4 GiB");
        return false;
    }
    *bytes = n;
    return true;
}

bool
qn_job_value_dtype(struct qn_job_reader *r, const struct qn_yaml_node *node,
                   const char *key, int *dtype)
{
    const char *s = scalar(r, node, key, "a type like float32 or uint16");
    struct qn_error err = {0};
    enum qn_dtype t;

    if (!s)
        return false;
    if (qn_dtype_parse(&t, NULL, s, &err)) {
        QN_JOB_TELL(r, node, "%s", err.text);
        return false;
    }
    *dtype = (int)t;
    return true;
}

bool
qn_job_value_stage(struct qn_job_reader *r, const struct qn_yaml_node *node,
                   char **name, int *index)
{
    if (!qn_job_read_text(r, node, "stage", name))
        return false;
    for (int i = 0; r->names[i]; i++)
        if (!strcmp(r->names[i], *name)) {
            *index = i;
            return true;
        }
    qn_job_read_unknown(r, node, "stage", *name, r->names);
    return false;
}

bool
qn_job_value_axes(struct qn_job_reader *r, const struct qn_yaml_node *node,
                  const char *key)
{
    struct qn_text each = {0}, all = {0};
    bool unclear = node->kind == QN_YAML_LIST && node->flow && node->n > 0;

    for (size_t i = 0; i < node->n; i++) {
        const struct qn_yaml_node *v = node->v[i].value;

        if (v->kind != QN_YAML_SCALAR) {
            qn_job_read_wants(r, v, key, "a text like \"0:16\" for each axis");
            return false;
        }
        unclear = unclear && v->plain && strchr(v->text, ':');
    }
    if (!unclear)
        return true;
    for (size_t i = 0; i < node->n && i < QN_MAX_DIMS; i++) {
        qn_text_add(&each, "%s\"%.20s\"", i ? ", " : "",
                    node->v[i].value->text);
        qn_text_add(&all, "%s%.20s", i ? ", " : "", node->v[i].value->text);
    }
    QN_JOB_TELL(r, node,
                "put it in quotes: \"[%s]\" for FITS order (from 1, "
                "inclusive), or [%s] for C order (from 0, half open)",
                qn_text_get(&all), qn_text_get(&each));
    r->failed |= each.failed || all.failed;
    qn_text_clear(&each);
    qn_text_clear(&all);
    return false;
}
