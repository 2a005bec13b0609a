/* Reading the values of a job file: keys of mappings, texts, lists of them.
 *
 * Knows how a value is written, not what it is for.  Numbers and choices are
 * in job_value.c, expressions in job_expr.c. */
#include "model/job_read.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/job_later.h"
#include "model/yaml_hint.h"

#define MAX_LISTED 24 // known words that are listed where none is near

/* ---- words -------------------------------------------------------------- */

char *
qn_job_read_copy(struct qn_job_reader *r, const char *s)
{
    char *copy = strdup(s);

    r->failed |= !copy;
    return copy;
}

void
qn_job_read_add(struct qn_job_reader *r, struct qn_strings *to, char *owned)
{
    char **v = owned ? realloc(to->v, (to->n + 1) * sizeof(*v)) : NULL;

    r->failed |= !v;
    if (!v) {
        free(owned);
        return;
    }
    to->v = v;
    to->v[to->n++] = owned;
}

bool
qn_job_read_is_name(const char *s)
{
    if (!isalnum((unsigned char)*s) && *s != '_')
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
            return false;
    return true;
}

bool
qn_job_read_is_field(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("_-./@", *s))
            return false;
    return true;
}

bool
qn_job_read_is_bool(const char *s, bool *yes)
{
    static const char *const words[] = {"no",  "yes", "false", "true",
                                        "off", "on",  NULL};

    for (int i = 0; words[i]; i++)
        if (!strcasecmp(words[i], s)) {
            *yes = i % 2 == 1;
            return true;
        }
    return false;
}

/* ---- what is wrong ------------------------------------------------------ */

void
qn_job_read_unknown(struct qn_job_reader *r, const struct qn_yaml_node *node,
                    const char *kind, const char *word,
                    const char *const *words)
{
    const char *near = qn_text_nearest(word, words);
    struct qn_text t = {0};
    size_t n = 0;

    while (words[n])
        n++;
    qn_text_add(&t, "unknown %s '%.60s'", kind, word);
    if (near)
        qn_text_add(&t, "; did you mean '%s'?", near);
    for (size_t i = 0; !near && i < n && i < MAX_LISTED; i++)
        qn_text_add(&t, "%s%s", i ? ", " : "; there are: ", words[i]);
    if (!near && n > MAX_LISTED)
        qn_text_add(&t, "...");
    QN_JOB_TELL(r, node, "%s", qn_text_get(&t));
    r->failed |= t.failed;
    qn_text_clear(&t);
}

void
qn_job_read_wants(struct qn_job_reader *r, const struct qn_yaml_node *node,
                  const char *key, const char *expected)
{
    if (node->kind == QN_YAML_MAP)
        QN_JOB_TELL(r, node, "'%.60s' wants %s, not %s", key, expected,
                    node->n ? "a mapping" : "an empty mapping");
    else if (node->kind == QN_YAML_LIST)
        QN_JOB_TELL(r, node, "'%.60s' wants %s, not %s", key, expected,
                    node->n ? "a list" : "an empty list");
    else if (qn_yaml_is_null(node))
        QN_JOB_TELL(r, node, "'%.60s' has no value; it wants %s", key,
                    expected);
    else
        QN_JOB_TELL(r, node, "'%.60s' wants %s, not '%.60s'", key, expected,
                    node->text);
}

/* {stem} and [a] without quotes are collections for YAML. */
static void
wants_text(struct qn_job_reader *r, const struct qn_yaml_node *node,
           const char *key)
{
    struct qn_text t = {0};

    if (!node->flow || node->mark.line == 0) {
        qn_job_read_wants(r, node, key, "a text");
        return;
    }
    struct qn_yaml_span span = qn_yaml_hint_value(r->problems, node->mark);

    qn_text_add(&t, "'%.60s' wants a text, and without quotes this is a %s",
                key, node->kind == QN_YAML_MAP ? "mapping" : "list");
    qn_yaml_hint_show(&t, r->problems, &span);
    QN_JOB_TELL(r, node, "%s", qn_text_get(&t));
    r->failed |= t.failed;
    qn_text_clear(&t);
}

/* ---- mappings ----------------------------------------------------------- */

static void
unknown_key(struct qn_job_reader *r, const struct qn_yaml_node *key,
            const char *where, const struct qn_job_key *keys)
{
    const char *words[32];
    char kind[64];
    size_t n = 0;

    if (strchr(key->text, ':')) {
        QN_JOB_TELL(r, key, "a blank is missing behind the ':' of '%.60s'",
                    key->text);
        return;
    }
    for (; keys[n].name && n < 31; n++)
        words[n] = keys[n].name;
    words[n] = NULL;
    snprintf(kind, sizeof kind, "key of %s%s",
             strcmp(where, "job") && strcmp(where, "stage") ? "" : "a ", where);
    qn_job_read_unknown(r, key, kind, key->text, words);
}

static void
read_pair(struct qn_job_reader *r, const struct qn_yaml_pair *pair,
          const char *where, const struct qn_job_key *keys, void *target)
{
    for (const struct qn_job_key *k = keys; k->name; k++)
        if (!strcmp(k->name, pair->key->text)) {
            k->read(r, pair->value, target);
            return;
        }
    if (!qn_job_later_key(r, pair->key, where, pair->key->text))
        unknown_key(r, pair->key, where, keys);
}

bool
qn_job_read_map(struct qn_job_reader *r, const struct qn_yaml_node *node,
                const char *where, const struct qn_job_key *keys, void *target)
{
    char expected[64];

    if (node->kind != QN_YAML_MAP) {
        snprintf(expected, sizeof expected, "a mapping like {%s: ...}",
                 keys[0].name);
        qn_job_read_wants(r, node, where, expected);
        return false;
    }
    for (size_t i = 0; i < node->n; i++)
        read_pair(r, &node->v[i], where, keys, target);
    return true;
}

/* ---- texts -------------------------------------------------------------- */

static void
replace(char **out, char *owned)
{
    free(*out);
    *out = owned;
}

bool
qn_job_read_text(struct qn_job_reader *r, const struct qn_yaml_node *node,
                 const char *key, char **out)
{
    char *copy = NULL;

    if (node->kind != QN_YAML_SCALAR) {
        wants_text(r, node, key);
        return false;
    }
    if (qn_yaml_is_null(node)) {
        qn_job_read_wants(r, node, key, "a text");
        return false;
    }
    if (!*node->text) {
        QN_JOB_TELL(r, node,
                    "'%.60s' is empty; give it a text or leave it "
                    "out",
                    key);
        return false;
    }
    copy = qn_job_read_copy(r, node->text);
    if (!copy)
        return false;
    replace(out, copy);
    return true;
}

/* The value of ${NAME}, NULL after telling. */
static const char *
environment(struct qn_job_reader *r, const struct qn_yaml_node *node,
            const char *name, size_t n)
{
    char *word = strndup(name, n);
    const char *value = word ? getenv(word) : NULL;

    r->failed |= !word;
    if (word && (!value || !*value)) {
        QN_JOB_TELL(r, node,
                    "the environment variable %.60s is %s; set it, "
                    "or write the path out",
                    word, value ? "empty" : "not set");
        value = NULL;
    }
    // paths are kept as JSON, which is UTF-8
    json_t *json = value ? json_string(value) : NULL;

    if (value && !json) {
        QN_JOB_TELL(r, node,
                    "the environment variable %.60s is no UTF-8 "
                    "text; write the path out",
                    word);
        value = NULL;
    }
    json_decref(json);
    free(word);
    return value;
}

bool
qn_job_read_path(struct qn_job_reader *r, const struct qn_yaml_node *node,
                 const char *key, char **out)
{
    struct qn_text t = {0};
    char *raw = NULL;
    bool ok = qn_job_read_text(r, node, key, &raw);
    const char *s = raw;

    while (ok && *s) {
        const char *open = strstr(s, "${");
        const char *close = open ? strchr(open, '}') : NULL;
        const char *value = NULL;

        if (!close)
            break;
        qn_text_bytes(&t, s, (size_t)(open - s));
        value = environment(r, node, open + 2, (size_t)(close - open - 2));
        ok = value != NULL;
        if (ok)
            qn_text_add(&t, "%s", value);
        s = close + 1;
    }
    if (ok)
        qn_text_add(&t, "%s", s);
    free(raw);
    if (!ok || t.failed) {
        r->failed |= t.failed;
        qn_text_clear(&t);
        return false;
    }
    replace(out, t.s);
    return true;
}

struct braces {
    struct qn_job_reader *r;
    const struct qn_yaml_node *node;
    bool ok;
};

static void
check_field(void *ctx, const char *name)
{
    struct braces *b = ctx;

    if (qn_job_read_is_field(name))
        return;
    QN_JOB_TELL(b->r, b->node, "{%.40s} is no name of a field; %s", name,
                strchr(name, ',') ? "write several patterns as a list"
                                  : "a brace itself is written {{");
    b->ok = false;
}

bool
qn_job_read_pattern(struct qn_job_reader *r, const struct qn_yaml_node *node,
                    const char *key, char **out)
{
    struct braces b = {.r = r, .node = node, .ok = true};
    struct qn_error err = {0};
    char *path = NULL;
    bool ok = qn_job_read_path(r, node, key, &path);

    if (ok && qn_fields_names(path, check_field, &b, &err)) {
        if (b.ok)
            QN_JOB_TELL(r, node, "%s", err.text);
        b.ok = false;
    }
    if (!ok || !b.ok) {
        free(path);
        return false;
    }
    replace(out, path);
    return true;
}

bool
qn_job_read_list(struct qn_job_reader *r, const struct qn_yaml_node *node,
                 const char *key,
                 bool (*read)(struct qn_job_reader *r,
                              const struct qn_yaml_node *node, const char *key,
                              char **out),
                 struct qn_strings *out)
{
    bool list = node->kind == QN_YAML_LIST;
    size_t n = list ? node->n : 1;
    bool ok = true;

    if (list && n == 0)
        QN_JOB_TELL(r, node,
                    "'%.60s' is an empty list; fill it or leave it "
                    "out",
                    key);
    for (size_t i = 0; i < n; i++) {
        char *text = NULL;

        if (read(r, list ? node->v[i].value : node, key, &text))
            qn_job_read_add(r, out, text);
        else
            ok = false;
    }
    return ok && n > 0;
}
