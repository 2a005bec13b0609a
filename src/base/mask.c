/* Sets of processors.  Knows no machine: see engine/cores.c. */
#include "base/mask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = QN_MASK_MOST / 64 };

void
qn_mask_add(struct qn_mask *m, int processor)
{
    if (processor >= 0 && processor < QN_MASK_MOST)
        m->w[processor / 64] |= UINT64_C(1) << (processor % 64);
}

bool
qn_mask_has(const struct qn_mask *m, int processor)
{
    return processor >= 0 && processor < QN_MASK_MOST &&
           (m->w[processor / 64] >> (processor % 64) & 1);
}

int
qn_mask_count(const struct qn_mask *m)
{
    int n = 0;

    for (int i = 0; i < QN_MASK_MOST; i++)
        n += qn_mask_has(m, i);
    return n;
}

bool
qn_mask_same(const struct qn_mask *a, const struct qn_mask *b)
{
    return !memcmp(a, b, sizeof *a);
}

void
qn_mask_join(struct qn_mask *a, const struct qn_mask *b)
{
    for (int i = 0; i < WORDS; i++)
        a->w[i] |= b->w[i];
}

void
qn_mask_cut(struct qn_mask *a, const struct qn_mask *b)
{
    for (int i = 0; i < WORDS; i++)
        a->w[i] &= b->w[i];
}

/* The first processor from `from` on that is, or is not, in the set. */
static int
next(const struct qn_mask *m, int from, bool in)
{
    while (from < QN_MASK_MOST && qn_mask_has(m, from) != in)
        from++;
    return from;
}

const char *
qn_mask_text(char *buf, size_t size, const struct qn_mask *m)
{
    size_t len = 0;

    snprintf(buf, size, "none");
    for (int a = next(m, 0, true); a < QN_MASK_MOST;) {
        int b = next(m, a, false);
        char part[32];
        int n = b - a > 1 ? snprintf(part, sizeof part, "%s%d-%d",
                                     len ? "," : "", a, b - 1)
                          : snprintf(part, sizeof part, "%s%d",
                                     len ? "," : "", a);

        if (len + (size_t)n + 4 > size) {
            snprintf(buf + len, size - len, "...");
            break;
        }
        memcpy(buf + len, part, (size_t)n + 1);
        len += (size_t)n;
        a = next(m, b, true);
    }
    return buf;
}

bool
qn_mask_parse(struct qn_mask *m, const char *text)
{
    const char *p = text;

    *m = (struct qn_mask){0};
    do {
        char *end;
        long a = strtol(p, &end, 10), b = a;

        if (end == p || a < 0)
            return false;
        if (*end == '-') {
            p = end + 1;
            b = strtol(p, &end, 10);
            if (end == p || b < a)
                return false;
        }
        for (long i = a; i <= b && i < QN_MASK_MOST; i++)
            qn_mask_add(m, (int)i);
        p = end + 1;
        if (*end != ',')
            return *end == '\0' || *end == '\n';
    } while (true);
}
