/* A YAML document as a tree of nodes that know their place.
 *
 * Values are texts: what they mean (number, yes or no) is decided by whoever
 * asks.  Only libyaml's parser is used.  Anchors, aliases and merge keys are
 * copied in; keys must be words; a key given twice, a second document and
 * tags are problems.  Limits: 1 MiB, 64 deep, 2^18 nodes, 1,000 keys in a
 * mapping.
 *
 * What YAML cannot read but a person plainly meant as text (`*.fits`,
 * `{stem}-{FILTER}`, `@list`) is a problem that shows the line with quotes;
 * reading then goes on as if they were there, so that all problems of a file
 * are found in one go.  All local.
 */
#ifndef QN_MODEL_YAML_H
#define QN_MODEL_YAML_H

#include "model/problem.h"
#include "quern/error.h"

#define QN_YAML_MAX_BYTES (1 << 20)
#define QN_YAML_MAX_NODES (1 << 18)
#define QN_YAML_MAX_DEPTH 64
#define QN_YAML_MAX_KEYS 1000

enum qn_yaml_kind { QN_YAML_SCALAR, QN_YAML_LIST, QN_YAML_MAP };

/* One (key, value) of a mapping. */
struct qn_yaml_pair {
    struct qn_yaml_node *key;   /* owned: a scalar; NULL in a list */
    struct qn_yaml_node *value; /* owned                           */
};

struct qn_yaml_node {
    enum qn_yaml_kind kind;
    struct qn_mark mark; /* where it begins                             */
    int width;           /* characters on that line, at least 1         */
    bool plain;          /* scalar without quotes                       */
    bool block;          /* scalar of several lines (| or >)            */
    bool flow;           /* list or mapping in brackets                 */
    bool filled;         /* scalar: no longer the text of the file      */
    char *text;          /* scalar: owned, never NULL; no NUL inside    */
    struct qn_yaml_pair *v; /* list, mapping: owned, in file order      */
    size_t n, cap;
};

/* Load the one document that p->source is; problems go to p.  *root is NULL
 * if there is no usable tree.  Returns 0 or QN_ENOMEM. */
int
qn_yaml_load(
    struct qn_yaml_node **root, struct qn_problems *p, struct qn_error *err);

/* Apply "path.to.key=value", word k (from 1) of p->sets, to the tree.  Lists
 * are indexed from 0, missing mappings are made, the value is read as YAML or,
 * where it is none, as text.  What does not fit is a problem.  Returns 0 or
 * QN_ENOMEM. */
int
qn_yaml_set(
    struct qn_yaml_node **root, const char *word, int k,
    struct qn_problems *p, struct qn_error *err);

/* An empty node of that kind, NULL without memory. */
struct qn_yaml_node *
qn_yaml_make(enum qn_yaml_kind kind, struct qn_mark mark);

/* Append to a list (key NULL) or a mapping.  Takes both, also on failure. */
bool
qn_yaml_append(
    struct qn_yaml_node *node, struct qn_yaml_node *key,
    struct qn_yaml_node *value);

/* The value of a key in a mapping, or NULL (also if node is no mapping). */
struct qn_yaml_node *
qn_yaml_find(const struct qn_yaml_node *node, const char *key);

/* Nothing was written: "", ~ or null without quotes. */
bool
qn_yaml_is_null(const struct qn_yaml_node *node);

/* Free a tree; NULL is fine. */
void
qn_yaml_clear(struct qn_yaml_node *node);

#endif
