/* Steps of a stage: a bare word, or a kernel with options and operands.
 *
 * Options are read by job_option.c, operands by job_operand.c; this file
 * knows which word of a mapping is which. */
#include "base/text.h"
#include "model/job_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/job_command.h"
#include "model/job_expr.h"
#include "model/job_later.h"
#include "model/job_operand.h"
#include "model/job_option.h"

#define MAX_WORDS 128

/* ---- which kernel ------------------------------------------------------- */

static const struct qn_kernel *
find_kernel(const struct qn_job_reader *r, const char *name)
{
    for (size_t i = 0; r->catalog[i]; i++)
        if (!strcmp(r->catalog[i]->name, name))
            return r->catalog[i];
    return NULL;
}

static void
unknown_kernel(struct qn_job_reader *r, const struct qn_yaml_node *node,
               const char *name)
{
    const char *words[MAX_WORDS];
    size_t n = strcspn(name, " :{[");

    for (size_t i = 0; name[n] && r->catalog[i]; i++)
        if (!strncmp(r->catalog[i]->name, name, n) && !r->catalog[i]->name[n]) {
            QN_JOB_TELL(r, node,
                        "a ':' and a blank are missing behind '%s'; "
                        "write %s: {...}",
                        r->catalog[i]->name, r->catalog[i]->name);
            return;
        }
    n = 0;
    for (size_t i = 0; r->catalog[i] && n + 1 < MAX_WORDS; i++)
        if (r->catalog[i]->kind != QN_KIND_COMBINE)
            words[n++] = r->catalog[i]->name;
    words[n] = NULL;
    // those of other versions are near words, but are not offered in a list
    if (!qn_text_nearest(name, words)) {
        size_t known = n;

        for (size_t i = 0; n + 1 < MAX_WORDS; i++)
            if (!(words[n++] = qn_job_later_kernel(i)))
                break;
        if (!qn_text_nearest(name, words))
            words[known] = NULL;
    }
    qn_job_read_unknown(r, node, "kernel", name, words);
}

static const struct qn_kernel *
kernel_of(struct qn_job_reader *r, const struct qn_yaml_node *node)
{
    static const char *const keys[] = {"input", "output", "products", NULL};
    const struct qn_kernel *k = find_kernel(r, node->text);

    if (k && k->kind != QN_KIND_COMBINE)
        return k;
    if (k) {
        QN_JOB_TELL(r, node,
                    "'%s' is no step but a key of the stage; write "
                    "it beside 'steps:'",
                    k->name);
        return NULL;
    }
    for (int i = 0; keys[i]; i++)
        if (!strcmp(keys[i], node->text)) {
            QN_JOB_TELL(r, node,
                        "'%s' is no step but a key of the stage; "
                        "write it beside 'steps:'",
                        keys[i]);
            return NULL;
        }
    if (!qn_job_later_key(r, node, "kernel", node->text))
        unknown_kernel(r, node, node->text);
    return NULL;
}

/* ---- operands ----------------------------------------------------------- */

static void
add_operand(struct qn_job_reader *r, const struct qn_yaml_node *node,
            const char *key, const char *name, struct qn_step *step)
{
    struct qn_operand op = {0};
    struct qn_operand *v;

    if (step->noperands == QN_MAX_OPERANDS) {
        QN_JOB_TELL(r, node, "'%s' takes at most %d operands",
                    step->kernel->name, QN_MAX_OPERANDS);
        return;
    }
    v = realloc(step->operand, (size_t)(step->noperands + 1) * sizeof(*v));
    r->failed |= !v;
    if (!v)
        return;
    step->operand = v;
    qn_job_operand_read(r, node, key, &op);
    if (name)
        op.name = qn_job_read_copy(r, name);
    step->operand[step->noperands++] = op;
}

static void
add_named(struct qn_job_reader *r, const struct qn_yaml_pair *pair,
          struct qn_step *step)
{
    const char *name = pair->key->text;

    if (!qn_text_is_name(name))
        QN_JOB_TELL(r, pair->key,
                    "an operand is named with letters, digits "
                    "and _ only, not '%.40s'",
                    name);
    else if (!strcmp(name, "x"))
        QN_JOB_TELL(r, pair->key,
                    "x is the item itself; give the operand "
                    "another name");
    else
        add_operand(r, pair->value, name, name, step);
}

static int
by_name(const void *a, const void *b)
{
    const struct qn_operand *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* ---- names of an expression --------------------------------------------- */

/* node: the expression's; name: one of its names. */
static void
check_name(struct qn_job_reader *r, const struct qn_yaml_node *node,
           const struct qn_expr_node *name, const struct qn_step *step,
           bool used[QN_MAX_OPERANDS])
{
    const char *words[QN_MAX_OPERANDS + 2] = {"x"};
    bool known = !strcmp(name->text, "x");

    for (int i = 0; i < step->noperands; i++) {
        words[i + 1] = step->operand[i].name;
        if (!strcmp(words[i + 1], name->text))
            known = used[i] = true;
    }
    if (known)
        return;
    const char *near = qn_text_nearest(name->text, words);

    qn_problem_add(r->problems, qn_job_expr_place(r, node, name->column),
                   (int)strlen(name->text),
                   "'%.40s' is neither x, the item, nor an operand of this "
                   "step; %s%.40s%s",
                   name->text, near ? "did you mean '" : "add it, as in ",
                   near ? near : name->text, near ? "'?" : ": {stage: NAME}");
}

/* Every name of the expression is x or an operand, and the other way round. */
static void
check_names(struct qn_job_reader *r, const struct qn_yaml_node *body,
            struct qn_step *step)
{
    const struct qn_yaml_node *node =
        body->kind == QN_YAML_MAP ? qn_yaml_find(body, "expr") : body;
    bool used[QN_MAX_OPERANDS] = {false};
    struct qn_expr expr = {0};

    if (!node)
        return;
    if (qn_job_expr_read(r, node, "expr", QN_EXPR_SAMPLES, NULL, &expr)) {
        for (int i = 0; i < expr.nnodes; i++)
            if (expr.node[i].op == QN_OP_NAME)
                check_name(r, node, &expr.node[i], step, used);
        for (int i = 0; i < step->noperands; i++)
            if (!used[i])
                QN_JOB_TELL(r, node,
                            "the operand '%.40s' is not used in the "
                            "expression; use it or remove it",
                            step->operand[i].name);
    }
    qn_expr_clear(&expr);
}

/* ---- what a person may write behind the kernel's name ------------------- */

static bool
takes_operand(const struct qn_kernel *k)
{
    return k->operands == QN_OPERANDS_ONE ||
           k->operands == QN_OPERANDS_OPTIONAL;
}

static bool
is_choice(const struct qn_option *o, const char *word)
{
    const size_t n = strlen(word);

    if (o->type != QN_OPTION_CHOICE || n == 0)
        return false;
    for (const char *s = o->choices; s; s = strchr(s, '|') ? strchr(s, '|') + 1
                                                           : NULL)
        if (!strncmp(s, word, n) && (s[n] == '|' || s[n] == '\0'))
            return true;
    return false;
}

/* The option that a bare value stands for: where the short form wants a
 * number, a word that is a choice of another option stands for that one
 * ("fill: median").  NULL: none. */
static const struct qn_option *
short_option(const struct qn_kernel *k, const struct qn_yaml_node *node)
{
    const struct qn_option *o =
        k->shorthand ? qn_job_option_find(k, k->shorthand) : NULL;

    if (!o || o->type != QN_OPTION_NUMBER || node->kind != QN_YAML_SCALAR)
        return o;
    for (const struct qn_option *other = k->options; other->name; other++)
        if (is_choice(other, node->text))
            return other;
    return o;
}

static void
read_shorthand(struct qn_job_reader *r, const struct qn_yaml_node *node,
               const struct qn_kernel *k, struct qn_step *step)
{
    const struct qn_option *o = short_option(k, node);

    if (o)
        qn_job_option_read(r, o, node, step->params);
    else if (k->options)
        QN_JOB_TELL(r, node, "'%s' wants its options by name: {%s: ...}",
                    k->name, k->options->name);
    else
        QN_JOB_TELL(r, node, "'%s' has no options; write the word alone",
                    k->name);
}

static void
unknown_option(struct qn_job_reader *r, const struct qn_yaml_node *key,
               const struct qn_kernel *k)
{
    const char *const own[] = {k->operand_key, NULL};
    const char *words[MAX_WORDS];
    char kind[80];

    if (!takes_operand(k) && !k->operand_key && qn_job_operand_is_key(key->text)) {
        QN_JOB_TELL(r, key,
                    "'%s' works on the item alone and takes no "
                    "'%s'; leave it out",
                    k->name, key->text);
        return;
    }
    if (!k->options && !takes_operand(k)) {
        QN_JOB_TELL(r, key, "'%s' has no options; write the word alone",
                    k->name);
        return;
    }
    qn_job_option_words(words, MAX_WORDS, k,
                        takes_operand(k) ? qn_job_operand_keys : own);
    snprintf(kind, sizeof kind, "option of %.60s", k->name);
    qn_job_read_unknown(r, key, kind, key->text, words);
}

static void
read_options(struct qn_job_reader *r, const struct qn_yaml_node *map,
             struct qn_step *step)
{
    const struct qn_kernel *k = step->kernel;
    bool operand = false;

    for (size_t i = 0; i < map->n; i++) {
        const struct qn_yaml_pair *pair = &map->v[i];
        const struct qn_option *o = qn_job_option_find(k, pair->key->text);

        if (o)
            qn_job_option_read(r, o, pair->value, step->params);
        else if (k->operands == QN_OPERANDS_NAMED)
            add_named(r, pair, step);
        else if (k->operands == QN_OPERANDS_KEY &&
                 !strcmp(k->operand_key, pair->key->text))
            add_operand(r, pair->value, k->operand_key, k->operand_key, step);
        else if (takes_operand(k) && qn_job_operand_is_key(pair->key->text))
            operand = true;
        else
            unknown_option(r, pair->key, k);
    }
    if (operand)
        add_operand(r, map, k->name, NULL, step);
    if (k->operands == QN_OPERANDS_NAMED && step->noperands > 1)
        qsort(step->operand, (size_t)step->noperands, sizeof(*step->operand),
              by_name);
}

static void
read_body(struct qn_job_reader *r, const struct qn_yaml_node *value,
          struct qn_step *step)
{
    const struct qn_kernel *k = step->kernel;
    bool scalar = value && value->kind == QN_YAML_SCALAR;

    if (!value || qn_yaml_is_null(value))
        return;
    if (value->kind == QN_YAML_MAP)
        read_options(r, value, step);
    else if (k->operands == QN_OPERANDS_ONE ||
             (k->operands == QN_OPERANDS_OPTIONAL && scalar && !k->shorthand))
        add_operand(r, value, k->name, NULL, step);
    else
        read_shorthand(r, value, k, step);
    if (k->operands == QN_OPERANDS_NAMED)
        check_names(r, value, step);
}

/* Is there an operand where the step says nothing without one? */
static void
check_operand(struct qn_job_reader *r, const struct qn_yaml_node *key,
              const struct qn_step *step, size_t before)
{
    const struct qn_kernel *k = step->kernel;

    if (!takes_operand(k) || step->noperands || r->problems->told != before)
        return;
    if (k->operands == QN_OPERANDS_ONE)
        QN_JOB_TELL(r, key,
                    "'%s' needs an operand: a number, {header: "
                    "NAME}, {stage: NAME} or {file: PATH}",
                    k->name);
    else if (json_object_size(step->params) == 0)
        QN_JOB_TELL(r, key,
                    "'%s' alone says nothing; give it {stage: NAME}, "
                    "{file: PATH} or its options",
                    k->name);
}

/* key: the kernel's name; value: what stands behind it, NULL for a bare word.
 */
static void
read_use(struct qn_job_reader *r, const struct qn_yaml_node *key,
         const struct qn_yaml_node *value, struct qn_step *step)
{
    size_t before = r->problems->told;

    step->mark = key->mark;
    step->kernel = kernel_of(r, key);
    step->params = json_object();
    r->failed |= !step->params;
    if (!step->kernel || !step->params)
        return;
    read_body(r, value, step);
    check_operand(r, key, step, before);
    qn_job_option_finish(r, step->kernel, key, step->params, before);
}

/* ---- the list ----------------------------------------------------------- */

/* Two keys in one entry: a forgotten dash, or options not indented. */
static void
tell_entry(struct qn_job_reader *r, const struct qn_yaml_node *entry)
{
    const struct qn_yaml_pair *first = entry->v;
    const struct qn_kernel *k =
        entry->n ? find_kernel(r, first->key->text) : NULL;

    if (entry->n == 0)
        QN_JOB_TELL(r, entry,
                    "a step is a kernel's name, or {NAME: {OPTION: "
                    "VALUE}}");
    else if (k && qn_yaml_is_null(first->value) &&
             (qn_job_option_find(k, entry->v[1].key->text) ||
              qn_job_operand_is_key(entry->v[1].key->text)))
        QN_JOB_TELL(r, entry->v[1].key,
                    "'%s' belongs to '%s'; indent it "
                    "deeper than '%s'",
                    entry->v[1].key->text, k->name, k->name);
    else
        QN_JOB_TELL(r, entry->v[1].key,
                    "a step is one kernel, and this entry "
                    "has '%.40s' already; begin '%.40s' "
                    "with its own '- '",
                    first->key->text, entry->v[1].key->text);
}

static void
read_entry(struct qn_job_reader *r, const struct qn_yaml_node *entry,
           struct qn_step *step)
{
    if (entry->kind == QN_YAML_SCALAR && !qn_yaml_is_null(entry))
        read_use(r, entry, NULL, step);
    else if (entry->kind == QN_YAML_MAP && entry->n == 1)
        read_use(r, entry->v[0].key, entry->v[0].value, step);
    else if (entry->kind == QN_YAML_MAP)
        tell_entry(r, entry);
    else
        QN_JOB_TELL(r, entry,
                    "a step is a kernel's name, or {NAME: {OPTION: "
                    "VALUE}}");
}

void
qn_job_step_read(struct qn_job_reader *r, const struct qn_yaml_node *node,
                 struct qn_stage *stage)
{
    if (qn_yaml_is_null(node))
        return;
    if (node->kind != QN_YAML_LIST) {
        QN_JOB_TELL(r, node,
                    "'steps' is a list; put '- ' in front of each "
                    "step");
        return;
    }
    stage->steps = calloc(node->n + 1, sizeof(*stage->steps));
    r->failed |= !stage->steps;
    if (!stage->steps)
        return;
    for (size_t i = 0; i < node->n; i++)
        if (qn_job_command_is(node->v[i].value))
            qn_job_command_read(r, node->v[i].value, i, stage);
        else
            read_entry(r, node->v[i].value, &stage->steps[stage->nsteps++]);
}

/* ---- products ----------------------------------------------------------- */

/* A product is a group beside those that every output has. */
static void
check_product_name(struct qn_job_reader *r, const struct qn_yaml_node *key,
                   const struct qn_stage *stage)
{
    const char *name = key->text;

    if (!qn_job_read_is_name(name) || strlen(name) > 100 ||
        !strcmp(name, "process") || !strcmp(name, "header"))
        QN_JOB_TELL(r, key,
                    "a product cannot be called '%.40s'; take letters, digits "
                    "and _ - . only, and neither process nor header",
                    name);
    for (int i = 0; i < stage->nsteps; i++)
        if (stage->steps[i].product && !strcmp(stage->steps[i].product, name))
            QN_JOB_TELL(r, key, "there is a product '%.40s' already", name);
}

static bool
is_reduction(const struct qn_job_reader *r, const char *word)
{
    const struct qn_kernel *k = find_kernel(r, word);

    return k && k->reduction;
}

/* Is it a reduction with its options, where a name with a reduction is wanted?
 * A product may be called as its kernel is: {histogram: {histogram: ...}}. */
static bool
lacks_name(const struct qn_job_reader *r, const struct qn_yaml_pair *pair)
{
    const struct qn_yaml_node *entry = pair->value;

    if (!is_reduction(r, pair->key->text))
        return false;
    if (entry->kind == QN_YAML_SCALAR)
        return !is_reduction(r, entry->text);
    for (size_t i = 0; entry->kind == QN_YAML_MAP && i < entry->n; i++)
        if (is_reduction(r, entry->v[i].key->text))
            return false;
    return true;
}

static void
read_product(struct qn_job_reader *r, const struct qn_yaml_pair *pair,
             struct qn_stage *stage)
{
    struct qn_step *step = &stage->steps[stage->nsteps];

    if (lacks_name(r, pair)) {
        QN_JOB_TELL(r, pair->key,
                    "a product needs a name before '%s'; write {NAME: {%s: "
                    "...}}, like `sum: {reduce: {axis: 0}}`",
                    pair->key->text, pair->key->text);
        return;
    }

    check_product_name(r, pair->key, stage);
    stage->nsteps++;
    stage->nproducts++;
    read_entry(r, pair->value, step);
    step->product = qn_job_read_copy(r, pair->key->text);
    if (step->kernel && !step->kernel->reduction)
        QN_JOB_TELL(r, pair->value,
                    "'%s' is no reduction; write it in 'steps:', before the "
                    "products",
                    step->kernel->name);
}

void
qn_job_step_products(struct qn_job_reader *r, const struct qn_yaml_node *node,
                     struct qn_stage *stage)
{
    size_t n = (size_t)stage->nsteps + node->n + 1;
    struct qn_step *v;

    if (node->kind != QN_YAML_MAP || node->n == 0) {
        qn_job_read_wants(r, node, "products",
                          "a mapping like {sum: {reduce: {axis: 0, method: "
                          "sum}}}");
        return;
    }
    if (node->n > QN_JOB_MAX_PRODUCTS) {
        QN_JOB_TELL(r, node, "a stage has at most %d products; split it",
                    QN_JOB_MAX_PRODUCTS);
        return;
    }
    v = realloc(stage->steps, n * sizeof(*v));
    r->failed |= !v;
    if (!v)
        return;
    memset(v + stage->nsteps, 0, (n - (size_t)stage->nsteps) * sizeof(*v));
    stage->steps = v;
    for (size_t i = 0; i < node->n; i++)
        read_product(r, &node->v[i], stage);
}

/* Reductions end the steps. */
static void
check_reductions(struct qn_job_reader *r, const struct qn_stage *stage)
{
    for (int i = 0; i < stage->nsteps - stage->nproducts; i++) {
        const struct qn_step *step = &stage->steps[i];

        if (step->kernel && step->kernel->kind == QN_KIND_REDUCTION)
            qn_problem_add(r->problems, step->mark, 1,
                           "'%s' is a reduction and must be the last step; "
                           "go on in a stage of its own that reads this one",
                           step->kernel->name);
    }
    if (stage->nproducts && stage->combine.given)
        qn_problem_add(r->problems, stage->combine.mark, 1,
                       "'combine' cannot follow a reduction in one stage; "
                       "combine in a stage of its own: input: {stage: %.60s}",
                       stage->name);
}

void
qn_job_step_check(struct qn_job_reader *r, struct qn_stage *stage)
{
    struct qn_step *last =
        stage->nsteps ? &stage->steps[stage->nsteps - 1] : NULL;

    if (last && !stage->nproducts && last->kernel &&
        last->kernel->kind == QN_KIND_REDUCTION) {
        last->product = qn_job_read_copy(r, "data");
        stage->nproducts = 1;
    }
    check_reductions(r, stage);
}

void
qn_job_step_clear(struct qn_step *step)
{
    for (int i = 0; i < step->noperands; i++)
        qn_job_operand_clear(&step->operand[i]);
    free(step->operand);
    free(step->product);
    json_decref(step->params);
    *step = (struct qn_step){0};
}
