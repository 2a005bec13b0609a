/* Tokens of the expression language, and the sentences about them.
 *
 * What a person is likely to have meant by a wrong one is said here: a date
 * without quotes, the operators of other languages.  Knows no grammar beyond
 * what a minus or a slash means behind a value.
 */
#include "model/expr_lex.h"

#include <string.h>

#include "base/text.h"

/* ---- errors ------------------------------------------------------------- */

int
qn_expr_lex_fail(const struct qn_lexer *x, int column, const char *sentence)
{
    return qn_fail(x->err, QN_EJOB, "column %d of \"%.300s\": %s", column,
                   x->source, sentence);
}

int
qn_expr_lex_found(const struct qn_lexer *x, const char *expected)
{
    struct qn_text s = {0};
    int rc;

    if (x->t.kind == QN_TOKEN_END)
        qn_text_add(&s, "the expression ends here; expected %s", expected);
    else if (x->t.kind == QN_TOKEN_TEXT)
        qn_text_add(&s, "found the text '%.*s', expected %s", (int)x->t.n,
                    x->t.s, expected);
    else
        qn_text_add(&s, "found '%.*s', expected %s", (int)x->t.n, x->t.s,
                    expected);
    rc = qn_expr_lex_fail(x, x->t.column, qn_text_get(&s));
    qn_text_clear(&s);
    return rc;
}

/* ---- tokens ------------------------------------------------------------- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80; // UTF-8
}

static bool
starts_name(const struct qn_lexer *x, char c)
{
    return is_letter(c) ||
           (x->style == QN_EXPR_FIELDS && (c == '/' || c == '@'));
}

static bool
continues_name(const struct qn_lexer *x, char c)
{
    return is_letter(c) || is_digit(c) ||
           (x->style == QN_EXPR_FIELDS && c && strchr("-./@", c));
}

bool
qn_expr_lex_is(const struct qn_lexer *x, const char *s)
{
    return (x->t.kind == QN_TOKEN_WORD || x->t.kind == QN_TOKEN_SIGN) &&
           x->t.n == strlen(s) && memcmp(x->t.s, s, x->t.n) == 0;
}

bool
qn_expr_lex_keyword(const struct qn_lexer *x)
{
    return qn_expr_lex_is(x, "and") || qn_expr_lex_is(x, "or") ||
           qn_expr_lex_is(x, "not") || qn_expr_lex_is(x, "in") ||
           qn_expr_lex_is(x, "like");
}

/* Does the token end a value, so that - or / behind it calculates? */
static bool
ends_value(const struct qn_lexer *x)
{
    if (x->t.kind == QN_TOKEN_WORD)
        return !qn_expr_lex_keyword(x);
    return x->t.kind == QN_TOKEN_NUMBER || x->t.kind == QN_TOKEN_TEXT ||
           qn_expr_lex_is(x, ")") || qn_expr_lex_is(x, "]");
}

/* 2018-08-10 would be 2000 */
static bool
is_bare_date(const char *s)
{
    static const char form[] = "0000-00-00";

    for (size_t i = 0; form[i]; i++)
        if (form[i] == '0' ? !is_digit(s[i]) : s[i] != form[i])
            return false;
    return true;
}

static int
cut_number(struct qn_lexer *x)
{
    const char *s = x->t.s;
    size_t n = strspn(s, "0123456789");
    char copy[64];

    if (x->style == QN_EXPR_FIELDS && is_bare_date(s))
        return qn_expr_lex_fail(
            x, x->t.column, "a date is a text; put it in quotes: '2018-08-10'");
    if (s[n] == '.')
        n += 1 + strspn(s + n + 1, "0123456789");
    if (s[n] == 'e' || s[n] == 'E') {
        size_t sign = s[n + 1] == '-' || s[n + 1] == '+';

        if (is_digit(s[n + 1 + sign]))
            n += 1 + sign + strspn(s + n + 1 + sign, "0123456789");
    }
    if (is_letter(s[n]) || s[n] == '.')
        return qn_expr_lex_fail(
            x, x->t.column,
            "a number runs into what follows it; put texts in quotes, and "
            "blanks around words");
    x->t.kind = QN_TOKEN_NUMBER;
    x->t.n = n;
    if (n < sizeof copy) {
        memcpy(copy, s, n);
        copy[n] = '\0';
        if (qn_fields_number(&x->t.number, copy))
            return 0;
    }
    return qn_expr_lex_fail(x, x->t.column,
                            "that number has too many digits, or is too large");
}

static int
cut_text(struct qn_lexer *x)
{
    const char *end = strchr(x->t.s + 1, *x->t.s);

    if (!end)
        return qn_expr_lex_fail(
            x, x->t.column,
            "a text begins here, but its closing quote is missing");
    x->t.kind = QN_TOKEN_TEXT;
    x->t.s++;
    x->t.n = (size_t)(end - x->t.s);
    x->at = end + 1;
    return 0;
}

static void
cut_word(struct qn_lexer *x)
{
    size_t n = 1;

    while (continues_name(x, x->t.s[n]))
        n++;
    // "A- B" subtracts, as "A - B" does
    while (n > 1 && strchr("-/", x->t.s[n - 1]))
        n--;
    x->t.kind = QN_TOKEN_WORD;
    x->t.n = n;
}

/* What other languages write */
static int
fail_sign(const struct qn_lexer *x)
{
    static const struct {
        const char *wrong, *hint;
    } table[] = {
        {"&&", "write 'and' for '&&'"},
        {"||", "write 'or' for '||'"},
        {"<>", "write '!=' for '<>'"},
        {"!", "write 'not' for '!'"},
        {"=", "write '==' to compare"},
        {"^", "write '**' for a power"},
        {"$", "names stand without '$'"},
        {"{", "names stand without braces here"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strncmp(x->t.s, table[i].wrong, strlen(table[i].wrong)) == 0)
            return qn_expr_lex_fail(x, x->t.column, table[i].hint);
    return qn_expr_lex_found(
        x, "a name, a number, a text in quotes or an operator");
}

static int
cut_sign(struct qn_lexer *x)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "**", "<",
                                        ">",  "+",  "-",  "*",  "/",  "%",
                                        "(",  ")",  "[",  "]",  ",",  NULL};

    x->t.kind = QN_TOKEN_SIGN;
    x->t.n = 1;
    if (strncmp(x->t.s, "<>", 2) == 0)
        return fail_sign(x);
    for (int i = 0; signs[i]; i++)
        if (strncmp(x->t.s, signs[i], strlen(signs[i])) == 0) {
            x->t.n = strlen(signs[i]);
            return 0;
        }
    return fail_sign(x);
}

int
qn_expr_lex_next(struct qn_lexer *x)
{
    const char *s = x->at + strspn(x->at, " ");
    bool behind_value = ends_value(x);
    int rc = 0;

    x->t = (struct qn_token){.s = s, .column = (int)(s - x->source) + 1};
    x->at = s;
    if (!*s)
        return 0;
    if (is_digit(*s) || (*s == '.' && is_digit(s[1])))
        rc = cut_number(x);
    else if (*s == '\'' || *s == '"')
        return cut_text(x);
    else if (starts_name(x, *s) && !(behind_value && *s == '/') &&
             (is_letter(*s) || continues_name(x, s[1])))
        cut_word(x);
    else
        rc = cut_sign(x);
    x->at += x->t.n;
    return rc;
}

bool
qn_expr_lex_opens(const struct qn_lexer *x)
{
    return x->at[strspn(x->at, " ")] == '(';
}
