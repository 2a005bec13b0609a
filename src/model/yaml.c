/* The tree of a YAML document: making, finding and freeing nodes.
 *
 * Knows nothing of the text it came from: that is yaml_load.c. */
#include "model/yaml.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct qn_yaml_node *
qn_yaml_make(enum qn_yaml_kind kind, struct qn_mark mark)
{
    struct qn_yaml_node *node = calloc(1, sizeof(*node));

    if (!node)
        return NULL;
    node->kind = kind;
    node->mark = mark;
    node->width = 1;
    if (kind == QN_YAML_SCALAR && !(node->text = calloc(1, 1))) {
        free(node);
        return NULL;
    }
    return node;
}

void
qn_yaml_clear(struct qn_yaml_node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->n; i++) {
        qn_yaml_clear(node->v[i].key);
        qn_yaml_clear(node->v[i].value);
    }
    free(node->v);
    free(node->text);
    free(node);
}

bool
qn_yaml_append(struct qn_yaml_node *node, struct qn_yaml_node *key,
               struct qn_yaml_node *value)
{
    void *v = node->v;
    bool keyed = node->kind == QN_YAML_MAP;
    bool ok =
        value && (key || !keyed) &&
        !qn_memory_grow(&v, &node->cap, node->n + 1, sizeof(*node->v), NULL);

    node->v = v;
    if (ok) {
        node->v[node->n++] = (struct qn_yaml_pair){key, value};
    } else {
        qn_yaml_clear(key);
        qn_yaml_clear(value);
    }
    return ok;
}

struct qn_yaml_node *
qn_yaml_find(const struct qn_yaml_node *node, const char *key)
{
    if (!node || node->kind != QN_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < node->n; i++)
        if (!strcmp(node->v[i].key->text, key))
            return node->v[i].value;
    return NULL;
}

bool
qn_yaml_is_null(const struct qn_yaml_node *node)
{
    return node->kind == QN_YAML_SCALAR && node->plain &&
           (!*node->text || !strcmp(node->text, "~") ||
            !strcmp(node->text, "null"));
}
