/* The expression language, read: text to a tree of nodes.
 *
 * A hand-written descent, one function a level of the grammar in expr.h, on
 * tokens from expr_lex.c.  Every array is sized by the length of the
 * text before it starts: a node takes at least one character, is the argument
 * of at most one other, and a text needs one byte more than it has characters.
 * What the nodes mean is in expr.c.
 */
#include "model/expr.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/date.h"
#include "model/expr_lex.h"

#define MAX_LENGTH 4096 /* bytes */
#define MAX_DEPTH  64

struct parser {
    struct qn_expr *e;
    struct qn_lexer x;
    size_t pool_used;
    int depth;
};

/* ---- shorthands for tokens ---------------------------------------------- */

static int
advance(struct parser *p)
{
    return qn_expr_lex_next(&p->x);
}

static bool
is(const struct parser *p, const char *s)
{
    return qn_expr_lex_is(&p->x, s);
}

static int
fail_at(const struct parser *p, int column, const char *sentence)
{
    return qn_expr_lex_fail(&p->x, column, sentence);
}

static int
fail_found(const struct parser *p, const char *expected)
{
    return qn_expr_lex_found(&p->x, expected);
}

/* ---- nodes -------------------------------------------------------------- */

static int
add_node(struct parser *p, enum qn_expr_op op, int column)
{
    p->e->node[p->e->nnodes] =
        (struct qn_expr_node){.op = op, .column = column};
    return p->e->nnodes++;
}

static int
add_leaf(struct parser *p, enum qn_expr_op op, const struct qn_token *t)
{
    int id = add_node(p, op, t->column);
    struct qn_expr_node *node = &p->e->node[id];
    char *text = p->e->pool + p->pool_used;

    node->number = t->number;
    if (op == QN_OP_NUMBER)
        return id;
    memcpy(text, t->s, t->n); // the pool is zeroed: the NUL is there
    node->text = text;
    p->pool_used += t->n + 1;
    return id;
}

/* Link n arguments, which become the node's. */
static void
set_args(struct parser *p, int id, const int *args, int n)
{
    p->e->node[id].first = p->e->nargs;
    p->e->node[id].nargs = n;
    for (int i = 0; i < n; i++)
        p->e->arg[p->e->nargs++] = args[i];
}

static int
add_unary(struct parser *p, enum qn_expr_op op, int column, int a)
{
    int id = add_node(p, op, column);

    set_args(p, id, &a, 1);
    return id;
}

static int
add_binary(struct parser *p, enum qn_expr_op op, int column, int a, int b)
{
    int id = add_node(p, op, column);

    set_args(p, id, (int[]){a, b}, 2);
    return id;
}

/* ---- the grammar -------------------------------------------------------- */

typedef int level(struct parser *p, int *id);

static level parse_or, parse_not, parse_unary;

static int
enter(struct parser *p)
{
    if (p->depth++ > MAX_DEPTH) // what is not nested has depth 0
        return fail_at(p, p->x.t.column,
                       "this is nested deeper than 64 levels; simplify it");
    return 0;
}

static int
expect_sign(struct parser *p, const char *sign, const char *expected)
{
    if (!is(p, sign))
        return fail_found(p, expected);
    return advance(p);
}

static const struct function {
    const char *name;
    int least, most; /* arguments */
    bool fields;     /* not in calculate */
} functions[] = {
    {"has", 1, 1, true},   {"round", 1, 2, true},  {"lower", 1, 1, true},
    {"date", 1, 2, true},  {"log", 1, 1, false},   {"log10", 1, 1, false},
    {"exp", 1, 1, false},  {"sqrt", 1, 1, false},  {"abs", 1, 1, false},
    {"min", 2, 2, false},  {"max", 2, 2, false},   {"sin", 1, 1, false},
    {"cos", 1, 1, false},  {"tan", 1, 1, false},   {"floor", 1, 1, false},
    {"ceil", 1, 1, false}, {"isnan", 1, 1, false},
};
#define NFUNCTIONS (sizeof functions / sizeof functions[0])

static int
fail_function(const struct parser *p)
{
    const char *words[NFUNCTIONS + 1] = {NULL};
    struct qn_text s = {0};
    size_t n = 0;
    int rc;

    qn_text_add(&s, "%.*s", (int)p->x.t.n, p->x.t.s);
    for (size_t i = 0; i < NFUNCTIONS; i++)
        if (!functions[i].fields || p->x.style == QN_EXPR_FIELDS)
            words[n++] = functions[i].name;
    const char *near = qn_text_nearest(qn_text_get(&s), words);
    qn_text_clear(&s);
    qn_text_add(&s, "unknown function '%.*s'", (int)p->x.t.n, p->x.t.s);
    if (near)
        qn_text_add(&s, "; did you mean '%s'?", near);
    for (size_t i = 0; !near && i < n; i++)
        qn_text_add(&s, "%s%s", i ? " " : "; there are: ", words[i]);
    rc = fail_at(p, p->x.t.column, qn_text_get(&s));
    qn_text_clear(&s);
    return rc;
}

static const struct function *
find_function(const struct parser *p)
{
    for (size_t i = 0; i < NFUNCTIONS; i++)
        if (is(p, functions[i].name) &&
            (!functions[i].fields || p->x.style == QN_EXPR_FIELDS))
            return &functions[i];
    return NULL;
}

/* What the table does not say of a function's arguments. */
static int
check_call(const struct parser *p, const struct function *f, const int *args,
           int n)
{
    const struct qn_expr_node *first = &p->e->node[args[0]];
    const struct qn_expr_node *second = n > 1 ? &p->e->node[args[1]] : NULL;
    struct qn_error why;
    double ignored;

    if (strcmp(f->name, "has") == 0 && first->op != QN_OP_NAME)
        return fail_at(p, first->column,
                       "has() takes the name of a field, without quotes");
    if (strcmp(f->name, "date") != 0 || !second)
        return 0;
    if (second->op != QN_OP_TEXT)
        return fail_at(p, second->column,
                       "date() takes its shift as a text, like '-12 h'");
    if (qn_date_offset(&ignored, second->text, &why))
        return fail_at(p, second->column, why.text);
    return 0;
}

static int
parse_arguments(struct parser *p, const struct function *f, int *args, int *n)
{
    *n = 0;
    for (;;) {
        QN_TRY(parse_or(p, &args[(*n)++]));
        if (!is(p, ",") || *n == f->most)
            break;
        QN_TRY(advance(p));
    }
    if (*n < f->least)
        return fail_found(p, "',' and a second argument");
    return expect_sign(p, ")", *n < f->most ? "',' or ')'" : "')'");
}

/* The token is the function's name, and ( follows. */
static int
parse_call(struct parser *p, int *id)
{
    const struct function *f = find_function(p);
    struct qn_token name = p->x.t;
    int n, args[2];

    if (!f)
        return fail_function(p);
    QN_TRY(advance(p));
    QN_TRY(advance(p));
    QN_TRY(parse_arguments(p, f, args, &n));
    QN_TRY(check_call(p, f, args, n));
    *id = add_leaf(p, QN_OP_CALL, &name);
    set_args(p, *id, args, n);
    return 0;
}

static int
parse_word(struct parser *p, int *id)
{
    if (qn_expr_lex_keyword(&p->x))
        return fail_found(p, "a name, a number or a text in quotes");
    if (qn_expr_lex_opens(&p->x))
        return parse_call(p, id);
    if (is(p, "true") || is(p, "false"))
        return fail_found(p, "a field; write NAME or not NAME, as in "
                             "'not SIMPLE'");
    *id = add_leaf(p, QN_OP_NAME, &p->x.t);
    return advance(p);
}

static int
parse_nested(struct parser *p, int *id)
{
    QN_TRY(advance(p));
    QN_TRY(parse_or(p, id));
    return expect_sign(p, ")", "')' or an operator");
}

static int
parse_atom(struct parser *p, int *id)
{
    if (is(p, "("))
        return parse_nested(p, id);
    if (p->x.t.kind == QN_TOKEN_WORD)
        return parse_word(p, id);
    if (p->x.t.kind == QN_TOKEN_NUMBER) {
        *id = add_leaf(p, QN_OP_NUMBER, &p->x.t);
        return advance(p);
    }
    if (p->x.t.kind != QN_TOKEN_TEXT)
        return fail_found(p, "a name, a number or a text in quotes");
    if (p->x.style == QN_EXPR_SAMPLES)
        return fail_found(p, "a number: samples are no texts");
    *id = add_leaf(p, QN_OP_TEXT, &p->x.t);
    return advance(p);
}

static int
parse_power(struct parser *p, int *id)
{
    int column, right;

    QN_TRY(parse_atom(p, id));
    column = p->x.t.column;
    if (!is(p, "**"))
        return 0;
    QN_TRY(advance(p));
    QN_TRY(parse_unary(p, &right));
    *id = add_binary(p, QN_OP_POW, column, *id, right);
    return 0;
}

static int
parse_unary(struct parser *p, int *id)
{
    int column = p->x.t.column;

    QN_TRY(enter(p));
    if (is(p, "-")) {
        QN_TRY(advance(p));
        QN_TRY(parse_unary(p, id));
        *id = add_unary(p, QN_OP_NEG, column, *id);
    } else {
        QN_TRY(parse_power(p, id));
    }
    p->depth--;
    return 0;
}

struct operator
{
    const char *spelling; /* NULL: the end of a table */
    enum qn_expr_op op;
};

static const struct operator*
    find_operator(const struct parser *p, const struct operator* table)
{
    for (; table->spelling; table++)
        if (is(p, table->spelling))
            return table;
    return NULL;
}

/* next (operator next)*, leaning to the left */
static int
parse_chain(struct parser *p, const struct operator* table, level *next,
            int *id)
{
    const struct operator* found;

    QN_TRY(next(p, id));
    while ((found = find_operator(p, table))) {
        int column = p->x.t.column, right;

        QN_TRY(advance(p));
        QN_TRY(next(p, &right));
        *id = add_binary(p, found->op, column, *id, right);
    }
    return 0;
}

static int
parse_product(struct parser *p, int *id)
{
    static const struct operator table[] = {
        {"*", QN_OP_MUL},
        {"/", QN_OP_DIV},
        {"%", QN_OP_MOD},
        {0},
    };

    return parse_chain(p, table, parse_unary, id);
}

static int
parse_sum(struct parser *p, int *id)
{
    static const struct operator table[] = {
        {"+", QN_OP_ADD},
        {"-", QN_OP_SUB},
        {0},
    };

    return parse_chain(p, table, parse_product, id);
}

/* number, -number or text */
static int
parse_literal(struct parser *p, int *id)
{
    bool minus = is(p, "-");

    if (minus)
        QN_TRY(advance(p));
    if (p->x.t.kind == QN_TOKEN_NUMBER)
        *id = add_leaf(p, QN_OP_NUMBER, &p->x.t);
    else if (p->x.t.kind == QN_TOKEN_TEXT && !minus)
        *id = add_leaf(p, QN_OP_TEXT, &p->x.t);
    else
        return fail_found(p,
                          minus ? "a number" : "a number or a text in quotes");
    if (minus)
        p->e->node[*id].number = -p->e->node[*id].number;
    return advance(p);
}

/* "[" literal, ... "]", behind the word in */
static int
parse_list(struct parser *p, int *id)
{
    int column = p->x.t.column, left = *id, first, last;

    QN_TRY(expect_sign(p, "[", "'[' and a list, as in ['zero', 'bias']"));
    QN_TRY(parse_literal(p, &first));
    last = first;
    while (is(p, ",")) {
        QN_TRY(advance(p));
        QN_TRY(parse_literal(p, &last));
    }
    QN_TRY(expect_sign(p, "]", "',' or ']'"));
    *id = add_binary(p, QN_OP_IN, column, left, first);
    // the literals are consecutive nodes, the first is linked already
    for (int i = first + 1; i <= last; i++)
        p->e->arg[p->e->nargs++] = i;
    p->e->node[*id].nargs += last - first;
    return 0;
}

/* text, behind the word like */
static int
parse_pattern(struct parser *p, int *id)
{
    int column = p->x.t.column, right;

    if (p->x.t.kind != QN_TOKEN_TEXT)
        return fail_found(p, "a pattern in quotes, as in like '*flat*'");
    right = add_leaf(p, QN_OP_TEXT, &p->x.t);
    *id = add_binary(p, QN_OP_LIKE, column, *id, right);
    return advance(p);
}

/* ["not"] ("in" list | "like" text), behind a sum */
static int
parse_membership(struct parser *p, int *id)
{
    int column = p->x.t.column;
    bool inverse = is(p, "not");

    if (p->x.style == QN_EXPR_SAMPLES)
        return fail_found(p, "an operator on numbers: 'in', 'like' and texts "
                             "are for fields");
    if (inverse)
        QN_TRY(advance(p));
    if (is(p, "in")) {
        QN_TRY(advance(p));
        QN_TRY(parse_list(p, id));
    } else if (is(p, "like")) {
        QN_TRY(advance(p));
        QN_TRY(parse_pattern(p, id));
    } else {
        return fail_found(p, "'in' or 'like'");
    }
    if (inverse)
        *id = add_unary(p, QN_OP_NOT, column, *id);
    return 0;
}

static const struct operator comparisons[] = {
    {"==", QN_OP_EQ},
    {"!=", QN_OP_NE},
    {"<", QN_OP_LT},
    {"<=", QN_OP_LE},
    {">", QN_OP_GT},
    {">=", QN_OP_GE},
    {0},
};

static int
parse_compare(struct parser *p, int *id)
{
    const struct operator* found;
    int column, right;

    QN_TRY(parse_sum(p, id));
    column = p->x.t.column;
    if (is(p, "not") || is(p, "in") || is(p, "like"))
        return parse_membership(p, id);
    found = find_operator(p, comparisons);
    if (!found)
        return 0;
    QN_TRY(advance(p));
    QN_TRY(parse_sum(p, &right));
    *id = add_binary(p, found->op, column, *id, right);
    if (find_operator(p, comparisons))
        return fail_found(p, "'and': comparisons do not chain, write "
                             "a < b and b < c");
    return 0;
}

static int
parse_not(struct parser *p, int *id)
{
    int column = p->x.t.column;

    if (!is(p, "not"))
        return parse_compare(p, id);
    QN_TRY(enter(p));
    QN_TRY(advance(p));
    QN_TRY(parse_not(p, id));
    *id = add_unary(p, QN_OP_NOT, column, *id);
    p->depth--;
    return 0;
}

static int
parse_and(struct parser *p, int *id)
{
    static const struct operator table[] = {{"and", QN_OP_AND}, {0}};

    return parse_chain(p, table, parse_not, id);
}

static int
parse_or(struct parser *p, int *id)
{
    static const struct operator table[] = {{"or", QN_OP_OR}, {0}};

    return parse_chain(p, table, parse_and, id);
}

/* ---- the whole ---------------------------------------------------------- */

static int
make_room(struct qn_expr *e, const char *text, size_t n, struct qn_error *err)
{
    QN_TRY(qn_memory_copy(&e->source, text, err));
    QN_TRY(qn_memory_make((void **)&e->node, n + 1, sizeof *e->node,
                          "an expression", err));
    QN_TRY(qn_memory_make((void **)&e->arg, n + 1, sizeof *e->arg,
                          "an expression", err));
    return qn_memory_make((void **)&e->pool, 2 * n + 1, 1, "an expression",
                          err);
}

static int
parse_all(struct parser *p)
{
    // sentences quote the source, and have one line
    for (char *c = p->e->source; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
    p->x.at = p->x.source = p->e->source;
    QN_TRY(advance(p));
    QN_TRY(parse_or(p, &p->e->root));
    if (p->x.t.kind != QN_TOKEN_END)
        return fail_found(p, "an operator or the end");
    return 0;
}

int
qn_expr_parse(struct qn_expr *e, const char *text, enum qn_expr_style style,
              struct qn_error *err)
{
    struct parser p = {.e = e, .x = {.style = style, .err = err}};
    size_t n = strlen(text);
    int rc;

    *e = (struct qn_expr){0};
    if (n > MAX_LENGTH)
        return qn_fail(err, QN_EJOB,
                       "\"%.60s...\": the expression has %zu bytes; 4,096 "
                       "are allowed",
                       text, n);
    rc = make_room(e, text, n, err);
    if (!rc)
        rc = parse_all(&p);
    if (rc)
        qn_expr_clear(e);
    return rc;
}
