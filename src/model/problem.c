/* Problems of a file that a person wrote: collecting and showing them.
 *
 * What is shown comes from the file, so nothing of it is trusted: control
 * characters and bytes that are no UTF-8 become '?', a long line is shown as
 * a window around the caret. */
#include "model/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define WINDOW 100 // characters of a source line that are shown
#define BEFORE 70  // of these, at most so many in front of the caret

/* Bytes of the UTF-8 character at s, 0 where it is none. */
static size_t
character(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t want = u[0] < 0x80   ? 1
                  : u[0] < 0xc2 ? 0
                  : u[0] < 0xe0 ? 2
                  : u[0] < 0xf0 ? 3
                  : u[0] < 0xf5 ? 4
                                : 0;

    if (want == 0 || want > n)
        return 0;
    for (size_t i = 1; i < want; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    return want;
}

/* One character of s to t, made printable; returns the bytes taken. */
static size_t
show_character(struct qn_text *t, const char *s, size_t n)
{
    size_t size = character(s, n);
    unsigned char c = (unsigned char)s[0];

    if (size == 1 && c == '\t')
        qn_text_bytes(t, " ", 1); // one column, as the caret counts
    else if (size == 0 || c < 0x20 || c == 0x7f)
        qn_text_bytes(t, "?", 1);
    else
        qn_text_bytes(t, s, size);
    return size ? size : 1;
}

static void
show(struct qn_text *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n;)
        i += show_character(t, s + i, n - i);
}

static bool
known(const struct qn_problems *p, struct qn_mark at, const char *text)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].at.line == at.line && p->v[i].at.column == at.column &&
            strcmp(p->v[i].text, text) == 0)
            return true;
    return false;
}

static void
keep(struct qn_problems *p, struct qn_mark at, int width, const char *text)
{
    void *v = p->v;
    char *copy = NULL;

    if (known(p, at, text))
        return;
    if (p->n == QN_PROBLEM_LIMIT) {
        p->dropped++;
        return;
    }
    if (qn_memory_grow(&v, &p->cap, p->n + 1, sizeof(*p->v), NULL) ||
        qn_memory_copy(&copy, text, NULL))
        p->failed = true;
    p->v = v;
    if (copy)
        p->v[p->n++] =
            (struct qn_problem){.at = at, .width = width, .text = copy};
}

void
qn_problem_add(struct qn_problems *p, struct qn_mark at, int width,
               const char *fmt, ...)
{
    struct qn_text clean = {0};
    char *raw = NULL;
    va_list ap;

    p->told++;
    va_start(ap, fmt);
    if (vasprintf(&raw, fmt, ap) < 0)
        raw = NULL;
    va_end(ap);
    if (raw)
        show(&clean, raw, strlen(raw));
    if (!raw || clean.failed)
        p->failed = true;
    else
        keep(p, at, width, qn_text_get(&clean));
    qn_text_clear(&clean);
    free(raw);
}

size_t
qn_problem_count(const struct qn_problems *p)
{
    return p->n + p->dropped;
}

int
qn_problem_check(const struct qn_problems *p, struct qn_error *err)
{
    if (p->failed)
        return qn_fail(err, QN_ENOMEM,
                       "%s: memory ran out while its problems were collected",
                       p->file);
    return 0;
}

/* Bytes up to the line's end. */
static size_t
line_length(const char *s, const char *end)
{
    const char *at = s;

    while (at < end && *at != '\n' && *at != '\r')
        at++;
    return (size_t)(at - s);
}

const char *
qn_problem_line(const struct qn_problems *p, int line, size_t *len)
{
    const char *s = p->source;
    const char *end = s ? s + p->len : NULL;

    for (int k = 1; s && s < end && k < line; k++) {
        s += line_length(s, end);
        if (end - s > 1 && s[0] == '\r' && s[1] == '\n')
            s++;
        s += s < end;
    }
    if (!s || line < 1 || (s == end && line > 1))
        return NULL;
    *len = line_length(s, end);
    return s;
}

/* Where in the line (bytes) the window begins; *lead: characters before the
 * caret inside it. */
static size_t
window(const char *s, size_t len, int column, int *lead)
{
    size_t at = 0;
    int skip = column - 1 > BEFORE ? column - 1 - BEFORE : 0;
    int taken = 0;

    while (taken < skip && at < len) {
        size_t size = character(s + at, len - at);
        at += size ? size : 1;
        taken++;
    }
    *lead = column - 1 - taken;
    return at;
}

static void
show_excerpt(struct qn_text *out, const char *s, size_t len,
             const struct qn_problem *problem)
{
    int lead = problem->at.column - 1;
    int width = problem->width;
    int shown = 0;
    size_t from = len > WINDOW ? window(s, len, problem->at.column, &lead) : 0;
    size_t at = from;

    qn_text_add(out, "%4d | %s", problem->at.line, from ? "..." : "");
    for (; at < len && shown < WINDOW; shown++)
        at += show_character(out, s + at, len - at);
    qn_text_add(out, "%s\n     | %*s^", at < len ? "..." : "",
                lead + (from ? 3 : 0), "");
    for (int i = 1; i < width && lead + i < shown; i++)
        qn_text_bytes(out, "~", 1);
    qn_text_add(out, "\n");
}

static void
show_problem(const struct qn_problems *p, const struct qn_problem *problem,
             struct qn_text *out)
{
    size_t len = 0;
    const struct qn_mark at = problem->at;
    const char *line = qn_problem_line(p, at.line, &len);

    if (at.line > 0) {
        show(out, p->file, strlen(p->file));
        qn_text_add(out, ":%d:%d: %s\n", at.line, at.column, problem->text);
        if (line)
            show_excerpt(out, line, len, problem);
    } else if (at.column > 0 && (size_t)at.column <= p->nsets) {
        const char *word = p->sets[at.column - 1];

        qn_text_add(out, "--set ");
        show(out, word, strlen(word));
        qn_text_add(out, ": %s\n", problem->text);
    } else {
        show(out, p->file, strlen(p->file));
        qn_text_add(out, ": %s\n", problem->text);
    }
}

/* By line and column; --set behind the file. */
static int
compare(const void *a, const void *b)
{
    const struct qn_problem *x = a, *y = b;

    if ((x->at.line == 0) != (y->at.line == 0))
        return x->at.line == 0 ? 1 : -1;
    if (x->at.line != y->at.line)
        return x->at.line < y->at.line ? -1 : 1;
    if (x->at.column != y->at.column)
        return x->at.column < y->at.column ? -1 : 1;
    return strcmp(x->text, y->text);
}

void
qn_problem_print(struct qn_problems *p, struct qn_text *out)
{
    if (p->n)
        qsort(p->v, p->n, sizeof(*p->v), compare);
    for (size_t i = 0; i < p->n; i++)
        show_problem(p, &p->v[i], out);
    if (p->dropped)
        qn_text_add(out, "and %zu more problems; mend these first\n",
                    p->dropped);
}

void
qn_problem_clear(struct qn_problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->v[i].text);
    free(p->v);
    p->v = NULL;
    p->n = p->cap = p->dropped = p->told = 0;
    p->failed = false;
}
