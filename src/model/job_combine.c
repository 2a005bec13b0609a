/* combine: of a stage: the options of the kernel `combine`, and which items
 * make one result. */
#include "model/job_combine.h"

#include <stdlib.h>
#include <string.h>

#include "model/job_expr.h"
#include "model/job_option.h"

static const char *const group_keys[] = {"per", "at-least", "weights", NULL};

/* ---- groups ------------------------------------------------------------- */

static void
add_per(struct qn_job_reader *r, const struct qn_yaml_node *node,
        struct qn_group *g)
{
    struct qn_expr expr = {0};
    struct qn_expr *v;
    char *text = NULL;

    if (!qn_job_expr_read(r, node, "per", QN_EXPR_FIELDS, &text, &expr)) {
        qn_expr_clear(&expr);
        return;
    }
    v = realloc(g->per_expr, (g->per.n + 1) * sizeof(*v));
    if (!v) {
        r->failed = true;
        qn_expr_clear(&expr);
        free(text);
        return;
    }
    g->per_expr = v;
    qn_job_read_add(r, &g->per, text);
    if (r->failed)
        qn_expr_clear(&expr); // per.n did not grow
    else
        g->per_expr[g->per.n - 1] = expr;
}

static bool
is_file(const struct qn_yaml_node *node)
{
    return node->kind == QN_YAML_SCALAR && !strcmp(node->text, "file");
}

static void
read_per(struct qn_job_reader *r, const struct qn_yaml_node *node,
         struct qn_group *g)
{
    bool list = node->kind == QN_YAML_LIST;
    size_t n = list ? node->n : 1;

    if (n == 0)
        QN_JOB_TELL(r, node,
                    "'per' is an empty list; name the fields, or "
                    "leave it out");
    for (size_t i = 0; i < n && !r->failed; i++) {
        const struct qn_yaml_node *v = list ? node->v[i].value : node;

        if (is_file(v) && n > 1)
            QN_JOB_TELL(r, v,
                        "'per: file' stands alone, since a file has "
                        "one value of each field; leave out the "
                        "others");
        else if (is_file(v))
            g->per_file = true;
        else
            add_per(r, v, g);
    }
}

/* A number of members, or "90%" of them. */
static void
read_at_least(struct qn_job_reader *r, const struct qn_yaml_node *node,
              struct qn_group *g)
{
    static const char expected[] =
        "a number of members from 1 on, or a share like 90%";
    char *text = NULL;
    double number = 0;
    size_t n;
    bool share, ok;

    if (node->kind != QN_YAML_SCALAR || qn_yaml_is_null(node)) {
        qn_job_read_wants(r, node, "at-least", expected);
        return;
    }
    text = qn_job_read_copy(r, node->text);
    if (!text)
        return;
    n = strlen(text);
    share = n > 1 && text[n - 1] == '%';
    if (share)
        text[n - 1] = '\0';
    ok = qn_fields_number(&number, text) &&
         (share ? number > 0 && number <= 100
                : number >= 1 && number <= 1e9 &&
                      number == (double)(int64_t)number);
    free(text);
    if (!ok) {
        qn_job_read_wants(r, node, "at-least", expected);
        return;
    }
    g->at_least = share ? number / 100 : number;
    g->at_least_fraction = share;
}

static void
read_weights(struct qn_job_reader *r, const struct qn_yaml_node *node,
             struct qn_group *g)
{
    const struct qn_yaml_node *header = qn_yaml_find(node, "header");

    if (header && node->n == 1)
        node = header;
    if (!qn_job_read_text(r, node, "weights", &g->weights))
        return;
    if (!qn_job_read_is_field(g->weights))
        QN_JOB_TELL(r, node,
                    "'weights' wants the name of a field that holds "
                    "a member's weight, not '%.40s'",
                    g->weights);
}

/* ---- options that only make sense together ------------------------------ */

static const char *
text_of(const struct qn_group *g, const char *option)
{
    const char *s = json_string_value(json_object_get(g->params, option));

    return s ? s : "";
}

/* What nothing would use: limits, where most often `reject` was forgotten, and
 * weights of anything but a mean. */
static void
check_limits(struct qn_job_reader *r, const struct qn_yaml_node *node,
             const struct qn_group *g)
{
    static const char *const limits[] = {"sigma", "low", "high", NULL};
    const char *reject = text_of(g, "reject"), *method = text_of(g, "method");

    if (node->kind != QN_YAML_MAP)
        return;
    for (size_t i = 0; i < node->n; i++) {
        const struct qn_yaml_node *key = node->v[i].key;

        if (!strcmp(key->text, "weights") && *method && strcmp(method, "mean"))
            QN_JOB_TELL(r, key,
                        "'weights' are for 'method: mean', not '%s'; remove "
                        "one of the two",
                        method);
        for (int k = 0; limits[k]; k++) {
            if (strcmp(limits[k], key->text))
                continue;
            if (!*reject || !strcmp(reject, "none"))
                QN_JOB_TELL(r, key,
                            "'%s' has no effect with 'reject: none'; "
                            "add 'reject: sigma-clip' or remove it",
                            key->text);
            else if (!strcmp(reject, "min-max") && k == 0)
                QN_JOB_TELL(r, key,
                            "'sigma' belongs to 'reject: sigma-clip'; "
                            "with min-max, 'low' and 'high' say how "
                            "many samples are dropped");
        }
    }
}

/* ---- the whole ---------------------------------------------------------- */

static void
read_key(struct qn_job_reader *r, const struct qn_yaml_pair *pair,
         struct qn_group *g)
{
    const char *key = pair->key->text;
    const struct qn_option *o = qn_job_option_find(g->kernel, key);
    const char *words[64];

    if (!strcmp(key, "per")) {
        read_per(r, pair->value, g);
    } else if (!strcmp(key, "at-least")) {
        read_at_least(r, pair->value, g);
    } else if (!strcmp(key, "weights")) {
        read_weights(r, pair->value, g);
    } else if (o && pair->value->kind == QN_YAML_MAP) {
        QN_JOB_TELL(r, pair->value,
                    "'%s' is the same for all members of a "
                    "combination; give it a value",
                    key);
    } else if (o) {
        qn_job_option_read(r, o, pair->value, g->params);
    } else {
        qn_job_option_words(words, 64, g->kernel, group_keys);
        qn_job_read_unknown(r, pair->key, "option of combine", key, words);
    }
}

static const struct qn_kernel *
find_kernel(const struct qn_job_reader *r)
{
    for (size_t i = 0; r->catalog[i]; i++)
        if (!strcmp(r->catalog[i]->name, "combine"))
            return r->catalog[i];
    return NULL;
}

void
qn_job_combine_read(struct qn_job_reader *r, const struct qn_yaml_node *node,
                    struct qn_group *g)
{
    size_t before = r->problems->told;
    const struct qn_option *o;

    g->given = true;
    g->mark = node->mark;
    g->at_least = 1;
    g->kernel = find_kernel(r);
    g->params = json_object();
    r->failed |= !g->params;
    if (!g->kernel || !g->params)
        return;
    o = g->kernel->shorthand
            ? qn_job_option_find(g->kernel, g->kernel->shorthand)
            : g->kernel->options;
    if (node->kind == QN_YAML_MAP)
        for (size_t i = 0; i < node->n; i++)
            read_key(r, &node->v[i], g);
    else if (node->kind == QN_YAML_SCALAR && !qn_yaml_is_null(node) && o)
        qn_job_option_read(r, o, node, g->params);
    else
        qn_job_read_wants(r, node, "combine",
                          "a mapping like {method: median}");
    check_limits(r, node, g);
    qn_job_option_finish(r, g->kernel, node, g->params, before);
}

void
qn_job_combine_clear(struct qn_group *g)
{
    for (size_t i = 0; g->per_expr && i < g->per.n; i++)
        qn_expr_clear(&g->per_expr[i]);
    free(g->per_expr);
    for (size_t i = 0; i < g->per.n; i++)
        free(g->per.v[i]);
    free(g->per.v);
    free(g->weights);
    json_decref(g->params);
    *g = (struct qn_group){0};
}
