/* Memory: size arithmetic that fails instead of wrapping round, and the
 * sentence that is said when there is no more.
 *
 * Knows nothing of budgets: a limit on what a rank may use is the planner's.
 * The pointers handed in as void ** are of some other pointer type in the
 * caller, so they are read and written as bytes.
 */
#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static int
out_of_memory(struct qn_error *err, size_t bytes, const char *what)
{
    char size[32];

    return qn_fail(err, QN_ENOMEM,
                   "no memory for %s (%s): use fewer ranks on this node, or "
                   "a smaller `memory`",
                   what, qn_text_size(size, sizeof size, (double)bytes));
}

int
qn_memory_mul(size_t *out, size_t a, size_t b, const char *what,
              struct qn_error *err)
{
    *out = 0;
    if (b && a > SIZE_MAX / b)
        return qn_fail(err, QN_ENOMEM,
                       "no memory for %s: %zu times %zu bytes is more than a "
                       "machine can address",
                       what, a, b);
    *out = a * b;
    return 0;
}

int
qn_memory_make(void **p, size_t n, size_t size, const char *what,
               struct qn_error *err)
{
    void *fresh = NULL;
    size_t bytes;

    memcpy(p, &fresh, sizeof fresh);
    QN_TRY(qn_memory_mul(&bytes, n, size, what, err));
    // One byte at least, so that NULL always means failure.
    fresh = calloc(bytes ? bytes : 1, 1);
    if (!fresh)
        return out_of_memory(err, bytes, what);
    memcpy(p, &fresh, sizeof fresh);
    return 0;
}

int
qn_memory_grow(void **p, size_t *cap, size_t need, size_t size,
               struct qn_error *err)
{
    size_t bytes, want = *cap < 8 ? 8 : *cap;
    void *old, *fresh;

    if (need <= *cap)
        return 0;
    while (want < need)
        want = want > SIZE_MAX / 2 ? need : 2 * want;
    QN_TRY(qn_memory_mul(&bytes, want, size, "a growing list", err));
    memcpy(&old, p, sizeof old);
    fresh = realloc(old, bytes ? bytes : 1);
    if (!fresh)
        return out_of_memory(err, bytes, "a growing list");
    memcpy(p, &fresh, sizeof fresh);
    *cap = want;
    return 0;
}

int
qn_memory_copy(char **p, const char *s, struct qn_error *err)
{
    *p = s ? strdup(s) : NULL;
    if (s && !*p)
        return out_of_memory(err, strlen(s) + 1, "a text");
    return 0;
}

// "", "B", "K", "kB", "KiB" ...: the factor, or 0 for anything else.
static int64_t
unit_factor(const char *s)
{
    static const char letters[] = "KMGTP";
    int64_t factor = 1;

    if (!*s || strcasecmp(s, "B") == 0 || strcasecmp(s, "bytes") == 0)
        return 1;
    for (const char *l = letters; *l; l++) {
        factor *= 1024;
        if (toupper((unsigned char)*s) != *l)
            continue;
        s++;
        if (!*s || strcasecmp(s, "B") == 0 || strcasecmp(s, "iB") == 0)
            return factor;
        return 0;
    }
    return 0;
}

static int
no_size(struct qn_error *err, const char *s, const char *why)
{
    return qn_fail(err, QN_EVALUE,
                   "'%s' %s: write bytes, or a number with K, M, G or T, "
                   "such as 512M or 1.5 GiB",
                   s, why);
}

static const char *
skip_blanks(const char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

int
qn_memory_parse(int64_t *bytes, const char *s, struct qn_error *err)
{
    const char *at = skip_blanks(s);
    double part = 0, digit = 1;
    uint64_t whole = 0;
    size_t digits = 0;
    char unit[8];

    // By hand, since strtod also takes "inf", "0x10" and the locale's comma,
    // and loses the last digits of a large count.
    for (; isdigit((unsigned char)*at); at++, digits++) {
        if (whole > (uint64_t)INT64_MAX / 10)
            return no_size(err, s, "is too large");
        whole = whole * 10 + (uint64_t)(*at - '0');
    }
    if (*at == '.')
        for (at++; isdigit((unsigned char)*at); at++, digits++)
            part += (*at - '0') * (digit /= 10);
    if (!digits)
        return no_size(err, s, "is no size");

    at = skip_blanks(at);
    size_t len = strcspn(at, " \t");
    if (len >= sizeof unit || *skip_blanks(at + len))
        return no_size(err, s, "is no size");
    memcpy(unit, at, len);
    unit[len] = '\0';
    int64_t factor = unit_factor(unit);
    if (!factor)
        return no_size(err, s, "is no size");
    if (whole >= (uint64_t)(INT64_MAX / factor))
        return no_size(err, s, "is too large");
    *bytes = (int64_t)whole * factor + (int64_t)(part * (double)factor);
    return 0;
}
