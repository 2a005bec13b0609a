/* Growing text, the nearest known word, and numbers as people read them.
 *
 * Knows nothing of what the text is for.  Sizes are in powers of 1024, as
 * qn_memory_parse reads them; the C locale is assumed throughout.
 */
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// Room for n more bytes and the NUL.
static bool
make_room(struct qn_text *t, size_t n)
{
    if (t->failed)
        return false;
    if (n >= SIZE_MAX - t->len)
        t->failed = true;
    else if (qn_memory_grow((void **)&t->s, &t->cap, t->len + n + 1, 1, NULL))
        t->failed = true;
    return !t->failed;
}

void
qn_text_add(struct qn_text *t, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        t->failed = true;
    } else if (make_room(t, (size_t)n)) {
        vsnprintf(t->s + t->len, (size_t)n + 1, fmt, again);
        t->len += (size_t)n;
    }
    va_end(again);
}

void
qn_text_bytes(struct qn_text *t, const void *p, size_t n)
{
    if (!make_room(t, n))
        return;
    if (n)
        memcpy(t->s + t->len, p, n);
    t->len += n;
    t->s[t->len] = '\0';
}

int
qn_text_check(const struct qn_text *t, struct qn_error *err)
{
    if (t->failed)
        return qn_fail(err, QN_ENOMEM, "no memory for a text of %zu bytes",
                       t->len);
    return 0;
}

void
qn_text_clear(struct qn_text *t)
{
    free(t->s);
    *t = (struct qn_text){0};
}

const char *
qn_text_get(const struct qn_text *t)
{
    return t->s ? t->s : "";
}

/* ---- the nearest word --------------------------------------------------- */

#define MAX_WORD 64 /* bytes; longer words have no neighbours */

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours that turn a
 * into b, letters of either case alike.
 * Source: Damerau 1964, Levenshtein 1966, in the form in which no part is
 * edited twice ("optimal string alignment"). */
static size_t
edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t rows[3][MAX_WORD + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= nb; j++)
        above[j] = j;
    for (size_t i = 1; i <= na; i++) {
        int ai = tolower((unsigned char)a[i - 1]);
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            int bj = tolower((unsigned char)b[j - 1]);
            row[j] = smaller(smaller(above[j], row[j - 1]) + 1,
                             above[j - 1] + (ai != bj));
            if (i > 1 && j > 1 && ai == tolower((unsigned char)b[j - 2]) &&
                bj == tolower((unsigned char)a[i - 2]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[nb];
}

const char *
qn_text_nearest(const char *word, const char *const *words)
{
    size_t len = strlen(word);
    size_t best = len / 3 < 1 ? 2 : len / 3 + 1;
    const char *nearest = NULL;

    if (len > MAX_WORD)
        return NULL;
    // Something of the word must remain: 'x' is not a slip for 'y'.
    best = smaller(best, len);
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (n > MAX_WORD)
            continue;
        size_t d = edit_distance(word, len, *words, n);
        if (d < best) {
            best = d;
            nearest = *words;
        }
    }
    return nearest;
}

bool
qn_text_is_name(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return !*s;
}

/* ---- numbers ------------------------------------------------------------ */

const char *
qn_text_count(char *buf, size_t size, long long n)
{
    // Unsigned, since the smallest number has no positive counterpart.
    unsigned long long left =
        n < 0 ? 0ULL - (unsigned long long)n : (unsigned long long)n;
    char text[32], *at = text + sizeof text;
    int digits = 0;

    *--at = '\0';
    do {
        if (digits && digits % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + left % 10);
        left /= 10;
        digits++;
    } while (left);
    if (n < 0)
        *--at = '-';
    snprintf(buf, size, "%s", at);
    return buf;
}

const char *
qn_text_size(char *buf, size_t size, double bytes)
{
    static const char *const unit[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    size_t u = 0;

    // What would print as 1024 of a unit is 1.0 of the next.
    while (u < 5 && fabs(bytes) >= 1023.5) {
        bytes /= 1024;
        u++;
    }
    snprintf(buf, size, "%.*f %s", u && fabs(bytes) < 99.95 ? 1 : 0, bytes,
             unit[u]);
    return buf;
}

const char *
qn_text_number(char *buf, size_t size, double x)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buf, size, "%.*g", digits, x);
        if (strtod(buf, NULL) == x)
            break;
    }
    return buf;
}

const char *
qn_text_span(char *buf, size_t size, double seconds)
{
    long s = seconds < 1e15 ? (long)seconds : 1000000000000000;

    if (seconds < 59.95)
        snprintf(buf, size, "%.1f s", seconds);
    else if (s < 3600)
        snprintf(buf, size, "%ld m %02ld s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(buf, size, "%ld h %02ld m", s / 3600, s / 60 % 60);
    else
        snprintf(buf, size, "%ld d %02ld h", s / 86400, s / 3600 % 24);
    return buf;
}
