/* Patterns for paths: see pattern.h.
 *
 * Matching backtracks, because captures must know where they ended; what has
 * failed once is remembered, so the cost stays a product of lengths.  Texts
 * that are no paths are model/glob.h's. */
#include "io/pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define MEMORY_BITS 16384

/* ---- taking apart ------------------------------------------------------- */

static bool
is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Length of the capture at p, "{name}", or 0. */
static size_t
capture_length(const char *p)
{
    size_t n = 1;

    if (*p != '{')
        return 0;
    while (is_name(p[n]))
        n++;
    return n > 1 && p[n] == '}' ? n + 1 : 0;
}

/* The ] that closes the set at p, or NULL. */
static const char *
set_end(const char *p)
{
    p += p[1] == '!' || p[1] == '^' ? 2 : 1;
    return *p ? strchr(p + 1, ']') : NULL;
}

static bool
is_wild(const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        else if (*s == '*' || *s == '?' || capture_length(s) ||
                 (*s == '[' && set_end(s)))
            return true;
    }
    return false;
}

static void
drop_backslashes(char *s)
{
    char *to = s;

    for (; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        *to++ = *s;
    }
    *to = '\0';
}

static void
make_segment(struct qn_segment *s, char *text)
{
    *s = (struct qn_segment){.text = text, .kind = QN_SEGMENT_WILD};
    if (!strcmp(text, "**")) {
        s->kind = QN_SEGMENT_ANY;
    } else if (!is_wild(text)) {
        s->kind = QN_SEGMENT_LITERAL;
        drop_backslashes(text);
    }
    s->hidden = text[0] == '.' || (text[0] == '\\' && text[1] == '.');
}

static int
count_captures(struct qn_pattern *p, struct qn_error *err)
{
    int n = 0;

    for (int i = 0; i < p->n; i++) {
        if (p->segment[i].kind != QN_SEGMENT_WILD)
            continue;
        for (const char *s = p->segment[i].text; *s; s++) {
            n += capture_length(s) > 0;
            if (*s == '\\' && s[1])
                s++;
        }
    }
    if (n > QN_PATTERN_CAPTURES)
        return qn_fail(err, QN_EJOB,
                       "a pattern has %d captures, more than %d", n,
                       QN_PATTERN_CAPTURES);
    p->captures = n > 0;
    p->repeats = n > 1;
    return 0;
}

static int
add_segment(struct qn_pattern *p, char *text, struct qn_error *err)
{
    if (!*text || !strcmp(text, "."))
        return 0;
    if (!strcmp(text, "..")) {
        if (p->n > 0)
            p->n--;
        else
            p->up++;
        return 0;
    }
    // "**/**" is "**", and costs less.
    if (!strcmp(text, "**") && p->n > 0 &&
        p->segment[p->n - 1].kind == QN_SEGMENT_ANY)
        return 0;
    if (p->n == QN_PATTERN_SEGMENTS)
        return qn_fail(err, QN_EJOB,
                       "a pattern has more than %d folders in a row",
                       QN_PATTERN_SEGMENTS);
    make_segment(&p->segment[p->n++], text);
    return 0;
}

int
qn_pattern_parse(struct qn_pattern *p, const char *text, struct qn_error *err)
{
    size_t n = strlen(text);
    int rc;

    *p = (struct qn_pattern){.absolute = *text == '/'};
    QN_TRY(qn_memory_make((void **)&p->copy, n + 3, 1, "a pattern", err));
    memcpy(p->copy, text, n);
    if (n > 0 && text[n - 1] == '/')
        p->copy[n] = '*';
    for (char *s = p->copy, *slash; s; s = slash) {
        if ((slash = strchr(s, '/')))
            *slash++ = '\0';
        if ((rc = add_segment(p, s, err)))
            goto out;
    }
    rc = count_captures(p, err);
out:
    if (rc) {
        qn_wrap(err, "%s", text);
        qn_pattern_clear(p);
    }
    return rc;
}

void
qn_pattern_clear(struct qn_pattern *p)
{
    free(p->copy);
    *p = (struct qn_pattern){0};
}

/* ---- one segment -------------------------------------------------------- */

struct capture {
    const char *name; /* borrowed from the pattern */
    size_t length;
    const char *value; /* borrowed from the path */
    size_t size;
};

struct matching {
    bool remember; /* a failure at a place is a failure for good */
    int n;
    struct capture capture[QN_PATTERN_CAPTURES];
    /* of the segment in hand */
    const char *pattern, *name, *end;
    uint64_t failed[MEMORY_BITS / 64];
};

static bool
fits(struct matching *m, const char *p, const char *s);

/* The bit that stands for "pattern from p against name from s". */
static size_t
place(const struct matching *m, const char *p, const char *s)
{
    return (size_t)(p - m->pattern) * (size_t)(m->end - m->name + 1) +
           (size_t)(s - m->name);
}

/* fits, but no place is tried twice. */
static bool
fits_here(struct matching *m, const char *p, const char *s)
{
    size_t bit = place(m, p, s);

    if (!m->remember || bit >= MEMORY_BITS)
        return fits(m, p, s);
    if (m->failed[bit / 64] >> (bit % 64) & 1)
        return false;
    if (fits(m, p, s))
        return true;
    m->failed[bit / 64] |= (uint64_t)1 << (bit % 64);
    return false;
}

/* The rest of the pattern at p against what a * may leave over: it takes as
 * much as it can, so that captures take little. */
static bool
fits_star(struct matching *m, const char *p, const char *s)
{
    for (const char *rest = m->end;; rest--) {
        if (fits_here(m, p, rest))
            return true;
        if (rest == s)
            return false;
    }
}

static bool
fits_capture(struct matching *m, const char *p, size_t n, const char *s)
{
    struct capture mine = {p + 1, n - 2, s, 0};
    int before = m->n;

    for (int i = 0; i < before; i++) {
        const struct capture *c = &m->capture[i];
        if (c->length == mine.length &&
            !memcmp(c->name, mine.name, mine.length))
            return (size_t)(m->end - s) >= c->size &&
                   !memcmp(s, c->value, c->size) && fits(m, p + n, s + c->size);
    }
    for (mine.size = 1; s + mine.size <= m->end; mine.size++) {
        m->capture[before] = mine;
        m->n = before + 1;
        if (fits_here(m, p + n, s + mine.size))
            return true;
    }
    m->n = before;
    return false;
}

/* Is c in the set between [ at p and ] at close? */
static bool
in_set(const char *p, const char *close, char c)
{
    bool inverse = p[1] == '!' || p[1] == '^', found = false;
    unsigned char u = (unsigned char)c;

    for (p += inverse ? 2 : 1; p < close; p++) {
        if (p[1] == '-' && p + 2 < close) {
            found |= (unsigned char)p[0] <= u && u <= (unsigned char)p[2];
            p += 2;
        } else {
            found |= *p == c;
        }
    }
    return found != inverse;
}

/* One character of the name against the element at *p, which is moved on. */
static bool
fits_one(const char **p, char c)
{
    const char *at = *p, *close;
    bool escaped = *at == '\\' && at[1];

    if (*at == '[' && (close = set_end(at))) {
        *p = close + 1;
        return in_set(at, close, c);
    }
    at += escaped;
    *p = at + 1;
    return *at == c || (*at == '?' && !escaped);
}

static bool
fits(struct matching *m, const char *p, const char *s)
{
    for (;;) {
        size_t capture = capture_length(p);

        if (*p == '*')
            return fits_star(m, p + strspn(p, "*"), s);
        if (capture)
            return fits_capture(m, p, capture, s);
        if (!*p || s == m->end)
            return !*p && s == m->end;
        if (!fits_one(&p, *s++))
            return false;
    }
}

static bool
fits_segment(struct matching *m, const struct qn_segment *segment,
             const char *name, size_t n)
{
    size_t bits;
    int before = m->n;

    if (segment->kind == QN_SEGMENT_LITERAL)
        return strlen(segment->text) == n && !memcmp(segment->text, name, n);
    m->pattern = segment->text;
    m->name = name;
    m->end = name + n;
    bits = (strlen(segment->text) + 1) * (n + 1);
    if (bits > MEMORY_BITS)
        bits = MEMORY_BITS;
    if (m->remember)
        memset(m->failed, 0, (bits + 63) / 64 * sizeof *m->failed);
    if (fits(m, segment->text, name))
        return true;
    m->n = before;
    return false;
}

bool
qn_pattern_fits(const struct qn_pattern *p, int segment, const char *name)
{
    const struct qn_segment *s = &p->segment[segment];
    struct matching m;

    m.n = 0;
    m.remember = !p->repeats;
    return (name[0] != '.' || s->hidden) &&
           fits_segment(&m, s, name, strlen(name));
}

/* ---- whole paths -------------------------------------------------------- */

struct route {
    const struct qn_pattern *p;
    bool dots;
    struct matching m;
};

/* Segments from i on against path. */
static bool
route_fits(struct route *r, int i, const char *path)
{
    const struct qn_segment *s = &r->p->segment[i];
    const char *end = strchrnul(path, '/');
    const char *next = *end ? end + 1 : end;
    int before = r->m.n;

    if (i == r->p->n)
        return !*path;
    if (!*path)
        return false;
    if (s->kind == QN_SEGMENT_ANY && route_fits(r, i + 1, path))
        return true;
    if (*path == '.' && !r->dots && !s->hidden)
        return false;
    if (s->kind == QN_SEGMENT_ANY)
        return (!*next && i + 1 == r->p->n) || route_fits(r, i, next);
    if (fits_segment(&r->m, s, path, (size_t)(end - path)) &&
        route_fits(r, i + 1, next))
        return true;
    r->m.n = before;
    return false;
}

bool
qn_pattern_match(const struct qn_pattern *p, const char *path, bool dots,
                 struct qn_text *fields)
{
    struct route r;

    r.p = p;
    r.dots = dots;
    r.m.n = 0;
    r.m.remember = !p->repeats;
    if (!route_fits(&r, 0, path))
        return false;
    for (int i = 0; fields && i < r.m.n; i++) {
        const struct capture *c = &r.m.capture[i];
        qn_pattern_field(fields, c->name, c->length, c->value, c->size);
    }
    return true;
}

void
qn_pattern_field(struct qn_text *fields, const char *name, size_t length,
                 const char *value, size_t size)
{
    qn_text_bytes(fields, name, length);
    qn_text_bytes(fields, "=", 1);
    for (size_t i = 0; i < size; i++) {
        if (value[i] == '\n')
            qn_text_bytes(fields, "\\n", 2);
        else
            qn_text_bytes(fields, value + i, 1);
    }
    qn_text_bytes(fields, "\n", 1);
}
