/* vars: a name for a text that a job says more than once.
 *
 * {name} in any value of the file is replaced before the values are read;
 * {{ is left alone, and so is a {name} that is no variable: a field. */
#include "model/job_vars.h"

#include <stdlib.h>
#include <string.h>

#define MAX_VALUE 4096      // bytes of a variable
#define MAX_TEXT  65536     // bytes of a text with its variables filled in
#define MAX_TOTAL (1 << 24) // bytes of all of them

struct var {
    const char *name; // borrowed from the tree
    char *value;      // owned
};

struct vars {
    struct qn_job_reader *r;
    struct var *v; // owned
    size_t n;      // those whose value is known
    size_t total;  // bytes filled in so far
    const struct qn_yaml_node *map;
};

static const struct var *
find(const struct vars *vars, const char *name, size_t n)
{
    for (size_t i = 0; i < vars->n; i++)
        if (!strncmp(vars->v[i].name, name, n) && !vars->v[i].name[n])
            return &vars->v[i];
    return NULL;
}

/* "{name}" at s: the length of the name, 0 if it is none. */
static size_t
name_length(const char *s)
{
    size_t n = strcspn(s + 1, "{}");

    return s[n + 1] == '}' ? n : 0;
}

/* A variable that uses one defined at or below itself. */
static void
check_order(struct vars *vars, const struct qn_yaml_node *node,
            const char *name, size_t n)
{
    for (size_t i = vars->n; i < vars->map->n; i++) {
        const char *other = vars->map->v[i].key->text;

        if (!strncmp(other, name, n) && !other[n])
            QN_JOB_TELL(vars->r, node,
                        "the variable '%.40s' is defined %s; put it above "
                        "the one that uses it",
                        other, i == vars->n ? "by itself" : "further down");
    }
}

/* The text of a node with variables filled in, "" if there are none in it. */
static void
fill(struct vars *vars, const struct qn_yaml_node *node, bool defining,
     struct qn_text *out)
{
    const char *from = node->text;
    bool found = false;

    for (const char *s = from; *s && out->len <= MAX_TEXT;) {
        size_t n = *s == '{' ? name_length(s) : 0;
        const struct var *var = n ? find(vars, s + 1, n) : NULL;

        if (s[0] == '{' && s[1] == '{') {
            s += 2;
        } else if (!var) {
            if (n && defining)
                check_order(vars, node, s + 1, n);
            s++;
        } else {
            qn_text_bytes(out, from, (size_t)(s - from));
            qn_text_add(out, "%s", var->value);
            from = s += n + 2;
            found = true;
        }
    }
    if (found)
        qn_text_add(out, "%s", from);
}

static void
fill_node(struct vars *vars, struct qn_yaml_node *node, bool defining)
{
    struct qn_text t = {0};
    size_t most = defining ? MAX_VALUE : MAX_TEXT;

    fill(vars, node, defining, &t);
    vars->total += t.len;
    if (t.failed) {
        vars->r->failed = true;
    } else if (t.len > most || vars->total > MAX_TOTAL) {
        QN_JOB_TELL(vars->r, node,
                    "with its variables filled in this is "
                    "longer than %zu bytes; shorten it",
                    most);
    } else if (t.s) {
        free(node->text);
        node->text = t.s;
        node->filled = true;
        t = (struct qn_text){0};
    }
    qn_text_clear(&t);
}

static void
fill_tree(struct vars *vars, struct qn_yaml_node *node)
{
    if (vars->total > MAX_TOTAL)
        return;
    if (node->kind == QN_YAML_SCALAR && strchr(node->text, '{'))
        fill_node(vars, node, false);
    for (size_t i = 0; i < node->n; i++)
        fill_tree(vars, node->v[i].value);
}

static void
check_name(struct vars *vars, const struct qn_yaml_node *key)
{
    static const char *const fields[] = {
        "path", "dir", "name", "stem", "ext", "frame", "hdu", "dataset", NULL};

    if (!qn_job_read_is_name(key->text))
        QN_JOB_TELL(vars->r, key,
                    "a variable is named with letters, digits "
                    "and _ - . only, not '%.40s'",
                    key->text);
    for (int i = 0; fields[i]; i++)
        if (!strcmp(fields[i], key->text))
            QN_JOB_TELL(vars->r, key,
                        "{%s} is a field of every item; give "
                        "the variable another name",
                        key->text);
}

static void
define(struct vars *vars, const struct qn_yaml_pair *pair)
{
    char *value = NULL;

    check_name(vars, pair->key);
    if (pair->value->kind == QN_YAML_SCALAR)
        fill_node(vars, pair->value, true);
    // "" in quotes is a value too
    if ((pair->value->text && !*pair->value->text && !pair->value->plain) ||
        !qn_job_read_path(vars->r, pair->value, pair->key->text, &value))
        value = qn_job_read_copy(vars->r, "");
    if (value)
        vars->v[vars->n++] = (struct var){pair->key->text, value};
}

void
qn_job_vars_fill(struct qn_job_reader *r, struct qn_yaml_node *root)
{
    struct qn_yaml_node *map = qn_yaml_find(root, "vars");
    struct vars vars = {.r = r, .map = map};

    if (!map || qn_yaml_is_null(map))
        return;
    if (map->kind != QN_YAML_MAP) {
        qn_job_read_wants(r, map, "vars", "a mapping like {raw: data/2024}");
        return;
    }
    vars.v = calloc(map->n + 1, sizeof(*vars.v));
    r->failed |= !vars.v;
    for (size_t i = 0; vars.v && i < map->n; i++)
        define(&vars, &map->v[i]);
    for (size_t i = 0; i < root->n; i++)
        if (root->v[i].value != map)
            fill_tree(&vars, root->v[i].value);
    for (size_t i = 0; i < vars.n; i++)
        free(vars.v[i].value);
    free(vars.v);
}
