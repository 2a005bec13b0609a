/* --set: one value of a YAML tree replaced before anything is checked.
 *
 * A word of the path is a key or, in a list, a number from 0.  Keys may hold
 * points themselves (stage names do), so the longest key that fits is taken. */
#include "model/yaml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct change {
    const char *path;
    size_t len;          // of the path
    struct qn_mark mark; // the word of --set
    struct qn_problems *problems;
    bool failed; // memory ran out
};

#define TELL(c, ...) qn_problem_add((c)->problems, (c)->mark, 1, __VA_ARGS__)

static struct qn_yaml_node *
make_scalar(struct change *c, const char *text, size_t n)
{
    struct qn_yaml_node *node = qn_yaml_make(QN_YAML_SCALAR, c->mark);
    char *copy = node ? strndup(text, n) : NULL;

    if (!copy) {
        qn_yaml_clear(node);
        c->failed = true;
        return NULL;
    }
    free(node->text);
    node->text = copy;
    return node;
}

/* The path's words so far, for messages. */
static int
walked(const struct change *c, const char *rest)
{
    size_t n = (size_t)(rest - c->path);

    while (n > 0 && c->path[n - 1] == '.')
        n--;
    return n > 80 ? 80 : (int)n;
}

static size_t
word_length(const struct change *c, const char *rest)
{
    const char *end = c->path + c->len;
    const char *point = memchr(rest, '.', (size_t)(end - rest));

    return (size_t)((point ? point : end) - rest);
}

static struct qn_yaml_node **
list_entry(struct change *c, struct qn_yaml_node *list, const char **rest)
{
    size_t n = word_length(c, *rest), index = 0, digits = 0;

    while (digits < n && digits < 9 && isdigit((unsigned char)(*rest)[digits]))
        index = index * 10 + (size_t)((*rest)[digits++] - '0');
    if (digits == 0 || digits < n || index >= list->n) {
        if (list->n)
            TELL(c, "%.*s is a list; its entries are counted from 0 to %zu",
                 walked(c, *rest), c->path, list->n - 1);
        else
            TELL(c, "%.*s is an empty list; set it as a whole",
                 walked(c, *rest), c->path);
        return NULL;
    }
    *rest += n;
    return &list->v[index].value;
}

static struct qn_yaml_node **
map_entry(struct change *c, struct qn_yaml_node *map, const char **rest)
{
    const char *end = c->path + c->len;
    size_t left = (size_t)(end - *rest), best = 0, at = 0;

    for (size_t i = 0; i < map->n; i++) {
        const char *key = map->v[i].key->text;
        size_t n = strlen(key);

        if (n > best && n <= left && !memcmp(key, *rest, n) &&
            (n == left || (*rest)[n] == '.')) {
            best = n;
            at = i;
        }
    }
    if (!best) {
        best = word_length(c, *rest);
        at = map->n;
        if (!best) {
            TELL(c, "a word is missing in the path; write path.to.key=value");
            return NULL;
        }
        struct qn_yaml_node *key = make_scalar(c, *rest, best);
        struct qn_yaml_node *value = qn_yaml_make(QN_YAML_SCALAR, c->mark);

        if (value)
            value->plain = true;
        if (!qn_yaml_append(map, key, value)) {
            c->failed = true;
            return NULL;
        }
    }
    *rest += best;
    return &map->v[at].value;
}

/* The place in the tree that the path names, made where it is missing. */
static struct qn_yaml_node **
find_place(struct change *c, struct qn_yaml_node **slot)
{
    const char *rest = c->path;
    const char *end = c->path + c->len;

    for (int depth = 0; slot && rest < end; depth++) {
        struct qn_yaml_node *node = *slot;

        if (depth == QN_YAML_MAX_DEPTH) {
            TELL(c, "the path is more than %d words long", depth);
            return NULL;
        }
        if (qn_yaml_is_null(node)) {
            struct qn_yaml_node *map = qn_yaml_make(QN_YAML_MAP, c->mark);

            c->failed |= !map;
            if (!map)
                return NULL;
            qn_yaml_clear(node);
            *slot = node = map;
        }
        if (node->kind == QN_YAML_SCALAR) {
            TELL(c, "%.*s is the single value '%.40s'; nothing lies below it",
                 walked(c, rest), c->path, node->text);
            return NULL;
        }
        slot = node->kind == QN_YAML_LIST ? list_entry(c, node, &rest)
                                          : map_entry(c, node, &rest);
        if (slot && rest < end && ++rest == end) {
            TELL(c, "the path ends in a point; write path.to.key=value");
            return NULL;
        }
    }
    return slot;
}

static void
mark_all(struct qn_yaml_node *node, struct qn_mark mark)
{
    node->mark = mark;
    node->width = 1;
    node->filled = true; // no column of it can be shown
    for (size_t i = 0; i < node->n; i++) {
        if (node->v[i].key)
            mark_all(node->v[i].key, mark);
        mark_all(node->v[i].value, mark);
    }
}

/* What is written behind the "=": YAML, else the text itself, since a shell
 * has taken the quotes away. */
static struct qn_yaml_node *
read_value(struct change *c, const char *text)
{
    struct qn_problems own = {
        .file = "--set", .source = text, .len = strlen(text)};
    struct qn_yaml_node *node = NULL;

    if (strspn(text, " ") == own.len) {
        node = make_scalar(c, "", 0);
        if (node)
            node->plain = true;
        return node;
    }
    c->failed |= qn_yaml_load(&node, &own, NULL) != 0;
    if (!c->failed && qn_problem_count(&own)) {
        qn_yaml_clear(node);
        node = make_scalar(c, text, own.len);
    } else if (!node) {
        node = make_scalar(c, text, own.len);
    }
    qn_problem_clear(&own);
    if (node)
        mark_all(node, c->mark);
    return node;
}

int
qn_yaml_set(struct qn_yaml_node **root, const char *word, int k,
            struct qn_problems *p, struct qn_error *err)
{
    const char *equals = strchr(word, '=');
    struct change c = {.path = word, .mark = {0, k}, .problems = p};
    struct qn_yaml_node **slot;
    struct qn_yaml_node *value = NULL;

    if (!equals || equals == word) {
        TELL(&c, "write path.to.key=value");
        return 0;
    }
    if (strpbrk(word, "\r\n")) {
        TELL(&c, "this must be one line");
        return 0;
    }
    c.len = (size_t)(equals - word);
    slot = find_place(&c, root);
    if (slot && (value = read_value(&c, equals + 1))) {
        qn_yaml_clear(*slot);
        *slot = value;
    }
    if (c.failed)
        return qn_fail(err, QN_ENOMEM, "no memory for --set");
    return 0;
}
