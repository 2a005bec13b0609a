/* Quotes that were left out, put in afterwards.
 *
 * The mends are kept in the order of the file.  Places in the mended text are
 * counted back to the original, so that problems point at what was written. */
#include "model/yaml_mend.h"

/* Characters in the first n bytes. */
static int
characters(const char *s, size_t n)
{
    int count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

bool
qn_yaml_mend_add(struct qn_yaml_mends *m, const struct qn_problems *p,
                 const struct qn_yaml_span *span)
{
    int i = m->n;
    size_t len = 0;
    const char *s = qn_problem_line(p, span->line, &len);
    struct qn_text quoted = {0};

    if (!s || span->start >= span->end || span->end > len || i == QN_YAML_MENDS)
        return false;
    for (int k = 0; k < m->n; k++)
        if (m->v[k].span.line == span->line && m->v[k].span.start < span->end &&
            span->start < m->v[k].span.end)
            return false;
    for (; i > 0; i--) {
        const struct qn_yaml_span *other = &m->v[i - 1].span;

        if (other->line < span->line ||
            (other->line == span->line && other->start < span->start))
            break;
        m->v[i] = m->v[i - 1];
    }
    qn_yaml_hint_quote(&quoted, s + span->start, span->end - span->start);
    m->v[i] = (struct qn_yaml_mend){
        .span = *span,
        .start = characters(s, span->start) + 1,
        .end = characters(s, span->end) + 1,
        .grown = (int)(quoted.len - (span->end - span->start))};
    m->n++;
    qn_text_clear(&quoted);
    return true;
}

/* The source with quotes around all that is to be mended. */
void
qn_yaml_mend_text(const struct qn_yaml_mends *m, const struct qn_problems *p,
                  struct qn_text *out)
{
    const char *from = p->source;
    const char *end = from + p->len;

    for (int i = 0; i < m->n; i++) {
        const struct qn_yaml_span *span = &m->v[i].span;
        size_t len = 0;
        const char *s = qn_problem_line(p, span->line, &len);

        qn_text_bytes(out, from, (size_t)(s + span->start - from));
        qn_yaml_hint_quote(out, s + span->start, span->end - span->start);
        from = s + span->end;
    }
    qn_text_bytes(out, from, (size_t)(end - from));
}

struct qn_mark
qn_yaml_mend_place(const struct qn_yaml_mends *m, struct qn_mark at)
{
    int shift = 0;

    for (int i = 0; i < m->n; i++) {
        const struct qn_yaml_mend *mend = &m->v[i];

        if (mend->span.line != at.line || at.column <= mend->start + shift)
            continue;
        if (at.column < mend->end + shift + mend->grown) {
            shift++; // inside: only the opening quote lies in front
            break;
        }
        shift += mend->grown;
    }
    at.column -= shift;
    return at;
}
