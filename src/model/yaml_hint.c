/* What a person can do about text that YAML does not read.
 *
 * A table maps libyaml's complaint to a function that looks at the line and
 * says what was probably meant.  Lines are looked at as a person sees them:
 * brackets, quotes and ": " give the value around a place.  Knows nothing of
 * jobs. */
#include "model/yaml_hint.h"

#include <ctype.h>
#include <string.h>

#define DEPTH 16 // brackets within a line that are told apart
#define SHOWN 90 // bytes of a corrected line that are shown

/* A line of the source, and a place in it. */
struct spot {
    struct qn_problems *p;
    struct qn_mark mark;
    const char *s;  // the line, not terminated
    size_t len, at; // at <= len
};

/* ---- looking at a line -------------------------------------------------- */

/* Bytes in front of a column. */
static size_t
offset(const char *s, size_t len, int column)
{
    size_t at = 0;

    for (int c = 1; c < column && at < len; c++) {
        at++;
        while (at < len && ((unsigned char)s[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static struct spot
look(struct qn_problems *p, struct qn_mark mark)
{
    struct spot spot = {.p = p, .mark = mark, .s = ""};
    const char *s = qn_problem_line(p, mark.line, &spot.len);

    if (s) {
        spot.s = s;
        spot.at = offset(s, spot.len, mark.column);
    }
    return spot;
}

static char
char_at(const struct spot *spot, size_t i)
{
    return i < spot->len ? spot->s[i] : '\0';
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\0';
}

static size_t
indentation(const struct spot *spot)
{
    size_t i = 0;

    while (i < spot->len && is_blank(spot->s[i]))
        i++;
    return i;
}

/* Behind the quoted text that begins at i, or i where none does. */
static size_t
skip_quoted(const char *s, size_t len, size_t i)
{
    char quote = s[i];

    if ((quote != '"' && quote != '\'') ||
        (i > 0 && isalnum((unsigned char)s[i - 1])))
        return i;
    for (size_t k = i + 1; k < len; k++) {
        if (s[k] == '\\' && quote == '"')
            k++;
        else if (s[k] == quote)
            return k + 1;
    }
    return i;
}

/* Does a value begin behind byte i: ": ", "- " in front of all else? */
static bool
opens_value(const struct spot *spot, size_t i)
{
    if (!is_blank(char_at(spot, i + 1)))
        return false;
    if (spot->s[i] == ':')
        return true;
    return spot->s[i] == '-' && strspn(spot->s, " -") >= i; // "  - - x"
}

/* Where the value that holds byte `to` begins; *inside: between brackets. */
static size_t
value_start(const struct spot *spot, size_t to, bool *inside)
{
    size_t start[DEPTH] = {0};
    size_t depth = 0;
    size_t i = 0;

    start[0] = indentation(spot);
    while (i < to) {
        size_t next = skip_quoted(spot->s, to, i);
        char c = spot->s[i];

        if (next > i) {
            i = next;
            continue;
        }
        i++;
        if ((c == '{' || c == '[') && depth + 1 < DEPTH)
            start[++depth] = i;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        else if (c == ',' || opens_value(spot, i - 1))
            start[depth] = (c == ',' && depth == 0) ? start[depth] : i;
    }
    *inside = depth > 0;
    i = start[depth];
    while (i < to && is_blank(spot->s[i]))
        i++;
    return i;
}

/* Where the value that begins at `from` ends. */
static size_t
value_end(const struct spot *spot, size_t from, bool inside)
{
    int depth = 0;
    size_t i = from;

    while (i < spot->len) {
        size_t next = skip_quoted(spot->s, spot->len, i);
        char c = spot->s[i];

        if (next > i) {
            i = next;
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth < 0)
            break;
        else if (c == ',' && inside && depth == 0)
            break;
        else if (c == '#' && i > 0 && is_blank(spot->s[i - 1]))
            break;
        i++;
    }
    while (i > from && (is_blank(spot->s[i - 1]) || spot->s[i - 1] == ','))
        i--;
    return i;
}

static struct qn_yaml_span
value_from(const struct spot *spot, size_t start)
{
    bool inside = false;

    value_start(spot, start, &inside);
    return (struct qn_yaml_span){.line = spot->mark.line,
                                 .start = start,
                                 .end = value_end(spot, start, inside)};
}

struct qn_yaml_span
qn_yaml_hint_value(struct qn_problems *p, struct qn_mark at)
{
    struct spot spot = look(p, at);

    return value_from(&spot, spot.at);
}

/* ---- quotes ------------------------------------------------------------- */

void
qn_yaml_hint_quote(struct qn_text *out, const char *s, size_t n)
{
    bool twin = !memchr(s, '"', n) && !memchr(s, '\\', n);

    qn_text_bytes(out, twin ? "\"" : "'", 1);
    for (size_t i = 0; i < n; i++) {
        qn_text_bytes(out, s + i, 1);
        if (!twin && s[i] == '\'')
            qn_text_bytes(out, "'", 1);
    }
    qn_text_bytes(out, twin ? "\"" : "'", 1);
}

void
qn_yaml_hint_show(struct qn_text *out, const struct qn_problems *p,
                  const struct qn_yaml_span *span)
{
    size_t len = 0;
    const char *s = qn_problem_line(p, span->line, &len);

    qn_text_add(out, "; put it in quotes");
    if (!s || span->end <= span->start || span->end > len)
        return;
    qn_text_add(out, ": ");
    if (len <= SHOWN) {
        size_t from = strspn(s, " ");

        qn_text_bytes(out, s + from, span->start - from);
        qn_yaml_hint_quote(out, s + span->start, span->end - span->start);
        while (len > span->end && is_blank(s[len - 1]))
            len--;
        qn_text_bytes(out, s + span->end, len - span->end);
    } else {
        size_t n = span->end - span->start;

        qn_yaml_hint_quote(out, s + span->start, n < SHOWN ? n : SHOWN);
    }
}

/* ---- what was meant ----------------------------------------------------- */

#define TELL(spot, ...) qn_problem_add((spot)->p, (spot)->mark, 1, __VA_ARGS__)

/* "WHY; put it in quotes: ..."; nothing to mend if the span is empty. */
static struct qn_yaml_span
want_quotes(const struct spot *spot, size_t start, const char *why)
{
    struct qn_yaml_span span = value_from(spot, start);
    struct qn_text t = {0};

    qn_text_add(&t, "%s", why);
    qn_yaml_hint_show(&t, spot->p, &span);
    TELL(spot, "%s", qn_text_get(&t));
    qn_text_clear(&t);
    return span;
}

/* A character that YAML keeps for itself begins a text. */
static struct qn_yaml_span
begins(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->context ? f->from : f->at);
    char why[64] = "an unquoted ' ' has a meaning of its own in YAML";

    why[13] = char_at(&spot, spot.at);
    return want_quotes(&spot, spot.at, why);
}

static struct qn_yaml_span
tab(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->at);

    TELL(&spot, "a tab indents this line; put blanks in its place");
    return (struct qn_yaml_span){0};
}

/* "a: b: c", or a line that is indented deeper than it may be. */
static struct qn_yaml_span
second_colon(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->at);
    bool inside = false;
    size_t start = value_start(&spot, spot.at, &inside);
    struct spot above = look(p, (struct qn_mark){f->at.line - 1, 1});

    if (start > indentation(&spot))
        return want_quotes(&spot, start,
                           "a second ': ' makes no sense to YAML here");
    if (indentation(&above) == indentation(&spot) &&
        memchr(above.s, ':', above.len)) {
        TELL(&above, "a blank is missing behind the ':' of this line");
        return (struct qn_yaml_span){0};
    }
    spot.mark.column = (int)start + 1;
    TELL(&spot, "this line is indented deeper than the line above, which has "
                "a value already; indent it like the keys it belongs to");
    return (struct qn_yaml_span){0};
}

static struct qn_yaml_span
missing_colon(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->from);

    if (memchr(spot.s + spot.at, ':', spot.len - spot.at))
        TELL(&spot, "a blank is missing behind the ':' of this line");
    else
        TELL(&spot, "a key must be followed by ': ' and a value");
    return (struct qn_yaml_span){0};
}

static struct qn_yaml_span
open_quote(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->from);

    TELL(&spot, "this quote is not closed");
    return (struct qn_yaml_span){0};
}

static struct qn_yaml_span
escape(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->at);

    TELL(&spot, "a backslash inside \"...\" begins an escape that YAML does "
                "not know; use '...' quotes");
    return (struct qn_yaml_span){0};
}

static struct qn_yaml_span
dash(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->at);

    TELL(&spot, "a list of '- ' entries begins on the line below its key; "
                "or write it as [a, b]");
    return (struct qn_yaml_span){0};
}

static struct qn_yaml_span
no_content(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->at);
    char c = char_at(&spot, spot.at);

    if (c == ':') {
        TELL(&spot, "a lone : has a meaning of its own in YAML; put it in "
                    "quotes: \":\"");
        return (struct qn_yaml_span){f->at.line, spot.at, spot.at + 1};
    }
    if (c == ']' || c == '}')
        TELL(&spot,
             "this '%c' closes nothing; remove it, or put the text in "
             "quotes",
             c);
    else
        TELL(&spot, "a value is missing in front of this");
    return (struct qn_yaml_span){0};
}

/* Is there "word:" at the place? */
static bool
at_key(const struct spot *spot)
{
    size_t i = spot->at;

    while (isalnum((unsigned char)char_at(spot, i)) ||
           (char_at(spot, i) && strchr("_-.", char_at(spot, i))))
        i++;
    return i > spot->at && char_at(spot, i) == ':' &&
           is_blank(char_at(spot, i + 1));
}

/* The value was over for YAML, but more stands behind it on the line. */
static struct qn_yaml_span
trailing(const struct spot *spot)
{
    bool inside = false;
    size_t start = value_start(spot, spot->at, &inside);
    char c = char_at(spot, spot->at);
    struct spot value = *spot;

    if (c == '}' || c == ']') {
        TELL(spot, "this '%c' closes nothing; remove it", c);
    } else if (at_key(spot)) {
        TELL(spot, inside ? "a comma is missing in front of this"
                          : "this key belongs on a line of its own");
    } else {
        for (size_t i = start; i < spot->at; i++)
            value.mark.column -= ((unsigned char)spot->s[i] & 0xc0) != 0x80;
        return want_quotes(&value, start,
                           "YAML reads only the beginning of this text");
    }
    return (struct qn_yaml_span){0};
}

static struct qn_yaml_span
misplaced(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->at);
    bool list = f->context && strstr(f->context, "collection");

    if (spot.at > indentation(&spot))
        return trailing(&spot);
    if (list)
        TELL(&spot, "the entries of this list begin with '- '; put it in "
                    "front, or indent the line less");
    else if (char_at(&spot, spot.at) == '-' &&
             is_blank(char_at(&spot, spot.at + 1)))
        TELL(&spot, "a list entry cannot stand among keys; put it below the "
                    "key it belongs to");
    else
        TELL(&spot, "the indentation of this line fits no line above; align "
                    "it with the keys it belongs to");
    return (struct qn_yaml_span){0};
}

static struct qn_yaml_span
unclosed(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->at);

    if (f->from.line == f->at.line && spot.at < spot.len)
        return trailing(&spot);
    spot = look(p, f->from);
    TELL(&spot,
         "this '%c' is not closed, or a comma is missing (seen in line "
         "%d)",
         char_at(&spot, spot.at), f->at.line);
    return (struct qn_yaml_span){0};
}

/* libyaml's words, and who explains them; the first that fits. */
static const struct {
    const char *problem;
    struct qn_yaml_span (*explain)(const struct qn_yaml_fault *f,
                                   struct qn_problems *p);
} explanations[] = {
    {"tab character", tab},
    {"cannot start any token", begins},
    {"alphabetic or numeric character", begins},
    {"comment or line break", begins}, // >u2, |x
    {"mapping values are not allowed", second_colon},
    {"could not find expected ':'", missing_colon},
    {"unexpected end of stream", open_quote},
    {"unexpected document indicator", open_quote},
    {"unknown escape", escape},
    {"block sequence entries", dash},
    {"expected node content", no_content},
    {"expected ',' or", unclosed},
    {"expected key", misplaced},
    {"expected '-' indicator", misplaced},
};

static bool
tab_indents(const struct qn_yaml_fault *f, struct qn_problems *p)
{
    struct spot spot = look(p, f->at);

    return memchr(spot.s, '\t', indentation(&spot)) != NULL;
}

void
qn_yaml_hint_add(struct qn_problems *p, const struct qn_yaml_fault *f,
                 struct qn_yaml_span *mend)
{
    const char *problem = f->problem ? f->problem : "it cannot be read";
    size_t n = sizeof explanations / sizeof explanations[0];
    size_t i = 0;

    *mend = (struct qn_yaml_span){0};
    while (i < n && !strstr(problem, explanations[i].problem))
        i++;
    if (tab_indents(f, p))
        *mend = tab(f, p);
    else if (i < n)
        *mend = explanations[i].explain(f, p);
    else
        qn_problem_add(p, f->at, 1, "this is no YAML: %s%s%s",
                       f->context ? f->context : "", f->context ? ", " : "",
                       problem);
}
