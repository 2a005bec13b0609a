/* A line of the journal as bytes, and back.
 *
 * One table names the fields, both ways.  Numbers are written and read by
 * hand: a million lines are to be read in a second, and strtod would follow
 * the locale.  Knows no files; journal.c and journal_load.c do.
 */
#include "io/journal_line.h"

#include <assert.h>
#include <libdeflate.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#define CRC_DIGITS  8
#define REASON_MOST 4096
#define NS_DIGITS   9
#define US_DIGITS   6

enum type {
    TYPE_TEXT,    /* const char *                                          */
    TYPE_REASON,  /* const char *, cut                                     */
    TYPE_KEY,     /* char [QN_KEY_HEX]                                     */
    TYPE_RUN,     /* uint64_t, as 16 hex digits                            */
    TYPE_INT,     /* int                                                   */
    TYPE_LONG,    /* int64_t                                               */
    TYPE_NS,      /* int64_t in ns, as seconds with nine decimals          */
    TYPE_SECONDS, /* double, with six decimals                             */
};

struct field {
    const char *name;
    size_t length; /* of the name */
    enum type type;
    size_t offset; /* in struct qn_record */
    bool always;   /* written even if zero */
};

#define FIELD(name, type, member, always)                                      \
    {                                                                          \
        name, sizeof name - 1, type, offsetof(struct qn_record, member),       \
            always                                                             \
    }

static const struct field fields[] = {
    FIELD("run", TYPE_RUN, run, false),
    FIELD("t", TYPE_NS, time_ns, true),
    FIELD("stage", TYPE_TEXT, stage, false),
    FIELD("name", TYPE_TEXT, name, false),
    FIELD("item", TYPE_TEXT, item, false),
    FIELD("key", TYPE_KEY, key, false),
    FIELD("bytes", TYPE_LONG, bytes, false),
    FIELD("mtime", TYPE_NS, mtime_ns, false),
    FIELD("input", TYPE_LONG, input_bytes, false),
    FIELD("items", TYPE_LONG, items, false),
    FIELD("lost", TYPE_LONG, lost, false),
    FIELD("read", TYPE_SECONDS, read_s, false),
    FIELD("decode", TYPE_SECONDS, decode_s, false),
    FIELD("compute", TYPE_SECONDS, compute_s, false),
    FIELD("write", TYPE_SECONDS, write_s, false),
    FIELD("try", TYPE_INT, attempt, false),
    FIELD("rank", TYPE_INT, rank, true),
    FIELD("host", TYPE_TEXT, host, false),
    FIELD("pid", TYPE_LONG, pid, false),
    FIELD("code", TYPE_INT, code, false),
    FIELD("why", TYPE_REASON, reason, false),
};

#define NFIELDS (sizeof fields / sizeof *fields)

struct word {
    const char *s;
    size_t length;
};

#define RECORD_WORD(name, word) {word, sizeof word - 1},
static const struct word words[QN_NRECORDS] = {QN_RECORDS(RECORD_WORD)};
#undef RECORD_WORD

const char *
qn_journal_word(enum qn_record_kind kind)
{
    assert(kind < QN_NRECORDS);
    return words[kind].s;
}

/* -1 if it is none; letters are small. */
static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_hex(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (hex_digit(s[i]) < 0)
            return false;
    return true;
}

/* ---- writing ------------------------------------------------------------- */

static void
put_hex(char *out, uint64_t v, int digits)
{
    for (int i = digits - 1; i >= 0; i--, v >>= 4)
        out[i] = "0123456789abcdef"[v & 15];
}

/* v / 10^decimals; decimals 0: an integer. */
static void
put_number(struct qn_text *t, int64_t v, int decimals)
{
    char buf[32], *p = buf + sizeof buf;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    // At least one digit in front of the point.
    for (int i = 0; u || i < decimals + 1; i++, u /= 10) {
        if (decimals && i == decimals)
            *--p = '.';
        *--p = (char)('0' + u % 10);
    }
    if (v < 0)
        *--p = '-';
    qn_text_bytes(t, p, (size_t)(buf + sizeof buf - p));
}

/* Microseconds; what is no duration is none. */
static int64_t
microseconds(double s)
{
    if (!(s > 0))
        return 0;
    return s < 9e12 ? (int64_t)(s * 1e6 + 0.5) : (int64_t)9e18;
}

static bool
is_plain(unsigned char c)
{
    return c >= 0x20 && c != 0x7f && c != '\\';
}

static void
put_escape(struct qn_text *t, unsigned char c)
{
    static const char from[] = "\t\n\r\\", to[] = "tnr\\";
    const char *known = memchr(from, c, sizeof from - 1);
    char buf[4] = {'\\', 'x'};

    if (known) {
        buf[1] = to[known - from];
        qn_text_bytes(t, buf, 2);
        return;
    }
    put_hex(buf + 2, c, 2);
    qn_text_bytes(t, buf, 4);
}

static void
put_text(struct qn_text *t, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t begin = i;
        while (i < n && is_plain((unsigned char)s[i]))
            i++;
        qn_text_bytes(t, s + begin, i - begin);
        if (i < n)
            put_escape(t, (unsigned char)s[i]);
    }
}

/* A sentence may quote what a program printed, without end. */
static void
put_reason(struct qn_text *t, const char *s)
{
    size_t n = strlen(s);

    if (n <= REASON_MOST) {
        put_text(t, s, n);
        return;
    }
    n = REASON_MOST - 3;
    for (int i = 0; i < 3 && ((unsigned char)s[n] & 0xc0) == 0x80; i++)
        n--; // before a character of several bytes, not inside it
    put_text(t, s, n);
    qn_text_bytes(t, "...", 3);
}

static bool
is_empty(const struct field *f, const void *p)
{
    switch (f->type) {
    case TYPE_TEXT:
    case TYPE_REASON: {
        const char *s = *(const char *const *)p;
        return !s || !*s;
    }
    case TYPE_KEY: return !*(const char *)p;
    case TYPE_RUN: return !*(const uint64_t *)p;
    case TYPE_INT: return !*(const int *)p;
    case TYPE_LONG:
    case TYPE_NS: return !*(const int64_t *)p;
    case TYPE_SECONDS: return !microseconds(*(const double *)p);
    }
    return true;
}

static void
put_key(struct qn_text *t, const char *key)
{
    size_t n = strnlen(key, QN_KEY_HEX - 1);

    assert(is_hex(key, n));
    qn_text_bytes(t, key, n);
}

static void
put_value(struct qn_text *t, const struct field *f, const void *p)
{
    const char *const *s = p;
    char run[16];

    switch (f->type) {
    case TYPE_TEXT: put_text(t, *s, strlen(*s)); break;
    case TYPE_REASON: put_reason(t, *s); break;
    case TYPE_KEY: put_key(t, p); break;
    case TYPE_RUN:
        put_hex(run, *(const uint64_t *)p, sizeof run);
        qn_text_bytes(t, run, sizeof run);
        break;
    case TYPE_INT: put_number(t, *(const int *)p, 0); break;
    case TYPE_LONG: put_number(t, *(const int64_t *)p, 0); break;
    case TYPE_NS: put_number(t, *(const int64_t *)p, NS_DIGITS); break;
    case TYPE_SECONDS:
        put_number(t, microseconds(*(const double *)p), US_DIGITS);
        break;
    }
}

static void
put_field(struct qn_text *t, const struct field *f, const struct qn_record *r)
{
    const void *p = (const char *)r + f->offset;

    if (!f->always && is_empty(f, p))
        return;
    qn_text_bytes(t, "\t", 1);
    qn_text_bytes(t, f->name, f->length);
    qn_text_bytes(t, "=", 1);
    put_value(t, f, p);
}

/* Leave t with its first n bytes, whatever happened behind them. */
static int
take_back(struct qn_text *t, size_t n, int rc)
{
    t->failed = false;
    t->len = n;
    if (t->s)
        t->s[n] = '\0';
    return rc;
}

int
qn_journal_line_encode(struct qn_text *t, const struct qn_record *r,
                       struct qn_error *err)
{
    size_t begin = t->len, body = begin + CRC_DIGITS + 1;

    assert(r->kind < QN_NRECORDS);
    qn_text_bytes(t, "00000000\t", CRC_DIGITS + 1);
    qn_text_bytes(t, words[r->kind].s, words[r->kind].length);
    for (size_t i = 0; i < NFIELDS; i++)
        put_field(t, &fields[i], r);
    qn_text_bytes(t, "\n", 1);
    if (qn_text_check(t, err))
        return take_back(t, begin, QN_ENOMEM);
    if (t->len - begin > QN_JOURNAL_LINE_MOST)
        return take_back(
            t, begin,
            qn_fail(err, QN_EVALUE,
                    "a line of the journal would have %zu bytes, more than the "
                    "%zu it may have: use shorter names",
                    t->len - begin, QN_JOURNAL_LINE_MOST));
    put_hex(t->s + begin, libdeflate_crc32(0, t->s + body, t->len - 1 - body),
            CRC_DIGITS);
    return 0;
}

/* ---- reading ------------------------------------------------------------- */

static bool
get_hex(uint64_t *v, const char *s, size_t digits)
{
    *v = 0;
    for (size_t i = 0; i < digits; i++) {
        int d = hex_digit(s[i]);
        if (d < 0)
            return false;
        *v = *v << 4 | (uint64_t)d;
    }
    return true;
}

/* What put_number wrote: exactly so many decimals. */
static bool
get_number(int64_t *v, const char *s, size_t n, int decimals)
{
    bool negative = n && *s == '-';
    size_t behind = decimals ? (size_t)decimals + 1 : 0; // with the point
    const char *end = s + n, *point;
    uint64_t u = 0, most = (uint64_t)INT64_MAX + negative;

    if (n < negative + 1 + behind)
        return false;
    s += negative;
    point = end - behind;
    for (; s < end; s++) {
        if (s == point && *s == '.')
            continue;
        if (s == point || *s < '0' || *s > '9')
            return false;
        if (u > (most - (uint64_t)(*s - '0')) / 10)
            return false;
        u = u * 10 + (uint64_t)(*s - '0');
    }
    *v = (int64_t)(negative ? 0 - u : u);
    return true;
}

/* The byte an escape stands for; *n bytes of it behind the backslash.  -1:
 * none.  A NUL is none either: it would end the text. */
static int
unescape(const char *s, size_t left, size_t *n)
{
    uint64_t v;

    *n = 1;
    if (!left)
        return -1;
    switch (*s) {
    case 't': return '\t';
    case 'n': return '\n';
    case 'r': return '\r';
    case '\\': return '\\';
    case 'x':
        *n = 3;
        return left >= 3 && get_hex(&v, s + 1, 2) && v ? (int)v : -1;
    }
    return -1;
}

/* In place: the text, ended by a NUL.  Takes at most s[n]. */
static bool
get_text(const char **text, char *s, size_t n)
{
    char *from = memchr(s, '\\', n), *to = from, *end = s + n;
    size_t taken;

    *text = s;
    if (!from)
        from = to = end;
    while (from < end) {
        int c = (unsigned char)*from++;
        if (c == '\\') {
            c = unescape(from, (size_t)(end - from), &taken);
            if (c < 0)
                return false;
            from += taken;
        }
        *to++ = (char)c;
    }
    *to = '\0';
    return true;
}

static bool
get_key(char key[QN_KEY_HEX], const char *s, size_t n)
{
    if (n >= QN_KEY_HEX || !is_hex(s, n))
        return false;
    memcpy(key, s, n);
    key[n] = '\0';
    return true;
}

static bool
get_value(void *p, const struct field *f, char *s, size_t n)
{
    int64_t v = 0;
    bool good;

    switch (f->type) {
    case TYPE_TEXT:
    case TYPE_REASON: return get_text(p, s, n);
    case TYPE_KEY: return get_key(p, s, n);
    case TYPE_RUN: return n == 16 && get_hex(p, s, n);
    case TYPE_LONG: return get_number(p, s, n, 0);
    case TYPE_NS: return get_number(p, s, n, NS_DIGITS);
    case TYPE_INT:
        good = get_number(&v, s, n, 0) && v >= INT_MIN && v <= INT_MAX;
        *(int *)p = good ? (int)v : 0;
        return good;
    case TYPE_SECONDS:
        good = get_number(&v, s, n, US_DIGITS) && v >= 0;
        *(double *)p = (double)v / 1e6;
        return good;
    }
    return false;
}

/* The field of this name, looked for from the one that should come next. */
static const struct field *
find_field(const char *name, size_t n, size_t next)
{
    for (size_t i = 0; i < NFIELDS; i++) {
        const struct field *f = &fields[(next + i) % NFIELDS];
        if (f->length == n && memcmp(f->name, name, n) == 0)
            return f;
    }
    return NULL;
}

static bool
get_fields(struct qn_record *r, char *s, const char *end)
{
    size_t next = 0;

    while (s < end) {
        char *tab = memchr(s, '\t', (size_t)(end - s));
        char *stop = tab ? tab : s + (end - s);
        char *equals = memchr(s, '=', (size_t)(stop - s));
        if (!equals)
            return false;
        const struct field *f = find_field(s, (size_t)(equals - s), next);
        // A field that a newer version added is no damage.
        if (f && !get_value((char *)r + f->offset, f, equals + 1,
                            (size_t)(stop - equals - 1)))
            return false;
        if (f)
            next = (size_t)(f - fields) + 1;
        s = stop + 1;
    }
    return true;
}

static bool
checks(const char *line, size_t n)
{
    const size_t body = CRC_DIGITS + 1;
    uint64_t crc;

    return n > body && line[CRC_DIGITS] == '\t' &&
           get_hex(&crc, line, CRC_DIGITS) &&
           crc == libdeflate_crc32(0, line + body, n - body);
}

static bool
find_kind(enum qn_record_kind *kind, const char *s, size_t n)
{
    for (int k = 0; k < QN_NRECORDS; k++)
        if (words[k].length == n && memcmp(words[k].s, s, n) == 0) {
            *kind = (enum qn_record_kind)k;
            return true;
        }
    return false;
}

enum qn_journal_line
qn_journal_line_decode(struct qn_record *r, char *line, size_t n)
{
    char *s = line + CRC_DIGITS + 1, *end = line + n, *tab;

    *r = (struct qn_record){
        .stage = "", .name = "", .item = "", .host = "", .reason = ""};
    if (!n)
        return QN_LINE_NOTHING;
    if (!checks(line, n))
        return QN_LINE_DAMAGED;
    tab = memchr(s, '\t', (size_t)(end - s));
    if (!tab)
        tab = end;
    if (!find_kind(&r->kind, s, (size_t)(tab - s)))
        return QN_LINE_NOTHING;
    return get_fields(r, tab + 1, end) ? QN_LINE_RECORD : QN_LINE_DAMAGED;
}
