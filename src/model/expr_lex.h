/* Tokens of the expression language, cut on demand.  Only expr_parse.c reads
 * them.  Local, pure. */
#ifndef QN_MODEL_EXPR_LEX_H
#define QN_MODEL_EXPR_LEX_H

#include "model/expr.h"

enum qn_token_kind {
    QN_TOKEN_END,
    QN_TOKEN_NUMBER,
    QN_TOKEN_TEXT, /* s, n: without its quotes  */
    QN_TOKEN_WORD, /* a name or a word like and */
    QN_TOKEN_SIGN
};

struct qn_token {
    enum qn_token_kind kind;
    const char *s; /* borrowed from the source */
    size_t n;
    double number; /* NUMBER */
    int column;    /* from 1 */
};

struct qn_lexer {
    const char *source; /* borrowed: the whole expression, on one line */
    enum qn_expr_style style;
    const char *at;    /* behind the token */
    struct qn_token t; /* the token at hand */
    struct qn_error *err;
};

/* Step to the next token; the first one, if at is the source. */
int
qn_expr_lex_next(struct qn_lexer *x);

/* Is the token at hand that sign or word? */
bool
qn_expr_lex_is(const struct qn_lexer *x, const char *s);

/* Is it and, or, not, in, like? */
bool
qn_expr_lex_keyword(const struct qn_lexer *x);

/* Does an opening parenthesis follow it? */
bool
qn_expr_lex_opens(const struct qn_lexer *x);

/* QN_EJOB: "column 9 of "...": SENTENCE" */
int
qn_expr_lex_fail(const struct qn_lexer *x, int column, const char *sentence);

/* QN_EJOB at the token at hand: found it, expected what. */
int
qn_expr_lex_found(const struct qn_lexer *x, const char *expected);

#endif
