/* Loading a YAML document: libyaml's events become nodes, by recursion of
 * limited depth.
 *
 * Where the parser stops at text that only lacks quotes, they are put into a
 * copy of the text (yaml_mend.c) and reading begins again.  The explanations
 * are in yaml_hint.c, the tree's own functions in yaml.c. */
#include "model/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"
#include "model/yaml_hint.h"
#include "model/yaml_mend.h"

struct anchor {
    char *name;                      // owned
    const struct qn_yaml_node *node; // borrowed from the tree
};

struct loader {
    yaml_parser_t parser;
    struct qn_problems *problems;
    struct anchor *anchors; // owned
    size_t nanchors, cap;
    struct qn_yaml_node dropped; // a list: not in the tree, perhaps anchored
    size_t nodes;
    struct qn_yaml_mends mends;
    bool full;   // a limit was reached, and said so
    bool failed; // memory ran out
};

/* ---- places ------------------------------------------------------------- */

static struct qn_mark
mark_of(const struct loader *l, const yaml_mark_t *m)
{
    struct qn_mark at = {(int)m->line + 1, (int)m->column + 1};

    return qn_yaml_mend_place(&l->mends, at);
}

static void
place(const struct loader *l, struct qn_yaml_node *node,
      const yaml_event_t *event)
{
    struct qn_mark end = mark_of(l, &event->end_mark);

    node->mark = mark_of(l, &event->start_mark);
    node->width = 1;
    if (end.line == node->mark.line && end.column > node->mark.column)
        node->width = end.column - node->mark.column;
}

/* ---- nodes -------------------------------------------------------------- */

/* One more node; false where there are too many. */
static bool
count_node(struct loader *l, struct qn_mark at)
{
    if (++l->nodes <= QN_YAML_MAX_NODES)
        return true;
    if (!l->full)
        qn_problem_add(l->problems, at, 1,
                       "more than %d values, those of aliases counted each "
                       "time; put long lists into a file and write "
                       "\"@list.txt\"",
                       QN_YAML_MAX_NODES);
    l->full = true;
    return false;
}

static bool
too_deep(struct loader *l, struct qn_mark at, int depth)
{
    if (depth <= QN_YAML_MAX_DEPTH)
        return false;
    if (!l->full)
        qn_problem_add(l->problems, at, 1,
                       "values are nested more than %d deep; no key of a job "
                       "needs that",
                       QN_YAML_MAX_DEPTH);
    l->full = true;
    return true;
}

static struct qn_yaml_node *
copy_node(struct loader *l, const struct qn_yaml_node *from, int depth)
{
    struct qn_yaml_node *to;

    if (!count_node(l, from->mark) || too_deep(l, from->mark, depth))
        return NULL;
    to = malloc(sizeof(*to));
    if (!to || qn_memory_copy(&to->text, from->text, NULL)) {
        l->failed = true;
        free(to);
        return NULL;
    }
    char *text = to->text;
    *to = *from;
    to->text = text;
    to->v = NULL;
    to->n = to->cap = 0;
    for (size_t i = 0; i < from->n && !l->full && !l->failed; i++) {
        const struct qn_yaml_pair *pair = &from->v[i];
        struct qn_yaml_node *key =
            pair->key ? copy_node(l, pair->key, depth + 1) : NULL;
        struct qn_yaml_node *value = copy_node(l, pair->value, depth + 1);

        if (!qn_yaml_append(to, key, value) && !l->full)
            l->failed = true;
    }
    return to;
}

/* ---- anchors ------------------------------------------------------------ */

static void
remember(struct loader *l, const yaml_char_t *name,
         const struct qn_yaml_node *node)
{
    void *v = l->anchors;
    char *copy = NULL;

    if (!name || !node)
        return;
    if (l->nanchors == QN_YAML_MAX_KEYS) {
        qn_problem_add(l->problems, node->mark, node->width,
                       "more than %d anchors (&name); no job needs that",
                       QN_YAML_MAX_KEYS);
        l->full = true;
        return;
    }
    if (qn_memory_grow(&v, &l->cap, l->nanchors + 1, sizeof(*l->anchors),
                       NULL) ||
        qn_memory_copy(&copy, (const char *)name, NULL))
        l->failed = true;
    l->anchors = v;
    if (copy)
        l->anchors[l->nanchors++] = (struct anchor){copy, node};
}

static struct qn_yaml_node *
read_alias(struct loader *l, const yaml_event_t *event, int depth)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct qn_mark at = mark_of(l, &event->start_mark);
    struct qn_yaml_node *node;

    for (size_t i = l->nanchors; i-- > 0;)
        if (!strcmp(l->anchors[i].name, name))
            return copy_node(l, l->anchors[i].node, depth);
    struct qn_yaml_span span = qn_yaml_hint_value(l->problems, at);
    struct qn_text t = {0};

    qn_text_add(&t,
                "an unquoted '*' means a text named before with &%.40s, "
                "and there is none",
                name);
    qn_yaml_hint_show(&t, l->problems, &span);
    qn_problem_add(l->problems, at, (int)strlen(name) + 1, "%s",
                   qn_text_get(&t));
    qn_text_clear(&t);
    // goes on as the text that was probably meant
    node = qn_yaml_make(QN_YAML_SCALAR, at);
    if (node) {
        free(node->text);
        if (asprintf(&node->text, "*%s", name) < 0)
            node->text = NULL;
    }
    l->failed |= !node || !node->text;
    return node;
}

/* ---- events to nodes ---------------------------------------------------- */

static struct qn_yaml_node *read_node(struct loader *l, yaml_event_t *event,
                                      int depth);

/* The next event and its node; NULL at the end of a collection or of all. */
static struct qn_yaml_node *
read_next(struct loader *l, int depth, bool *ok)
{
    yaml_event_t event;
    struct qn_yaml_node *node = NULL;

    *ok = yaml_parser_parse(&l->parser, &event) != 0;
    if (!*ok)
        return NULL;
    if (event.type != YAML_SEQUENCE_END_EVENT &&
        event.type != YAML_MAPPING_END_EVENT) {
        node = read_node(l, &event, depth);
        *ok = node != NULL;
    }
    yaml_event_delete(&event);
    return node;
}

static struct qn_yaml_node *
read_scalar(struct loader *l, const yaml_event_t *event)
{
    struct qn_yaml_node *node =
        qn_yaml_make(QN_YAML_SCALAR, (struct qn_mark){0});
    const char *value = (const char *)event->data.scalar.value;
    yaml_scalar_style_t style = event->data.scalar.style;

    if (!node) {
        l->failed = true;
        return NULL;
    }
    free(node->text);
    if (qn_memory_copy(&node->text, value, NULL)) {
        l->failed = true;
        free(node);
        return NULL;
    }
    node->plain = style == YAML_PLAIN_SCALAR_STYLE;
    node->block =
        style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
    place(l, node, event);
    if (strlen(value) != event->data.scalar.length)
        qn_problem_add(l->problems, node->mark, node->width,
                       "a text must not hold a zero byte; remove the \\0");
    if (event->data.scalar.tag)
        qn_problem_add(l->problems, node->mark, node->width,
                       "an unquoted '!' begins a tag in YAML, and tags mean "
                       "nothing here; put the text in quotes");
    return node;
}

static struct qn_yaml_node *
read_list(struct loader *l, const yaml_event_t *event, int depth)
{
    struct qn_yaml_node *list = qn_yaml_make(QN_YAML_LIST, (struct qn_mark){0});
    bool ok = true;

    if (!list) {
        l->failed = true;
        return NULL;
    }
    place(l, list, event);
    list->flow = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    while (ok) {
        struct qn_yaml_node *value = read_next(l, depth + 1, &ok);

        if (!value)
            break;
        l->failed = !qn_yaml_append(list, NULL, value);
        ok = !l->failed;
    }
    if (ok)
        return list;
    qn_yaml_clear(list);
    return NULL;
}

/* Keys that a merge key brings and that are not written beside it. */
static void
merge(struct loader *l, struct qn_yaml_node *map, struct qn_yaml_node *from)
{
    for (size_t i = 0; i < from->n; i++) {
        struct qn_yaml_pair *pair = &from->v[i];

        if (qn_yaml_find(map, pair->key->text))
            continue;
        l->failed |= !qn_yaml_append(map, pair->key, pair->value);
        pair->key = pair->value = NULL;
    }
}

/* Out of the tree, but an alias may still ask for it. */
static void
drop(struct loader *l, struct qn_yaml_node *node)
{
    if (node)
        l->failed |= !qn_yaml_append(&l->dropped, NULL, node);
}

/* A pair whose key is no word, twice there, or "<<" is not appended. */
static bool
add_pair(struct loader *l, struct qn_yaml_node *map, struct qn_yaml_node *key,
         struct qn_yaml_node *value, struct qn_yaml_node **merged)
{
    const struct qn_yaml_node *first = NULL;

    if (key->kind != QN_YAML_SCALAR) {
        qn_problem_add(l->problems, key->mark, key->width,
                       "a key must be a word; if this is a text with "
                       "brackets, put it in quotes");
    } else if (key->plain && !strcmp(key->text, "<<") && !*merged &&
               value->kind == QN_YAML_MAP) {
        *merged = value;
        value = NULL;
    } else {
        for (size_t i = 0; i < map->n && !first; i++)
            if (!strcmp(map->v[i].key->text, key->text))
                first = map->v[i].key;
        if (!first && map->n < QN_YAML_MAX_KEYS)
            return qn_yaml_append(map, key, value);
        if (first)
            qn_problem_add(l->problems, key->mark, key->width,
                           "'%.60s' is given twice, first in line %d; keep "
                           "one",
                           key->text, first->mark.line);
        else
            qn_problem_add(l->problems, map->mark, map->width,
                           "more than %d keys in one mapping; split the job",
                           QN_YAML_MAX_KEYS);
    }
    drop(l, key);
    drop(l, value);
    return !l->failed;
}

static struct qn_yaml_node *
read_map(struct loader *l, const yaml_event_t *event, int depth)
{
    struct qn_yaml_node *map = qn_yaml_make(QN_YAML_MAP, (struct qn_mark){0});
    struct qn_yaml_node *merged = NULL;
    bool ok = true;

    if (!map) {
        l->failed = true;
        return NULL;
    }
    place(l, map, event);
    map->flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    while (ok) {
        struct qn_yaml_node *key = read_next(l, depth + 1, &ok);
        struct qn_yaml_node *value = key ? read_next(l, depth + 1, &ok) : NULL;

        if (!key || !value) {
            qn_yaml_clear(key);
            break;
        }
        l->failed |= !add_pair(l, map, key, value, &merged);
        ok = !l->failed;
    }
    if (ok && merged)
        merge(l, map, merged);
    if (!map->flow && map->n)
        map->width = map->v[0].key->width;
    drop(l, merged);
    if (ok && !l->failed)
        return map;
    qn_yaml_clear(map);
    return NULL;
}

static struct qn_yaml_node *
read_node(struct loader *l, yaml_event_t *event, int depth)
{
    struct qn_mark at = mark_of(l, &event->start_mark);
    struct qn_yaml_node *node = NULL;
    const yaml_char_t *anchor = NULL;

    if (l->failed || too_deep(l, at, depth) || !count_node(l, at))
        return NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT: return read_alias(l, event, depth);
    case YAML_SCALAR_EVENT:
        node = read_scalar(l, event);
        anchor = event->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT:
        node = read_list(l, event, depth);
        anchor = event->data.sequence_start.anchor;
        break;
    case YAML_MAPPING_START_EVENT:
        node = read_map(l, event, depth);
        anchor = event->data.mapping_start.anchor;
        break;
    default: break;
    }
    remember(l, anchor, node);
    return node;
}

/* ---- the document ------------------------------------------------------- */

/* The next event's type; YAML_NO_EVENT where the text cannot be read. */
static yaml_event_type_t
skip_event(struct loader *l, struct qn_mark *at)
{
    yaml_event_t event;
    yaml_event_type_t type;

    if (!yaml_parser_parse(&l->parser, &event))
        return YAML_NO_EVENT;
    type = event.type;
    *at = mark_of(l, &event.start_mark);
    yaml_event_delete(&event);
    return type;
}

static struct qn_yaml_node *
read_document(struct loader *l)
{
    struct qn_mark at = {1, 1};
    struct qn_yaml_node *root = NULL;
    yaml_event_type_t type;
    bool ok;

    if (skip_event(l, &at) == YAML_NO_EVENT)
        return NULL;
    type = skip_event(l, &at);
    if (type == YAML_STREAM_END_EVENT)
        qn_problem_add(l->problems, (struct qn_mark){0}, 1,
                       "the file says nothing; `quern init night` writes one "
                       "to start from");
    if (type != YAML_DOCUMENT_START_EVENT)
        return NULL;
    root = read_next(l, 1, &ok);
    if (!root || skip_event(l, &at) == YAML_NO_EVENT)
        return root;
    type = skip_event(l, &at);
    if (type == YAML_DOCUMENT_START_EVENT)
        qn_problem_add(l->problems, at, 3,
                       "a second document begins here; a job is one: remove "
                       "the '---' or what follows");
    return root;
}

/* ---- faults ------------------------------------------------------------- */

static void
bad_byte(struct loader *l)
{
    const char *s = l->problems->source;
    size_t n = l->parser.problem_offset;
    struct qn_mark at = {1, 1};

    for (size_t i = 0; i < n && i < l->problems->len; i++) {
        at.column = s[i] == '\n' ? 1 : at.column + 1;
        at.line += s[i] == '\n';
    }
    qn_problem_add(l->problems, at, 1,
                   "this is no text (%s); save the file as UTF-8",
                   l->parser.problem ? l->parser.problem : "bad byte");
}

/* Say why the parser stopped; true if quotes were found to mend it. */
static bool
explain(struct loader *l)
{
    const yaml_parser_t *parser = &l->parser;
    struct qn_yaml_fault fault = {.problem = parser->problem,
                                  .context = parser->context,
                                  .at = mark_of(l, &parser->problem_mark),
                                  .from = mark_of(l, &parser->context_mark)};
    struct qn_yaml_span span;

    if (parser->error == YAML_NO_ERROR)
        return false; // a limit of ours, or no memory
    if (parser->error == YAML_MEMORY_ERROR) {
        l->failed = true;
        return false;
    }
    if (parser->error == YAML_READER_ERROR) {
        bad_byte(l);
        return false;
    }
    qn_yaml_hint_add(l->problems, &fault, &span);
    return qn_yaml_mend_add(&l->mends, l->problems, &span);
}

static void
forget_anchors(struct loader *l)
{
    for (size_t i = 0; i < l->dropped.n; i++)
        qn_yaml_clear(l->dropped.v[i].value);
    free(l->dropped.v);
    l->dropped = (struct qn_yaml_node){.kind = QN_YAML_LIST};
    for (size_t i = 0; i < l->nanchors; i++)
        free(l->anchors[i].name);
    free(l->anchors);
    l->anchors = NULL;
    l->nanchors = l->cap = 0;
}

/* Read the mended text once; *again if more of it could be mended. */
static struct qn_yaml_node *
read_text(struct loader *l, bool *again)
{
    struct qn_text text = {0};
    struct qn_yaml_node *root = NULL;

    *again = false;
    l->nodes = 0;
    qn_yaml_mend_text(&l->mends, l->problems, &text);
    if (text.failed || !yaml_parser_initialize(&l->parser)) {
        l->failed = true;
        qn_text_clear(&text);
        return NULL;
    }
    yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &l->parser, (const unsigned char *)qn_text_get(&text), text.len);
    root = read_document(l);
    if (l->parser.error != YAML_NO_ERROR) {
        *again = explain(l);
        qn_yaml_clear(root);
        root = NULL;
    }
    yaml_parser_delete(&l->parser);
    forget_anchors(l);
    qn_text_clear(&text);
    return root;
}

int
qn_yaml_load(struct qn_yaml_node **root, struct qn_problems *p,
             struct qn_error *err)
{
    struct loader l = {.problems = p, .dropped.kind = QN_YAML_LIST};
    bool again = true;

    *root = NULL;
    if (p->len > QN_YAML_MAX_BYTES) {
        qn_problem_add(p, (struct qn_mark){0}, 1,
                       "the file is larger than 1 MiB; put long lists into a "
                       "file and write \"@list.txt\"");
        return 0;
    }
    while (again && !l.failed)
        *root = read_text(&l, &again);
    if (l.failed || p->failed) {
        qn_yaml_clear(*root);
        *root = NULL;
        return qn_fail(err, QN_ENOMEM, "no memory to read the job file");
    }
    return 0;
}
