/* Operands of a step: the second number, image or file that it works with.
 *
 * The keys are collected first, and then the one that says what kind of
 * operand it is decides which of the others may stand beside it. */
#include "model/job_operand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/job_value.h"

enum part {
    STAGE,
    PATH,
    HEADER,
    DATASET,
    PRODUCT,
    HDU,
    REDUCE,
    SCALE,
    MATCH,
    NPARTS
};

const char *const qn_job_operand_keys[] = {
    "stage", "file",   "header", "dataset", "product",
    "hdu",   "reduce", "scale",  "match",   NULL};

/* What may stand beside the part that names the operand, as a set of bits. */
#define BIT(part) (1u << (part))
static const unsigned beside[] = {
    [STAGE] = BIT(PRODUCT) | BIT(SCALE) | BIT(MATCH),
    [PATH] = BIT(DATASET) | BIT(HDU) | BIT(REDUCE) | BIT(SCALE),
    [HEADER] = BIT(SCALE),
    [DATASET] = BIT(REDUCE) | BIT(SCALE),
};

static const enum qn_operand_kind kinds[] = {
    [STAGE] = QN_OPERAND_STAGE,
    [PATH] = QN_OPERAND_FILE,
    [HEADER] = QN_OPERAND_HEADER,
    [DATASET] = QN_OPERAND_DATASET,
};

struct parts {
    const struct qn_yaml_node *key[NPARTS];
    const struct qn_yaml_node *value[NPARTS];
};

static int
part_of(const char *word)
{
    for (int i = 0; i < NPARTS; i++)
        if (!strcmp(qn_job_operand_keys[i], word))
            return i;
    return -1;
}

bool
qn_job_operand_is_key(const char *word)
{
    return part_of(word) >= 0;
}

/* ---- match and scale ---------------------------------------------------- */

static void
read_nearest(struct qn_job_reader *r, const struct qn_yaml_node *node,
             struct qn_match *m)
{
    for (size_t i = 0; i < node->n; i++) {
        const char *key = node->v[i].key->text;
        static const char *const words[] = {"nearest", "within", NULL};

        if (!strcmp(key, "nearest"))
            qn_job_read_text(r, node->v[i].value, key, &m->field);
        else if (!strcmp(key, "within"))
            qn_job_value_number(r, node->v[i].value, key, &m->within);
        else
            qn_job_read_unknown(r, node->v[i].key, "key of match", key, words);
    }
    if (m->within < 0)
        QN_JOB_TELL(r, node, "'within' is a distance; it cannot be negative");
    m->nearest = true;
    if (!m->field)
        QN_JOB_TELL(r, node, "'match' wants {nearest: FIELD}");
}

static void
read_match_entry(struct qn_job_reader *r, const struct qn_yaml_node *node,
                 struct qn_operand *op)
{
    struct qn_match m = {.within = NAN};
    struct qn_match *v = realloc(op->match, (op->nmatch + 1) * sizeof(*v));

    r->failed |= !v;
    if (!v)
        return;
    op->match = v;
    if (node->kind == QN_YAML_MAP)
        read_nearest(r, node, &m);
    else
        qn_job_read_text(r, node, "match", &m.field);
    if (m.field)
        op->match[op->nmatch++] = m;
}

static void
read_match(struct qn_job_reader *r, const struct qn_yaml_node *node,
           struct qn_operand *op)
{
    if (node->kind != QN_YAML_LIST) {
        read_match_entry(r, node, op);
        return;
    }
    if (node->n == 0)
        QN_JOB_TELL(r, node,
                    "'match' is an empty list; name the fields that "
                    "must be equal, or leave it out");
    for (size_t i = 0; i < node->n; i++)
        read_match_entry(r, node->v[i].value, op);
}

static void
read_scale(struct qn_job_reader *r, const struct qn_yaml_node *node,
           struct qn_operand *op)
{
    const struct qn_yaml_node *header = qn_yaml_find(node, "header");

    if (header && node->n == 1)
        qn_job_read_text(r, header, "header", &op->scale_header);
    else if (node->kind != QN_YAML_SCALAR)
        qn_job_read_wants(r, node, "scale", "a number or {header: NAME}");
    else
        qn_job_value_number(r, node, "scale", &op->scale);
}

/* ---- the parts ---------------------------------------------------------- */

static void
read_reduce(struct qn_job_reader *r, const struct qn_yaml_node *node,
            struct qn_operand *op)
{
    int which = 0;

    if (qn_job_value_choice(r, node, "reduce", "mean|median|sum|min|max|std",
                            &which))
        qn_job_read_text(r, node, "reduce", &op->reduce);
}

static void
read_named(struct qn_job_reader *r, const struct qn_yaml_node *node, int base,
           struct qn_operand *op)
{
    const char *key = qn_job_operand_keys[base];

    if (base == STAGE) {
        if (!qn_job_value_stage(r, node, &op->text, &op->stage_index))
            op->stage_index = -1;
    } else if (base == PATH) {
        qn_job_read_pattern(r, node, key, &op->text);
    } else {
        qn_job_read_text(r, node, key, &op->text);
    }
}

static void
read_beside(struct qn_job_reader *r, const struct parts *p, int base,
            struct qn_operand *op)
{
    const struct qn_yaml_node *const *v = p->value;

    if (v[PRODUCT])
        qn_job_read_text(r, v[PRODUCT], "product", &op->product);
    if (v[DATASET] && base != DATASET)
        qn_job_read_text(r, v[DATASET], "dataset", &op->dataset);
    if (v[HDU])
        qn_job_read_text(r, v[HDU], "hdu", &op->hdu);
    if (v[REDUCE])
        read_reduce(r, v[REDUCE], op);
    if (v[SCALE])
        read_scale(r, v[SCALE], op);
    if (v[MATCH])
        read_match(r, v[MATCH], op);
}

/* Which part says what the operand is; -1 after telling. */
static int
find_base(struct qn_job_reader *r, const struct qn_yaml_node *node,
          const char *key, const struct parts *p)
{
    for (int i = STAGE; i <= DATASET; i++)
        if (p->value[i])
            return i;
    QN_JOB_TELL(r, node,
                "'%.40s' has no operand; add stage, file, header or "
                "dataset",
                key);
    return -1;
}

static void
check_beside(struct qn_job_reader *r, const struct parts *p, int base)
{
    for (int i = 0; i < NPARTS; i++) {
        if (i == base || !p->value[i] || (beside[base] & BIT(i)))
            continue;
        QN_JOB_TELL(r, p->key[i], "'%s' does not go with '%s'%s",
                    qn_job_operand_keys[i], qn_job_operand_keys[base],
                    i <= DATASET ? "; an operand is one of them"
                                 : "; leave it out");
    }
}

static bool
read_parts(struct qn_job_reader *r, const struct qn_yaml_node *node,
           const char *key, struct qn_operand *op)
{
    struct parts p = {0};
    int base;

    for (size_t i = 0; i < node->n; i++) {
        int part = part_of(node->v[i].key->text);

        if (part >= 0) {
            p.key[part] = node->v[i].key;
            p.value[part] = node->v[i].value;
        }
    }
    base = find_base(r, node, key, &p);
    if (base < 0)
        return false;
    op->kind = kinds[base];
    check_beside(r, &p, base);
    read_named(r, p.value[base], base, op);
    read_beside(r, &p, base, op);
    return true;
}

/* ---- the whole ---------------------------------------------------------- */

/* A word where an operand is wanted: perhaps a stage, perhaps a file. */
static void
tell_word(struct qn_job_reader *r, const struct qn_yaml_node *node,
          const char *key)
{
    const char *stage = qn_text_nearest(node->text, r->names);

    if (qn_yaml_is_null(node))
        QN_JOB_TELL(r, node,
                    "'%.40s' needs an operand: a number, {header: "
                    "NAME}, {stage: NAME} or {file: PATH}",
                    key);
    else if (stage)
        QN_JOB_TELL(r, node,
                    "'%.40s' wants a number or a mapping; did you "
                    "mean {stage: %s}?",
                    key, stage);
    else if (strpbrk(node->text, "/*."))
        QN_JOB_TELL(r, node,
                    "'%.40s' wants a number or a mapping; did you "
                    "mean {file: \"%.80s\"}?",
                    key, node->text);
    else
        QN_JOB_TELL(r, node,
                    "'%.40s' wants a number, {header: NAME}, {stage: "
                    "NAME} or {file: PATH}, not '%.40s'",
                    key, node->text);
}

bool
qn_job_operand_read(struct qn_job_reader *r, const struct qn_yaml_node *node,
                    const char *key, struct qn_operand *op)
{
    double number = 0;

    op->mark = node->mark;
    op->scale = 1;
    op->stage_index = -1;
    if (node->kind == QN_YAML_MAP)
        return read_parts(r, node, key, op);
    if (node->kind == QN_YAML_LIST) {
        qn_job_read_wants(r, node, key,
                          "one operand: a number, {header: "
                          "NAME}, {stage: NAME} or {file: "
                          "PATH}");
        return false;
    }
    if (qn_yaml_is_null(node) || !qn_fields_number(&number, node->text) ||
        !isfinite(number)) {
        tell_word(r, node, key);
        return false;
    }
    op->kind = QN_OPERAND_NUMBER;
    op->number = number;
    return true;
}

/* ---- canonical form ----------------------------------------------------- */

static void
put(json_t *json, const char *key, const char *text)
{
    if (text)
        json_object_set_new(json, key, json_string(text));
}

static json_t *
match_json(const struct qn_operand *op)
{
    json_t *list = json_array();

    for (size_t i = 0; i < op->nmatch; i++) {
        const struct qn_match *m = &op->match[i];
        json_t *entry = json_string(m->field);

        if (m->nearest) {
            json_t *map = json_object();

            json_object_set_new(map, "nearest", entry);
            if (!isnan(m->within))
                json_object_set_new(map, "within", json_real(m->within));
            entry = map;
        }
        json_array_append_new(list, entry);
    }
    return list;
}

json_t *
qn_job_operand_json(const struct qn_operand *op)
{
    static const char *const keys[] = {
        [QN_OPERAND_NUMBER] = NULL,       [QN_OPERAND_HEADER] = "header",
        [QN_OPERAND_STAGE] = "stage",     [QN_OPERAND_FILE] = "file",
        [QN_OPERAND_DATASET] = "dataset",
    };
    json_t *json = json_object();

    put(json, "name", op->name);
    if (op->kind == QN_OPERAND_NUMBER)
        json_object_set_new(json, "number", json_real(op->number));
    else
        put(json, keys[op->kind], op->text);
    put(json, "product", op->product);
    if (op->kind != QN_OPERAND_DATASET)
        put(json, "dataset", op->dataset);
    put(json, "hdu", op->hdu);
    put(json, "reduce", op->reduce);
    if (op->scale_header)
        json_object_set_new(json, "scale",
                            json_pack("{s:s}", "header", op->scale_header));
    else if (op->scale != 1)
        json_object_set_new(json, "scale", json_real(op->scale));
    if (op->nmatch)
        json_object_set_new(json, "match", match_json(op));
    return json;
}

void
qn_job_operand_clear(struct qn_operand *op)
{
    for (size_t i = 0; i < op->nmatch; i++)
        free(op->match[i].field);
    free(op->match);
    free(op->name);
    free(op->text);
    free(op->product);
    free(op->dataset);
    free(op->hdu);
    free(op->reduce);
    free(op->scale_header);
    *op = (struct qn_operand){0};
}
